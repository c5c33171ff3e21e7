"""Which Jobs have to be synced, and when?

A new Job and a changed spec at once, what pods and statuses do a second later, together.  A pod with the finalizer that
no living Job will count (an orphan, or one of a Job that is over or gone) loses it at once.
Source: pkg/controller/job/job_controller.go (`addJob`, `updateJob`, `deleteJob`, `addPod`, `updatePod`, `deletePod`,
`cleanupPodFinalizers`, `syncOrphanPod`).
"""

from __future__ import annotations

from typing import Final

import attrs

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
from nodesim.machine import Answered, Changed, ProgramEffect, ProgramEvent, Started, Synced, TimerFired
from nodesim.profiles import Profile, Settings
from nodesim.units import MINUTE, SECOND

ACTOR: Final = "job-controller"
_BACKOFF: Final = Backoff(first_us=SECOND, max_us=MINUTE)
_ORPHAN: Final = "Pod/"
"""Keys of pods in the queue begin so; no namespace does."""


@attrs.define
class _State:
    """All that a restart loses."""

    queue: SyncQueue
    recorder: EventRecorder
    expectations: Expectations = attrs.field(factory=Expectations)
    removals: AwaitedRemovals = attrs.field(factory=AwaitedRemovals)
    failures: dict[str, Failures] = attrs.field(factory=dict)
    jobs: dict[str, JobView] = attrs.field(factory=dict)
    pods: OwnedCache[JobPod] = attrs.field(factory=OwnedCache)
    tracked: dict[str, JobPod] = attrs.field(factory=dict)
    """Pods with the finalizer, by key."""

    @property
    def observer(self) -> Observer[JobView]:
        """Whom a pod concerns."""
        return Observer("Job", self.jobs, self.expectations)


class JobController:
    """Runs pods until enough of them have succeeded, or too many have failed.  No option of `settings` concerns it."""

    watches: tuple[WatchSpec, ...] = (
        WatchSpec("jobs", job_view),
        WatchSpec("pods", job_pod_view),
    )

    def __init__(self, settings: Settings, profile: Profile, *, clock: Clock = TRUE_CLOCK) -> None:
        self._profile = profile
        self._state = _State(SyncQueue(self._begin, self.watches, _BACKOFF), EventRecorder(ACTOR, clock))

    def __repr__(self) -> str:
        return f"<JobController jobs={len(self._state.jobs)} running={self._state.queue.running}>"

    def handle(self, event: ProgramEvent, now_us: int) -> list[ProgramEffect]:
        """One event in, the orders that follow from it out."""
        state = self._state
        if isinstance(event, Changed):
            if event.resource == "jobs":
                return self._job_changed(event.key, event.old, event.new, now_us)
            return self._pod_changed(event.old, event.new, now_us)
        if isinstance(event, Answered | TimerFired | Synced):
            everything = [*state.jobs, *self._orphans()] if isinstance(event, Synced) else ()
            return state.queue.handle(event, everything, now_us)
        if isinstance(event, Started):
            self._state = _State(
                SyncQueue(self._begin, self.watches, _BACKOFF, syncs_made=state.queue.syncs_made),
                EventRecorder(ACTOR, state.recorder.clock),
            )
        return []

    def _job_changed(self, key: str, old: JobView | None, new: JobView | None, now_us: int) -> list[ProgramEffect]:
        state = self._state
        keep(state.jobs, key, new)
        replaced = old is not None and new is not None and old.uid != new.uid
        if replaced:
            self._forget(key)
        effects: list[ProgramEffect] = []
        if old is not None and new is not None and not replaced and old.generation == new.generation:
            effects += state.queue.add_at(key, now_us + BATCH_US)
        else:
            effects += state.queue.add([key], now_us)
        if new is None or replaced or new.finished:
            effects += state.queue.add(self._orphans(), now_us)
        return effects

    def _pod_changed(self, old: JobPod | None, new: JobPod | None, now_us: int) -> list[ProgramEffect]:
        state = self._state
        state.pods.replace(old, new)
        for pod in (old, new):
            if pod is not None:
                state.tracked.pop(pod.key, None)
        if new is not None and new.tracked:
            state.tracked[new.key] = new
        if old is not None and new is not None and old.pod.resource_version == new.pod.resource_version:
            return []
        pod = new if new is not None else old
        assert pod is not None
        owner = state.observer.owner_of(pod.namespace, pod.owner)
        if owner is not None and (new is None or not new.tracked):
            state.removals.observed(owner.key, pod.uid)
        effects: list[ProgramEffect] = []
        for key in state.observer.seen(old, new):
            effects += state.queue.add_at(key, now_us + BATCH_US)
        if new is not None and new.tracked and self._is_orphan(new):
            effects += state.queue.add([_ORPHAN + new.key], now_us)
        return effects

    def _is_orphan(self, pod: JobPod) -> bool:
        """Will no living Job count it?  A pod of another kind of owner is none of ours."""
        if pod.owner is None:
            return True
        if pod.owner.kind != "Job":
            return False
        job = self._state.observer.owner_of(pod.namespace, pod.owner)
        return job is None or job.finished

    def _orphans(self) -> list[str]:
        return [_ORPHAN + key for key, pod in sorted(self._state.tracked.items()) if self._is_orphan(pod)]

    def _forget(self, key: str) -> None:
        state = self._state
        state.expectations.forget(key)
        state.removals.forget(key)
        state.failures.pop(key, None)

    def _begin(self, key: str, now_us: int) -> Sync | None:
        state = self._state
        if key.startswith(_ORPHAN):
            pod = state.tracked.get(key.removeprefix(_ORPHAN))
            return OrphanSync(pod) if pod is not None and self._is_orphan(pod) else None
        view = state.jobs.get(key)
        if view is None:
            self._forget(key)
            return None
        return JobSync(
            view,
            state.pods.candidates(view.parent),
            state.expectations.satisfied(key, now_us),
            self._profile,
            state.expectations,
            state.removals,
            state.failures,
            state.recorder,
        )
