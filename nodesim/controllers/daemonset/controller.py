"""Which DaemonSets have to be synced, and when?

Each change of a DaemonSet or of one of its pods is worth a sync; so is a node that appears where a pod should run, or
that changes so that another verdict follows.  A node that goes wakes nobody: its pods do, when they go.
Source: pkg/controller/daemon/daemon_controller.go (`addPod`, `updatePod`, `deletePod`, `addNode`, `updateNode`).
"""

from __future__ import annotations

from functools import partial
from typing import Final

import attrs

from nodesim.client.events import EventRecorder
from nodesim.client.watches import WatchSpec
from nodesim.clocks import TRUE_CLOCK, Clock
from nodesim.controllers.daemonset.failures import FailedPods
from nodesim.controllers.daemonset.placing import Verdict, verdict
from nodesim.controllers.daemonset.sync import DaemonSetSync
from nodesim.controllers.daemonset.views import DaemonNode, DaemonSetView, daemon_node, daemon_set_view
from nodesim.controllers.workload.caches import OwnedCache, keep
from nodesim.controllers.workload.expectations import Expectations
from nodesim.controllers.workload.observing import Observer
from nodesim.controllers.workload.pod_changes import pod_changed
from nodesim.controllers.workload.pods import ManagedPod, managed_pod_view
from nodesim.controllers.workload.queue import SyncQueue
from nodesim.controllers.workload.revisions import RevisionView, revision_view
from nodesim.machine import Answered, Changed, ProgramEffect, ProgramEvent, Started, Synced, TimerFired
from nodesim.profiles import Profile, Settings

ACTOR: Final = "daemonset-controller"
_NOWHERE: Final = Verdict(run=False, keep=False)


@attrs.define
class _State:
    """All that a restart loses."""

    queue: SyncQueue
    recorder: EventRecorder
    expectations: Expectations = attrs.field(factory=Expectations)
    failed: FailedPods = attrs.field(factory=FailedPods)
    sets: dict[str, DaemonSetView] = attrs.field(factory=dict)
    nodes: dict[str, DaemonNode] = attrs.field(factory=dict)
    pods: OwnedCache[ManagedPod] = attrs.field(factory=OwnedCache)
    revisions: OwnedCache[RevisionView] = attrs.field(factory=OwnedCache)

    @property
    def observer(self) -> Observer[DaemonSetView]:
        """Whom a pod concerns."""
        return Observer("DaemonSet", self.sets, self.expectations)


class DaemonSetController:
    """Keeps one pod of each DaemonSet on each node that it fits.  No option of `settings` concerns it."""

    watches: tuple[WatchSpec, ...] = (
        WatchSpec("daemonsets", daemon_set_view),
        WatchSpec("nodes", daemon_node, steady=True),
        WatchSpec("pods", managed_pod_view),
        WatchSpec("controllerrevisions", revision_view),
    )

    def __init__(self, settings: Settings, profile: Profile, *, clock: Clock = TRUE_CLOCK) -> None:
        self._profile = profile
        self._state = _State(SyncQueue(self._begin, self.watches), EventRecorder(ACTOR, clock))

    def __repr__(self) -> str:
        return f"<DaemonSetController sets={len(self._state.sets)} running={self._state.queue.running}>"

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
        match event.resource:
            case "daemonsets":
                old, new = event.old, event.new
                keep(state.sets, event.key, new)
                if old is not None and (new is None or new.uid != old.uid):
                    # A successor of the same name starts clean.
                    state.expectations.forget(event.key)
                return state.queue.add([event.key], now_us)
            case "nodes":
                keep(state.nodes, event.key, event.new)
                return state.queue.add(self._judged_anew(event.old, event.new), now_us)
            case "controllerrevisions":
                state.revisions.replace(event.old, event.new)
                return state.queue.add(self._remembering(event.old, event.new), now_us)
            case _:
                return pod_changed(state.queue, state.observer, state.pods, event.old, event.new, now_us)

    def _judged_anew(self, old: DaemonNode | None, new: DaemonNode | None) -> list[str]:
        """The DaemonSets whose verdict on a node is another one now."""
        if new is None:
            return []

        def before(view: DaemonSetView) -> Verdict:
            return _NOWHERE if old is None else verdict(view, old)

        def now(view: DaemonSetView) -> Verdict:
            found = verdict(view, new)
            return found if old is not None or found.run else _NOWHERE

        return [key for key, view in sorted(self._state.sets.items()) if before(view) != now(view)]

    def _remembering(self, old: RevisionView | None, new: RevisionView | None) -> list[str]:
        """The DaemonSet of a revision that changed or went; what appears was made by its own sync."""
        if old is None:
            return []
        owner = self._state.observer.owner_of(old.namespace, (new or old).owner)
        return [owner.key] if owner is not None else []

    def _begin(self, key: str, now_us: int) -> DaemonSetSync | None:
        state = self._state
        view = state.sets.get(key)
        if view is None:
            state.expectations.forget(key)
            return None
        return DaemonSetSync(
            view,
            partial(state.pods.candidates, view.parent),
            lambda: [state.nodes[name] for name in sorted(state.nodes)],
            state.revisions.owned_by(view.uid),
            self._profile,
            state.expectations,
            state.failed,
            state.recorder,
        )
