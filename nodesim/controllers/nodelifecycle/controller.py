"""How do the controller's loops share one actor?

The node lifecycle controller judges nodes by their heartbeats: it makes silent ones Unknown, taints what is not ready
and marks its pods.  This is its face: events in, orders out.  The loops begin when nodes, pods and leases are known:

* each node event: `node_worker` (NoSchedule taints, labels); each binding of a pod: `pod_worker`;
* every 5 s: `monitor`; every 100 ms: `zone_queues`.

Both periodic loops hang on one timer, `tick`, set to whichever is due first.  At one instant the monitor pass goes
first, then the NoExecute pass, then answers and other timers, in whatever order they arrive: what those queue at the
instant of a NoExecute pass waits for the next one.  So a pass that is left out because it had nothing to do makes no
difference.
Source: pkg/controller/nodelifecycle/node_lifecycle_controller.go `NewNodeLifecycleController`, `Run`.
"""

from __future__ import annotations

from typing import Final

from nodesim.client.events import EventRecorder
from nodesim.client.watches import WatchSpec
from nodesim.clocks import TRUE_CLOCK, Clock
from nodesim.controllers.nodelifecycle.caches import Caches
from nodesim.controllers.nodelifecycle.eviction import Eviction
from nodesim.controllers.nodelifecycle.live_lease import LiveLeases
from nodesim.controllers.nodelifecycle.monitor import Monitor
from nodesim.controllers.nodelifecycle.no_execute import TaintBased
from nodesim.controllers.nodelifecycle.node_check import Checks
from nodesim.controllers.nodelifecycle.node_worker import NodeWorker
from nodesim.controllers.nodelifecycle.node_writes import Finished, NodeWrites
from nodesim.controllers.nodelifecycle.pod_eviction import ApiInitiated, PodDeletions
from nodesim.controllers.nodelifecycle.pod_worker import PodWorker
from nodesim.controllers.nodelifecycle.pods import PodMarks
from nodesim.controllers.nodelifecycle.views import node_object, pod_object
from nodesim.controllers.nodelifecycle.zone_queues import ZoneQueues
from nodesim.controllers.nodelifecycle.zones import Zones
from nodesim.machine import Answered, CancelTimer, Changed, ProgramEffect, ProgramEvent, SetTimer, Synced, TimerFired
from nodesim.objects import LEASE_NAMESPACE, lease_view
from nodesim.profiles import Profile, Settings
from nodesim.streams import Streams

ACTOR: Final = "node-controller"
"""Its name as an actor, as an API client and in its events."""


class NodeLifecycleController:
    """The program of the actor `node-controller`.

    With `skip_quiet` off, every pass looks at every node and the NoExecute pass runs every 100 ms: the same effects at
    the same instants, for more time.  One that is there when a run begins is `ahead_us` further in its passes than one
    that starts then.
    """

    def __init__(
        self,
        settings: Settings,
        profile: Profile,
        *,
        streams: Streams,
        skip_quiet: bool = True,
        ahead_us: int = 0,
        clock: Clock = TRUE_CLOCK,
    ) -> None:
        events = EventRecorder(ACTOR, clock)
        self._caches = Caches()
        self.watches: Final = (
            WatchSpec("nodes", node_object),
            WatchSpec("pods", pod_object),
            WatchSpec("leases", lease_view, namespace=LEASE_NAMESPACE, renewed=self._caches.lease_renewed),
        )
        self._writes = NodeWrites(streams.stream(f"{ACTOR}/taint-backoff"), clock)
        self._marks = PodMarks(events, clock)
        self._deletions = PodDeletions(events)
        eviction: Eviction = TaintBased(self._caches, self._writes)
        if settings.eviction_mode == "api-initiated":
            eviction = ApiInitiated(settings, self._caches, self._deletions, clock)
        self._queues = ZoneQueues(settings, skip_quiet, eviction.act)
        checks = Checks(
            settings,
            profile.no_execute_on_observed_condition,
            self._caches,
            Zones(settings),
            self._queues,
            eviction,
            self._writes,
            self._marks,
            events,
            clock,
            LiveLeases(self._caches) if profile.live_lease_check else None,
        )
        self._retry = checks.retry
        self._monitor = Monitor(checks, profile.monitor_workers, skip_quiet, ahead_us)
        self._node_worker = NodeWorker(self._caches, self._writes)
        self._pod_worker = PodWorker(self._caches, self._marks, checks.health, eviction)
        self._unsynced = {watch.resource for watch in self.watches}
        self._running = False
        self._tick_us: int | None = None

    def handle(self, event: ProgramEvent, now_us: int) -> list[ProgramEffect]:
        """One event in, the orders that follow from it out."""
        out: list[ProgramEffect] = []
        kind = type(event)
        if kind is Changed:
            assert isinstance(event, Changed)
            if event.resource == "leases":
                self._caches.lease_changed(event.old, event.new)
            else:
                self._changed(event, now_us, out)
            return out
        if self._running and kind in (Answered, TimerFired):
            self._catch_up(now_us, out)
        if kind is Answered:
            assert isinstance(event, Answered)
            self._answered(event, now_us, out)
        elif kind is TimerFired:
            assert isinstance(event, TimerFired)
            self._timer_fired(event, now_us, out)
        elif kind is Synced:
            assert isinstance(event, Synced)
            self._synced(event.resource, now_us, out)
        if self._running:
            self._set_tick(now_us, out)
        return out

    def _changed(self, event: Changed, now_us: int, out: list[ProgramEffect]) -> None:
        if event.resource == "nodes":
            self._caches.node_changed(event.key, event.new)
            if event.new is None:
                self._retry.discard(event.key)
            elif self._running:
                self._node_worker.add(event.key, now_us, out)
        else:
            self._caches.pod_changed(event.key, event.new)
            # Before the first pass no node has a saved health, so pods of the first list would be passed over anyway.
            if self._running:
                self._pod_worker.pod_changed(event.key, event.old, event.new, now_us, out)

    def _synced(self, resource: str, now_us: int, out: list[ProgramEffect]) -> None:
        self._unsynced.discard(resource)
        if self._running or self._unsynced:
            return
        self._running = True
        for name in sorted(self._caches.nodes):
            self._node_worker.add(name, now_us, out)
        self._queues.start(now_us)
        self._monitor.next_us = now_us
        self._tick(now_us, out)

    def _answered(self, event: Answered, now_us: int, out: list[ProgramEffect]) -> None:
        match event.tag:
            case ("health", str(name)):
                self._monitor.answered(name, event, now_us, out)
            case ("node-write", int(number)):
                finished = self._writes.answered(number, event, now_us, out)
                if finished is not None:
                    self._written(finished, now_us, out)
            case ("evict", int(number)):
                finished = self._deletions.answered(number, event, now_us, out)
                if finished is not None and finished.owner[0] == "no-execute":
                    self._queues.acted(finished.owner[1], finished.ok, now_us, out)
            case ("pod-status", int(number)):
                finished = self._marks.answered(number, event, now_us, out)
                if finished is not None and finished.owner[0] == "pod":
                    self._pod_worker.marked(finished.owner[1], finished.ok, now_us, out)
                elif finished is not None:
                    self._monitor.marked(finished, now_us, out)
            case _:
                pass  # Answers to events; nobody waits for them.

    def _written(self, finished: Finished, now_us: int, out: list[ProgramEffect]) -> None:
        owner, name = finished.owner
        if owner == "worker-taints":
            self._node_worker.taints_written(name, now_us, out)
        elif owner == "worker-labels":
            self._node_worker.labels_written(name, now_us, out)
        elif owner == "no-execute":
            self._queues.acted(name, finished.ok, now_us, out)
        else:
            self._monitor.written(finished, now_us, out)

    def _timer_fired(self, event: TimerFired, now_us: int, out: list[ProgramEffect]) -> None:
        match event.key:
            case ("health", str(name)):
                self._monitor.try_again(name, now_us, out)
            case ("node-write", int(number)):
                self._writes.try_again(number, out)
            case ("pod-retry", str(key)):
                self._pod_worker.add(key, now_us, out)
            case _:
                pass  # The tick, which had its turn already.

    def _catch_up(self, now_us: int, out: list[ProgramEffect]) -> None:
        if self._tick_us is not None and self._tick_us <= now_us:
            self._tick_us = None
            self._tick(now_us, out)
        self._queues.pass_over(now_us)

    def _tick(self, now_us: int, out: list[ProgramEffect]) -> None:
        if self._monitor.next_us is not None and self._monitor.next_us <= now_us:
            self._monitor.begin(now_us, out)
        due_us = self._queues.next_us(now_us)
        if due_us is not None and due_us <= now_us:
            self._queues.begin(now_us, out)

    def _set_tick(self, now_us: int, out: list[ProgramEffect]) -> None:
        instants = [at_us for at_us in (self._monitor.next_us, self._queues.next_us(now_us)) if at_us is not None]
        wanted_us = min(instants, default=None)
        if wanted_us == self._tick_us:
            return
        self._tick_us = wanted_us
        # Before all else, and without a cause even behind a record of the client's: a tick is nobody's consequence.
        out.insert(0, CancelTimer("tick") if wanted_us is None else SetTimer("tick", wanted_us, caused=None))
