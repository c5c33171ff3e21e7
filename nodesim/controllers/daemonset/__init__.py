"""Which nodes have a pod of a DaemonSet, and how do these pods change with its template?"""

from nodesim.controllers.daemonset.controller import ACTOR, DaemonSetController
from nodesim.controllers.daemonset.views import DaemonSetView, daemon_set_view

__all__ = ["ACTOR", "DaemonSetController", "DaemonSetView", "daemon_set_view"]
