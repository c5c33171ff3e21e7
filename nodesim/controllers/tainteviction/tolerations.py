"""For how long may a pod stay on a node with these NoExecute taints?

Of each taint the FIRST matching toleration in the pod's list counts, not the longest.  Of those used, the shortest
time counts; one finite toleration among infinite ones decides.
Sources: pkg/apis/core/v1/helper `GetMatchingTolerations`; pkg/controller/tainteviction/taint_eviction.go
`getMinTolerationTime`, `processPodOnNode`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from nodesim.objects import Taint, Toleration
from nodesim.values import value

FOR_EVER: Final = -1
"""The toleration time that never ends."""


@value
class Judgement:
    """How long a pod may stay: `seconds` (0: not at all, FOR_EVER) and the taint that decides so, if any."""

    tolerated: bool
    """False where a taint has no matching toleration at all."""
    seconds: int
    taint: Taint | None


def min_toleration_time(tolerations: Sequence[Toleration]) -> int:
    """Seconds of the shortest of these tolerations: 0 for none or a time not above zero, FOR_EVER if all are infinite.

    Source: taint_eviction.go `getMinTolerationTime`.
    """
    if not tolerations:
        return 0
    finite = [toleration.seconds for toleration in tolerations if toleration.seconds is not None]
    return max(min(finite), 0) if finite else FOR_EVER


def judge(taints: Iterable[Taint], tolerations: Sequence[Toleration]) -> Judgement:
    """How long a pod with these tolerations may stay under these NoExecute taints.

    Source: `GetMatchingTolerations`, then `getMinTolerationTime` over the tolerations that were used.
    """
    used: list[Toleration] = []
    decider: Taint | None = None
    shortest: int | None = None
    for taint in taints:
        toleration = next((item for item in tolerations if item.tolerates(taint)), None)
        if toleration is None:
            return Judgement(tolerated=False, seconds=0, taint=taint)
        used.append(toleration)
        if toleration.seconds is not None and (shortest is None or toleration.seconds < shortest):
            decider, shortest = taint, toleration.seconds
    return Judgement(tolerated=True, seconds=min_toleration_time(used), taint=decider)
