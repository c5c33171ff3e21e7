"""When is a node given up, and what follows for its taints and pods?

`NodeLifecycleController` is the program; each other module answers one part of the question.
Source: pkg/controller/nodelifecycle/ of Kubernetes.
"""

from nodesim.controllers.nodelifecycle.controller import ACTOR, NodeLifecycleController

__all__ = ["ACTOR", "NodeLifecycleController"]
