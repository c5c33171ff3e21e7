"""How do several worlds keep one virtual time?

In windows of the least latency between them: what one world sends inside a window arrives after it, so no world can
miss anything that belongs into its past.  One of them, the hub's, coordinates; the others, its agents', live in other
tasks, processes or hosts, and nobody sees a difference.

How it works.  The hub knows when the next turn of each world is due.  It grants a window from the earliest of these to
all worlds that have a turn in it (`Parcels`, then `Grant`), takes its own turns meanwhile, and waits for every one of
them (`Parcels`, `Records`, then `Done`).  Who has nothing to do in a window is not asked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeAlias

from nodesim.errors import ExitCode, FrameError, NodesimError, NotRunnable
from nodesim.trace.records import TraceRecord
from nodesim.units import SECOND
from nodesim.world.transport import HUB, End, Joined, Left, Received, TransportEvent
from nodesim.world.words import (
    Done,
    Failed,
    Finish,
    Finished,
    Grant,
    Parcels,
    Records,
    Word,
    decode_word,
    encode_word,
    parcel_words,
    record_words,
)
from nodesim.world.world import Parcel, World

RunWorld: TypeAlias = Callable[[World, int], Awaitable[None]]
"""Takes all turns of a world up to an instant (us, inclusive)."""
NextOf: TypeAlias = Callable[[World], Awaitable["int | None"]]
"""When the next thing happens in a world (us); None: nothing will."""
Collect: TypeAlias = Callable[[Sequence[TraceRecord]], None]
"""Takes what agents recorded, in no order."""


class AgentFailed(NodesimError):
    """Something went wrong in an agent; its exit code is that of the run."""

    def __init__(self, agent: str, failed: Failed) -> None:
        self.exit_code = ExitCode(failed.exit_code) if failed.exit_code in list(ExitCode) else ExitCode.NOT_RUN
        super().__init__(f"agent {agent}: {failed.text}")


class HubGone(NotRunnable):
    """The hub went away in the middle of a run."""


class Ear:
    """What comes to an end, word by word.  With `refuse`, who says what cannot be understood is sent away for it."""

    def __init__(self, end: End, *, refuse: bool = False) -> None:
        self._end = end
        self._refuse = refuse
        self._events: deque[TransportEvent] = deque()

    def again(self, event: TransportEvent) -> None:
        """Somebody else shall hear this."""
        self._events.appendleft(event)

    async def next(self) -> tuple[str, Word | Joined | Left]:
        """Who, and what.

        Raises:
            NotRunnable: somebody says what nobody can understand.
        """
        while True:
            while not self._events:
                await self._end.wait()
                self._events.extend(self._end.fetch())
            event = self._events.popleft()
            if not isinstance(event, Received):
                return event.peer, event
            try:
                return event.peer, decode_word(event.payload)
            except FrameError as wrong:
                msg = f"{event.peer} says what cannot be understood: {wrong}"
                if not self._refuse:
                    raise NotRunnable(msg) from wrong
                self._end.refuse(event.peer, msg)


class Windows:
    """The hub's side.

    Args:
        world: the hub's own.
        run_world: takes its turns.
        next_of: tells its next turn.
        end: to the agents.
        where: the agent of each actor that is not at home here.
        heads: when the next turn of each agent is due (us).
        lookahead_us: the least latency between two worlds.
        collect: takes the agents' records.
        ear: the end's, if somebody listens there already.
    """

    def __init__(
        self,
        world: World,
        run_world: RunWorld,
        next_of: NextOf,
        end: End,
        where: Mapping[str, str],
        heads: Mapping[str, int | None],
        lookahead_us: int,
        collect: Collect,
        ear: Ear | None = None,
    ) -> None:
        assert lookahead_us > 0, "worlds without latency between them cannot be told apart"
        self._world = world
        self._run_world = run_world
        self._next_of = next_of
        self._end = end
        self._ear = ear or Ear(end)
        self._where = where
        self._heads = dict(heads)
        self._waiting: dict[str, list[Parcel]] = {agent: [] for agent in heads}
        self._lookahead_us = lookahead_us
        self._collect = collect

    async def advance(self, until_us: int) -> None:
        """All worlds, window by window, up to an instant (us, inclusive).

        Raises:
            NotRunnable: an agent is gone, or a frame is for an actor that lives nowhere.
            AgentFailed: one could not go on.
        """
        while True:
            own_us = await self._next_of(self._world)
            heads = [head for head in (own_us, *self._heads.values()) if head is not None]
            if not heads or min(heads) > until_us:
                return
            last_us = min(min(heads) + self._lookahead_us - 1, until_us)
            granted = [agent for agent, head in self._heads.items() if head is not None and head <= last_us]
            for agent in granted:
                parcels, self._waiting[agent] = self._waiting[agent], []
                for payload in parcel_words(parcels):
                    self._post(agent, payload)
                self._post(agent, encode_word(Grant(last_us)))
            if own_us is not None and own_us <= last_us:
                await self._run_world(self._world, last_us)
            await self._all_done(granted)
            # Not before: what a world sent in this window must find its receiver's head as that one left it.
            parcels, self._world.outbox = self._world.outbox, []
            self._route(parcels)

    async def finish(self) -> dict[str, Finished]:
        """The run is over: what each agent counted."""
        for agent in self._heads:
            self._post(agent, encode_word(Finish()))
        told: dict[str, Finished] = {}
        while self._heads:
            agent, word = await self._next()
            if isinstance(word, Finished):
                told[agent] = word
                del self._heads[agent]  # From here on it may leave.
        return told

    async def _all_done(self, granted: Sequence[str]) -> None:
        missing = set(granted)
        arrived: list[Parcel] = []
        while missing:
            agent, word = await self._next()
            if isinstance(word, Done) and agent in missing:
                self._heads[agent] = word.next_us
                missing.discard(agent)
            elif isinstance(word, Parcels):
                arrived += word.parcels
            elif isinstance(word, Records):
                self._collect(word.records)
        self._route(arrived)

    async def _next(self) -> tuple[str, Word]:
        """The next word of an agent of this run; who else comes or goes is sent away."""
        while True:
            peer, word = await self._ear.next()
            if isinstance(word, Joined):
                self._end.refuse(peer, "a run in virtual time is going on, and it has all its agents")
            elif isinstance(word, Left):
                if peer in self._heads:
                    raise self._gone(peer, word.why)
            elif isinstance(word, Failed):
                raise AgentFailed(peer, word)
            elif peer in self._heads:
                return peer, word

    def _gone(self, agent: str, why: str) -> NotRunnable:
        return NotRunnable(
            f"agent {agent} is gone at {self._world.now_us / SECOND:.3f} s ({why}); in virtual time a run cannot go on "
            "without it (faults of nodes belong into the scenario's steps)"
        )

    def _post(self, agent: str, payload: bytes) -> None:
        if not self._end.post(agent, payload):
            raise self._gone(agent, "nothing can be sent to it")

    def _route(self, parcels: Sequence[Parcel]) -> None:
        for parcel in parcels:
            agent = self._where.get(parcel.destination)
            if agent is not None:
                self._waiting[agent].append(parcel)
                head = self._heads[agent]
                self._heads[agent] = parcel.at_us if head is None else min(head, parcel.at_us)
            elif parcel.destination in self._world.homes:
                self._world.take_in(parcel)
            else:
                msg = f"{parcel.origin} wrote to {parcel.destination}, which does not exist"
                raise NotRunnable(msg)


async def serve_windows(
    world: World,
    run_world: RunWorld,
    next_of: NextOf,
    end: End,
    *,
    counted: Callable[[], Finished],
    with_records: bool,
    ear: Ear | None = None,
) -> None:
    """An agent's side, until the run is over.

    Args:
        world: the agent's.
        run_world: takes its turns.
        next_of: tells its next turn.
        end: to the hub.
        counted: what to tell at the end.
        with_records: hand over what is recorded; else it stays in the world.
        ear: the end's, if somebody listens there already.

    Raises:
        HubGone: it went away.
    """
    ear = ear or Ear(end)
    while True:
        _, word = await ear.next()
        match word:
            case Left(why=why):
                msg = f"the hub is gone ({why}), and the run with it"
                raise HubGone(msg)
            case Parcels(parcels=parcels):
                for parcel in parcels:
                    world.take_in(parcel)
            case Grant(until_us=until_us):
                await run_world(world, until_us)
                parcels, world.outbox = tuple(world.outbox), []
                for payload in parcel_words(parcels):
                    end.post(HUB, payload)
                if with_records:
                    records, world.records = world.records, []
                    for payload in record_words(records):
                        end.post(HUB, payload)
                end.post(HUB, encode_word(Done(await next_of(world))))
            case Finish():
                end.post(HUB, encode_word(counted()))
                return
            case _:
                pass
