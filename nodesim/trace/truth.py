"""What really ran on each node, and when could its kubelet reach the API server?

Folds the nodes' records (containers, kubelet, power) and what the scenario does to their links.

An **outage** of a node begins when its kubelet can no longer reach the API server or no longer runs, and ends when it
can and does.  A direction does not pass while it is cut, held, or loses all that is sent; one of them is enough, as a
connection needs both.  Slow links and those that lose less are no outage.  While the API server is down, no direction
of any node passes, and while an agent's link is away, none of its nodes.  Overlapping reasons are one outage.
Instants count after all their events: what is repaired and broken in the same microsecond was never whole.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from operator import attrgetter
from typing import Final

import attrs

from nodesim.trace.records import TraceRecord
from nodesim.values import value

NODE_ACTOR: Final = "node/"
_NODE_KIND: Final = "Node/"
_INSTANT: Final = attrgetter("t_us")
_STARTED: Final = attrgetter("start_us")

TO: Final = "to-control-plane"
FROM: Final = "from-control-plane"
_DIRECTIONS: Final = {"both": (FROM, TO), TO: (TO,), FROM: (FROM,)}
_SERVER_TURNS: Final = {
    **dict.fromkeys(("ComponentStopped", "ComponentPaused"), True),
    **dict.fromkeys(("ComponentStarted", "ComponentResumed"), False),
}
"""Records of the API server's process -> does it not answer from then on?"""
_BARRIERS: Final = {"Cut": "cut", "Healed": "cut", "Held": "hold", "Released": "hold", "LossChanged": "loss"}
"""The scenario's records about links, and what each says something of."""
_SERVER: Final = "Component/apiserver"
_AGENT_KIND: Final = "Agent/"
_AGENTS: Final = ("AgentLeft", "AgentReturned", "AgentRestarted")
"""The hub's records about the links to its agents, in real time."""
_TOTAL_PPM: Final = 1_000_000


@attrs.define
class Run:
    """One container from its start to its stop; `stopped_us` None: it runs on."""

    node: str
    object: str
    """`Pod/namespace/name`."""
    uid: str
    container: str
    attempt: int
    started_us: int
    started: str
    """The record of its start."""
    stopped_us: int | None = None
    stopped: str = ""
    """The record of its stop."""
    why: str = ""


@value
class NodeSight:
    """What a node was from `t_us` on; `cut` names the directions that do not pass, for whatever reason."""

    t_us: int
    power: bool
    kubelet: bool
    cut: tuple[str, ...]
    record: str

    @property
    def out(self) -> bool:
        """Is its kubelet down or cut off?"""
        return not self.kubelet or bool(self.cut)


@attrs.define
class Outage:
    """A node's kubelet was down or cut off in [`start_us`, `end_us`); `end_us` None: to the end of the run."""

    node: str
    start_us: int
    record: str
    """What began it."""
    end_us: int | None = None

    def covers(self, t_us: int) -> bool:
        """Was the node out, after all events of this instant?"""
        return self.start_us <= t_us and (self.end_us is None or t_us < self.end_us)


@value
class DeletionSeen:
    """A kubelet learned that a pod is to go."""

    t_us: int
    grace_us: int
    record: str


@attrs.define
class Truth:
    """What was so, on all nodes."""

    runs: list[Run] = attrs.Factory(list)
    """In order of their starts."""
    runs_of: dict[tuple[str, str], list[Run]] = attrs.Factory(dict)
    """By (`Pod/namespace/name`, uid)."""
    nodes: dict[str, list[NodeSight]] = attrs.Factory(dict)
    """By node name: kubelet, power and cuts over time, only the changes."""
    outages: dict[str, list[Outage]] = attrs.Factory(dict)
    """By node name, in order; nodes that were never out are not in it."""
    deletions_seen: dict[tuple[str, str], DeletionSeen] = attrs.Factory(dict)
    """By (`Pod/namespace/name`, uid): the first time."""
    first_seen_us: dict[str, int] = attrs.Factory(dict)
    """By node name: its first record of its own.  Others have no machine here."""
    _open: dict[str, dict[tuple[str, str, str], Run]] = attrs.Factory(dict)
    _barriers: dict[str, dict[str, tuple[str, ...]]] = attrs.Factory(dict)
    """By node name and kind of barrier: the directions that it blocks."""
    _server_down: bool = False

    def outage_at(self, node: str, t_us: int) -> Outage | None:
        """The outage that covers an instant."""
        outage = self.latest_outage(node, t_us)
        return outage if outage is not None and outage.covers(t_us) else None

    def latest_outage(self, node: str, t_us: int) -> Outage | None:
        """The last outage that began at or before an instant, whether or not it is over."""
        outages = self.outages.get(node, [])
        place = bisect_right(outages, t_us, key=_STARTED)
        return outages[place - 1] if place else None

    def sight_at(self, node: str, t_us: int) -> NodeSight | None:
        """Kubelet, power and cuts of a node after all events of an instant; None: nothing had happened to it."""
        sights = self.nodes.get(node, [])
        place = bisect_right(sights, t_us, key=_INSTANT)
        return sights[place - 1] if place else None

    def add(self, record: TraceRecord) -> None:
        """Take in one record; kinds that tell nothing about the nodes change nothing."""
        actor, kind = record.actor, record.kind
        if actor == "scenario":
            if kind in _BARRIERS:
                self._link_changed(record)
            return
        if record.object == _SERVER and kind in _SERVER_TURNS:
            self._server_down = _SERVER_TURNS[kind]
            for node in sorted({*self.first_seen_us, *self.nodes}):
                self._block(node, "server", _DIRECTIONS["both"], record, blocks=self._server_down)
            return
        if record.object.startswith(_AGENT_KIND) and kind in _AGENTS:
            for node in record.fields.get("nodes", ()):
                self._block(str(node), "agent", _DIRECTIONS["both"], record, blocks=kind == "AgentLeft")
            return
        if not actor.startswith(NODE_ACTOR):
            return
        node = actor[len(NODE_ACTOR) :]
        if node not in self.first_seen_us:
            self.first_seen_us[node] = record.t_us
            if self._server_down:
                self._block(node, "server", _DIRECTIONS["both"], record, blocks=True)
        if kind == "ContainerStarted":
            self._start(node, record)
        elif kind == "ContainerStopped":
            self._stop(node, record)
        elif kind == "PodDeletionSeen":
            key = (record.object, str(record.fields.get("uid", "")))
            grace_us = int(record.fields.get("grace_seconds") or 0) * 1_000_000
            self.deletions_seen.setdefault(key, DeletionSeen(record.t_us, grace_us, record.id))
        elif kind in ("KubeletStarted", "KubeletStopped", "PoweredOn", "PoweredOff"):
            self._switch(node, record)

    def _start(self, node: str, record: TraceRecord) -> None:
        fields = record.fields
        uid, container = str(fields.get("uid", "")), str(fields.get("container", ""))
        key = (record.object, uid, container)
        running = self._open.setdefault(node, {})
        if key in running:
            return
        attempt = int(fields.get("attempt", 0))
        run = Run(node, record.object, uid, container, attempt, record.t_us, record.id)
        running[key] = run
        self.runs.append(run)
        self.runs_of.setdefault(key[:2], []).append(run)

    def _stop(self, node: str, record: TraceRecord) -> None:
        fields = record.fields
        key = (record.object, str(fields.get("uid", "")), str(fields.get("container", "")))
        run = self._open.get(node, {}).pop(key, None)
        if run is not None:
            run.stopped_us, run.stopped, run.why = record.t_us, record.id, str(fields.get("why", ""))

    def _before(self, node: str) -> NodeSight:
        """A node of which nothing is known yet is taken to run: an outage needs something that was there before."""
        sights = self.nodes.get(node)
        return sights[-1] if sights else NodeSight(0, True, True, (), "")

    def _switch(self, node: str, record: TraceRecord) -> None:
        before, kind = self._before(node), record.kind
        power, kubelet = before.power, before.kubelet
        if kind == "KubeletStarted":
            power = kubelet = True
        elif kind == "KubeletStopped":
            kubelet = False
        elif kind == "PoweredOn":
            power = True
        else:
            power = kubelet = False
            # The machine also tells each container's stop; a trace in which it does not must not leave them running.
            for run in self._open.pop(node, {}).values():
                run.stopped_us, run.stopped, run.why = record.t_us, record.id, "power-off"
        self._see(node, NodeSight(record.t_us, power, kubelet, before.cut, record.id))

    def _link_changed(self, record: TraceRecord) -> None:
        if not record.object.startswith(_NODE_KIND):
            return
        node, kind = record.object[len(_NODE_KIND) :], record.kind
        meant = _DIRECTIONS.get(str(record.fields.get("direction", "both")), _DIRECTIONS["both"])
        blocks = (
            int(record.fields.get("loss_ppm", 0)) >= _TOTAL_PPM if kind == "LossChanged" else kind in ("Cut", "Held")
        )
        self._block(node, _BARRIERS[kind], meant, record, blocks=blocks)

    def _block(self, node: str, barrier: str, meant: tuple[str, ...], record: TraceRecord, *, blocks: bool) -> None:
        before = self._before(node)
        barriers = self._barriers.setdefault(node, {})
        blocked = tuple(way for way in barriers.get(barrier, ()) if way not in meant)
        barriers[barrier] = (*blocked, *meant) if blocks else blocked
        cut = tuple(sorted({way for ways in barriers.values() for way in ways}))
        self._see(node, NodeSight(record.t_us, before.power, before.kubelet, cut, record.id))

    def _see(self, node: str, sight: NodeSight) -> None:
        was_out = self._before(node).out
        self.nodes.setdefault(node, []).append(sight)
        if sight.out == was_out:
            return
        outages = self.outages.setdefault(node, [])
        if not sight.out:
            outages[-1].end_us = sight.t_us
            if outages[-1].start_us == sight.t_us:
                outages.pop()
        elif outages and outages[-1].end_us == sight.t_us:
            outages[-1].end_us = None
        else:
            outages.append(Outage(node, sight.t_us, sight.record))
        if not outages:
            del self.outages[node]


def find_out(records: Iterable[TraceRecord]) -> Truth:
    """Fold records, which must be in order, into what was so."""
    truth = Truth()
    for record in records:
        truth.add(record)
    return truth
