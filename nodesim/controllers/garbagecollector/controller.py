"""When does the garbage collector act?

It watches the metadata of every resource and keeps the graph of who owns whom (`graph.py`).  A change that calls for
something is acted on in the same turn (`attempts.py`): one attempt an object at a time, and another one after it where
its turn came again meanwhile; after an error again in 5 ms, 10 ms, 20 ms, ..., at most 1000 s.  Nothing is attempted
before every cache is filled.

Known differences: Kubernetes' 20 workers; new kinds are found every 30 s; events are never looked at (as there).
Source: pkg/controller/garbagecollector/garbagecollector.go `Run`, `attemptToDeleteWorker`, `attemptToOrphanWorker`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nodesim.apiserver.registry import RESOURCES, Resource
from nodesim.client.watches import WatchSpec
from nodesim.controllers.garbagecollector.attempts import Attempt
from nodesim.controllers.garbagecollector.graph import Graph
from nodesim.controllers.garbagecollector.views import view_of
from nodesim.controllers.workload.queue import SyncQueue
from nodesim.controllers.workload.script import Sync
from nodesim.machine import Answered, Changed, ProgramEffect, ProgramEvent, Synced, TimerFired

ACTOR: Final = "garbage-collector"


class GarbageCollector:
    """The program of the actor `garbage-collector`; `more` are resources that nothing models."""

    def __init__(self, more: Sequence[Resource] = ()) -> None:
        watched = [resource for resource in (*RESOURCES, *more) if resource.collected]
        self.watches: Final = tuple(WatchSpec(each.name, view_of(each), steady=True) for each in watched)
        self._served: Final = {resource.name: None for resource in (*RESOURCES, *more)}
        self._graph = Graph()
        self._queue = SyncQueue(self._begin)
        self._unsynced = {watch.resource for watch in self.watches}

    def __repr__(self) -> str:
        return f"<GarbageCollector objects={len(self._graph.nodes)} running={self._queue.running}>"

    def handle(self, event: ProgramEvent, now_us: int) -> list[ProgramEffect]:
        """One event in, the orders that follow from it out."""
        effects: list[ProgramEffect] = []
        if isinstance(event, Changed):
            self._graph.changed(event.old, event.new)
        elif isinstance(event, Answered):
            effects += self._queue.answered(event, now_us)
        elif isinstance(event, TimerFired):
            effects += self._queue.fired(event, now_us)
        elif isinstance(event, Synced):
            self._unsynced.discard(event.resource)
        while not self._unsynced and (keys := self._graph.take_attempts()):
            effects += self._queue.add(keys, now_us)
        return effects

    def _begin(self, key: str, now_us: int) -> Sync | None:
        node = self._graph.nodes.get(key.partition("/")[2])
        return None if node is None else Attempt(key, node, self._graph, self._served, now_us)
