"""Which DaemonSets have to be synced, and when?

Each change of a DaemonSet or of one of its pods is worth a sync; so is a node that appears where a pod should run, or
that changes so that another verdict follows.  A node that goes wakes nobody: its pods do, when they go.
Source: pkg/controller/daemon/daemon_controller.go (`addPod`, `updatePod`, `deletePod`, `addNode`, `updateNode`).
"""

from __future__ import annotations

from functools import partial
from typing import Final

from nodesim.client.events import EventRecorder
from nodesim.client.watches import WatchSpec
from nodesim.clocks import TRUE_CLOCK, Clock
from nodesim.controllers.daemonset.failures import FailedPods
from nodesim.controllers.daemonset.placing import Verdict, verdict
from nodesim.controllers.daemonset.sync import DaemonSetSync
from nodesim.controllers.daemonset.views import DaemonNode, DaemonSetView, daemon_node, daemon_set_view
from nodesim.controllers.unordered import in_any_order
from nodesim.controllers.workload.caches import OwnedCache, keep
from nodesim.controllers.workload.expectations import Expectations
from nodesim.controllers.workload.observing import Observer
from nodesim.controllers.workload.pod_changes import pod_changed
from nodesim.controllers.workload.pods import ManagedPod, managed_pod_view
from nodesim.controllers.workload.queue import SyncQueue
from nodesim.controllers.workload.revisions import RevisionView, revision_view
from nodesim.machine import Answered, Changed, ProgramEffect, ProgramEvent, Synced, TimerFired
from nodesim.profiles import Profile, Settings

ACTOR: Final = "daemonset-controller"
_NOWHERE: Final = Verdict(run=False, keep=False)


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
        self._recorder = EventRecorder(ACTOR, clock)
        self._queue = SyncQueue(self._begin, self.watches)
        self._expectations = Expectations()
        self._failed = FailedPods()
        self._sets: dict[str, DaemonSetView] = {}
        self._nodes: dict[str, DaemonNode] = {}
        self._pods: OwnedCache[ManagedPod] = OwnedCache()
        self._revisions: OwnedCache[RevisionView] = OwnedCache()
        self._observer = Observer("DaemonSet", self._sets, self._expectations)
        """Whom a pod concerns."""

    def __repr__(self) -> str:
        return f"<DaemonSetController sets={len(self._sets)} running={self._queue.running}>"

    def handle(self, event: ProgramEvent, now_us: int) -> list[ProgramEffect]:
        """One event in, the orders that follow from it out."""
        if isinstance(event, Changed):
            return self._changed(event, now_us)
        if isinstance(event, Answered | TimerFired | Synced):
            return self._queue.handle(event, self._sets, now_us)
        return []

    def _changed(self, event: Changed, now_us: int) -> list[ProgramEffect]:
        match event.resource:
            case "daemonsets":
                old, new = event.old, event.new
                keep(self._sets, event.key, new)
                if old is not None and (new is None or new.uid != old.uid):
                    # A successor of the same name starts clean.
                    self._expectations.forget(event.key)
                return self._queue.add([event.key], now_us)
            case "nodes":
                keep(self._nodes, event.key, event.new)
                return self._queue.add(self._judged_anew(event.old, event.new), now_us)
            case "controllerrevisions":
                self._revisions.replace(event.old, event.new)
                return self._queue.add(self._remembering(event.old, event.new), now_us)
            case _:
                return pod_changed(self._queue, self._observer, self._pods, event.old, event.new, now_us)

    def _judged_anew(self, old: DaemonNode | None, new: DaemonNode | None) -> list[str]:
        """The DaemonSets whose verdict on a node is another one now."""
        if new is None:
            return []

        def before(view: DaemonSetView) -> Verdict:
            return _NOWHERE if old is None else verdict(view, old)

        def now(view: DaemonSetView) -> Verdict:
            found = verdict(view, new)
            return found if old is not None or found.run else _NOWHERE

        return [key for key, view in sorted(self._sets.items()) if before(view) != now(view)]

    def _remembering(self, old: RevisionView | None, new: RevisionView | None) -> list[str]:
        """The DaemonSet of a revision that changed or went; what appears was made by its own sync."""
        if old is None:
            return []
        owner = self._observer.owner_of(old.namespace, (new or old).owner)
        return [owner.key] if owner is not None else []

    def _begin(self, key: str, now_us: int) -> DaemonSetSync | None:
        view = self._sets.get(key)
        if view is None:
            self._expectations.forget(key)
            return None
        return DaemonSetSync(
            view,
            partial(self._pods.candidates, view.parent),
            lambda: [self._nodes[name] for name in in_any_order(self._nodes)],
            self._revisions.owned_by(view.uid),
            self._profile,
            self._expectations,
            self._failed,
            self._recorder,
        )
