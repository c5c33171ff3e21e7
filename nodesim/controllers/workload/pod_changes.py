"""What do workloads whose pods may become available later do when a pod changed?

Those concerned are synced now.  Where a pod became ready, its workload is looked at again when the pod is available:
minReadySeconds and one second later.
Source: pkg/controller/replicaset/replica_set.go `updatePod`, and its copies for StatefulSets and DaemonSets.
"""

from __future__ import annotations

from typing import TypeVar

from nodesim.controllers.workload.caches import OwnedCache
from nodesim.controllers.workload.observing import Observer
from nodesim.controllers.workload.pods import ManagedPod
from nodesim.controllers.workload.queue import SyncQueue
from nodesim.controllers.workload.views import ReadyingView
from nodesim.machine import ProgramEffect
from nodesim.units import SECOND

Of = TypeVar("Of", bound=ReadyingView)


def pod_changed(
    queue: SyncQueue,
    observer: Observer[Of],
    pods: OwnedCache[ManagedPod],
    old: ManagedPod | None,
    new: ManagedPod | None,
    now_us: int,
) -> list[ProgramEffect]:
    """Take the change into the cache, and sync whom it concerns."""
    pods.replace(old, new)
    if old is not None and new is not None and old.pod.resource_version == new.pod.resource_version:
        return []
    concerned = observer.seen(old, new)
    effects: list[ProgramEffect] = []
    if old is not None and new is not None and not old.ready and new.ready and not observer.counts_as_gone(new):
        view = observer.owner_of(new.namespace, new.owner)
        if view is not None and view.min_ready_seconds:
            effects += queue.add_at(view.parent.key, now_us + (view.min_ready_seconds + 1) * SECOND)
    return [*effects, *queue.add(concerned, now_us)]
