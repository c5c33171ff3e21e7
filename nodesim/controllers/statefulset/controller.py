"""Which StatefulSets have to be synced, and when?

Each change of a StatefulSet or of one of its pods is worth a sync; so is the time at which a pod that is ready becomes
available.
Source: pkg/controller/statefulset/stateful_set.go.
"""

from __future__ import annotations

from typing import Final

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
from nodesim.machine import Answered, Changed, ProgramEffect, ProgramEvent, Synced, TimerFired
from nodesim.profiles import Profile, Settings

ACTOR: Final = "statefulset-controller"


class StatefulSetController:
    """Keeps one pod for each identity of each StatefulSet.  No option of `settings` concerns it."""

    watches: tuple[WatchSpec, ...] = (
        WatchSpec("statefulsets", stateful_set_view),
        WatchSpec("pods", managed_pod_view),
        WatchSpec("controllerrevisions", revision_view),
    )

    def __init__(self, settings: Settings, profile: Profile, *, clock: Clock = TRUE_CLOCK) -> None:
        self._profile = profile
        self._recorder = EventRecorder(ACTOR, clock)
        self._queue = SyncQueue(self._begin, self.watches)
        self._sets: dict[str, StatefulSetView] = {}
        self._pods: OwnedCache[ManagedPod] = OwnedCache()
        self._revisions: OwnedCache[RevisionView] = OwnedCache()
        self._waits: dict[str, tuple[str, str]] = {}
        self._observer = Observer("StatefulSet", self._sets)
        """Whom a pod concerns."""

    def __repr__(self) -> str:
        return f"<StatefulSetController sets={len(self._sets)} running={self._queue.running}>"

    def handle(self, event: ProgramEvent, now_us: int) -> list[ProgramEffect]:
        """One event in, the orders that follow from it out."""
        if isinstance(event, Changed):
            return self._changed(event, now_us)
        if isinstance(event, Answered | TimerFired | Synced):
            return self._queue.handle(event, self._sets, now_us)
        return []

    def _changed(self, event: Changed, now_us: int) -> list[ProgramEffect]:
        if event.resource == "statefulsets":
            keep(self._sets, event.key, event.new)
            return self._queue.add([event.key], now_us)
        if event.resource == "controllerrevisions":
            self._revisions.replace(event.old, event.new)
            return []
        return pod_changed(self._queue, self._observer, self._pods, event.old, event.new, now_us)

    def _begin(self, key: str, now_us: int) -> StatefulSetSync | None:
        view = self._sets.get(key)
        if view is None:
            self._waits.pop(key, None)
            return None
        candidates = self._pods.candidates(view.parent)
        revisions = self._revisions.owned_by(view.uid)
        return StatefulSetSync(view, candidates, revisions, self._profile, self._recorder, self._waits)
