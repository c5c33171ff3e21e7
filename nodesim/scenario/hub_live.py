"""How does a run in real time spread over agents?  The hub's side.

How it works.  Each host lives by its own clock, set by the hub's.  Frames go at once (`nodesim.world.abroad`), and so
do the agents' records; these become the trace as soon as no agent can record anything earlier.  The link to an agent
may end and come back.  If the same process comes back, its nodes were cut off, and that is all.  If it is a new
process, their machines had lost power when the old one was heard of last: containers are gone, kubelets start anew.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import attrs
import trio

from nodesim.apiserver import ApiServer
from nodesim.scenario.gathering import Gathering, Spread, check_version, nodes_in_words, open_transport, plain_options
from nodesim.scenario.lives import Lives, clock_of
from nodesim.scenario.options import RunOptions
from nodesim.scenario.plain import pack_scenario
from nodesim.scenario.spread import Elsewhere
from nodesim.spec import Scenario
from nodesim.trace.records import TraceRecord
from nodesim.units import SECOND
from nodesim.world import Guests, Live, RealClock, World, living
from nodesim.world.abroad import STALE_S, Abroad
from nodesim.world.clock import wall
from nodesim.world.log import HeardLog
from nodesim.world.transport import End, Joined, Left
from nodesim.world.windows import AgentFailed, Ear
from nodesim.world.words import (
    AskTime,
    Begin,
    Done,
    Failed,
    Finish,
    Finished,
    Join,
    Log,
    Logged,
    Over,
    Parcels,
    Setup,
    Time,
    Times,
    Word,
    encode_word,
)

ACTOR: Final = "hub"
"""In whose name the trace tells of agents."""
COUNTDOWN_S: Final = 0.25
"""Real seconds between the word that all agents are ready and the beginning: they set their clocks meanwhile."""
LOOK_EVERY_S: Final = 0.05
"""Real seconds between two looks at what has become final."""
HELD_BACK_S: Final = 5.0
"""So long (real seconds) the trace waits for an agent that is away; what it still brings then is put in its place
later."""
FINISH_S: Final = 5.0
"""So long (real seconds) agents may take to tell the end of their records when the run is over."""


@attrs.define
class Member:
    """An agent of this run."""

    name: str
    nodes: tuple[str, ...]
    epoch: int
    log: HeardLog = attrs.Factory(HeardLog)
    here: bool = True
    """Is it connected, and are its nodes alive?"""
    joining: int = 0
    """The epoch of a connection on which it has not said yet who it is."""
    left_us: int = 0
    left_s: float = 0.0
    """When it was heard of last: in the run, and in real seconds."""
    left_record: str = ""
    finished: bool = False

    @property
    def actors(self) -> tuple[str, ...]:
        """Those that live there."""
        return tuple(f"node/{node}" for node in self.nodes)

    @property
    def recorders(self) -> frozenset[str]:
        """In whose names it may record."""
        return frozenset((*self.actors, clock_of(self.name)))


@attrs.define
class LiveHub:
    """One run in real time and its agents.

    Attributes:
        scenario: what is played.
        options: how.
        spread: over which agents.
        world: what lives here.
        server: the API server, which lives here.
        slack_us: how late turns may be (us of the run).
        elsewhere: takes what the agents record and count.
        final: told now and then up to which instant (us) all is in the world's records and in `elsewhere`.
    """

    scenario: Scenario
    options: RunOptions
    spread: Spread
    world: World
    server: ApiServer
    slack_us: int
    elsewhere: Elsewhere
    final: Callable[[int], None]
    _members: dict[str, Member] = attrs.Factory(dict)
    _where: dict[str, Member] = attrs.Factory(dict)
    _lives: Lives = attrs.Factory(Lives)
    _recorded: int = 0
    _final_us: int = -1
    _end: End = attrs.field(init=False)
    _ear: Ear = attrs.field(init=False)
    _abroad: Abroad = attrs.field(init=False)
    _live: Live = attrs.field(init=False)
    _clock: RealClock = attrs.field(init=False)

    @asynccontextmanager
    async def living(self, clock: RealClock, guests: Guests | None) -> AsyncIterator[Live]:
        """As `nodesim.world.living`, with the nodes in agents.

        Raises:
            NotRunnable: the agents cannot be gathered.
            AgentFailed: an agent could not go on.
        """
        spread = self.spread
        transport = open_transport(spread.transport, keys=spread.keys, in_turns=False, log=spread.say)
        async with transport.hub(spread.address) as self._end:
            try:
                async with self._begun(clock, guests) as live:
                    yield live
            except BaseException:
                self._tell_all(Over("the hub has ended it"))
                raise

    @asynccontextmanager
    async def _begun(self, clock: RealClock, guests: Guests | None) -> AsyncIterator[Live]:
        self._clock, self._ear = clock, Ear(self._end, refuse=True)
        gathering = Gathering(self.scenario, self.options, self.spread, self._end, self._ear)
        dealt = await gathering.gather()
        await gathering.set_up(dealt)
        for name, nodes in dealt.items():
            member = self._members[name] = Member(name, nodes, gathering.epochs[name])
            self._where.update(dict.fromkeys(member.actors, member))
        stale_us = max(self.slack_us, int(STALE_S * clock.speed * SECOND))
        self._abroad = Abroad(self._end, self._peer_of, stale_us)
        clock.begin(COUNTDOWN_S)
        async with (
            living(
                self.world,
                clock,
                slack_us=self.slack_us,
                outlet=self._abroad.send,
                guests=guests,
                name=clock_of(ACTOR),
            ) as self._live,
            trio.open_nursery() as nursery,
        ):
            self._abroad.settle(self._live)
            for member in self._members.values():
                self._record("AgentJoined", member, {}, at_us=0)
            self._tell_all(Begin(clock.speed, self.slack_us))
            nursery.start_soon(self._listen)
            nursery.start_soon(self._look_on)
            yield self._live
            await self._finish()
            nursery.cancel_scope.cancel()

    # --- towards the agents -----------------------------------------------------------------------------------------

    def _peer_of(self, actor: str) -> str | None:
        """At which peer an actor lives; "" while that is away."""
        member = self._where.get(actor)
        return None if member is None else member.name if member.here else ""

    def _post(self, member: Member, word: Word) -> None:
        self._end.post(member.name, encode_word(word))

    def _tell_all(self, word: Word) -> None:
        for member in self._members.values():
            self._post(member, word)

    async def _finish(self) -> None:
        """The run is over: wait for the rest of the records of those who are here, for a while."""
        with trio.move_on_after(wall(FINISH_S)):
            while any(member.here and not member.finished for member in self._members.values()):
                await trio.sleep(wall(LOOK_EVERY_S))
        for member in self._members.values():
            if not member.finished:
                known = f"{max(0, member.log.final_us) / SECOND:.3f} s"
                self.elsewhere.warnings.append(
                    f"agent {member.name} was away when the run ended: what happened on {nodes_in_words(member.nodes)} "
                    f"after {known} is not known"
                )
        self._tell_all(Finish())

    async def _look_on(self) -> None:
        """Again and again: what is final, and what waits for a cut to heal?"""
        while True:
            await trio.sleep(wall(LOOK_EVERY_S))
            self._abroad.look()
            now_s = time.monotonic()
            waited_for = [
                member.log.final_us
                for member in self._members.values()
                if member.here or now_s - member.left_s < HELD_BACK_S
            ]
            self._final_us = max(self._final_us, min([self._live.final_us(), *waited_for]))
            self.final(self._final_us)

    # --- from the agents --------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        while True:
            peer, word = await self._ear.next()
            member = self._members.get(peer)
            if member is None:
                if isinstance(word, Joined):
                    self._end.refuse(peer, "the run has begun, and it has all its agents")
            elif isinstance(word, Joined):
                member.joining = word.epoch
            elif isinstance(word, Left):
                self._left(member, word)
            elif isinstance(word, Join):
                self._joined(member, word)
            else:
                self._said(member, word)

    def _said(self, member: Member, word: Word) -> None:
        match word:
            case Parcels(parcels=parcels) if member.here:
                own = [parcel for parcel in parcels if self._where.get(parcel.origin) is member]
                self.world.dropped += len(parcels) - len(own)
                self._abroad.came(own)
            case Log() if member.here:
                new = [record for record in member.log.take(word) if record.actor in member.recorders]
                self._lives.saw(new)
                self.elsewhere.records += new
                self._post(member, Logged(member.log.count))
            case AskTime(asked_us=asked_us):
                self._post(member, Time(asked_us, self._clock.now_us))
            case Done() if not member.here:
                member.here = True
                self._post(member, Begin(self._clock.speed, self.slack_us))
            case Finished() if not member.finished:
                member.finished = True
                self.elsewhere.add(word)
            case Failed():
                raise AgentFailed(member.name, word)
            case _:
                pass  # Of a run before this one.

    def _left(self, member: Member, left: Left) -> None:
        """The link to an agent has ended."""
        member.joining = 0
        if not member.here:
            return
        member.here = False
        member.left_us, member.left_s = max(self._live.instant_us(), member.log.final_us + 1), time.monotonic()
        member.left_record = self._record("AgentLeft", member, {"why": left.why, "lost": left.lost}, member.left_us)
        self._abroad.lost(member.actors)
        self.spread.say(f"{member.name} is gone at {member.left_us / SECOND:.3f} s: {left.why}")

    def _joined(self, member: Member, join: Join) -> None:
        """An agent is back, or another process in its place."""
        try:
            check_version(join)
        except ValueError as wrong:
            self._end.refuse(member.name, str(wrong))
            return
        if not join.realtime:
            self._post(member, Times(realtime=True))
        elif member.joining == member.epoch:
            member.here = True
            self._post(member, Logged(member.log.count))
            self._record("AgentReturned", member, {}, cause=member.left_record)
            self.spread.say(f"{member.name} is back, with all that its nodes did meanwhile")
        else:
            self._starts_anew(member)

    def _starts_anew(self, member: Member) -> None:
        """A new process: what the old one had not told is lost, and its machines were without power meanwhile."""
        known_us = max(0, member.log.final_us)
        member.epoch, member.finished = member.joining, False
        fields = {"known_us": known_us}
        self._record("AgentRestarted", member, fields, cause=member.left_record)
        lives = self._lives
        self.elsewhere.records += lives.power_off(member.name, member.nodes, member.left_us, member.left_record)
        member.log = HeardLog(member.left_us)
        resumed = lives.resumed(member.name, member.nodes, self.server)
        packed = pack_scenario(self.scenario)
        self._post(member, Setup(packed, plain_options(self.options), member.nodes, resumed))
        self.spread.say(
            f"{member.name} was started anew: {nodes_in_words(member.nodes)} had no power since "
            f"{member.left_us / SECOND:.3f} s; what was recorded there after {known_us / SECOND:.3f} s is lost"
        )

    def _record(
        self, kind: str, member: Member, fields: dict[str, Any], at_us: int | None = None, cause: str = ""
    ) -> str:
        """Write a record of the hub's; its id."""
        self._recorded += 1
        at_us = self._live.instant_us() if at_us is None else at_us
        told = {"nodes": list(member.nodes), **fields}
        made = TraceRecord(at_us, ACTOR, self._recorded, kind, f"Agent/{member.name}", told, cause)
        self.elsewhere.records.append(made)
        return made.id
