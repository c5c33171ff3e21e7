"""Which StatefulSets have to be synced, and when?

Each change of a StatefulSet or of one of its pods is worth a sync; so is the time at which a pod that is ready becomes
available.
Source: pkg/controller/statefulset/stateful_set.go.
"""

from __future__ import annotations

from typing import Final

import attrs

from nodesim.client.events import EventRecorder
from nodesim.client.watches import WatchSpec
from nodesim.clocks import TRUE_CLOCK, Clock
from nodesim.controllers.statefulset.sync import StatefulSetSync
from nodesim.controllers.statefulset.views import (
    StatefulSetView,
    stateful_set_view,
)
from nodesim.controllers.workload.caches import OwnedCache, keep
from nodesim.controllers.workload.observing import Observer
from nodesim.controllers.workload.pod_changes import pod_changed
from nodesim.controllers.workload.pods import ManagedPod, managed_pod_view
from nodesim.controllers.workload.queue import SyncQueue
from nodesim.controllers.workload.revisions import RevisionView, revision_view
from nodesim.machine import Answered, Changed, ProgramEffect, ProgramEvent, Started, Synced, TimerFired
from nodesim.profiles import Profile, Settings

ACTOR: Final = "statefulset-controller"


@attrs.define
class _State:
    """All that a restart loses."""

    queue: SyncQueue
    recorder: EventRecorder
    sets: dict[str, StatefulSetView] = attrs.field(factory=dict)
    pods: OwnedCache[ManagedPod] = attrs.field(factory=OwnedCache)
    revisions: OwnedCache[RevisionView] = attrs.field(factory=OwnedCache)
    waits: dict[str, tuple[str, str]] = attrs.field(factory=dict)

    @property
    def observer(self) -> Observer[StatefulSetView]:
        """Whom a pod concerns."""
        return Observer("StatefulSet", self.sets)


class StatefulSetController:
    """Keeps one pod for each identity of each StatefulSet.  No option of `settings` concerns it."""

    watches: tuple[WatchSpec, ...] = (
        WatchSpec("statefulsets", stateful_set_view),
        WatchSpec("pods", managed_pod_view),
        WatchSpec("controllerrevisions", revision_view),
    )

    def __init__(self, settings: Settings, profile: Profile, *, clock: Clock = TRUE_CLOCK) -> None:
        self._profile = profile
        self._state = _State(SyncQueue(self._begin, self.watches), EventRecorder(ACTOR, clock))

    def __repr__(self) -> str:
        return f"<StatefulSetController sets={len(self._state.sets)} running={self._state.queue.running}>"

    def handle(self, event: ProgramEvent, now_us: int) -> list[ProgramEffect]:
        """One event in, the orders that follow from it out."""
        state = self._state
        if isinstance(event, Changed):
            return self._changed(event, now_us)
        if isinstance(event, Answered | TimerFired | Synced):
            return state.queue.handle(event, state.sets, now_us)
        if isinstance(event, Started):
            self._state = _State(
                SyncQueue(self._begin, self.watches, syncs_made=state.queue.syncs_made),
                EventRecorder(ACTOR, state.recorder.clock),
            )
        return []

    def _changed(self, event: Changed, now_us: int) -> list[ProgramEffect]:
        state = self._state
        if event.resource == "statefulsets":
            keep(state.sets, event.key, event.new)
            return self._state.queue.add([event.key], now_us)
        if event.resource == "controllerrevisions":
            state.revisions.replace(event.old, event.new)
            return []
        return pod_changed(state.queue, state.observer, state.pods, event.old, event.new, now_us)

    def _begin(self, key: str, now_us: int) -> StatefulSetSync | None:
        state = self._state
        view = state.sets.get(key)
        if view is None:
            state.waits.pop(key, None)
            return None
        candidates = state.pods.candidates(view.parent)
        revisions = state.revisions.owned_by(view.uid)
        return StatefulSetSync(view, candidates, revisions, self._profile, state.recorder, state.waits)
