"""When does a node get its podCIDRs, and when are they free again?

Each change of a node without podCIDRs asks for the next block of each range and writes them; of one with podCIDRs they
are marked as taken.  A node's are free when it is gone (not while it waits for a finalizer, kubernetes#128305), but the
walk comes by them only later.  Where no block is left
the node is told so (CIDRNotAvailable) and tried again: at its next change, and from 1.31 on after a pause that doubles.
At the start all blocks that nodes hold are taken first, and the walk begins anew at the first block.

Source: pkg/controller/nodeipam/ipam/range_allocator.go (`NewCIDRRangeAllocator`, `syncNode`, `AllocateOrOccupyCIDR`,
`updateCIDRsAllocation`).

Known differences: a node that holds what is none of the cluster's blocks keeps a real controller manager from starting;
here only this controller does not begin.  Up to 1.30 a block that could not be written was tried again for ever without
a pause; here with the pauses of the later versions.
"""

from __future__ import annotations

from typing import Any, Final

import attrs

from nodesim.client.events import EventRecorder
from nodesim.client.watches import WatchSpec
from nodesim.clocks import TRUE_CLOCK, Clock
from nodesim.controllers.nodeipam.blocks import Blocks
from nodesim.controllers.workload.queue import SyncQueue
from nodesim.controllers.workload.script import Outcome, Script, Sync, ask, why
from nodesim.machine import Answered, Call, Changed, ProgramEffect, ProgramEvent, Record, Synced, TimerFired
from nodesim.messages import Patch
from nodesim.objects import Document, encode_document
from nodesim.profiles import Profile, Settings
from nodesim.values import value

ACTOR: Final = "node-ipam-controller"
COMPONENT: Final = "cidrAllocator"
"""Its name in events."""
TRIES: Final = 3
"""cidrUpdateRetries: how often in a row a node's blocks are written (ipam/cidr_allocator.go)."""


@value
class CidrNode:
    """What the allocator reads of a Node."""

    name: str
    uid: str
    pod_cidrs: tuple[str, ...]


def cidr_node(document: Document) -> CidrNode:
    """The view of a Node document."""
    metadata: dict[str, Any] = document["metadata"]
    cidrs = tuple((document.get("spec") or {}).get("podCIDRs") or ())
    return CidrNode(metadata["name"], metadata.get("uid", ""), cidrs)


class NodeIpamController:
    """The program of the actor `node-ipam-controller`."""

    watches: tuple[WatchSpec, ...] = (WatchSpec("nodes", cidr_node),)

    def __init__(self, settings: Settings, profile: Profile, *, clock: Clock = TRUE_CLOCK) -> None:
        self._retries = profile.ipam_retries
        self._blocks = Blocks(settings)
        self._recorder = EventRecorder(COMPONENT, clock)
        self._nodes: dict[str, CidrNode] = {}
        self._queue = SyncQueue(self._sync_of, self.watches)

    def __repr__(self) -> str:
        return f"<NodeIpamController nodes={len(self._nodes)} {self._blocks} running={self._queue.running}>"

    def handle(self, event: ProgramEvent, now_us: int) -> list[ProgramEffect]:
        """One event in, the orders that follow from it out."""
        if isinstance(event, Changed):
            return self._changed(event, now_us)
        if isinstance(event, Synced):
            refused = self._occupy_all()
            if refused:
                return [Record("AllocatorNotStarted", "", {"why": refused})]
        if isinstance(event, Answered | TimerFired | Synced):
            return self._queue.handle(event, self._nodes, now_us)
        return []

    def _changed(self, event: Changed, now_us: int) -> list[ProgramEffect]:
        if event.new is not None:
            self._nodes[event.key] = event.new
            return self._queue.add([event.key], now_us)
        gone = self._nodes.pop(event.key, None)
        return self._released(gone) if gone is not None and self._queue.ready else []

    def _occupy_all(self) -> str:
        """Take what the nodes hold, before any block is handed out; why that does not go."""
        for _, node in sorted(self._nodes.items()):
            refused = self._blocks.occupy(node.name, node.pod_cidrs)
            if refused:
                return refused
        return ""

    def _released(self, node: CidrNode) -> list[ProgramEffect]:
        if not node.pod_cidrs:
            return []
        self._blocks.release(node.pod_cidrs)
        return [Record("PodCIDRsReleased", f"Node/{node.name}", {"cidrs": list(node.pod_cidrs)})]

    def _sync_of(self, name: str, now_us: int) -> Sync | None:
        node = self._nodes.get(name)
        return None if node is None else _NodeSync(node, self._blocks, self._recorder, self._retries, now_us)


@attrs.define
class _NodeSync:
    """One look at a node.  Source: `syncNode`."""

    node: CidrNode
    blocks: Blocks
    recorder: EventRecorder
    retries: bool
    now_us: int

    def run(self) -> Script:
        """The script."""
        node = self.node
        if node.pod_cidrs:
            refused = self.blocks.occupy(node.name, node.pod_cidrs)
            return Outcome(refused if self.retries else "")
        cidrs = self.blocks.allocate()
        if cidrs is None:
            yield self._event("CIDRNotAvailable")
            return Outcome("no block is left" if self.retries else "")
        yield Record("PodCIDRsAllocated", f"Node/{node.name}", {"cidrs": cidrs})
        return (yield from self._write(cidrs))

    def _write(self, cidrs: list[str]) -> Script:
        """Patch the node, three times if need be; then the blocks are given back, unless they may have been written."""
        change = encode_document({"spec": {"podCIDR": cidrs[0], "podCIDRs": cidrs}})
        patch = Patch("nodes", "", self.node.name, "", "strategic", change)
        for _ in range(TRIES):
            answer = yield from ask(patch)
            if answer.ok:
                return Outcome()
        yield self._event("CIDRAssignmentFailed")
        if answer.reason != "ServerTimeout":
            self.blocks.release(cidrs)
        return Outcome(why(answer))

    def _event(self, reason: str) -> Call:
        """Source: pkg/controller/util/node/controller_utils.go `RecordNodeStatusChange`."""
        node = self.node
        message = f"Node {node.name} status is now: {reason}"
        return self.recorder.event(self.now_us, "Node", "", node.name, node.uid, "Normal", reason, message)
