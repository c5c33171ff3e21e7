"""What happens at each event about a node?

Its NoSchedule taints follow its conditions, then its old labels follow the stable ones: at once, without rate limits or
zones.  A failure is not tried again; the node's next event does.
Source: pkg/controller/nodelifecycle/node_lifecycle_controller.go `doNodeProcessingPassWorker`.
"""

from __future__ import annotations

from typing import Final

import attrs

from nodesim.controllers.nodelifecycle.caches import Caches
from nodesim.controllers.nodelifecycle.labels import labels_to_set
from nodesim.controllers.nodelifecycle.node_writes import NodeWrites
from nodesim.controllers.nodelifecycle.taints import SetLabels, no_schedule_diff, swap_steps
from nodesim.controllers.nodelifecycle.work_queue import WorkQueue
from nodesim.machine import ProgramEffect
from nodesim.objects.taints import NO_SCHEDULE

NODE_WORKERS: Final = 8


@attrs.define
class NodeWorker:
    """The workers for node events."""

    caches: Caches
    writes: NodeWrites
    _queue: WorkQueue = attrs.field(factory=lambda: WorkQueue(NODE_WORKERS), init=False)

    def add(self, name: str, now_us: int, out: list[ProgramEffect]) -> None:
        """A node appeared or changed."""
        self._queue.add(name)
        self._work(now_us, out)

    def taints_written(self, name: str, now_us: int, out: list[ProgramEffect]) -> None:
        """The NoSchedule taints of a node are written, or could not be."""
        self._reconcile_labels(name, out)
        self._work(now_us, out)

    def labels_written(self, name: str, now_us: int, out: list[ProgramEffect]) -> None:
        """The labels of a node are written, or could not be."""
        self._queue.done(name)
        self._work(now_us, out)

    def _work(self, now_us: int, out: list[ProgramEffect]) -> None:
        while (name := self._queue.take()) is not None:
            node = self.caches.nodes.get(name)
            add, remove = no_schedule_diff(node.view) if node is not None else ((), ())
            if add or remove:
                steps = swap_steps(add, remove, NO_SCHEDULE, self.writes.clock.wall_us(now_us))
                self.writes.start(name, steps, ("worker-taints", name), out)
            else:
                self._reconcile_labels(name, out)

    def _reconcile_labels(self, name: str, out: list[ProgramEffect]) -> None:
        node = self.caches.nodes.get(name)
        labels = labels_to_set(node.view.labels) if node is not None else {}
        if labels:
            self.writes.start(name, [SetLabels(labels)], ("worker-labels", name), out)
        else:
            self._queue.done(name)
