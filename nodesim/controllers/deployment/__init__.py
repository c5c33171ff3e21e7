"""Which ReplicaSets does a Deployment have, and how are its pods moved from the old ones to the new one?"""

from nodesim.controllers.deployment.controller import ACTOR, DeploymentController
from nodesim.controllers.deployment.views import DeploymentView, deployment_view

__all__ = ["ACTOR", "DeploymentController", "DeploymentView", "deployment_view"]
