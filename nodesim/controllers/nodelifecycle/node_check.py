"""What happens to one node in a monitor pass, from its look to its marked pods?

How it works.  A check goes through stages; each ends with an answer of the API, or at once where nothing needs one:

* health: while the look asks for conditions, PUT the status; from 1.37 GET the lease before (`live_lease`).  If the
  PUT fails (most often with 409, because the kubelet wrote meanwhile), GET the node from the API and look again every
  20 ms; after 100 ms, or if the GET fails, the node is skipped, and counts in no zone in this pass.
* taints: Ready True takes the NoExecute taints off; False and Unknown queue the node for one, or swap the opposite
  taint at once.
* pods: if this pass turned Ready from True to not True, or an earlier try failed, mark the node's pods not ready.

Source: pkg/controller/nodelifecycle/node_lifecycle_controller.go `monitorNodeHealth`, `processTaintBaseEviction`,
`markNodeForTainting`, `markNodeAsReachable`; apimachinery util/wait `PollImmediate`.
"""

from __future__ import annotations

from typing import Final

import attrs

from nodesim.client.events import EventRecorder
from nodesim.clocks import TRUE_CLOCK, Clock
from nodesim.controllers.nodelifecycle.caches import Caches
from nodesim.controllers.nodelifecycle.eviction import Eviction
from nodesim.controllers.nodelifecycle.health import Look, SavedHealth, heard, look, status_document, write_succeeded
from nodesim.controllers.nodelifecycle.live_lease import LiveLeases
from nodesim.controllers.nodelifecycle.node_writes import NodeWrites
from nodesim.controllers.nodelifecycle.pods import PodMarks
from nodesim.controllers.nodelifecycle.views import NodeObject, PodObject, node_object
from nodesim.controllers.nodelifecycle.zone_queues import ZoneQueues
from nodesim.controllers.nodelifecycle.zones import Zones
from nodesim.machine import Answered, Call, ProgramEffect, Record, SetTimer
from nodesim.messages import Get, Update
from nodesim.objects import LEASE_NAMESPACE, encode_document
from nodesim.profiles import Settings
from nodesim.units import MILLISECOND

RETRY_SLEEP_US: Final = 20 * MILLISECOND
RETRY_WINDOW_US: Final = 5 * RETRY_SLEEP_US


@attrs.define
class Check:
    """One node's way through one pass."""

    node: NodeObject
    look: Look
    looked_us: int
    lease_us: int | None
    window_us: int = 0
    """When its health stage began."""
    last_try: bool = False
    asking: bool = False
    """The health stage waits for its live lease."""
    confirmed: bool = False
    """The live lease is as old as the cache's."""
    reading: bool = False
    """The health stage waits for a GET."""
    read_again: bool = False
    """`node` is what the API said, not what the cache has."""
    pods: list[PodObject] = attrs.Factory(list)


@attrs.define
class Checks:
    """The rules of a check.  Methods that give a bool say whether the check is at its end."""

    settings: Settings
    observed_decides: bool
    """<= 1.33: NoExecute follows the Ready from before this pass's change."""
    caches: Caches
    zones: Zones
    queues: ZoneQueues
    eviction: Eviction
    writes: NodeWrites
    marks: PodMarks
    events: EventRecorder
    clock: Clock = TRUE_CLOCK
    live: LiveLeases | None = None
    """Leases are read live before a node is marked; None: they are not."""
    health: dict[str, SavedHealth] = attrs.field(factory=dict, init=False)
    """By node name; never forgotten, so that a node of the same name inherits it."""
    retry: set[str] = attrs.field(factory=set, init=False)
    """Nodes whose pods could not all be marked."""

    def look(self, node: NodeObject, now_us: int) -> Check:
        """Look at a node as the pass has it, with its lease as it is now."""
        name = node.view.name
        lease_us = self.caches.lease_us(name)
        grace_us, startup_us = self.settings.node_monitor_grace_us, self.settings.node_startup_grace_us
        found = look(self.health.get(name), node.view, lease_us, now_us, grace_us, startup_us, self.clock)
        self.health[name] = found.health
        return Check(node, found, now_us, lease_us)

    def at_once(self, check: Check, now_us: int, out: list[ProgramEffect]) -> bool:
        """Deal with a node that needs no call, as nearly all do; False, and nothing done, if it needs one."""
        status = check.look.current
        if check.look.conditions or check.node.name in self.retry:
            return False
        if status is not None and self.eviction.steps(check.node, status, now_us):
            return False
        self._count(check)
        if status is not None:
            self._queue(check, status, now_us, out)
        return True

    def begin(self, check: Check, now_us: int, out: list[ProgramEffect]) -> bool:
        """A worker takes up a node that needs calls."""
        check.window_us = now_us
        if check.look.conditions and now_us > check.looked_us:
            self._look_again(check, now_us)  # It waited for a worker; its lease may have come meanwhile.
        return self._write_health(check, now_us, out)

    def answered(self, check: Check, answer: Answered, now_us: int, out: list[ProgramEffect]) -> bool:
        """The health stage's PUT or GET was answered."""
        if check.asking:
            return self._lease_read(check, answer, now_us, out)
        if not check.reading:
            if answer.ok:
                write_succeeded(check.look, check.node.view, check.lease_us, now_us)
                return self._taint(check, now_us, out)
            return self._failed(check, out)
        check.reading = False
        if not answer.ok or check.last_try:
            self.zones.drop(check.node.name)
            return True
        assert answer.document is not None
        check.node = node_object(answer.document)
        check.read_again = True
        end_us = check.window_us + RETRY_WINDOW_US
        # The poll's ticks lie on a grid; those during a try are lost, and the end of the window brings a last try.
        tick_us = now_us + RETRY_SLEEP_US - (now_us - check.window_us) % RETRY_SLEEP_US
        check.last_try = tick_us >= end_us
        out.append(SetTimer(("health", check.node.name), max(now_us, min(tick_us, end_us))))
        return False

    def _failed(self, check: Check, out: list[ProgramEffect]) -> bool:
        """A try failed: read the node for the next one."""
        check.reading = True
        out.append(Call(("health", check.node.name), Get("nodes", "", check.node.name)))
        return False

    def _lease_read(self, check: Check, answer: Answered, now_us: int, out: list[ProgramEffect]) -> bool:
        """The live lease came: mark the node, or let it live."""
        assert self.live is not None
        check.asking = False
        name, health = check.node.name, check.look.health
        read_us = self.live.younger_us(name, health.lease_us, answer)
        if read_us is None:
            check.confirmed = True
            return self._write_health(check, now_us, out)
        out.append(Record("LeaseFoundFresh", f"Node/{name}", {"renew_us": read_us, "cached_us": check.lease_us}))
        check.look = heard(check.look, check.node.view, read_us, now_us)
        return self._taint(check, now_us, out)

    def try_again(self, check: Check, now_us: int, out: list[ProgramEffect]) -> bool:
        """The pause after a failed try is over."""
        self._look_again(check, now_us)
        return self._write_health(check, now_us, out)

    def tainted(self, check: Check, ok: bool, now_us: int, out: list[ProgramEffect]) -> bool:
        """The taints stage's writes came to their end; what failed is done again by the next pass."""
        if ok and self._deciding(check.look) == "True":
            self.queues.queue(check.node.zone, now_us).remove(check.node.name)
        return self._mark_pods(check, now_us, out)

    def marked(self, check: Check, ok: bool) -> None:
        """The pods stage came to its end: a failure is remembered for the next pass."""
        if ok:
            self.retry.discard(check.node.name)
        else:
            self.retry.add(check.node.name)

    def quiet(self, check: Check) -> SavedHealth | None:
        """The node's health, if the same look again would change nothing; see `attention`."""
        health, name = check.look.health, check.node.name
        lease_us = self.caches.lease_us(name)
        settled = lease_us is None or (health.lease_us is not None and health.lease_us >= lease_us)
        strange = check.read_again or check.node.ours or name in self.retry
        return health if check.look.current == "True" and settled and not strange else None

    def _look_again(self, check: Check, now_us: int) -> None:
        again = self.look(check.node, now_us)
        check.look, check.looked_us, check.lease_us = again.look, now_us, again.lease_us
        check.confirmed = False

    def _write_health(self, check: Check, now_us: int, out: list[ProgramEffect]) -> bool:
        found, node = check.look, check.node
        if not found.conditions:
            return self._taint(check, now_us, out)
        if self.live is not None and not check.confirmed:
            if self.live.behind():
                return self._failed(check, out)
            check.asking = True
            out.append(Call(("health", node.name), Get("leases", LEASE_NAMESPACE, node.name)))
            return False
        fields = {
            "silent_us": found.health.silent_us(now_us, self.clock),
            "probe_us": found.health.probe_us,
            "grace_us": found.grace_us,
            "reason": found.conditions[0].reason,
        }
        out.append(Record("NodeStatusUnknown", f"Node/{node.name}", fields))
        document = encode_document(status_document(node.document, found.conditions))
        out.append(Call(("health", node.name), Update("nodes", "", node.name, "status", document, brief=True)))
        return False

    def _taint(self, check: Check, now_us: int, out: list[ProgramEffect]) -> bool:
        self._count(check)
        if check.look.current is None:
            self.retry.discard(check.node.name)
            return True  # Neither condition nor taint: a new node within its start-up grace.
        check.pods = self.caches.pods_on(check.node.name)
        status = self._deciding(check.look)
        steps = self.eviction.steps(check.node, status, now_us)
        if steps:
            self.writes.start(check.node.name, steps, ("check", check.node.name), out)
            return False
        self._queue(check, status, now_us, out)
        return self._mark_pods(check, now_us, out)

    def _mark_pods(self, check: Check, now_us: int, out: list[ProgramEffect]) -> bool:
        node, found = check.node, check.look
        turned = found.current != "True" and found.observed == "True"
        if turned:
            message = f"Node {node.name} status is now: NodeNotReady"
            out.append(
                self.events.event(now_us, "Node", "", node.name, node.view.uid, "Normal", "NodeNotReady", message)
            )
        if turned or (node.name in self.retry and found.observed != "True"):
            if self.marks.start(check.pods, ("check", node.name), now_us, out):
                return False
        self.retry.discard(node.name)
        return True

    def _deciding(self, found: Look) -> str:
        return found.observed if self.observed_decides else found.current or ""

    def _count(self, check: Check) -> None:
        if check.node.excluded:
            self.zones.drop(check.node.name)
        else:
            self.zones.count(check.node.name, check.node.zone, check.look.current == "True")

    def _queue(self, check: Check, status: str, now_us: int, out: list[ProgramEffect]) -> None:
        """Bring the zone's queue in line with a status that needs no write."""
        node = check.node
        queue = self.queues.queue(node.zone, now_us)
        self.eviction.bring_in_line(node, status, check.look.health, queue, now_us, out)
