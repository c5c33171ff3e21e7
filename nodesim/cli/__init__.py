"""The `nodesim` command."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Final

__all__ = ["main"]

_INTERRUPTED: Final = 130
"""`ExitCode.INTERRUPTED`, whose module is one of those that are read."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit.

    The modules behind it are read only here: that takes half a second, and Ctrl-C in it is an end like any other.
    """
    try:
        from nodesim.cli.command import run_command
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.stderr.flush()
        # Python itself would end by the signal where it met it inside an `exec`, as dataclasses use.
        os._exit(_INTERRUPTED)
    run_command(arguments)
