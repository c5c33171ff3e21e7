"""How soon is a failed pod of a DaemonSet deleted again on the same node?

At once, then after 1, 2, 4, ... s, 15 minutes at most; it begins anew half an hour after the last one.
Source: client-go util/flowcontrol/backoff.go `Backoff` (`IsInBackOffSinceUpdate`, `Next`), app/apps.go
`newDaemonSetController` (1 s, 15 min).
"""

from __future__ import annotations

from typing import Final

from nodesim.units import MINUTE, SECOND

FIRST_US: Final = SECOND
MAX_US: Final = 15 * MINUTE


class FailedPods:
    """The pauses, in the controller's memory."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, int]] = {}
        """Pause and instant of the last deletion."""

    def __repr__(self) -> str:
        """How many nodes and sets it knows."""
        return f"FailedPods(known={len(self._known)})"

    def pause_us(self, key: str, now_us: int) -> int:
        """The whole pause while it lasts, 0 where the pod may be deleted."""
        pause_us, since_us = self._known.get(key, (0, now_us))
        if now_us - since_us > 2 * MAX_US or now_us - since_us >= pause_us:
            return 0
        return pause_us

    def note(self, key: str, now_us: int) -> None:
        """A failed pod is deleted now."""
        pause_us, since_us = self._known.get(key, (0, now_us))
        fresh = not pause_us or now_us - since_us > 2 * MAX_US
        self._known[key] = (FIRST_US if fresh else min(2 * pause_us, MAX_US), now_us)
        self._known = {each: held for each, held in self._known.items() if now_us - held[1] <= 2 * MAX_US}
