"""What does the scheduler say about a pod, and to whom?

Events, the condition PodScheduled and the nomination in the pod's status, and a record in the trace.

Source: pkg/scheduler/schedule_one.go (`handleSchedulingFailure`, `updatePod`), pkg/api/v1/pod/util.go
(`UpdatePodCondition`).
"""

from __future__ import annotations

from typing import Any

from nodesim.client.events import EventRecorder
from nodesim.clocks import Clock
from nodesim.machine import Call, ProgramEffect, Record
from nodesim.messages import Patch
from nodesim.objects import encode_document, whole_second
from nodesim.scheduler.pod import DEFAULT_SCHEDULER, PodToPlace
from nodesim.scheduler.refusal import event_note


class Reporter:
    """Makes the calls that tell."""

    def __init__(self, clock: Clock) -> None:
        self.recorder = EventRecorder(DEFAULT_SCHEDULER, clock)

    def event(self, pod: PodToPlace, kind: str, reason: str, message: str, now_us: int) -> Call:
        """An event about a pod."""
        return self.recorder.event(now_us, "Pod", pod.namespace, pod.name, pod.uid, kind, reason, message)

    def failed_event(self, pod: PodToPlace, message: str, now_us: int) -> Call:
        """The event FailedScheduling."""
        return self.event(pod, "Warning", "FailedScheduling", event_note(message), now_us)

    def report(
        self,
        pod: PodToPlace,
        reason: str,
        message: str,
        nominated: str | None,
        now_us: int,
        effects: list[ProgramEffect],
    ) -> None:
        """Tell that a pod got no node: a record, an event, and its status where that says something else.

        `nominated` is the node that it waits for from now on, "" for none, None where that stays as it is.
        """
        effects.append(Record("PodUnschedulable", f"Pod/{pod.key}", {"message": message}))
        effects.append(self.failed_event(pod, message, now_us))
        status: dict[str, Any] = {}
        before = pod.scheduled
        if before is None or (before.status, before.reason, before.message) != ("False", reason, message):
            stays = before is not None and before.status == "False"
            now_s = whole_second(self.recorder.clock.wall_us(now_us))
            condition = {
                "type": "PodScheduled",
                "status": "False",
                "reason": reason,
                "message": message,
                "lastProbeTime": None,
                "lastTransitionTime": before.transition_us if before is not None and stays else now_s,
            }
            status["conditions"] = [condition]
        if nominated is not None and nominated != pod.nominated:
            status["nominatedNodeName"] = nominated or None
        if status:
            effects.append(_status_patch("condition", pod, status))

    def no_longer_nominated(self, pod: PodToPlace) -> Call:
        """A more important pod makes room where this one waited for it."""
        return _status_patch("nomination", pod, {"nominatedNodeName": None})


def _status_patch(tag: str, pod: PodToPlace, status: dict[str, Any]) -> Call:
    document = encode_document({"status": status})
    return Call((tag, pod.uid), Patch("pods", pod.namespace, pod.name, "status", "strategic", document))
