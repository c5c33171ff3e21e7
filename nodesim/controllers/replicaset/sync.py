"""What does one sync of one ReplicaSet do, request by request?

How it works.  A sync decides on what the caches held when it began, in three phases:

1. claim: pods that match but have no controller are adopted, own pods that no longer match are released, one after
   the other; a GET before the first adoption makes sure that the ReplicaSet still lives.  An error ends the sync.
2. scale, if the expectations are met and the ReplicaSet is not being deleted: too few pods are created in batches of
   1, 2, 4, ..., the next batch only when all of the last succeeded; too many are deleted all at once.  500 at most.
3. status: a PUT if it changed, once more on the fresh object if that failed.

Source: pkg/controller/replicaset/replica_set.go `syncReplicaSet`, `claimPods`, `manageReplicas`, `slowStartBatch`;
replica_set_utils.go `updateReplicaSetStatus`; pkg/controller/controller_ref_manager.go `ClaimPods`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from nodesim.client.events import EventRecorder
from nodesim.controllers.replicaset.expectations import Expectations
from nodesim.controllers.replicaset.ownership import adoption, pod_from_template, release
from nodesim.controllers.replicaset.preference import deletion_order
from nodesim.controllers.replicaset.status import differs, new_status
from nodesim.controllers.replicaset.views import ManagedPod, ReplicaSetView, replica_set_view
from nodesim.machine import Answered, Call, ProgramEffect, Record
from nodesim.messages import Create, Delete, Get, Patch, Request, Update
from nodesim.objects import Document, encode_document
from nodesim.units import SECOND

BURST_REPLICAS: Final = 500
_STATUS_TRIES: Final = 2


class Claim(enum.Enum):
    """What has to be done before a pod counts, or no longer does."""

    ADOPT = "adopt"
    RELEASE = "release"


@attrs.define
class Sync:
    """One sync; its calls carry the tag `("sync", number, step, detail)`.

    `scales` tells whether the expectations were met when it began.  It ends with `done`, and with an `error` or "".
    """

    number: int
    rs: ReplicaSetView
    scales: bool
    related_on: Mapping[str, int]
    expectations: Expectations
    recorder: EventRecorder
    claimed: list[ManagedPod] = attrs.field(factory=list)
    claims: list[tuple[Claim, ManagedPod]] = attrs.field(factory=list)
    may_adopt: bool | None = None
    to_create: int = 0
    made: int = 0
    batch: int = 0
    waiting: int = 0
    error: str = ""
    status_tries: int = 0
    done: bool = False
    resync_us: int | None = None
    """When to look again because pods are ready, but not yet available."""

    def begin(self, candidates: Sequence[ManagedPod], now_us: int) -> list[ProgramEffect]:
        """Start on the pods that are its own or nobody's, in name order."""
        for item in candidates:
            if not item.pod.active:
                continue
            owned, matches = item.pod.owner is not None, self.rs.selects(item.pod.labels)
            if owned and matches:
                self.claimed.append(item)
            elif self.rs.deletion_us is None and owned != matches:
                self.claims.append((Claim.RELEASE if owned else Claim.ADOPT, item))
        return self._next_claim(now_us)

    def answered(self, step: str, detail: str, answer: Answered, now_us: int) -> list[ProgramEffect]:
        """The next orders after an answer."""
        match step:
            case "check":
                return self._checked(answer, now_us)
            case "claim":
                return self._claim_answered(answer, now_us)
            case "create":
                return self._created(answer, now_us)
            case "delete":
                return self._deleted(detail, answer, now_us)
            case "status":
                return self._status_answered(answer, now_us)
            case _:
                assert step == "reread", step
                return self._reread(answer, now_us)

    def _call(self, step: str, detail: str, request: Request) -> Call:
        return Call(("sync", self.number, step, detail), request)

    def _event(self, type_: str, reason: str, message: str, now_us: int) -> Call:
        rs = self.rs
        return self.recorder.event(now_us, "ReplicaSet", rs.namespace, rs.name, rs.uid, type_, reason, message)

    # --- claim ---------------------------------------------------------------------------------------------------

    def _next_claim(self, now_us: int) -> list[ProgramEffect]:
        rs = self.rs
        while self.claims:
            claim, item = self.claims[0]
            if claim is Claim.ADOPT and self.may_adopt is None:
                return [self._call("check", "", Get("replicasets", rs.namespace, rs.name))]
            if claim is Claim.ADOPT and not self.may_adopt:
                self.claims.pop(0)
                continue
            change = adoption(rs, item.pod.uid) if claim is Claim.ADOPT else release(rs, item.pod.uid)
            request = Patch("pods", rs.namespace, item.pod.name, "", "strategic", encode_document(change))
            return [self._call("claim", item.pod.key, request)]
        if self.error:
            self.done = True
            return []
        self.claimed.sort(key=lambda item: item.pod.key)
        return self._scale(now_us)

    def _checked(self, answer: Answered, now_us: int) -> list[ProgramEffect]:
        """Source: `RecheckDeletionTimestamp`: adopt only for a ReplicaSet that still lives."""
        metadata = (answer.document or {}).get("metadata") or {}
        self.may_adopt = answer.ok and metadata.get("uid") == self.rs.uid and metadata.get("deletionTimestamp") is None
        if not self.may_adopt:
            self.error = f"cannot adopt: {answer.message or answer.reason or 'the ReplicaSet is going or gone'}"
        return self._next_claim(now_us)

    def _claim_answered(self, answer: Answered, now_us: int) -> list[ProgramEffect]:
        """A pod that is gone is nobody's; one that refuses its release has a controller already."""
        claim, item = self.claims.pop(0)
        if answer.ok:
            if claim is Claim.ADOPT:
                self.claimed.append(item)
        elif answer.code != 404 and not (claim is Claim.RELEASE and answer.code == 422):
            self.error = f"cannot {claim.value} {item.pod.key}: {answer.message or answer.reason}"
        return self._next_claim(now_us)

    # --- scale ---------------------------------------------------------------------------------------------------

    def _scale(self, now_us: int) -> list[ProgramEffect]:
        """Source: `manageReplicas`."""
        rs, have = self.rs, len(self.claimed)
        missing = rs.replicas - have
        if not self.scales or rs.deletion_us is not None or missing == 0:
            return self._write_status(now_us)
        record = Record("ReplicasDiffer", f"ReplicaSet/{rs.key}", {"want": rs.replicas, "have": have})
        if missing > 0:
            self.to_create = min(missing, BURST_REPLICAS)
            self.expectations.expect_creations(rs.key, self.to_create, now_us)
            return [record, *self._create_batch(1)]
        count = min(-missing, BURST_REPLICAS)
        chosen = deletion_order(self.claimed, self.related_on, now_us)[:count]
        self.expectations.expect_deletions(rs.key, [item.pod.key for item in chosen], now_us)
        self.waiting = count
        requests = [(item.pod.key, Delete("pods", rs.namespace, item.pod.name)) for item in chosen]
        return [record, *(self._call("delete", key, request) for key, request in requests)]

    def _create_batch(self, size: int) -> list[ProgramEffect]:
        """Source: `slowStartBatch`."""
        self.batch = self.waiting = min(size, self.to_create)
        self.to_create -= self.batch
        request = Create("pods", self.rs.namespace, encode_document(pod_from_template(self.rs)))
        first = self.made
        self.made += self.batch
        return [self._call("create", str(first + place), request) for place in range(self.batch)]

    def _created(self, answer: Answered, now_us: int) -> list[ProgramEffect]:
        self.waiting -= 1
        if answer.ok:
            name = answer.document["metadata"]["name"] if answer.document else ""
            effects: list[ProgramEffect] = [self._event("Normal", "SuccessfulCreate", f"Created pod: {name}", now_us)]
        else:
            why = answer.message or answer.reason
            self.error = self.error or why
            self.expectations.creation_observed(self.rs.key)
            effects = [self._event("Warning", "FailedCreate", f"Error creating: {why}", now_us)]
        if self.waiting:
            return effects
        if self.error:
            # What was never asked for will not be seen either; the next sync starts slowly again.
            self.expectations.creation_observed(self.rs.key, self.to_create)
            self.to_create = 0
        if self.to_create:
            return [*effects, *self._create_batch(2 * self.batch)]
        return [*effects, *self._write_status(now_us)]

    def _deleted(self, pod_key: str, answer: Answered, now_us: int) -> list[ProgramEffect]:
        self.waiting -= 1
        name = pod_key.partition("/")[2]
        effects: list[ProgramEffect] = []
        if answer.ok:
            effects.append(self._event("Normal", "SuccessfulDelete", f"Deleted pod: {name}", now_us))
        else:
            self.expectations.deletion_observed(self.rs.key, pod_key)
            if answer.code != 404:
                why = answer.message or answer.reason
                self.error = self.error or why
                effects.append(self._event("Warning", "FailedDelete", f"Error deleting: {why}", now_us))
        return effects if self.waiting else [*effects, *self._write_status(now_us)]

    # --- status --------------------------------------------------------------------------------------------------

    def _write_status(self, now_us: int) -> list[ProgramEffect]:
        status = new_status(self.rs, self.claimed, self.error, now_us)
        if differs(self.rs, status):
            return [self._put_status(self.rs.document, status)]
        self._end(status, now_us)
        return []

    def _put_status(self, document: Document, status: Document) -> Call:
        self.status_tries += 1
        whole = encode_document({**document, "status": status})
        return self._call("status", "", Update("replicasets", self.rs.namespace, self.rs.name, "status", whole))

    def _status_answered(self, answer: Answered, now_us: int) -> list[ProgramEffect]:
        if answer.ok:
            self._end(new_status(self.rs, self.claimed, self.error, now_us), now_us)
            return []
        if self.status_tries < _STATUS_TRIES:
            return [self._call("reread", "", Get("replicasets", self.rs.namespace, self.rs.name))]
        self._fail("status", answer)
        return []

    def _reread(self, answer: Answered, now_us: int) -> list[ProgramEffect]:
        if answer.ok and answer.document is not None:
            # The generation that was acted upon stays the observed one.
            fresh = replica_set_view(answer.document)
            return [self._put_status(fresh.document, new_status(self.rs, self.claimed, self.error, now_us))]
        self._fail("status", answer)
        return []

    def _fail(self, what: str, answer: Answered) -> None:
        self.error = self.error or f"cannot write {what}: {answer.message or answer.reason}"
        self.done = True

    def _end(self, status: Document, now_us: int) -> None:
        """Done; pods that are ready but not available yet want another look after minReadySeconds."""
        rs = self.rs
        self.done = True
        wanted = (status.get("readyReplicas", 0), status.get("availableReplicas", 0))
        if not self.error and rs.min_ready_seconds and wanted[0] == rs.replicas != wanted[1]:
            self.resync_us = now_us + rs.min_ready_seconds * SECOND
