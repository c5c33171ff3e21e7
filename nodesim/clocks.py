"""What does a component's wall clock show at an instant of the run?

Virtual time is one.  A clock says which date a process would read then: it may be off, run fast or slow, and step.  It
is asked only where Kubernetes writes or compares dates that pass through the API (renewTime, lastTransitionTime,
timeAdded, creationTimestamp, ...); whatever a process measures for itself (timers, back-offs, how long a node has been
silent) is monotonic time in Go as well, and untouched by any clock.

A scenario's clocks are known before it runs, so a clock is a function of the run's time and needs no events.
"""

from __future__ import annotations

import bisect
from operator import attrgetter
from typing import Final

import attrs

PER_MILLION: Final = 1_000_000
_since_us: Final = attrgetter("since_us")


@attrs.frozen
class Stretch:
    """From `since_us` (us of the run) on a clock is `offset_us` ahead, and gains `drift_ppm` us a second."""

    since_us: int
    offset_us: int
    drift_ppm: int = 0

    def offset_at_us(self, now_us: int) -> int:
        """How far ahead the clock is, us."""
        return self.offset_us + (now_us - self.since_us) * self.drift_ppm // PER_MILLION


RIGHT: Final = Stretch(0, 0)


@attrs.frozen
class Clock:
    """A wall clock; without stretches it shows the run's time."""

    stretches: tuple[Stretch, ...] = ()
    """In order of time."""

    def stretch(self, now_us: int) -> Stretch:
        """The one that holds at an instant; of several that begin together the last."""
        place = bisect.bisect_right(self.stretches, now_us, key=_since_us)
        return self.stretches[place - 1] if place else RIGHT

    def wall_us(self, now_us: int) -> int:
        """What it shows at an instant of the run, us since the run's beginning by its own reckoning."""
        return now_us + self.stretch(now_us).offset_at_us(now_us) if self.stretches else now_us

    def then(self, stretch: Stretch) -> Clock:
        """The same clock, and from `stretch.since_us` on another one."""
        assert not self.stretches or self.stretches[-1].since_us <= stretch.since_us
        return Clock((*self.stretches, stretch))


TRUE_CLOCK: Final = Clock()
"""Shows the run's time, always."""
