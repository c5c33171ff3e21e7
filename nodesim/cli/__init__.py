"""The `nodesim` command."""

from nodesim.cli.main import main

__all__ = ["main"]
