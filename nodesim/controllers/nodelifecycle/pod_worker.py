"""What happens when a pod is bound to a node that is known not to be ready?

It is marked not ready like the others there, if it has a Ready condition yet.  Failures are tried again after 5 ms, 10
ms, 20 ms, ... up to 1,000 s; the pauses of one pod never get shorter, as upstream never resets its limiter.
Source: pkg/controller/nodelifecycle/node_lifecycle_controller.go `podUpdated`, `processPod`; client-go
util/workqueue/default_rate_limiters.go.  The limiter's overall bound of 10 retries a second is not modelled.
"""

from __future__ import annotations

from typing import Final

import attrs

from nodesim.controllers.nodelifecycle.caches import Caches
from nodesim.controllers.nodelifecycle.eviction import Eviction
from nodesim.controllers.nodelifecycle.health import SavedHealth
from nodesim.controllers.nodelifecycle.pods import PodMarks
from nodesim.controllers.nodelifecycle.views import PodObject
from nodesim.controllers.nodelifecycle.work_queue import WorkQueue
from nodesim.machine import ProgramEffect, SetTimer
from nodesim.units import MILLISECOND, SECOND

POD_WORKERS: Final = 4
RETRY_US: Final = 5 * MILLISECOND
RETRY_US_MAX: Final = 1000 * SECOND


def retry_delay_us(failures: int) -> int:
    """The pause after so many earlier failures of one pod."""
    return min(RETRY_US << min(failures, 30), RETRY_US_MAX)


@attrs.define
class PodWorker:
    """The workers for pods that were bound; a pod's retry timer is `("pod-retry", key)`."""

    caches: Caches
    marks: PodMarks
    health: dict[str, SavedHealth]
    """By node; the monitor's own map."""
    eviction: Eviction
    _queue: WorkQueue = attrs.field(factory=lambda: WorkQueue(POD_WORKERS), init=False)
    _failures: dict[str, int] = attrs.field(factory=dict, init=False)

    def pod_changed(
        self, key: str, old: PodObject | None, new: PodObject | None, now_us: int, out: list[ProgramEffect]
    ) -> None:
        """Only a binding matters: a new node name."""
        if new is not None and new.node and (old is None or old.node != new.node):
            self.add(key, now_us, out)
        elif new is None:
            self._failures.pop(key, None)  # Upstream forgets it never; a pod of the same name is rare, memory is not.

    def add(self, key: str, now_us: int, out: list[ProgramEffect]) -> None:
        """Look at a pod."""
        self._queue.add(key)
        self._work(now_us, out)

    def marked(self, key: str, ok: bool, now_us: int, out: list[ProgramEffect]) -> None:
        """A pod was marked, or could not be."""
        if not ok:
            self._retry(key, now_us, out)
        self._queue.done(key)
        self._work(now_us, out)

    def _work(self, now_us: int, out: list[ProgramEffect]) -> None:
        while (key := self._queue.take()) is not None:
            if not self._process(key, now_us, out):
                self._queue.done(key)

    def _process(self, key: str, now_us: int, out: list[ProgramEffect]) -> bool:
        """Begin to mark a pod; False if there is nothing to wait for."""
        pod = self.caches.pods.get(key)
        health = self.health.get(pod.node) if pod is not None else None
        if pod is None or health is None:
            return False
        if pod.node not in self.caches.nodes:
            self._retry(key, now_us, out)
            return False
        if health.ready is None or health.ready == "True":
            return False
        self.eviction.pod_bound(pod, health, now_us, out)
        return self.marks.start([pod], ("pod", key), now_us, out)

    def _retry(self, key: str, now_us: int, out: list[ProgramEffect]) -> None:
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        out.append(SetTimer(("pod-retry", key), now_us + retry_delay_us(failures)))
