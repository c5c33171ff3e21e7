"""What is there to tell of a run that still goes on?

The same rows as `nodesim.trace.story`, each once, when no more can join it: a row gathers what happens within a second,
and the start is told when the scenario's first step begins.
"""

from __future__ import annotations

from collections.abc import Sequence

from nodesim.trace.evidence import Evidence
from nodesim.trace.notes import first_step_us
from nodesim.trace.records import TraceRecord
from nodesim.trace.story import TOGETHER_US, StoryRow, story

_ALL_ROWS = 1 << 30


class Unfolding:
    """Remembers which rows were told."""

    def __init__(self) -> None:
        self._told: set[tuple[int, str, str]] = set()

    def rows(self, records: Sequence[TraceRecord], now_us: int, *, ended: bool = False) -> list[StoryRow]:
        """The rows that can be told at an instant and were not told before; `records` are all up to then, in order."""
        evidence = Evidence(records, now_us)
        if not ended and first_step_us(evidence) > now_us:
            return []
        new: list[StoryRow] = []
        for row in story(records, limit=_ALL_ROWS, evidence=evidence):
            key = (row.t_us, row.object, row.what)
            if key not in self._told and (ended or row.t_us <= now_us - TOGETHER_US):
                self._told.add(key)
                new.append(row)
        return new
