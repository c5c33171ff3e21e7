"""What a wall clock shows: offsets, steps, drift, and their ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodesim.clocks import TRUE_CLOCK, Clock, Stretch
from nodesim.units import HOUR, SECOND

_INSTANTS = st.integers(0, 100 * HOUR)
_OFFSETS = st.integers(-1000 * HOUR, 1000 * HOUR)
_DRIFTS = st.integers(-100_000, 100_000)


@pytest.mark.parametrize(
    ("now_us", "shows_us"),
    [(0, 5), (99, 104), (100, 40), (101, 41), (1_000_100, 1_000_040), (2_000_100, 2_000_040 + 100), (2_000_101, 1)],
)
def test_a_clock_goes_by_its_last_stretch(now_us: int, shows_us: int) -> None:
    """5 us ahead; 60 behind from 100 us on; gains 100 us in the second after 1,000,100; set to 1 at 2,000,101."""
    stretches = Stretch(0, 5), Stretch(100, -60), Stretch(1_000_100, -60, 100), Stretch(2_000_101, -2_000_100)
    assert Clock(stretches).wall_us(now_us) == shows_us


def test_of_stretches_that_begin_together_the_last_counts() -> None:
    """Two steps at one instant."""
    assert TRUE_CLOCK.then(Stretch(7, 1)).then(Stretch(7, 2)).wall_us(7) == 9


@given(_INSTANTS, _OFFSETS, _DRIFTS, _INSTANTS)
def test_before_its_first_stretch_a_clock_is_right(since_us: int, offset_us: int, drift_ppm: int, now_us: int) -> None:
    """What happens to a clock does not change what it showed before, and afterwards it is as far off as it says."""
    clock = TRUE_CLOCK.then(Stretch(since_us, offset_us, drift_ppm))
    off_us = clock.wall_us(now_us) - now_us
    assert off_us == (0 if now_us < since_us else offset_us + (now_us - since_us) * drift_ppm // SECOND)


@given(_OFFSETS, _DRIFTS, st.lists(_INSTANTS, min_size=2, max_size=2))
def test_a_clock_without_steps_never_runs_backwards(offset_us: int, drift_ppm: int, instants: list[int]) -> None:
    """However fast or slow it runs."""
    early_us, late_us = sorted(instants)
    clock = Clock((Stretch(0, offset_us, drift_ppm),))
    assert clock.wall_us(early_us) <= clock.wall_us(late_us)
