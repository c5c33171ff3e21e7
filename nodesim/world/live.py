"""How does a world run in real time?

How it works.  All that is due is done, a few hundred turns at a time; then the driver sleeps until the head of the
queue is due, or until something is put into the queue from outside a turn (a frame from another process, a call of a
user's task), which wakes it.  Timers and sockets so wait together in trio, and nothing polls.

Machines are handed the instant for which a turn was scheduled, not the one at which it is taken: periods do not drift.
A turn is late by the time between the two.  The lag is bounded by the slack: where turns would be later than that, the
machine is handed an instant no more than the slack behind the clock, as a process on a slow computer would see it, and
the trace says so (`RunLate`, `RunCaughtUp`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

import attrs
import trio

from nodesim.errors import NotRunnable
from nodesim.messages import Frame, Reset
from nodesim.trace.records import TraceRecord
from nodesim.world.guests import Guests
from nodesim.world.world import Parcel, World

if TYPE_CHECKING:
    from nodesim.machine import MachineEvent
    from nodesim.world.home import Home

LIVE_TURNS_AT_ONCE: Final = 500
"""Turns between two looks at the clock: some milliseconds."""


class LiveClock(Protocol):
    """The run's time on this host."""

    @property
    def now_us(self) -> int:
        """Microseconds since the run began; never less than before."""
        ...

    def deadline(self, at_us: int) -> float:
        """The deadline with which trio waits for an instant of the run."""
        ...


Outlet: TypeAlias = Callable[[Sequence[Parcel]], None]
"""Takes the frames that leave a world, at once; it must not wait."""


@attrs.define
class Lag:
    """How late turns were taken (us of the run)."""

    slack_us: int
    worst_us: int = 0
    late: bool = False
    """Beyond the slack, and not yet caught up?"""
    worst_of_spell_us: int = 0
    records: int = 0

    def saw(self, late_us: int) -> None:
        """A turn was late by this."""
        self.worst_us = max(self.worst_us, late_us)


class Live:
    """One world in real time; call it with an instant (us) to let time pass up to there, inclusive.

    `post` and `wake` may be called at any moment from any task of the same trio run.
    """

    def __init__(
        self,
        world: World,
        clock: LiveClock,
        *,
        slack_us: int,
        outlet: Outlet | None = None,
        progress: Callable[[int], None] | None = None,
        name: str = "clock",
        guests: Guests | None = None,
    ) -> None:
        self.world = world
        self.clock = clock
        self.lag = Lag(slack_us)
        self._outlet = outlet
        self._progress = progress
        self._name = name
        self._guests = guests
        self._sleep: trio.CancelScope | None = None
        self._floor_us = 0
        """The earliest instant that a machine may be handed in a turn that is late."""
        self._arrived = 0
        """Counts what came from outside, which gives it a place in the queue."""

    def post(self, parcels: Sequence[Parcel]) -> None:
        """Frames came from elsewhere.

        Each is due at its own `at_us`, on this world's clock, or now if that is past: an `at_us` of 0 means now.
        Frames that are due together are taken in the order of their origins, and of their coming.  A frame for an actor
        that is not at home here is dropped and counted.
        """
        now_us = self.instant_us()
        for parcel in parcels:
            if parcel.destination not in self.world.homes:
                self.world.dropped += 1
                continue
            at_us = max(parcel.at_us, now_us)
            self._arrived += 1
            self.world.take_in(Parcel(at_us, parcel.origin, self._arrived, parcel.destination, parcel.frame))
        self.wake()

    def tell(self, actor: str, event: MachineEvent, origin: str) -> None:
        """Something other than a frame happens to an actor now; `origin` is whoever it comes from."""
        self._arrived += 1
        self.world.schedule(self.instant_us(), origin, self._arrived, actor, event)
        self.wake()

    def part(self, elsewhere: Collection[str]) -> None:
        """What lies between the actors here and some elsewhere has ended: their connections break, on this side."""
        for home in self.world.homes.values():
            for other, channel in home.channels.items():
                if other in elsewhere and channel.connection:
                    channel.backlogs.clear()
                    channel.kept.clear()
                    self.tell(home.name, Frame(other, 0, 0, channel.connection, Reset(), home.name), other)

    def instant_us(self) -> int:
        """The instant of what comes from outside a turn now: after all that has been done."""
        return max(self.clock.now_us, self.world.now_us + 1)

    def final_us(self) -> int:
        """Up to here (us, inclusive) all is recorded."""
        head_us = self.world.next_us()
        now_us = self.clock.now_us
        return (now_us if head_us is None else min(head_us, now_us)) - 1

    def wake(self) -> None:
        """Something was put into the queue."""
        if self._sleep is not None:
            self._sleep.cancel()

    async def __call__(self, until_us: int) -> None:
        """Let the time pass up to an instant (us, inclusive).

        Raises:
            ActorCrash: an actor's machine raised.
            NotRunnable: a frame for an actor that does not exist, where there is no outlet.
        """
        world = self.world
        while True:
            now_us = min(self.clock.now_us, until_us)
            done = self._turns(now_us)
            self._hand_out()
            if self._guests is not None:
                self._guests.wake_all()
            head_us = world.next_us()
            if self._progress is not None:
                self._progress(world.now_us if done else world.now_us - 1)
            if done and now_us == until_us:
                world.now_us = until_us
                return
            if done and (head_us is None or head_us > now_us):
                await self._sleep_until(until_us if head_us is None else min(head_us, until_us))
            else:
                await trio.lowlevel.checkpoint()

    def _turns(self, now_us: int) -> bool:
        """Some of the turns that are due; True: there are no more."""
        world, lag = self.world, self.lag
        head_us = world.next_us()
        if head_us is None or head_us > now_us:
            self._judge(0)
            return True
        late_us = now_us - head_us
        if late_us > lag.slack_us:
            self._floor_us = now_us - lag.slack_us
            world.late = True
            done = world.run(now_us, LIVE_TURNS_AT_ONCE, self._take_late)
            world.late = False
            world.now_us = max(world.now_us, self._floor_us)
        else:
            done = world.run(now_us, LIVE_TURNS_AT_ONCE)
        self._judge(max(late_us, self.clock.now_us - world.now_us if done else 0))
        return done

    def _take_late(self, home: Home, event: MachineEvent, cause: str) -> None:
        """A turn that is too late: its actor sees an instant as near as the slack allows."""
        home.take(event, cause, max(self.world.now_us, self._floor_us))

    def _judge(self, late_us: int) -> None:
        """Keep account of how late turns are, and say so in the trace when it begins and ends to matter."""
        lag = self.lag
        lag.saw(late_us)
        if late_us > lag.slack_us and not lag.late:
            lag.late, lag.worst_of_spell_us = True, 0
            self._record("RunLate", {"late_us": late_us, "slack_us": lag.slack_us})
        lag.worst_of_spell_us = max(lag.worst_of_spell_us, late_us)
        if lag.late and late_us <= lag.slack_us // 2:
            lag.late = False
            self._record("RunCaughtUp", {"worst_us": lag.worst_of_spell_us})

    def _record(self, kind: str, fields: dict[str, int]) -> None:
        self.lag.records += 1
        made = TraceRecord(self.world.now_us, self._name, self.lag.records, kind, "", {**fields}, "")
        self.world.records.append(made)

    def _hand_out(self) -> None:
        parcels, self.world.outbox = self.world.outbox, []
        if not parcels:
            return
        if self._outlet is None:
            msg = f"{parcels[0].origin} wrote to {parcels[0].destination}, which does not exist"
            raise NotRunnable(msg)
        self._outlet(parcels)

    async def _sleep_until(self, at_us: int) -> None:
        with trio.CancelScope(deadline=self.clock.deadline(at_us)) as self._sleep:
            await trio.sleep_forever()
        self._sleep = None


@asynccontextmanager
async def living(
    world: World,
    clock: LiveClock,
    *,
    slack_us: int,
    outlet: Outlet | None = None,
    progress: Callable[[int], None] | None = None,
    name: str = "clock",
    guests: Guests | None = None,
) -> AsyncIterator[Live]:
    """Start every actor's task; the value lets time pass, and takes in what comes from elsewhere.

    Args:
        world: the actors that live in this process.
        clock: the run's time on this host.
        slack_us: how late turns may be (us of the run).
        outlet: takes the frames for actors that live elsewhere, right after the turns that sent them.  A parcel's
            `at_us` is the instant at which the link lets it arrive, on this world's clock.
        progress: told now and then up to which instant (us) all is done: what is recorded later, is later.
        name: the actor in whose name the trace tells of lateness.
        guests: the tasks of users that live beside the world.
    """
    live = Live(world, clock, slack_us=slack_us, outlet=outlet, progress=progress, name=name, guests=guests)
    async with trio.open_nursery() as nursery:
        for home in world.homes.values():
            nursery.start_soon(home.live, name=home.name)
        if guests is not None:
            guests.connect(nursery, live.instant_us, live.wake)
        yield live
        nursery.cancel_scope.cancel()
