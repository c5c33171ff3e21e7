"""May a pod be evicted, and what does that cost its budget?

The eviction subresource deletes a pod as a client would, unless a PodDisruptionBudget stands against it.  A pod that
is finished, Pending or going already needs no budget; one that is not ready needs none either where its budget says so
or is met without it.

Source: pkg/registry/core/pod/storage/eviction.go (`Create`, `canIgnorePDB`, `checkAndDecrement`,
`getPodDisruptionBudgets`).  There a pod that lost its race for the budget is tried again for ten seconds; here a
request sees one state of the store.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from nodesim.messages import Failure
from nodesim.objects import (
    Document,
    disruption_condition,
    disruption_target,
    is_condition_true,
    selector_of,
    whole_second,
)
from nodesim.values import value

DISRUPTED_PODS_MAX: Final = 2000
"""MaxDisruptedPodSize: entries of status.disruptedPods."""


@value
class Evictable:
    """Yes: delete it.  `budget` is the budget's new document, None where none is touched."""

    budget: Document | None


def budgets_of(pod: Document, budgets: Sequence[Document]) -> list[Document]:
    """The budgets of a pod's namespace that select it; one without a selector selects nothing."""
    labels = pod["metadata"].get("labels") or {}
    return [
        budget
        for budget in budgets
        if (budget.get("spec") or {}).get("selector") is not None
        and selector_of(budget["spec"]["selector"]).matches(labels)
    ]


def judge_eviction(
    pod: Document, budgets: Sequence[Document], wall_us: int, *, heeds_policy: bool = True
) -> Evictable | Failure:
    """Judge the eviction of a pod by the budgets that select it; up to 1.26 no unhealthyPodEvictionPolicy is heeded."""
    if _needs_no_budget(pod) or not budgets:
        return Evictable(None)
    if len(budgets) > 1:
        text = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
        return Failure(500, "InternalError", text)
    (budget,) = budgets
    status: dict[str, Any] = budget.get("status") or {}
    if not is_condition_true(pod.get("status") or {}, "Ready"):
        policy = (budget.get("spec") or {}).get("unhealthyPodEvictionPolicy") if heeds_policy else None
        desired = status.get("desiredHealthy") or 0
        if policy == "AlwaysAllow" or (desired > 0 and (status.get("currentHealthy") or 0) >= desired):
            return Evictable(None)
    return _spend(pod["metadata"]["name"], budget, status, wall_us)


def _spend(name: str, budget: Document, status: dict[str, Any], wall_us: int) -> Evictable | Failure:
    """Take one of the disruptions that the budget allows."""
    metadata = budget["metadata"]
    if (status.get("observedGeneration") or 0) < (metadata.get("generation") or 0):
        return _too_many(f"The disruption budget {metadata['name']} is still being processed by the server.", 10)
    allowed = status.get("disruptionsAllowed") or 0
    disrupted: dict[str, Any] = status.get("disruptedPods") or {}
    what = f'poddisruptionbudgets.policy "{metadata["name"]}" is forbidden: '
    if allowed < 0:
        return Failure(403, "Forbidden", what + "pdb disruptions allowed is negative")
    if len(disrupted) > DISRUPTED_PODS_MAX:
        return Failure(
            403, "Forbidden", what + "DisruptedPods map too big - too many evictions not confirmed by PDB controller"
        )
    if allowed == 0:
        needs, has = status.get("desiredHealthy") or 0, status.get("currentHealthy") or 0
        return _too_many(
            f"The disruption budget {metadata['name']} needs {needs} healthy pods and has {has} currently", 0
        )
    left = allowed - 1
    spent = {**status, "disruptionsAllowed": left, "disruptedPods": {**disrupted, name: whole_second(wall_us)}}
    spent["conditions"] = disruption_condition(budget, left, wall_us)
    return Evictable({**budget, "status": spent})


def _too_many(cause: str, retry_after_seconds: int) -> Failure:
    """429; a Status carries the cause beside its message, an answer here behind it."""
    text = "Cannot evict pod as it would violate the pod's disruption budget."
    return Failure(429, "TooManyRequests", f"{text} {cause}", retry_after_seconds, "DisruptionBudget")


def _needs_no_budget(pod: Document) -> bool:
    phase = (pod.get("status") or {}).get("phase")
    return phase in ("Succeeded", "Failed", "Pending") or pod["metadata"].get("deletionTimestamp") is not None


def with_eviction_condition(pod: Document, wall_us: int) -> Document:
    """The pod with the condition DisruptionTarget that the eviction API sets (from 1.26)."""
    status = pod.get("status") or {}
    conditions = status.get("conditions") or []
    made = disruption_target(conditions, "EvictionByEvictionAPI", "Eviction API: evicting", wall_us)
    if made is None:
        return pod
    others = [item for item in conditions if item["type"] != made["type"]]
    return {**pod, "status": {**status, "conditions": [*others, made]}}
