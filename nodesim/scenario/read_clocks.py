"""How are clocks written in a scenario file: `clock` of a node template, and the step `clock`?"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from nodesim.scenario.figures import signed_duration
from nodesim.scenario.reading import Cursor, Fields, fields, integer

CLOCK_KEYS: Final = ("offset", "drift")
STEP_KEYS: Final = ("offset", "step", "drift")
DRIFT_MAX_PPM: Final = 100_000
"""A tenth: no clock that ticks at all is worse."""

read_drift: Final = partial(integer, low=-DRIFT_MAX_PPM, high=DRIFT_MAX_PPM, form="parts per million such as 200")


def read_clock(cursor: Cursor) -> tuple[int, int] | None:
    """How a template's clocks begin: offset (us) and drift (ppm)."""
    found = fields(cursor, CLOCK_KEYS, "a clock such as {offset: -90s, drift: 200}")
    if found is None:
        return None
    if not found.written():
        cursor.fault("says nothing of the clock: give offset, drift or both")
    return found.optional("offset", signed_duration, 0), found.optional("drift", read_drift, 0)


def clock_step(found: Fields, arguments: dict[str, Any], component: str, own_actor: bool) -> bool:
    """What a clock shows from now on; `own_actor`: the component named is the user's own."""
    arguments["offset_us"] = found.maybe("offset", signed_duration)
    arguments["step_us"] = found.maybe("step", signed_duration)
    arguments["drift_ppm"] = found.maybe("drift", read_drift)
    if "offset" in found and "step" in found:
        found.cursor.fault("sets the clock (offset) and moves it (step); leave one out", found.key_mark("step"))
    if not any(key in found for key in STEP_KEYS):
        found.cursor.fault("does nothing to the clock: give offset, step or drift")
    if own_actor:
        found.cursor.fault(f"{component} is handed the run's time and has no clock", found.key_mark("component"))
    return True
