"""What does the Job controller read of Jobs and of their pods?

Source: api/batch/v1/types.go; pkg/controller/job/backoff_utils.go `getFinishedTime`, indexed_job_utils.go
`getCompletionIndex`, tracking_utils.go `hasJobTrackingFinalizer`.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from nodesim.controllers.workload.pods import ManagedPod, managed_pod_view
from nodesim.controllers.workload.views import WorkloadView
from nodesim.objects import Document, Selector, is_condition_true, selector_of
from nodesim.units import SECOND
from nodesim.values import value

FINALIZER: Final = "batch.kubernetes.io/job-tracking"
INDEX: Final = "batch.kubernetes.io/job-completion-index"
"""Annotation and, from 1.28, label of an Indexed Job's pods."""
NO_INDEX: Final = -1


@value
class JobView(WorkloadView):
    """A Job as its controller reads it; `document` is the whole of it, for the PUT of its status."""

    KIND: ClassVar = ("batch/v1", "Job", "jobs")

    namespace: str
    name: str
    uid: str
    generation: int
    deletion_us: int | None
    selector: Selector
    template: Document
    parallelism: int
    completions: int | None
    """None: done as soon as one pod has succeeded and no other runs."""
    backoff_limit: int
    deadline_seconds: int | None
    """activeDeadlineSeconds."""
    indexed: bool
    suspend: bool
    only_failed: bool
    """podReplacementPolicy is Failed: a pod is replaced when it has ended, not when its deletion was asked for."""
    restarts_in_place: bool
    """Its pods' restartPolicy is OnFailure."""
    status: Document
    document: Document

    @property
    def finished(self) -> bool:
        """It is Complete or Failed."""
        return any(is_condition_true(self.status, type_) for type_ in ("Complete", "Failed"))

    def has_index(self, index: int) -> bool:
        """Is it an index of this Job?"""
        return index != NO_INDEX and index < (self.completions or 0)


def job_view(document: Document) -> JobView:
    """The view of a Job document."""
    metadata, spec = document["metadata"], document["spec"]
    template = spec.get("template") or {}
    limit = spec.get("backoffLimit")
    return JobView(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        generation=metadata.get("generation") or 0,
        deletion_us=metadata.get("deletionTimestamp"),
        selector=selector_of(spec.get("selector")),
        template=template,
        parallelism=spec.get("parallelism") or 0,
        completions=spec.get("completions"),
        backoff_limit=6 if limit is None else limit,
        deadline_seconds=spec.get("activeDeadlineSeconds"),
        indexed=spec.get("completionMode") == "Indexed",
        suspend=bool(spec.get("suspend")),
        only_failed=spec.get("podReplacementPolicy") == "Failed",
        restarts_in_place=(template.get("spec") or {}).get("restartPolicy") == "OnFailure",
        status=document.get("status") or {},
        document=document,
    )


@value
class JobPod(ManagedPod):
    """A pod with what only Jobs ask of it."""

    tracked: bool = False
    """It has the finalizer that keeps it until it is counted."""
    ended_us: int = 0
    """When its containers ended; else when it became not ready; else when its deletion was asked for."""
    index: int = NO_INDEX
    """Its completion index."""


def job_pod_view(document: Document) -> JobPod:
    """The view of a pod document."""
    pod = managed_pod_view(document)
    metadata = document["metadata"]
    tracked = FINALIZER in (metadata.get("finalizers") or ())
    text = (metadata.get("annotations") or {}).get(INDEX, "")
    index = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else NO_INDEX
    return JobPod(pod.pod, pod.deletion_cost, pod.restarts_max, pod.target, tracked, _ended_us(document, pod), index)


def _ended_us(document: Document, pod: ManagedPod) -> int:
    statuses: list[dict[str, Any]] = (document.get("status") or {}).get("containerStatuses") or []
    dates = [((item.get("state") or {}).get("terminated") or {}).get("finishedAt") for item in statuses]
    ends_us: list[int] = [date for date in dates if date is not None]
    if ends_us and len(ends_us) == len(dates):
        return max(ends_us)
    if pod.pod.ready == "False" and pod.pod.ready_transition_us is not None:
        return pod.pod.ready_transition_us
    if pod.deletion_us is not None:
        return pod.deletion_us - (pod.pod.deletion_grace_seconds or 0) * SECOND
    return pod.pod.created_us
