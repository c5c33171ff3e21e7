"""What happened in a run, told to a person in a few rows?

How it works.  Every record that matters to the question "what does the cluster believe, and what is so?" becomes a
`_Note`.  Notes that say the same of several objects within a second become one row ("Node/n1 and 997 more nodes").  The
start is noise: the first registration of nodes and the first pods' way to Ready are one row each.  If there are still
too many rows, the kinds that matter least go first, and the row that says so is the last.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import attrs

from nodesim.trace.evidence import Evidence
from nodesim.trace.notes import FAULT, Note, first_step_us, node_is_ready, notes_of, pod_is_ready
from nodesim.trace.records import TraceRecord
from nodesim.units import SECOND
from nodesim.values import value

ROWS_MAX: Final = 60
"""About a screen."""
TOGETHER_US: Final = SECOND
"""What is said of several objects within this time is one row; two passes of a controller lie further apart."""


@value
class StoryRow:
    """At `t_us`, `what` happened to `object` ("" where it is about none), `why` ("" where it needs no reason)."""

    t_us: int
    object: str
    what: str
    why: str


def story(records: Sequence[TraceRecord], *, limit: int = ROWS_MAX, evidence: Evidence | None = None) -> list[StoryRow]:
    """The rows that tell a run, in order of time, at most `limit`."""
    known = evidence or Evidence(records)
    groups = _grouped(notes_of(known))
    left_out = 0
    by_weight = Counter(group.first.weight for group in groups)
    start = _start_rows(known)
    # Whole kinds go, the least telling first, so that what is told is told completely.
    for weight in sorted(by_weight, reverse=True):
        if len(start) + len(groups) + bool(left_out) <= limit or weight == FAULT:
            break
        left_out += by_weight[weight]
        groups = [group for group in groups if group.first.weight != weight]
    rows = sorted(start + [group.row() for group in groups], key=_place)
    room = limit - 1 if left_out or len(rows) > limit else limit
    left_out += max(0, len(rows) - room)
    rows = rows[:room]
    if left_out:
        t_us = rows[-1].t_us if rows else 0
        rows.append(StoryRow(t_us, "", f"and {left_out} more rows that are not told here", ""))
    return rows


def _place(row: StoryRow) -> int:
    return row.t_us


@attrs.define
class _Group:
    """Notes that say the same, within a second of the first."""

    first: Note
    objects: list[str]

    def row(self) -> StoryRow:
        note, more = self.first, len(self.objects) - 1
        object_, what = note.object, note.what
        if more:
            what = note.group
            kind = object_.partition("/")[0].lower()
            object_ = f"{object_} and {more} more {kind}{'' if more == 1 else 's'}"
        return StoryRow(note.t_us, object_, what, note.why)


def _grouped(notes: list[Note]) -> list[_Group]:
    groups: list[_Group] = []
    newest: dict[tuple[str, str], _Group] = {}
    for note in notes:
        key = (note.object.partition("/")[0], note.group)
        group = newest.get(key)
        if group is None or note.t_us - group.first.t_us > TOGETHER_US:
            group = newest[key] = _Group(note, [])
            groups.append(group)
        if note.object not in group.objects[-1:]:
            group.objects.append(note.object)
    return groups


def _start_rows(evidence: Evidence) -> list[StoryRow]:
    """`3 nodes registered and Ready`, `5 pods created and ready`, each at the instant at which the last one was."""
    begun_us = first_step_us(evidence)
    rows: list[StoryRow] = []
    for kind, what, is_ready in (
        ("Node", "registered and Ready", node_is_ready),
        ("Pod", "created and ready", pod_is_ready),
    ):
        settled_us: list[int] = []
        waiting = 0
        for incarnation in evidence.belief.of_kind(kind):
            if incarnation.created_us >= begun_us:
                continue
            ready_us = next((sight.t_us for sight in incarnation.sights if is_ready(sight.state)), begun_us)
            if ready_us < begun_us:
                settled_us.append(ready_us)
            else:
                waiting += 1
        if settled_us or waiting:
            many = f"{len(settled_us)} {kind.lower()}{'' if len(settled_us) == 1 else 's'} {what}"
            why = f"{waiting} not before the first step" if waiting else ""
            rows.append(StoryRow(max(settled_us, default=0), "", many, why))
    return rows
