"""The `nodesim` command."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from nodesim.errors import ExitCode

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit.

    The modules behind it are read only here: that takes half a second, and Ctrl-C in it is an end like any other.
    """
    try:
        from nodesim.cli.command import run_command
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(ExitCode.INTERRUPTED)
    run_command(arguments)
