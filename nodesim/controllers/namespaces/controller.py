"""When is a terminating namespace emptied?

5 s after its deletion was asked for (so that all servers know of it), and after that whenever what was left may have
gone: after half of the estimated time and a second.  Errors wait 5 ms, doubled each time, at most 60 s.
Source: pkg/controller/namespace/namespace_controller.go `enqueueNamespace`, `worker`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nodesim.apiserver.registry import RESOURCES, Resource
from nodesim.client.watches import WatchSpec
from nodesim.clocks import TRUE_CLOCK, Clock
from nodesim.controllers.namespaces.emptying import Emptying
from nodesim.controllers.workload.queue import Backoff, SyncQueue
from nodesim.controllers.workload.script import Sync
from nodesim.machine import Answered, Changed, ProgramEffect, ProgramEvent, TimerFired
from nodesim.objects import Document
from nodesim.profiles import Profile
from nodesim.units import MILLISECOND, SECOND

ACTOR: Final = "namespace-controller"
GRACE_US: Final = 5 * SECOND
"""namespaceDeletionGracePeriod."""
_BACKOFF: Final = Backoff(first_us=5 * MILLISECOND, max_us=60 * SECOND)


def _is_terminating(document: Document) -> bool:
    return document["metadata"].get("deletionTimestamp") is not None


class NamespaceController:
    """The program of the actor `namespace-controller`; `more` are resources that nothing models."""

    watches: tuple[WatchSpec, ...] = (WatchSpec("namespaces", _is_terminating),)

    def __init__(self, profile: Profile, more: Sequence[Resource] = (), *, clock: Clock = TRUE_CLOCK) -> None:
        self._clock = clock
        self._resources: Final = tuple(resource.name for resource in (*RESOURCES, *more) if resource.namespaced)
        self._pods_first = profile.namespace_pods_first
        self._terminating: dict[str, None] = {}
        self._queue = SyncQueue(self._begin, backoff=_BACKOFF)

    def __repr__(self) -> str:
        return f"<NamespaceController terminating={sorted(self._terminating)}>"

    def handle(self, event: ProgramEvent, now_us: int) -> list[ProgramEffect]:
        """One event in, the orders that follow from it out."""
        if isinstance(event, Changed):
            return self._changed(event, now_us)
        if isinstance(event, Answered):
            return self._queue.answered(event, now_us)
        if isinstance(event, TimerFired):
            return self._queue.fired(event, now_us)
        return []

    def _changed(self, event: Changed, now_us: int) -> list[ProgramEffect]:
        if event.new is None:
            self._terminating.pop(event.key, None)
        elif event.new:
            self._terminating[event.key] = None
            return self._queue.add_at(event.key, now_us + GRACE_US)
        return []

    def _begin(self, key: str, now_us: int) -> Sync | None:
        if key not in self._terminating:
            return None
        return Emptying(key, self._resources, pods_first=self._pods_first, now_us=now_us, clock=self._clock)
