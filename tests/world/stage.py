"""A world with small machines of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import trio

from nodesim.machine import Started
from nodesim.net import Link, Topology
from nodesim.streams import Streams
from nodesim.trace.records import TraceRecord, order
from nodesim.units import SECOND
from nodesim.world import VirtualClock, World, driving

Handle = Callable[[Any, int], list[Any]]


class Scripted:
    """A machine that is one function and notes what it is given."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self.seen: list[tuple[int, Any]] = []

    def handle(self, event: Any, now_us: int) -> list[Any]:
        """Note, then decide."""
        self.seen.append((now_us, event))
        return self._handle(event, now_us)


def mute(event: Any, now_us: int) -> list[Any]:
    """A machine that does nothing."""
    return []


def world_of(link: Link | None = None, **handles: Handle) -> tuple[World, dict[str, Scripted]]:
    """A world with these actors (`w0` stands for node/w0), each started at 0."""
    world = World(Topology(link or Link(1000), Link(1000)), Streams(1))
    machines = {}
    for short, handle in handles.items():
        name = f"node/{short}" if short.startswith("w") else short
        machines[short] = Scripted(handle)
        world.add(name, machines[short])
        world.schedule(0, name, 0, name, Started())
    return world, machines


def play(world: World, until_us: int = 100 * SECOND, **options: Any) -> None:
    """Drive one world in its own trio."""
    play_all([world], until_us, **options)


def play_all(worlds: list[World], until_us: int, **options: Any) -> None:
    """Drive worlds in a trio of their own."""
    clock = VirtualClock()

    async def main() -> None:
        async with driving(worlds, clock, **options) as advance:
            await advance(until_us)

    trio.run(main, clock=clock)


def traced(worlds: list[World]) -> list[TraceRecord]:
    """All records in the trace's order."""
    return sorted((record for world in worlds for record in world.records), key=order)
