"""How does the scheduler tell why a pod fits nowhere?

`0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu. ...`, then what preemption found.

Sources: pkg/scheduler/framework/types.go (`FitError.Error`), pkg/scheduler/framework/preemption/preemption.go; the end
of the message as kube-scheduler 1.34 was seen to write it.  Preemption itself is not modelled; its sentence is exact as
long as no refused node carries a pod of lower priority, and says so where one does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from nodesim.scheduler.cluster import NodeRoom
from nodesim.scheduler.filters import Refusal
from nodesim.scheduler.pod import PodToPlace

NO_NODES: Final = "no nodes available to schedule pods"

EVENT_NOTE_MAX: Final = 1024
"""Longer texts are cut in events (`NoteLengthLimit`), not in the pod's condition."""


def _counted(total: int, reasons: Iterable[str]) -> str:
    # Kubernetes sorts the finished texts, so that "10 x" stands before "2 y".
    parts = sorted(f"{count} {reason}" for reason, count in Counter(reasons).items())
    return f"0/{total} nodes are available: {', '.join(parts)}."


def _preemption(pod: PodToPlace, room: NodeRoom, refusal: Refusal, hopeless_fit: bool) -> str:
    if refusal.hopeless and (hopeless_fit or refusal.filter != "NodeResourcesFit"):
        return "Preemption is not helpful for scheduling"
    if any(other.priority < pod.priority for other in room.pods.values()):
        return "Preemption is not modelled by nodesim"
    return "No preemption victims found for incoming pod"


def explain(pod: PodToPlace, refused: Sequence[tuple[NodeRoom, Refusal]], since_1_34: bool) -> str:
    """The message of a pod that every node refused.

    From 1.34 on it also speaks of resource claims, and a request above a node's whole allocatable makes preemption
    pointless there.
    """
    total = len(refused)
    first = _counted(total, (reason for _, refusal in refused for reason in refusal.reasons))
    if pod.may_preempt:
        found = _counted(total, (_preemption(pod, room, refusal, since_1_34) for room, refusal in refused))
    else:
        found = "not eligible due to preemptionPolicy=Never."
    claims = "no new claims to deallocate, " if since_1_34 else ""
    return f"{first} {claims}preemption: {found}"


def event_note(message: str) -> str:
    """The message as an event can carry it."""
    return message if len(message) <= EVENT_NOTE_MAX else message[: EVENT_NOTE_MAX - 4] + " ..."
