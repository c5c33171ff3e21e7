"""Which Deployments have to be synced, and when?

Each change of a Deployment or of a ReplicaSet names the Deployments that it concerns; of pods only the end of the last
one, and only for a Deployment with the strategy Recreate.  A rollout that stands still is looked at when its deadline
is over.  A failed sync is tried again up to 15 times.
Source: pkg/controller/deployment/deployment_controller.go.
"""

from __future__ import annotations

from typing import Final

from nodesim.client.events import EventRecorder
from nodesim.client.watches import WatchSpec
from nodesim.clocks import TRUE_CLOCK, Clock
from nodesim.controllers.deployment.sync import DeploymentSync
from nodesim.controllers.deployment.views import (
    RECREATE,
    DeploymentView,
    PodOfSet,
    deployment_view,
    pod_of_set_view,
)
from nodesim.controllers.replicaset import ReplicaSetView, replica_set_view
from nodesim.controllers.workload.caches import OwnedCache, keep
from nodesim.controllers.workload.observing import Observer
from nodesim.controllers.workload.queue import Backoff, SyncQueue
from nodesim.machine import Answered, Changed, ProgramEffect, ProgramEvent, Synced, TimerFired
from nodesim.profiles import Profile, Settings

ACTOR: Final = "deployment-controller"
_BACKOFF: Final = Backoff(tries_max=15)


class DeploymentController:
    """Keeps each Deployment's ReplicaSets at their sizes.  No option of `settings` concerns it."""

    watches: tuple[WatchSpec, ...] = (
        WatchSpec("deployments", deployment_view),
        WatchSpec("replicasets", replica_set_view),
        WatchSpec("pods", pod_of_set_view),
    )

    def __init__(self, settings: Settings, profile: Profile, *, clock: Clock = TRUE_CLOCK) -> None:
        self._says_from = profile.scaling_event_says_from
        self._counts_terminating = profile.terminating_replicas
        self._recorder = EventRecorder(ACTOR, clock)
        self._queue = SyncQueue(self._begin, self.watches, _BACKOFF)
        self._deployments: dict[str, DeploymentView] = {}
        self._known: dict[str, ReplicaSetView] = {}
        self._sets: OwnedCache[ReplicaSetView] = OwnedCache()
        self._pods: OwnedCache[PodOfSet] = OwnedCache()
        self._observer = Observer("Deployment", self._deployments)
        """Whom a ReplicaSet concerns."""

    def __repr__(self) -> str:
        return f"<DeploymentController deployments={len(self._deployments)} running={self._queue.running}>"

    def handle(self, event: ProgramEvent, now_us: int) -> list[ProgramEffect]:
        """One event in, the orders that follow from it out."""
        if isinstance(event, Changed):
            return self._queue.add(self._concerned(event), now_us)
        if isinstance(event, Answered | TimerFired | Synced):
            return self._queue.handle(event, self._deployments, now_us)
        return []

    def _concerned(self, event: Changed) -> list[str]:
        """Take a change into the caches; whose turn is it?"""
        if event.resource == "deployments":
            keep(self._deployments, event.key, event.new)
            return [event.key]
        if event.resource == "replicasets":
            keep(self._known, event.key, event.new)
            self._sets.replace(event.old, event.new)
            return self._observer.seen(event.old, event.new)
        self._pods.replace(event.old, event.new)
        return self._last_pod_gone(event.old) if event.new is None and event.old is not None else []

    def _last_pod_gone(self, pod: PodOfSet) -> list[str]:
        """Source: `deletePod`."""
        owner = pod.owner
        if owner is None or owner.kind != "ReplicaSet":
            return []
        rs = self._known.get(f"{pod.namespace}/{owner.name}")
        if rs is None or rs.uid != owner.uid:
            return []
        deployment = self._observer.owner_of(rs.namespace, rs.owner)
        if deployment is None or deployment.strategy != RECREATE or any(self._pods_of(deployment).values()):
            return []
        return [deployment.key]

    def _pods_of(self, deployment: DeploymentView) -> dict[str, list[PodOfSet]]:
        """Its pods by the UID of their ReplicaSet.  Source: `getPodMapForDeployment`."""
        return {
            rs.uid: [pod for pod in self._pods.owned_by(rs.uid) if deployment.selector.matches(pod.labels)]
            for rs in self._sets.candidates(deployment.parent)
        }

    def _begin(self, key: str, now_us: int) -> DeploymentSync | None:
        deployment = self._deployments.get(key)
        if deployment is None or not deployment.selector.requirements:
            return None
        candidates = self._sets.candidates(deployment.parent)
        pods = self._pods_of(deployment) if deployment.strategy == RECREATE else {}
        return DeploymentSync(
            deployment, candidates, pods, self._known, self._recorder, self._says_from, self._counts_terminating
        )
