"""How does a run spread over agents in virtual time?  The hub's side.

Once the agents are gathered (`gathering`) the hub coordinates (`nodesim.world.windows`), with the control plane at home
here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import attrs

from nodesim.scenario.gathering import Gathering, Spread, open_transport
from nodesim.scenario.options import RunOptions
from nodesim.spec import Scenario
from nodesim.trace.records import TraceRecord
from nodesim.world import Advance, VirtualClock, World
from nodesim.world.driver import Turns, at_home, beside
from nodesim.world.windows import Ear, Windows
from nodesim.world.words import Finished

WORST_US: Final = "worst_us"
"""The count that tells how late an agent's turns were at most."""


@attrs.define
class Elsewhere:
    """What agents recorded and counted."""

    records: list[TraceRecord] = attrs.Factory(list)
    counts: dict[str, int] = attrs.Factory(dict)
    draws: list[tuple[str, int, int]] = attrs.Factory(list)
    warnings: list[str] = attrs.Factory(list)
    """What is not known of them."""

    def add(self, finished: Finished) -> None:
        """An agent's counts; of how late its turns were, the worst of all."""
        for name, count in finished.counts.items():
            before = self.counts.get(name, 0)
            self.counts[name] = max(before, count) if name == WORST_US else before + count
        self.draws += finished.draws


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
            gathering = Gathering(self.scenario, self.options, spread, end, ear)
            dealt = await gathering.gather()
            heads = await gathering.set_up(dealt)
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
