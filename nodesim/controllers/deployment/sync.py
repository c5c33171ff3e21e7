"""What does one sync of one Deployment do, request by request?

How it works.  ReplicaSets are claimed, then one of four ways is taken:

* it is being deleted: only the status;
* it is paused, or it was scaled (a ReplicaSet's annotation `desired-replicas` says another number): the ReplicaSets
  get their new sizes, no rollout goes on;
* RollingUpdate: the new ReplicaSet is made or grows; if it did neither, the old ones shrink;
* Recreate: the old ones go to 0; once none of their pods is left, the new one is made or grows.

All of it works on the Deployment and ReplicaSets of the cache as they were when the sync began.  So a sync that writes
the Deployment twice meets its own first write with 409 and is tried again, as the real one does (recorded).

Source: pkg/controller/deployment/deployment_controller.go `syncDeployment`, sync.go, rolling.go, recreate.go,
progress.go.  Left out: the deprecated rollback annotation, podReplacementPolicy (alpha).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import TypeAlias

import attrs

from nodesim.client.events import EventRecorder
from nodesim.controllers.deployment import status as statuses
from nodesim.controllers.deployment.revisions import (
    REVISION,
    by_revision,
    desired_of,
    find_new,
    find_old,
    max_revision,
    new_replica_set,
    new_set_annotations,
    size_annotations,
    without_hash,
)
from nodesim.controllers.deployment.sizes import SHARE, Size, active, new_size, old_sizes, replicas_of, scaled_sizes
from nodesim.controllers.deployment.views import RECREATE, DeploymentView, PodOfSet
from nodesim.controllers.replicaset import ReplicaSetView, replica_set_view
from nodesim.controllers.workload.claims import claim
from nodesim.controllers.workload.script import (
    Answers,
    Order,
    Outcome,
    Script,
    ask,
    namespace_terminates,
    why,
)
from nodesim.controllers.workload.sync import WorkloadSync
from nodesim.machine import Call, Record
from nodesim.messages import Create, Delete, Update
from nodesim.objects import Document, encode_document, find_condition

Found: TypeAlias = "tuple[ReplicaSetView | None, list[ReplicaSetView]]"
"""The new ReplicaSet and the old ones."""


class SyncFailed(Exception):
    """A request failed; the sync ends, and is tried again if there is a text."""


@attrs.define
class DeploymentSync(WorkloadSync):
    """One sync; `annotations` and `status` change in it as the controller's own copy of the Deployment does."""

    view: DeploymentView
    candidates: Sequence[ReplicaSetView]
    pods: Mapping[str, Sequence[PodOfSet]]
    """The pods of each ReplicaSet that the Deployment selects, by the ReplicaSet's UID."""
    known: Mapping[str, ReplicaSetView]
    """All ReplicaSets, by key."""
    recorder: EventRecorder
    says_from: bool
    """Events of scaling name the size before."""
    counts_terminating: bool = False
    now_us: int = 0
    sets: list[ReplicaSetView] = attrs.field(factory=list)
    annotations: dict[str, str] = attrs.field(factory=dict)
    status: Document = attrs.field(factory=dict)

    def run(self) -> Script:
        """The script; a failed request ends it."""
        self.annotations, self.status = dict(self.view.annotations), self.view.status
        try:
            return Outcome(again_us=(yield from self._sync()))
        except SyncFailed as failed:
            return Outcome(str(failed))

    def _sync(self) -> Generator[Order, Answers, int | None]:
        deployment = self.view
        self.sets, error = yield from claim(
            deployment.parent,
            deployment.deletion_us,
            "replicasets",
            self.candidates,
            lambda rs: deployment.selector.matches(rs.labels),
        )
        if error:
            raise SyncFailed(error)
        if deployment.deletion_us is not None:
            new, old = yield from self._find(create=False)
            yield from self._write_counts(new, old)
            return None
        yield from self._note_pause()
        if deployment.paused or (yield from self._was_scaled()):
            yield from self._scale()
            return None
        if deployment.strategy == RECREATE:
            return (yield from self._recreate())
        return (yield from self._roll())

    # --- ways ----------------------------------------------------------------------------------------------------

    def _note_pause(self) -> Generator[Order, Answers, None]:
        """A pause and its end stop the clock of progress.  Source: `checkPausedConditions`."""
        deployment = self.view
        held = find_condition(self.status, statuses.PROGRESSING)
        reason = held.get("reason") if held is not None else None
        if deployment.deadline_seconds is None or reason == statuses.TIMED_OUT:
            return
        if deployment.paused is (reason == "DeploymentPaused"):
            return
        word = "Paused" if deployment.paused else "Resumed"
        made = statuses.condition(
            statuses.PROGRESSING, "Unknown", f"Deployment{word}", f"Deployment is {word.lower()}", self.wall_us
        )
        self.status = statuses.with_condition(self.status, made)
        yield from self._put_status()

    def _was_scaled(self) -> Generator[Order, Answers, bool]:
        """Source: `isScalingEvent`."""
        new, old = yield from self._find(create=False)
        desired = [desired_of(rs) for rs in active(_all(new, old))]
        return any(number is not None and number != self.view.replicas for number in desired)

    def _scale(self) -> Generator[Order, Answers, None]:
        """Source: `sync`, `scale`."""
        new, old = yield from self._find(create=False)
        for size in scaled_sizes(self.view, new, old):
            yield from self._resize(size.rs, size.replicas, size.why)
        if self.view.paused:
            yield from self._clean_up(old)
        yield from self._write_counts(new, old)

    def _roll(self) -> Generator[Order, Answers, int | None]:
        """Source: `rolloutRolling`, `reconcileNewReplicaSet`, `reconcileOldReplicaSets`."""
        deployment = self.view
        new, old = yield from self._find(create=True)
        assert new is not None
        wanted = deployment.replicas
        if new.replicas < wanted:
            wanted = new_size(deployment, replicas_of([*old, new]), new.replicas)
        if wanted != new.replicas:
            yield from self._resize(new, wanted, "surge" if wanted > new.replicas else "scaled")
            return (yield from self._write_progress(new, old))
        if (yield from self._shrink(old_sizes(deployment, new, old))):
            return (yield from self._write_progress(new, old))
        if statuses.complete(deployment, self.status):
            yield from self._clean_up(old)
        return (yield from self._write_progress(new, old))

    def _shrink(self, sizes: Sequence[Size]) -> Generator[Order, Answers, bool]:
        """A write that fails ends the shrinking, but not the sync: Kubernetes drops the error here."""
        latest: dict[str, ReplicaSetView] = {}
        try:
            for size in sizes:
                rs = latest.get(size.rs.uid, size.rs)
                latest[size.rs.uid] = yield from self._resize(rs, size.replicas, size.why)
        except SyncFailed:
            return False
        return bool(sizes)

    def _recreate(self) -> Generator[Order, Answers, int | None]:
        """Source: `rolloutRecreate`, `oldPodsRunning`."""
        new, old = yield from self._find(create=False)
        shrinking = active(old)
        for rs in shrinking:
            yield from self._resize(rs, 0, "recreate")
        if shrinking or self._old_pods_run(new, old):
            return (yield from self._write_progress(new, old))
        if new is None:
            new, old = yield from self._find(create=True)
        assert new is not None
        yield from self._resize(new, self.view.replicas, "recreate")
        if statuses.complete(self.view, self.status):
            yield from self._clean_up(old)
        return (yield from self._write_progress(new, old))

    def _old_pods_run(self, new: ReplicaSetView | None, old: Sequence[ReplicaSetView]) -> bool:
        """A Terminating pod counts until its object is gone."""
        if any(rs.status.get("replicas") for rs in old):
            return True
        others = [rs.uid for rs in self.sets if new is None or rs.uid != new.uid]
        return any(not pod.terminal for uid in others for pod in self.pods.get(uid, ()))

    # --- the ReplicaSets -----------------------------------------------------------------------------------------

    def _find(self, *, create: bool) -> Generator[Order, Answers, Found]:
        """The new and the old ReplicaSets; the new one's annotations follow the Deployment, and its revision counts.

        Source: `getAllReplicaSetsAndSyncRevision`, `getNewReplicaSet`.
        """
        deployment = self.view
        new = find_new(deployment, self.sets)
        old = find_old(self.sets, new)
        revision = max_revision(old) + 1
        if new is None:
            if create:
                new = yield from self._create(old, revision)
            return new, old
        annotations = new_set_annotations(deployment, new.annotations, revision)
        if annotations != new.annotations or new.min_ready_seconds != deployment.min_ready_seconds:
            spec = {"minReadySeconds": deployment.min_ready_seconds}
            return (yield from self._put_set(new, annotations, spec)), old
        noted = self._note_revision(annotations.get(REVISION, ""))
        judged = find_condition(self.status, statuses.PROGRESSING) is not None
        if deployment.deadline_seconds is not None and not judged:
            text = f'Found new replica set "{new.name}"'
            made = statuses.condition(statuses.PROGRESSING, "True", "FoundNewReplicaSet", text, self.wall_us)
            self.status = statuses.with_condition(self.status, made)
            noted = True
        if noted:
            yield from self._put_status()
        return new, old

    def _note_revision(self, revision: str) -> bool:
        """Set the Deployment's annotation; False where it was so already."""
        if self.annotations.get(REVISION) == revision:
            return False
        self.annotations[REVISION] = revision
        return True

    def _create(self, old: Sequence[ReplicaSetView], revision: int) -> Generator[Order, Answers, ReplicaSetView]:
        deployment = self.view
        document = new_replica_set(deployment, self.status.get("collisionCount"))
        replicas = new_size(deployment, replicas_of(old), 0)
        document["spec"]["replicas"] = replicas
        annotations = new_set_annotations(deployment, {}, revision) | size_annotations(deployment)
        document["metadata"]["annotations"] = annotations
        name = document["metadata"]["name"]
        answer = yield from ask(Create("replicasets", deployment.namespace, encode_document(document)))
        if answer.ok and answer.document is not None:
            made = replica_set_view(answer.document)
            fields = {"replica_set": name, "from": 0, "to": replicas, "why": "created"}
            yield Record("ReplicaSetSized", deployment.parent.ref, fields)
            if replicas:
                text = f"Scaled up replica set {name} from 0 to {replicas}"
                yield self._scaling_event(text if self.says_from else f"Scaled up replica set {name} to {replicas}")
            noted = self._note_revision(str(revision))
            if deployment.deadline_seconds is not None:
                text = f'Created new replica set "{name}"'
                yield from self._progress("True", "NewReplicaSetCreated", text)
            elif noted:
                yield from self._put_status()
            return made
        if namespace_terminates(answer):
            raise SyncFailed  # All that would follow is refused as well; it is not tried again.
        if answer.code == 409:
            return (yield from self._taken(name, why(answer), revision))
        text = f'Failed to create new replica set "{name}": {why(answer)}'
        if deployment.deadline_seconds is not None:
            yield from self._progress("False", "ReplicaSetCreateError", text, must=False)
        yield self.event("Warning", "ReplicaSetCreateError", text)
        raise SyncFailed(text)

    def _taken(self, name: str, error: str, revision: int) -> Generator[Order, Answers, ReplicaSetView]:
        """The name is used: by the very ReplicaSet, which the cache did not show, or by another (a collision)."""
        deployment = self.view
        found = self.known.get(f"{deployment.namespace}/{name}")
        if found is None:
            raise SyncFailed(error)
        if deployment.parent.controls(found.owner) and without_hash(found.template) == without_hash(
            deployment.template
        ):
            if self._note_revision(str(revision)):
                yield from self._put_status()
            return found
        self.status = {**self.status, "collisionCount": (self.status.get("collisionCount") or 0) + 1}
        yield from self._put_status(must=False)
        raise SyncFailed(error)

    def _resize(self, rs: ReplicaSetView, replicas: int, reason: str) -> Generator[Order, Answers, ReplicaSetView]:
        """Source: `scaleReplicaSetAndRecordEvent`, `scaleReplicaSet`.

        The size and the annotations of the Deployment's size; these alone only where every set gets its share.
        """
        sizes, before = size_annotations(self.view), rs.replicas
        noted = all(rs.annotations.get(key) == item for key, item in sizes.items())
        if before == replicas and (noted or reason != SHARE):
            return rs
        made = yield from self._put_set(rs, {**rs.annotations, **sizes}, {"replicas": replicas})
        if before != replicas:
            fields = {"replica_set": rs.name, "from": before, "to": replicas, "why": reason}
            yield Record("ReplicaSetSized", self.view.parent.ref, fields)
            word = "up" if replicas > before else "down"
            middle = f"from {before} to {replicas}" if self.says_from else f"to {replicas}"
            yield self._scaling_event(f"Scaled {word} replica set {rs.name} {middle}")
        return made

    def _put_set(
        self, rs: ReplicaSetView, annotations: dict[str, str], spec: Document
    ) -> Generator[Order, Answers, ReplicaSetView]:
        document = {
            **rs.document,
            "metadata": {**rs.document["metadata"], "annotations": annotations},
            "spec": {**rs.document["spec"], **spec},
        }
        answer = yield from ask(Update("replicasets", rs.namespace, rs.name, "", encode_document(document)))
        if not answer.ok or answer.document is None:
            raise SyncFailed(why(answer))
        return replica_set_view(answer.document)

    def _clean_up(self, old: Sequence[ReplicaSetView]) -> Generator[Order, Answers, None]:
        """Delete the oldest of those that are empty, down to revisionHistoryLimit.  Source: `cleanupDeployment`."""
        limit = self.view.history_limit
        if limit is None:
            return
        living = [rs for rs in old if rs.deletion_us is None]
        for rs in by_revision(living)[: max(0, len(living) - limit)]:
            if rs.replicas or rs.status.get("replicas") or rs.generation > (rs.status.get("observedGeneration") or 0):
                continue
            answer = yield from ask(Delete("replicasets", rs.namespace, rs.name))
            if not answer.ok and answer.code != 404:
                raise SyncFailed(why(answer))

    # --- the status ----------------------------------------------------------------------------------------------

    def _made(
        self, status: Callable[..., Document], new: ReplicaSetView | None, old: Sequence[ReplicaSetView]
    ) -> Document:
        counts = self.counts_terminating
        return status(self.view, self.status, _all(new, old), new, self.wall_us, terminating=counts)

    def _write_counts(
        self, new: ReplicaSetView | None, old: Sequence[ReplicaSetView]
    ) -> Generator[Order, Answers, None]:
        """Source: `syncDeploymentStatus`."""
        made = self._made(statuses.counted_status, new, old)
        if statuses.differs(self.status, made):
            self.status = made
            yield from self._put_status()

    def _write_progress(
        self, new: ReplicaSetView | None, old: Sequence[ReplicaSetView]
    ) -> Generator[Order, Answers, int | None]:
        """Source: `syncRolloutStatus`; gives when to look again."""
        made = self._made(statuses.rollout_status, new, old)
        if not statuses.differs(self.status, made):
            look_again_us = statuses.look_again_us(self.view, self.status, made, self.wall_us)
            return None if look_again_us is None else self.now_us + look_again_us - self.wall_us
        self.status = made
        yield from self._put_status()
        return None

    def _progress(self, status: str, reason: str, text: str, *, must: bool = True) -> Generator[Order, Answers, None]:
        made = statuses.condition(statuses.PROGRESSING, status, reason, text, self.wall_us)
        self.status = statuses.with_condition(self.status, made)
        yield from self._put_status(must=must)

    def _put_status(self, *, must: bool = True) -> Generator[Order, Answers, None]:
        """The status and the annotations, against the version of the cache."""
        deployment = self.view
        metadata = {**deployment.document["metadata"], "annotations": dict(self.annotations)}
        document = encode_document({**deployment.document, "metadata": metadata, "status": self.status})
        answer = yield from ask(Update("deployments", deployment.namespace, deployment.name, "status", document))
        if must and not answer.ok:
            raise SyncFailed(why(answer))

    def _scaling_event(self, message: str) -> Call:
        return self.event("Normal", "ScalingReplicaSet", message)


def _all(new: ReplicaSetView | None, old: Sequence[ReplicaSetView]) -> list[ReplicaSetView]:
    return [*old, *([new] if new is not None else [])]
