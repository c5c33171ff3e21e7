"""How does the hub come by its agents before a run?

It listens until as many have joined as are wanted and every node has a place; then each of them gets the scenario as
plain data and the names of its nodes, builds the same plan as the hub, and says that it is ready.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
from nodesim.world import Transport
from nodesim.world.transport import End, Joined, Left, TransportFactory
from nodesim.world.windows import AgentFailed, Ear
from nodesim.world.words import Done, Failed, Join, Setup, Times, encode_word


@attrs.frozen(kw_only=True)
class Spread:
    """Over how many agents, and how they reach the hub."""

    agents: int
    address: str
    transport: str = "zeromq"
    keys: Path | None = None
    say: Callable[[str], None] = lambda _: None
    """Told in words for people who joins and leaves."""


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


@attrs.define
class Gathering:
    """The hub before a run."""

    scenario: Scenario
    options: RunOptions
    spread: Spread
    end: End
    ear: Ear
    epochs: dict[str, int] = attrs.Factory(dict)
    """The epoch of each agent that is connected."""

    @property
    def realtime(self) -> bool:
        """Is the run to be in real time?"""
        return self.options.realtime > 0

    async def gather(self) -> Mapping[str, tuple[str, ...]]:
        """Wait until enough agents are here; the nodes of each."""
        dealing = Dealing([node.name for node in self.scenario.nodes], self.spread.agents)
        self.spread.say(f"listening at {self.end.address}, waiting for {dealing.missing}")
        while not dealing.ready:
            peer, word = await self.ear.next()
            if isinstance(word, Left):
                if dealing.leave(peer):
                    self.spread.say(f"{peer} left: {word.why}")
            elif isinstance(word, Joined):
                self.epochs[peer] = word.epoch
            elif isinstance(word, Join):
                self._joins(dealing, peer, word)
        return dealing.deal()

    def _joins(self, dealing: Dealing, peer: str, join: Join) -> None:
        """An agent wants to take part."""
        say = self.spread.say
        try:
            check_version(join)
            if join.realtime != self.realtime:
                self.end.post(peer, encode_word(Times(self.realtime)))
                return  # It comes again.
            dealing.join(peer, join.claims)
        except ValueError as wrong:
            self.end.refuse(peer, str(wrong))
            say(f"{peer} cannot take part: {wrong}")
            return
        claims = f" for {', '.join(join.claims)}" if join.claims else ""
        say(f"{peer} joined{claims}" + ("" if dealing.ready else f", waiting for {dealing.missing}"))

    async def set_up(self, dealt: Mapping[str, tuple[str, ...]]) -> dict[str, int | None]:
        """Give each agent its part; when its first turn is due (us)."""
        packed = pack_scenario(self.scenario)
        for agent, nodes in dealt.items():
            self.end.post(agent, encode_word(Setup(packed, plain_options(self.options), nodes)))
        self.spread.say(_dealt(dealt))
        heads: dict[str, int | None] = {}
        while len(heads) < len(dealt):
            peer, word = await self.ear.next()
            if isinstance(word, Done):
                heads[peer] = word.next_us
            elif isinstance(word, Failed):
                raise AgentFailed(peer, word)
            elif isinstance(word, Left) and peer in dealt:
                msg = f"agent {peer} left before the run began ({word.why})"
                raise NotRunnable(msg)
            elif isinstance(word, Joined):
                self.end.refuse(peer, "the run has begun, and it has all its agents")
        return heads


def check_version(join: Join) -> None:
    """Refuse an agent of another version.

    Raises:
        ValueError: it is one; the text says so.
    """
    if join.version != __version__:
        msg = f"it runs nodesim {join.version}, the hub {__version__}; both must be the same"
        raise ValueError(msg)


def plain_options(options: RunOptions) -> dict[str, Any]:
    """The options that concern an agent."""
    return {name: getattr(options, name) for name in ("skip_quiet", "record_heartbeats", "draw_log")}


def nodes_in_words(nodes: Sequence[str]) -> str:
    """How many they are."""
    return f"{len(nodes)} node{'' if len(nodes) == 1 else 's'}"


def _dealt(dealt: Mapping[str, Sequence[str]]) -> str:
    return "the run begins: " + ", ".join(f"{agent} with {nodes_in_words(nodes)}" for agent, nodes in dealt.items())
