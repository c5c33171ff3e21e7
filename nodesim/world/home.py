"""Where does an actor live?

A home is the shell of one actor: its machine, its timers, its counts and the trio task in which it is at home.  One
turn is one event, one call of the machine, and its effects performed; nothing else happens in it, nothing is awaited.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from nodesim.errors import ActorCrash
from nodesim.machine import Machine, MachineEvent, TimerKey
from nodesim.net import host_of

if TYPE_CHECKING:
    from nodesim.world.channel import Channel
    from nodesim.world.world import World


class Home:
    """One actor's shell.  `count` numbers what it puts into the queue, `recorded` its records."""

    __slots__ = ("channels", "count", "host", "machine", "name", "recorded", "timers", "turns", "world")

    def __init__(self, name: str, machine: Machine, world: World) -> None:
        self.name = name
        self.machine = machine
        self.world = world
        self.host = host_of(name)
        self.count = 0
        self.recorded = 0
        self.timers: dict[TimerKey, int] = {}
        """Live timers: key -> the count under which the timer stands in the queue."""
        self.channels: dict[str, Channel] = {}
        self.turns: tuple[trio.MemorySendChannel[_Turn], trio.MemoryReceiveChannel[_Turn]] | None = None

    def take(self, event: MachineEvent, cause: str, now_us: int) -> None:
        """One turn.

        Raises:
            ActorCrash: the machine raised.
        """
        try:
            effects = self.machine.handle(event, now_us)
        except Exception as broken:
            raise ActorCrash(self.name, now_us, event) from broken
        if effects:
            self.world.perform(self, effects, cause, now_us)

    def open_mailbox(self) -> None:
        """Make the mailbox at which `live` waits."""
        self.turns = trio.open_memory_channel[_Turn](0)

    async def live(self) -> None:
        """The actor's trio task: waits at its mailbox; takes the turns that are handed to it there."""
        assert self.turns is not None, "open the mailbox first"
        async for turn in self.turns[1]:
            self.take(turn.event, turn.cause, turn.now_us)
            turn.done.set()

    async def take_in_task(self, event: MachineEvent, cause: str, now_us: int) -> None:
        """One turn, taken by the actor's own task."""
        assert self.turns is not None, "the actor's task has not been started"
        turn = _Turn(event, cause, now_us)
        await self.turns[0].send(turn)
        await turn.done.wait()

    def __repr__(self) -> str:
        """The actor's name and what it has waiting."""
        return f"<Home {self.name}: {len(self.timers)} timers, {self.count} scheduled, {self.recorded} records>"


class _Turn:
    """A turn on its way to an actor's task."""

    __slots__ = ("cause", "done", "event", "now_us")

    def __init__(self, event: MachineEvent, cause: str, now_us: int) -> None:
        self.event = event
        self.cause = cause
        self.now_us = now_us
        self.done = trio.Event()
