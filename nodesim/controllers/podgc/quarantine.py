"""Since when is a node missing, and when is that long enough?

A missing node's name waits; when its time is over it is ready, until it is taken.  Naming a waiting one again delays
nothing; naming a ready one makes it wait once more, beside being ready.
Source: pkg/controller/podgc/gc_controller.go `quarantineTime`; client-go util/workqueue/delaying_queue.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nodesim.units import SECOND

QUARANTINE_US: Final = 40 * SECOND


class Quarantine:
    """The names of missing nodes.  Times in us."""

    def __init__(self) -> None:
        self._due_us: dict[str, int] = {}
        """Those that wait, with the end of their time; in the order in which they were named."""
        self._ready: dict[str, None] = {}

    def __repr__(self) -> str:
        return f"<Quarantine waiting={len(self._due_us)} ready={len(self._ready)}>"

    def name(self, nodes: Iterable[str], now_us: int) -> dict[str, int]:
        """These are missing; which of them began to wait, with the end of their time.

        At the end of its time a name is ready, not one instant later: the real queue was given it a moment after its
        run began, but runs drift by more than that.
        """
        self._move_on(now_us)
        begun: dict[str, int] = {}
        for node in nodes:
            if node not in self._due_us:
                begun[node] = self._due_us[node] = now_us + QUARANTINE_US
        return begun

    def take(self, now_us: int) -> list[str]:
        """The names that have waited long enough; they are taken out."""
        self._move_on(now_us)
        taken = list(self._ready)
        self._ready.clear()
        return taken

    def _move_on(self, now_us: int) -> None:
        for node in [node for node, due_us in self._due_us.items() if due_us <= now_us]:
            del self._due_us[node]
            self._ready[node] = None
