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

import trio

from nodesim.units import SECOND


class WorldClock(trio.abc.Clock):
    """Trio's view of a run's time; `now_us` is the same as `int`."""

    now_us: int

    def start_clock(self) -> None:
        """The run begins."""

    def wall(self, seconds: float) -> float:
        """How many of trio's seconds last `seconds` of real time."""
        raise NotImplementedError


class VirtualClock(WorldClock):
    """Virtual time: the driver sets `now_us`."""

    def __init__(self) -> None:
        self.now_us = 0

    def current_time(self) -> float:
        """Seconds since the run began."""
        return self.now_us / SECOND

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """How long trio may really wait: not at all for what is due, else until the world has moved on."""
        return 0.0 if deadline <= self.current_time() else math.inf

    def wall(self, seconds: float) -> float:
        """Endless: virtual time does not pass while something real is waited for; who must not wait for ever polls."""
        return math.inf


class RealClock(WorldClock):
    """Real time, `speed` times as fast; it stands at 0 until the run begins."""

    def __init__(self, speed: float = 1.0) -> None:
        if not 0 < speed < math.inf:
            msg = f"not a speed: {speed}"
            raise ValueError(msg)
        self.speed = speed
        self._began: float | None = None

    def start_clock(self) -> None:
        """The run begins now."""
        self._began = time.perf_counter()

    def current_time(self) -> float:
        """Seconds of the run since it began."""
        return 0.0 if self._began is None else (time.perf_counter() - self._began) * self.speed

    @property
    def now_us(self) -> int:  # type: ignore[override]  # read-only here: real time is nobody's to set
        """Microseconds of the run since it began."""
        return int(self.current_time() * SECOND)

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """Real seconds until then."""
        return (deadline - self.current_time()) / self.speed

    def wall(self, seconds: float) -> float:
        """How many of trio's seconds last `seconds` of real time."""
        return seconds * self.speed


def wall(seconds: float) -> float:
    """How many of trio's seconds last `seconds` of real time, in the run that is going on.

    For timeouts of edges: `with trio.move_on_after(wall(5)): ...`.  In virtual time it is endless (see there).
    """
    clock = trio.lowlevel.current_clock()
    return clock.wall(seconds) if isinstance(clock, WorldClock) else seconds
