"""How do several worlds keep one virtual time?

In windows of the least latency between them: what one world sends inside a window arrives after it, so no world can
miss anything that belongs into its past.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeAlias

from nodesim.world.world import Parcel, World

RunWorld: TypeAlias = Callable[[World, int], Awaitable[None]]
"""Takes all turns of a world up to an instant (us, inclusive)."""
NextOf: TypeAlias = Callable[[World], Awaitable["int | None"]]
"""When the next thing happens in a world (us); None: nothing will."""


class Transport(Protocol):
    """What takes frames from one world to another in virtual time (entry-point group `nodesim.transports`)."""

    def join(self, place: int, actors: Sequence[str]) -> None:
        """A world with these actors takes part."""
        ...

    def post(self, place: int, parcels: Sequence[Parcel]) -> None:
        """Frames that left a world."""
        ...

    def fetch(self, place: int) -> list[Parcel]:
        """Frames that came for a world since the last call."""
        ...


async def in_windows(
    worlds: Sequence[World],
    until_us: int,
    transport: Transport,
    lookahead_us: int,
    run_world: RunWorld,
    next_of: NextOf,
) -> None:
    """All worlds, window by window, up to an instant (us, inclusive); `lookahead_us` is the width of a window."""
    assert lookahead_us > 0, "worlds without latency between them cannot be told apart"
    while True:
        heads = [head for world in worlds if (head := await next_of(world)) is not None]
        if not heads or min(heads) > until_us:
            return
        last_us = min(min(heads) + lookahead_us - 1, until_us)
        for place, world in enumerate(worlds):
            await run_world(world, last_us)
            transport.post(place, world.outbox)
            world.outbox = []
        for place, world in enumerate(worlds):
            for parcel in transport.fetch(place):
                world.take_in(parcel)
