"""What does the scheduler do with each pod, step by step?

It reads nodes and pods; once all is in its caches it takes one pod after the other from its queue, searches a node,
counts the pod there at once (it is *assumed*) and asks the API server to bind it.  The answer comes later: a failure
takes the pod off the node again.  A pod that fits nowhere is parked; its condition PodScheduled and an event say why;
if the removal of lesser pods would make room for it, they are asked to go and the pod waits (it is *nominated*).

A decision takes no time here; Kubernetes needs a millisecond or two.

Sources: pkg/scheduler/{schedule_one,eventhandlers,scheduler}.go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs

from nodesim.client.watches import WatchSpec
from nodesim.clocks import TRUE_CLOCK, Clock
from nodesim.machine import (
    Answered,
    Call,
    CancelTimer,
    Changed,
    ProgramEffect,
    ProgramEvent,
    Record,
    SetTimer,
    Synced,
    TimerFired,
)
from nodesim.messages import Bind
from nodesim.profiles import Profile, Settings
from nodesim.scheduler.around import Around, budget, namespace_labels, service_kin, set_kin
from nodesim.scheduler.cluster import Cluster, NodeFacts, node_facts, node_facts_with_conditions
from nodesim.scheduler.decision import Decision, Nominations, decision
from nodesim.scheduler.filters import filters_of
from nodesim.scheduler.hints import Hints
from nodesim.scheduler.pod import DEFAULT_SCHEDULER, PodToPlace, pod_to_place
from nodesim.scheduler.preemption import Candidate, find_victims
from nodesim.scheduler.queue import Queue, Waiting
from nodesim.scheduler.refusal import NO_NODES, explain
from nodesim.scheduler.removals import Removal, Removals
from nodesim.scheduler.reports import Reporter
from nodesim.scheduler.scores import scores_of
from nodesim.scheduler.search import Search, choose, find_feasible, nominated_room
from nodesim.streams import Streams

ACTOR: Final = "scheduler"
"""The scheduler's name as an actor; as a writer of events it is `default-scheduler`."""

BACKOFF_TIMER: Final = "backoff"
PARKED_TIMER: Final = "parked"
TIES_STREAM: Final = "scheduler/ties"
PREEMPTION_STREAM: Final = "scheduler/preemption"


@attrs.define
class _Assumed:
    """A pod that counts on a node by the scheduler's own word, until its watch says the same."""

    waiting: Waiting
    node: str
    bound: bool = False
    """The API server has said yes."""


class Scheduler:
    """kube-scheduler as a program.  No option of it is modelled yet, so `settings` is not read."""

    def __init__(self, settings: Settings, profile: Profile, streams: Streams, clock: Clock = TRUE_CLOCK) -> None:
        self.settings = settings
        self._profile = profile
        self._clock = clock
        self.watches: tuple[WatchSpec, ...] = (
            WatchSpec("nodes", node_facts if profile.queueing_hints else node_facts_with_conditions, steady=True),
            WatchSpec("pods", pod_to_place),
            WatchSpec("namespaces", namespace_labels),
            WatchSpec("services", service_kin),
            WatchSpec("replicasets", set_kin),
            WatchSpec("statefulsets", set_kin),
            WatchSpec("poddisruptionbudgets", budget),
        )
        self._filters = filters_of(profile)
        self._hints = Hints(self._filters, profile.queueing_hints)
        self._scores = scores_of(profile)
        self._ties = streams.stream(TIES_STREAM)
        self._offsets = streams.stream(PREEMPTION_STREAM)
        self._attempts = 0
        self._reporter = Reporter(clock)
        self._cluster = Cluster()
        self._around = Around()
        self._nominations = Nominations()
        self._removals = Removals(self._profile, self._reporter.recorder)
        self._queue = Queue(self._profile.backoff_pop_when_idle)
        self._pending: dict[str, PodToPlace] = {}
        self._assumed: dict[str, _Assumed] = {}
        self._binding: dict[int, _Assumed] = {}
        self._synced: list[str] = []
        self._first_node = 0
        self._backoff_timer_us: int | None = None
        self._parked_timer_us: int | None = None

    def __repr__(self) -> str:
        """How much it has to do."""
        return f"Scheduler(pending={len(self._pending)}, assumed={len(self._assumed)})"

    @property
    def cluster(self) -> Cluster:
        """What it believes to be where."""
        return self._cluster

    @property
    def _running(self) -> bool:
        return len(self._synced) == len(self.watches)

    def handle(self, event: ProgramEvent, now_us: int) -> list[ProgramEffect]:
        """One event in, the orders that follow from it out."""
        effects: list[ProgramEffect] = []
        if type(event) is Changed:
            if event.old == event.new:
                return effects  # A heartbeat, or a container's state: the views hold nothing of it.
            if event.resource == "nodes":
                self._node_changed(event.old, event.new, now_us)
            elif event.resource == "pods":
                self._pod_changed(event.old, event.new, now_us)
            else:
                self._around.changed(event.resource, event.key, event.new)
        elif type(event) is Answered:
            self._answered(event, now_us, effects)
        elif type(event) is TimerFired:
            self._timer_fired(event, now_us)
        elif type(event) is Synced:
            self._caught_up(event.resource, now_us)
        if self._running:
            while (waiting := self._queue.pop()) is not None:
                self._decide(waiting, now_us, effects)
            self._set_timers(now_us, effects)
        return effects

    # --- what it hears ------------------------------------------------------------------------------------------------

    def _caught_up(self, resource: str, now_us: int) -> None:
        if resource in self._synced:
            return
        self._synced.append(resource)
        if self._running:
            self._queue.origin_us = now_us

    def _node_changed(self, old: NodeFacts | None, new: NodeFacts | None, now_us: int) -> None:
        if new is None:
            assert old is not None
            self._cluster.remove_node(old.name)
        else:
            self._cluster.set_node(new)
        self._move(lambda waiting: self._hints.node_changed(waiting, old, new), now_us)

    def _move(self, helped: Callable[[Waiting], bool], now_us: int) -> None:
        """Try the parked pods again that a change helps; not those whose victims are being asked to go."""
        self._queue.move(lambda waiting: not self._removals.run_for(waiting.pod.uid) and helped(waiting), now_us)

    def _pod_left(self, gone: PodToPlace, now_us: int) -> None:
        """A pod counts on its node no longer; nothing changes where it did not."""
        if self._cluster.remove_pod(gone.uid):
            self._room_was_made(gone, now_us)

    def _room_was_made(self, gone: PodToPlace, now_us: int) -> None:
        self._move(lambda waiting: self._hints.pod_left(waiting, gone), now_us)

    def _pod_changed(self, old: PodToPlace | None, new: PodToPlace | None, now_us: int) -> None:
        if old is not None and (new is None or new.uid != old.uid):
            self._pod_gone(old, now_us)
            old = None
        if new is None:
            return
        if new.terminal:
            self._pod_gone(new if old is None else old, now_us)
        elif new.node:
            self._pod_on_node(old, new, now_us)
        elif new.scheduler_name == DEFAULT_SCHEDULER and not new.gated:
            known = new.uid in self._pending
            if new.uid not in self._assumed:
                self._nominations.updated(self._pending.get(new.uid), new)
            self._pending[new.uid] = new
            if new.uid in self._queue:
                self._queue.update(new, now_us)
            elif not known:
                self._queue.add(new, now_us)

    def _pod_gone(self, pod: PodToPlace, now_us: int) -> None:
        """A pod was deleted, or is Succeeded or Failed: it neither counts nor awaits anything."""
        self._forget(pod.uid)
        assumed = self._assumed.get(pod.uid)
        if assumed is not None:
            if not assumed.bound and not pod.node:
                return  # The answer to its binding will take it off the node.
            del self._assumed[pod.uid]
        self._pod_left(pod, now_us)

    def _pod_on_node(self, old: PodToPlace | None, new: PodToPlace, now_us: int) -> None:
        """A pod is bound, by this scheduler or another hand; perhaps it was so before."""
        self._forget(new.uid)
        assumed = self._assumed.pop(new.uid, None)
        before = old if old is not None and old.node else None
        if before is not None and before.wants != new.wants:
            self._pod_left(before, now_us)  # Resized in place: it may have made room.
        self._cluster.place(new, new.node)
        if before is None:
            self._move(lambda waiting: self._hints.pod_came(waiting, new), now_us)
        elif before.labels != new.labels:
            self._move(lambda waiting: self._hints.labels_changed(waiting, before, new), now_us)
        if assumed is not None and assumed.node != new.node:
            self._room_was_made(assumed.waiting.pod, now_us)

    def _forget(self, uid: str) -> None:
        """A pod awaits no node any more."""
        self._queue.remove(uid)
        self._pending.pop(uid, None)
        self._nominations.drop(uid)

    def _timer_fired(self, event: TimerFired, now_us: int) -> None:
        if event.key == BACKOFF_TIMER:
            self._backoff_timer_us = None
            self._queue.release(now_us)
        elif event.key == PARKED_TIMER:
            self._parked_timer_us = None
            self._queue.flush_parked(now_us)

    # --- decisions ----------------------------------------------------------------------------------------------------

    def _decide(self, waiting: Waiting, now_us: int, effects: list[ProgramEffect]) -> None:
        pod = waiting.pod
        if pod.terminating:
            effects.append(self._reporter.failed_event(pod, f"skip schedule deleting pod: {pod.key}", now_us))
            return
        rooms = self._cluster.in_order()
        if not rooms:
            # No filter refused it, so Kubernetes treats this as an error: it is tried again by backoff alone.
            self._queue.back_off(waiting, now_us)
            self._reporter.report(pod, "Unschedulable", NO_NODES, None, now_us, effects)
            return
        asked = decision(pod, rooms, self._filters, self._around, self._nominations)
        search = self._search(asked)
        if not search.feasible:
            self._fits_nowhere(waiting, asked, search, now_us, effects)
            return
        choice = choose(asked, search.feasible, self._around, self._scores, self._ties)
        self._attempts += 1
        self._assumed[pod.uid] = self._binding[self._attempts] = _Assumed(waiting, choice.node)
        self._cluster.place(pod, choice.node)
        self._nominations.drop(pod.uid)
        fields = {"node": choice.node, "feasible": choice.feasible, "score": choice.score}
        effects.append(Record("NodeChosen", f"Pod/{pod.key}", fields))
        effects.append(Call(("bind", self._attempts), Bind(pod.namespace, pod.name, pod.uid, choice.node)))

    def _search(self, asked: Decision) -> Search:
        waits_for = nominated_room(asked)
        if waits_for is not None:
            return Search([waits_for], [])
        search = find_feasible(asked, self._first_node, tells_left_out=self._profile.nodes_left_out_are_told)
        tried = len(search.feasible) + len(search.refused)
        self._first_node = (self._first_node + tried) % len(asked.rooms)
        return search

    def _fits_nowhere(
        self, waiting: Waiting, asked: Decision, search: Search, now_us: int, effects: list[ProgramEffect]
    ) -> None:
        """Park the pod, see whose removal would help it, and tell."""
        pod = waiting.pod
        by = {refusal.filter for _, refusal in search.refused}
        self._queue.park(waiting, tuple(row.name for row in self._filters if row.name in by), now_us)
        budgets = tuple(self._around.budgets[key] for key in sorted(self._around.budgets))
        wall_us = self._clock.wall_us(now_us)
        finding = find_victims(asked, search.refused, budgets, self._offsets, self._profile, wall_us)
        message = explain(search.refused, finding, self._profile)
        if finding.chosen is None:
            nominated = None if finding.ineligible else ""
            if nominated == "":
                self._nominations.drop(pod.uid)
            self._reporter.report(pod, "Unschedulable", message, nominated, now_us, effects)
            return
        self._preempt(pod, finding.chosen, message, now_us, effects)

    def _preempt(
        self, pod: PodToPlace, chosen: Candidate, message: str, now_us: int, effects: list[ProgramEffect]
    ) -> None:
        """Ask the victims to go; up to 1.32 the pod itself is told of it afterwards."""
        lesser = self._nominations.lesser(pod, chosen.node)
        self._nominations.set(pod, chosen.node)
        victims = [victim.key for victim in chosen.victims]
        effects.append(Record("PreemptionStarted", f"Pod/{pod.key}", {"node": chosen.node, "victims": victims}))
        if self._profile.preemption_async:
            self._reporter.report(pod, "Unschedulable", message, chosen.node, now_us, effects)
        for other in lesser:
            effects.append(self._reporter.no_longer_nominated(other))
        removal = self._removals.begin(pod, chosen, message, now_us, effects)
        self._removal_went_on(removal, now_us, effects)

    def _removal_went_on(self, removal: Removal | None, now_us: int, effects: list[ProgramEffect]) -> None:
        """All victims have been asked: the pod may be tried again, at once if one is gone or could not be asked."""
        if removal is None or not removal.done:
            return
        uid = removal.pod.uid
        latest = self._pending.get(uid)
        if latest is None:
            return
        if not self._profile.preemption_async:
            self._reporter.report(latest, "Unschedulable", removal.message, removal.node, now_us, effects)
        if removal.failed or any(not self._cluster.counts(victim.uid) for victim in removal.victims):
            self._queue.move(lambda waiting: waiting.pod.uid == uid, now_us)

    def _answered(self, event: Answered, now_us: int, effects: list[ProgramEffect]) -> None:
        match event.tag:
            case ("bind", int(attempt)) if attempt in self._binding:
                binding = self._binding.pop(attempt)
                if event.ok:
                    self._bound(binding, now_us, effects)
                else:
                    self._not_bound(binding, event.message or event.reason, now_us, effects)
            case ("preempt", int(number), str(step)):
                removal = self._removals.answered(number, step, event, now_us, effects)
                self._removal_went_on(removal, now_us, effects)
            case _:
                pass  # Events and conditions are written once, whatever becomes of them.

    def _bound(self, binding: _Assumed, now_us: int, effects: list[ProgramEffect]) -> None:
        pod = binding.waiting.pod
        message = f"Successfully assigned {pod.key} to {binding.node}"
        effects.append(self._reporter.event(pod, "Normal", "Scheduled", message, now_us))
        binding.bound = True
        if self._assumed.get(pod.uid) is binding and pod.uid not in self._pending:
            del self._assumed[pod.uid]  # It went while it was being bound, and its watch told only of the end.
            self._pod_left(pod, now_us)

    def _not_bound(self, binding: _Assumed, why: str, now_us: int, effects: list[ProgramEffect]) -> None:
        waiting = binding.waiting
        uid = waiting.pod.uid
        if self._assumed.get(uid) is not binding:
            return  # The watch has told that it is on a node, whatever the answer says.
        del self._assumed[uid]
        self._pod_left(waiting.pod, now_us)
        latest = self._pending.get(uid)
        if latest is None:
            return  # Gone while it was being bound.
        waiting.pod = latest
        self._nominations.updated(None, latest)
        self._queue.back_off(waiting, now_us)
        message = f'running Bind plugin "DefaultBinder": {why}'
        self._reporter.report(latest, "SchedulerError", message, None, now_us, effects)

    # --- timers -------------------------------------------------------------------------------------------------------

    def _set_timers(self, now_us: int, effects: list[ProgramEffect]) -> None:
        """Timers run only while somebody backs off or is parked."""
        release_us = self._queue.next_release_us()
        if release_us != self._backoff_timer_us:
            effects.append(CancelTimer(BACKOFF_TIMER) if release_us is None else SetTimer(BACKOFF_TIMER, release_us))
            self._backoff_timer_us = release_us
        if not self._queue.has_parked:
            if self._parked_timer_us is not None:
                effects.append(CancelTimer(PARKED_TIMER))
                self._parked_timer_us = None
        elif self._parked_timer_us is None:
            # A timer that runs is left alone: pods only get parked later than those it was set for.
            self._parked_timer_us = self._queue.next_flush_us(now_us)
            assert self._parked_timer_us is not None
            effects.append(SetTimer(PARKED_TIMER, self._parked_timer_us))
