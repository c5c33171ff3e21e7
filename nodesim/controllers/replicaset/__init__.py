"""How many pods does a ReplicaSet have, and which are made or deleted to have as many as it wants?"""

from nodesim.controllers.replicaset.controller import ACTOR, ReplicaSetController
from nodesim.controllers.replicaset.preference import deletion_order
from nodesim.controllers.replicaset.sync import BURST_REPLICAS
from nodesim.controllers.replicaset.views import ReplicaSetView, replica_set_view

__all__ = [
    "ACTOR",
    "BURST_REPLICAS",
    "ReplicaSetController",
    "ReplicaSetView",
    "deletion_order",
    "replica_set_view",
]
