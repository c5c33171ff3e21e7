"""`--check-determinism`: do two fresh processes write the same trace, byte for byte?"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Final

import attrs

from nodesim.errors import ExitCode, NotRunnable

HASH_SEEDS: Final = ("1", "4711")
"""PYTHONHASHSEED of the two processes: whatever rests on the order of a set differs between them."""


@attrs.frozen
class Difference:
    """The first line in which two traces differ; None where one of them has ended."""

    line: int
    first: str | None
    second: str | None

    def __str__(self) -> str:
        """Both lines, one below the other."""
        first = self.first if self.first is not None else "(the trace has ended)"
        second = self.second if self.second is not None else "(the trace has ended)"
        return f"the traces differ first in line {self.line}:\n  run 1: {first}\n  run 2: {second}"


def compare_fresh_runs(arguments: Sequence[str]) -> Difference | None:
    """Run `nodesim run ARGUMENTS` twice and compare the traces.

    Raises:
        NotRunnable: one of the runs did not come to its end.
    """
    with tempfile.TemporaryDirectory(prefix="nodesim-") as folder:
        traces = []
        for number, hash_seed in enumerate(HASH_SEEDS, start=1):
            trace = Path(folder) / f"run{number}.jsonl"
            command = [sys.executable, "-m", "nodesim", "run", *arguments, "--quiet", "--trace", str(trace)]
            done = subprocess.run(
                command,
                env={**os.environ, "PYTHONHASHSEED": hash_seed},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode not in (ExitCode.HELD, ExitCode.FAILED, ExitCode.UNDECIDED):
                msg = f"run {number} ended with {done.returncode}:\n{done.stderr.strip()}"
                raise NotRunnable(msg)
            traces.append(trace)
        return first_difference(*traces)


def first_difference(first: Path, second: Path) -> Difference | None:
    """The first line in which two files differ, None if they are equal."""
    with first.open() as one, second.open() as two:
        for line, (left, right) in enumerate(zip_longest(one, two), start=1):
            if left != right:
                return Difference(
                    line,
                    None if left is None else left.rstrip("\n"),
                    None if right is None else right.rstrip("\n"),
                )
    return None
