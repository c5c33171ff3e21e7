"""What does a DaemonSet's status say of nodes and pods?

Source: pkg/controller/daemon/daemon_controller.go `updateDaemonSetStatus`, `storeDaemonSetStatus`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from nodesim.controllers.daemonset.placing import oldest_first, verdict
from nodesim.controllers.daemonset.views import DaemonNode, DaemonSetView
from nodesim.controllers.workload.pods import ManagedPod, available
from nodesim.objects import Document

_ALWAYS: Final = ("currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady")
_WHERE_SOME: Final = ("updatedNumberScheduled", "numberAvailable", "numberUnavailable")


def counts(
    view: DaemonSetView,
    nodes: Sequence[DaemonNode],
    pods: Mapping[str, Sequence[ManagedPod]],
    revision: str,
    wall_us: int,
) -> dict[str, int]:
    """All counts; of several pods on a node the first one counts."""
    found = dict.fromkeys((*_ALWAYS, *_WHERE_SOME), 0)
    for node in nodes:
        held = pods.get(node.name)
        if not verdict(view, node).run:
            found["numberMisscheduled"] += bool(held)
            continue
        found["desiredNumberScheduled"] += 1
        if not held:
            continue
        first = oldest_first(held)[0]
        found["currentNumberScheduled"] += 1
        found["numberReady"] += first.ready
        found["numberAvailable"] += available(first, view.min_ready_seconds, wall_us)
        found["updatedNumberScheduled"] += view.made_of(first, revision)
    found["numberUnavailable"] = found["desiredNumberScheduled"] - found["numberAvailable"]
    return found


def differs(view: DaemonSetView, found: Mapping[str, int]) -> bool:
    """Is there something new to write?"""
    held = view.status
    return any((held.get(name) or 0) != count for name, count in found.items()) or (
        (held.get("observedGeneration") or 0) < view.generation
    )


def status_with(held: Document, found: Mapping[str, int], generation: int | None, collisions: int) -> Document:
    """A status with these counts; `generation` None leaves the observed one as it is."""
    kept = {name: item for name, item in held.items() if name not in found}
    status = {**kept, **{name: found[name] for name in _ALWAYS}}
    status |= {name: found[name] for name in _WHERE_SOME if found[name]}
    if generation is not None:
        status["observedGeneration"] = generation
    if collisions:
        status["collisionCount"] = collisions
    return status
