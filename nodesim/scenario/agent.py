"""What does an agent do?

It joins the hub, gets a run and the names of its nodes, builds the same plan and these nodes, and takes their turns
when the hub grants them.  After a run it waits for the next one: a new hub is a new run, and nothing of an old one is
kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs

from nodesim import __version__
from nodesim.errors import FrameError, NodesimError, NotRunnable, single_error
from nodesim.scenario.agent_live import LiveRun
from nodesim.scenario.cluster import build_nodes
from nodesim.scenario.options import RunOptions
from nodesim.scenario.plain import unpack_scenario
from nodesim.scenario.plan import plan_of
from nodesim.spec import Scenario
from nodesim.world import Transport, VirtualClock
from nodesim.world.driver import Turns, at_home
from nodesim.world.transport import HUB, End, Joined, Left, Refused
from nodesim.world.windows import Ear, HubGone, serve_windows
from nodesim.world.words import Done, Failed, Finished, Join, Setup, Times, encode_word


class _OtherTimes(Exception):
    """The hub keeps the other kind of time: an end for that is to be opened."""

    def __init__(self, *, realtime: bool) -> None:
        super().__init__()
        self.realtime = realtime


@attrs.define
class Agent:
    """An agent's life.

    Args:
        transport: makes one to the hub, whose ends take turns (virtual time) or not (real time).
        address: where the hub listens.
        name: of this agent.
        claims: patterns of the nodes that it wants; none: what the hub gives it.
        once: end after one run.
        say: told in words for people what happens.
    """

    transport: Callable[[bool], Transport]
    address: str
    name: str
    claims: Sequence[str] = ()
    once: bool = False
    say: Callable[[str], None] = lambda _: None
    _in_turns: bool = True
    _hub_epoch: int = 0

    async def live(self) -> None:
        """Serve runs until cancelled, or one if `once`.

        Raises:
            Refused: the hub does not want this agent.
            NotRunnable: with `once`, the hub is gone before the run is over.
            NodesimError: an actor crashed; the hub was told.
        """
        self.say(f"{self.name}: looking for the hub at {self.address}")
        while True:
            try:
                async with self.transport(self._in_turns).agent(self.address, self.name) as end:
                    await self._runs(end)
            except _OtherTimes as other:
                self._in_turns = not other.realtime
                continue
            return

    async def _runs(self, end: End) -> None:
        ear = Ear(end)
        while True:
            try:
                await self._one_run(end, ear)
            except HubGone as gone:
                if self.once:
                    raise
                self.say(f"{self.name}: {gone}; waiting for a new one")
            else:
                if self.once:
                    return

    async def _one_run(self, end: End, ear: Ear) -> None:
        setup = await self._setup(end, ear)
        try:
            scenario, options = self._understood(setup)
            of_all = f" of its {len(scenario.nodes)} nodes"
            self.say(f"{self.name}: {scenario.name} with {len(setup.nodes)}{of_all}")
            if self._in_turns:
                await self._serve(end, ear, scenario, options, setup.nodes)
            else:
                epoch = self._hub_epoch
                live = LiveRun(self.name, end, ear, epoch, scenario, options, setup, self.claims, self.say)
                await live.serve()
            self.say(f"{self.name}: the run is over")
        except BaseExceptionGroup as group:
            wrong = single_error(group)
            self._tell(end, wrong)
            raise wrong from wrong.__cause__
        except NodesimError as wrong:
            self._tell(end, wrong)
            raise

    def _tell(self, end: End, wrong: BaseException) -> None:
        """The run cannot go on: the hub should know why."""
        if isinstance(wrong, NodesimError) and not isinstance(wrong, HubGone | Refused):
            end.post(HUB, encode_word(Failed(wrong.exit_code, _text_of(wrong))))

    async def _setup(self, end: End, ear: Ear) -> Setup:
        """Join whatever hub there is until one gives a run."""
        while True:
            _, word = await ear.next()
            if isinstance(word, Joined):
                self.say(f"{self.name}: joined the hub")
                self._hub_epoch = word.epoch
                end.post(HUB, encode_word(Join(__version__, tuple(self.claims), realtime=not self._in_turns)))
            elif isinstance(word, Times):
                raise _OtherTimes(realtime=word.realtime)
            elif isinstance(word, Left):
                self.say(f"{self.name}: left the hub: {word.why}")
            elif isinstance(word, Setup):
                return word

    def _understood(self, setup: Setup) -> tuple[Scenario, RunOptions]:
        try:
            scenario = unpack_scenario(setup.scenario)
            return scenario, RunOptions(
                **dict[str, Any]({name: _plain_bool(flag) for name, flag in setup.options.items()})
            )
        except (FrameError, TypeError) as wrong:
            msg = f"the hub's scenario cannot be understood here: {wrong}"
            raise NotRunnable(msg) from wrong

    async def _serve(self, end: End, ear: Ear, scenario: Scenario, options: RunOptions, nodes: Sequence[str]) -> None:
        world, draws = build_nodes(scenario, plan_of(scenario), options, nodes)
        turns = Turns(VirtualClock(), in_tasks=False, progress=None)

        def counted() -> Finished:
            counts = {"messages": world.messages, "bytes": world.bytes, "dropped": world.dropped}
            return Finished(counts, tuple(draws))

        async with at_home([world]):
            end.post(HUB, encode_word(Done(await turns.next_us(world))))
            await serve_windows(world, turns.world, turns.next_us, end, counted=counted, with_records=True, ear=ear)


def _plain_bool(flag: Any) -> bool:
    if type(flag) is not bool:
        msg = f"an option is true or false, not {flag!r:.40}"
        raise TypeError(msg)
    return flag


def _text_of(wrong: NodesimError) -> str:
    cause = f": {type(wrong.__cause__).__name__}: {wrong.__cause__}" if wrong.__cause__ is not None else ""
    return f"{wrong}{cause}"
