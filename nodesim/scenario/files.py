"""Which files may be read as YAML?

Plain files of UTF-8 text up to `FILE_BYTES_MAX`.  A pipe or device could keep the reader waiting for ever, so the kind
of file is looked at before it is opened.
"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Final

from nodesim.scenario.faults import FaultList, Mark, clip

FILE_BYTES_MAX: Final = 1024 * 1024
"""Larger files are not written by people; 1 MiB holds some ten thousand lines."""


def read_text(path: Path, faults: FaultList, shown: str, at: Mark | None = None, where: str = "") -> str | None:
    """The text of a file; None after a fault (at the file's beginning, or where it was named)."""
    mark = at or Mark(shown, 1, 1)
    name = "" if at is None else f"{clip(shown)}: "
    try:
        kind = path.stat().st_mode
        if stat.S_ISDIR(kind):
            faults.add(mark, where, f"{name}this is a folder; name the files in it")
            return None
        if not stat.S_ISREG(kind):
            faults.add(mark, where, f"{name}this is a pipe or device, not a file; save the text in a file first")
            return None
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except (OSError, ValueError) as wrong:
        reason = (wrong.strerror or "cannot be read") if isinstance(wrong, OSError) else "not a file's name"
        faults.add(mark, where, f"{name}cannot read the file: {reason}; check its path and rights")
        return None
    if len(content) > FILE_BYTES_MAX:
        faults.add(mark, where, f"{name}larger than {FILE_BYTES_MAX} bytes; a scenario or manifest is at most 1 MiB")
        return None
    try:
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as wrong:
        line = content.count(b"\n", 0, wrong.start) + 1
        column = wrong.start - (content.rfind(b"\n", 0, wrong.start) + 1) + 1
        faults.add(
            Mark(shown, line, column),
            "",
            f"byte 0x{content[wrong.start]:02x} is not UTF-8 text; save the file as UTF-8",
        )
        return None
