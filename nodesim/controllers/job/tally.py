"""What has a Job's status to say of its pods, and which pods may go now?

A pod that ended is first named in `status.uncountedTerminatedPods`; then its finalizer is taken away; only what has no
finalizer any more is counted, and its name leaves the list.  So no pod is counted twice or lost, whatever fails.
Source: pkg/controller/job/job_controller.go (`trackJobStatusAndRemoveFinalizers`, `canRemoveFinalizer`,
`cleanUncountedPodsWithoutFinalizers`, `getValidPodsWithFilter`, `isPodFailed`, `ensureJobConditionStatus`).
Left out: podFailurePolicy, backoffLimitPerIndex, successPolicy.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

import attrs

from nodesim.controllers.job.indexes import parsed, written
from nodesim.controllers.job.views import JobPod, JobView
from nodesim.objects import Document, whole_second

UNCOUNTED_MAX: Final = 500
"""So many names at once; the rest waits for the next sync."""


def condition(type_: str, reason: str, message: str, wall_us: int, status: str = "True") -> Document:
    """A condition of a Job."""
    second = whole_second(wall_us)
    made = {"type": type_, "status": status, "lastProbeTime": second, "lastTransitionTime": second}
    if reason:
        made |= {"reason": reason, "message": message}
    return made


def with_condition(conditions: Sequence[Document], wanted: Document) -> tuple[list[Document], bool]:
    """The conditions with this one, and whether that is new; one that was never True need not become False."""
    held = next((item for item in conditions if item["type"] == wanted["type"]), None)
    if held is None:
        new = wanted["status"] != "False"
        return [*conditions, wanted] if new else list(conditions), new
    if all((held.get(part) or "") == (wanted.get(part) or "") for part in ("status", "reason", "message")):
        return list(conditions), False
    return [wanted if item is held else item for item in conditions], True


def failed(view: JobView, pod: JobPod) -> bool:
    """Does a pod count as failed: one that is to go does, unless only ended ones are replaced."""
    if pod.pod.phase == "Failed":
        return True
    return not view.only_failed and pod.deletion_us is not None and pod.pod.phase != "Succeeded"


@attrs.define
class Tally:
    """A Job's counting during one sync; `status` is its own copy, to be written."""

    view: JobView
    pods: Sequence[JobPod]
    awaited: Collection[str]
    """UIDs of pods whose finalizer was taken away, which the cache has not shown yet."""
    status: Document
    changed: bool = False
    """There is something to write."""

    @classmethod
    def of(cls, view: JobView, pods: Sequence[JobPod], awaited: Collection[str]) -> Tally:
        """At the beginning of a sync."""
        uncounted = view.status.get("uncountedTerminatedPods") or {}
        copied = {name: list(uids) for name, uids in uncounted.items() if uids}
        return cls(view, pods, awaited, {**view.status, "uncountedTerminatedPods": copied})

    def uncounted(self, name: str) -> list[str]:
        """UIDs that are named already as `succeeded` or `failed`."""
        found: list[str] = self.status["uncountedTerminatedPods"].get(name) or []
        return found

    def _fresh(self, pod: JobPod, name: str) -> bool:
        """Is a pod still to be named?"""
        if not pod.tracked or pod.uid in self.uncounted(name) or pod.uid in self.awaited:
            return False
        return self._placed(pod)

    def new_succeeded(self) -> list[JobPod]:
        """Pods that have succeeded and are in no count yet."""
        return [pod for pod in self.pods if pod.pod.phase == "Succeeded" and self._fresh(pod, "succeeded")]

    def new_failed(self) -> list[JobPod]:
        """Pods that have failed and are in no count yet."""
        return [pod for pod in self.pods if failed(self.view, pod) and self._fresh(pod, "failed")]

    @property
    def done_indexes(self) -> list[int]:
        """Of an Indexed Job, what the status says is done and what the new pods add."""
        held = parsed(self.status.get("completedIndexes") or "", self.view.completions or 0)
        return sorted({*held, *(pod.index for pod in self.new_succeeded())})

    @property
    def succeeded(self) -> int:
        """How many pods, or indexes, have succeeded."""
        if self.view.indexed:
            return len(self.done_indexes)
        held: int = self.status.get("succeeded") or 0
        return held + len(self.new_succeeded()) + len(self.uncounted("succeeded"))

    @property
    def failures(self) -> int:
        """How many pods have failed."""
        held: int = self.status.get("failed") or 0
        return held + len(self.new_failed()) + len(self.uncounted("failed"))

    def name_ended(self, *, ending: bool, lost: bool) -> tuple[list[JobPod], bool]:
        """Name the pods that ended; gives those whose finalizer may go, and whether there was no room for all.

        `ending`: the Job is over or is being deleted, so every pod may go; `lost`: those count as failed.
        """
        self.count({pod.uid for pod in self.pods if pod.tracked and pod.uid not in self.awaited})
        free: list[JobPod] = []
        indexes: list[int] = []
        done = parsed(self.status.get("completedIndexes") or "", self.view.completions or 0)
        full = False
        for pod in sorted(self.pods, key=lambda pod: pod.index) if self.view.indexed else self.pods:
            if not self._may_go(pod, ending=ending):
                continue
            free.append(pod)
            if pod.pod.phase == "Succeeded" and pod.uid not in self.uncounted("failed"):
                if not self.view.indexed:
                    self._name("succeeded", pod.uid)
                elif self._placed(pod) and pod.index not in (*done, *indexes):
                    indexes.append(pod.index)
                    self.changed = True
            elif (lost or failed(self.view, pod)) and self._placed(pod):
                self._name("failed", pod.uid)
            named = len(indexes) + len(self.uncounted("succeeded")) + len(self.uncounted("failed"))
            if named >= UNCOUNTED_MAX:
                full = True
                break
        self._complete_indexes([*done, *indexes])
        return free, full

    def _may_go(self, pod: JobPod, *, ending: bool) -> bool:
        """Has it its finalizer, for all that is known, and nothing any more to wait for?"""
        if not pod.tracked or pod.uid in self.awaited:
            return False
        return ending or pod.pod.phase == "Succeeded" or failed(self.view, pod)

    def _placed(self, pod: JobPod) -> bool:
        """Has it a place in this Job: of an Indexed one an index?"""
        return not self.view.indexed or self.view.has_index(pod.index)

    def _name(self, name: str, uid: str) -> None:
        if uid not in self.uncounted(name):
            self.status["uncountedTerminatedPods"].setdefault(name, []).append(uid)
            self.changed = True

    def _complete_indexes(self, indexes: Sequence[int]) -> None:
        if not self.view.indexed:
            return
        text = written(indexes)
        self.changed = self.changed or text != (self.status.get("completedIndexes") or "")
        self.set("succeeded", len(set(indexes)))
        self.set("completedIndexes", text)

    def count(self, tracked: Collection[str]) -> None:
        """Count what is named and no longer tracked."""
        for name in ("succeeded", "failed"):
            held = self.uncounted(name)
            kept = [uid for uid in held if uid in tracked]
            if len(kept) != len(held):
                self.changed = True
                self.set(name, (self.status.get(name) or 0) + len(held) - len(kept))
                named: dict[str, list[str]] = self.status["uncountedTerminatedPods"]
                del named[name]
                if kept:
                    named[name] = kept

    def set(self, name: str, item: Any) -> None:
        """A field of the status; what is empty is left out."""
        self.status.pop(name, None)
        if item:
            self.status[name] = item

    def add(self, wanted: Document) -> bool:
        """A condition; True: it is new."""
        conditions, new = with_condition(self.status.get("conditions") or (), wanted)
        self.set("conditions", conditions)
        return new
