"""What does one sync of one Job do, request by request?

How it works.  Pods are claimed and tallied (`tally.py`).  A Job that failed too often or took too long deletes its
active pods; any other one gets as many as it wants, or loses those that are too many, unless a failure makes it wait
(`backoff.py`).  Then the status is written with the names of the pods that ended, their finalizers are taken away, and
a second status counts them; where everything is counted and no pod is terminating any more, it says that the Job is
Complete or Failed.

While a Job waits it reports no active pods at all; from 1.32 the server refuses such a status where pods are ready, so
the sync fails and is tried again until the wait is over (recorded).

Source: pkg/controller/job/job_controller.go `syncJob`, `manageJob`, `deleteJobPods`, `deleteActivePods`,
`trackJobStatusAndRemoveFinalizers`, `flushUncountedAndRemoveFinalizers`, `enactJobFinished`, `recordJobFinished`.
Known difference: v1.24 counted without finalizers by default and waited in its queue; here both profiles count alike.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Final

import attrs

from nodesim.client.events import EventRecorder
from nodesim.controllers.job.backoff import Failures, with_ended
from nodesim.controllers.job.finalizers import AwaitedRemovals, removal
from nodesim.controllers.job.indexes import pending, surplus
from nodesim.controllers.job.pods import pods_of
from nodesim.controllers.job.tally import Tally, condition
from nodesim.controllers.job.views import FINALIZER, JobPod, JobView
from nodesim.controllers.workload.claims import claim
from nodesim.controllers.workload.expectations import Expectations
from nodesim.controllers.workload.pod_control import PodControl
from nodesim.controllers.workload.pods import ManagedPod
from nodesim.controllers.workload.script import Answers, Ask, Order, Outcome, Script, ask, why
from nodesim.controllers.workload.sync import WorkloadSync
from nodesim.messages import Update
from nodesim.objects import Document, encode_document, find_condition, is_condition_true, whole_second
from nodesim.profiles import Profile
from nodesim.units import SECOND

BATCH_US: Final = SECOND
"""syncJobBatchPeriod: how long changes of pods are gathered before a sync."""
BURST: Final = 500
_TOO_OFTEN: Final = ("BackoffLimitExceeded", "Job has reached the specified backoff limit")
_TOO_LONG: Final = ("DeadlineExceeded", "Job was active longer than specified deadline")


@attrs.define
class JobSync(WorkloadSync):
    """One sync on the pods that are its own or nobody's; `manages`: the expectations were met when it began."""

    view: JobView
    candidates: Sequence[JobPod]
    manages: bool
    profile: Profile
    expectations: Expectations
    removals: AwaitedRemovals
    failures: dict[str, Failures]
    recorder: EventRecorder
    now_us: int = 0
    document: Document = attrs.field(factory=dict)
    """The Job as it was read or written last."""
    record: Failures = attrs.field(factory=Failures)
    finished: Document | None = None
    """The condition with which it ends."""
    active: int = 0
    ready: int = 0
    terminating: int = 0
    again_us: int | None = None

    def run(self) -> Script:
        """Claim, manage, track."""
        view = self.view
        if view.finished:
            self.failures.pop(view.key, None)
            return Outcome()
        claimed, error = yield from claim(
            view.parent, view.deletion_us, "pods", self.candidates, lambda pod: view.selects(pod.labels), (FINALIZER,)
        )
        if error:
            return Outcome(error)
        pods = [pod if pod.owner is not None else attrs.evolve(pod, tracked=True) for pod in claimed]
        tally = Tally.of(view, pods, self.removals.of(view.key))
        self.document = view.document
        self.record = with_ended(self.failures.get(view.key, Failures()), tally.new_succeeded(), tally.new_failed())
        active = [pod for pod in pods if pod.pod.active]
        self.active, self.ready = len(active), sum(pod.ready for pod in active)
        self.terminating = sum(pod.deletion_us is not None and not pod.pod.terminal for pod in pods)
        if "startTime" not in tally.status and not view.suspend:
            tally.status["startTime"] = whole_second(self.wall_us)
        self._judge(tally)
        if self.finished is not None:
            managed = yield from self._stop(active)
        else:
            managed = yield from self._go_on(tally, active)
        error = yield from self._track(tally)
        return Outcome(error or managed, self.again_us)

    def _again(self, at_us: int) -> None:
        self.again_us = at_us if self.again_us is None else min(self.again_us, at_us)

    @property
    def _pod_control(self) -> PodControl:
        return PodControl(self.view.parent, self.expectations, self.event)

    # --- is it over? ---------------------------------------------------------------------------------------------

    def _judge(self, tally: Tally) -> None:
        """Set `finished` where the Job has succeeded or failed before, or fails now."""
        view, status = self.view, tally.status
        if is_condition_true(status, "SuccessCriteriaMet"):
            self.finished = condition("SuccessCriteriaMet", "", "", self.wall_us)
            return
        target = find_condition(status, "FailureTarget")
        if target is not None and target["status"] == "True":
            reason, message = target.get("reason") or "", target.get("message") or ""
            self.finished = condition("Failed", reason, message, self.wall_us)
            return
        reason_and_message = None
        if tally.failures > view.backoff_limit or self._restarts_too_often(tally.pods):
            reason_and_message = _TOO_OFTEN
        elif view.deadline_seconds is not None and not view.suspend:
            left_us = status["startTime"] + view.deadline_seconds * SECOND - self.wall_us
            if left_us <= 0:
                reason_and_message = _TOO_LONG
            else:
                self._again(self.now_us + left_us)
        if reason_and_message is not None:
            type_ = "FailureTarget" if self.profile.job_terminal_last else "Failed"
            self.finished = condition(type_, *reason_and_message, self.wall_us)

    def _restarts_too_often(self, pods: Sequence[JobPod]) -> bool:
        """Of pods that restart in place, the restarts count.  Source: `pastBackoffLimitOnFailure`."""
        if not self.view.restarts_in_place:
            return False
        restarts = sum(pod.pod.restart_count for pod in pods if pod.pod.phase in ("Running", "Pending"))
        return restarts >= max(1, self.view.backoff_limit)

    # --- pods ----------------------------------------------------------------------------------------------------

    def _stop(self, active: Sequence[JobPod]) -> Generator[Order, Answers, str]:
        """Delete what still runs; their finalizers stay until they are counted."""
        left, error = yield from self._pod_control.delete_each(active)
        gone = [pod for pod in active if pod not in left]
        if left or not self.manages:
            self.finished = None
        self._less(gone)
        return error

    def _less(self, gone: Sequence[ManagedPod]) -> None:
        self.active -= len(gone)
        self.ready -= sum(pod.ready for pod in gone)
        self.terminating += len(gone)

    def _go_on(self, tally: Tally, active: Sequence[JobPod]) -> Generator[Order, Answers, str]:
        """As many pods as it wants, if nothing is awaited; then see whether it is complete or suspended."""
        view, error = self.view, ""
        managed = self.manages and view.deletion_us is None
        succeeded = tally.succeeded
        if managed:
            error = yield from self._manage(tally, active, succeeded)
        enough = succeeded > 0 if view.completions is None else succeeded >= view.completions
        if enough and self.active == 0:
            type_ = "SuccessCriteriaMet" if self.profile.job_terminal_last else "Complete"
            self.finished = condition(type_, "", "", self.wall_us)
        elif managed:
            yield from self._tell_suspension(tally)
        return error

    def _tell_suspension(self, tally: Tally) -> Generator[Order, Answers, None]:
        suspend = self.view.suspend
        word = "Suspended" if suspend else "Resumed"
        status = "True" if suspend else "False"
        if not tally.add(condition("Suspended", f"Job{word}", f"Job {word.lower()}", self.wall_us, status)):
            return
        tally.changed = True
        yield self.event("Normal", word, f"Job {word.lower()}")
        if not suspend:
            tally.status["startTime"] = whole_second(self.wall_us)

    def _wanted(self, succeeded: int, active: int) -> int:
        view = self.view
        if view.suspend:
            return 0
        if view.completions is None:
            return active if succeeded else view.parallelism
        return max(0, min(view.completions - succeeded, view.parallelism))

    def _manage(self, tally: Tally, active: Sequence[JobPod], succeeded: int) -> Generator[Order, Answers, str]:
        view = self.view
        wanted = self._wanted(succeeded, self.active)
        gone = surplus(view, active, max(0, self.active - wanted))
        if gone or view.suspend:
            return (yield from self._delete(gone if view.suspend else gone[:BURST]))
        missing = wanted - self.active - (self.terminating if view.only_failed else 0)
        if missing <= 0:
            return ""
        wait_us = self.record.remaining_us(self.wall_us)
        if wait_us:
            self._again(self.now_us + max(wait_us, BATCH_US))
            self.active = 0  # So Kubernetes has it, too.
            return ""
        missing = min(missing, BURST)
        indexes: list[int] = []
        if view.indexed:
            taken = [pod.index for pod in tally.pods if pod.pod.active or (view.only_failed and not pod.pod.terminal)]
            indexes = pending(view, [*tally.done_indexes, *taken], missing)
            missing = len(indexes)
        self.expectations.expect(view.key, missing, (), self.now_us)
        documents = pods_of(view, missing, indexes, index_label=self.profile.statefulset_pod_index_label)
        started = yield from self._pod_control.create([encode_document(document) for document in documents])
        self.active += started.made
        return started.error

    def _delete(self, pods: Sequence[ManagedPod]) -> Generator[Order, Answers, str]:
        """Take their finalizers away and delete them: these are never counted.  Source: `deleteJobPods`."""
        view = self.view
        self.expectations.expect(view.key, 0, [pod.key for pod in pods], self.now_us)
        freed, error = yield from self._free(pods)
        for pod in pods:
            if pod not in freed:
                self.expectations.deletion_observed(view.key, pod.key)
        left, failed = yield from self._pod_control.delete_each(freed)
        self._less([pod for pod in freed if pod not in left])
        return error or failed

    def _free(self, pods: Sequence[ManagedPod]) -> Generator[Order, Answers, tuple[list[ManagedPod], str]]:
        """Take finalizers away, all at once; those that have none any more, and the first error."""
        if not pods:
            return [], ""
        answers = yield Ask(tuple(removal(pod) for pod in pods))
        error = next((why(answer) for answer in answers if not answer.ok and answer.code != 404), "")
        freed = [pod for pod, answer in zip(pods, answers, strict=True) if answer.ok or answer.code == 404]
        return freed, f"removing tracking finalizer: {error}" if error else ""

    # --- status --------------------------------------------------------------------------------------------------

    def _track(self, tally: Tally) -> Generator[Order, Answers, str]:
        """Name what ended, free it, count it; the end of the Job comes last."""
        view = self.view
        self._take_counts(tally)
        lost = self.finished is not None and self.finished["type"] != "SuccessCriteriaMet"
        over = view.deletion_us is not None or self.finished is not None
        free, full = tally.name_ended(ending=over, lost=lost)
        self._name_end(tally)
        if tally.changed:
            error = yield from self._write(tally)
            if error:
                return f"tracking status: adding uncounted pods to status: {error}"
            self.failures[view.key] = self.record
        error = yield from self._count(tally, free)
        if error:
            return f"tracking status: {error}"
        ended = not full and self._end(tally)
        if tally.changed:
            error = yield from self._write(tally)
            if error:
                return f"tracking status: removing uncounted pods from status: {error}"
            if ended:
                yield from self._tell_end(tally)
        return ""

    def _take_counts(self, tally: Tally) -> None:
        counts = self.profile.job_terminating_pods
        held = self.view.status
        tally.changed = tally.changed or self.active != (held.get("active") or 0) or self.ready != held.get("ready")
        tally.set("active", self.active)
        tally.status["ready"] = self.ready
        if counts:
            tally.changed = tally.changed or self.terminating != held.get("terminating")
            tally.status["terminating"] = self.terminating

    def _name_end(self, tally: Tally) -> None:
        """The condition that announces the end is written before any finalizer goes."""
        finished = self.finished
        if finished is None:
            return
        reason, message = finished.get("reason") or "", finished.get("message") or ""
        if finished["type"] == "FailureTarget":
            tally.changed = tally.add(finished) or tally.changed
            self.finished = condition("Failed", reason, message, self.wall_us)
        elif finished["type"] == "SuccessCriteriaMet":
            tally.changed = tally.add(finished) or tally.changed
            self.finished = condition("Complete", reason, message, self.wall_us)

    def _count(self, tally: Tally, free: Sequence[JobPod]) -> Generator[Order, Answers, str]:
        self.removals.expect(self.view.key, [pod.uid for pod in free])
        freed, error = yield from self._free(free)
        gone = [pod.uid for pod in freed]
        for pod in free:
            if pod.uid not in gone:
                self.removals.observed(self.view.key, pod.uid)
        tracked = [pod.uid for pod in tally.pods if pod.tracked and pod.uid not in (*tally.awaited, *gone)]
        tally.count(tracked)
        if error and tally.changed:
            failed = yield from self._write(tally)
            error = failed or error
        return error

    def _end(self, tally: Tally) -> bool:
        """Is everything counted, and nothing terminating?  Then it is over."""
        finished = self.finished
        if finished is None or tally.uncounted("succeeded") or tally.uncounted("failed"):
            return False
        if self.profile.job_terminal_last and self.terminating > 0:
            return False
        tally.add(finished)
        if finished["type"] == "Complete":
            tally.status["completionTime"] = finished["lastTransitionTime"]
        tally.changed = True
        return True

    def _tell_end(self, tally: Tally) -> Generator[Order, Answers, None]:
        assert self.finished is not None
        if self.finished["type"] != "Complete":
            yield self.event("Warning", self.finished["reason"], self.finished["message"])
            return
        wanted = self.view.completions
        if wanted is not None and (tally.status.get("succeeded") or 0) > wanted:
            text = "Too many succeeded pods running after completion count reached"
            yield self.event("Warning", "TooManySucceededPods", text)
        yield self.event("Normal", "Completed", "Job completed")

    def _write(self, tally: Tally) -> Generator[Order, Answers, str]:
        whole = encode_document({**self.document, "status": tally.status})
        answer = yield from ask(Update("jobs", self.view.namespace, self.view.name, "status", whole))
        if not answer.ok or answer.document is None:
            return why(answer)
        self.document = answer.document
        tally.changed = False
        return ""
