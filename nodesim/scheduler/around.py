"""What does the scheduler look at besides nodes and pods?

Labels of namespaces (terms of pod affinity may select by them), what selects pods (a pod without constraints of its own
is spread among its kin), and budgets (preemption spares what they guard where it can).

Source: plugins/helper/spread.go (`DefaultSelector`), defaultpreemption/default_preemption.go
(`filterPodsWithPDBViolation`).
"""

from __future__ import annotations

from typing import Final

import attrs

from nodesim.objects import Document, Requirement, Selector, selector_of
from nodesim.scheduler.pod import PodToPlace
from nodesim.values import value

SETS: Final = {"replicasets": "ReplicaSet", "statefulsets": "StatefulSet"}
"""Resources whose selectors tell a pod's kin -> the kind in owner references."""


@value
class Kin:
    """A Service, ReplicaSet or StatefulSet as far as it selects pods; None: it selects none."""

    namespace: str
    name: str
    selector: Selector | None


@value
class Budget:
    """A PodDisruptionBudget: how many of the pods that it selects may go."""

    namespace: str
    name: str
    selector: Selector | None
    allowed: int
    disrupted: tuple[str, ...]
    """Names of pods that were counted when their eviction was granted."""


@value
class NamespaceLabels:
    """A namespace's labels."""

    name: str
    labels: dict[str, str]


def namespace_labels(document: Document) -> NamespaceLabels:
    """The view of a Namespace."""
    metadata = document["metadata"]
    return NamespaceLabels(metadata["name"], metadata.get("labels") or {})


def service_kin(document: Document) -> Kin:
    """The view of a Service; one without a selector selects nothing."""
    wanted = (document.get("spec") or {}).get("selector") or {}
    made = Selector(tuple(Requirement(key, "In", (text,)) for key, text in wanted.items())) if wanted else None
    return Kin(document["metadata"]["namespace"], document["metadata"]["name"], made)


def set_kin(document: Document) -> Kin:
    """The view of a ReplicaSet or StatefulSet."""
    wanted = (document.get("spec") or {}).get("selector")
    return Kin(document["metadata"]["namespace"], document["metadata"]["name"], selector_of(wanted) if wanted else None)


def budget(document: Document) -> Budget:
    """The view of a PodDisruptionBudget."""
    status = document.get("status") or {}
    wanted = (document.get("spec") or {}).get("selector")
    return Budget(
        namespace=document["metadata"]["namespace"],
        name=document["metadata"]["name"],
        selector=selector_of(wanted) if wanted else None,
        allowed=status.get("disruptionsAllowed") or 0,
        disrupted=tuple(sorted(status.get("disruptedPods") or ())),
    )


@attrs.define
class Around:
    """All of it, by name."""

    namespaces: dict[str, dict[str, str]] = attrs.field(factory=dict)
    services: dict[str, Kin] = attrs.field(factory=dict)
    sets: dict[tuple[str, str], Kin] = attrs.field(factory=dict)
    """By kind and `namespace/name`."""
    budgets: dict[str, Budget] = attrs.field(factory=dict)

    def changed(self, resource: str, key: str, new: NamespaceLabels | Kin | Budget | None) -> None:
        """An object appeared, changed or (None) went."""
        match new:
            case NamespaceLabels():
                self.namespaces[key] = new.labels
            case Budget():
                self.budgets[key] = new
            case Kin() if resource in SETS:
                self.sets[SETS[resource], key] = new
            case Kin():
                self.services[key] = new
            case None:
                self._gone(resource, key)

    def _gone(self, resource: str, key: str) -> None:
        if resource in SETS:
            self.sets.pop((SETS[resource], key), None)
        elif resource == "namespaces":
            self.namespaces.pop(key, None)
        elif resource == "services":
            self.services.pop(key, None)
        else:
            self.budgets.pop(key, None)

    def kin_selector(self, pod: PodToPlace) -> Selector | None:
        """What selects the pods among which this one is spread by default; None: it has no kin."""
        requirements: list[Requirement] = []
        for key in sorted(self.services):
            kin = self.services[key]
            if kin.namespace == pod.namespace and kin.selector is not None and kin.selector.matches(pod.labels):
                requirements += [item for item in kin.selector.requirements if item not in requirements]
        if pod.owner is not None:
            owner = self.sets.get((pod.owner.kind, f"{pod.namespace}/{pod.owner.name}"))
            if owner is not None and owner.selector is not None:
                requirements += owner.selector.requirements
        return Selector(tuple(requirements)) if requirements else None
