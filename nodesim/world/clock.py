"""What time is it for trio?

The world is trio's clock, in both modes: one second of the run is one second of trio's, counted from the start of the
run.  In virtual time the clock moves only when the world moves it, so nothing costs any waiting.  In real time it is
the machine's own monotonic clock, `speed` times as fast.

So whatever waits through trio waits in the run's time.  Edges (sockets, pumps, signals) have timeouts of their own, in
real seconds: they ask `wall(seconds)` how many of trio's seconds that is.
"""

from __future__ import annotations

import math
import time
from typing import Final

import trio

from nodesim.units import SECOND

TICK: Final = 1e-9
"""A nanosecond, in seconds."""
NANOSECONDS: Final = 1_000_000_000


class WorldClock(trio.abc.Clock):
    """Trio's view of a run's time; `now_us` is the same as `int`."""

    now_us: int

    def start_clock(self) -> None:
        """The run begins."""

    def wall(self, seconds: float) -> float:
        """How many of trio's seconds last `seconds` of real time."""
        raise NotImplementedError


class VirtualClock(WorldClock):
    """Virtual time: the driver sets `now_us`.

    With `ticking`, no two readings by tasks are the same: each adds a nanosecond.  So two tasks that sleep equally long
    have two deadlines, in the order in which they began, and the driver, which is told the next deadline by trio itself
    (`deadline`), wakes them one by one.
    """

    def __init__(self) -> None:
        self.now_us = 0
        self.ticking = False
        self.deadline = math.inf
        """The next deadline of any task, as it was when all of them last waited."""
        self._shown = 0.0
        self._shown_us = 0

    def current_time(self) -> float:
        """Seconds since the run began."""
        if self._shown_us != self.now_us:
            self._shown, self._shown_us = self.now_us / SECOND, self.now_us
        if self.ticking and trio.lowlevel.in_trio_task():
            later = max(self._shown + TICK, math.nextafter(self._shown, math.inf))
            if later < (self.now_us + 1) / SECOND:
                self._shown = later
        return self._shown

    @property
    def deadline_us(self) -> int | None:
        """The microsecond in which the next deadline lies; None: there is none."""
        return None if self.deadline == math.inf else max(self.now_us, round(self.deadline * NANOSECONDS) // 1000)

    def jump(self) -> None:
        """Show exactly the next deadline, so that it and no other is due."""
        at_us = self.deadline_us
        assert at_us is not None
        self.now_us = self._shown_us = at_us
        self._shown = max(self._shown, self.deadline)

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """How long trio may really wait: not at all for what is due, else until the world has moved on."""
        self.deadline = deadline
        return 0.0 if deadline <= self.current_time() else math.inf

    def wall(self, seconds: float) -> float:
        """Endless: virtual time does not pass while something real is waited for; who must not wait for ever polls."""
        return math.inf


def checked_speed(speed: float) -> float:
    """A speed that time can have.

    Raises:
        ValueError: it cannot.
    """
    if not 0 < speed < math.inf:
        msg = f"not a speed: {speed}"
        raise ValueError(msg)
    return speed


BEFORE_S: Final = 1e9
"""How far before 0 the clock of a run stands that must wait for others: 30 years."""


class RealClock(WorldClock):
    """Real time, `speed` times as fast; it stands at 0 until the run begins.

    With `waits` the run begins some time after `begin` was called: until that call the clock shows real seconds, far
    below 0.
    """

    def __init__(self, speed: float = 1.0, *, waits: bool = False) -> None:
        self.speed = checked_speed(speed)
        self._began: float | None = None
        self._waits = waits

    def start_clock(self) -> None:
        """The run begins now, unless it waits."""
        self._began = time.perf_counter()

    def begin(self, after_s: float) -> None:
        """What was waited for has come: the run begins in so many real seconds."""
        self._waits = False
        self._began = time.perf_counter() + after_s

    def current_time(self) -> float:
        """Seconds of the run since it began."""
        if self._began is None:
            return 0.0
        passed = time.perf_counter() - self._began
        return passed - BEFORE_S if self._waits else passed * self.speed

    @property
    def now_us(self) -> int:  # type: ignore[override]  # read-only here: real time is nobody's to set
        """Microseconds of the run since it began."""
        return int(self.current_time() * SECOND)

    def deadline(self, at_us: int) -> float:
        """The deadline with which trio waits for an instant of the run."""
        return at_us / SECOND

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """Real seconds until then."""
        return (deadline - self.current_time()) / (1.0 if self._waits else self.speed)

    def wall(self, seconds: float) -> float:
        """How many of trio's seconds last `seconds` of real time."""
        return seconds if self._waits else seconds * self.speed


def wall(seconds: float) -> float:
    """How many of trio's seconds last `seconds` of real time, in the run that is going on.

    For timeouts of edges: `with trio.move_on_after(wall(5)): ...`.  In virtual time it is endless (see there).
    """
    clock = trio.lowlevel.current_clock()
    return clock.wall(seconds) if isinstance(clock, WorldClock) else seconds
