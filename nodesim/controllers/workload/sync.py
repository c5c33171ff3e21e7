"""What do the syncs of all workloads do alike: tell of it in events, date what they write, write its status?"""

from __future__ import annotations

from collections.abc import Callable, Generator

from nodesim.client.events import EventRecorder
from nodesim.controllers.workload.script import Answers, Order, ask
from nodesim.controllers.workload.views import WorkloadView
from nodesim.machine import Answered, Call
from nodesim.messages import Get, Update
from nodesim.objects import Document, encode_document


class WorkloadSync:
    """A sync of a workload; its events and dates are by its controller's recorder."""

    __slots__ = ()

    view: WorkloadView
    recorder: EventRecorder
    now_us: int

    @property
    def wall_us(self) -> int:
        """What the clock of the recorder shows."""
        return self.recorder.clock.wall_us(self.now_us)

    def event(self, type_: str, reason: str, message: str) -> Call:
        """An event about the workload."""
        about = self.view.parent
        return self.recorder.event(
            self.now_us, about.kind, about.namespace, about.name, about.uid, type_, reason, message
        )

    def put_status(self, made: Callable[[Document], Document]) -> Generator[Order, Answers, Answered]:
        """Write the status that is made for the workload as it was seen; if that fails, once more as it is now.

        Source: pkg/controller/replicaset/replica_set_utils.go `updateReplicaSetStatus`; daemon_controller.go
        `storeDaemonSetStatus`.
        """
        answer = yield from ask(self._put(self.view.document, made))
        if answer.ok:
            return answer
        about = self.view.parent
        read = yield from ask(Get(about.resource, about.namespace, about.name))
        if not read.ok or read.document is None:
            return read
        return (yield from ask(self._put(read.document, made)))

    def _put(self, document: Document, made: Callable[[Document], Document]) -> Update:
        whole = encode_document({**document, "status": made(document)})
        about = self.view.parent
        return Update(about.resource, about.namespace, about.name, "status", whole)
