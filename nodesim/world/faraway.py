"""What time is it in a run that is kept on another host?

A host has its own clock, and asks the hub for the run's time now and then.  An answer tells it to half of the time that
it took, so the fastest of the last few counts.  The clock never goes back: where it was ahead it stands until the run
has caught up.  Nothing better is promised: hosts differ by as much as their network's delay is uneven.
"""

from __future__ import annotations

import time
from collections import deque
from typing import Final

import trio

from nodesim.units import SECOND
from nodesim.world.clock import checked_speed

ANSWERS_KEPT: Final = 8
"""With one question a second: a crystal that is wrong by 100 ppm drifts by less than a millisecond meanwhile."""


def own_us() -> int:
    """The clock of this host (us), from wherever."""
    return time.perf_counter_ns() // 1_000


class FarawayClock:
    """The run's time, on a host that is not the hub's; it is not trio's clock, which goes on as it is."""

    def __init__(self, speed: float) -> None:
        self.speed = checked_speed(speed)
        self._answers: deque[tuple[int, int, int]] = deque(maxlen=ANSWERS_KEPT)
        """(how long it took, this host's clock in the middle of that, the run's time then), all us."""
        self._middle_us = self._run_us = 0
        self._shown_us = -(1 << 62)

    def told(self, asked_us: int, run_us: int, heard_us: int) -> None:
        """The hub says: it was `run_us` at some time between `asked_us` and `heard_us` of this host's clock."""
        took_us = max(0, heard_us - asked_us)
        self._answers.append((took_us, asked_us + took_us // 2, run_us))
        _, self._middle_us, self._run_us = min(self._answers)

    @property
    def now_us(self) -> int:
        """Microseconds of the run."""
        passed_us = int((own_us() - self._middle_us) * self.speed)
        self._shown_us = max(self._shown_us, self._run_us + passed_us)
        return self._shown_us

    def deadline(self, at_us: int) -> float:
        """The deadline with which trio waits for an instant of the run."""
        return trio.current_time() + (at_us - self.now_us) / SECOND / self.speed
