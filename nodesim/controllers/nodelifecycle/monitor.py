"""What does the controller do every 5 s?

How it works.  A pass takes the nodes as the cache has them at its start and goes, in this order, through: new zones,
new nodes (event, NoExecute taints off), vanished nodes (event), the checks of all nodes, and the zones' disruption.
What needs no call of the API happens at once; a pass that makes none takes no time.  Nodes that need calls are taken up
in name order by eight workers (before 1.27: one after another).  The next pass begins a period after the END of this
one.

A node without need of calls is judged when the checks begin, one that waits for a worker when it is taken up.
Source: pkg/controller/nodelifecycle/node_lifecycle_controller.go `monitorNodeHealth`, `classifyNodes`,
`addPodEvictorForNewZone`, `handleDisruption`.
"""

from __future__ import annotations

from collections import deque

import attrs

from nodesim.controllers.nodelifecycle.attention import Attention
from nodesim.controllers.nodelifecycle.node_check import Check, Checks
from nodesim.controllers.nodelifecycle.node_writes import Finished
from nodesim.controllers.nodelifecycle.views import NodeObject
from nodesim.controllers.nodelifecycle.zones import ZoneChange
from nodesim.controllers.unordered import in_any_order
from nodesim.machine import Answered, ProgramEffect, Record
from nodesim.objects import zone_name


@attrs.define
class Monitor:
    """The monitor pass."""

    checks: Checks
    workers: int
    """How many nodes are worked on at a time."""
    skip_quiet: bool
    ahead_us: int = 0
    """The part of the first pause between two passes that lies before the controller began; taken once."""
    next_us: int | None = attrs.field(default=None, init=False)
    """When the next pass is due, None while one runs."""
    _attention: Attention = attrs.field(init=False)
    _known: dict[str, str] = attrs.field(factory=dict, init=False)
    """Registered nodes -> uid."""
    _nodes: dict[str, NodeObject] = attrs.field(factory=dict, init=False)
    """The nodes of this pass."""
    _added: deque[str] = attrs.field(factory=deque, init=False)
    _removed: list[str] = attrs.field(factory=list, init=False)
    _waiting: deque[Check] = attrs.field(factory=deque, init=False)
    _working: dict[str, Check] = attrs.field(factory=dict, init=False)
    _stripping: deque[str] = attrs.field(factory=deque, init=False)
    """Nodes whose taints go because master disruption begins."""
    _changes: tuple[ZoneChange, ...] = attrs.field(default=(), init=False)

    def __attrs_post_init__(self) -> None:
        self._attention = Attention(self.checks.settings.node_monitor_grace_us)

    def begin(self, now_us: int, out: list[ProgramEffect]) -> None:
        """Run a pass, which ends now or in a later turn."""
        self.next_us = None
        caches = self.checks.caches
        self._nodes = caches.lend_nodes()
        changed = caches.take_changed()
        for name in changed:
            if name in self._nodes:
                self._attention.changed(name)
            else:
                self._attention.gone(name)
                self.checks.zones.drop(name)
        # Who is new or gone is among those who changed; without skipping, everybody is asked.
        names = in_any_order(changed if self.skip_quiet else {*self._nodes, *self._known})
        self._added = deque(name for name in names if name in self._nodes and name not in self._known)
        self._removed = [name for name in names if name in self._known and name not in self._nodes]
        for zone in sorted(caches.zones):
            # Upstream makes a zone when it comes to its first new node; nobody can see the difference.
            if self.checks.zones.ensure(zone):
                self.checks.queues.add_zone(zone, now_us)
        self._register(now_us, out)

    def answered(self, name: str, answer: Answered, now_us: int, out: list[ProgramEffect]) -> None:
        """The PUT or GET of a node's health stage was answered."""
        check = self._working.get(name)
        if check is not None:
            self._ended(check, self.checks.answered(check, answer, now_us, out), now_us, out)

    def try_again(self, name: str, now_us: int, out: list[ProgramEffect]) -> None:
        """The pause of a node's health stage is over."""
        check = self._working.get(name)
        if check is not None:
            self._ended(check, self.checks.try_again(check, now_us, out), now_us, out)

    def written(self, finished: Finished, now_us: int, out: list[ProgramEffect]) -> None:
        """A series of taint writes that this pass began has ended: owner `added`, `check` or `strip`."""
        stage, name = finished.owner
        if stage == "check":
            check = self._working[name]
            self._ended(check, self.checks.tainted(check, finished.ok, now_us, out), now_us, out)
            return
        if finished.ok:
            self._forget(name, now_us)
        if stage == "added":
            self._register(now_us, out)
        else:
            self._strip(now_us, out)

    def marked(self, finished: Finished, now_us: int, out: list[ProgramEffect]) -> None:
        """The pods of a node are marked, or could not be."""
        check = self._working[finished.owner[1]]
        self.checks.marked(check, finished.ok)
        self._ended(check, True, now_us, out)

    def _register(self, now_us: int, out: list[ProgramEffect]) -> None:
        """New nodes one after another, then the vanished ones, then the checks."""
        while self._added:
            name = self._added.popleft()
            node = self._nodes[name]
            self._known[name] = node.view.uid
            out.append(self._event(now_us, name, "RegisteredNode", f"Registered Node {name} in Controller"))
            # So a restarted controller takes both NoExecute taints off every node.
            steps = self.checks.eviction.recovered(node)
            if steps:
                self.checks.writes.start(name, steps, ("added", name), out)
                return
            self._forget(name, now_us)
        for name in self._removed:
            out.append(self._event(now_us, name, "RemovingNode", f"Removing Node {name} from Controller"))
            del self._known[name]
        self._removed = []
        self._look_at_all(now_us, out)

    def _event(self, now_us: int, name: str, reason: str, message: str) -> ProgramEffect:
        text = f"Node {name} event: {message}"
        return self.checks.events.event(now_us, "Node", "", name, self._known[name], "Normal", reason, text)

    def _look_at_all(self, now_us: int, out: list[ProgramEffect]) -> None:
        checks, attention, nodes = self.checks, self._attention, self._nodes
        renewed = checks.caches.take_renewed()
        if self.skip_quiet:
            attention.hear(renewed, now_us)
            names = in_any_order(attention.names(now_us))
        else:
            checks.zones.recount()
            names = in_any_order(nodes)
        for name in names:
            check = checks.look(nodes[name], now_us)
            if checks.at_once(check, now_us, out):
                attention.settle(name, checks.quiet(check))
            else:
                self._waiting.append(check)
        self._work(now_us, out)

    def _work(self, now_us: int, out: list[ProgramEffect]) -> None:
        """Hand waiting nodes to free workers; when all are done, judge the zones."""
        while self._waiting and len(self._working) < self.workers:
            check = self._waiting.popleft()
            if self.checks.begin(check, now_us, out):
                self._attention.settle(check.node.name, self.checks.quiet(check))
            else:
                self._working[check.node.name] = check
        if not self._working:
            self._judge_zones(now_us, out)

    def _ended(self, check: Check, ended: bool, now_us: int, out: list[ProgramEffect]) -> None:
        if ended:
            name = check.node.name
            del self._working[name]
            self._attention.settle(name, self.checks.quiet(check))
            self._work(now_us, out)

    def _judge_zones(self, now_us: int, out: list[ProgramEffect]) -> None:
        disruption = self.checks.zones.judge()
        self._changes = disruption.changes
        for change in self._changes:
            zone = zone_name(change.zone)
            out.append(Record("ZoneStateChanged", f"Zone/{zone}", {**attrs.asdict(change), "zone": zone}))
        if disruption.left:
            # Who could not speak to us while everybody was cut off gets a full grace.
            for name in self._nodes:
                self.checks.health[name].seen(now_us)
        if disruption.entered:
            self._stripping = deque(in_any_order(self._nodes))
        self._strip(now_us, out)

    def _strip(self, now_us: int, out: list[ProgramEffect]) -> None:
        """Take the NoExecute taints off the nodes as they were when this pass began, one after another; a taint that
        was added since stays.  Then set the limiters and end the pass.
        """
        while self._stripping:
            name = self._stripping.popleft()
            steps = self.checks.eviction.recovered(self._nodes[name])
            if steps:
                self.checks.writes.start(name, steps, ("strip", name), out)
                return
            self._forget(name, now_us)
        for change in self._changes:
            self.checks.queues.queue(change.zone, now_us).swap_limiter(change.rate_milli, now_us)
        self._changes = ()
        self._nodes = {}
        period_us = self.checks.settings.node_monitor_period_us
        self.next_us = now_us + period_us - self.ahead_us % period_us
        self.ahead_us = 0

    def _forget(self, name: str, now_us: int) -> None:
        """A reachable node waits in no queue."""
        self.checks.queues.queue(self._nodes[name].zone, now_us).remove(name)
        self.checks.eviction.forget(name)
