"""When does a NoExecute taint evict a pod, and what calls the eviction off?

How it works.  A node whose NoExecute taints changed is handled at once, in the turn that brings the change: its pods
are judged one by one.  A pod whose tolerations or node changed, or that appeared or went, is handled a moment later in
the same instant (a timer due now), so that node updates of that instant go first, as they do in Kubernetes.  Judging a
pod sets a timer, cancels one, or starts an eviction (`eviction.py`).  Timers run from the moment at which the taint was
handled here; `timeAdded` is never read, so a restart of this controller starts all of them again.

What one does not expect: a running timer is never set anew, whatever happens to tolerations and taints, unless a taint
becomes untolerated, all are tolerated for ever, or all go.  A node's deletion cancels nothing.  Pods that already
terminate, or have ended, are judged like all others.

Source: pkg/controller/tainteviction/taint_eviction.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from nodesim.client.events import EventRecorder
from nodesim.client.watches import WatchSpec
from nodesim.clocks import TRUE_CLOCK, Clock
from nodesim.controllers.tainteviction.eviction import Eviction
from nodesim.controllers.tainteviction.timed_workers import Added, TimedWorkerQueue
from nodesim.controllers.tainteviction.tolerations import FOR_EVER, judge
from nodesim.controllers.tainteviction.views import TaintedNode, tainted_node
from nodesim.machine import (
    Answered,
    CancelTimer,
    Changed,
    ProgramEffect,
    ProgramEvent,
    Record,
    SetTimer,
    Started,
    Synced,
    TimerFired,
    TimerKey,
)
from nodesim.objects import PodView, Taint, pod_view
from nodesim.objects.taints import NO_EXECUTE
from nodesim.profiles import Profile, Settings
from nodesim.units import SECOND

ACTOR: Final = "taint-eviction-controller"


@attrs.define
class _State:
    """All that a restart loses."""

    recorder: EventRecorder
    queue: TimedWorkerQueue
    synced: dict[str, bool] = attrs.field(factory=lambda: {"nodes": False, "pods": False})
    nodes: dict[str, TaintedNode] = attrs.field(factory=dict)
    pods: dict[str, PodView] = attrs.field(factory=dict)
    keys_on: dict[str, dict[str, None]] = attrs.field(factory=dict)
    tainted: dict[str, tuple[Taint, ...]] = attrs.field(factory=dict)
    evictions: dict[int, Eviction] = attrs.field(factory=dict)
    evictions_made: int = 0

    @property
    def acting(self) -> bool:
        return self.synced["nodes"] and self.synced["pods"]


class TaintEvictionController:
    """Deletes pods from nodes with NoExecute taints when their toleration ends.

    It has no option of its own: nothing in `settings` concerns it.
    """

    watches: tuple[WatchSpec, ...] = (
        WatchSpec("pods", pod_view),
        WatchSpec("nodes", tainted_node, steady=True),
    )

    def __init__(self, settings: Settings, profile: Profile, *, clock: Clock = TRUE_CLOCK) -> None:
        self._profile = profile
        self._clock = clock
        self._state = self._fresh()

    def _fresh(self) -> _State:
        return _State(
            EventRecorder(self._profile.eviction_component, self._clock),
            TimedWorkerQueue(frees_key=self._profile.eviction_frees_key),
        )

    def __repr__(self) -> str:
        state = self._state
        return f"<TaintEvictionController tainted={sorted(state.tainted)} running={len(state.evictions)}>"

    def handle(self, event: ProgramEvent, now_us: int) -> list[ProgramEffect]:
        """One event in, the orders that follow from it out."""
        if isinstance(event, Changed):
            if event.resource == "pods":
                return self._pod_changed(event.key, event.old, event.new, now_us)
            return self._node_changed(event.key, event.old, event.new, now_us) if event.resource == "nodes" else []
        if isinstance(event, Answered):
            return self._answered(event, now_us)
        if isinstance(event, TimerFired):
            return self._timer_fired(event.key, now_us)
        if isinstance(event, Synced):
            return self._first_list(event.resource, now_us)
        if isinstance(event, Started):
            # Numbers go on, so that no answer to the last process is taken for one to this.
            made = self._state.evictions_made
            self._state = self._fresh()
            self._state.evictions_made = made
        return []

    # --- what is seen --------------------------------------------------------------------------------------------

    def _first_list(self, resource: str, now_us: int) -> list[ProgramEffect]:
        """Handle all nodes once both caches are filled; every pod that matters is on one of them."""
        state = self._state
        if state.synced.get(resource, True):
            return []
        state.synced[resource] = True
        if not state.acting:
            return []
        return [effect for name in sorted(state.nodes) for effect in self._handle_node(name, now_us)]

    def _pod_changed(self, key: str, old: PodView | None, new: PodView | None, now_us: int) -> list[ProgramEffect]:
        """Source: `PodUpdated`; only tolerations and node matter."""
        state = self._state
        if new is None:
            state.pods.pop(key, None)
        else:
            state.pods[key] = new
        was_on = old.node if old is not None else ""
        is_on = new.node if new is not None else ""
        if was_on != is_on or new is None or old is None:
            if was_on:
                state.keys_on.get(was_on, {}).pop(key, None)
            if is_on:
                state.keys_on.setdefault(is_on, {})[key] = None
        elif old.tolerations == new.tolerations:
            return []
        if not state.acting:
            return []
        if new is None:
            return [SetTimer(("pod", key, was_on), now_us)] if state.queue.taken(key) else []
        # A node that is tainted later in this instant finds the pod in the cache, so the others need no timer.
        return [SetTimer(("pod", key, is_on), now_us)] if is_on in state.tainted else []

    def _node_changed(
        self, name: str, old: TaintedNode | None, new: TaintedNode | None, now_us: int
    ) -> list[ProgramEffect]:
        """Source: `NodeUpdated`; a change of NoExecute taints counts, also of their order and timeAdded."""
        state = self._state
        if new is None:
            state.nodes.pop(name, None)
        else:
            state.nodes[name] = new
        if not state.acting or (old is not None and new is not None and _no_execute(old) == _no_execute(new)):
            return []
        return self._handle_node(name, now_us)

    def _handle_node(self, name: str, now_us: int) -> list[ProgramEffect]:
        """Source: `handleNodeUpdate`.  Pods go in name order, where Kubernetes has none."""
        state = self._state
        node = state.nodes.get(name)
        if node is None:
            # The timers of its pods go on: the pods' own deletion cancels them.
            state.tainted.pop(name, None)
            return []
        taints = _no_execute(node)
        effects: list[ProgramEffect] = []
        if taints:
            state.tainted[name] = taints
        else:
            state.tainted.pop(name, None)
        for key in sorted(state.keys_on.get(name, ())):
            if taints:
                effects += self._judge_pod(state.pods[key], taints, now_us)
            else:
                effects += self._cancel(key, "taints removed", now_us)
        return effects

    def _handle_pod(self, key: str, node: str, now_us: int) -> list[ProgramEffect]:
        """Source: `handlePodUpdate`; `node` is the one the pod was on when the update was queued."""
        pod = self._state.pods.get(key)
        if pod is None:
            return self._cancel(key, "pod deleted", now_us)
        if pod.node != node or node not in self._state.tainted:
            return []
        return self._judge_pod(pod, self._state.tainted[node], now_us)

    # --- what is decided -----------------------------------------------------------------------------------------

    def _judge_pod(self, pod: PodView, taints: Sequence[Taint], now_us: int) -> list[ProgramEffect]:
        """Source: `processPodOnNode`."""
        judgement = judge(taints, pod.tolerations)
        if not judgement.tolerated:
            return [*self._cancel(pod.key, "not tolerated", now_us), *self._add(pod, judgement.taint, 0, False, now_us)]
        if judgement.seconds == FOR_EVER:
            return self._cancel(pod.key, "tolerated for ever", now_us)
        worker = self._state.queue.find(pod.key)
        if worker is None:
            return self._add(pod, judgement.taint, judgement.seconds, True, now_us)
        # Kubernetes compares (its creation + the new time) with (now + the new time): an older timer always stays, be
        # the new time shorter or longer.  Only one made in this same instant is replaced.
        if worker.created_us < now_us:
            return []
        cancelled = self._cancel(pod.key, "set anew", now_us)
        return [*cancelled, *self._add(pod, judgement.taint, judgement.seconds, True, now_us)]

    def _add(
        self, pod: PodView, taint: Taint | None, seconds: int, tolerated: bool, now_us: int
    ) -> list[ProgramEffect]:
        at_us = now_us + seconds * SECOND
        match self._state.queue.add(pod.key, pod.node, now_us, at_us):
            case Added.RUN:
                why = "toleration expired" if tolerated else "not tolerated"
                return self._evict(pod.key, pod.node, why, now_us)
            case Added.TIMER:
                fields = {"node": pod.node, "taint": str(taint), "at_us": at_us, "toleration_seconds": seconds}
                return [Record("EvictionScheduled", f"Pod/{pod.key}", fields), SetTimer(("evict", pod.key), at_us)]
            case Added.IGNORED:
                return []

    def _cancel(self, key: str, why: str, now_us: int) -> list[ProgramEffect]:
        """Source: `cancelWorkWithEvent`; a deletion that already runs goes on, although the event says otherwise."""
        if not self._state.queue.cancel(key):
            return []
        return [
            Record("EvictionCancelled", f"Pod/{key}", {"why": why}),
            CancelTimer(("evict", key)),
            self._event(key, f"Cancelling deletion of Pod {key}", now_us),
        ]

    def _evict(self, key: str, node: str, why: str, now_us: int) -> list[ProgramEffect]:
        """Source: `deletePodHandler`; the event comes before the first request, even if the deletion then fails."""
        state = self._state
        state.evictions_made += 1
        namespace, name = key.split("/")
        eviction = Eviction(state.evictions_made, namespace, name, self._profile.disruption_target, self._clock)
        state.evictions[eviction.number] = eviction
        return [
            Record("EvictionStarted", f"Pod/{key}", {"node": node, "why": why}),
            self._event(key, f"Marking for deletion Pod {key}", now_us),
            *eviction.try_once(),
        ]

    def _event(self, key: str, message: str, now_us: int) -> ProgramEffect:
        """Source: `emitPodDeletionEvent`, `emitCancelPodDeletionEvent`: the object is named without its UID."""
        namespace, name = key.split("/")
        recorder = self._state.recorder
        return recorder.event(now_us, "Pod", namespace, name, "", "Normal", "TaintManagerEviction", message)

    # --- what comes back -----------------------------------------------------------------------------------------

    def _timer_fired(self, timer: TimerKey, now_us: int) -> list[ProgramEffect]:
        match timer:
            case ("pod", str(key), str(node)):
                return self._handle_pod(key, node, now_us)
            case ("evict", str(key)):
                worker = self._state.queue.fire(key)
                return self._evict(key, worker.node, "toleration expired", now_us) if worker is not None else []
            case ("retry", int(number)) if number in self._state.evictions:
                eviction = self._state.evictions[number]
                effects = eviction.try_once()
                self._end(eviction)
                return effects
            case _:
                return []

    def _answered(self, answer: Answered, now_us: int) -> list[ProgramEffect]:
        match answer.tag:
            case ("evict", int(number), str(step)) if number in self._state.evictions:
                eviction = self._state.evictions[number]
                effects = eviction.answered(step, answer, now_us)
                self._end(eviction)
                return effects
            case _:
                return []

    def _end(self, eviction: Eviction) -> None:
        """Drop an eviction that is over and tell the queue."""
        if eviction.outcome is not None:
            del self._state.evictions[eviction.number]
            self._state.queue.finish(eviction.key, ok=eviction.outcome)


def _no_execute(node: TaintedNode) -> tuple[Taint, ...]:
    """Source: `getNoExecuteTaints`."""
    return tuple(taint for taint in node.taints if taint.effect == NO_EXECUTE)
