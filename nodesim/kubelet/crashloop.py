"""How long does a crashed container wait for its next start?

Nominally 0, 10, 20, 40, 80, 160, then 300 s after the first, second, ... exit; it begins anew when a container ran
for about ten minutes.  Sources: pkg/kubelet/kuberuntime `doBackOff`, client-go util/flowcontrol/backoff.go.
"""

from __future__ import annotations

from typing import Final

from nodesim.units import MINUTE, SECOND

DELAY_START_US: Final = 10 * SECOND
DELAY_MAX_US: Final = 300 * SECOND
FORGET_AFTER_US: Final = 10 * MINUTE


class CrashBackoff:
    """The delays of one kubelet process's containers; in memory only, so a restart of the kubelet begins anew."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], tuple[int, int]] = {}

    def __repr__(self) -> str:
        """How many containers it knows."""
        return f"CrashBackoff(entries={len(self._entries)})"

    def delay_us(self, key: tuple[str, str], finished_us: int) -> int:
        """How long after its exit a container waits; `key` is the pod's uid and the container's name."""
        entry = self._entries.get(key)
        if entry is None or finished_us - entry[1] > FORGET_AFTER_US:
            return 0
        return entry[0]

    def restarted(self, key: tuple[str, str], finished_us: int, now_us: int) -> None:
        """The container that had exited at `finished_us` is started again."""
        before = self.delay_us(key, finished_us)
        self._entries[key] = (min(2 * before, DELAY_MAX_US) if before else DELAY_START_US, now_us)

    def forget(self, uid: str) -> None:
        """The pod is gone."""
        for key in [key for key in self._entries if key[0] == uid]:
            del self._entries[key]
