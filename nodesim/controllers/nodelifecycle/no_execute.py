"""Which node gets its NoExecute taint next?

Every 100 ms a pass goes through the zones' queues and taints the nodes for which there is a token.  A pass that must
wait for the API slides: the next begins 100 ms after its end.

How it works.  Most passes change nothing: a queue is empty, or its bucket is.  With `skip_quiet` those are not run; the
next pass is put on the first point of the same 100 ms grid at which a bucket with waiting nodes has its token.  A pass
in between would only have asked an empty bucket, which leaves no trace in it.
Source: pkg/controller/nodelifecycle/node_lifecycle_controller.go `doNoExecuteTaintingPass`.
"""

from __future__ import annotations

from typing import Final

import attrs

from nodesim.controllers.nodelifecycle.caches import Caches
from nodesim.controllers.nodelifecycle.node_writes import NodeWrites
from nodesim.controllers.nodelifecycle.rate_limited_queue import RateLimitedTimedQueue, TokenBucket
from nodesim.controllers.nodelifecycle.taints import NO_EXECUTE_KEYS, no_execute_steps
from nodesim.machine import ProgramEffect, Record
from nodesim.objects import zone_name
from nodesim.profiles import Settings
from nodesim.units import MILLISECOND

NO_READY_WAIT_US: Final = 50 * MILLISECOND
"""How long a node without Ready condition is put back."""


@attrs.define
class NoExecute:
    """The zones' queues, and the pass that empties them."""

    settings: Settings
    caches: Caches
    writes: NodeWrites
    skip_quiet: bool
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
        """Run a pass, which ends now or with a later `written`."""
        self._running = True
        self._began_us = now_us
        self._zones_left = sorted(self._queues)
        self._go_on(now_us, out)

    def written(self, name: str, ok: bool, now_us: int, out: list[ProgramEffect]) -> None:
        """The taints of the node at hand are written, or could not be: then it is tried again."""
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
            elif self._act(self._queue, name, now_us, out):
                return
        self._running = False
        self._after_us = now_us
        if now_us > self._began_us:
            self._grid_us = now_us + self.settings.no_execute_period_us
            self._after_us = self._grid_us - 1

    def _act(self, queue: RateLimitedTimedQueue, name: str, now_us: int, out: list[ProgramEffect]) -> bool:
        """Begin to taint a node; False if there is nothing to wait for.  The token is spent either way."""
        self._attempted_us = now_us
        node = self.caches.nodes.get(name)
        ready = node.ready if node is not None else None
        if node is not None and ready in ("False", "Unknown"):
            fields = {"zone": zone_name(self._zone), "taint": NO_EXECUTE_KEYS[ready][0]}
            out.append(Record("TaintGranted", f"Node/{name}", fields))
            self.writes.start(name, no_execute_steps(node, ready, now_us), ("no-execute", name), out)
            return True
        why = "NodeGone" if node is None else "NodeReady" if ready else "NoReadyCondition"
        out.append(Record("TaintSkipped", f"Node/{name}", {"zone": zone_name(self._zone), "why": why}))
        if node is not None and ready is None:
            queue.failed(name, now_us, NO_READY_WAIT_US)
        else:
            queue.succeeded(name)
        return False
