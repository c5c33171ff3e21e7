"""How long do several stretches of time cover, together or at once?

A stretch is a half-open pair [start, end) of instants in us; a list of them is sorted and free of overlaps.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

Stretch: TypeAlias = tuple[int, int]


def union(stretches: Iterable[Stretch]) -> list[Stretch]:
    """What any of the stretches covers; empty ones vanish, touching ones join."""
    joined: list[Stretch] = []
    for start, end in sorted(stretches):
        if end <= start:
            continue
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def common(left: Sequence[Stretch], right: Sequence[Stretch]) -> list[Stretch]:
    """What both lists cover."""
    shared: list[Stretch] = []
    i = j = 0
    while i < len(left) and j < len(right):
        start, end = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if start < end:
            shared.append((start, end))
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1
    return shared


def without(left: Sequence[Stretch], right: Sequence[Stretch]) -> list[Stretch]:
    """What the left list covers and the right one does not."""
    rest: list[Stretch] = []
    for start, end in left:
        for other_start, other_end in right:
            if other_end <= start:
                continue
            if other_start >= end:
                break
            if start < other_start:
                rest.append((start, other_start))
            start = other_end
        if start < end:
            rest.append((start, end))
    return rest


def length(stretches: Iterable[Stretch]) -> int:
    """How long they are in all (us)."""
    return sum(end - start for start, end in stretches)


def overlap(groups: Iterable[Sequence[Stretch]]) -> list[Stretch]:
    """Where at least two of the groups cover the same time; each group is free of overlaps in itself."""
    edges = sorted((at_us, step) for group in groups for start, end in group for at_us, step in ((start, 1), (end, -1)))
    found: list[Stretch] = []
    depth = since_us = 0
    for at_us, step in edges:
        # Ends sort before starts, so stretches that only touch do not overlap.
        if depth >= 2 and depth + step < 2:
            found.append((since_us, at_us))
        elif depth < 2 <= depth + step:
            since_us = at_us
        depth += step
    return union(found)
