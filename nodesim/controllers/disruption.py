"""How does a controller say on a pod that it is about to disrupt it?

By the condition DisruptionTarget, with a reason and message of its own.
Source: pkg/api/v1/pod `UpdatePodCondition`; KEP 3329.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from nodesim.objects import whole_second

TYPE: Final = "DisruptionTarget"


def disruption_target(
    conditions: Sequence[dict[str, Any]], reason: str, message: str, now_us: int
) -> dict[str, Any] | None:
    """The condition to write into a pod that has these; None where it is there already.

    The transition time moves only with the status.
    """
    old = next((item for item in conditions if item.get("type") == TYPE), {})
    transition: int | None = whole_second(now_us)
    if old.get("status") == "True":
        if old.get("reason") == reason and old.get("message") == message:
            return None
        transition = old.get("lastTransitionTime")
    return {
        "type": TYPE,
        "status": "True",
        "reason": reason,
        "message": message,
        "lastProbeTime": None,
        "lastTransitionTime": transition,
    }
