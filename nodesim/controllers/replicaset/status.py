"""What does a ReplicaSet's status say of its pods, and is there something new to write?

Only active pods count, and from 1.35 the terminating ones beside them.  The counts are those of the pods seen when the
sync began, so the status that follows a creation still has the old number (recorded).
Source: pkg/controller/replicaset/replica_set_utils.go `calculateStatus`, `updateReplicaSetStatus`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from nodesim.controllers.replicaset.views import ReplicaSetView
from nodesim.controllers.workload.pods import ManagedPod, available
from nodesim.objects import Document, whole_second

_COUNTS: Final = ("replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas")
_FAILURE: Final = "ReplicaFailure"


def new_status(
    rs: ReplicaSetView, pods: Sequence[ManagedPod], error: str, wall_us: int, terminating: int | None = None
) -> Document:
    """The status that follows from the pods; `error` is what scaling failed with, or "".  Zero counts are left out, but
    for the terminating pods where they are counted at all (not None).
    """
    labels: dict[str, str] = (rs.template.get("metadata") or {}).get("labels") or {}
    counts = {
        "fullyLabeledReplicas": sum(labels.items() <= item.pod.labels.items() for item in pods),
        "readyReplicas": sum(item.ready for item in pods),
        "availableReplicas": sum(available(item, rs.min_ready_seconds, wall_us) for item in pods),
    }
    status: Document = {"replicas": len(pods), **{name: count for name, count in counts.items() if count}}
    if terminating is not None:
        status["terminatingReplicas"] = terminating
    if rs.generation:
        status["observedGeneration"] = rs.generation
    conditions = _conditions(rs, len(pods), error, wall_us)
    if conditions:
        status["conditions"] = conditions
    return status


def _conditions(rs: ReplicaSetView, have: int, error: str, wall_us: int) -> list[dict[str, Any]]:
    """ReplicaFailure appears with the first failure, stays as it is, and goes with the first success."""
    old: list[dict[str, Any]] = list(rs.status.get("conditions") or ())
    failed = any(item.get("type") == _FAILURE for item in old)
    if not error:
        return [item for item in old if item.get("type") != _FAILURE]
    if failed:
        return old
    condition = {
        "type": _FAILURE,
        "status": "True",
        "reason": "FailedCreate" if have < rs.replicas else "FailedDelete",
        "message": error,
        "lastTransitionTime": whole_second(wall_us),
    }
    return [*old, condition]


def differs(rs: ReplicaSetView, status: Document) -> bool:
    """Is the new status worth a write?"""
    if any((rs.status.get(name) or 0) != status.get(name, 0) for name in _COUNTS):
        return True
    if (rs.status.get("observedGeneration") or 0) != rs.generation:
        return True
    if rs.status.get("terminatingReplicas") != status.get("terminatingReplicas"):
        return True
    old: list[dict[str, Any]] = rs.status.get("conditions") or []
    new: list[dict[str, Any]] = status.get("conditions") or []
    return old != new
