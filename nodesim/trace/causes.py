"""Why did a record come about?

Each record names the one that led to it; walking back answers "why was this pod deleted?".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nodesim.trace.records import TraceRecord
from nodesim.trace.sentences import instant, told

CHAIN_MAX: Final = 100
"""A chain longer than this is cut there; nobody reads on, and a broken trace must not hold us."""


def chain(records: Sequence[TraceRecord], id_: str) -> list[TraceRecord]:
    """The record with this id, what led to it, and so on back to the root; empty for an unknown id.

    A cause that is not among the records ends the chain, and so does one that was told before.
    """
    # Not by walking back in place: within one instant a record may stand before its cause (`node/…` before `scenario`).
    known = {record.id: record for record in records}
    causes: list[TraceRecord] = []
    record = known.pop(id_, None)
    while record is not None and len(causes) < CHAIN_MAX:
        causes.append(record)
        record = known.pop(record.cause, None)
    return causes


def chain_lines(records: Sequence[TraceRecord], id_: str) -> list[str]:
    """A chain as lines of text, newest first."""
    lines: list[str] = []
    for record in chain(records, id_):
        lead = "because " if lines else ""
        lines.append(f"{lead}at {instant(record.t_us)}: {told(record)}")
    return lines
