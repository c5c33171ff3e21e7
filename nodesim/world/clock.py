"""What time is it for trio?

The world is trio's clock: one virtual second is one trio second, counted from the start of the run.  Time moves only
when the world takes a turn, so nothing in virtual time costs any waiting.
"""

from __future__ import annotations

import math

import trio

from nodesim.units import SECOND


class VirtualClock(trio.abc.Clock):
    """Trio's view of the world's time."""

    def __init__(self) -> None:
        self.now_us = 0

    def start_clock(self) -> None:
        """Nothing to start: the world moves the time."""

    def current_time(self) -> float:
        """Seconds since the run began."""
        return self.now_us / SECOND

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """How long trio may really wait: not at all for what is due, else until the world has moved on."""
        return 0.0 if deadline <= self.current_time() else math.inf
