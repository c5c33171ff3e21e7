"""Which parked pods does a change of the cluster move?

From 1.32 on: those that it helps by the hints of the filters that refused them.  Before: those that were refused by a
filter which had registered for this kind of change; and a node that changed must suit the pod as if it were empty.

Sources: pkg/scheduler/backend/queue/scheduling_queue.go (`isPodWorthRequeuing`); up to 1.31 `podMatchesEvent`,
pkg/scheduler/eventhandlers.go (`nodeSchedulingPropertiesChange`, `preCheckForNode`) and each plugin's
`EventsToRegister`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from nodesim.objects import first_untolerated
from nodesim.objects.taints import NO_SCHEDULE
from nodesim.scheduler.cluster import NodeFacts, NodeRoom
from nodesim.scheduler.filters import check_fit, other_name, unmet_affinity
from nodesim.scheduler.pod import PodToPlace
from nodesim.scheduler.queue import Waiting
from nodesim.scheduler.rules import Filter

_ANY_NODE_CHANGE: Final = ("added", "unschedulable", "allocatable", "labels", "taints", "conditions")
_LABELS_CHANGE: Final = ("added", "labels")

NODE_CHANGES: Final[dict[str, tuple[str, ...]]] = {
    "NodeUnschedulable": ("added", "unschedulable", "taints"),
    "NodeName": _ANY_NODE_CHANGE,
    "TaintToleration": _ANY_NODE_CHANGE,
    "NodeAffinity": _ANY_NODE_CHANGE,
    "NodePorts": _ANY_NODE_CHANGE,
    "NodeResourcesFit": _ANY_NODE_CHANGE,
    "PodTopologySpread": (*_LABELS_CHANGE, "deleted"),
    "InterPodAffinity": _LABELS_CHANGE,
}
"""Up to 1.31: which changes of nodes each filter had registered for."""

POD_LEFT: Final = ("NodePorts", "NodeResourcesFit", "PodTopologySpread", "InterPodAffinity")
"""Up to 1.31: the filters that had registered for the end of pods on nodes."""

LOOK_AT_ARRIVALS: Final = ("PodTopologySpread", "InterPodAffinity")
"""Up to 1.31: the filters that had registered for the arrival of pods on nodes."""


def node_change(was: NodeFacts | None, now: NodeFacts | None) -> str:
    """What changed of a node; of several things the first in Kubernetes' order, "" for nothing that counts."""
    if was is None:
        return "added"
    if now is None:
        return "deleted"
    if was.unschedulable and not now.unschedulable:
        return "unschedulable"
    for what in ("allocatable", "labels", "taints", "conditions"):
        if getattr(was, what) != getattr(now, what):
            return what
    return ""


def suits_empty(pod: PodToPlace, node: NodeFacts) -> bool:
    """Could the pod go there if the node were empty?  NoExecute taints and the cordon are not looked at."""
    return (
        check_fit(pod, NodeRoom(node, listed=True)) is None
        and not unmet_affinity(pod, node)
        and not other_name(pod, node)
        and first_untolerated(node.taints, pod.wants.tolerations, (NO_SCHEDULE,)) is None
    )


class Hints:
    """The rule of a version: does a change move a parked pod?"""

    def __init__(self, filters: Iterable[Filter], by_hint: bool) -> None:
        self._rows: Mapping[str, Filter] = {row.name: row for row in filters}
        self._by_hint = by_hint

    def _refusers(self, waiting: Waiting) -> list[Filter]:
        return [self._rows[name] for name in waiting.refused_by]

    def node_changed(self, waiting: Waiting, was: NodeFacts | None, now: NodeFacts | None) -> bool:
        """A node appeared (from None), changed, or went (to None)."""
        if self._by_hint:
            return any(row.helped_by_node(waiting.pod, was, now) for row in self._refusers(waiting))
        change = node_change(was, now)
        wanted = any(change in NODE_CHANGES[name] for name in waiting.refused_by)
        return wanted and (now is None or suits_empty(waiting.pod, now))

    def pod_left(self, waiting: Waiting, gone: PodToPlace) -> bool:
        """A pod counts on its node no longer."""
        if self._by_hint:
            return any(row.helped_by_pod(waiting.pod, gone) for row in self._refusers(waiting))
        return any(name in POD_LEFT for name in waiting.refused_by)

    def pod_came(self, waiting: Waiting, came: PodToPlace) -> bool:
        """A pod is on a node.  Up to 1.31 only pods with an affinity to it were moved, whoever refused them."""
        if self._by_hint:
            return any(row.helped_by_arrival(waiting.pod, came) for row in self._refusers(waiting))
        return self._wants_company(waiting, came)

    def labels_changed(self, waiting: Waiting, was: PodToPlace, now: PodToPlace) -> bool:
        """The labels of a pod on a node changed."""
        if self._by_hint:
            return any(row.helped_by_labels(waiting.pod, was, now) for row in self._refusers(waiting))
        return self._wants_company(waiting, now)

    @staticmethod
    def _wants_company(waiting: Waiting, other: PodToPlace) -> bool:
        """`getUnschedulablePodsWithMatchingAffinityTerm`: one required term that means the other is enough."""
        terms = waiting.pod.wants.pod_affinity.required
        registered = any(name in LOOK_AT_ARRIVALS for name in waiting.refused_by)
        return registered and any(term.matches(other.namespace, other.labels, {}) for term in terms)
