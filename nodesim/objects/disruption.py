"""How do objects say that a pod is, or may be, disrupted?

A pod by its condition DisruptionTarget, set by whoever is about to delete it; a PodDisruptionBudget by its condition
DisruptionAllowed, written by who spends it (the eviction subresource) and by who counts it (the disruption controller).
Sources: pkg/api/v1/pod `UpdatePodCondition`, KEP 3329; pkg/util/pod-disruption-budget
`UpdateDisruptionAllowedCondition`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from nodesim.objects.conditions import find_condition
from nodesim.objects.documents import Document, whole_second

DISRUPTION_TARGET: Final = "DisruptionTarget"


def disruption_condition(budget: Document, allowed: int, wall_us: int) -> list[dict[str, Any]]:
    """The budget's conditions with DisruptionAllowed in line with how many disruptions are allowed now."""
    status, reason = ("True", "SufficientPods") if allowed > 0 else ("False", "InsufficientPods")
    before = budget.get("status") or {}
    made = {
        "type": "DisruptionAllowed",
        "status": status,
        "reason": reason,
        "message": "",
        "observedGeneration": budget["metadata"].get("generation") or 0,
        "lastTransitionTime": whole_second(wall_us),
    }
    old = find_condition(before, "DisruptionAllowed")
    if old is not None and old.get("status") == status:
        made["lastTransitionTime"] = old.get("lastTransitionTime")
    return [*(item for item in before.get("conditions") or () if item is not old), made]


def disruption_target(
    conditions: Sequence[dict[str, Any]], reason: str, message: str, wall_us: int
) -> dict[str, Any] | None:
    """The condition to write into a pod that has these; None where it is there already.

    The transition time moves only with the status.
    """
    old = next((item for item in conditions if item.get("type") == DISRUPTION_TARGET), {})
    transition: int | None = whole_second(wall_us)
    if old.get("status") == "True":
        if old.get("reason") == reason and old.get("message") == message:
            return None
        transition = old.get("lastTransitionTime")
    return {
        "type": DISRUPTION_TARGET,
        "status": "True",
        "reason": reason,
        "message": message,
        "lastProbeTime": None,
        "lastTransitionTime": transition,
    }
