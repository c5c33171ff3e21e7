"""When is a budget counted anew?

A change of a budget or of a pod that it selects counts it at once; an eviction that was granted and not carried out is
looked at again when its two minutes are over.  A change of a workload's scale alone counts nothing: its pods will
change.  A status that could not be written is tried again after a pause that doubles.

Source: pkg/controller/disruption/disruption.go (`addPod`, `updatePod`, `deletePod`, `sync`, `trySync`).
Left out: putting back the condition DisruptionTarget of pods that stay (`syncStalePodDisruption`).
"""

from __future__ import annotations

from typing import Final

import attrs

from nodesim.client.events import EventRecorder
from nodesim.client.watches import WatchSpec
from nodesim.clocks import TRUE_CLOCK, Clock
from nodesim.controllers.disruptionbudget.budget import disrupted_pods, failed_status, needs, new_status
from nodesim.controllers.disruptionbudget.views import BudgetView, Scale, budget_view, scale_view
from nodesim.controllers.workload.caches import keep
from nodesim.controllers.workload.queue import Backoff, SyncQueue
from nodesim.controllers.workload.script import Outcome, Script, Sync, ask, why
from nodesim.machine import Answered, Call, Changed, ProgramEffect, ProgramEvent, Synced, TimerFired
from nodesim.messages import Update
from nodesim.objects import Document, PodView, encode_document, pod_view
from nodesim.profiles import Profile, Settings
from nodesim.units import MILLISECOND, SECOND

ACTOR: Final = "disruption-controller"
COMPONENT: Final = "controllermanager"
"""Its name in events."""
BACKOFF: Final = Backoff(first_us=5 * MILLISECOND, max_us=1000 * SECOND)
_SCALES: Final = ("deployments", "replicasets", "statefulsets")


@attrs.define
class _Caches:
    """What it has seen."""

    recorder: EventRecorder
    budgets: dict[str, BudgetView] = attrs.field(factory=dict)
    pods: dict[str, PodView] = attrs.field(factory=dict)
    scales: dict[str, Scale] = attrs.field(factory=dict)
    """By UID."""


class DisruptionController:
    """Keeps the status of each PodDisruptionBudget.  No option of `settings` or `profile` concerns it."""

    watches: tuple[WatchSpec, ...] = (
        WatchSpec("poddisruptionbudgets", budget_view),
        WatchSpec("pods", pod_view),
        *(WatchSpec(resource, scale_view) for resource in _SCALES),
    )

    def __init__(self, settings: Settings, profile: Profile, *, clock: Clock = TRUE_CLOCK) -> None:
        self._caches = _Caches(EventRecorder(COMPONENT, clock))
        self._queue = SyncQueue(self._sync_of, self.watches, BACKOFF)

    def __repr__(self) -> str:
        return f"<DisruptionController budgets={len(self._caches.budgets)} running={self._queue.running}>"

    def handle(self, event: ProgramEvent, now_us: int) -> list[ProgramEffect]:
        """One event in, the orders that follow from it out."""
        if isinstance(event, Changed):
            return self._changed(event, now_us)
        if isinstance(event, Answered | TimerFired | Synced):
            return self._queue.handle(event, self._caches.budgets, now_us)
        return []

    def _sync_of(self, key: str, now_us: int) -> Sync | None:
        budget = self._caches.budgets.get(key)
        return None if budget is None else _BudgetSync(budget, self._caches, now_us)

    def _changed(self, event: Changed, now_us: int) -> list[ProgramEffect]:
        caches = self._caches
        match event.resource:
            case "poddisruptionbudgets":
                keep(caches.budgets, event.key, event.new)
                return self._queue.add([event.key], now_us)
            case "pods":
                keep(caches.pods, event.key, event.new)
                states = [pod for pod in (event.old, event.new) if pod is not None]
                return self._queue.add(
                    [key for key, each in sorted(caches.budgets.items()) if any(map(each.selects, states))], now_us
                )
            case _:
                if event.old is not None:
                    caches.scales.pop(event.old.uid, None)
                if event.new is not None:
                    caches.scales[event.new.uid] = event.new
                return []


@attrs.define
class _BudgetSync:
    """One count of a budget.  Source: `trySync`."""

    budget: BudgetView
    caches: _Caches
    now_us: int

    def run(self) -> Script:
        """Count, tell what is odd, write the status where it is new."""
        budget, now_us = self.budget, self.now_us
        wall_us = self.caches.recorder.clock.wall_us(now_us)
        pods = [pod for _, pod in sorted(self.caches.pods.items()) if budget.selects(pod)]
        if not pods:
            yield self._event("Normal", "NoPods", "No matching pods found")
        wanted = needs(budget, pods, self.caches.scales)
        if isinstance(wanted, str):
            text = f"Failed to calculate expected pods: {wanted}"
            yield self._event("Warning", "CalculateExpectedPodCountFailed", text)
            return (yield from self._write(failed_status(budget, wanted, wall_us), Outcome(wanted)))
        named = {pod.name: pod for pod in pods}
        disrupted = disrupted_pods(budget, named, wall_us)
        for name in disrupted.overdue:
            yield self._not_deleted(named[name])
        again_us = None if disrupted.recheck_us is None else now_us + disrupted.recheck_us - wall_us
        status = new_status(budget, wanted, pods, disrupted, wall_us)
        return (yield from self._write(status, Outcome(again_us=again_us)))

    def _write(self, status: Document, counted: Outcome) -> Script:
        """Write a status that is new; the sync ends as the count did, unless that fails."""
        budget = self.budget
        if status == (budget.document.get("status") or {}):
            return counted
        document = encode_document({**budget.document, "status": status})
        answer = yield from ask(Update("poddisruptionbudgets", budget.namespace, budget.name, "status", document))
        return counted if answer.ok else Outcome(why(answer))

    def _not_deleted(self, pod: PodView) -> Call:
        text = f"Pod was expected by PDB {self.budget.key} to be deleted but it wasn't"
        return self.caches.recorder.event(
            self.now_us, "Pod", pod.namespace, pod.name, pod.uid, "Warning", "NotDeleted", text
        )

    def _event(self, kind: str, reason: str, message: str) -> Call:
        budget = self.budget
        return self.caches.recorder.event(
            self.now_us, "PodDisruptionBudget", budget.namespace, budget.name, budget.uid, kind, reason, message
        )
