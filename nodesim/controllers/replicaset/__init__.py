"""How many pods does a ReplicaSet have, and which are made or deleted to have as many as it wants?"""

from nodesim.controllers.replicaset.controller import ACTOR, ReplicaSetController
from nodesim.controllers.replicaset.expectations import EXPECTATIONS_TIMEOUT_US, Expectations
from nodesim.controllers.replicaset.preference import deletion_order
from nodesim.controllers.replicaset.sync import BURST_REPLICAS
from nodesim.controllers.replicaset.views import ManagedPod, ReplicaSetView, managed_pod_view, replica_set_view

__all__ = [
    "ACTOR",
    "BURST_REPLICAS",
    "EXPECTATIONS_TIMEOUT_US",
    "Expectations",
    "ManagedPod",
    "ReplicaSetController",
    "ReplicaSetView",
    "deletion_order",
    "managed_pod_view",
    "replica_set_view",
]
