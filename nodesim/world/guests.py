"""How do tasks of users live beside machines?

A user's actor is a plain trio task.  What it asks for passes through the world's queue like everything else: `push`
puts an order of the task into it, at `(now, the actor's name, its own count)`.  What the world has for a task waits in
`wakes` until the machines have finished the instant; then the driver hands it over, one piece at a time, and lets the
tasks run until all of them wait again.  So whatever trio shuffles, what passes through the world has one order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, TypeAlias

import trio
import trio.testing

from nodesim.errors import ActorStuck
from nodesim.machine import MachineEvent
from nodesim.units import SECOND
from nodesim.world.world import World

Wake: TypeAlias = Callable[[], bool]
"""Hands something to a task; True: a task was woken or started by it."""

STEPS_MAX: Final = 20_000
"""Steps of users' tasks at one instant after which one of them is taken to run for ever."""
RACES_MAX: Final = 20
"""More warnings than these say nothing new."""


class Guests:
    """The users' tasks of one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.wakes: deque[Wake] = deque()
        self.observer = Observer()
        self.nursery: trio.Nursery | None = None
        """Where actors' tasks are started, while the run goes on."""
        self._instant: Callable[[], int] = lambda: world.now_us
        self._stirred: Callable[[], None] = lambda: None

    @property
    def now_us(self) -> int:
        """The instant of what a task does now."""
        return self._instant()

    def connect(self, nursery: trio.Nursery, instant: Callable[[], int], stirred: Callable[[], None]) -> None:
        """The run begins: where tasks are started, what time it is, who must hear that something was pushed."""
        self.nursery = nursery
        self._instant, self._stirred = instant, stirred
        self.observer.nursery = nursery

    def push(self, actor: str, event: MachineEvent, cause: str) -> None:
        """A task orders something of its actor's machine."""
        home = self.world.homes[actor]
        home.count += 1
        self.world.schedule(self._instant(), actor, home.count, actor, event, cause)
        self._stirred()

    def start(self, run: Callable[[], object], name: str) -> None:
        """Start an actor's task."""
        assert self.nursery is not None, "actors are started while the run goes on"
        self.nursery.start_soon(run, name=name)  # type: ignore[arg-type]  # an async function without arguments

    def wake_all(self) -> None:
        """Hand everything over at once: in real time the order is the clock's."""
        while self.wakes:
            self.wakes.popleft()()

    async def settle(self) -> None:
        """Let the tasks run until all of them wait.

        Raises:
            ActorStuck: one of them never does.
        """
        observer = self.observer
        with trio.CancelScope() as observer.patience:
            await trio.testing.wait_all_tasks_blocked()
        if observer.patience.cancelled_caught:
            raise ActorStuck(observer.busiest, self.now_us)

    async def wake_in_turn(self) -> None:
        """Hand everything over, one piece at a time.

        Raises:
            ActorStuck: a task never waits, or the tasks and the world wake each other for ever.
        """
        while self.wakes:
            if self.wakes.popleft()():
                await self.settle()


class Observer(trio.abc.Instrument):
    """Looks at how trio runs users' tasks: who never waits, and whose order was trio's and not the run's."""

    def __init__(self) -> None:
        self.nursery: trio.Nursery | None = None
        self.races: list[str] = []
        """One line for each pair of tasks that woke in one instant."""
        self.patience = trio.CancelScope()
        """Cancelled when a task runs for ever."""
        self.now_us = 0
        self.busiest = ""
        self._actors: dict[trio.lowlevel.Task, str] = {}
        self._steps = 0
        self._together: dict[trio.lowlevel.Task, str] = {}
        """The tasks that ran in this pass of trio's loop, as a warning names them."""
        self._known: set[tuple[str, ...]] = set()

    def moved(self, now_us: int) -> None:
        """Time moved on, or a task's order was taken in."""
        self.now_us = now_us
        self._steps = 0

    def task_spawned(self, task: trio.lowlevel.Task) -> None:
        """A task began: an actor's own, or the child of one."""
        nursery = task.parent_nursery
        if nursery is None or self.nursery is None:
            return
        if nursery is self.nursery:
            if task.name.startswith(ACTOR_TASK):
                self._actors[task] = task.name.removeprefix(ACTOR_TASK)
        elif nursery.parent_task in self._actors:
            self._actors[task] = self._actors[nursery.parent_task]

    def task_exited(self, task: trio.lowlevel.Task) -> None:
        """A task ended."""
        self._actors.pop(task, None)

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """A task runs up to its next wait."""
        actor = self._actors.get(task)
        if actor is None:
            return
        self._steps += 1
        self._together[task] = f"{task.name} of {actor}"
        if self._steps > STEPS_MAX:
            self.busiest = f"{actor} (task {task.name})"
            self.patience.cancel()

    def before_io_wait(self, timeout: float) -> None:
        """A pass of trio's loop is over: which tasks ran in it?"""
        if len(self._together) > 1:
            self._note(list(self._together.values()))
        self._together = {}

    def _note(self, tasks: list[str]) -> None:
        who = tuple(sorted(set(tasks)))
        if who in self._known or len(self.races) >= RACES_MAX:
            return
        self._known.add(who)
        names = " and ".join(who) if len(who) > 1 else f"{len(tasks)} tasks {who[0]}"
        self.races.append(
            f"at {self.now_us / SECOND:.6f} s these tasks woke in one instant: {names}; their order is trio's and may "
            "differ in the next run, but for what passes through the API client"
        )


ACTOR_TASK: Final = "actor "
"""How the names of actors' own tasks begin."""
