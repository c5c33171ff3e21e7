"""Which ReplicaSets have to be synced, and when?

Each change of a ReplicaSet or of a pod names the ReplicaSets that it concerns; they are synced in the same turn
(`sync.py`), one sync at a time each (`workload/queue.py`).  A pod with a deletionTimestamp counts as gone, so its
replacement is made while its object, and perhaps its containers, still exist.  A pod that is merely not ready changes
only the status.

Source: pkg/controller/replicaset/replica_set.go.
"""

from __future__ import annotations

from typing import Final

from nodesim.client.events import EventRecorder
from nodesim.client.watches import WatchSpec
from nodesim.clocks import TRUE_CLOCK, Clock
from nodesim.controllers.replicaset.sync import ReplicaSetSync
from nodesim.controllers.replicaset.views import ReplicaSetView, replica_set_view
from nodesim.controllers.workload.caches import OwnedCache, keep
from nodesim.controllers.workload.expectations import Expectations
from nodesim.controllers.workload.observing import Observer
from nodesim.controllers.workload.pod_changes import pod_changed
from nodesim.controllers.workload.pods import ManagedPod, managed_pod_view
from nodesim.controllers.workload.queue import SyncQueue
from nodesim.machine import Answered, Changed, ProgramEffect, ProgramEvent, Synced, TimerFired
from nodesim.profiles import Profile, Settings

ACTOR: Final = "replicaset-controller"


class ReplicaSetController:
    """Keeps as many active pods as each ReplicaSet wants.  No option of `settings` concerns it."""

    watches: tuple[WatchSpec, ...] = (
        WatchSpec("replicasets", replica_set_view),
        WatchSpec("pods", managed_pod_view),
    )

    def __init__(self, settings: Settings, profile: Profile, *, clock: Clock = TRUE_CLOCK) -> None:
        self._counts_terminating = profile.terminating_replicas
        self._recorder = EventRecorder(ACTOR, clock)
        self._queue = SyncQueue(self._begin, self.watches)
        self._expectations = Expectations()
        self._sets: dict[str, ReplicaSetView] = {}
        self._pods: OwnedCache[ManagedPod] = OwnedCache()
        self._observer = Observer("ReplicaSet", self._sets, self._expectations)
        """Whom a pod concerns."""

    def __repr__(self) -> str:
        return f"<ReplicaSetController sets={len(self._sets)} running={self._queue.running}>"

    def handle(self, event: ProgramEvent, now_us: int) -> list[ProgramEffect]:
        """One event in, the orders that follow from it out."""
        if isinstance(event, Changed):
            if event.resource == "pods":
                return pod_changed(self._queue, self._observer, self._pods, event.old, event.new, now_us)
            return self._set_changed(event.key, event.old, event.new, now_us) if event.resource == "replicasets" else []
        if isinstance(event, Answered | TimerFired | Synced):
            return self._queue.handle(event, self._sets, now_us)
        return []

    def _set_changed(
        self, key: str, old: ReplicaSetView | None, new: ReplicaSetView | None, now_us: int
    ) -> list[ProgramEffect]:
        """Source: `addRS`, `updateRS`, `deleteRS`: every change is worth a sync."""
        keep(self._sets, key, new)
        if old is not None and (new is None or new.uid != old.uid):
            # A successor of the same name starts clean.
            self._expectations.forget(key)
        return self._queue.add([key], now_us)

    def _begin(self, key: str, now_us: int) -> ReplicaSetSync | None:
        rs = self._sets.get(key)
        if rs is None:
            self._expectations.forget(key)
            return None
        candidates = self._pods.candidates(rs.parent)
        scales = self._expectations.satisfied(rs.key, now_us)
        related_on = self._related_on(rs) if scales and len(candidates) > rs.replicas else {}
        return ReplicaSetSync(
            rs, candidates, scales, related_on, self._expectations, self._recorder, self._counts_terminating
        )

    def _related_on(self, rs: ReplicaSetView) -> dict[str, int]:
        """Active pods by node that any ReplicaSet of the same owner selects.  Source: `getIndirectlyRelatedPods`."""
        owner = rs.owner
        if owner is None:
            return {}
        sets = [other for other in self._sets.values() if other.owner is not None and other.owner.uid == owner.uid]
        counts: dict[str, int] = {}
        for item in self._pods.everything():
            if item.pod.active and any(
                other.namespace == item.namespace and other.selects(item.labels) for other in sets
            ):
                counts[item.pod.node] = counts.get(item.pod.node, 0) + 1
        return counts
