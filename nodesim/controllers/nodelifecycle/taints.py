"""Which taints does this controller want on a node, and how do they get into its list?

NoSchedule taints follow conditions and spec.unschedulable; of the NoExecute taints one of two follows Ready.
Sources: pkg/controller/nodelifecycle/node_lifecycle_controller.go `doNoScheduleTaintingPass`,
`doNoExecuteTaintingPass`, `processTaintBaseEviction`; pkg/util/taints/taints.go.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import attrs

from nodesim.controllers.nodelifecycle.views import NodeObject
from nodesim.objects import NodeView, Taint, taint_document, whole_second
from nodesim.objects.taints import (
    DISK_PRESSURE,
    MEMORY_PRESSURE,
    NETWORK_UNAVAILABLE,
    NO_EXECUTE,
    NO_SCHEDULE,
    NOT_READY,
    PID_PRESSURE,
    UNREACHABLE,
    UNSCHEDULABLE,
)

CONDITION_TAINTS: Final = {
    ("Ready", "False"): NOT_READY,
    ("Ready", "Unknown"): UNREACHABLE,
    ("MemoryPressure", "True"): MEMORY_PRESSURE,
    ("DiskPressure", "True"): DISK_PRESSURE,
    ("NetworkUnavailable", "True"): NETWORK_UNAVAILABLE,
    ("PIDPressure", "True"): PID_PRESSURE,
}
"""(condition, status) -> key of the NoSchedule taint that it asks for."""

OWNED_KEYS: Final = frozenset({*CONDITION_TAINTS.values(), UNSCHEDULABLE})
"""NoSchedule taints with these keys are the controller's, whoever set them."""

NO_EXECUTE_KEYS: Final = {"False": (NOT_READY, UNREACHABLE), "Unknown": (UNREACHABLE, NOT_READY)}
"""Status of Ready -> the NoExecute key it asks for, and the one that must go."""


@attrs.frozen
class AddTaints:
    """Add taints to a node, or replace those of the same key and effect."""

    taints: tuple[Taint, ...]


@attrs.frozen
class RemoveTaints:
    """Remove the taints with this effect and one of these keys."""

    effect: str
    keys: tuple[str, ...]


@attrs.frozen
class SetLabels:
    """Set labels of a node."""

    labels: dict[str, str]


Step: TypeAlias = AddTaints | RemoveTaints | SetLabels
"""One write to a node, made of a GET and a PATCH."""


def no_schedule_diff(node: NodeView) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Keys of the NoSchedule taints to add (in the order of the conditions) and to remove (in the node's order)."""
    wanted = [
        CONDITION_TAINTS[condition.type, condition.status]
        for condition in node.conditions.values()
        if (condition.type, condition.status) in CONDITION_TAINTS
    ]
    if node.unschedulable:
        wanted.append(UNSCHEDULABLE)
    owned = [taint.key for taint in node.taints if taint.effect == NO_SCHEDULE and taint.key in OWNED_KEYS]
    return tuple(key for key in wanted if key not in owned), tuple(key for key in owned if key not in wanted)


def swap_steps(add: tuple[str, ...], remove: tuple[str, ...], effect: str, wall_us: int) -> list[Step]:
    """The writes that bring the one and take the other: two patches, the added ones first, so that a pod's eviction
    timer never sees a gap (CU `SwapNodeControllerTaint`).  Only controllers set timeAdded: `wall_us`, what
    their clock shows.
    """
    steps: list[Step] = []
    if add:
        steps.append(AddTaints(tuple(Taint(key, effect, "", whole_second(wall_us)) for key in add)))
    if remove:
        steps.append(RemoveTaints(effect, remove))
    return steps


def no_execute_steps(node: NodeObject, status: str, wall_us: int) -> list[Step]:
    """The writes that give a node the NoExecute taint of this status of Ready (False or Unknown)."""
    add, opposite = NO_EXECUTE_KEYS[status]
    # No call is made to remove what the cached node does not show (CT `RemoveTaintOffNode`).
    return swap_steps((add,), (opposite,) if opposite in node.ours else (), NO_EXECUTE, wall_us)


def reachable_steps(node: NodeObject) -> list[Step]:
    """The writes that take both NoExecute taints off a node, one patch each (NLC `markNodeAsReachable`)."""
    return [RemoveTaints(NO_EXECUTE, (key,)) for key in node.ours]


def add_to(taints: list[dict[str, Any]], added: tuple[Taint, ...]) -> list[dict[str, Any]]:
    """A node's list of taints (document form) with these: in place of the same key and effect, else at the end."""
    result = list(taints)
    for taint in added:
        places = [n for n, item in enumerate(result) if (item["key"], item["effect"]) == (taint.key, taint.effect)]
        if places:
            result[places[0]] = taint_document(taint)
        else:
            result.append(taint_document(taint))
    return result


def remove_from(taints: list[dict[str, Any]], removed: RemoveTaints) -> list[dict[str, Any]]:
    """A node's list of taints (document form) without these."""
    return [item for item in taints if item["effect"] != removed.effect or item["key"] not in removed.keys]
