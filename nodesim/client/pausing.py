"""What does a process do that is stopped for a while, as by SIGSTOP, and then goes on?

Nothing, and then everything at once: what comes for it waits with its host's kernel, and its timers fire when it runs
again, each where it stands in the order of their instants, unless what it hears before that cancels or moves it.  It
knows nothing of the time in between: a leader goes on as a leader until it looks at its clock.  A process that is
killed meanwhile is dead; what waited for it is lost.
"""

from __future__ import annotations

from typing import Protocol

from nodesim.client.process import Crash
from nodesim.machine import (
    CancelAllTimers,
    CancelTimer,
    Machine,
    MachineEffect,
    MachineEvent,
    Record,
    SetTimer,
    TimerFired,
    Told,
)
from nodesim.values import value


@value
class Pause:
    """The process is stopped where it stands."""


@value
class Resume:
    """It goes on."""


class Stoppable(Machine, Protocol):
    """A machine around a process."""

    @property
    def running(self) -> bool:
        """Is there a process now?"""
        ...


class Pausable:
    """The machine around a process that can be paused."""

    __slots__ = ("_held", "_machine", "_paused", "name")

    def __init__(self, name: str, machine: Stoppable) -> None:
        self.name = name
        self._machine = machine
        self._paused = False
        self._held: list[MachineEvent] = []
        """What came while it was paused, in order."""

    def __repr__(self) -> str:
        """What it is around, and whether that is paused."""
        return f"<Pausable {self._machine!r}{' paused' if self._paused else ''}>"

    def handle(self, event: MachineEvent, now_us: int) -> list[MachineEffect]:
        """One event in, what follows from it out."""
        step = event.step if isinstance(event, Told) else None
        if isinstance(step, Pause):
            return self._pause()
        if isinstance(step, Resume):
            return self._resume(now_us)
        if self._paused and isinstance(step, Crash) and not step.count:
            self._paused, self._held = False, []
        if self._paused:
            self._held.append(event)
            return []
        return self._machine.handle(event, now_us)

    def _pause(self) -> list[MachineEffect]:
        if self._paused or not self._machine.running:
            return []
        self._paused = True
        return [Record("ComponentPaused", f"Component/{self.name}")]

    def _resume(self, now_us: int) -> list[MachineEffect]:
        if not self._paused:
            return []
        self._paused = False
        waiting, self._held = self._held, []
        effects: list[MachineEffect] = [Record("ComponentResumed", f"Component/{self.name}", {"waited": len(waiting)})]
        while waiting:
            made = self._machine.handle(waiting.pop(0), now_us)
            waiting = [event for event in waiting if not _undone(event, made)]
            effects += made
        return effects


def _undone(event: MachineEvent, effects: list[MachineEffect]) -> bool:
    """Has a timer that fired meanwhile been cancelled or moved by what came before it?"""
    return isinstance(event, TimerFired) and any(
        (isinstance(effect, CancelTimer | SetTimer) and effect.key == event.key)
        or (isinstance(effect, CancelAllTimers) and not _spared(event, effect))
        for effect in effects
    )


def _spared(event: TimerFired, effect: CancelAllTimers) -> bool:
    return type(event.key) is tuple and bool(event.key) and event.key[0] == effect.spare
