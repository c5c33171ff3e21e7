"""What does the disruption controller read of budgets and of workloads?

Sources: api/policy/v1/types.go (PodDisruptionBudget), pkg/controller/disruption/disruption.go `finders`.
"""

from __future__ import annotations

import re
from typing import Any, Final

from nodesim.objects import Document, Namespaced, PodView, Selector, controller_of, selector_of
from nodesim.values import value

_PERCENT: Final = re.compile(r"[0-9]{1,6}%")


@value
class BudgetView(Namespaced):
    """A PodDisruptionBudget; `document` is the whole of it, for the PUT of its status."""

    namespace: str
    name: str
    uid: str
    generation: int
    selector: Selector | None
    """None: it selects nothing."""
    min_available: int | str | None
    """A number, or a percentage such as `50%`; None where it is not set or no such thing."""
    max_unavailable: int | str | None
    disrupted: dict[str, int]
    document: Document

    def selects(self, pod: PodView) -> bool:
        """Is the pod one of its own?"""
        return self.selector is not None and pod.namespace == self.namespace and self.selector.matches(pod.labels)


@value
class Scale:
    """How many pods a workload wants, and whose it is itself (a Deployment's UID for its ReplicaSets, or "")."""

    uid: str
    replicas: int
    owner_uid: str


def budget_view(document: Document) -> BudgetView:
    """The view of a PodDisruptionBudget document."""
    metadata, spec, status = document["metadata"], document.get("spec") or {}, document.get("status") or {}
    selector = spec.get("selector")
    return BudgetView(
        namespace=metadata.get("namespace", "default"),
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        generation=metadata.get("generation") or 0,
        selector=None if selector is None else selector_of(selector),
        min_available=_amount(spec.get("minAvailable")),
        max_unavailable=_amount(spec.get("maxUnavailable")),
        disrupted=status.get("disruptedPods") or {},
        document=document,
    )


def _amount(written: Any) -> int | str | None:
    if type(written) is int and written >= 0:
        return written
    return written if type(written) is str and _PERCENT.fullmatch(written) else None


def scale_view(document: Document) -> Scale:
    """How many pods a Deployment, ReplicaSet or StatefulSet wants."""
    metadata, replicas = document["metadata"], (document.get("spec") or {}).get("replicas")
    owner = controller_of(metadata)
    return Scale(metadata.get("uid", ""), 1 if replicas is None else replicas, owner.uid if owner else "")
