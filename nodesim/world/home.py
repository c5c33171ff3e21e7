"""Where does an actor live?

A home is the shell of one actor: its machine, its timers, its counts and the trio task in which it is at home.  One
turn is one event, one call of the machine, and its effects performed; nothing else happens in it, nothing is awaited.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import outcome
import trio

from nodesim.errors import ActorCrash
from nodesim.machine import Machine, MachineEvent, TimerKey
from nodesim.world.queue import NOWHERE

if TYPE_CHECKING:
    from nodesim.world.channel import Channel
    from nodesim.world.world import World


class Home:
    """One actor's shell.  `count` numbers what it puts into the queue, `recorded` its records."""

    __slots__ = (
        "channels",
        "count",
        "host",
        "machine",
        "moved",
        "moved_count",
        "moved_us",
        "name",
        "recorded",
        "slot",
        "task",
        "timers",
        "world",
    )

    def __init__(self, name: str, machine: Machine, world: World) -> None:
        self.name = name
        self.machine = machine
        self.world = world
        self.host = world.host_of(name)
        self.count = 0
        self.recorded = 0
        self.timers: dict[TimerKey, int] = {}
        """Live timers: key -> the count under which the timer was set."""
        self.moved: TimerKey = None
        """The timer that is set anew again and again before it fires; the queue holds this home instead of it."""
        self.moved_us = 0
        self.moved_count = 0
        self.slot = NOWHERE
        """Where the queue holds this home."""
        self.channels: dict[str, Channel] = {}
        self.task: trio.lowlevel.Task | None = None
        """The actor's task while it waits at its mailbox."""

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

    def forget_timers(self, spare: str) -> None:
        """Cancel all timers but those whose key is a tuple that begins with `spare`."""
        self.timers = {
            key: count for key, count in self.timers.items() if isinstance(key, tuple) and key and key[0] == spare
        }

    async def live(self) -> None:
        """The actor's trio task: it waits at its mailbox and takes the turns that are handed to it there.

        The mailbox is the task's own parking place: thousands of actors wait, and in virtual time most never wake.
        """
        while True:
            self.task = trio.lowlevel.current_task()
            turn = await trio.lowlevel.wait_task_rescheduled(lambda _: trio.lowlevel.Abort.SUCCEEDED)
            self.take(turn.event, turn.cause, turn.now_us)
            turn.done.set()

    async def take_in_task(self, event: MachineEvent, cause: str, now_us: int) -> None:
        """One turn, taken by the actor's own task."""
        while self.task is None:
            await trio.lowlevel.checkpoint()  # It has just been started, or has just taken a turn.
        task, self.task = self.task, None
        turn = _Turn(event, cause, now_us)
        trio.lowlevel.reschedule(task, outcome.Value(turn))
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
