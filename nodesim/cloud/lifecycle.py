"""Which nodes go because their instance is gone?

Every 5 s, counted from the end of the last pass, all nodes of the cache, one by one.  A Ready node's instance is not
asked for: it only loses the taint `shutdown`, if it has it.  Of any other the provider is asked whether the instance
exists: no, and the Node is deleted, without grace, limits or zones; yes, and stopped, and it gets the taint (of effect
NoSchedule: nobody is evicted).  An error means that nothing is known, so nothing is done.

Nodes go in name order where Kubernetes has none.
Source: staging/src/k8s.io/cloud-provider/controllers/nodelifecycle/node_lifecycle_controller.go (`Run`,
`MonitorNodes`); node/helpers/taints.go.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from nodesim.client.events import EventRecorder
from nodesim.client.watches import WatchSpec
from nodesim.clocks import TRUE_CLOCK, Clock
from nodesim.cloud.provider import CloudError, Provider
from nodesim.cloud.views import SHUTDOWN, CloudNode, cloud_node
from nodesim.controllers.nodelifecycle.node_writes import NodeWrites
from nodesim.controllers.nodelifecycle.taints import AddTaints, RemoveTaints
from nodesim.controllers.workload.caches import keep
from nodesim.machine import Answered, Call, Changed, ProgramEffect, ProgramEvent, Record, SetTimer, Started, TimerFired
from nodesim.messages import Delete
from nodesim.objects import Taint
from nodesim.objects.taints import NO_SCHEDULE
from nodesim.profiles import Settings
from nodesim.streams import Streams

ACTOR: Final = "cloud-node-lifecycle-controller"
"""Its name as an actor, as an API client and in its events."""
_PASS: Final = "pass"


class CloudNodeLifecycleController:
    """The program of the actor.

    One that is there when a run begins is `ahead_us` further in its rhythm than one that starts then.
    """

    watches: tuple[WatchSpec, ...] = (WatchSpec("nodes", cloud_node, steady=True),)

    def __init__(
        self,
        settings: Settings,
        provider: Provider,
        streams: Streams,
        *,
        ahead_us: int = 0,
        clock: Clock = TRUE_CLOCK,
    ) -> None:
        self._period_us = settings.node_monitor_period_us
        self._ahead_us = ahead_us % self._period_us
        self._provider = provider
        self._events = EventRecorder(ACTOR, clock)
        self._writes = NodeWrites(streams.stream(f"{ACTOR}/taint-backoff"))
        self._nodes: dict[str, CloudNode] = {}
        self._left: deque[CloudNode] = deque()
        """What the pass under way has still to look at, as the cache was when it began."""
        self._deleting: CloudNode | None = None

    def __repr__(self) -> str:
        return f"<CloudNodeLifecycleController nodes={len(self._nodes)} left={len(self._left)}>"

    def handle(self, event: ProgramEvent, now_us: int) -> list[ProgramEffect]:
        """One event in, the orders that follow from it out."""
        out: list[ProgramEffect] = []
        match event:
            case Changed():
                keep(self._nodes, event.key, event.new)
            case Started():
                # The first pass does not wait for the cache, and finds it empty.
                self._go_on(now_us, out)
            case TimerFired(key) if key == _PASS:
                self._left = deque(node for _, node in sorted(self._nodes.items()))
                self._go_on(now_us, out)
            case TimerFired(("node-write", int(number))):
                self._writes.try_again(number, out)
            case Answered():
                self._answered(event, now_us, out)
            case _:
                pass
        return out

    def _answered(self, event: Answered, now_us: int, out: list[ProgramEffect]) -> None:
        match event.tag:
            case ("node-write", int(number)):
                if self._writes.answered(number, event, now_us, out) is not None:
                    self._go_on(now_us, out)
            case "delete" if self._deleting is not None:
                node, self._deleting = self._deleting, None
                if not event.ok:
                    text = f"Failed deleting node {node.name}: {event.message or event.reason}"
                    out.append(self._event(node, now_us, "Warning", "DeletingNodeFailed", text))
                self._go_on(now_us, out)
            case _:
                pass  # Answers to events; nobody waits for them.

    def _go_on(self, now_us: int, out: list[ProgramEffect]) -> None:
        """Look at the next nodes, until one needs a call; behind the last one the pause begins."""
        while self._left:
            if self._look(self._left.popleft(), now_us, out):
                return
        # Before all else: behind a record the timer would take it as its cause.
        out.insert(0, SetTimer(_PASS, now_us + self._period_us - self._ahead_us, caused=None))
        self._ahead_us = 0

    def _look(self, node: CloudNode, now_us: int, out: list[ProgramEffect]) -> bool:
        """One node; True: an answer must come before the next one's turn."""
        if node.ready == "True":
            if (SHUTDOWN, NO_SCHEDULE) not in node.taints:
                return False
            self._writes.start(node.name, [RemoveTaints(NO_SCHEDULE, (SHUTDOWN,))], ("taint", node.name), out)
            return True
        exists = self._provider.exists(node.name, node.provider_id, now_us)
        stopped = exists and self._provider.shut_down(node.name, node.provider_id, now_us)
        if isinstance(stopped, CloudError):
            fields = {"node_ready": node.ready, "error": stopped.text}
            out.append(Record("InstanceNotKnown", f"Node/{node.name}", fields))
            return False
        if not exists:
            self._delete(node, now_us, out)
            return True
        if stopped:
            self._writes.start(node.name, [AddTaints((Taint(SHUTDOWN, NO_SCHEDULE),))], ("taint", node.name), out)
        return stopped

    def _delete(self, node: CloudNode, now_us: int, out: list[ProgramEffect]) -> None:
        self._deleting = node
        text = f"Deleting node {node.name} because it does not exist in the cloud provider"
        out.append(Record("InstanceMissing", f"Node/{node.name}", {"node_ready": node.ready}))
        out.append(self._event(node, now_us, "Normal", "DeletingNode", text))
        out.append(Call("delete", Delete("nodes", "", node.name)))

    def _event(self, node: CloudNode, now_us: int, kind: str, reason: str, text: str) -> Call:
        return self._events.event(now_us, "Node", "", node.name, node.uid, kind, reason, text)
