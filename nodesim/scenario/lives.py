"""What must be known of a machine whose process may die, so that another can go on in its place?

How far its numbers have come.  They are learned from its records; since some of these may be lost with the process, the
next life goes on behind a gap, so that a cause that points to a lost record points to no other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from nodesim.apiserver import ApiServer
from nodesim.trace.records import TraceRecord

GAP: Final = 1_000
"""Numbers that are left out, for records that were lost: far more than a machine makes between two reports."""
_NODE: Final = "node/"


@attrs.define
class _Life:
    records: int = 0
    connections: int = 0
    processes: int = 1
    powered: bool = True


class Lives:
    """The machines of all agents."""

    def __init__(self) -> None:
        self._lives: dict[str, _Life] = defaultdict(_Life)

    def saw(self, records: Iterable[TraceRecord]) -> None:
        """Records of machines, or of their agents' clocks, came."""
        for record in records:
            life = self._lives[record.actor]
            life.records = max(life.records, record.n)
            if record.kind == "ConnectionOpened":
                life.connections = max(life.connections, int(record.fields.get("connection", 0)))
            elif record.kind in ("KubeletStarted", "PoweredOn"):
                life.processes += 1
                life.powered = True
            elif record.kind == "PoweredOff":
                life.powered = False

    def power_off(self, agent: str, nodes: Sequence[str], at_us: int, cause: str) -> list[TraceRecord]:
        """Their process has died: the records of it."""
        self._lives[clock_of(agent)].records += GAP
        made = []
        for node in nodes:
            life = self._lives[_NODE + node]
            life.records += GAP
            life.processes += 1
            if life.powered:
                life.records += 1
                life.powered = False
                about = f"Node/{node}"
                made.append(TraceRecord(at_us, _NODE + node, life.records, "PoweredOff", about, {}, cause))
        return made

    def resumed(self, agent: str, nodes: Sequence[str], server: ApiServer) -> tuple[tuple[str, int, int, int], ...]:
        """Of the agent's clock and of its nodes: how many records, connections and processes there were at most."""
        rows = [(clock_of(agent), self._lives[clock_of(agent)].records, 0, 0)]
        for node in nodes:
            life = self._lives[_NODE + node]
            connections = max(life.connections, server.newest_connection(_NODE + node))
            rows.append((node, life.records, connections, life.processes))
        return tuple(rows)


def clock_of(agent: str) -> str:
    """In whose name an agent records that it is late."""
    return f"clock/{agent}"
