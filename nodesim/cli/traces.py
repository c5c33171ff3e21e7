"""How does the command read trace files, whatever a user gives it as one?"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from nodesim.trace.reader import TraceError, TraceReading

LINE_BYTES_MAX: Final = 16 << 20
"""A record is far smaller; a file of any size without lines must not fill the memory."""


TAIL_BYTES: Final = 64 << 10
"""In so much of a file's end the end of its run is looked for; others may write in that instant, too."""


@contextmanager
def open_trace(path: Path) -> Iterator[TraceReading]:
    """A trace file, to be read record by record.

    Raises:
        TraceError: the file cannot be read, or is no trace.
    """
    try:
        file = path.open("rb")
    except OSError as failed:
        raise TraceError(str(path), 0, f"cannot read the file: {failed.strerror}") from failed
    with file:
        closed = _closed(file)
        yield TraceReading(_lines(file, str(path)), str(path), closed=closed)


def refuse_torn(reading: TraceReading) -> None:
    """A file that ends in the middle of a line is no whole trace.

    Raises:
        TraceError: names the line.
    """
    if reading.torn is not None:
        fault = "the file breaks off in the middle of this line: a killed run or a full disk"
        raise TraceError(reading.name, reading.torn.line, fault) from reading.torn


def _closed(file: BinaryIO) -> bool:
    """Does the file end with the end of its run?  Only then can it be read in one pass, whatever its length."""
    try:
        length = file.seek(0, os.SEEK_END)
        file.seek(max(0, length - TAIL_BYTES))
        tail = file.read(TAIL_BYTES)
        file.seek(0)
    except OSError:
        return False  # A pipe, which cannot be looked at twice.
    ending = tail.rfind(b'"kind":"RunEnded"')
    try:
        last = {json.loads(line)["t"] for line in tail[tail.rfind(b"\n", 0, ending) + 1 :].splitlines()}
    except (ValueError, TypeError, KeyError, RecursionError):
        return False
    return ending >= 0 and len(last) == 1  # Nothing came later, or late.


def _lines(file: BinaryIO, name: str) -> Iterator[bytes]:
    number = 0
    try:
        while line := file.readline(LINE_BYTES_MAX + 1):
            number += 1
            if len(line) > LINE_BYTES_MAX:
                raise TraceError(name, number, f"a line of more than {LINE_BYTES_MAX >> 20} MiB: this is no trace")
            yield line
    except OSError as failed:
        raise TraceError(name, number + 1, f"cannot read on: {failed.strerror}") from failed
