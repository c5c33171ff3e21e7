"""How does the command read trace files, whatever a user gives it as one?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from nodesim.trace.reader import TraceError, TraceReading

LINE_BYTES_MAX: Final = 16 << 20
"""A record is far smaller; a file of any size without lines must not fill the memory."""


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
        yield TraceReading(_lines(file, str(path)), str(path))


def refuse_torn(reading: TraceReading) -> None:
    """A file that ends in the middle of a line is no whole trace.

    Raises:
        TraceError: names the line.
    """
    if reading.torn is not None:
        fault = "the file breaks off in the middle of this line: a killed run or a full disk"
        raise TraceError(reading.name, reading.torn.line, fault) from reading.torn


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
