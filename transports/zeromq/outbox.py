"""What waits to be sent to one peer?

A bounded queue.  Of entries with one key only the newest waits (a heartbeat that was not sent is worth nothing once
there is a newer one), at the place where the newest was put, so that nothing overtakes anything.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from nodesim.world.transport import PAYLOAD_BYTES_MAX

ENTRIES_MAX: Final = 100_000
"""Payloads that may wait; 5,000 kubelets that list at once make a tenth of it."""
BYTES_MAX: Final = 2 * PAYLOAD_BYTES_MAX
"""Two of the largest payloads."""

OVERHEAD_BYTES: Final = 10
"""What msgpack puts before a key and a payload, at most."""


class Outbox:
    """Payloads in the order in which they go out."""

    __slots__ = ("_count", "_entries", "bytes", "entries_max")

    def __init__(self, entries_max: int = ENTRIES_MAX) -> None:
        self._entries: OrderedDict[int | str, bytes] = OrderedDict()
        self._count = 0
        self.bytes = 0
        self.entries_max = entries_max

    def put(self, payload: bytes, key: str = "") -> bool:
        """Append a payload; False: there is no room, and it is dropped."""
        name: int | str
        entries = self._entries
        if key:
            name = key
            if key in entries:
                self.bytes -= len(entries.pop(key))
        else:
            self._count = name = self._count + 1
        total = self.bytes + len(payload)
        if total > BYTES_MAX or len(entries) >= self.entries_max:
            return False
        entries[name] = payload
        self.bytes = total
        return True

    def take(self, bytes_max: int) -> list[str | bytes]:
        """Take out the oldest entries, as key, payload, key, payload, ...: at least one, then up to so many bytes."""
        taken: list[str | bytes] = []
        names: list[int | str] = []
        entries = self._entries
        for name, payload in entries.items():
            key = name if type(name) is str else ""
            bytes_max -= len(payload) + len(key) + OVERHEAD_BYTES
            if bytes_max < 0 and taken:
                break
            names.append(name)
            taken.append(key)
            taken.append(payload)
        if len(names) == len(entries):
            entries.clear()
            self.bytes = 0
            return taken
        for name in names:
            self.bytes -= len(entries.pop(name))
        return taken

    def clear(self) -> int:
        """Drop everything; how many payloads that were."""
        lost = len(self._entries)
        self._entries.clear()
        self.bytes = 0
        return lost

    def __len__(self) -> int:
        """How many payloads wait."""
        return len(self._entries)
