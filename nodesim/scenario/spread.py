"""How does a run spread over agents?  The hub's side.

How it works.  The hub listens until as many agents have joined as are wanted and every node has a place; then each of
them gets the scenario as plain data and the names of its nodes, builds the same plan as the hub, and says when its
first turn is due.  From there on the hub coordinates (`nodesim.world.windows`), with the control plane at home here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, cast

import attrs

from nodesim import __version__
from nodesim.errors import NotRunnable
from nodesim.scenario.dealing import Dealing
from nodesim.scenario.options import RunOptions
from nodesim.scenario.plain import pack_scenario
from nodesim.spec import Scenario
from nodesim.trace.records import TraceRecord
from nodesim.world import Advance, Transport, VirtualClock, World
from nodesim.world.driver import Turns, at_home, beside
from nodesim.world.transport import End, Joined, Left, TransportFactory
from nodesim.world.windows import AgentFailed, Ear, Windows
from nodesim.world.words import Done, Failed, Finished, Join, Setup, encode_word


@attrs.frozen(kw_only=True)
class Spread:
    """Over how many agents, and how they reach the hub."""

    agents: int
    address: str
    transport: str = "zeromq"
    keys: Path | None = None
    say: Callable[[str], None] = lambda _: None
    """Told in words for people who joins and leaves."""


@attrs.define
class Elsewhere:
    """What agents recorded and counted."""

    records: list[TraceRecord] = attrs.Factory(list)
    counts: dict[str, int] = attrs.Factory(dict)
    draws: list[tuple[str, int, int]] = attrs.Factory(list)

    def add(self, finished: Finished) -> None:
        """An agent's counts."""
        for name, count in finished.counts.items():
            self.counts[name] = self.counts.get(name, 0) + count
        self.draws += finished.draws


def open_transport(
    name: str, *, keys: Path | None = None, in_turns: bool = True, log: Callable[[str], None] | None = None
) -> Transport:
    """The transport of this name.

    Raises:
        NotRunnable: none is installed under it.
    """
    found = entry_points(group="nodesim.transports", name=name)
    if not found:
        known = sorted(entry.name for entry in entry_points(group="nodesim.transports"))
        msg = f"no transport named {name}; installed: {', '.join(known) or 'none'}"
        raise NotRunnable(msg)
    factory = cast(TransportFactory, next(iter(found)).load())
    return factory(keys=keys, in_turns=in_turns, log=log)


@attrs.frozen
class Hub:
    """One run and its agents.

    Attributes:
        scenario: what is played.
        options: how.
        spread: over which agents.
        world: what lives here.
        lookahead_us: the least latency between here and the agents.
        elsewhere: takes what the agents record and count.
    """

    scenario: Scenario
    options: RunOptions
    spread: Spread
    world: World
    lookahead_us: int
    elsewhere: Elsewhere

    @asynccontextmanager
    async def windows(self, turns: Turns, clock: VirtualClock) -> AsyncIterator[Advance]:
        """As `nodesim.world.driving`, with the nodes in agents, in virtual time.

        Raises:
            NotRunnable: an agent is gone.
            AgentFailed: an agent could not go on.
        """
        spread, world = self.spread, self.world
        transport = open_transport(spread.transport, keys=spread.keys, in_turns=True, log=spread.say)
        async with transport.hub(spread.address) as end, at_home([world]), beside(clock, turns.guests):
            ear = Ear(end)
            dealt = await self._gather(end, ear)
            heads = await self._set_up(end, ear, dealt)
            spread.say(_dealt(dealt))
            where = {f"node/{node}": agent for agent, nodes in dealt.items() for node in nodes}
            collect = self.elsewhere.records.extend
            made = Windows(world, turns.world, turns.next_us, end, where, heads, self.lookahead_us, collect, ear)

            async def advance(until_us: int) -> None:
                await made.advance(until_us)
                world.now_us = until_us
                if until_us >= self.scenario.duration_us:
                    for finished in (await made.finish()).values():
                        self.elsewhere.add(finished)

            yield advance

    async def _gather(self, end: End, ear: Ear) -> Mapping[str, tuple[str, ...]]:
        """Wait until enough agents are here; the nodes of each."""
        dealing = Dealing([node.name for node in self.scenario.nodes], self.spread.agents)
        self.spread.say(f"listening at {end.address}, waiting for {dealing.missing}")
        while not dealing.ready:
            peer, word = await ear.next()
            if isinstance(word, Left):
                dealing.leave(peer)
                self.spread.say(f"{peer} left: {word.why}")
            elif isinstance(word, Join):
                self._joins(end, dealing, peer, word)
        return dealing.deal()

    def _joins(self, end: End, dealing: Dealing, peer: str, join: Join) -> None:
        """An agent wants to take part."""
        say = self.spread.say
        try:
            if join.version != __version__:
                msg = f"it runs nodesim {join.version}, the hub {__version__}; both must be the same"
                raise ValueError(msg)
            dealing.join(peer, join.claims)
        except ValueError as wrong:
            end.refuse(peer, str(wrong))
            say(f"{peer} cannot take part: {wrong}")
            return
        claims = f" for {', '.join(join.claims)}" if join.claims else ""
        say(f"{peer} joined{claims}" + ("" if dealing.ready else f", waiting for {dealing.missing}"))

    async def _set_up(self, end: End, ear: Ear, dealt: Mapping[str, tuple[str, ...]]) -> dict[str, int | None]:
        """Give each agent its part; when its first turn is due (us)."""
        packed = pack_scenario(self.scenario)
        for agent, nodes in dealt.items():
            end.post(agent, encode_word(Setup(packed, plain_options(self.options), nodes)))
        heads: dict[str, int | None] = {}
        while len(heads) < len(dealt):
            peer, word = await ear.next()
            if isinstance(word, Done):
                heads[peer] = word.next_us
            elif isinstance(word, Failed):
                raise AgentFailed(peer, word)
            elif isinstance(word, Left) and peer in dealt:
                msg = f"agent {peer} left before the run began ({word.why})"
                raise NotRunnable(msg)
            elif isinstance(word, Joined):
                end.refuse(peer, "the run has begun, and it has all its agents")
        return heads


def plain_options(options: RunOptions) -> dict[str, Any]:
    """The options that concern an agent."""
    return {name: getattr(options, name) for name in ("skip_quiet", "record_heartbeats", "draw_log")}


def _dealt(dealt: Mapping[str, Sequence[str]]) -> str:
    parts = [f"{agent} with {len(nodes)} node{'' if len(nodes) == 1 else 's'}" for agent, nodes in dealt.items()]
    return "the run begins: " + ", ".join(parts)
