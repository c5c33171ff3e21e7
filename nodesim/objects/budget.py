"""How does a PodDisruptionBudget say whether it allows a disruption?

Both who spends it (the eviction subresource) and who counts it (the disruption controller) write it.
Source: pkg/util/pod-disruption-budget `UpdateDisruptionAllowedCondition`.
"""

from __future__ import annotations

from typing import Any

from nodesim.objects.documents import Document, whole_second


def disruption_condition(budget: Document, allowed: int, now_us: int) -> list[dict[str, Any]]:
    """The budget's conditions with DisruptionAllowed in line with how many disruptions are allowed now."""
    status, reason = ("True", "SufficientPods") if allowed > 0 else ("False", "InsufficientPods")
    conditions = (budget.get("status") or {}).get("conditions") or []
    made = {
        "type": "DisruptionAllowed",
        "status": status,
        "reason": reason,
        "message": "",
        "observedGeneration": budget["metadata"].get("generation") or 0,
        "lastTransitionTime": whole_second(now_us),
    }
    old = next((item for item in conditions if item["type"] == "DisruptionAllowed"), None)
    if old is not None and old.get("status") == status:
        made["lastTransitionTime"] = old.get("lastTransitionTime")
    return [*(item for item in conditions if item["type"] != "DisruptionAllowed"), made]
