"""May a pod be scheduled yet?

While its spec.schedulingGates name anything it is not, its condition PodScheduled says so from the beginning, and gates
can only be taken away.
Sources: pkg/registry/core/pod/strategy.go `applySchedulingGatedCondition`, pkg/registry/core/pod/storage/storage.go
`setPodNodeAndMetadata`, pkg/apis/core/validation/validation.go `ValidatePodCreate`, `ValidatePodUpdate`.
"""

from __future__ import annotations

from typing import Any, Final

from nodesim.objects import Document, find_condition

GATED: Final = "SchedulingGated"
_CONDITION: Final = {
    "type": "PodScheduled",
    "status": "False",
    "reason": GATED,
    "message": "Scheduling is blocked due to non-empty scheduling gates",
}


def gated_status(spec: dict[str, Any]) -> Document:
    """What of a new pod's status says that it has gates."""
    return {"conditions": [dict(_CONDITION)]} if spec.get("schedulingGates") else {}


def is_gated(status: dict[str, Any]) -> bool:
    """The condition says so; it stays until the scheduler has something else to say."""
    scheduled = find_condition(status, "PodScheduled")
    return scheduled is not None and scheduled.get("reason") == GATED


def gate_faults(spec: dict[str, Any]) -> list[str]:
    """What forbids the gates of a new pod."""
    names = [item["name"] for item in spec.get("schedulingGates") or ()]
    faults = [
        f'spec.schedulingGates[{place}]: Duplicate value: "{name}"'
        for place, name in enumerate(names)
        if name in names[:place]
    ]
    if names and spec.get("nodeName"):
        faults.append("spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared")
    return faults


def changed_gate_faults(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What forbids a change of a pod's gates."""
    held = [item["name"] for item in old.get("schedulingGates") or ()]
    return [
        f"spec.schedulingGates[{place}].name: Forbidden: only deletion is allowed, but found new scheduling gate "
        f"'{item['name']}'"
        for place, item in enumerate(new.get("schedulingGates") or ())
        if item["name"] not in held
    ]
