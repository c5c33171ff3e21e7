"""Which pods does a pod want beside it, and which not?

The filter: every required affinity term needs a pod in the node's domain (one that all terms mean), no required
anti-affinity term may find one there, and no pod there may refuse this one by its own anti-affinity.  The first of a
group that wants to stand together may go anywhere.  The score adds up the weights of preferred terms, in both
directions, and 1 for each required affinity of a pod there that means this one.

Terminating pods count, as they do in Kubernetes.

Sources: plugins/interpodaffinity/{filtering,scoring,plugin}.go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import attrs

from nodesim.scheduler.around import Around
from nodesim.scheduler.cluster import NodeFacts, NodeRoom
from nodesim.scheduler.pod import PodToPlace
from nodesim.scheduler.rules import Judge, Refusal
from nodesim.scheduler.terms import PodTerm

NAME: Final = "InterPodAffinity"
NO_COMPANY: Final = "node(s) didn't match pod affinity rules"
BAD_COMPANY: Final = "node(s) didn't match pod anti-affinity rules"
UNWELCOME: Final = "node(s) didn't satisfy existing pods anti-affinity rules"

HARD_AFFINITY_WEIGHT: Final = 1
"""`hardPodAffinityWeight`: what a required affinity of a pod on the node counts for in the score."""

_Domain: TypeAlias = tuple[str, str]
"""Topology key and its value on a node."""
_Namespaces: TypeAlias = Mapping[str, Mapping[str, str]]


def _means(term: PodTerm, pod: PodToPlace, namespaces: _Namespaces) -> bool:
    return term.matches(pod.namespace, pod.labels, namespaces)


def _all_mean(terms: Sequence[PodTerm], pod: PodToPlace, namespaces: _Namespaces) -> bool:
    return bool(terms) and all(_means(term, pod, namespaces) for term in terms)


def _add(counts: dict[_Domain, int], key: str, node: NodeFacts, amount: int) -> None:
    domain = node.labels.get(key)
    if domain is None:
        return
    total = counts.get((key, domain), 0) + amount
    if total:
        counts[key, domain] = total
    else:
        counts.pop((key, domain), None)


@attrs.define
class _Company:
    """Who is in which domain: wanted by this pod, unwanted by it, and unwilling to have it."""

    pod: PodToPlace
    namespaces: _Namespaces
    wanted: dict[_Domain, int] = attrs.field(factory=dict)
    unwanted: dict[_Domain, int] = attrs.field(factory=dict)
    unwilling: dict[_Domain, int] = attrs.field(factory=dict)

    def count(self, other: PodToPlace, node: NodeFacts, sign: int) -> None:
        terms = self.pod.wants.pod_affinity
        if _all_mean(terms.required, other, self.namespaces):
            for term in terms.required:
                _add(self.wanted, term.topology_key, node, sign)
        for term in terms.forbidden:
            if _means(term, other, self.namespaces):
                _add(self.unwanted, term.topology_key, node, sign)
        for term in other.wants.pod_affinity.forbidden:
            if _means(term, self.pod, self.namespaces):
                _add(self.unwilling, term.topology_key, node, sign)

    def copy(self) -> Judge:
        return _Company(self.pod, self.namespaces, dict(self.wanted), dict(self.unwanted), dict(self.unwilling))

    def check(self, pod: PodToPlace, room: NodeRoom) -> Refusal | None:
        labels, terms = room.facts.labels, pod.wants.pod_affinity
        if not self._finds_company(labels):
            return Refusal(NAME, (NO_COMPANY,), True)
        if any(self.unwanted.get((term.topology_key, labels.get(term.topology_key, ""))) for term in terms.forbidden):
            return Refusal(NAME, (BAD_COMPANY,), False)
        if any(labels.get(key) == domain for key, domain in self.unwilling):
            return Refusal(NAME, (UNWELCOME,), False)
        return None

    def _finds_company(self, labels: Mapping[str, str]) -> bool:
        required = self.pod.wants.pod_affinity.required
        if any(term.topology_key not in labels for term in required):
            return False
        if all(self.wanted.get((term.topology_key, labels[term.topology_key])) for term in required):
            return True
        return not self.wanted and _all_mean(required, self.pod, self.namespaces)  # The first of its group.


@attrs.frozen
class CompanyRule:
    """The filter InterPodAffinity."""

    name: str = NAME

    def prepare(self, pod: PodToPlace, rooms: Sequence[NodeRoom], around: Around) -> Judge | None:
        """Count who is where; None where neither this pod nor any other has a term that matters."""
        company = _Company(pod, around.namespaces)
        own = pod.wants.pod_affinity
        picky = bool(own.required or own.forbidden)
        for room in rooms:
            for other in room.pods.values() if picky else room.picky.values():
                company.count(other, room.facts, 1)
        return company if picky or company.unwilling else None

    def helped_by_node(self, pod: PodToPlace, was: NodeFacts | None, now: NodeFacts | None) -> bool:
        """A node came, or its labels changed, and it has the topology key of one of the pod's terms."""
        if now is None or (was is not None and was.labels == now.labels):
            return False
        terms = pod.wants.pod_affinity
        return any(term.topology_key in now.labels for term in (*terms.required, *terms.forbidden))

    def helped_by_pod(self, pod: PodToPlace, gone: PodToPlace) -> bool:
        """A pod left that all of this pod's anti-affinity terms mean.

        A pod that is kept out only by the other's own anti-affinity is not moved: Kubernetes' hint does not look at
        that, and the pod waits for the five minutes.
        """
        return _all_mean(pod.wants.pod_affinity.forbidden, gone, _NOWHERE)

    def helped_by_arrival(self, pod: PodToPlace, came: PodToPlace) -> bool:
        """A pod came that all affinity terms mean."""
        return _all_mean(pod.wants.pod_affinity.required, came, _NOWHERE)

    def helped_by_labels(self, pod: PodToPlace, was: PodToPlace, now: PodToPlace) -> bool:
        """All affinity terms mean the pod now and did not before, or the other way round with anti-affinity."""
        near, far = pod.wants.pod_affinity.required, pod.wants.pod_affinity.forbidden
        came = not _all_mean(near, was, _NOWHERE) and _all_mean(near, now, _NOWHERE)
        return came or (_all_mean(far, was, _NOWHERE) and not _all_mean(far, now, _NOWHERE))


_NOWHERE: Final[_Namespaces] = {}
"""Hints know no labels of namespaces (`podMatchesAllAffinityTerms` hands on none)."""


# --- the score --------------------------------------------------------------------------------------------------------


def company_scores(
    pod: PodToPlace, feasible: Sequence[NodeRoom], rooms: Sequence[NodeRoom], around: Around
) -> list[int]:
    """0..100 for each feasible node: the least liked has 0, the most liked 100; 0 for all where nothing differs."""
    liking: dict[_Domain, int] = {}
    own = pod.wants.pod_affinity.preferred
    spaces = around.namespaces
    for room in rooms:
        for other in room.pods.values() if own else room.choosy.values():
            for weight, term in own:
                if _means(term, other, spaces):
                    _add(liking, term.topology_key, room.facts, weight)
            theirs = other.wants.pod_affinity
            for term in theirs.required:
                if _means(term, pod, spaces):
                    _add(liking, term.topology_key, room.facts, HARD_AFFINITY_WEIGHT)
            for weight, term in theirs.preferred:
                if _means(term, pod, spaces):
                    _add(liking, term.topology_key, room.facts, weight)
    figures = [
        sum(amount for (key, domain), amount in liking.items() if room.facts.labels.get(key) == domain)
        for room in feasible
    ]
    least, most = min(figures, default=0), max(figures, default=0)
    if least == most:
        return [0] * len(feasible)
    return [int(100 * ((figure - least) / (most - least))) for figure in figures]
