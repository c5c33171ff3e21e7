"""Whose turn is it when a pod or ReplicaSet changed?

Its controller's; where that changed, the former one's too; for an object without a controller, whoever selects it.
Controllers that wait for what they made and deleted (`Expectations`) learn here that it was seen.
Source: pkg/controller/replicaset/replica_set.go `addPod`, `updatePod`, `deletePod`, `resolveControllerRef`,
`getPodReplicaSets`, and their copies for Deployments, StatefulSets, DaemonSets and Jobs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

from nodesim.controllers.workload.caches import Owned
from nodesim.controllers.workload.expectations import Expectations
from nodesim.controllers.workload.views import WorkloadView
from nodesim.objects import Owner

Of = TypeVar("Of", bound=WorkloadView)


class Observer(Generic[Of]):
    """The workloads of one kind, by key, and what they wait for."""

    def __init__(self, kind: str, workloads: Mapping[str, Of], expectations: Expectations | None = None) -> None:
        self._kind = kind
        self._workloads = workloads
        self._expectations = expectations

    def seen(self, old: Owned | None, new: Owned | None) -> list[str]:
        """The keys of those concerned by a change; with expectations, a deletionTimestamp is as good as the end."""
        if new is None:
            return self._gone(old) if old is not None else []
        going = self.counts_as_gone(new)
        if old is None:
            return self._gone(new) if going else self._appeared(new)
        relabelled = old.labels != new.labels
        if going:
            return [*self._gone(new), *(self._gone(old) if relabelled else [])]
        moved = old.owner != new.owner
        former = self.owner_of(old.namespace, old.owner) if moved else None
        keys = [former.parent.key] if former is not None else []
        if new.owner is not None:
            owner = self.owner_of(new.namespace, new.owner)
            return [*keys, owner.parent.key] if owner is not None else keys
        return [*keys, *self.matching(new)] if relabelled or moved else keys

    def counts_as_gone(self, item: Owned) -> bool:
        """Its deletion was asked for, and that is as good as the end."""
        return item.deletion_us is not None and self._expectations is not None

    def _appeared(self, new: Owned) -> list[str]:
        if new.owner is None:
            return self.matching(new) if new.deletion_us is None else []
        owner = self.owner_of(new.namespace, new.owner)
        if owner is None:
            return []
        if self._expectations is not None:
            self._expectations.creation_observed(owner.parent.key)
        return [owner.parent.key]

    def _gone(self, item: Owned) -> list[str]:
        owner = self.owner_of(item.namespace, item.owner)
        if owner is None:
            return []
        if self._expectations is not None:
            self._expectations.deletion_observed(owner.parent.key, item.key)
        return [owner.parent.key]

    def owner_of(self, namespace: str, owner: Owner | None) -> Of | None:
        """Whom an owner reference means: by kind and name, then the UID must be the same."""
        if owner is None or owner.kind != self._kind:
            return None
        found = self._workloads.get(f"{namespace}/{owner.name}")
        return found if found is not None and found.parent.uid == owner.uid else None

    def matching(self, item: Owned) -> list[str]:
        """The keys of those that select an object, in order."""
        return [
            key
            for key, workload in sorted(self._workloads.items())
            if workload.parent.namespace == item.namespace and workload.selects(item.labels)
        ]
