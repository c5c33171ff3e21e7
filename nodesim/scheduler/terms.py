"""What does a pod ask of the pods around it?

Terms of inter-pod affinity and constraints on how pods spread, as they stand in its spec.

Sources: api/core/v1/types.go (`PodAffinityTerm`, `TopologySpreadConstraint`), pkg/scheduler/framework/types.go
(`newAffinityTerm`), plugins/podtopologyspread/common.go (`filterTopologySpreadConstraints`).  Fields that a version
does not know are dropped by its API server, so nothing here asks for the version.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nodesim.objects import Requirement, Selector, selector_of
from nodesim.values import value

HONOR: Final = "Honor"
IGNORE: Final = "Ignore"
DO_NOT_SCHEDULE: Final = "DoNotSchedule"


@value
class PodTerm:
    """One term of pod affinity or anti-affinity; `selector` None matches no pod."""

    topology_key: str
    selector: Selector | None
    namespaces: tuple[str, ...]
    namespace_selector: Selector | None
    """None: the listed namespaces only."""

    def matches(self, namespace: str, labels: Mapping[str, str], namespaces: Mapping[str, Mapping[str, str]]) -> bool:
        """Is a pod of this namespace with these labels meant?  `namespaces`: the labels of each namespace."""
        if namespace not in self.namespaces and (
            self.namespace_selector is None or not self.namespace_selector.matches(namespaces.get(namespace, {}))
        ):
            return False
        return self.selector is not None and self.selector.matches(labels)


@value
class PodAffinity:
    """All terms of a pod; preferred ones with their weights."""

    required: tuple[PodTerm, ...] = ()
    forbidden: tuple[PodTerm, ...] = ()
    """Required anti-affinity."""
    preferred: tuple[tuple[int, PodTerm], ...] = ()
    """Anti-affinity has a negative weight."""


@value
class SpreadConstraint:
    """One entry of topologySpreadConstraints; `selector` None matches no pod."""

    topology_key: str
    max_skew: int
    required: bool
    """whenUnsatisfiable is DoNotSchedule."""
    selector: Selector | None
    min_domains: int = 1
    affinity_policy: str = HONOR
    taints_policy: str = IGNORE

    def selects(self, labels: Mapping[str, str]) -> bool:
        """Does the selector mean a pod with these labels?"""
        return self.selector is not None and self.selector.matches(labels)


def pod_affinity_of(spec: Mapping[str, Any], namespace: str, labels: Mapping[str, str]) -> PodAffinity:
    """The terms in a pod's spec; those that name no namespace mean the pod's own."""
    affinity = spec.get("affinity") or {}
    near, far = affinity.get("podAffinity") or {}, affinity.get("podAntiAffinity") or {}

    def required(part: Mapping[str, Any]) -> tuple[PodTerm, ...]:
        items = part.get("requiredDuringSchedulingIgnoredDuringExecution") or ()
        return tuple(_term(item, namespace, labels) for item in items)

    def preferred(part: Mapping[str, Any], sign: int) -> list[tuple[int, PodTerm]]:
        items = part.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
        return [(sign * item["weight"], _term(item["podAffinityTerm"], namespace, labels)) for item in items]

    if not near and not far:
        return _NO_AFFINITY
    return PodAffinity(required(near), required(far), (*preferred(near, 1), *preferred(far, -1)))


_NO_AFFINITY: Final = PodAffinity()


def _term(item: Mapping[str, Any], namespace: str, labels: Mapping[str, str]) -> PodTerm:
    chosen = item.get("namespaceSelector")
    named = tuple(item.get("namespaces") or ())
    selector = _selector(item.get("labelSelector"))
    if selector is not None:
        selector = _narrowed(selector, item.get("matchLabelKeys"), "In", labels)
        selector = _narrowed(selector, item.get("mismatchLabelKeys"), "NotIn", labels)
    return PodTerm(
        topology_key=item["topologyKey"],
        selector=selector,
        namespaces=named if named or chosen is not None else (namespace,),
        namespace_selector=None if chosen is None else selector_of(chosen),
    )


def _selector(document: Mapping[str, Any] | None) -> Selector | None:
    return None if document is None else selector_of(document)


def _narrowed(selector: Selector, keys: list[str] | None, operator: str, labels: Mapping[str, str]) -> Selector:
    """The selector with the pod's own values of these labels; a label that the pod has not is passed over."""
    added = [Requirement(key, operator, (labels[key],)) for key in keys or () if key in labels]
    return Selector((*selector.requirements, *added)) if added else selector


def spread_constraints_of(spec: Mapping[str, Any], labels: Mapping[str, str]) -> tuple[SpreadConstraint, ...]:
    """The constraints in a pod's spec."""
    found = []
    for item in spec.get("topologySpreadConstraints") or ():
        selector = _selector(item.get("labelSelector"))
        if selector is not None:
            selector = _narrowed(selector, item.get("matchLabelKeys"), "In", labels)
        found.append(
            SpreadConstraint(
                topology_key=item["topologyKey"],
                max_skew=item["maxSkew"],
                required=item["whenUnsatisfiable"] == DO_NOT_SCHEDULE,
                selector=selector,
                min_domains=item.get("minDomains") or 1,
                affinity_policy=item.get("nodeAffinityPolicy") or HONOR,
                taints_policy=item.get("nodeTaintsPolicy") or IGNORE,
            )
        )
    return tuple(found)
