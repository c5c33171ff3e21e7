"""How many replicas does each ReplicaSet of a Deployment get next?

Every function takes the ReplicaSets as they are and says which size which of them shall have; none writes anything.
Source: pkg/controller/deployment/rolling.go (`reconcileOldReplicaSets`, `cleanupUnhealthyReplicas`,
`scaleDownOldReplicaSetsForRollingUpdate`), sync.go `scale`, util/deployment_util.go `NewRSNewReplicas`,
`GetReplicaSetProportion`, `IsSaturated`, `FindActiveOrLatest`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nodesim.controllers.deployment.revisions import by_age, desired_of, max_replicas_of
from nodesim.controllers.deployment.views import DeploymentView
from nodesim.controllers.replicaset import ReplicaSetView
from nodesim.values import value

SHARE: Final = "share"
"""Why a ReplicaSet is resized when a Deployment with several of them was scaled."""


@value
class Size:
    """A ReplicaSet shall have so many replicas; `why` in one word."""

    rs: ReplicaSetView
    replicas: int
    why: str


def replicas_of(sets: Sequence[ReplicaSetView]) -> int:
    """How many replicas they want together."""
    return sum(rs.replicas for rs in sets)


def available_in(sets: Sequence[ReplicaSetView]) -> int:
    """How many of their pods are available."""
    return sum(rs.available_replicas for rs in sets)


def active(sets: Sequence[ReplicaSetView]) -> list[ReplicaSetView]:
    """Those that want pods."""
    return [rs for rs in sets if rs.replicas > 0]


def new_size(deployment: DeploymentView, all_replicas: int, new_replicas: int) -> int:
    """The size of the new ReplicaSet, which has `new_replicas` of `all_replicas`: as many as the surge lets it."""
    if not deployment.rolling:
        return deployment.replicas
    room = deployment.replicas + deployment.max_surge - all_replicas
    return new_replicas + max(0, min(room, deployment.replicas - new_replicas)) if room > 0 else new_replicas


def old_sizes(deployment: DeploymentView, new: ReplicaSetView, old: Sequence[ReplicaSetView]) -> list[Size]:
    """Which old ReplicaSets shrink in a rolling update: first by their unhealthy pods, then as availability allows.

    What the new one's pods lack in availability is not taken from the old ones.
    """
    sets = active(old)
    if not sets:
        return []
    new_unavailable = new.replicas - new.available_replicas
    room = replicas_of([*old, new]) - deployment.min_available - new_unavailable
    if room <= 0:
        return []
    sizes: list[Size] = []
    for rs in by_age(sets):
        if room <= 0:
            break
        unhealthy = rs.replicas - rs.available_replicas
        if unhealthy < 0:
            return (
                sizes  # Its status is older than its size.  Kubernetes gives up here, and so spares the healthy ones.
            )
        if unhealthy:
            sizes.append(Size(rs, rs.replicas - min(room, unhealthy), "unhealthy"))
            room -= min(room, unhealthy)
    left = {rs.uid: rs.replicas for rs in sets} | {size.rs.uid: size.replicas for size in sizes}
    to_spare = available_in([*sets, new]) - deployment.min_available
    for rs in by_age(sets):
        count = min(left[rs.uid], max(0, to_spare))
        if count:
            sizes.append(Size(rs, left[rs.uid] - count, "available"))
            to_spare -= count
    return sizes


def scaled_sizes(deployment: DeploymentView, new: ReplicaSetView | None, old: Sequence[ReplicaSetView]) -> list[Size]:
    """The sizes after the Deployment was scaled, or while it is paused.

    One active ReplicaSet takes the whole size; if the new one is saturated, the old ones go; in a rolling update each
    gets its share.  A size that stays is in the list, too, where its annotations must follow the Deployment's.
    """
    running = active([*reversed(by_age(old)), *([new] if new is not None else [])])
    if len(running) <= 1:
        only = running[0] if running else new if new is not None else by_age(old)[-1] if old else None
        if only is None or only.replicas == deployment.replicas:
            return []
        return [Size(only, deployment.replicas, "scaled")]
    if new is not None and saturated(deployment, new):
        return [Size(rs, 0, "saturated") for rs in active(old)]
    return _shares(deployment, running) if deployment.rolling else []


def saturated(deployment: DeploymentView, rs: ReplicaSetView) -> bool:
    """It has all pods of the Deployment, all of them available, and knows that these are all."""
    wanted = deployment.replicas
    return rs.replicas == wanted and desired_of(rs) == wanted and rs.available_replicas == wanted


def _shares(deployment: DeploymentView, sets: Sequence[ReplicaSetView]) -> list[Size]:
    """Largest first, of equal ones the newer first to grow, the older first to shrink; the rest to the first."""
    allowed = deployment.replicas + deployment.max_surge if deployment.replicas > 0 else 0
    to_add = allowed - replicas_of(sets)
    ordered = list(sets)
    if to_add:
        ordered = by_age(sets)
        if to_add > 0:
            ordered.reverse()
        ordered.sort(key=lambda rs: -rs.replicas)
    added = 0
    shares: list[int] = []
    for rs in ordered:
        share = proportion(deployment, rs, to_add, added)
        added += share
        shares.append(rs.replicas + share)
    if shares and to_add:
        shares[0] = max(0, shares[0] + to_add - added)
    return [Size(rs, replicas, SHARE) for rs, replicas in zip(ordered, shares, strict=True)]


def proportion(deployment: DeploymentView, rs: ReplicaSetView, to_add: int, added: int) -> int:
    """How much a ReplicaSet grows (or shrinks) when its Deployment does, at most what is left of `to_add`."""
    if rs.replicas == 0 or to_add == 0 or to_add == added:
        return 0
    part, left = _fraction(deployment, rs), to_add - added
    return min(part, left) if to_add > 0 else max(part, left)


def _fraction(deployment: DeploymentView, rs: ReplicaSetView) -> int:
    """Its size in the proportion in which the Deployment's largest size changes, rounded half up, less its size."""
    if deployment.replicas == 0:
        return -rs.replicas
    before = max_replicas_of(rs)
    if not before:
        before = deployment.status.get("replicas") or 0
        if not before:
            return 0
    now = deployment.replicas + deployment.max_surge
    return (2 * rs.replicas * now + before) // (2 * before) - rs.replicas
