"""How evenly are a pod's kin spread over zones, nodes or the like?

The filter keeps required constraints (`DoNotSchedule`): pods that match in the node's domain, plus this one if it
matches itself, less the fewest in any domain, must not be above maxSkew.  The score prefers sparse domains, for the
constraints that are no more than wishes (`ScheduleAnyway`); a pod without any constraint has two by default, among the
pods that its Service, ReplicaSet or StatefulSet selects: 3 over nodes and 5 over zones.

Sources: plugins/podtopologyspread/{filtering,scoring,common,plugin}.go.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from nodesim.objects import first_untolerated
from nodesim.scheduler.affinity import affinity_met
from nodesim.scheduler.around import Around
from nodesim.scheduler.cluster import NodeFacts, NodeRoom
from nodesim.scheduler.pod import PodToPlace
from nodesim.scheduler.rules import Judge, Refusal
from nodesim.scheduler.terms import HONOR, SpreadConstraint

NAME: Final = "PodTopologySpread"
UNEVEN: Final = "node(s) didn't match pod topology spread constraints"
NO_LABEL: Final = f"{UNEVEN} (missing required label)"

HOSTNAME: Final = "kubernetes.io/hostname"
ZONE: Final = "topology.kubernetes.io/zone"
DEFAULT_SKEWS: Final = ((HOSTNAME, 3), (ZONE, 5))
"""`systemDefaultConstraints`: topology key and maxSkew of what every pod with kin wishes."""


def counted_in(node: NodeFacts, pod: PodToPlace, constraint: SpreadConstraint) -> bool:
    """Is a node part of the constraint's world?  By default: if the pod's node affinity would let it go there."""
    if constraint.affinity_policy == HONOR and not affinity_met(
        pod.wants.node_selector, pod.wants.node_affinity, node.name, node.labels
    ):
        return False
    return constraint.taints_policy != HONOR or first_untolerated(node.taints, pod.wants.tolerations) is None


def matching(pods: Iterable[PodToPlace], constraint: SpreadConstraint, namespace: str) -> int:
    """How many pods of a namespace count: those the selector means, without those that are on their way out.

    A selector that means every pod counts none (common.go `countPodsMatchSelector`).
    """
    if constraint.selector is None or not constraint.selector.requirements:
        return 0
    return sum(
        1 for pod in pods if not pod.terminating and pod.namespace == namespace and constraint.selects(pod.labels)
    )


def _has_all_keys(node: NodeFacts, constraints: Sequence[SpreadConstraint]) -> bool:
    return all(item.topology_key in node.labels for item in constraints)


@attrs.define
class _Count:
    """The matching pods in each domain of each required constraint."""

    pod: PodToPlace
    constraints: tuple[SpreadConstraint, ...]
    of: list[dict[str, int]]

    def check(self, pod: PodToPlace, room: NodeRoom) -> Refusal | None:
        for place, item in enumerate(self.constraints):
            domain = room.facts.labels.get(item.topology_key)
            if domain is None:
                return Refusal(NAME, (NO_LABEL,), True)
            counts = self.of[place]
            fewest = min(counts.values(), default=0) if len(counts) >= item.min_domains else 0
            if counts.get(domain, 0) + item.selects(pod.labels) - fewest > item.max_skew:
                return Refusal(NAME, (UNEVEN,), False)
        return None

    def count(self, other: PodToPlace, node: NodeFacts, sign: int) -> None:
        if other.namespace != self.pod.namespace or not _has_all_keys(node, self.constraints):
            return
        for place, item in enumerate(self.constraints):
            if item.selects(other.labels) and counted_in(node, self.pod, item):
                domain = node.labels[item.topology_key]
                self.of[place][domain] = self.of[place].get(domain, 0) + sign

    def copy(self) -> Judge:
        return _Count(self.pod, self.constraints, [dict(counts) for counts in self.of])


@attrs.frozen
class SpreadRule:
    """The filter PodTopologySpread."""

    name: str = NAME

    def prepare(self, pod: PodToPlace, rooms: Sequence[NodeRoom], around: Around) -> Judge | None:
        """Count the matching pods on all nodes that have every constraint's label."""
        constraints = _required(pod)
        if not constraints:
            return None
        of: list[dict[str, int]] = [{} for _ in constraints]
        for room in rooms:
            if not _has_all_keys(room.facts, constraints):
                continue
            for item, counts in zip(constraints, of, strict=True):
                if counted_in(room.facts, pod, item):
                    domain = room.facts.labels[item.topology_key]
                    counts[domain] = counts.get(domain, 0) + matching(room.pods.values(), item, pod.namespace)
        return _Count(pod, constraints, of)

    def helped_by_node(self, pod: PodToPlace, was: NodeFacts | None, now: NodeFacts | None) -> bool:
        """A node with all labels came or went, or one's labels or taints changed."""
        constraints = _required(pod)
        before = was is not None and _has_all_keys(was, constraints)
        after = now is not None and _has_all_keys(now, constraints)
        if was is None or now is None or before != after:
            return before != after
        moved = any(was.labels[item.topology_key] != now.labels[item.topology_key] for item in constraints if after)
        return after and (moved or was.taints != now.taints)

    def helped_by_pod(self, pod: PodToPlace, gone: PodToPlace) -> bool:
        """A pod that a constraint means left."""
        return self._means(pod, gone)

    def helped_by_arrival(self, pod: PodToPlace, came: PodToPlace) -> bool:
        """A pod that a constraint means came: the fewest may be more now."""
        return self._means(pod, came)

    def helped_by_labels(self, pod: PodToPlace, was: PodToPlace, now: PodToPlace) -> bool:
        """A pod is meant now that was not, or the other way round."""
        same = pod.namespace == now.namespace
        return same and any(item.selects(was.labels) != item.selects(now.labels) for item in _required(pod))

    @staticmethod
    def _means(pod: PodToPlace, other: PodToPlace) -> bool:
        return pod.namespace == other.namespace and any(item.selects(other.labels) for item in _required(pod))


def _required(pod: PodToPlace) -> tuple[SpreadConstraint, ...]:
    return tuple(item for item in pod.wants.spread if item.required)


# --- the score --------------------------------------------------------------------------------------------------------


def wishes(pod: PodToPlace, around: Around) -> tuple[SpreadConstraint, ...]:
    """The constraints that the score heeds: the pod's own, or where it has none at all the default ones."""
    if pod.wants.spread:
        return tuple(item for item in pod.wants.spread if not item.required)
    kin = around.kin_selector(pod)
    if kin is None:
        return ()
    return tuple(SpreadConstraint(key, skew, False, kin) for key, skew in DEFAULT_SKEWS)


def spread_scores(
    pod: PodToPlace, feasible: Sequence[NodeRoom], rooms: Sequence[NodeRoom], around: Around
) -> list[int]:
    """0..100 for each feasible node: 100 where the fewest of the pod's kin are; 0 for all without a wish.

    A node's figure is the sum of count x ln(domains + 2) + maxSkew - 1.  Only a pod's own constraints ask for all their
    labels; a node without the label of a default one has no figure for it.
    """
    constraints = wishes(pod, around)
    if not constraints:
        return [0] * len(feasible)
    left_out = [bool(pod.wants.spread) and not _has_all_keys(room.facts, constraints) for room in feasible]
    domains = _domain_counts(pod, constraints, feasible, left_out, rooms)
    figures: list[int | None] = []
    for room, out in zip(feasible, left_out, strict=True):
        total = 0.0
        for item, counts in zip(constraints, domains, strict=True):
            domain = room.facts.labels.get(item.topology_key)
            if domain is None:
                continue
            by_node = item.topology_key == HOSTNAME
            count = matching(room.pods.values(), item, pod.namespace) if by_node else counts[domain]
            size = len(feasible) - sum(left_out) if by_node else len(counts)
            total += count * math.log(size + 2) + (item.max_skew - 1)
        # Go rounds halves away from zero; no sum with a logarithm in it is one.
        figures.append(None if out else math.floor(total + 0.5))
    return _fewest_of_range_first(figures)


def _domain_counts(
    pod: PodToPlace,
    constraints: Sequence[SpreadConstraint],
    feasible: Sequence[NodeRoom],
    left_out: Sequence[bool],
    rooms: Sequence[NodeRoom],
) -> list[dict[str, int]]:
    """Per constraint: the matching pods in each domain in which a feasible node lies (nodes are counted later)."""
    of: list[dict[str, int]] = []
    for item in constraints:
        near = [room for room, out in zip(feasible, left_out, strict=True) if not out]
        # A node without the label counts as the domain "", as in Kubernetes.
        counts = {} if item.topology_key == HOSTNAME else {_domain(room, item): 0 for room in near}
        of.append(counts)
    for room in rooms:
        if pod.wants.spread and not _has_all_keys(room.facts, constraints):
            continue
        for item, counts in zip(constraints, of, strict=True):
            domain = _domain(room, item)
            if domain in counts and counted_in(room.facts, pod, item):
                counts[domain] += matching(room.pods.values(), item, pod.namespace)
    return of


def _domain(room: NodeRoom, constraint: SpreadConstraint) -> str:
    return room.facts.labels.get(constraint.topology_key, "")


def _fewest_of_range_first(figures: Sequence[int | None]) -> list[int]:
    """100 x (largest + smallest - figure) / largest; 0 where there is none."""
    known = [figure for figure in figures if figure is not None]
    largest, smallest = max(known, default=0), min(known, default=0)
    if largest == 0:
        return [0 if figure is None else 100 for figure in figures]
    return [0 if figure is None else 100 * (largest + smallest - figure) // largest for figure in figures]
