"""What does the scheduler do with each pod, step by step?

It reads nodes and pods; once both are in its caches it takes one pod after the other from its queue, searches a node,
counts the pod there at once (it is *assumed*) and asks the API server to bind it.  The answer comes later: a failure
takes the pod off the node again.  A pod that fits nowhere is parked; its condition PodScheduled and an event say why.

A decision takes no time here; Kubernetes needs a millisecond or two.

Sources: pkg/scheduler/{schedule_one,eventhandlers,scheduler}.go.
"""

from __future__ import annotations

from typing import Final

import attrs

from nodesim.client.events import EventRecorder
from nodesim.client.watches import WatchSpec
from nodesim.machine import (
    Answered,
    Call,
    CancelTimer,
    Changed,
    ProgramEffect,
    ProgramEvent,
    Record,
    SetTimer,
    Started,
    Synced,
    TimerFired,
)
from nodesim.messages import Bind, Patch
from nodesim.objects import encode_document, whole_second
from nodesim.profiles import Profile, Settings
from nodesim.scheduler.cluster import Cluster, NodeFacts, node_facts
from nodesim.scheduler.filters import filters_of
from nodesim.scheduler.pod import DEFAULT_SCHEDULER, PodToPlace, pod_to_place
from nodesim.scheduler.queue import Queue, Waiting
from nodesim.scheduler.refusal import NO_NODES, event_note, explain
from nodesim.scheduler.scores import scores_of
from nodesim.scheduler.search import choose, find_feasible
from nodesim.streams import Streams

ACTOR: Final = "scheduler"
"""The scheduler's name as an actor; as a writer of events it is `default-scheduler`."""

BACKOFF_TIMER: Final = "backoff"
PARKED_TIMER: Final = "parked"
TIES_STREAM: Final = "scheduler/ties"


@attrs.define
class _Assumed:
    """A pod that counts on a node by the scheduler's own word, until its watch says the same."""

    waiting: Waiting
    node: str
    bound: bool = False
    """The API server has said yes."""


class Scheduler:
    """kube-scheduler as a program.  No option of it is modelled yet, so `settings` is not read."""

    watches: tuple[WatchSpec, ...] = (WatchSpec("nodes", node_facts), WatchSpec("pods", pod_to_place))

    def __init__(self, settings: Settings, profile: Profile, streams: Streams) -> None:
        self.settings = settings
        self._profile = profile
        self._filters = filters_of(profile)
        self._filter_named = {row.name: row for row in self._filters}
        self._scores = scores_of(profile)
        self._ties = streams.stream(TIES_STREAM)
        self._attempts = 0
        self._begin()

    def _begin(self) -> None:
        """Forget everything, as a process that starts; only the count of attempts and the stream go on."""
        self._recorder = EventRecorder(DEFAULT_SCHEDULER)
        self._cluster = Cluster()
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
            else:
                self._pod_changed(event.old, event.new, now_us)
        elif type(event) is Answered:
            self._answered(event, now_us, effects)
        elif type(event) is TimerFired:
            self._timer_fired(event, now_us)
        elif type(event) is Synced:
            self._caught_up(event.resource, now_us)
        elif type(event) is Started:
            self._begin()
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
            return
        self._cluster.set_node(new)
        self._queue.move(lambda waiting: self._helped_by_node(waiting, old, new), now_us)

    def _helped_by_node(self, waiting: Waiting, old: NodeFacts | None, new: NodeFacts) -> bool:
        rows = [self._filter_named[name] for name in waiting.refused_by]
        return any(row.helped_by_node(waiting.pod, old, new) for row in rows)

    def _pod_left(self, gone: PodToPlace, now_us: int) -> None:
        """A pod counts on its node no longer; nothing changes where it did not."""
        if self._cluster.remove_pod(gone.uid):
            self._room_was_made(gone, now_us)

    def _room_was_made(self, gone: PodToPlace, now_us: int) -> None:
        rows = self._filter_named
        self._queue.move(
            lambda waiting: any(rows[name].helped_by_pod(waiting.pod, gone) for name in waiting.refused_by), now_us
        )

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
        elif new.scheduler_name == DEFAULT_SCHEDULER:
            known = new.uid in self._pending
            self._pending[new.uid] = new
            if new.uid in self._queue:
                self._queue.update(new, now_us)
            elif not known:
                self._queue.add(new, now_us)

    def _pod_gone(self, pod: PodToPlace, now_us: int) -> None:
        """A pod was deleted, or is Succeeded or Failed: it neither counts nor awaits anything."""
        self._queue.remove(pod.uid)
        self._pending.pop(pod.uid, None)
        assumed = self._assumed.get(pod.uid)
        if assumed is not None:
            if not assumed.bound and not pod.node:
                return  # The answer to its binding will take it off the node.
            del self._assumed[pod.uid]
        self._pod_left(pod, now_us)

    def _pod_on_node(self, old: PodToPlace | None, new: PodToPlace, now_us: int) -> None:
        """A pod is bound, by this scheduler or another hand; perhaps it was so before."""
        self._queue.remove(new.uid)
        self._pending.pop(new.uid, None)
        assumed = self._assumed.pop(new.uid, None)
        if old is not None and old.node and old.wants != new.wants:
            self._pod_left(old, now_us)  # Resized in place: it may have made room.
        self._cluster.place(new, new.node)
        if assumed is not None and assumed.node != new.node:
            self._room_was_made(assumed.waiting.pod, now_us)

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
            effects.append(self._failed_event(pod, f"skip schedule deleting pod: {pod.key}", now_us))
            return
        rooms = self._cluster.in_order()
        if not rooms:
            # No filter refused it, so Kubernetes treats this as an error: it is tried again by backoff alone.
            self._queue.back_off(waiting, now_us)
            self._report(pod, "Unschedulable", NO_NODES, now_us, effects)
            return
        search = find_feasible(pod, rooms, self._first_node, self._filters)
        self._first_node = (self._first_node + len(search.feasible) + len(search.refused)) % len(rooms)
        if not search.feasible:
            by = {refusal.filter for _, refusal in search.refused}
            self._queue.park(waiting, tuple(row.name for row in self._filters if row.name in by), now_us)
            message = explain(pod, search.refused, self._profile.taint_message_without_key)
            self._report(pod, "Unschedulable", message, now_us, effects)
            return
        choice = choose(pod, search.feasible, self._scores, self._ties)
        self._attempts += 1
        self._assumed[pod.uid] = self._binding[self._attempts] = _Assumed(waiting, choice.node)
        self._cluster.place(pod, choice.node)
        fields = {"node": choice.node, "feasible": choice.feasible, "score": choice.score}
        effects.append(Record("NodeChosen", f"Pod/{pod.key}", fields))
        effects.append(Call(("bind", self._attempts), Bind(pod.namespace, pod.name, pod.uid, choice.node)))

    def _answered(self, event: Answered, now_us: int, effects: list[ProgramEffect]) -> None:
        match event.tag:
            case ("bind", int(attempt)) if attempt in self._binding:
                binding = self._binding.pop(attempt)
                if event.ok:
                    self._bound(binding, now_us, effects)
                else:
                    self._not_bound(binding, event.message or event.reason, now_us, effects)
            case _:
                pass  # Events and conditions are written once, whatever becomes of them.

    def _bound(self, binding: _Assumed, now_us: int, effects: list[ProgramEffect]) -> None:
        pod = binding.waiting.pod
        message = f"Successfully assigned {pod.key} to {binding.node}"
        effects.append(
            self._recorder.event(now_us, "Pod", pod.namespace, pod.name, pod.uid, "Normal", "Scheduled", message)
        )
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
        self._queue.back_off(waiting, now_us)
        message = f'running Bind plugin "DefaultBinder": {why}'
        self._report(latest, "SchedulerError", message, now_us, effects)

    # --- what it says -------------------------------------------------------------------------------------------------

    def _report(self, pod: PodToPlace, reason: str, message: str, now_us: int, effects: list[ProgramEffect]) -> None:
        """Tell that a pod got no node: a record, an event, and the pod's condition where it says something else."""
        effects.append(Record("PodUnschedulable", f"Pod/{pod.key}", {"message": message}))
        effects.append(self._failed_event(pod, event_note(message), now_us))
        before = pod.scheduled
        if before is not None and (before.status, before.reason, before.message) == ("False", reason, message):
            return
        stays = before is not None and before.status == "False"
        condition = {
            "type": "PodScheduled",
            "status": "False",
            "reason": reason,
            "message": message,
            "lastProbeTime": None,
            "lastTransitionTime": before.transition_us if before is not None and stays else whole_second(now_us),
        }
        document = encode_document({"status": {"conditions": [condition]}})
        patch = Patch("pods", pod.namespace, pod.name, "status", "strategic", document)
        effects.append(Call(("condition", pod.uid), patch))

    def _failed_event(self, pod: PodToPlace, message: str, now_us: int) -> Call:
        return self._recorder.event(
            now_us, "Pod", pod.namespace, pod.name, pod.uid, "Warning", "FailedScheduling", message
        )

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
