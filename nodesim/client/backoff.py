"""How long does a reflector wait before it tries again?

Source: client-go tools/cache/reflector.go `NewReflectorWithOptions` and apimachinery pkg/util/wait/backoff.go
`exponentialBackoffManagerImpl`: 0.8 s, doubled, capped at 30 s, each wait drawn from [d, 2d), back to 0.8 s when the
last wait began more than 2 minutes ago.
"""

from __future__ import annotations

from typing import Final

from nodesim.streams import Stream
from nodesim.units import MILLISECOND, MINUTE, SECOND

FIRST_US: Final = 800 * MILLISECOND
CAP_US: Final = 30 * SECOND
RESET_US: Final = 2 * MINUTE


class ReflectorBackoff:
    """The waits of one reflector."""

    __slots__ = ("_began_us", "_next_us")

    def __init__(self) -> None:
        self._next_us = FIRST_US
        self._began_us: int | None = None

    def wait_us(self, now_us: int, stream: Stream) -> int:
        """How long to wait from now on; one draw."""
        if self._began_us is not None and now_us - self._began_us > RESET_US:
            self._next_us = FIRST_US
        self._began_us = now_us
        base_us = self._next_us
        self._next_us = min(base_us * 2, CAP_US)
        return base_us + stream.below(base_us)
