"""How do the pods of a node that is not ready become not ready?

One after another: a PUT of each pod's status with Ready False (reason and message stay), then an event.  Only the
kubelet ever sets them ready again.
Source: pkg/controller/util/node/controller_utils.go `MarkPodsNotReady`; pkg/api/v1/pod/util.go `UpdatePodCondition`.
"""

from __future__ import annotations

from typing import Any

import attrs

from nodesim.client.events import EventRecorder
from nodesim.clocks import TRUE_CLOCK, Clock
from nodesim.controllers.nodelifecycle.node_writes import Finished
from nodesim.controllers.nodelifecycle.views import PodObject
from nodesim.machine import Answered, Call, ProgramEffect
from nodesim.messages import Update
from nodesim.objects import Document, encode_document, whole_second


def needs_marking(pod: PodObject) -> bool:
    """It has a Ready condition, and that is not False."""
    return pod.ready is not None and pod.ready != "False"


def not_ready_document(document: Document, wall_us: int) -> Document:
    """A Pod document whose Ready condition is False since now, `wall_us` by the writer's clock."""
    status: dict[str, Any] = document["status"]
    change = {"status": "False", "lastTransitionTime": whole_second(wall_us)}
    conditions = [{**item, **change} if item["type"] == "Ready" else item for item in status["conditions"]]
    return {**document, "status": {**status, "conditions": conditions}}


@attrs.define
class _Marking:
    pods: list[PodObject]
    owner: tuple[str, str]
    ok: bool = True


@attrs.define
class PodMarks:
    """All markings under way; each has one call outstanding, tagged `("pod-status", number)`."""

    events: EventRecorder
    clock: Clock = TRUE_CLOCK
    _markings: dict[int, _Marking] = attrs.field(factory=dict, init=False)
    _started: int = attrs.field(default=0, init=False)

    def start(self, pods: list[PodObject], owner: tuple[str, str], now_us: int, out: list[ProgramEffect]) -> bool:
        """Begin to mark pods, in this order; False if none needs it, and then there is nothing to wait for."""
        todo = [pod for pod in pods if needs_marking(pod)]
        if not todo:
            return False
        self._started += 1
        self._markings[self._started] = _Marking(todo, owner)
        self._next(self._started, now_us, out)
        return True

    def answered(self, number: int, answer: Answered, now_us: int, out: list[ProgramEffect]) -> Finished | None:
        """Go on with a marking; tells when it has ended, and whether all went well."""
        marking = self._markings.get(number)
        if marking is None:
            return None
        pod = marking.pods.pop(0)
        if answer.code != 404:
            # The event is written after a failed update, too; only of a pod that is gone there is nothing to say.
            marking.ok = marking.ok and answer.ok
            where = (pod.namespace, pod.name, pod.uid)
            out.append(self.events.event(now_us, "Pod", *where, "Warning", "NodeNotReady", "Node is not ready"))
        if marking.pods:
            self._next(number, now_us, out)
            return None
        del self._markings[number]
        return Finished(marking.owner, marking.ok)

    def _next(self, number: int, now_us: int, out: list[ProgramEffect]) -> None:
        pod = self._markings[number].pods[0]
        document = encode_document(not_ready_document(pod.document, self.clock.wall_us(now_us)))
        request = Update("pods", pod.namespace, pod.name, "status", document, brief=True)
        out.append(Call(("pod-status", number), request))
