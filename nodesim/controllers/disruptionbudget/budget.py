"""How many disruptions does a budget allow, given its pods and the workloads behind them?

A pod is healthy when it is Ready and nobody asked for its deletion, so pods on a node that the control plane marked
count as lost.  With `minAvailable: N` all pods of the selector are expected, Terminating ones too; with percentages or
`maxUnavailable`, as many as their controllers want.  Percentages are rounded up.

Source: pkg/controller/disruption/disruption.go (`getExpectedPodCount`, `getExpectedScale`, `countHealthyPods`,
`buildDisruptedPodMap`, `updatePdbStatus`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from nodesim.controllers.disruptionbudget.views import BudgetView, Scale
from nodesim.objects import Document, PodView, disruption_condition
from nodesim.units import MINUTE
from nodesim.values import value

DELETION_TIMEOUT_US: Final = 2 * MINUTE
"""How long an eviction that was granted may take until its pod counts again.  Source: `DeletionTimeout`."""


@value
class Needs:
    """How many pods there should be, and how many of them must be healthy."""

    expected: int
    desired: int


@value
class Disrupted:
    """Pods whose eviction was granted and not yet carried out: until when each is spared from the count (us)."""

    since_us: dict[str, int]
    overdue: list[str]
    """Those that should have gone by now and did not."""
    recheck_us: int | None
    """When the next of them is overdue."""


def needs(budget: BudgetView, pods: Sequence[PodView], scales: Mapping[str, Scale]) -> Needs | str:
    """What the budget asks for, or why that cannot be told; `scales` are the workloads by UID."""
    if budget.max_unavailable is not None:
        expected = _expected_scale(budget, pods, scales)
        if isinstance(expected, str):
            return expected
        return Needs(expected, max(0, expected - _share(budget.max_unavailable, expected)))
    if budget.min_available is None:
        return Needs(len(pods), 0)
    if type(budget.min_available) is int:
        return Needs(len(pods), budget.min_available)
    expected = _expected_scale(budget, pods, scales)
    if isinstance(expected, str):
        return expected
    return Needs(expected, _share(budget.min_available, expected))


def _expected_scale(budget: BudgetView, pods: Sequence[PodView], scales: Mapping[str, Scale]) -> int | str:
    """The sum of what the pods' controllers want; pods without a controller count nothing."""
    found: dict[str, int] = {}
    for pod in pods:
        if pod.owner is None:
            continue
        scale = scales.get(pod.owner.uid)
        if scale is None:
            if pod.owner.kind in ("ReplicaSet", "StatefulSet"):
                continue  # It is gone already.
            return f"{pod.owner.kind} {pod.owner.name!r} does not implement the scale subresource"
        top = scales.get(scale.owner_uid, scale)
        found[top.uid] = top.replicas
    return sum(found.values())


def _share(amount: int | str, whole: int) -> int:
    """A number as it is, a percentage of the whole rounded up."""
    if type(amount) is int:
        return amount
    percent = int(str(amount).removesuffix("%"))
    return -(-percent * whole // 100)


def disrupted_pods(budget: BudgetView, pods: Mapping[str, PodView], wall_us: int) -> Disrupted:
    """The granted evictions that still count; a pod that is going, or gone, is settled."""
    kept: dict[str, int] = {}
    overdue: list[str] = []
    recheck_us: int | None = None
    for name, since_us in sorted(budget.disrupted.items()):
        pod = pods.get(name)
        if pod is None or pod.deletion_us is not None:
            continue
        until_us = since_us + DELETION_TIMEOUT_US
        if until_us <= wall_us:
            overdue.append(name)
            continue
        kept[name] = since_us
        recheck_us = until_us if recheck_us is None else min(recheck_us, until_us)
    return Disrupted(kept, overdue, recheck_us)


def new_status(
    budget: BudgetView, wanted: Needs, pods: Sequence[PodView], disrupted: Disrupted, wall_us: int
) -> Document:
    """The budget's status by what is so now."""
    healthy = sum(
        pod.ready == "True" and pod.deletion_us is None and pod.name not in disrupted.since_us for pod in pods
    )
    allowed = max(0, healthy - wanted.desired) if wanted.expected > 0 else 0
    status: dict[str, Any] = {
        "observedGeneration": budget.generation,
        "disruptionsAllowed": allowed,
        "currentHealthy": healthy,
        "desiredHealthy": wanted.desired,
        "expectedPods": wanted.expected,
    }
    if disrupted.since_us:
        status["disruptedPods"] = disrupted.since_us
    status["conditions"] = disruption_condition(budget.document, allowed, wall_us)
    return status


def failed_status(budget: BudgetView, why: str, wall_us: int) -> Document:
    """Where the count cannot be told, nothing is allowed.  Source: `failSafe`."""
    (condition,) = [
        item for item in disruption_condition(budget.document, 0, wall_us) if item["type"] == "DisruptionAllowed"
    ]
    status = {**(budget.document.get("status") or {}), "disruptionsAllowed": 0}
    return {**status, "conditions": [{**condition, "reason": "SyncFailed", "message": why}]}
