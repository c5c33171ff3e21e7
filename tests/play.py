"""Feeds a script of (time, event) to a machine and tells what it ordered, and when."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol


class _Handles(Protocol):
    def handle(self, event: Any, now_us: int) -> list[Any]: ...


def play(machine: _Handles, script: Iterable[tuple[int, Any]]) -> list[tuple[int, Any]]:
    """Each effect with the time at which it was ordered, in order."""
    return [(now_us, effect) for now_us, event in script for effect in machine.handle(event, now_us)]
