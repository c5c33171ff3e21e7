"""When does the pod garbage collector look, and what does it do in one run?

A run every 20 s, counted from the end of the one before, on the pods and nodes that the caches hold at its beginning:

1. pods that have ended, beyond the threshold: all at once;
2. terminating pods on nodes out of service (versions that know the taint): all at once;
3. orphans.  A pod names a node that is not there: the name waits 40 s.  Names that have waited are asked for at the API
   server, one after another; where the answer is NotFound, each pod of that node goes, one after another.  Any other
   answer means: wait again;
4. terminating pods that no node has: one after another.

A pod that keeps a finalizer is marked and stays, and is deleted again by every run.  No events are written.
Source: pkg/controller/podgc/gc_controller.go `Run`, `gc`, `gcOrphaned`, `discoverDeletedNodes`.  Pods go in name
order where Kubernetes has none.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

import attrs

from nodesim.client.watches import WatchSpec
from nodesim.clocks import TRUE_CLOCK, Clock
from nodesim.controllers.podgc.quarantine import Quarantine
from nodesim.controllers.podgc.removal import Removal
from nodesim.controllers.podgc.rules import out_of_service, terminated, unscheduled_terminating
from nodesim.controllers.podgc.views import CollectedNode, CollectedPod, collected_node, collected_pod
from nodesim.controllers.unordered import in_any_order
from nodesim.controllers.workload.caches import keep
from nodesim.machine import Answered, Call, Changed, ProgramEffect, ProgramEvent, Record, SetTimer, Synced, TimerFired
from nodesim.messages import Get
from nodesim.profiles import Profile, Settings
from nodesim.units import SECOND

ACTOR: Final = "pod-garbage-collector"
"""Its name as an actor and as an API client."""
PERIOD_US: Final = 20 * SECOND
"""gcCheckPeriod."""


@attrs.define
class _Run:
    """One run: what it saw when it began, and what it still has to do."""

    pods: list[CollectedPod]
    nodes: dict[str, CollectedNode]
    stage: int = 0
    waiting: deque[Removal] = attrs.field(factory=deque)
    """To be removed one after another."""
    working: dict[int, Removal] = attrs.field(factory=dict)
    asking: deque[str] = attrs.field(factory=deque)
    """Nodes to ask for, the first of them now."""
    gone: dict[str, None] = attrs.field(factory=dict)


class PodGarbageCollector:
    """The program of the actor `pod-garbage-collector`.

    One that is there when a run begins is `ahead_us` further in its rhythm than one that starts then.
    """

    def __init__(self, settings: Settings, profile: Profile, *, ahead_us: int = 0, clock: Clock = TRUE_CLOCK) -> None:
        self.watches: Final = (WatchSpec("pods", collected_pod), WatchSpec("nodes", collected_node, steady=True))
        self._threshold = settings.terminated_pod_gc_threshold
        self._profile = profile
        self._clock = clock
        self._ahead_us = ahead_us % PERIOD_US
        self._pods: dict[str, CollectedPod] = {}
        self._nodes: dict[str, CollectedNode] = {}
        self._quarantine = Quarantine()
        self._unsynced = {watch.resource for watch in self.watches}
        self._run: _Run | None = None
        self._removals = 0

    def __repr__(self) -> str:
        return f"<PodGarbageCollector pods={len(self._pods)} {self._quarantine} running={self._run is not None}>"

    def handle(self, event: ProgramEvent, now_us: int) -> list[ProgramEffect]:
        """One event in, the orders that follow from it out."""
        if isinstance(event, Changed):
            if event.resource == "pods":
                keep(self._pods, event.key, event.new)
            else:
                keep(self._nodes, event.key, event.new)
            return []
        if isinstance(event, Answered):
            return self._answered(event, now_us)
        if isinstance(event, TimerFired):
            return self._begin(now_us)
        if isinstance(event, Synced):
            self._unsynced.discard(event.resource)
            return [] if self._unsynced else self._begin(now_us)
        return []

    def _begin(self, now_us: int) -> list[ProgramEffect]:
        self._run = _Run([self._pods[key] for key in in_any_order(self._pods)], dict(self._nodes))
        return self._go_on(self._run, now_us)

    def _go_on(self, run: _Run, now_us: int) -> list[ProgramEffect]:
        """Begin whatever is next; plan the next run when nothing is left."""
        effects: list[ProgramEffect] = []
        while not run.working and not run.asking:
            if run.waiting:
                effects += self._start(run, run.waiting.popleft(), now_us)
                continue
            run.stage += 1
            if run.stage == 1:
                effects += self._all_at_once(run, terminated(run.pods, self._threshold), "terminated", now_us)
            elif run.stage == 2 and self._profile.out_of_service:
                # This stage alone reads the cache as it is now.
                effects += self._all_at_once(run, out_of_service(run.pods, self._nodes), "out of service", now_us)
            elif run.stage == 3:
                effects += self._look_for_orphans(run, now_us)
            elif run.stage == 4:
                orphans = (pod for pod in run.pods if pod.node in run.gone)
                run.waiting += self._removals_of(orphans, "node gone")
            elif run.stage == 5:
                run.waiting += self._removals_of(unscheduled_terminating(run.pods), "unscheduled")
            elif run.stage > 5:
                self._run = None
                period_us, self._ahead_us = PERIOD_US - self._ahead_us, 0
                # Before all else: behind a record the timer would take it as its cause.
                return [SetTimer("run", now_us + period_us), *effects]
        return effects

    def _removals_of(self, pods: Iterable[CollectedPod], why: str) -> list[Removal]:
        removals = []
        for pod in pods:
            self._removals += 1
            removals.append(Removal(self._removals, pod, why, self._profile.disruption_target))
        return removals

    def _all_at_once(self, run: _Run, pods: list[CollectedPod], why: str, now_us: int) -> list[ProgramEffect]:
        removals = self._removals_of(pods, why)
        return [effect for removal in removals for effect in self._start(run, removal, now_us)]

    def _start(self, run: _Run, removal: Removal, now_us: int) -> list[ProgramEffect]:
        run.working[removal.number] = removal
        return removal.begin(self._clock.wall_us(now_us))

    def _look_for_orphans(self, run: _Run, now_us: int) -> list[ProgramEffect]:
        missing = dict.fromkeys(pod.node for pod in run.pods if pod.node and pod.node not in run.nodes)
        begun = self._quarantine.name(missing, now_us)
        effects: list[ProgramEffect] = [
            Record("NodeQuarantined", f"Node/{node}", {"until_us": until_us}) for node, until_us in begun.items()
        ]
        run.asking += [node for node in self._quarantine.take(now_us) if node not in run.nodes]
        return effects + self._ask(run)

    def _ask(self, run: _Run) -> list[ProgramEffect]:
        return [Call(("exists", run.asking[0]), Get("nodes", "", run.asking[0]))] if run.asking else []

    def _answered(self, answer: Answered, now_us: int) -> list[ProgramEffect]:
        run = self._run
        match answer.tag:
            case ("exists", str(node)) if run is not None and run.asking and run.asking[0] == node:
                run.asking.popleft()
                if answer.code == 404:
                    run.gone[node] = None
                return self._ask(run) or self._go_on(run, now_us)
            case ("remove", int(number), str(step)) if run is not None and number in run.working:
                effects = run.working[number].answered(step, answer)
                if effects is not None:
                    return effects
                del run.working[number]
                return self._go_on(run, now_us)
            case _:
                return []
