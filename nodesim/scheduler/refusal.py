"""How does the scheduler tell why a pod fits nowhere?

`0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu. ...`, then what preemption found.

Sources: pkg/scheduler/framework/types.go (`FitError.Error`), pkg/scheduler/framework/preemption/preemption.go
(`Preempt`); the end of the message as kube-scheduler 1.34 was seen to write it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from nodesim.profiles import Profile
from nodesim.scheduler.cluster import NodeRoom
from nodesim.scheduler.preemption import Finding
from nodesim.scheduler.rules import Refusal

NO_NODES: Final = "no nodes available to schedule pods"

EVENT_NOTE_MAX: Final = 1024
"""Longer texts are cut in events (`NoteLengthLimit`), not in the pod's condition."""


def _counted(total: int, reasons: Iterable[str]) -> str:
    # Kubernetes sorts the finished texts, so that "10 x" stands before "2 y".
    parts = sorted(f"{count} {reason}" for reason, count in Counter(reasons).items())
    return f"0/{total} nodes are available: {', '.join(parts)}."


def explain(refused: Sequence[tuple[NodeRoom, Refusal]], finding: Finding, profile: Profile) -> str:
    """The message of a pod that every node refused, and of what preemption found.

    Where victims were found it says nothing of preemption.
    """
    total = len(refused)
    first = _counted(total, (reason for _, refusal in refused for reason in refusal.reasons))
    if finding.chosen is not None:
        return first
    found = finding.ineligible or _counted(total, (reason for reasons in finding.reasons for reason in reasons))
    claims = "no new claims to deallocate, " if profile.claims_in_message else ""
    return f"{first} {claims}preemption: {found}"


def event_note(message: str) -> str:
    """The message as an event can carry it."""
    return message if len(message) <= EVENT_NOTE_MAX else message[: EVENT_NOTE_MAX - 4] + " ..."
