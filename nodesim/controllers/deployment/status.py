"""What does a Deployment's status say, and does its rollout make progress?

Only the ReplicaSets' own statuses are counted.  Three conditions: Available (enough pods for maxUnavailable),
Progressing (created, progressing, complete, or nothing for progressDeadlineSeconds), ReplicaFailure (a ReplicaSet's).
Source: pkg/controller/deployment/sync.go `calculateStatus`, progress.go `syncRolloutStatus`, `requeueStuckDeployment`,
util/deployment_util.go `SetDeploymentCondition`, `DeploymentComplete`, `DeploymentProgressing`, `DeploymentTimedOut`,
`GetTerminatingReplicaCountForReplicaSets` (from 1.35, where the ReplicaSets say how many they have).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from nodesim.controllers.deployment.views import DeploymentView
from nodesim.controllers.replicaset import ReplicaSetView
from nodesim.objects import Document, find_condition, whole_second
from nodesim.units import MILLISECOND, SECOND

PROGRESSING: Final = "Progressing"
AVAILABLE: Final = "Available"
FAILURE: Final = "ReplicaFailure"
COMPLETE: Final = "NewReplicaSetAvailable"
TIMED_OUT: Final = "ProgressDeadlineExceeded"

_FIRST_RETRY_US: Final = 5 * MILLISECOND
"""A look that is due in less than a second is taken as if a sync had failed for the first time."""

_COUNTS: Final = (
    "observedGeneration",
    "replicas",
    "updatedReplicas",
    "readyReplicas",
    "availableReplicas",
    "unavailableReplicas",
)


def condition(type_: str, status: str, reason: str, message: str, wall_us: int) -> dict[str, Any]:
    """A condition that is new now."""
    now = whole_second(wall_us)
    times = {"lastUpdateTime": now, "lastTransitionTime": now}
    return {"type": type_, "status": status, **times, "reason": reason, "message": message}


def with_condition(status: Document, made: dict[str, Any]) -> Document:
    """The status with a condition, at the end; one with the same status and reason stays as it is."""
    held = find_condition(status, made["type"])
    if held is not None and held.get("status") == made["status"]:
        if held.get("reason") == made["reason"]:
            return status
        made = {**made, "lastTransitionTime": held.get("lastTransitionTime")}
    others = without_condition(status, made["type"])
    return {**others, "conditions": [*(others.get("conditions") or ()), made]}


def without_condition(status: Document, type_: str) -> Document:
    """The status without the condition of this type."""
    return {**status, "conditions": [item for item in status.get("conditions") or () if item["type"] != type_]}


def counted_status(
    deployment: DeploymentView,
    status: Document,
    sets: Sequence[ReplicaSetView],
    new: ReplicaSetView | None,
    wall_us: int,
    *,
    terminating: bool = False,
) -> Document:
    """The counts of the ReplicaSets and the condition Available; `status` is the one before.  Zeros are left out.

    From 1.35 the terminating pods are counted (`terminating`).
    """
    available = _total(sets, "availableReplicas")
    counts = {
        "observedGeneration": deployment.generation,
        "replicas": _total(sets, "replicas"),
        "updatedReplicas": _total([new] if new is not None else [], "replicas"),
        "readyReplicas": _total(sets, "readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": max(0, sum(rs.replicas for rs in sets) - available),
    }
    made: Document = {name: count for name, count in counts.items() if count}
    if status.get("collisionCount") is not None:
        made["collisionCount"] = status["collisionCount"]
    going = _terminating(sets) if terminating else None
    if going is not None:
        made["terminatingReplicas"] = going
    made["conditions"] = list(status.get("conditions") or ())
    if available >= deployment.min_available:
        text = "Deployment has minimum availability."
        return with_condition(made, condition(AVAILABLE, "True", "MinimumReplicasAvailable", text, wall_us))
    text = "Deployment does not have minimum availability."
    return with_condition(made, condition(AVAILABLE, "False", "MinimumReplicasUnavailable", text, wall_us))


def _terminating(sets: Sequence[ReplicaSetView]) -> int | None:
    """The sum of their terminating pods; None if one that was synced does not count its own."""
    total = 0
    for rs in sets:
        count = rs.status.get("terminatingReplicas")
        if count is not None:
            total += count
        elif rs.status.get("observedGeneration"):
            return None
    return total


def _total(sets: Sequence[ReplicaSetView], name: str) -> int:
    return sum(rs.status.get(name) or 0 for rs in sets)


def rollout_status(
    deployment: DeploymentView,
    status: Document,
    sets: Sequence[ReplicaSetView],
    new: ReplicaSetView | None,
    wall_us: int,
    *,
    terminating: bool = False,
) -> Document:
    """The status during a rollout: the counts, Progressing as it is judged now, and a ReplicaSet's failure."""
    made = counted_status(deployment, status, sets, new, wall_us, terminating=terminating)
    held = find_condition(status, PROGRESSING)
    if deployment.deadline_seconds is None:
        made = without_condition(made, PROGRESSING)
    elif not (
        held is not None
        and held.get("reason") == COMPLETE
        and made.get("replicas", 0) == made.get("updatedReplicas", 0)
    ):
        made = _judged(deployment, status, made, new, wall_us)
    failure = _failure(sets, new)
    return without_condition(made, FAILURE) if failure is None else with_condition(made, failure)


def _judged(
    deployment: DeploymentView, before: Document, made: Document, new: ReplicaSetView | None, wall_us: int
) -> Document:
    """Progressing of a rollout that was not complete before."""
    whose = f'ReplicaSet "{new.name}"' if new is not None else f'Deployment "{deployment.name}"'
    if complete(deployment, made):
        text = f"{whose} has successfully progressed."
        return with_condition(made, condition(PROGRESSING, "True", COMPLETE, text, wall_us))
    if progressed(before, made):
        held = find_condition(before, PROGRESSING)
        moved = condition(PROGRESSING, "True", "ReplicaSetUpdated", f"{whose} is progressing.", wall_us)
        if held is not None and held.get("status") == "True":
            moved["lastTransitionTime"] = held.get("lastTransitionTime")
        # The same reason again, too: each step of progress puts the deadline off.
        return with_condition(without_condition(made, PROGRESSING), moved)
    if timed_out(deployment, made, wall_us):
        text = f"{whose} has timed out progressing."
        return with_condition(made, condition(PROGRESSING, "False", TIMED_OUT, text, wall_us))
    return made


def complete(deployment: DeploymentView, status: Document) -> bool:
    """All pods are of the new template and available, and no old ones are left."""
    counts = ("updatedReplicas", "replicas", "availableReplicas")
    return (
        all((status.get(name) or 0) == deployment.replicas for name in counts)
        and (status.get("observedGeneration") or 0) >= deployment.generation
    )


def progressed(before: Document, made: Document) -> bool:
    """More updated, ready or available pods than before, or fewer old ones."""

    def count(status: Document, name: str) -> int:
        return status.get(name) or 0

    old_before = count(before, "replicas") - count(before, "updatedReplicas")
    old_now = count(made, "replicas") - count(made, "updatedReplicas")
    risen = ("updatedReplicas", "readyReplicas", "availableReplicas")
    return old_now < old_before or any(count(made, name) > count(before, name) for name in risen)


def timed_out(deployment: DeploymentView, status: Document, wall_us: int) -> bool:
    """Nothing moved for longer than progressDeadlineSeconds."""
    held = find_condition(status, PROGRESSING)
    if held is None or deployment.deadline_seconds is None or held.get("reason") == COMPLETE:
        return False
    if held.get("reason") == TIMED_OUT:
        return True
    return (held.get("lastUpdateTime") or 0) + deployment.deadline_seconds * SECOND < wall_us


def _failure(sets: Sequence[ReplicaSetView], new: ReplicaSetView | None) -> dict[str, Any] | None:
    """The ReplicaFailure of the new ReplicaSet, else of the first that has one."""
    for rs in [*([new] if new is not None else []), *sets]:
        held = find_condition(rs.status, FAILURE)
        if held is not None:
            since = held.get("lastTransitionTime")
            times = {"lastUpdateTime": since, "lastTransitionTime": since}
            return {"type": FAILURE, "status": held["status"], **times} | {
                name: held.get(name) or "" for name in ("reason", "message")
            }
    return None


def look_again_us(deployment: DeploymentView, status: Document, made: Document, wall_us: int) -> int | None:
    """When to look whether a rollout that stands still has timed out; None: there is nothing to wait for."""
    held = find_condition(status, PROGRESSING)
    if deployment.deadline_seconds is None or held is None:
        return None
    if complete(deployment, made) or held.get("reason") == TIMED_OUT:
        return None
    after_us = (held.get("lastUpdateTime") or 0) + deployment.deadline_seconds * SECOND - wall_us
    return wall_us + (_FIRST_RETRY_US if after_us < SECOND else after_us + SECOND)


def differs(status: Document, made: Document) -> bool:
    """Is the new status worth a write?"""
    if any((status.get(name) or 0) != (made.get(name) or 0) for name in _COUNTS):
        return True
    if any(status.get(name) != made.get(name) for name in ("collisionCount", "terminatingReplicas")):
        return True
    return (status.get("conditions") or []) != (made.get("conditions") or [])
