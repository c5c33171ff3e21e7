"""What is the process of a component, and what becomes of it when it dies?

A `Process` is the machine around a client: it makes a fresh client with a fresh program each time it starts, so that
nothing of the one before is left but what the API server keeps.  While it is down its host's kernel refuses what comes
for it.  It can be told to die at once, or at a call that is still to come: the gap between two calls is where bugs are.
Its watches can be made to lag: what they tell is heard later, as from a cache that is behind.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import attrs

from nodesim.client.calls import CallPattern, name_call
from nodesim.client.machine import ClientMachine
from nodesim.machine import (
    CancelAllTimers,
    CancelTimer,
    Fields,
    Frame,
    MachineEffect,
    MachineEvent,
    Record,
    Send,
    SetTimer,
    Started,
    TimerFired,
    Told,
)
from nodesim.messages import Close, Renewed, Reset, WatchEvent
from nodesim.values import value

MakeClient: TypeAlias = Callable[[int, int], ClientMachine]
"""Makes the client of a new process, from the number of its host's last connection and its own number (from 1)."""

TIMER: Final = "process"
"""The timers of the machine itself: keys are tuples that begin with it, and outlive the process."""
RESTART: Final = (TIMER, "restart")
"""When the process begins again after a crash that says so."""


# --- what it can be told --------------------------------------------------------------------------------------------


@value
class Crash:
    """The process dies: at once, or at a call to come.

    With `count`, at the count-th call from now on that matches `pattern`: `before` it leaves (nobody hears of it), or
    right after it left (the server acts, and nobody hears the answer).  `restart_after_us`: it is started again that
    long after its death.  `silent`: its host is gone with it, and nothing says goodbye or refuses what comes.
    """

    count: int = 0
    pattern: CallPattern = CallPattern()
    before: bool = False
    restart_after_us: int | None = None
    silent: bool = False
    why: str = "crashed"


@value
class Start:
    """The process begins, if it does not run."""


@value
class LagBehind:
    """From now on what its watches tell is heard `by_us` later; 0: at once, and what waited comes now."""

    by_us: int


ProcessStep: TypeAlias = Crash | Start | LagBehind


# --- the machine ----------------------------------------------------------------------------------------------------


@attrs.define
class _Armed:
    """A crash that waits for its call."""

    order: Crash
    left: int


class Process:
    """A component's process, dead or alive.  `Started` begins the first one; one that is `led` waits for `Start`."""

    __slots__ = (
        "_armed",
        "_behind",
        "_connection",
        "_heard",
        "_hears_us",
        "_lag_us",
        "_led",
        "_make",
        "_processes",
        "_silent",
        "client",
        "name",
    )

    def __init__(self, name: str, make: MakeClient, *, led: bool = False) -> None:
        self.name = name
        self._led = led
        self.client: ClientMachine | None = None
        self._make = make
        self._connection = 0
        self._processes = 0
        self._silent = False
        self._armed: list[_Armed] = []
        self._lag_us = 0
        self._behind: dict[int, Frame] = {}
        """What its watches told and it has not heard yet, in order, by the number of its timer."""
        self._heard = 0
        self._hears_us = 0
        """When it will hear the last of it."""

    def __repr__(self) -> str:
        """Its name and whether it runs."""
        return f"<Process {self.name} #{self._processes}: {'runs' if self.client is not None else 'is down'}>"

    @property
    def running(self) -> bool:
        """Is there a process now?"""
        return self.client is not None

    def handle(self, event: MachineEvent, now_us: int) -> list[MachineEffect]:
        """One event in, the orders that follow from it out."""
        if isinstance(event, TimerFired) and type(event.key) is tuple and event.key[0] == TIMER:
            return self._begin(now_us) if event.key == RESTART else self._hear(event.key[2], now_us)
        if isinstance(event, Started):
            return [] if self._led else self._begin(now_us)
        if isinstance(event, Told) and isinstance(event.step, Crash | Start | LagBehind):
            return self._told(event.step, now_us)
        if self.client is None:
            return self._refused(event)
        if (
            isinstance(event, Frame)
            and (self._lag_us or self._behind)
            and isinstance(event.message, WatchEvent | Renewed)
        ):
            return self._fall_behind(event, now_us)
        return self.turn(event, now_us)

    def turn(self, event: MachineEvent, now_us: int) -> list[MachineEffect]:
        """One turn of the process that runs."""
        assert self.client is not None
        effects = self.client.handle(event, now_us)
        return self._look_for_the_call(effects, now_us) if self._armed else effects

    def _refused(self, event: MachineEvent) -> list[MachineEffect]:
        if self._silent or not isinstance(event, Frame) or isinstance(event.message, Reset | Close):
            return []
        return [Send(event.source, Reset(), connection=event.connection)]

    # --- life and death ---------------------------------------------------------------------------------------------

    def _told(self, step: ProcessStep, now_us: int) -> list[MachineEffect]:
        match step:
            case Start():
                if self.client is not None:
                    return []
                return [CancelTimer(RESTART), *self._begin(now_us)]
            case LagBehind():
                self._lag_us = step.by_us
                return [] if step.by_us else self._catch_up(now_us)
        if self.client is None:
            self._silent = self._silent or step.silent
            return []
        if step.count:
            self._armed.append(_Armed(step, step.count))
            return []
        return self.end(step, now_us)

    def _begin(self, now_us: int) -> list[MachineEffect]:
        if self.client is not None:
            return []
        self._processes += 1
        self._silent = False
        self.client = self._make(self._connection, self._processes)
        effects: list[MachineEffect] = []
        if self._processes > 1:
            effects.append(Record("ComponentStarted", f"Component/{self.name}", {"process": self._processes}))
        return effects + self.turn(Started(), now_us)

    def end(self, order: Crash, now_us: int, call: str = "") -> list[MachineEffect]:
        """The process is no more; `call` is the one at which it died."""
        client = self.client
        assert client is not None
        fields: Fields = {"process": self._processes, "why": order.why}
        if call:
            fields["at"] = call
        effects: list[MachineEffect] = [Record("ComponentStopped", f"Component/{self.name}", fields)]
        dying = client.shutdown(now_us)
        if not order.silent:
            effects += dying
        effects.append(CancelAllTimers(spare=TIMER))
        self._silent = order.silent
        self._connection = client.connection
        self.client = None
        self._armed, self._behind = [], {}
        if order.restart_after_us is not None:
            effects.append(SetTimer(RESTART, now_us + order.restart_after_us, caused=True))
        self.ended(client)
        return effects

    def ended(self, client: ClientMachine) -> None:
        """A process of this component is no more; for those who keep something beside it."""

    def _look_for_the_call(self, effects: list[MachineEffect], now_us: int) -> list[MachineEffect]:
        """Was this the call at which it is to die?  What the turn orders behind it does not happen."""
        assert self.client is not None
        for place, effect in enumerate(effects):
            if not isinstance(effect, Send) or not self.client.asked_by_program(effect.id):
                continue
            call = name_call(effect.message)
            for armed in self._armed:
                if call is None or not armed.order.pattern.matches(call):
                    continue
                armed.left -= 1
                if armed.left == 0:
                    before = armed.order.before
                    kept = effects[: place if before else place + 1]
                    return kept + self.end(armed.order, now_us, f"{'before' if before else 'after'} {call}")
        return effects

    # --- lag --------------------------------------------------------------------------------------------------------

    def _fall_behind(self, frame: Frame, now_us: int) -> list[MachineEffect]:
        """What a watch tells waits, behind what it told before."""
        self._hears_us = max(self._hears_us, now_us + self._lag_us)
        self._heard += 1
        self._behind[self._heard] = frame
        return [SetTimer((TIMER, "lag", self._heard), self._hears_us, caused=True)]

    def _hear(self, number: int, now_us: int) -> list[MachineEffect]:
        """It hears of one thing; of nothing, if it died or caught up meanwhile."""
        frame = self._behind.pop(number, None)
        return [] if frame is None or self.client is None else self.turn(frame, now_us)

    def _catch_up(self, now_us: int) -> list[MachineEffect]:
        """The lag is over: it hears of all that waited."""
        effects: list[MachineEffect] = []
        for number in list(self._behind):
            effects += self._hear(number, now_us)
        return effects
