"""Which Jobs have to be synced, and when?

A new Job and a changed spec at once, what pods and statuses do a second later, together.  A pod with the finalizer that
no living Job will count (an orphan, or one of a Job that is over or gone) loses it at once.
Source: pkg/controller/job/job_controller.go (`addJob`, `updateJob`, `deleteJob`, `addPod`, `updatePod`, `deletePod`,
`cleanupPodFinalizers`, `syncOrphanPod`).
"""

from __future__ import annotations

from typing import Final

from nodesim.client.events import EventRecorder
from nodesim.client.watches import WatchSpec
from nodesim.clocks import TRUE_CLOCK, Clock
from nodesim.controllers.job.backoff import Failures
from nodesim.controllers.job.finalizers import AwaitedRemovals, OrphanSync
from nodesim.controllers.job.sync import BATCH_US, JobSync
from nodesim.controllers.job.views import JobPod, JobView, job_pod_view, job_view
from nodesim.controllers.workload.caches import OwnedCache, keep
from nodesim.controllers.workload.expectations import Expectations
from nodesim.controllers.workload.observing import Observer
from nodesim.controllers.workload.queue import Backoff, SyncQueue
from nodesim.controllers.workload.script import Sync
from nodesim.machine import Answered, Changed, ProgramEffect, ProgramEvent, Synced, TimerFired
from nodesim.profiles import Profile, Settings
from nodesim.units import MINUTE, SECOND

ACTOR: Final = "job-controller"
_BACKOFF: Final = Backoff(first_us=SECOND, max_us=MINUTE)
_ORPHAN: Final = "Pod/"
"""Keys of pods in the queue begin so; no namespace does."""


class JobController:
    """Runs pods until enough of them have succeeded, or too many have failed.  No option of `settings` concerns it."""

    watches: tuple[WatchSpec, ...] = (
        WatchSpec("jobs", job_view),
        WatchSpec("pods", job_pod_view),
    )

    def __init__(self, settings: Settings, profile: Profile, *, clock: Clock = TRUE_CLOCK) -> None:
        self._profile = profile
        self._recorder = EventRecorder(ACTOR, clock)
        self._queue = SyncQueue(self._begin, self.watches, _BACKOFF)
        self._expectations = Expectations()
        self._removals = AwaitedRemovals()
        self._failures: dict[str, Failures] = {}
        self._jobs: dict[str, JobView] = {}
        self._pods: OwnedCache[JobPod] = OwnedCache()
        self._tracked: dict[str, JobPod] = {}
        """Pods with the finalizer, by key."""
        self._observer = Observer("Job", self._jobs, self._expectations)
        """Whom a pod concerns."""

    def __repr__(self) -> str:
        return f"<JobController jobs={len(self._jobs)} running={self._queue.running}>"

    def handle(self, event: ProgramEvent, now_us: int) -> list[ProgramEffect]:
        """One event in, the orders that follow from it out."""
        if isinstance(event, Changed):
            if event.resource == "jobs":
                return self._job_changed(event.key, event.old, event.new, now_us)
            return self._pod_changed(event.old, event.new, now_us)
        if isinstance(event, Answered | TimerFired | Synced):
            everything = [*self._jobs, *self._orphans()] if isinstance(event, Synced) else ()
            return self._queue.handle(event, everything, now_us)
        return []

    def _job_changed(self, key: str, old: JobView | None, new: JobView | None, now_us: int) -> list[ProgramEffect]:
        keep(self._jobs, key, new)
        replaced = old is not None and new is not None and old.uid != new.uid
        if replaced:
            self._forget(key)
        effects: list[ProgramEffect] = []
        if old is not None and new is not None and not replaced and old.generation == new.generation:
            effects += self._queue.add_at(key, now_us + BATCH_US)
        else:
            effects += self._queue.add([key], now_us)
        if new is None or replaced or new.finished:
            effects += self._queue.add(self._orphans(), now_us)
        return effects

    def _pod_changed(self, old: JobPod | None, new: JobPod | None, now_us: int) -> list[ProgramEffect]:
        self._pods.replace(old, new)
        self._keep_tracked(old, new)
        if old is not None and new is not None and old.pod.resource_version == new.pod.resource_version:
            return []
        pod = new if new is not None else old
        assert pod is not None
        owner = self._observer.owner_of(pod.namespace, pod.owner)
        if owner is not None and (new is None or not new.tracked):
            self._removals.observed(owner.key, pod.uid)
        effects: list[ProgramEffect] = []
        for key in self._observer.seen(old, new):
            effects += self._queue.add_at(key, now_us + BATCH_US)
        if new is not None and new.tracked and self._is_orphan(new):
            effects += self._queue.add([_ORPHAN + new.key], now_us)
        return effects

    def _keep_tracked(self, old: JobPod | None, new: JobPod | None) -> None:
        for pod in (old, new):
            if pod is not None:
                self._tracked.pop(pod.key, None)
        if new is not None and new.tracked:
            self._tracked[new.key] = new

    def _is_orphan(self, pod: JobPod) -> bool:
        """Will no living Job count it?  A pod of another kind of owner is none of ours."""
        if pod.owner is None:
            return True
        if pod.owner.kind != "Job":
            return False
        job = self._observer.owner_of(pod.namespace, pod.owner)
        return job is None or job.finished

    def _orphans(self) -> list[str]:
        return [_ORPHAN + key for key, pod in sorted(self._tracked.items()) if self._is_orphan(pod)]

    def _forget(self, key: str) -> None:
        self._expectations.forget(key)
        self._removals.forget(key)
        self._failures.pop(key, None)

    def _begin(self, key: str, now_us: int) -> Sync | None:
        if key.startswith(_ORPHAN):
            pod = self._tracked.get(key.removeprefix(_ORPHAN))
            return OrphanSync(pod) if pod is not None and self._is_orphan(pod) else None
        view = self._jobs.get(key)
        if view is None:
            self._forget(key)
            return None
        return JobSync(
            view,
            self._pods.candidates(view.parent),
            self._expectations.satisfied(key, now_us),
            self._profile,
            self._expectations,
            self._removals,
            self._failures,
            self._recorder,
        )
