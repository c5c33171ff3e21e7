"""Where do two traces part, and what is in one of them and not in the other?

Reads both side by side and keeps only counts and a few records, so that their length does not matter.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from itertools import zip_longest
from typing import Any, Final

import attrs

from nodesim.trace.records import TraceRecord

CONTEXT: Final = 3
"""Records that are shown before and after the place where two traces part."""


@attrs.define
class Parting:
    """The first place at which two traces differ: what both said before, and what each says from there on."""

    number: int
    """Of the first record that differs, from 1; the line of the file is one more."""
    before: list[TraceRecord]
    first: list[TraceRecord]
    """From the record that differs on; empty: the trace has ended."""
    second: list[TraceRecord]

    @property
    def fields(self) -> list[str]:
        """Which parts of the two records differ, as `t` or `fields.why`; none where one trace has ended."""
        if not (self.first and self.second):
            return []
        one, other = (_flat(records[0]) for records in (self.first, self.second))
        return [key for key in sorted({*one, *other}) if one.get(key, _ABSENT) != other.get(key, _ABSENT)]


@attrs.define
class Comparison:
    """What two traces have in common and what not."""

    header: list[tuple[str, Any, Any]] = attrs.Factory(list)
    """(key, first, second) of the header's keys that differ; None where a header does not have it."""
    parting: Parting | None = None
    """None: all records are the same."""
    first: Counter[str] = attrs.Factory(Counter)
    """Kind -> records of the first trace."""
    second: Counter[str] = attrs.Factory(Counter)

    @property
    def same(self) -> bool:
        """Is there no difference at all?"""
        return not self.header and self.parting is None

    def kinds(self) -> list[tuple[str, int, int]]:
        """(kind, in the first, in the second) where the numbers differ, in name order."""
        kinds = sorted({*self.first, *self.second})
        return [(kind, self.first[kind], self.second[kind]) for kind in kinds if self.first[kind] != self.second[kind]]


def compare_headers(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """The keys of two headers that differ, in name order."""
    keys = sorted({*first, *second})
    return [(key, first.get(key), second.get(key)) for key in keys if first.get(key) != second.get(key)]


def compare_records(first: Iterable[TraceRecord], second: Iterable[TraceRecord]) -> Comparison:
    """Compare record by record, to the end of both."""
    found = Comparison()
    before: deque[TraceRecord] = deque(maxlen=CONTEXT)
    for number, (one, other) in enumerate(zip_longest(first, second), 1):
        for record, counts in ((one, found.first), (other, found.second)):
            if record is not None:
                counts[record.kind] += 1
        if found.parting is None:
            if one == other:
                before.append(one)
                continue
            found.parting = Parting(number, list(before), [], [])
        for record, shown in ((one, found.parting.first), (other, found.parting.second)):
            if record is not None and len(shown) <= CONTEXT:
                shown.append(record)
    return found


_ABSENT: Final = object()


def _flat(record: TraceRecord) -> dict[str, Any]:
    own = {"t": record.t_us, "actor": record.actor, "n": record.n, "kind": record.kind, "object": record.object}
    return {**own, "cause": record.cause, **{f"fields.{key}": item for key, item in record.fields.items()}}
