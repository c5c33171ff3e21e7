"""How long does a step last, how often does it come again, and do two steps get into each other's way?

`for` undoes a step by its opposite, `every` repeats it until `until` (or the run's end) or `times` times.  A time of it
counts only if it also ends before that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Final

from nodesim.scenario.components import members_of
from nodesim.scenario.faults import clip
from nodesim.scenario.figures import duration, positive_duration
from nodesim.scenario.reading import Cursor, Fields, integer
from nodesim.scenario.verbs import VERBS
from nodesim.spec import Step
from nodesim.units import format_duration
from nodesim.values import value

REPEAT_KEYS: Final = ("for", "every", "until", "times")
TIMES_MAX: Final = 10_000
"""How often one step may come: more is a slip of the pen, and would make a run endless work."""
TOUCHES_MAX: Final = 200_000
"""How often all steps with `for` or `every` together may mean a node."""


@value
class Repeat:
    """How long, how often (us)."""

    for_us: int = 0
    every_us: int = 0
    times: int = 1


def read_repeat(found: Fields, verb: str, at_us: int, end_us: int) -> Repeat | None:
    """`for`, `every`, `until` and `times` of a step; None after a fault.  The run ends at `end_us`."""
    before = len(found.cursor.faults)
    for_us = found.maybe("for", positive_duration)
    every_us = found.maybe("every", positive_duration)
    until_us = found.maybe("until", partial(duration, low_us=at_us, high_us=end_us))
    times = found.maybe("times", partial(integer, low=2, high=TIMES_MAX))
    if "for" in found and not VERBS[verb].opposite:
        able = ", ".join(name for name, row in VERBS.items() if row.opposite)
        found.cursor.fault(
            f"nothing undoes {clip(verb)}, so it has no 'for'; these have: {able}", found.key_mark("for")
        )
    for key in ("until", "times"):
        if key in found and "every" not in found:
            found.cursor.fault(f"{key!r} goes with 'every' only", found.key_mark(key))
    if "until" in found and "times" in found:
        found.cursor.fault("says in two ways how often it comes; leave out until or times", found.key_mark("times"))
    if for_us is not None and every_us is not None and for_us >= every_us:
        found.cursor.fault(
            f"lasts {format_duration(for_us)} but comes again after {format_duration(every_us)};"
            " 'for' must be shorter than 'every'",
            found.key_mark("for"),
        )
    if len(found.cursor.faults) > before or at_us > end_us:
        return None
    return _fitted(
        found, Repeat(for_us or 0, every_us or 0, times or 1), at_us, end_us if until_us is None else until_us
    )


def _fitted(found: Fields, repeat: Repeat, at_us: int, limit_us: int) -> Repeat | None:
    """The repeat with the number of its times, all of which end by the limit."""
    cursor = found.cursor
    room_us = limit_us - at_us - repeat.for_us
    limit = (
        f"until ({format_duration(limit_us)})"
        if "until" in found
        else f"the end of the run ({format_duration(limit_us)})"
    )
    if room_us < 0:
        over = format_duration(at_us + repeat.for_us)
        cursor.fault(f"would be undone at {over}, after {limit}; a step that lasts has no 'for'", found.key_mark("for"))
        return None
    if not repeat.every_us:
        return repeat
    fit = room_us // repeat.every_us + 1
    mark = found.key_mark("every")
    if "times" in found and repeat.times > fit:
        last_us = at_us + (repeat.times - 1) * repeat.every_us + repeat.for_us
        cursor.fault(f"its last time would end at {format_duration(last_us)}, after {limit}", found.key_mark("times"))
    elif fit == 1:
        cursor.fault(f"never comes again: its second time would end after {limit}", mark)
    elif "times" not in found and fit > TIMES_MAX:
        cursor.fault(f"comes {fit} times, at most {TIMES_MAX} are allowed; repeat it less often, or set until", mark)
    else:
        return Repeat(repeat.for_us, repeat.every_us, repeat.times if "times" in found else fit)
    return None


# --- steps that get into each other's way ----------------------------------------------------------------------------


def check_overlaps(steps: Sequence[tuple[Cursor, Step]]) -> None:
    """Note a fault where a step changes what one with `for` still holds, and where all of it is too much.

    Of targets with `percent` all nodes count that could be drawn, so that a file is right or wrong for every seed.
    """
    touches = 0
    for cursor, step in steps:
        if step.times > 1 or step.for_us:
            touches += step.times * len(_meant(step))
            if touches > TOUCHES_MAX:
                cursor.fault(
                    f"the repeated steps mean a node {touches} times so far; at most {TOUCHES_MAX} are allowed"
                )
                return
    held = {node for _, step in steps if step.for_us for node in _meant(step)}
    if not held:
        return
    spans: dict[tuple[Any, ...], list[tuple[int, int, int]]] = {}
    relevant: dict[tuple[int, str], tuple[str, ...]] = {}
    for place, (_, step) in enumerate(steps):
        key = (id(step.nodes), step.component)
        nodes = relevant.get(key)
        if nodes is None:
            nodes = relevant[key] = tuple(node for node in _meant(step) if node in held)
        for state in _states(step) if nodes else ():
            for turn in range(step.times):
                start_us = step.at_us + turn * step.every_us
                for node in nodes:
                    spans.setdefault((node, *state), []).append((start_us, -(start_us + step.for_us), place))
    told: dict[tuple[int, int], None] = {}
    for key, list_ in spans.items():
        _sweep(str(key[0]), sorted(list_), steps, told)


def _meant(step: Step) -> tuple[str, ...]:
    """The nodes, or the component, as a fault names it."""
    if step.component:
        return tuple(f"component {name}" for name in members_of(step.component))
    return step.nodes or (("the cloud's API",) if step.verb.startswith("cloud-api") else ())


def _sweep(
    node: str,
    spans: list[tuple[int, int, int]],
    steps: Sequence[tuple[Cursor, Step]],
    told: dict[tuple[int, int], None],
) -> None:
    """Spans of one state of one node, the longer first where two begin together."""
    holder, until_us = -1, -1
    for start_us, minus_end_us, place in spans:
        if start_us < until_us and (holder, place) not in told:
            told[holder, place] = None
            cursor, other = steps[place][0], steps[holder][0].tree.mark
            who = f"node {node}" if steps[place][1].nodes else node
            begun = format_duration(until_us - steps[holder][1].for_us)
            cursor.fault(
                f"at {format_duration(start_us)} it changes what the step at line {other.line} holds for {who}"
                f" from {begun} to {format_duration(until_us)}; a step with 'for' must end first"
            )
        if -minus_end_us > until_us:
            holder, until_us = place, -minus_end_us


def _states(step: Step) -> Iterator[tuple[Any, ...]]:
    """What of a node a step changes."""
    changes = VERBS[step.verb].changes
    if not changes:
        return
    direction = step.arguments.get("direction")
    if changes == "taint":
        yield (changes, step.arguments["taint"]["key"], step.arguments["taint"]["effect"])
    elif direction is None:
        yield (changes,)
    else:
        for way in ("to-control-plane", "from-control-plane"):
            if direction in ("both", way):
                yield (changes, way)
