"""Which Deployments have to be synced, and when?

Each change of a Deployment or of a ReplicaSet names the Deployments that it concerns; of pods only the end of the last
one, and only for a Deployment with the strategy Recreate.  A rollout that stands still is looked at when its deadline
is over.  A failed sync is tried again up to 15 times.
Source: pkg/controller/deployment/deployment_controller.go.
"""

from __future__ import annotations

from typing import Final

import attrs

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
from nodesim.machine import Answered, Changed, ProgramEffect, ProgramEvent, Started, Synced, TimerFired
from nodesim.profiles import Profile, Settings

ACTOR: Final = "deployment-controller"
_BACKOFF: Final = Backoff(tries_max=15)


@attrs.define
class _State:
    """All that a restart loses."""

    queue: SyncQueue
    recorder: EventRecorder
    deployments: dict[str, DeploymentView] = attrs.field(factory=dict)
    known: dict[str, ReplicaSetView] = attrs.field(factory=dict)
    sets: OwnedCache[ReplicaSetView] = attrs.field(factory=OwnedCache)
    pods: OwnedCache[PodOfSet] = attrs.field(factory=OwnedCache)

    @property
    def observer(self) -> Observer[DeploymentView]:
        """Whom a ReplicaSet concerns."""
        return Observer("Deployment", self.deployments)


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
        self._state = _State(SyncQueue(self._begin, self.watches, _BACKOFF), EventRecorder(ACTOR, clock))

    def __repr__(self) -> str:
        state = self._state
        return f"<DeploymentController deployments={len(state.deployments)} running={state.queue.running}>"

    def handle(self, event: ProgramEvent, now_us: int) -> list[ProgramEffect]:
        """One event in, the orders that follow from it out."""
        state = self._state
        if isinstance(event, Changed):
            return self._state.queue.add(self._concerned(event), now_us)
        if isinstance(event, Answered | TimerFired | Synced):
            return state.queue.handle(event, state.deployments, now_us)
        if isinstance(event, Started):
            self._state = _State(
                SyncQueue(self._begin, self.watches, _BACKOFF, syncs_made=state.queue.syncs_made),
                EventRecorder(ACTOR, state.recorder.clock),
            )
        return []

    def _concerned(self, event: Changed) -> list[str]:
        """Take a change into the caches; whose turn is it?"""
        state = self._state
        if event.resource == "deployments":
            keep(state.deployments, event.key, event.new)
            return [event.key]
        if event.resource == "replicasets":
            keep(state.known, event.key, event.new)
            state.sets.replace(event.old, event.new)
            return state.observer.seen(event.old, event.new)
        state.pods.replace(event.old, event.new)
        return self._last_pod_gone(event.old) if event.new is None and event.old is not None else []

    def _last_pod_gone(self, pod: PodOfSet) -> list[str]:
        """Source: `deletePod`."""
        state = self._state
        owner = pod.owner
        if owner is None or owner.kind != "ReplicaSet":
            return []
        rs = state.known.get(f"{pod.namespace}/{owner.name}")
        if rs is None or rs.uid != owner.uid:
            return []
        deployment = state.observer.owner_of(rs.namespace, rs.owner)
        if deployment is None or deployment.strategy != RECREATE or any(self._pods_of(deployment).values()):
            return []
        return [deployment.key]

    def _pods_of(self, deployment: DeploymentView) -> dict[str, list[PodOfSet]]:
        """Its pods by the UID of their ReplicaSet.  Source: `getPodMapForDeployment`."""
        state = self._state
        return {
            rs.uid: [pod for pod in state.pods.owned_by(rs.uid) if deployment.selector.matches(pod.labels)]
            for rs in state.sets.candidates(deployment.parent)
        }

    def _begin(self, key: str, now_us: int) -> DeploymentSync | None:
        state = self._state
        deployment = state.deployments.get(key)
        if deployment is None or not deployment.selector.requirements:
            return None
        candidates = state.sets.candidates(deployment.parent)
        pods = self._pods_of(deployment) if deployment.strategy == RECREATE else {}
        return DeploymentSync(
            deployment, candidates, pods, state.known, state.recorder, self._says_from, self._counts_terminating
        )
