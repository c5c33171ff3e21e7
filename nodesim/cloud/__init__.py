"""Whose machines are the nodes, and what does Kubernetes make of that?

An emulated cloud provider and the controllers of the cloud-controller-manager: they initialise new nodes, delete those
whose instance is gone, taint those whose instance is stopped, and make routes to their pods.
"""

from nodesim.cloud.lifecycle import ACTOR as LIFECYCLE
from nodesim.cloud.lifecycle import CloudNodeLifecycleController
from nodesim.cloud.node import ACTOR as NODE
from nodesim.cloud.node import CloudNodeController
from nodesim.cloud.provider import RUNNING, STOPPED, TERMINATED, History, Instance, Provider
from nodesim.cloud.routes import ACTOR as ROUTES
from nodesim.cloud.routes import RouteController

__all__ = [
    "LIFECYCLE",
    "NODE",
    "ROUTES",
    "RUNNING",
    "STOPPED",
    "TERMINATED",
    "CloudNodeController",
    "CloudNodeLifecycleController",
    "History",
    "Instance",
    "Provider",
    "RouteController",
]
