"""How does a user's task become an actor?

How it works.  The actor's machine is a process around a client, as for the built-in components; its program is a
`Guest`: one life of the user's function.  `Started` starts the function as a trio task.  What the task asks for is an
`Ordered` step that goes through the world's queue to the machine; what comes back (an answer, a timer, a change in a
cache) is handed to the task by the driver when the machines are through with the instant.  When the process dies, the
task is cancelled, and nothing that it still does counts.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import trio

from nodesim.actors.problems import ProcessEnded
from nodesim.actors.waiter import Waiter
from nodesim.actors.watch import Watch
from nodesim.client import Observe, Unobserve, WatchSpec
from nodesim.errors import ActorFailed
from nodesim.machine import (
    Answered,
    Call,
    Changed,
    ProgramEffect,
    ProgramEvent,
    SetTimer,
    Started,
    Synced,
    TimerFired,
    Told,
)
from nodesim.messages import Request
from nodesim.objects import Document
from nodesim.streams import Stream
from nodesim.values import value
from nodesim.world.guests import ACTOR_TASK, Guests

Life: TypeAlias = Callable[["Guest"], Awaitable[object]]
"""What a guest does from its start to its end."""


@value
class Ordered:
    """A step that an actor's task tells its own machine; what a former process ordered is not done."""

    process: int
    effects: tuple[ProgramEffect, ...]


@value
class Returned:
    """A step that an actor's task tells its own machine: the function came to its end."""

    process: int


class Guest:
    """One life of a user's actor: the program behind its client, and what its task holds on to."""

    def __init__(self, name: str, process: int, life: Life, guests: Guests, stream: Stream) -> None:
        self.name = name
        self.process = process
        self.stream = stream
        """The actor's own chance."""
        self.alive = True
        self.cause = ""
        """The record that led to what the task does next."""
        self.doing = "before it asked for anything"
        """For people, when it raises."""
        self._life = life
        self._guests = guests
        self._scope: trio.CancelScope | None = None
        self._waiting: dict[int, Waiter[Answered | None]] = {}
        self._watches: dict[str, Watch] = {}
        self._asked = 0
        self._watched = 0
        self.turn_cause = ""
        """The cause of what the machine hears now."""

    @property
    def now_us(self) -> int:
        """The instant of what the task does now."""
        return self._guests.now_us

    # --- what the machine hears -------------------------------------------------------------------------------------

    def handle(self, event: ProgramEvent, now_us: int) -> list[ProgramEffect]:
        """An order of the task becomes effects; what is for the task waits until the instant is over."""
        match event:
            case Told(step=Ordered(process=process, effects=effects)):
                return list(effects) if process == self.process else []
            case Answered(tag=("guest", int(id_))):
                self._bring(id_, event)
            case TimerFired(key=("guest", int(id_))):
                self._bring(id_, None)
            case Changed() | Synced():
                watch = self._watches.get(event.resource)
                if watch is not None and watch.hear(event, self.turn_cause):
                    self._guests.wakes.append(lambda: self._show(watch))
            case Started():
                self._guests.wakes.append(self._begin)
        return []

    def _bring(self, id_: int, answer: Answered | None) -> None:
        cause = self.turn_cause

        def wake() -> bool:
            waiter = self._waiting.pop(id_, None)
            if waiter is None or not self.alive:
                return False
            self.cause = cause
            return waiter.resolve(answer)

        self._guests.wakes.append(wake)

    def _show(self, watch: Watch) -> bool:
        if not self.alive:
            return False
        woke, self.cause = watch.show()
        return woke

    def _begin(self) -> bool:
        if self.alive:
            self._guests.start(self._live, f"{ACTOR_TASK}{self.name}")
        return self.alive

    def die(self) -> None:
        """The process is no more: its task is cancelled as soon as the instant is over."""
        self.alive = False
        self._guests.wakes.append(self._cancel)

    def _cancel(self) -> bool:
        if self._scope is None:
            return False
        self._scope.cancel()
        # Whoever waits in a shielded scope would wait for ever.
        for waiter in list(self._waiting.values()):
            waiter.resolve(None)
        for watch in list(self._watches.values()):
            watch.close()
        return True

    # --- what the task does -----------------------------------------------------------------------------------------

    async def _live(self) -> None:
        """The user's function, from its start to its end.

        Raises:
            ActorFailed: it raised.
        """
        with trio.CancelScope() as self._scope:
            try:
                await self._life(self)
            except ProcessEnded:
                if self.alive:
                    raise
            except (Exception, SystemExit) as broken:
                raise ActorFailed(self.name, self.now_us, self.doing, _in_words(broken)) from broken
        if self.alive:
            self._guests.push(self.name, Told(Returned(self.process)), self.cause)

    def order(self, *effects: ProgramEffect) -> None:
        """The task orders something: it happens now, in the world's order."""
        if self.alive:
            self._guests.push(self.name, Told(Ordered(self.process, effects)), self.cause)

    async def ask(self, request: Request, timeout_us: int | None) -> Answered:
        """One call to the API server and its answer."""
        answer = await self._wait(lambda id_: Call(("guest", id_), request, timeout_us))
        return Answered(("guest", 0), 0, "ProcessEnded") if answer is None else answer

    async def sleep_until(self, at_us: int) -> None:
        """Wait for an instant (us)."""
        await self._wait(lambda id_: SetTimer(("guest", id_), at_us))

    async def _wait(self, order: Callable[[int], ProgramEffect]) -> Answered | None:
        self._asked = id_ = self._asked + 1
        waiter: Waiter[Answered | None] = Waiter()
        self._waiting[id_] = waiter
        self.order(order(id_))
        return await waiter.wait(lambda: self._waiting.pop(id_, None))

    def watch(self, resource: str, namespace: str, fields: str, labels: str, *, tells: bool) -> Watch:
        """Begin a watch."""
        self._watched += 1
        label = f"{resource}#{self._watched}"

        def end() -> None:
            self._watches.pop(label, None)
            if self.alive:
                self._guests.push(self.name, Told(Unobserve(label)), self.cause)

        watch = self._watches[label] = Watch(resource, label, end, tells=tells)
        spec = WatchSpec(resource, _whole, namespace, fields, labels, label=label)
        if self.alive:
            self._guests.push(self.name, Told(Observe(spec)), self.cause)
        return watch


def _in_words(broken: BaseException) -> str:
    """The error, or the one error in the groups that nurseries made of it."""
    while isinstance(broken, BaseExceptionGroup) and len(broken.exceptions) == 1:
        broken = broken.exceptions[0]
    return f"{type(broken).__name__}: {broken}".rstrip(": ")


def _whole(document: Document) -> Document:
    """A user sees the whole object."""
    return document
