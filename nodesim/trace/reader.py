"""What does the text of a trace say?

Reads what `writer` writes, line by line.  A file that ends in the middle of a line (a run that was killed, a disk that
was full) is readable up to there; anything else that is not a trace is a fault of the input, with its line.

A file that nobody closed may have lines that came late: what an agent brought that had been away is put in its place
when the run ends, and stands where it came if the hub is killed before.  Such a file is read whole and put in order.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, Final

import attrs

from nodesim.errors import ExitCode, NodesimError
from nodesim.trace.records import BEFORE_ALL, TraceRecord, order

_HEADER_KEYS: Final = ("nodesim", "profile", "scenario", "seed", "settings")
_KEYS: Final = {"t": int, "actor": str, "n": int, "kind": str, "object": str, "fields": dict, "cause": str}
_TYPE_NAMES: Final = {int: "an integer", str: "a string", dict: "an object"}


class TraceError(NodesimError, ValueError):
    """A file is not a trace; the text says in which line (0: in none), and what is wrong with it."""

    exit_code = ExitCode.BAD_INPUT

    def __init__(self, name: str, line: int, fault: str) -> None:
        self.line = line
        super().__init__(f"{name}:{line}: {fault}" if line else f"{name}: {fault}")


@attrs.frozen
class Trace:
    """A trace that was read.  `complete` False: it breaks off before the run ended."""

    header: dict[str, Any]
    records: list[TraceRecord]
    complete: bool


def read_trace(lines: Iterable[str | bytes], name: str = "trace") -> Trace:
    """Read the lines of a trace file, closed or not; `name` stands in errors.

    Raises:
        TraceError: the file is no trace, or a line of it is broken.
    """
    reading = TraceReading(lines, name, closed=False)
    records = list(reading)
    return Trace(reading.header, records, reading.complete)


class TraceReading:
    """A trace that is read record by record; the header is there at once.

    `closed`: the file is known to have been closed when its run was over, so that it is read in one pass, of whatever
    length it is.  Else all of it is read before the first record is handed out.

    Raises:
        TraceError: the first line is no header, or (while iterating) a line is broken.
    """

    def __init__(self, lines: Iterable[str | bytes], name: str = "trace", *, closed: bool = True) -> None:
        self.name = name
        self.line = 0
        """The line that was read last."""
        self.torn: TraceError | None = None
        """The last line is not whole; known when all was read."""
        self._lines = iter(lines)
        self._closed = closed
        self._ended_us: int | None = None
        self._last_us = 0
        self._disorder: TraceError | None = None
        """The first line that is not in its place."""
        entry = self._next()
        if entry is None:
            raise self.torn or TraceError(name, 1, "empty; a trace begins with a header line")
        self.header: Final = _header(entry, name)

    def __iter__(self) -> Iterator[TraceRecord]:
        if self._closed:
            for record in self._each():
                if self._disorder is not None:
                    raise self._disorder
                yield record
            return
        records = list(self._each())
        if self._disorder is not None:
            if self.complete:
                raise self._disorder
            records.sort(key=order)
            self._last_us = records[-1].t_us
            for before, record in pairwise(records):
                if order(before) == order(record):
                    raise TraceError(self.name, 0, f"{record.id} at {record.t_us} stands here twice")
        yield from records

    @property
    def complete(self) -> bool:
        """After the last record: was the run over?  Others may write at the very instant of its end."""
        return self.torn is None and self._ended_us is not None and self._ended_us == self._last_us

    def _each(self) -> Iterator[TraceRecord]:
        """The records as they stand in the file."""
        last = BEFORE_ALL
        while (entry := self._next()) is not None:
            record = _record(entry, self.name, self.line)
            if order(record) <= last and self._disorder is None:
                fault = f"out of order: {record.id} at {record.t_us} comes after {last[1]}#{last[2]}"
                self._disorder = TraceError(self.name, self.line, fault)
                if order(record) == last:
                    raise self._disorder
            last = max(last, order(record))
            self._last_us = record.t_us
            if record.kind == "RunEnded":
                self._ended_us = record.t_us
            yield record

    def _next(self) -> Any:
        """What the next line says; None at the end of what can be read."""
        line = next(self._lines, None)
        if line is None:
            return None
        self.line += 1
        try:
            entry = _parse(line)
        except (ValueError, RecursionError) as fault:
            broken = TraceError(self.name, self.line, f"not a line of a trace: {fault}")
            # Only the last line of a file may lack its newline: then the file was cut off there.
            if line[-1:] in ("\n", b"\n") or next(self._lines, None) is not None:
                raise broken from fault
            self.torn = broken
            return None
        if entry is None:
            raise TraceError(self.name, self.line, "not a line of a trace: null")
        return entry


def _parse(line: str | bytes) -> Any:
    text = line.decode() if isinstance(line, bytes) else line
    return json.loads(text, parse_float=_no_float, parse_constant=_no_float)


def _no_float(text: str) -> Any:
    msg = f"{text} is not an integer; records carry integers only"
    raise ValueError(msg)


def _header(entry: Any, name: str) -> dict[str, Any]:
    missing = [key for key in _HEADER_KEYS if key not in entry] if isinstance(entry, dict) else list(_HEADER_KEYS)
    if missing:
        raise TraceError(name, 1, f"not a nodesim trace: the header has no {', '.join(missing)}")
    assert isinstance(entry, dict)
    return entry


def _record(entry: Any, name: str, number: int) -> TraceRecord:
    if not isinstance(entry, dict):
        raise TraceError(name, number, f"a record must be an object, not {type(entry).__name__}")
    if entry.keys() != _KEYS.keys():
        missing = sorted(_KEYS.keys() - entry.keys())
        unknown = sorted(entry.keys() - _KEYS.keys())
        what = f"no {', '.join(missing)}" if missing else f"unknown {', '.join(unknown)}"
        raise TraceError(name, number, f"a record with {what}")
    for key, type_ in _KEYS.items():
        if type(entry[key]) is not type_:
            raise TraceError(name, number, f"{key} must be {_TYPE_NAMES[type_]}, got {entry[key]!r:.40}")
    record = TraceRecord(
        entry["t"], entry["actor"], entry["n"], entry["kind"], entry["object"], entry["fields"], entry["cause"]
    )
    if record.t_us < 0 or record.n < 1:
        raise TraceError(name, number, f"t must be at least 0 and n at least 1, got t={record.t_us} n={record.n}")
    return record
