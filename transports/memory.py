"""How do payloads travel between places of one process?

Each end has a box, and what another posts lies there until it is fetched.  The ends know each other by the
transport's own list of hubs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Final

import trio

from nodesim.errors import NotRunnable
from nodesim.world.transport import HUB, PAYLOAD_BYTES_MAX, Joined, Left, Received, Refused, TransportEvent

BOX_LEN_MAX: Final = 100_000
"""Payloads that may wait for one end; then its peers' posts fail."""
BOX_BYTES_MAX: Final = 2 * PAYLOAD_BYTES_MAX
"""Their size; of a single payload it may be exceeded."""


class MemoryTransport:
    """Couples places of one process."""

    def __init__(
        self, *, keys: Path | None = None, in_turns: bool = True, log: Callable[[str], None] | None = None
    ) -> None:
        self._hubs: dict[str, _End] = {}
        self._waiting: dict[str, list[_End]] = {}
        self._epochs = count(1)

    @asynccontextmanager
    async def hub(self, address: str = "") -> AsyncIterator[_End]:
        """The hub's end."""
        if address in self._hubs:
            msg = f"a hub listens at {address!r} already"
            raise NotRunnable(msg)
        end = self._hubs[address] = _End(HUB, next(self._epochs), address)
        for agent in self._waiting.pop(address, []):
            end.meet(agent)
        try:
            yield end
        finally:
            del self._hubs[address]
            for agent in list(end.peers.values()):
                end.part(agent, "the hub has ended", "")
                self._waiting.setdefault(address, []).append(agent)

    @asynccontextmanager
    async def agent(self, address: str, name: str) -> AsyncIterator[_End]:
        """An agent's end."""
        end = _End(name, next(self._epochs), address)
        hub = self._hubs.get(address)
        if hub is None:
            self._waiting.setdefault(address, []).append(end)
        else:
            hub.meet(end)
        try:
            yield end
        finally:
            if end in self._waiting.get(address, []):
                self._waiting[address].remove(end)
            for hub in list(end.peers.values()):
                hub.part(end, "", "the agent has ended")


class _End:
    """One end, and the ends that it is connected to."""

    def __init__(self, name: str, epoch: int, address: str) -> None:
        self.name = name
        self.epoch = epoch
        self.address = address
        self.peers: dict[str, _End] = {}
        self.counts = {"stale": 0, "epoch": 0, "broken": 0, "full": 0, "lost": 0}
        self.box_bytes = 0
        self._box: deque[TransportEvent] = deque()
        self._refused = ""
        self._something = trio.Event()

    def post(self, peer: str, payload: bytes, newest: str = "") -> bool:
        """Send a payload."""
        if len(payload) > PAYLOAD_BYTES_MAX:
            msg = f"a payload of {len(payload)} bytes, at most {PAYLOAD_BYTES_MAX}"
            raise ValueError(msg)
        end = self.peers.get(peer)
        if end is None:
            return False
        if len(end._box) >= BOX_LEN_MAX or end.box_bytes >= BOX_BYTES_MAX:
            self.counts["full"] += 1
            return False
        end.box_bytes += len(payload)
        end.put(Received(self.name, payload))
        return True

    def fetch(self) -> list[TransportEvent]:
        """What happened since the last call."""
        if self._refused:
            raise Refused(self._refused)
        events = list(self._box)
        self._box.clear()
        self.box_bytes = 0
        self._something = trio.Event()
        return events

    async def wait(self) -> None:
        """Until there is something to fetch."""
        if self._box or self._refused:
            await trio.lowlevel.checkpoint()
        else:
            await self._something.wait()

    def refuse(self, peer: str, why: str) -> None:
        """Send an agent away for good."""
        agent = self.peers.get(peer)
        if agent is not None:
            self.part(agent, "", f"refused: {why}")
            agent.turn_away(why)

    def meet(self, agent: _End) -> None:
        """The hub takes an agent in, unless one of its name is here."""
        if agent.name in self.peers:
            agent.turn_away(f"an agent named {agent.name} is here already")
            return
        self.peers[agent.name] = agent
        agent.peers[HUB] = self
        self.put(Joined(agent.name, agent.epoch))
        agent.put(Joined(HUB, self.epoch))

    def part(self, agent: _End, told: str, heard: str) -> None:
        """The hub and an agent part; `told` the agent, `heard` the hub, each if it goes on."""
        del self.peers[agent.name]
        del agent.peers[HUB]
        if told:
            agent.put(Left(HUB, told, 0))
        if heard:
            self.put(Left(agent.name, heard, 0))

    def turn_away(self, why: str) -> None:
        """Nobody wants this agent."""
        self._refused = why
        self._something.set()

    def put(self, event: TransportEvent) -> None:
        """Something happened."""
        self._box.append(event)
        self._something.set()
