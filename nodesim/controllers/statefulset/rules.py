"""What has to be done next with each pod of a StatefulSet, and what does its status say?

A pod that is to be, but is not there, is a `Replica` without a pod.  While a pod's object exists, also with a
deletionTimestamp, its identity is taken: no other pod of that name is made, on whatever node it may still run.
Source: pkg/controller/statefulset/stateful_set_control.go (`processReplica`, `processCondemned`, `updateStatefulSet`,
`computeReplicaStatus`), stateful_set_utils.go (`newVersionedStatefulSetPod`, `completeRollingUpdate`,
`inconsistentStatus`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from nodesim.controllers.statefulset.views import (
    POD_INDEX_LABEL,
    POD_NAME_LABEL,
    REVISION_LABEL,
    StatefulSetView,
    ordinal_of,
    revision_of,
)
from nodesim.controllers.workload.ownership import pod_from_template
from nodesim.controllers.workload.pods import ManagedPod, available
from nodesim.controllers.workload.revisions import RevisionView
from nodesim.objects import Document
from nodesim.values import value

_COUNTS: Final = ("replicas", "readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas")


@value
class Replica:
    """One identity that the set wants; `pod` None: it has to be made."""

    name: str
    ordinal: int
    pod: ManagedPod | None


@value
class Step:
    """What to do with one pod; `why` it waits, or is deleted."""

    do: Literal["create", "delete", "label", "wait", ""]
    why: str = ""


def split(view: StatefulSetView, pods: Sequence[ManagedPod]) -> tuple[list[Replica], list[ManagedPod]]:
    """The identities that it wants, lowest first, and the pods that are too many, highest ordinal first."""
    wanted = range(view.start, view.start + view.replicas)
    held = {ordinal_of(pod): pod for pod in pods}
    replicas = [Replica(f"{view.name}-{ordinal}", ordinal, held.get(ordinal)) for ordinal in wanted]
    condemned = [pod for pod in pods if ordinal_of(pod) >= 0 and ordinal_of(pod) not in wanted]
    return replicas, sorted(condemned, key=ordinal_of, reverse=True)


def unavailable(view: StatefulSetView, pod: ManagedPod | None, wall_us: int) -> bool:
    """Not there, not running and ready for long enough, or to go."""
    return pod is None or pod.deletion_us is not None or not _serves(view, pod, wall_us)


def _serves(view: StatefulSetView, pod: ManagedPod, wall_us: int) -> bool:
    return _running_and_ready(pod) and available(pod, view.min_ready_seconds, wall_us)


def _running_and_ready(pod: ManagedPod) -> bool:
    return pod.pod.phase == "Running" and pod.ready


def replica_step(view: StatefulSetView, replica: Replica, wall_us: int, *, succeeded_too: bool) -> Step:
    """What one identity needs; `succeeded_too`: pods that have succeeded are replaced like failed ones."""
    pod = replica.pod
    if pod is None:
        return Step("create")
    if pod.pod.phase == "Failed" or (succeeded_too and pod.pod.phase == "Succeeded"):
        return Step("delete", pod.pod.phase) if pod.deletion_us is None else Step("wait", "terminating")
    if view.monotonic:
        if pod.deletion_us is not None:
            return Step("wait", "terminating")
        if not _running_and_ready(pod):
            return Step("wait", "not ready")
        if not _serves(view, pod, wall_us):
            return Step("wait", "not available")
    return Step("" if pod.labels.get(POD_NAME_LABEL) == pod.name else "label")


def condemned_step(view: StatefulSetView, pod: ManagedPod, first: str, wall_us: int) -> Step:
    """What a pod that is too many needs; `first` names the lowest pod of the set that is not available."""
    if pod.deletion_us is not None:
        return Step("wait", "terminating") if view.monotonic else Step("")
    if view.monotonic and pod.name != first:
        if not _running_and_ready(pod):
            return Step("wait", "not ready")
        if not _serves(view, pod, wall_us):
            return Step("wait", "not available")
    return Step("delete", "scaled")


def first_unavailable(
    view: StatefulSetView, replicas: Sequence[Replica], condemned: Sequence[ManagedPod], wall_us: int
) -> str:
    """The name of the lowest pod that is not available, "" where all are."""
    for replica in replicas:
        if unavailable(view, replica.pod, wall_us):
            return replica.name
    return next((pod.name for pod in reversed(condemned) if unavailable(view, pod, wall_us)), "")


@value
class Update:
    """Which pods a rolling update deletes next, and on which pod it waits ("": on none)."""

    delete: list[ManagedPod]
    waits_for: str = ""


def next_update(
    view: StatefulSetView, replicas: Sequence[Replica], revision: str, wall_us: int, *, max_unavailable: bool
) -> Update:
    """From the highest ordinal down to the partition: pods of another revision, as many as may be unavailable.

    Without the gate `max_unavailable` it is one at a time, and only pods above the next victim are waited for.
    """
    targets = [replica for replica in reversed(replicas) if replica.ordinal - view.start >= (view.partition or 0)]
    if not max_unavailable:
        for replica in targets:
            pod = replica.pod
            if pod is not None and revision_of(pod) != revision and pod.deletion_us is None:
                return Update([pod])
            if unavailable(view, pod, wall_us):
                behind = any(each.pod is not None and revision_of(each.pod) != revision for each in targets)
                return Update([], replica.name if behind else "")
        return Update([])
    missing = [replica.name for replica in replicas if unavailable(view, replica.pod, wall_us)]
    room = view.max_unavailable - len(missing)
    victims = [
        replica.pod
        for replica in targets
        if replica.pod is not None and revision_of(replica.pod) != revision and replica.pod.deletion_us is None
    ]
    if room <= 0:
        return Update([], missing[-1] if victims else "")
    return Update(victims[:room])


def is_of_current(view: StatefulSetView, ordinal: int) -> bool:
    """Is a new pod made of the current revision, not of the update?  Source: `newVersionedStatefulSetPod`."""
    if view.partition is not None:
        return ordinal < view.start + view.partition
    return view.rolling and ordinal < view.start + (view.status.get("currentReplicas") or 0)


def pod_of(view: StatefulSetView, replica: Replica, revision: RevisionView, *, index_label: bool) -> Document:
    """A new pod for an identity, of a revision's template."""
    made = pod_from_template(view.parent, revision.template)
    metadata = {name: item for name, item in made["metadata"].items() if name != "generateName"}
    labels = {**(metadata.get("labels") or {}), POD_NAME_LABEL: replica.name, REVISION_LABEL: revision.name}
    if index_label:
        labels[POD_INDEX_LABEL] = str(replica.ordinal)
    spec = {**made["spec"], "hostname": replica.name}
    if view.service:
        spec["subdomain"] = view.service
    return {**made, "metadata": {**metadata, "name": replica.name, "labels": labels}, "spec": spec}


def new_status(
    view: StatefulSetView,
    pods: Sequence[ManagedPod],
    current: str,
    update: str,
    collisions: int,
    wall_us: int,
) -> Document:
    """The status that follows from the pods that the cache showed."""
    living = [pod for pod in pods if pod.deletion_us is None]
    counts = {
        "readyReplicas": sum(_running_and_ready(pod) for pod in pods),
        "currentReplicas": sum(revision_of(pod) == current for pod in living),
        "updatedReplicas": sum(revision_of(pod) == update for pod in living),
    }
    return {
        "observedGeneration": view.generation,
        "replicas": len(pods),
        **{name: count for name, count in counts.items() if count},
        "currentRevision": current,
        "updateRevision": update,
        "collisionCount": collisions,
        "availableReplicas": sum(_serves(view, pod, wall_us) for pod in pods),
    }


def completed(view: StatefulSetView, status: Document) -> Document:
    """The status; once a rolling update has all pods ready and updated, its revision is the current one."""
    counts = ("updatedReplicas", "readyReplicas", "replicas")
    if not view.rolling or any((status.get(name) or 0) != view.replicas for name in counts):
        return status
    updated = {"currentReplicas": view.replicas} if view.replicas else {}
    return {**status, **updated, "currentRevision": status["updateRevision"]}


def differs(view: StatefulSetView, status: Document) -> bool:
    """Is the new status worth a write?"""
    held = view.status
    if (status["observedGeneration"] or 0) > (held.get("observedGeneration") or 0):
        return True
    if any((held.get(name) or 0) != (status.get(name) or 0) for name in _COUNTS):
        return True
    return any(held.get(name) != status[name] for name in ("currentRevision", "updateRevision"))
