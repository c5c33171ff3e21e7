"""How is a run followed while it goes on: a trace that can be read up to now, and the story as it happens?"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from rich.console import Console

from nodesim.cli.report import row_text
from nodesim.scenario.runner import Run
from nodesim.trace.records import BEFORE_ALL, Place, TraceRecord, line_of, order
from nodesim.trace.unfolding import Unfolding
from nodesim.trace.writer import trace_lines

TELL_EVERY_S: Final = 0.25
TELL_SHARE: Final = 20
"""Working the story out takes at most a twentieth of the time, so that telling does not make the run late."""
TELL_MAX_S: Final = 0.03
"""Where it takes longer than this, the run is too large to be told as it happens."""


class Follow:
    """Writes records to the trace file as they come, line by line, and tells what happens.

    A context: when it is left, however that comes about, the trace has all that was recorded.
    """

    def __init__(self, run: Run, trace: Path | None, console: Console | None) -> None:
        self._run = run
        self._path = trace
        self._file: IO[bytes] | None = None
        self._console = console
        self._records: list[TraceRecord] = []
        """Those that are told."""
        self._done: tuple[Place, int] = (BEFORE_ALL, 0)
        """The last record that was taken, and how long the file was then: an interruption may come at any moment, and
        what stands behind that is written again."""
        self._header = self._done
        """The same as the file began."""
        self._disordered = False
        """Did records come too late for their place in the file?"""
        self._unfolding = Unfolding()
        self._tell_at = 0.0
        self._news = False

    def __enter__(self) -> Self:
        if self._path is not None:
            self._file = self._path.open("wb")
            self._write(BEFORE_ALL, [line.encode() for line in trace_lines(self._run.header, ())])
            self._header = self._done
        return self

    def __call__(self, records: Sequence[TraceRecord], now_us: int) -> None:
        """Records came, and there will be no others up to this instant (us)."""
        if records:
            self._take(records)
            self._news = True
        if self._news and self._console is not None and time.perf_counter() >= self._tell_at:
            self._tell(now_us)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        last, length = self._header if self._disordered else self._done
        rest = self._run.records(after=last)
        if self._file is not None:
            self._file.seek(length)
            self._file.truncate()
            self._file.writelines(_line(record) for record in rest)
            self._file.close()
        if self._console is not None:
            self._records = [record for record in self._records if order(record) <= last] + rest
            self._print(self._run.now_us, ended=True)

    def _take(self, records: Sequence[TraceRecord]) -> None:
        late = order(records[0]) < self._done[0]
        if self._console is not None:
            self._records += records
            if late:
                self._records.sort(key=order)
        self._disordered = self._disordered or late  # An agent that was away brings what it did meanwhile.
        self._write(max(self._done[0], order(records[-1])), map(_line, records))

    def _write(self, last: Place, lines: Iterable[bytes]) -> None:
        written = 0
        if self._file is not None:
            text = b"".join(lines)
            self._file.write(text)
            self._file.flush()
            written = len(text)
        self._done = (last, self._done[1] + written)

    def _tell(self, now_us: int) -> None:
        began = time.perf_counter()
        self._print(now_us)
        self._news = False
        took = time.perf_counter() - began
        self._tell_at = began + max(TELL_EVERY_S, took * TELL_SHARE)
        if took > TELL_MAX_S and self._console is not None:
            self._tell_at = float("inf")  # The rest is told when the run is over.

    def _print(self, now_us: int, *, ended: bool = False) -> None:
        assert self._console is not None
        for row in self._unfolding.rows(self._records, now_us, ended=ended):
            self._console.print(row_text(row))


def _line(record: TraceRecord) -> bytes:
    return line_of(record).encode() + b"\n"
