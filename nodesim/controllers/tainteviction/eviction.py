"""How is one pod evicted: which requests, in which order, and what happens when one fails?

GET the pod; set its condition DisruptionTarget (versions that have it, and only if that changes something); DELETE it
with no options, so with its own grace period.  Any error, NotFound too, costs a try; there are five, and 10 ms after
each failure, the last one included.  After that nobody tries again.
Source: pkg/controller/tainteviction/taint_eviction.go `deletePodHandler`, `addConditionAndDeletePod`.
"""

from __future__ import annotations

from typing import Final

import attrs

from nodesim.clocks import TRUE_CLOCK, Clock
from nodesim.machine import Answered, Call, ProgramEffect, SetTimer
from nodesim.messages import Delete, Get, Patch
from nodesim.objects import Document, Namespaced, disruption_target, encode_document
from nodesim.units import MILLISECOND

TRIES: Final = 5
RETRY_US: Final = 10 * MILLISECOND

_REASON: Final = "DeletionByTaintManager"
_MESSAGE: Final = "Taint manager: deleting due to NoExecute taint"


@attrs.define
class Eviction(Namespaced):
    """One running eviction; its calls carry the tag `("evict", number, step)`, its pause the timer `("retry", number)`.

    `outcome` is None while it runs, then whether the API took the DELETE.
    """

    number: int
    namespace: str
    name: str
    disruption_target: bool
    clock: Clock = TRUE_CLOCK
    failures: int = 0
    outcome: bool | None = None

    def try_once(self) -> list[ProgramEffect]:
        """Begin a try, or give up when there is none left."""
        if self.failures >= TRIES:
            self.outcome = False
            return []
        return [Call(("evict", self.number, "get"), Get("pods", self.namespace, self.name))]

    def answered(self, step: str, answer: Answered, now_us: int) -> list[ProgramEffect]:
        """The next request after an answer to `step`."""
        if not answer.ok:
            self.failures += 1
            return [SetTimer(("retry", self.number), now_us + RETRY_US)]
        if step == "delete":
            self.outcome = True
            return []
        if step == "get" and self.disruption_target and answer.document is not None:
            change = condition_change(answer.document, self.clock.wall_us(now_us))
            if change is not None:
                request = Patch("pods", self.namespace, self.name, "status", "strategic", encode_document(change))
                return [Call(("evict", self.number, "patch"), request)]
        return [Call(("evict", self.number, "delete"), Delete("pods", self.namespace, self.name))]


def condition_change(pod: Document, wall_us: int) -> Document | None:
    """The patch that sets DisruptionTarget on a pod; None where the pod has it already."""
    conditions = (pod.get("status") or {}).get("conditions") or []
    condition = disruption_target(conditions, _REASON, _MESSAGE, wall_us)
    if condition is None:
        return None
    return {"metadata": {"uid": pod["metadata"].get("uid", "")}, "status": {"conditions": [condition]}}
