"""What is next?

The one queue of a world, by `(time, origin, n)`.  What is due within the current slot of about a second stands in a
heap; what comes later waits unsorted in its slot until that begins.  So most timeouts, which are cancelled long before
they are due, never cost a place in the heap, and the heap stays as small as a second of events.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from nodesim.world.home import Home

FRAME: Final = 0
TIMER: Final = 1
EVENT: Final = 2
RULE: Final = 3
RETRY: Final = 4

SLOT_BITS: Final = 20
"""A slot is 2**20 us: short beside the timeouts of 10 s and more, long beside the 2 ms of a round trip."""

Payload: TypeAlias = "Any"
"""By kind: bytes, a TimerKey, a MachineEvent, a LinkChange, (Channel, connection)."""
Entry: TypeAlias = "tuple[int, str, int, Home, int, Payload, str]"
"""(time, origin, n, whose turn, what kind of payload, payload, cause); rules of the network are nobody's turn."""


class Queue:
    """Entries in order; no two have the same (time, origin, n)."""

    __slots__ = ("_later", "_slots", "near", "near_until_us")

    def __init__(self) -> None:
        self.near: list[Entry] = []
        """The heap of what is due before `near_until_us`, always the same list; empty until `settle` fills it."""
        self.near_until_us = 0
        self._later: dict[int, list[Entry]] = {}
        self._slots: list[int] = []

    def push(self, entry: Entry) -> None:
        """Put an entry in."""
        at_us = entry[0]
        if at_us < self.near_until_us:
            heapq.heappush(self.near, entry)
            return
        slot = at_us >> SLOT_BITS
        try:
            self._later[slot].append(entry)
        except KeyError:
            self._later[slot] = [entry]
            heapq.heappush(self._slots, slot)

    def settle(self) -> bool:
        """Make sure that `near` begins with the next entry; False when there is none at all."""
        while not self.near:
            if not self._slots:
                return False
            slot = heapq.heappop(self._slots)
            self.near_until_us = (slot + 1) << SLOT_BITS
            # Timers that were cancelled or moved meanwhile are left behind here.
            self.near[:] = [
                entry
                for entry in self._later.pop(slot)
                if entry[4] != TIMER or entry[3].timers.get(entry[5]) == entry[2]
            ]
            heapq.heapify(self.near)
        return True
