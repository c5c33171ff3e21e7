"""How does taint-based eviction treat a node that is not ready?

It gets a NoExecute taint when its zone's queue lets it, and loses it when it is Ready again; who is evicted, and when,
is then a matter between the pods' tolerations and the taint eviction controller.  A node that changes between False
and Unknown swaps one taint for the other at once.
Source: pkg/controller/nodelifecycle/node_lifecycle_controller.go `processTaintBaseEviction`, `markNodeForTainting`,
`markNodeAsReachable`, `doNoExecuteTaintingPass`.
"""

from __future__ import annotations

from typing import Final

import attrs

from nodesim.controllers.nodelifecycle.caches import Caches
from nodesim.controllers.nodelifecycle.health import SavedHealth
from nodesim.controllers.nodelifecycle.node_writes import NodeWrites
from nodesim.controllers.nodelifecycle.rate_limited_queue import RateLimitedTimedQueue
from nodesim.controllers.nodelifecycle.taints import NO_EXECUTE_KEYS, Step, no_execute_steps, reachable_steps
from nodesim.controllers.nodelifecycle.views import NodeObject, PodObject
from nodesim.machine import ProgramEffect, Record
from nodesim.objects import zone_name
from nodesim.units import MILLISECOND

NO_READY_WAIT_US: Final = 50 * MILLISECOND
"""How long a node without Ready condition is put back."""


@attrs.define
class TaintBased:
    """The way of 1.27 and later, and the default long before."""

    caches: Caches
    writes: NodeWrites

    def steps(self, node: NodeObject, status: str, now_us: int) -> list[Step]:
        """The writes without waiting: Ready takes our taints off, not Ready swaps the opposite one."""
        if not node.ours:
            return []
        if status == "True":
            return reachable_steps(node)
        swap = status in NO_EXECUTE_KEYS and NO_EXECUTE_KEYS[status][1] in node.ours
        return no_execute_steps(node, status, self.writes.clock.wall_us(now_us)) if swap else []

    def recovered(self, node: NodeObject) -> list[Step]:
        """The writes that let a node off, whatever its status."""
        return reachable_steps(node)

    def bring_in_line(
        self,
        node: NodeObject,
        status: str,
        health: SavedHealth,
        queue: RateLimitedTimedQueue,
        now_us: int,
        out: list[ProgramEffect],
    ) -> None:
        """Bring the zone's queue in line with a status that needs no write."""
        if status == "True":
            queue.remove(node.name)
        elif status in NO_EXECUTE_KEYS:
            key = NO_EXECUTE_KEYS[status][0]
            waited = node.name in queue
            if waited and key not in node.ours:
                # Taken out and put at the end, in every pass: so the order among the waiting is made anew each time.
                queue.remove(node.name)
            if queue.add(node.name, now_us) and not waited:
                out.append(Record("TaintQueued", f"Node/{node.name}", {"zone": zone_name(node.zone), "taint": key}))

    def act(self, zone: str, queue: RateLimitedTimedQueue, name: str, now_us: int, out: list[ProgramEffect]) -> bool:
        """Begin to taint a node; False if there is nothing to wait for."""
        node = self.caches.nodes.get(name)
        ready = node.ready if node is not None else None
        if node is not None and ready in ("False", "Unknown"):
            fields = {"zone": zone_name(zone), "taint": NO_EXECUTE_KEYS[ready][0]}
            out.append(Record("TaintGranted", f"Node/{name}", fields))
            steps = no_execute_steps(node, ready, self.writes.clock.wall_us(now_us))
            self.writes.start(name, steps, ("no-execute", name), out)
            return True
        why = "NodeGone" if node is None else "NodeReady" if ready else "NoReadyCondition"
        out.append(Record("TaintSkipped", f"Node/{name}", {"zone": zone_name(zone), "why": why}))
        if node is not None and ready is None:
            queue.failed(name, now_us, NO_READY_WAIT_US)
        else:
            queue.succeeded(name)
        return False

    def forget(self, name: str) -> None:
        """Nothing is kept beside the queue."""

    def pod_bound(self, pod: PodObject, health: SavedHealth, now_us: int, out: list[ProgramEffect]) -> None:
        """Its node's taint will do."""
