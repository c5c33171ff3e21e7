"""What are this node's conditions, and did they change?

Sources: pkg/kubelet/nodestatus/setters.go `MemoryPressureCondition`, `DiskPressureCondition`, `PIDPressureCondition`,
`ReadyCondition`; pkg/kubelet/kubelet_node_status.go `nodeStatusHasChanged`.
"""

from __future__ import annotations

from typing import Any, Final

import attrs

from nodesim.objects import whole_second
from nodesim.values import value

CSI_NODE_MISSING: Final = "CSINode is not yet initialized"
"""A storage error that holds a new node not ready until its registration is through."""


@attrs.define
class NodeTruth:
    """What the kubelet finds on its machine."""

    pressure: dict[str, bool] = attrs.Factory(dict)
    """Condition type (`MemoryPressure`, ...) -> is there pressure; absent: no."""
    errors: list[str] = attrs.Factory(list)
    """Why the node is not ready; empty: it is."""


@value
class _Pressure:
    """How a pressure condition speaks: reason, message and event, under pressure and without."""

    type: str
    yes: tuple[str, str, str]
    no: tuple[str, str, str]


_PRESSURES: Final = (
    _Pressure(
        "MemoryPressure",
        ("KubeletHasInsufficientMemory", "kubelet has insufficient memory available", "NodeHasInsufficientMemory"),
        ("KubeletHasSufficientMemory", "kubelet has sufficient memory available", "NodeHasSufficientMemory"),
    ),
    _Pressure(
        "DiskPressure",
        ("KubeletHasDiskPressure", "kubelet has disk pressure", "NodeHasDiskPressure"),
        ("KubeletHasNoDiskPressure", "kubelet has no disk pressure", "NodeHasNoDiskPressure"),
    ),
    _Pressure(
        "PIDPressure",
        ("KubeletHasInsufficientPID", "kubelet has insufficient PID available", "NodeHasInsufficientPID"),
        ("KubeletHasSufficientPID", "kubelet has sufficient PID available", "NodeHasSufficientPID"),
    ),
)
"""In the order in which a fresh node gets them; Ready comes last by design."""


def capacity_errors(capacity: dict[str, str]) -> list[str]:
    """Ready needs cpu, memory and pods in capacity (`ReadyCondition`)."""
    missing = [name for name in ("cpu", "memory", "pods") if name not in capacity]
    return [f"missing node capacity for resources: {', '.join(missing)}"] if missing else []


def aggregate(errors: list[str]) -> str:
    """Several errors as one message, as apimachinery's `NewAggregate` prints them."""
    different = list(dict.fromkeys(errors))
    return different[0] if len(different) == 1 else f"[{', '.join(different)}]"


def next_conditions(
    old: list[dict[str, Any]], truth: NodeTruth, wall_us: int
) -> tuple[list[dict[str, Any]], list[str]]:
    """The conditions that one pass writes at `wall_us` by its clock, and the reasons of the events that it emits.

    A pressure condition changes reason, message and transition time only on a flip, also from Unknown to False (so what
    the node controller wrote vanishes with the next pass).  Ready is rebuilt each time and keeps its transition time
    while its status stays.  Conditions of others stay as they are.  Events only for conditions that the API knew: the
    ones of a node's first pass, which every kubelet emits, are left out.
    """
    second = whole_second(wall_us)
    made = {item["type"]: item for item in old}
    events: list[str] = []
    for pressure in _PRESSURES:
        under = truth.pressure.get(pressure.type, False)
        status, (reason, message, event) = ("True", pressure.yes) if under else ("False", pressure.no)
        found = made.get(pressure.type)
        if found is not None and found.get("status") == status:
            made[pressure.type] = {**found, "lastHeartbeatTime": second}
            continue
        if found is not None:
            events.append(event)
        made[pressure.type] = _condition(pressure.type, status, reason, message, second, second)
    found = made.get("Ready")
    status = "False" if truth.errors else "True"
    since = second if found is None or found.get("status") != status else found.get("lastTransitionTime", second)
    if found is not None and found.get("status") != status:
        events.append("NodeNotReady" if truth.errors else "NodeReady")
    if truth.errors:
        made["Ready"] = _condition("Ready", status, "KubeletNotReady", aggregate(truth.errors), second, since)
    else:
        made["Ready"] = _condition("Ready", status, "KubeletReady", "kubelet is posting ready status", second, since)
    return list(made.values()), events


def _condition(type_: str, status: str, reason: str, message: str, heartbeat_us: int, since_us: int) -> dict[str, Any]:
    return {
        "type": type_,
        "status": status,
        "lastHeartbeatTime": heartbeat_us,
        "lastTransitionTime": since_us,
        "reason": reason,
        "message": message,
    }


def conditions_differ(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> bool:
    """Do they differ in anything but lastHeartbeatTime?  Their order does not count."""
    return _without_heartbeats(old) != _without_heartbeats(new)


def _without_heartbeats(conditions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    ordered = sorted(conditions, key=lambda item: str(item["type"]))
    return [{key: item[key] for key in item if key != "lastHeartbeatTime"} for item in ordered]
