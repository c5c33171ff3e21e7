"""How does virtual time pass?

`driving` starts each actor's trio task and lets one world, or several that are coupled only by messages (`windows`),
take their turns up to the run's end.  Real time is `live`.
"""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final, TypeAlias

import trio

from nodesim.errors import ActorStuck, NotRunnable, TimeStandsStill
from nodesim.world.clock import VirtualClock
from nodesim.world.guests import STEPS_MAX, Guests
from nodesim.world.transport import End, Transport
from nodesim.world.windows import Ear, Windows, serve_windows
from nodesim.world.words import Finished
from nodesim.world.world import World

TURNS_AT_ONCE: Final = 2_000
"""Turns between two checkpoints of trio: a few milliseconds, so that Ctrl-C is heard."""

STILL_MAX: Final = 2_000_000
"""Turns at one instant after which the world says who keeps it there.  5,000 nodes registering at once take 50,000."""

Advance: TypeAlias = Callable[[int], Awaitable[None]]
"""Lets the time pass up to an instant (us, inclusive)."""


@asynccontextmanager
async def driving(
    worlds: Sequence[World],
    clock: VirtualClock,
    *,
    transport: Transport | None = None,
    lookahead_us: int = 0,
    in_tasks: bool = False,
    progress: Callable[[int], None] | None = None,
    guests: Guests | None = None,
) -> AsyncIterator[Advance]:
    """Start every actor's task; the value lets the time pass up to an instant (us, inclusive).

    Args:
        worlds: one, or several with a `transport` and their `lookahead_us` (the least latency between them).
        clock: trio's clock of this run.
        transport: what couples several worlds of this process.
        lookahead_us: the width of their windows.
        in_tasks: each turn in its actor's own task instead of in place; slower, and the same to the byte.
        progress: told the time (us) now and then.
        guests: the tasks of users that live beside the first world.

    Raises:
        ActorCrash: an actor's machine raised.
        ActorFailed, ActorStuck: a user's actor raised, or never waits.
        TimeStandsStill: actors wake each other for ever at one instant.
        NotRunnable: a frame for an actor that lives in none of the worlds.
    """
    run = Turns(clock, in_tasks, progress, guests)
    if transport is None:
        (world,) = worlds
        async with at_home(worlds), beside(clock, guests):

            async def advance(until_us: int) -> None:
                await run.world(world, until_us)
                _nobody_left_out(world)
                world.now_us = until_us

            yield advance
        return
    async with (
        at_home(worlds),
        beside(clock, guests),
        _coupled(worlds, run, transport, lookahead_us) as windows,
    ):

        async def advance_all(until_us: int) -> None:
            await windows.advance(until_us)
            for world in worlds:
                world.now_us = until_us

        yield advance_all


@asynccontextmanager
async def at_home(worlds: Sequence[World]) -> AsyncIterator[None]:
    """The actors' tasks."""
    async with trio.open_nursery() as nursery:
        for world in worlds:
            for home in world.homes.values():
                nursery.start_soon(home.live, name=home.name)
        yield
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def beside(clock: VirtualClock, guests: Guests | None) -> AsyncIterator[None]:
    """The users' tasks: no two of them see the same nanosecond, and somebody looks at how trio runs them."""
    if guests is None:
        yield
        return
    async with trio.open_nursery() as nursery:
        guests.connect(nursery, lambda: clock.now_us, lambda: None)
        clock.ticking = True
        trio.lowlevel.add_instrument(guests.observer)
        try:
            yield
        finally:
            trio.lowlevel.remove_instrument(guests.observer)
            clock.ticking = False
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def _coupled(
    worlds: Sequence[World], run: Turns, transport: Transport, lookahead_us: int
) -> AsyncIterator[Windows]:
    """The first world at the hub's end, each other one at an agent's, in a task of its own."""
    hub_world, *others = worlds
    agents = {f"world-{place}": world for place, world in enumerate(others, 1)}
    where = {actor: agent for agent, world in agents.items() for actor in world.homes}
    if len(where) + len(hub_world.homes) != len({*where, *(actor for world in worlds for actor in world.homes)}):
        msg = "an actor lives in two worlds"
        raise NotRunnable(msg)
    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(transport.hub(""))
        nursery = await stack.enter_async_context(trio.open_nursery())
        for agent, world in agents.items():
            end = await stack.enter_async_context(transport.agent(hub.address, agent))
            nursery.start_soon(_serve, world, run, end)
        ear = Ear(hub)
        for _ in agents:
            await ear.next()  # It has joined.
        heads = {agent: await run.next_us(world) for agent, world in agents.items()}
        yield Windows(hub_world, run.world, run.next_us, hub, where, heads, lookahead_us, lambda _: None, ear)
        nursery.cancel_scope.cancel()


async def _serve(world: World, run: Turns, end: End) -> None:
    await serve_windows(world, run.world, run.next_us, end, counted=lambda: Finished({}, ()), with_records=False)


class Turns:
    """Turns of one world, with checkpoints, progress and a look at whether time moves."""

    def __init__(
        self,
        clock: VirtualClock,
        in_tasks: bool,
        progress: Callable[[int], None] | None,
        guests: Guests | None = None,
    ) -> None:
        self._clock = clock
        self._in_tasks = in_tasks
        self._progress = progress
        self.guests = guests
        self._still = 0
        self._still_us = -1

    async def world(self, world: World, until_us: int) -> None:
        """All turns of a world up to and including an instant."""
        if self.guests is not None and self.guests.world is world:
            await self._beside_guests(world, self.guests, until_us)
            return
        done = False
        while not done:
            done = await self._turns(world, until_us)
            if self.guests is None:
                self._clock.now_us = world.now_us
            await self._breathe(world)

    async def next_us(self, world: World) -> int | None:
        """When the next thing happens in a world, or to a user's task that lives beside it (us)."""
        head_us = world.next_us()
        if self.guests is None or self.guests.world is not world:
            return head_us
        alarm_us = self._clock.deadline_us
        return alarm_us if head_us is None else head_us if alarm_us is None else min(head_us, alarm_us)

    async def _turns(self, world: World, until_us: int) -> bool:
        """Some turns; True: there are no more up to this instant."""
        if self._in_tasks:
            done = await world.run_in_tasks(until_us, TURNS_AT_ONCE)
        else:
            done = world.run(until_us, TURNS_AT_ONCE)
        if not done:
            self._look(world)
        return done

    async def _breathe(self, world: World) -> None:
        if self._progress is not None:
            self._progress(world.now_us)
        await trio.lowlevel.checkpoint()

    async def _beside_guests(self, world: World, guests: Guests, until_us: int) -> None:
        """As `world`, instant by instant: the machines' turns, then what they have for users' tasks, one by one.

        What the world does at an instant comes before the deadlines of tasks at that instant.
        """
        clock, alone, loops = self._clock, 0, 0
        while True:
            await guests.wake_in_turn()
            head_us, alarm_us = world.next_us(), clock.deadline_us
            if head_us is not None and head_us <= until_us and (alarm_us is None or head_us <= alarm_us):
                loops = loops + 1 if head_us == clock.now_us else 0
                if loops > STEPS_MAX:
                    raise ActorStuck(world.next_turn(), head_us)
                clock.now_us = head_us
                guests.observer.moved(head_us)
                await self._turns(world, head_us)
            elif alarm_us is not None and alarm_us <= until_us:
                clock.jump()
                guests.observer.moved(alarm_us)
                await guests.settle()
            else:
                break
            alone += 1
            if alone >= TURNS_AT_ONCE:
                alone = 0
                await self._breathe(world)
        await self._breathe(world)

    def _look(self, world: World) -> None:
        if world.now_us != self._still_us:
            self._still, self._still_us = 0, world.now_us
        self._still += TURNS_AT_ONCE
        if self._still > STILL_MAX:
            msg = f"time stands still at {world.now_us / 1e6:.6f} s: {world.next_turn()} is next, over and over"
            raise TimeStandsStill(msg)


def _nobody_left_out(world: World) -> None:
    if world.outbox:
        parcel = world.outbox[0]
        msg = f"{parcel.origin} wrote to {parcel.destination}, which does not exist"
        raise NotRunnable(msg)


def spare_the_collector() -> None:
    """Let Python's garbage collector leave alone what a started run keeps to its end.

    For processes that do nothing but run scenarios: it keeps the cost of a heartbeat from growing with the cluster.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 100)
