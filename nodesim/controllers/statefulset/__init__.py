"""Which pods does a StatefulSet have, one for each identity, and in which order do they come and go?"""

from nodesim.controllers.statefulset.controller import ACTOR, StatefulSetController
from nodesim.controllers.statefulset.views import StatefulSetView, stateful_set_view

__all__ = ["ACTOR", "StatefulSetController", "StatefulSetView", "stateful_set_view"]
