"""What is wrong with a scenario file, where, and what should stand there instead?

Readers never stop at the first fault: they note it in a `FaultList` and go on with what can still be read, so that a
person mends a file once and not ten times.
"""

from __future__ import annotations

import bisect
import difflib
from collections.abc import Sequence
from typing import Final

import attrs

from nodesim.errors import ExitCode, NodesimError
from nodesim.values import value

FAULTS_MAX: Final = 100
"""More faults than this are not read by anybody, and looking for them would take time."""

_CANDIDATES_MAX: Final = 200
"""Names a typing mistake is compared with; of more names only the alphabetical neighbours are looked at."""

_WORD_MAX: Final = 64
"""Longer words are no typing mistakes."""


@value
class Mark:
    """A place in a file: `line` and `column` count from 1 (columns in characters)."""

    path: str
    line: int
    column: int


@attrs.frozen
class Fault:
    """One thing that is wrong.  `where` is the key's path (`spec.steps[2].at`), "" for the file as a whole."""

    path: str
    line: int
    column: int
    where: str
    message: str

    def __str__(self) -> str:
        """`flap.yaml:31:7: spec.steps[2]: unknown step 'partitoin', did you mean 'cut'?`."""
        place = f"{self.path}:{self.line}:{self.column}"
        return f"{place}: {self.where}: {self.message}" if self.where else f"{place}: {self.message}"


class ScenarioError(NodesimError):
    """A scenario file cannot be run as it is; `faults` says everything that is wrong with it."""

    exit_code = ExitCode.BAD_INPUT

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__(self.faults)

    def __str__(self) -> str:
        """One line per fault."""
        return "\n".join(str(fault) for fault in self.faults)


class TooManyFaults(Exception):
    """`FAULTS_MAX` were found; the rest of the file is not looked at."""


class FaultList:
    """The faults found so far."""

    def __init__(self, main_path: str) -> None:
        self._main_path = main_path
        self._faults: list[Fault] = []

    def __len__(self) -> int:
        return len(self._faults)

    def add(self, mark: Mark, where: str, message: str) -> None:
        """Note a fault.

        Raises:
            TooManyFaults: this was one too many.
        """
        if len(self._faults) >= FAULTS_MAX:
            raise TooManyFaults
        self._faults.append(Fault(mark.path, mark.line, mark.column, where, message))

    def error(self, *, cut_short: bool = False) -> ScenarioError:
        """All faults as one error: the scenario file's by line, then those of its manifests and of the command line."""
        faults = sorted(self._faults, key=self._rank)
        if cut_short:
            last = faults[-1]
            faults.append(attrs.evolve(last, where="", message=f"stopped after {FAULTS_MAX} faults; there are more"))
        return ScenarioError(faults)

    def _rank(self, fault: Fault) -> tuple[int, str, int, int]:
        if fault.path == self._main_path:
            return 0, "", fault.line, fault.column
        return (2 if fault.path.startswith("--") else 1), fault.path, fault.line, fault.column


def clip(text: str) -> str:
    """A user's text in quotes, short enough for a message."""
    return repr(text if len(text) <= 60 else text[:60] + "…")


def close_match(word: str, known: Sequence[str]) -> str:
    """The known name that `word` was probably meant to be, "" where none is near."""
    if not word or len(word) > _WORD_MAX:
        return ""
    if len(known) > _CANDIDATES_MAX:
        known = sorted(known)
        middle = bisect.bisect(known, word)
        known = known[max(0, middle - _CANDIDATES_MAX // 2) : middle + _CANDIDATES_MAX // 2]
    lowered = word.lower()
    for name in known:
        if name.lower() == lowered:
            return name
    found = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return found[0] if found else ""


def suggestion(word: str, known: Sequence[str], label: str = "known") -> str:
    """The end of a message on an unknown word: the near name, or all of them where they are few."""
    near = close_match(word, known)
    if near:
        return f", did you mean {near!r}?"
    if not known:
        return ""
    shown = ", ".join(known[:20])
    return f"; {label}: {shown}" + (f" and {len(known) - 20} more" if len(known) > 20 else "")
