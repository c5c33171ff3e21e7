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

from nodesim.client.events import EventRecorder
from nodesim.client.watches import WatchSpec
from nodesim.clocks import TRUE_CLOCK, Clock
from nodesim.controllers.tainteviction.eviction import Eviction
from nodesim.controllers.tainteviction.timed_workers import Added, TimedWorkerQueue
from nodesim.controllers.tainteviction.tolerations import FOR_EVER, judge
from nodesim.controllers.tainteviction.views import TaintedNode, tainted_node
from nodesim.controllers.unordered import in_any_order
from nodesim.controllers.workload.caches import keep
from nodesim.machine import (
    Answered,
    CancelTimer,
    Changed,
    ProgramEffect,
    ProgramEvent,
    Record,
    SetTimer,
    Synced,
    TimerFired,
    TimerKey,
)
from nodesim.objects import PodView, Taint, pod_view
from nodesim.objects.taints import NO_EXECUTE
from nodesim.profiles import Profile, Settings
from nodesim.units import SECOND

ACTOR: Final = "taint-eviction-controller"


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
        self._recorder = EventRecorder(profile.eviction_component, clock)
        self._queue = TimedWorkerQueue(frees_key=profile.eviction_frees_key)
        self._synced = {"nodes": False, "pods": False}
        self._nodes: dict[str, TaintedNode] = {}
        self._pods: dict[str, PodView] = {}
        self._keys_on: dict[str, dict[str, None]] = {}
        self._tainted: dict[str, tuple[Taint, ...]] = {}
        self._evictions: dict[int, Eviction] = {}
        self._evictions_made = 0

    def __repr__(self) -> str:
        return f"<TaintEvictionController tainted={sorted(self._tainted)} running={len(self._evictions)}>"

    @property
    def _acting(self) -> bool:
        return self._synced["nodes"] and self._synced["pods"]

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
        return []

    # --- what is seen --------------------------------------------------------------------------------------------

    def _first_list(self, resource: str, now_us: int) -> list[ProgramEffect]:
        """Handle all nodes once both caches are filled; every pod that matters is on one of them."""
        if self._synced.get(resource, True):
            return []
        self._synced[resource] = True
        if not self._acting:
            return []
        return [effect for name in sorted(self._nodes) for effect in self._handle_node(name, now_us)]

    def _pod_changed(self, key: str, old: PodView | None, new: PodView | None, now_us: int) -> list[ProgramEffect]:
        """Source: `PodUpdated`; only tolerations and node matter."""
        keep(self._pods, key, new)
        was_on = old.node if old is not None else ""
        is_on = new.node if new is not None else ""
        if was_on != is_on or new is None or old is None:
            if was_on:
                self._keys_on.get(was_on, {}).pop(key, None)
            if is_on:
                self._keys_on.setdefault(is_on, {})[key] = None
        elif old.tolerations == new.tolerations:
            return []
        if not self._acting:
            return []
        if new is None:
            return [SetTimer(("pod", key, was_on), now_us)] if self._queue.taken(key) else []
        # A node that is tainted later in this instant finds the pod in the cache, so the others need no timer.
        return [SetTimer(("pod", key, is_on), now_us)] if is_on in self._tainted else []

    def _node_changed(
        self, name: str, old: TaintedNode | None, new: TaintedNode | None, now_us: int
    ) -> list[ProgramEffect]:
        """Source: `NodeUpdated`; a change of NoExecute taints counts, also of their order and timeAdded."""
        keep(self._nodes, name, new)
        if not self._acting or (old is not None and new is not None and _no_execute(old) == _no_execute(new)):
            return []
        return self._handle_node(name, now_us)

    def _handle_node(self, name: str, now_us: int) -> list[ProgramEffect]:
        """Source: `handleNodeUpdate`."""
        node = self._nodes.get(name)
        if node is None:
            # The timers of its pods go on: the pods' own deletion cancels them.
            self._tainted.pop(name, None)
            return []
        taints = _no_execute(node)
        effects: list[ProgramEffect] = []
        if taints:
            self._tainted[name] = taints
        else:
            self._tainted.pop(name, None)
        for key in in_any_order(self._keys_on.get(name, ())):
            if taints:
                effects += self._judge_pod(self._pods[key], taints, now_us)
            else:
                effects += self._cancel(key, "taints removed", now_us)
        return effects

    def _handle_pod(self, key: str, node: str, now_us: int) -> list[ProgramEffect]:
        """Source: `handlePodUpdate`; `node` is the one the pod was on when the update was queued."""
        pod = self._pods.get(key)
        if pod is None:
            return self._cancel(key, "pod deleted", now_us)
        if pod.node != node or node not in self._tainted:
            return []
        return self._judge_pod(pod, self._tainted[node], now_us)

    # --- what is decided -----------------------------------------------------------------------------------------

    def _judge_pod(self, pod: PodView, taints: Sequence[Taint], now_us: int) -> list[ProgramEffect]:
        """Source: `processPodOnNode`."""
        judgement = judge(taints, pod.tolerations)
        if not judgement.tolerated:
            return [*self._cancel(pod.key, "not tolerated", now_us), *self._add(pod, judgement.taint, 0, False, now_us)]
        if judgement.seconds == FOR_EVER:
            return self._cancel(pod.key, "tolerated for ever", now_us)
        worker = self._queue.find(pod.key)
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
        match self._queue.add(pod.key, pod.node, now_us, at_us):
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
        if not self._queue.cancel(key):
            return []
        return [
            Record("EvictionCancelled", f"Pod/{key}", {"why": why}),
            CancelTimer(("evict", key)),
            self._event(key, f"Cancelling deletion of Pod {key}", now_us),
        ]

    def _evict(self, key: str, node: str, why: str, now_us: int) -> list[ProgramEffect]:
        """Source: `deletePodHandler`; the event comes before the first request, even if the deletion then fails."""
        self._evictions_made += 1
        namespace, name = key.split("/")
        eviction = Eviction(self._evictions_made, namespace, name, self._profile.disruption_target, self._clock)
        self._evictions[eviction.number] = eviction
        return [
            Record("EvictionStarted", f"Pod/{key}", {"node": node, "why": why}),
            self._event(key, f"Marking for deletion Pod {key}", now_us),
            *eviction.try_once(),
        ]

    def _event(self, key: str, message: str, now_us: int) -> ProgramEffect:
        """Source: `emitPodDeletionEvent`, `emitCancelPodDeletionEvent`: the object is named without its UID."""
        namespace, name = key.split("/")
        return self._recorder.event(now_us, "Pod", namespace, name, "", "Normal", "TaintManagerEviction", message)

    # --- what comes back -----------------------------------------------------------------------------------------

    def _timer_fired(self, timer: TimerKey, now_us: int) -> list[ProgramEffect]:
        match timer:
            case ("pod", str(key), str(node)):
                return self._handle_pod(key, node, now_us)
            case ("evict", str(key)):
                worker = self._queue.fire(key)
                return self._evict(key, worker.node, "toleration expired", now_us) if worker is not None else []
            case ("retry", int(number)) if number in self._evictions:
                eviction = self._evictions[number]
                effects = eviction.try_once()
                self._end(eviction)
                return effects
            case _:
                return []

    def _answered(self, answer: Answered, now_us: int) -> list[ProgramEffect]:
        match answer.tag:
            case ("evict", int(number), str(step)) if number in self._evictions:
                eviction = self._evictions[number]
                effects = eviction.answered(step, answer, now_us)
                self._end(eviction)
                return effects
            case _:
                return []

    def _end(self, eviction: Eviction) -> None:
        """Drop an eviction that is over and tell the queue."""
        if eviction.outcome is not None:
            del self._evictions[eviction.number]
            self._queue.finish(eviction.key, ok=eviction.outcome)


def _no_execute(node: TaintedNode) -> tuple[Taint, ...]:
    """Source: `getNoExecuteTaints`."""
    return tuple(taint for taint in node.taints if taint.effect == NO_EXECUTE)
