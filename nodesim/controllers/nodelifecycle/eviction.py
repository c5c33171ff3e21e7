"""What must a way of evicting do for the controller's loops?

There are two: `no_execute.TaintBased` and, up to 1.26, `pod_eviction.ApiInitiated`.
"""

from __future__ import annotations

from typing import Protocol

from nodesim.controllers.nodelifecycle.health import SavedHealth
from nodesim.controllers.nodelifecycle.rate_limited_queue import RateLimitedTimedQueue
from nodesim.controllers.nodelifecycle.taints import Step
from nodesim.controllers.nodelifecycle.views import NodeObject, PodObject
from nodesim.machine import ProgramEffect


class Eviction(Protocol):
    """Decides what becomes of nodes that are not Ready; `status` is that of the Ready condition."""

    def steps(self, node: NodeObject, status: str, now_us: int) -> list[Step]:
        """What a pass has to write to the node at once, and wait for."""
        ...

    def recovered(self, node: NodeObject) -> list[Step]:
        """What has to be written when a node is let off whatever its status: it is new, or all zones are down."""
        ...

    def bring_in_line(
        self,
        node: NodeObject,
        status: str,
        health: SavedHealth,
        queue: RateLimitedTimedQueue,
        now_us: int,
        out: list[ProgramEffect],
    ) -> None:
        """Put the node into its zone's queue or take it out, as its status asks."""
        ...

    def act(self, zone: str, queue: RateLimitedTimedQueue, name: str, now_us: int, out: list[ProgramEffect]) -> bool:
        """It is the node's turn; see `zone_queues.Act`."""
        ...

    def forget(self, name: str) -> None:
        """The node was let off."""
        ...

    def pod_bound(self, pod: PodObject, health: SavedHealth, now_us: int, out: list[ProgramEffect]) -> None:
        """A pod was bound to a node whose health is known."""
        ...
