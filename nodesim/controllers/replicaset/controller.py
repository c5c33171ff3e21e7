"""Which ReplicaSets have to be synced, and when?

How it works.  Each change of a ReplicaSet or of a pod names the ReplicaSets that it concerns; they are synced in the
same turn (`sync.py`).  One sync runs per ReplicaSet; what changes meanwhile starts another one after it.  A failed sync
is tried again after 5 ms, 10 ms, 20 ms, ..., at most 1000 s.  A pod with a deletionTimestamp counts as gone, so its
replacement is made while its object, and perhaps its containers, still exist.  A pod that is merely not ready changes
only the status.

Known difference: Kubernetes syncs at most five ReplicaSets side by side and sends at most 20 requests a second.
Source: pkg/controller/replicaset/replica_set.go; client-go util/workqueue `DefaultTypedControllerRateLimiter`.
"""

from __future__ import annotations

from typing import Final

import attrs

from nodesim.client.events import EventRecorder
from nodesim.client.watches import WatchSpec
from nodesim.controllers.replicaset.expectations import Expectations
from nodesim.controllers.replicaset.sync import Sync
from nodesim.controllers.replicaset.views import ManagedPod, ReplicaSetView, managed_pod_view, replica_set_view
from nodesim.machine import Answered, Changed, ProgramEffect, ProgramEvent, SetTimer, Started, Synced, TimerFired
from nodesim.objects import Owner
from nodesim.profiles import Profile, Settings
from nodesim.units import MILLISECOND, SECOND

ACTOR: Final = "replicaset-controller"
_BACKOFF_US: Final = 5 * MILLISECOND
_BACKOFF_MAX_US: Final = 1000 * SECOND
_DOUBLINGS_MAX: Final = 18
"""5 ms doubled 18 times is above the longest pause; more need not be computed."""


@attrs.define
class _State:
    """All that a restart loses."""

    recorder: EventRecorder = attrs.field(factory=lambda: EventRecorder(ACTOR))
    expectations: Expectations = attrs.field(factory=Expectations)
    synced: dict[str, bool] = attrs.field(factory=lambda: {"pods": False, "replicasets": False})
    sets: dict[str, ReplicaSetView] = attrs.field(factory=dict)
    owned: dict[str, dict[str, ManagedPod]] = attrs.field(factory=dict)
    """Pods by their controller's UID and their own key."""
    orphans: dict[str, dict[str, ManagedPod]] = attrs.field(factory=dict)
    """Pods without a controller by namespace and key."""
    running: dict[str, Sync] = attrs.field(factory=dict)
    again: dict[str, None] = attrs.field(factory=dict)
    """Changed while their sync ran."""
    failures: dict[str, int] = attrs.field(factory=dict)
    later: dict[str, int] = attrs.field(factory=dict)
    """When a timer will sync them (us)."""
    keys: dict[int, str] = attrs.field(factory=dict)
    """ReplicaSet keys by number of their running sync."""
    syncs_made: int = 0


class ReplicaSetController:
    """Keeps as many active pods as each ReplicaSet wants.  No option of `settings` or `profile` concerns it."""

    watches: tuple[WatchSpec, ...] = (
        WatchSpec("replicasets", replica_set_view),
        WatchSpec("pods", managed_pod_view),
    )

    def __init__(self, settings: Settings, profile: Profile) -> None:
        self._state = _State()

    def __repr__(self) -> str:
        return f"<ReplicaSetController sets={len(self._state.sets)} running={sorted(self._state.running)}>"

    def handle(self, event: ProgramEvent, now_us: int) -> list[ProgramEffect]:
        """One event in, the orders that follow from it out."""
        state = self._state
        if isinstance(event, Changed):
            if event.resource == "pods":
                return self._pod_changed(event.old, event.new, now_us)
            return self._set_changed(event.key, event.old, event.new, now_us) if event.resource == "replicasets" else []
        if isinstance(event, Answered):
            return self._answered(event, now_us)
        if isinstance(event, TimerFired):
            match event.key:
                case ("sync", str(key)) if key in state.later:
                    del state.later[key]
                    return self._sync([key], now_us)
                case _:
                    return []
        if isinstance(event, Synced):
            if state.synced.get(event.resource, True):
                return []
            state.synced[event.resource] = True
            return self._sync(sorted(state.sets), now_us)
        if isinstance(event, Started):
            # Numbers go on, so that no answer to the last process is taken for one to this.
            self._state = _State(syncs_made=self._state.syncs_made)
        return []

    # --- what is seen --------------------------------------------------------------------------------------------

    def _set_changed(
        self, key: str, old: ReplicaSetView | None, new: ReplicaSetView | None, now_us: int
    ) -> list[ProgramEffect]:
        """Source: `addRS`, `updateRS`, `deleteRS`: every change is worth a sync."""
        state = self._state
        if new is None:
            state.sets.pop(key, None)
        else:
            state.sets[key] = new
        if old is not None and (new is None or new.uid != old.uid):
            # A successor of the same name starts clean.
            state.expectations.forget(key)
        return self._sync([key], now_us)

    def _pod_changed(self, old: ManagedPod | None, new: ManagedPod | None, now_us: int) -> list[ProgramEffect]:
        if old is not None:
            self._place(old).pop(old.pod.key, None)
        if new is not None:
            self._place(new)[new.pod.key] = new
        if new is None:
            concerned = self._gone(old) if old is not None else []
        elif old is None:
            concerned = self._appeared(new)
        elif old.pod.resource_version == new.pod.resource_version:
            concerned = []
        else:
            concerned = self._updated(old, new)
            effects = self._look_when_available(old, new, now_us)
            return [*effects, *self._sync(concerned, now_us)]
        return self._sync(concerned, now_us)

    def _place(self, item: ManagedPod) -> dict[str, ManagedPod]:
        """Where the cache keeps a pod."""
        owner = item.pod.owner
        if owner is not None:
            return self._state.owned.setdefault(owner.uid, {})
        return self._state.orphans.setdefault(item.pod.namespace, {})

    def _appeared(self, new: ManagedPod) -> list[str]:
        """Source: `addPod`.  A pod that is to go already is no creation, but may be an awaited deletion."""
        if new.pod.deletion_us is not None:
            return self._gone(new)
        if new.pod.owner is None:
            return self._matching(new)
        rs = self._owner_of(new.pod.namespace, new.pod.owner)
        if rs is None:
            return []
        self._state.expectations.creation_observed(rs.key)
        return [rs.key]

    def _updated(self, old: ManagedPod, new: ManagedPod) -> list[str]:
        """Source: `updatePod`.  A deletionTimestamp is as good as the pod's end."""
        relabelled = old.pod.labels != new.pod.labels
        if new.pod.deletion_us is not None:
            return [*self._gone(new), *(self._gone(old) if relabelled else [])]
        concerned = []
        if old.pod.owner is not None and old.pod.owner != new.pod.owner:
            former = self._owner_of(old.pod.namespace, old.pod.owner)
            concerned += [former.key] if former is not None else []
        if new.pod.owner is not None:
            rs = self._owner_of(new.pod.namespace, new.pod.owner)
            return [*concerned, rs.key] if rs is not None else concerned
        if relabelled or old.pod.owner is not None:
            concerned += self._matching(new)
        return concerned

    def _gone(self, item: ManagedPod) -> list[str]:
        """Source: `deletePod`."""
        if item.pod.owner is None:
            return []
        rs = self._owner_of(item.pod.namespace, item.pod.owner)
        if rs is None:
            return []
        self._state.expectations.deletion_observed(rs.key, item.pod.key)
        return [rs.key]

    def _owner_of(self, namespace: str, owner: Owner) -> ReplicaSetView | None:
        """Source: `resolveControllerRef`: by kind and name, then the UID must be the same."""
        if owner.kind != "ReplicaSet":
            return None
        rs = self._state.sets.get(f"{namespace}/{owner.name}")
        return rs if rs is not None and rs.uid == owner.uid else None

    def _matching(self, item: ManagedPod) -> list[str]:
        """Source: `getPodReplicaSets`, in name order."""
        sets = self._state.sets
        return [
            key
            for key in sorted(sets)
            if sets[key].namespace == item.pod.namespace and sets[key].selects(item.pod.labels)
        ]

    def _look_when_available(self, old: ManagedPod, new: ManagedPod, now_us: int) -> list[ProgramEffect]:
        """Source: `updatePod`: minReadySeconds and one second after a pod became ready."""
        if old.ready or not new.ready or new.pod.owner is None or new.pod.deletion_us is not None:
            return []
        rs = self._owner_of(new.pod.namespace, new.pod.owner)
        if rs is None or not rs.min_ready_seconds:
            return []
        return self._sync_later(rs.key, now_us + (rs.min_ready_seconds + 1) * SECOND)

    # --- syncs ---------------------------------------------------------------------------------------------------

    def _sync(self, keys: list[str], now_us: int) -> list[ProgramEffect]:
        """Sync these ReplicaSets, or note it for those whose sync runs."""
        state = self._state
        if not (state.synced["pods"] and state.synced["replicasets"]):
            return []
        effects: list[ProgramEffect] = []
        for key in dict.fromkeys(keys):
            if key in state.running:
                state.again[key] = None
            elif key not in state.sets:
                state.expectations.forget(key)
                state.failures.pop(key, None)
            else:
                effects += self._begin(state.sets[key], now_us)
        return effects

    def _begin(self, rs: ReplicaSetView, now_us: int) -> list[ProgramEffect]:
        state = self._state
        candidates = {**state.owned.get(rs.uid, {}), **state.orphans.get(rs.namespace, {})}
        scales = state.expectations.satisfied(rs.key, now_us)
        related_on = self._related_on(rs) if scales and len(candidates) > rs.replicas else {}
        state.syncs_made += 1
        sync = Sync(state.syncs_made, rs, scales, related_on, state.expectations, state.recorder)
        state.running[rs.key] = sync
        state.keys[sync.number] = rs.key
        effects = sync.begin([candidates[key] for key in sorted(candidates)], now_us)
        return [*effects, *self._end(sync, now_us)]

    def _related_on(self, rs: ReplicaSetView) -> dict[str, int]:
        """Active pods by node that any ReplicaSet of the same owner selects.  Source: `getIndirectlyRelatedPods`."""
        state, owner = self._state, rs.owner
        if owner is None:
            return {}
        sets = [other for other in state.sets.values() if other.owner is not None and other.owner.uid == owner.uid]
        pods = [item for held in (*state.owned.values(), *state.orphans.values()) for item in held.values()]
        counts: dict[str, int] = {}
        for item in pods:
            if item.pod.active and any(
                other.namespace == item.pod.namespace and other.selects(item.pod.labels) for other in sets
            ):
                counts[item.pod.node] = counts.get(item.pod.node, 0) + 1
        return counts

    def _answered(self, answer: Answered, now_us: int) -> list[ProgramEffect]:
        match answer.tag:
            case ("sync", int(number), str(step), str(detail)) if number in self._state.keys:
                sync = self._state.running[self._state.keys[number]]
                effects = sync.answered(step, detail, answer, now_us)
                return [*effects, *self._end(sync, now_us)]
            case _:
                return []

    def _end(self, sync: Sync, now_us: int) -> list[ProgramEffect]:
        """Where a sync is over: plan the next one, and start it if something changed meanwhile."""
        if not sync.done:
            return []
        state, key = self._state, sync.rs.key
        del state.running[key], state.keys[sync.number]
        effects: list[ProgramEffect] = []
        if sync.error:
            failures = state.failures.get(key, 0)
            state.failures[key] = failures + 1
            pause_us = min(_BACKOFF_US << min(failures, _DOUBLINGS_MAX), _BACKOFF_MAX_US)
            effects += self._sync_later(key, now_us + pause_us)
        else:
            state.failures.pop(key, None)
            effects += self._sync_later(key, sync.resync_us) if sync.resync_us is not None else []
        if key in state.again:
            del state.again[key]
            effects += self._sync([key], now_us)
        return effects

    def _sync_later(self, key: str, at_us: int) -> list[ProgramEffect]:
        """Of several waits for one ReplicaSet the earliest counts.  Source: client-go delaying queue `insert`."""
        if self._state.later.get(key, at_us + 1) <= at_us:
            return []
        self._state.later[key] = at_us
        return [SetTimer(("sync", key), at_us)]
