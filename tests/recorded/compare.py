"""Where does a replay differ from its recording?

Three questions, each answered with a line per difference: are the facts the same, each within a second; do they come in
the same order; and does what the real control plane did at once come at once here, too?
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias

from tests.recorded.facts import Fact

TOLERANCE_SECONDS: Final = 1.0
AT_ONCE_SECONDS: Final = 0.5
RECORDED_TO_SECONDS: Final = 0.001
"""Dates are recorded relative to the first instant, rounded to this."""

Pairs: TypeAlias = list[tuple[Fact, Fact]]


def differences(recorded: Sequence[Fact], replayed: Sequence[Fact]) -> list[str]:
    """Facts that one side lacks, that say something else, or that come more than a second apart."""
    found: list[tuple[float, str]] = []
    for name, was, became in _side_by_side(recorded, replayed):
        if became is None:
            assert was is not None
            found.append((was.t, f"{name}: recorded {was.value!r}, not replayed"))
        elif was is None:
            found.append((became.t, f"{name}: replayed {became.value!r}, not recorded"))
        elif was.value != became.value:
            found.append((was.t, f"{name}: recorded {was.value!r}, replayed {became.value!r} at {became.t:.3f}"))
        elif abs(was.t - became.t) > TOLERANCE_SECONDS:
            found.append((was.t, f"{name}: {was.value!r} replayed at {became.t:.3f}"))
        elif not _same_dates(was, became):
            found.append((was.t, f"{name}: {was.value!r} with {was.dates}, replayed with {became.dates}"))
    return [f"{t:8.3f} {line}" for t, line in sorted(found)]


def _same_dates(was: Fact, became: Fact) -> bool:
    """As many, each within a second of its counterpart: they are cut to whole seconds, at the same instants."""
    close = len(was.dates) == len(became.dates)
    return close and all(
        abs(one - other) <= TOLERANCE_SECONDS + RECORDED_TO_SECONDS
        for one, other in zip(was.dates, became.dates, strict=True)
    )


def disorder(
    recorded: Sequence[Fact],
    replayed: Sequence[Fact],
    raced: Callable[[Fact, Fact], bool] = lambda one, other: False,
) -> list[str]:
    """Pairs whose order is another, although they did not race.  What was recorded at one instant has no order."""
    pairs = sorted(matched(recorded, replayed), key=lambda pair: pair[0].t)
    found = []
    for place, (was, became) in enumerate(pairs):
        for later_was, later_became in pairs[place + 1 :]:
            if later_was.t - was.t > 2 * TOLERANCE_SECONDS:
                break  # Both lie within a second of their instants, so these cannot have changed places.
            if later_was.t > was.t and later_became.t < became.t and not raced(was, later_was):
                found.append(
                    f"{was.about} {was.what} ({was.t:.3f}, replayed {became.t:.3f}) after "
                    f"{later_was.about} {later_was.what} ({later_was.t:.3f}, replayed {later_became.t:.3f})"
                )
    return found


ANSWERS: Final = {
    "NoSchedule follows Ready": (r"node/(.+) c\.Ready", r"node/\1 taint \S+:NoSchedule"),
    "a pod is placed when it is made": (r"pod/(.+) made", r"pod/\1 node"),
    "a replacement follows the request for deletion": (r"pod/(web)#\d+ del", r"pod/\1#\d+ made"),
    "a StatefulSet's pod follows the end of the last one": (r"pod/(db-\d+)#\d+ gone", r"pod/\1#\d+ made"),
    "a lease goes with its node": (r"node/(.+) gone", r"lease/\1 gone"),
    "a node gets its CIDR": (r"node/(.+) made", r"node/\1 podCIDR"),
    "endpoints follow readiness": (r"pod/(web#\d+) c\.Ready", r"eps/web \1"),
    "the evicted pod is told why": (r"event/Pod/(\S+) TaintManagerEviction: Marking .+", r"pod/\1 c\.DisruptionTarget"),
    "endpoints follow deletion": (r"pod/(web#\d+) del", r"eps/web \1"),
    "a StatefulSet's endpoints follow readiness": (r"pod/(db-\d+)#\d+ c\.Ready", r"eps/db \1"),
    "a silent node is told": (r"node/(.+) c\.Ready", r"event/Node/\1 NodeNotReady: .+"),
    "a pod's place is told": (r"pod/(.+) node", r"event/Pod/\1 Scheduled: .+"),
    "a new pod is told": (r"pod/(.+) made", r"event/\S+ SuccessfulCreate: Created pod: \1"),
    "and deleted": (r"pod/(.+) c\.DisruptionTarget", r"pod/\1 del"),
}
"""What answers what: a cause and its effect, of which the real control plane let at most half a second pass."""


def answers(cause: Fact, effect: Fact) -> bool:
    """May the one be the answer to the other?"""
    for told, pattern in ANSWERS.values():
        match = re.fullmatch(told, f"{cause.about} {cause.what}")
        if match and re.fullmatch(pattern.replace(r"\1", re.escape(match[1])), f"{effect.about} {effect.what}"):
            return True
    return False


def late_answers(recorded: Sequence[Fact], replayed: Sequence[Fact]) -> list[str]:
    """Effects that came at once in the recording and did not in the replay."""
    pairs = matched(recorded, replayed)
    found = []
    for rule, (cause, effect) in ANSWERS.items():
        causes: dict[str, Pairs] = defaultdict(list)
        for pair in pairs:
            match = re.fullmatch(cause, f"{pair[0].about} {pair[0].what}")
            if match:
                causes[effect.replace(r"\1", re.escape(match[1]))].append(pair)
        for pattern, starts in causes.items():
            starts.sort(key=lambda pair: pair[0].t)
            for was, became in pairs:
                place = bisect_right([start.t for start, _ in starts], was.t) - 1
                if place < 0 or not re.fullmatch(pattern, f"{was.about} {was.what}"):
                    continue
                began, begun = starts[place]
                if was.t - began.t <= AT_ONCE_SECONDS < became.t - begun.t:
                    found.append(f"{rule}: {was.about} {was.what} {became.t - begun.t:.3f} s after {begun.about}")
    return found


def matched(recorded: Sequence[Fact], replayed: Sequence[Fact]) -> Pairs:
    """Recorded facts with their counterparts."""
    return [
        (was, became)
        for _, was, became in _side_by_side(recorded, replayed)
        if was is not None and became is not None and was.value == became.value
    ]


def _side_by_side(recorded: Sequence[Fact], replayed: Sequence[Fact]) -> Iterator[tuple[str, Fact | None, Fact | None]]:
    """The n-th value of each field of each object, as recorded and as replayed."""
    theirs, ours = _by_field(recorded), _by_field(replayed)
    for key in sorted(ours.keys() | theirs.keys()):
        left, right = theirs.get(key, []), ours.get(key, [])
        for place in range(max(len(left), len(right))):
            yield (
                f"{key[0]} {key[1]}",
                left[place] if place < len(left) else None,
                right[place] if place < len(right) else None,
            )


def _by_field(facts: Sequence[Fact]) -> dict[tuple[str, str], list[Fact]]:
    found: dict[tuple[str, str], list[Fact]] = defaultdict(list)
    for fact in sorted(facts, key=lambda fact: fact.t):
        found[fact.about, fact.what].append(fact)
    return found
