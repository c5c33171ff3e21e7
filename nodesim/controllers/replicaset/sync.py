"""What does one sync of one ReplicaSet do, request by request?

How it works.  A sync decides on what the caches held when it began, in three phases:

1. claim: pods that match but have no controller are adopted, own pods that no longer match are released
   (`workload/claims.py`).  An error ends the sync.
2. scale, if the expectations are met and the ReplicaSet is not being deleted: too few pods are created in batches of
   1, 2, 4, ..., the next batch only when all of the last succeeded; too many are deleted all at once.  500 at most.
3. status: a PUT if it changed, once more on the fresh object if that failed.

Source: pkg/controller/replicaset/replica_set.go `syncReplicaSet`, `claimPods`, `manageReplicas`, `slowStartBatch`;
replica_set_utils.go `updateReplicaSetStatus`.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Final

import attrs

from nodesim.client.events import EventRecorder
from nodesim.controllers.replicaset.preference import deletion_order
from nodesim.controllers.replicaset.status import differs, new_status
from nodesim.controllers.replicaset.views import ReplicaSetView
from nodesim.controllers.workload.claims import claim
from nodesim.controllers.workload.expectations import Expectations
from nodesim.controllers.workload.ownership import pod_from_template
from nodesim.controllers.workload.pod_control import PodControl
from nodesim.controllers.workload.pods import ManagedPod
from nodesim.controllers.workload.script import Answers, Order, Outcome, Script, why
from nodesim.controllers.workload.sync import WorkloadSync
from nodesim.machine import Record
from nodesim.objects import Document, encode_document
from nodesim.units import SECOND

BURST_REPLICAS: Final = 500


@attrs.define
class ReplicaSetSync(WorkloadSync):
    """One sync on the pods that are its own or nobody's; `scales`: the expectations were met when it began."""

    view: ReplicaSetView
    candidates: Sequence[ManagedPod]
    scales: bool
    related_on: Mapping[str, int]
    expectations: Expectations
    recorder: EventRecorder
    counts_terminating: bool = False
    now_us: int = 0

    def run(self) -> Script:
        """Claim, scale, write the status."""
        rs = self.view
        active = [item for item in self.candidates if item.pod.active]
        pods, error = yield from claim(rs.parent, rs.deletion_us, "pods", active, lambda item: rs.selects(item.labels))
        if error:
            return Outcome(error)
        missing = rs.replicas - len(pods)
        if self.scales and rs.deletion_us is None and missing:
            yield Record("ReplicasDiffer", rs.parent.ref, {"want": rs.replicas, "have": len(pods)})
            error = yield from self._create(missing) if missing > 0 else self._delete(pods, -missing)
        return (yield from self._write_status(pods, error))

    # --- scale: `manageReplicas` ---------------------------------------------------------------------------------

    @property
    def _pod_control(self) -> PodControl:
        return PodControl(self.view.parent, self.expectations, self.event)

    def _create(self, missing: int) -> Generator[Order, Answers, str]:
        rs, count = self.view, min(missing, BURST_REPLICAS)
        self.expectations.expect(rs.key, count, (), self.now_us)
        pod = encode_document(pod_from_template(rs.parent, rs.template))
        started = yield from self._pod_control.create([pod] * count)
        return started.error

    def _delete(self, pods: Sequence[ManagedPod], surplus: int) -> Generator[Order, Answers, str]:
        chosen = deletion_order(pods, self.related_on, self.wall_us)[: min(surplus, BURST_REPLICAS)]
        self.expectations.expect(self.view.key, 0, [item.key for item in chosen], self.now_us)
        return (yield from self._pod_control.delete(chosen))

    # --- status --------------------------------------------------------------------------------------------------

    def _write_status(self, pods: Sequence[ManagedPod], error: str) -> Script:
        rs = self.view
        status = self._status(pods, error)
        if differs(rs, status):
            # On the fresh object, too, the generation that was acted upon stays the observed one.
            answer = yield from self.put_status(lambda document: self._status(pods, error))
            if not answer.ok:
                return Outcome(error or f"cannot write status: {why(answer)}")
            status = self._status(pods, error)
        return Outcome(error, self._look_again_us(status, error))

    def _status(self, pods: Sequence[ManagedPod], error: str) -> Document:
        terminating = sum(self._terminates(item) for item in self.candidates) if self.counts_terminating else None
        return new_status(self.view, pods, error, self.wall_us, terminating)

    def _terminates(self, item: ManagedPod) -> bool:
        """Source: `FilterTerminatingPods`, `FilterClaimedPods`."""
        going = item.deletion_us is not None and not item.pod.terminal
        return going and item.owner is not None and item.owner.uid == self.view.uid and self.view.selects(item.labels)

    def _look_again_us(self, status: Document, error: str) -> int | None:
        """Pods that are ready but not available yet want another look after minReadySeconds."""
        rs = self.view
        wanted = (status.get("readyReplicas", 0), status.get("availableReplicas", 0))
        if not error and rs.min_ready_seconds and wanted[0] == rs.replicas != wanted[1]:
            return self.now_us + rs.min_ready_seconds * SECOND
        return None
