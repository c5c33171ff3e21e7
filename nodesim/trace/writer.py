"""How does a trace become the text of its file?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from nodesim.trace.records import TraceRecord, canonical, line_of


def trace_lines(header: dict[str, Any], records: Iterable[TraceRecord]) -> Iterator[str]:
    """The lines of a trace file, each with its newline: the header, then the records, which must be in order.

    SHA-256 of these bytes is the run's digest.
    """
    yield canonical(header) + "\n"
    for record in records:
        yield line_of(record) + "\n"
