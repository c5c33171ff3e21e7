"""What does an agent do in a run in real time?

It takes the turns of its nodes by its own clock, which the hub's sets, and tells the hub what they recorded.  While the
link to the hub is away they go on, cut off; when it is back, and the hub is the same, the hub hears of all that was.  A
new hub is a new run: then all of it is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import attrs
import trio

from nodesim import __version__
from nodesim.client import SERVER
from nodesim.scenario.cluster import Resumed, build_nodes, resume
from nodesim.scenario.lives import clock_of
from nodesim.scenario.options import RunOptions
from nodesim.scenario.plan import plan_of
from nodesim.scenario.spread import WORST_US
from nodesim.spec import Scenario
from nodesim.units import SECOND
from nodesim.world import Live, living
from nodesim.world.abroad import STALE_S, Abroad
from nodesim.world.faraway import FarawayClock, own_us
from nodesim.world.log import SentLog
from nodesim.world.transport import HUB, End, Joined, Left
from nodesim.world.windows import Ear, HubGone
from nodesim.world.words import (
    AskTime,
    Begin,
    Done,
    Finish,
    Finished,
    Join,
    Logged,
    Over,
    Parcels,
    Setup,
    Time,
    Word,
    encode_word,
)

ASKED_FIRST: Final = 5
"""How often an agent asks for the time before it begins."""
REPORT_EVERY_S: Final = 0.1
"""Real seconds between two reports of what was recorded."""
REPORTS_A_QUESTION: Final = 10
"""Every so many reports the agent asks for the time again."""
AFTER_END_S: Final = 20.0
"""So long (real seconds) after the end of the run an agent waits for a hub to tell it to."""

W = TypeVar("W", Begin, Time)


@attrs.define
class LiveRun:
    """One run in real time, at an agent.

    Attributes:
        name: of this agent.
        end: to the hub.
        ear: at that end.
        hub_epoch: of the hub whose run this is.
        scenario: what is played.
        options: how.
        setup: what of it lives here.
        claims: what this agent says when it joins again.
        say: told in words for people what happens.
    """

    name: str
    end: End
    ear: Ear
    hub_epoch: int
    scenario: Scenario
    options: RunOptions
    setup: Setup
    claims: Sequence[str]
    say: Callable[[str], None]
    _log: SentLog = attrs.Factory(SentLog)
    _up: bool = True
    """Does the hub know who is at this end of the link?"""
    _over: trio.Event = attrs.Factory(trio.Event)

    async def serve(self) -> None:
        """Until the run is over.

        Raises:
            HubGone: the hub is gone, and the run with it.
        """
        scenario = self.scenario
        plan = plan_of(scenario)
        resumed = {node: Resumed(*numbers) for node, *numbers in self.setup.resumed} or None
        world, draws = build_nodes(scenario, plan, self.options, self.setup.nodes, resumed)
        self._post(Done(None))
        begin = await self._wait_for(Begin)
        clock = FarawayClock(begin.speed)
        for _ in range(ASKED_FIRST):
            self._post(AskTime(own_us()))
            self._set(clock, await self._wait_for(Time))
        if resumed is not None:
            resume(world, plan, clock.now_us)
        abroad = Abroad(
            self.end, lambda _: HUB if self._up else "", max(begin.slack_us, int(STALE_S * begin.speed * SECOND))
        )
        async with (
            living(world, clock, slack_us=begin.slack_us, outlet=abroad.send, name=clock_of(self.name)) as live,
            trio.open_nursery() as nursery,
        ):
            abroad.settle(live)
            if resumed is not None:
                live.lag.records = resumed[clock_of(self.name)].records
            nursery.start_soon(self._listen, clock, abroad)
            nursery.start_soon(self._report_on, live, abroad)
            try:
                await live(scenario.duration_us)
            except BaseException:
                self._report(live, live.final_us())  # Whoever is stopped, or fails, tells all that it knows.
                raise
            self._report(live, scenario.duration_us)
            counts = {"messages": world.messages, "bytes": world.bytes, "dropped": world.dropped}
            counts[WORST_US] = live.lag.worst_us
            finished = Finished(counts, tuple(draws))
            with trio.move_on_after(AFTER_END_S) as patience:
                await self._tell_end(live, finished)
            nursery.cancel_scope.cancel()
        if patience.cancelled_caught:
            msg = "the run is over, and there is no hub to hear of it"
            raise HubGone(msg)

    async def _tell_end(self, live: Live, finished: Finished) -> None:
        """Until the hub has heard it."""
        told = False
        while not self._over.is_set():
            if self._up and not told:
                self._report(live, self.scenario.duration_us)
                told = self._post(finished)
            elif not self._up:
                told = False
            with trio.move_on_after(REPORT_EVERY_S):
                await self._over.wait()

    # --- from the hub -----------------------------------------------------------------------------------------------

    async def _wait_for(self, kind: type[W]) -> W:
        """The next word of a kind; the others are worth nothing yet."""
        while True:
            _, word = await self.ear.next()
            if isinstance(word, kind):
                return word
            self._still_there(word)

    def _still_there(self, word: Word | Joined | Left) -> None:
        if isinstance(word, Joined):
            self.ear.again(word)
        if isinstance(word, Joined | Left):
            msg = "the hub is gone before the run began"
            raise HubGone(msg)
        if isinstance(word, Over):
            raise HubGone(word.why)

    async def _listen(self, clock: FarawayClock, abroad: Abroad) -> None:
        while True:
            _, word = await self.ear.next()
            match word:
                case Parcels(parcels=parcels):
                    abroad.came(parcels)
                case Logged(count=count):
                    self._logged(count)
                case Time():
                    self._set(clock, word)
                case Left() if self._over.is_set():
                    self._up = False
                case Left(why=why):
                    self._up = False
                    abroad.lost([SERVER])
                    self.say(f"{self.name}: the hub is away ({why}); the nodes go on, cut off from it")
                case Joined(epoch=epoch) if epoch == self.hub_epoch:
                    self._post(Join(__version__, tuple(self.claims), realtime=True))
                case Joined():
                    self.ear.again(word)
                    msg = "there is a new hub, and with it a new run"
                    raise HubGone(msg)
                case Over(why=why):
                    msg = f"the run is over before its time: {why}"
                    raise HubGone(msg)
                case Finish():
                    self._over.set()
                case _:
                    pass

    def _logged(self, count: int) -> None:
        if self._up:
            self._log.has(count)
            return
        self._log.again(count)
        self._up = True
        self.say(f"{self.name}: back at the hub, which now hears of {self._log.waiting} records")

    # --- to the hub -------------------------------------------------------------------------------------------------

    def _post(self, word: Word) -> bool:
        return self.end.post(HUB, encode_word(word))

    @staticmethod
    def _set(clock: FarawayClock, told: Time) -> None:
        clock.told(told.asked_us, told.now_us, own_us())

    async def _report_on(self, live: Live, abroad: Abroad) -> None:
        reports = 0
        while True:
            await trio.sleep(REPORT_EVERY_S)
            abroad.look()
            reports += 1
            if reports % REPORTS_A_QUESTION == 0 and self._up:
                self._post(AskTime(own_us()))
            self._report(live, live.final_us())

    def _report(self, live: Live, final_us: int) -> None:
        records, live.world.records = live.world.records, []
        self._log.add(records)
        if self._up:
            for payload in self._log.words(final_us):
                if not self.end.post(HUB, payload):
                    break  # What is not sent yet is sent next time.
