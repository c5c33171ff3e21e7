"""Whose turn is it to be evicted, and when?

Every 100 ms a pass goes through the zones' queues and acts on the nodes for which there is a token: they get their
NoExecute taint or, as `api-initiated`, their pods are deleted.  A pass that must wait for the API slides: the next
begins 100 ms after its end.

How it works.  Most passes change nothing: a queue is empty, or its bucket is.  With `skip_quiet` those are not run; the
next pass is put on the first point of the same 100 ms grid at which a bucket with waiting nodes has its token.  A pass
in between would only have asked an empty bucket, which leaves no trace in it.
Source: pkg/controller/nodelifecycle/node_lifecycle_controller.go `doNoExecuteTaintingPass`, before 1.27 also
`doEvictionPass`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import attrs

from nodesim.controllers.nodelifecycle.rate_limited_queue import RateLimitedTimedQueue, TokenBucket
from nodesim.machine import ProgramEffect
from nodesim.profiles import Settings

Act: TypeAlias = Callable[[str, RateLimitedTimedQueue, str, int, list[ProgramEffect]], bool]
"""(zone, its queue, node, now, effects) -> is there something to wait for, until `ZoneQueues.acted` is called?  If not,
the queue was told already what became of the node.  The token is spent either way."""


@attrs.define
class ZoneQueues:
    """The zones' queues, and the pass that empties them."""

    settings: Settings
    skip_quiet: bool
    act: Act
    _queues: dict[str, RateLimitedTimedQueue] = attrs.field(factory=dict, init=False)
    _grid_us: int = attrs.field(default=0, init=False)
    """A point of the grid: the start, or a period after the end of the last pass that took time."""
    _after_us: int = attrs.field(default=-1, init=False)
    """The next pass is later than this."""
    _running: bool = attrs.field(default=False, init=False)
    _zones_left: list[str] = attrs.field(factory=list, init=False)
    _queue: RateLimitedTimedQueue | None = attrs.field(default=None, init=False)
    """The queue that the running pass is at; kept here, as its zone may get a new one meanwhile."""
    _zone: str = attrs.field(default="", init=False)
    _began_us: int = attrs.field(default=0, init=False)
    _attempted_us: int = attrs.field(default=0, init=False)

    def start(self, now_us: int) -> None:
        """The first pass is now."""
        self._grid_us = now_us
        self._after_us = now_us - 1

    def add_zone(self, zone: str, now_us: int) -> None:
        """Give a zone a new queue, with the normal rate and its token; nodes in an older queue of it are forgotten."""
        self._queues[zone] = RateLimitedTimedQueue(TokenBucket(self.settings.node_eviction_rate_milli, now_us))

    def queue(self, zone: str, now_us: int) -> RateLimitedTimedQueue:
        """A zone's queue.  A node read again during a pass may be in a zone that has none yet."""
        if zone not in self._queues:
            self.add_zone(zone, now_us)
        return self._queues[zone]

    def next_us(self, now_us: int) -> int | None:
        """When the next pass is due; None while one runs, or if none would change anything."""
        if self._running:
            return None
        earliest_us = self._after_us + 1
        if self.skip_quiet:
            instants = [at_us for queue in self._queues.values() if (at_us := queue.acts_us()) is not None]
            if not instants:
                return None
            earliest_us = max(earliest_us, now_us, min(instants))
        period_us = self.settings.no_execute_period_us
        return self._grid_us + -((self._grid_us - earliest_us) // period_us) * period_us

    def pass_over(self, now_us: int) -> None:
        """What is queued from here on is too late for a pass now."""
        self._after_us = max(self._after_us, now_us)

    def begin(self, now_us: int, out: list[ProgramEffect]) -> None:
        """Run a pass, which ends now or with a later `acted`."""
        self._running = True
        self._began_us = now_us
        self._zones_left = sorted(self._queues)
        self._go_on(now_us, out)

    def acted(self, name: str, ok: bool, now_us: int, out: list[ProgramEffect]) -> None:
        """What was begun with the node at hand is done, or could not be: then it is tried again."""
        assert self._queue is not None
        if ok:
            self._queue.succeeded(name)
        else:
            self._queue.failed(name, self._attempted_us, 0)
        self._go_on(now_us, out)

    def _go_on(self, now_us: int, out: list[ProgramEffect]) -> None:
        while True:
            if self._queue is None:
                if not self._zones_left:
                    break
                self._zone = self._zones_left.pop(0)
                self._queue = self._queues[self._zone]
            name = self._queue.attempt(now_us)
            if name is None:
                self._queue = None
                continue
            self._attempted_us = now_us
            if self.act(self._zone, self._queue, name, now_us, out):
                return
        self._running = False
        self._after_us = now_us
        if now_us > self._began_us:
            self._grid_us = now_us + self.settings.no_execute_period_us
            self._after_us = self._grid_us - 1
