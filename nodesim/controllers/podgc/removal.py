"""How is one pod removed by force?

Set its phase to Failed (versions that do that, and only where it has not ended), with a condition where there is one to
give; then DELETE with grace 0, without a precondition.  An error ends it: the next run tries again.
Source: pkg/controller/podgc/gc_controller.go `markFailedAndDeletePodWithCondition`.
"""

from __future__ import annotations

from typing import Final

import attrs

from nodesim.controllers.podgc.views import CollectedPod
from nodesim.machine import Answered, Call, ProgramEffect, Record
from nodesim.messages import Delete, Patch
from nodesim.objects import Document, disruption_target, encode_document

_REASON: Final = "DeletionByPodGC"
_MESSAGE: Final = "PodGC: node no longer exists"


@attrs.define
class Removal:
    """One pod's removal; its calls carry the tag `("remove", number, step)`."""

    number: int
    pod: CollectedPod
    why: str
    """`terminated`, `out of service`, `node gone` or `unscheduled`."""
    marks_failed: bool

    def begin(self, wall_us: int) -> list[ProgramEffect]:
        """The decision, and the first request; `wall_us` is what its clock shows."""
        fields = {"node": self.pod.node, "why": self.why}
        return [Record("PodCollected", f"Pod/{self.pod.key}", fields), *self._first(wall_us)]

    def answered(self, step: str, answer: Answered) -> list[ProgramEffect] | None:
        """The next request after an answer to `step`; None: it is over."""
        return [self._delete()] if step == "patch" and answer.ok else None

    def _first(self, wall_us: int) -> list[ProgramEffect]:
        pod = self.pod
        if not self.marks_failed or pod.terminal:
            return [self._delete()]
        status: Document = {"phase": "Failed"}
        if self.why == "node gone":
            condition = disruption_target(pod.conditions, _REASON, _MESSAGE, wall_us)
            status |= {"conditions": [condition]} if condition is not None else {}
        change = {"metadata": {"uid": pod.uid}, "status": status}
        request = Patch("pods", pod.namespace, pod.name, "status", "strategic", encode_document(change))
        return [Call(("remove", self.number, "patch"), request)]

    def _delete(self) -> ProgramEffect:
        request = Delete("pods", self.pod.namespace, self.pod.name, grace_seconds=0)
        return Call(("remove", self.number, "delete"), request)
