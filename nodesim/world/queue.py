"""What is next?

The one queue of a world, by `(time, origin, n)`.  What is due later than in the current slot of about a second waits
unsorted in its slot; when that begins, it is sorted once.  What comes in for the current slot itself, frames on their
way above all, stands in a heap, which so has no more than a few entries.

A timer that is set anew before it fires, as the one for a call's timeout is with every call, need not leave an entry
behind each time.  From its second setting on it stands in its home (`Home.moved_us`), and the home alone in the queue,
in a slot at or before it; when that begins, the timer gets its entry, or the home goes on to a later slot.
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
STRIDE: Final = 9
"""How many slots a home with a moved timer goes on at most: so far that it is looked at but once between two calls,
not so far that the next call, with a timeout of 10 s or more, has to fetch it back."""
NOWHERE: Final = 1 << 62
"""The slot of a home that stands in none."""

Payload: TypeAlias = "Any"
"""By kind: bytes, a TimerKey, a MachineEvent, a LinkChange, (Channel, connection)."""
Entry: TypeAlias = "tuple[int, str, int, Home, int, Payload, str]"
"""(time, origin, n, whose turn, what kind of payload, payload, cause); rules of the network are nobody's turn."""


class Queue:
    """Entries in order; no two have the same (time, origin, n).

    The next one is the last of `due` or the first of `near`, whichever is before the other.
    """

    __slots__ = ("_homes", "_later", "_slots", "due", "near", "near_until_us")

    def __init__(self) -> None:
        self.due: list[Entry] = []
        """What waited for the current slot, the last first; always the same list."""
        self.near: list[Entry] = []
        """The heap of what came in since and is due before `near_until_us`; always the same list."""
        self.near_until_us = 0
        self._later: dict[int, list[Entry]] = {}
        self._homes: dict[int, list[Home]] = {}
        """Those with a moved timer, by slot; a home counts in the slot that it names, elsewhere it is left over."""
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
            self._begin(slot)
            self._later[slot].append(entry)

    def wait(self, home: Home, slot: int) -> None:
        """Let a home with a moved timer wait for a slot."""
        home.slot = slot
        try:
            self._homes[slot].append(home)
        except KeyError:
            self._begin(slot)
            self._homes[slot].append(home)

    def _begin(self, slot: int) -> None:
        self._later[slot], self._homes[slot] = [], []
        heapq.heappush(self._slots, slot)

    def settle(self) -> bool:
        """Make sure that `due` or `near` has the next entry; False when there is none at all."""
        while not (self.near or self.due):
            if not self._slots:
                return False
            slot = heapq.heappop(self._slots)
            self.near_until_us = (slot + 1) << SLOT_BITS
            # Timers that were cancelled or set anew meanwhile are left behind here.
            self.due[:] = [
                entry
                for entry in self._later.pop(slot)
                if entry[4] != TIMER or entry[3].timers.get(entry[5]) == entry[2]
            ]
            self._look_at(self._homes.pop(slot), slot)
            self.due.sort(reverse=True)
        return True

    def _look_at(self, homes: list[Home], slot: int) -> None:
        """The slot of these has begun: their moved timers are due in it, or the homes go on."""
        for home in homes:
            if home.slot != slot:
                continue
            home.slot = NOWHERE
            if home.timers.get(home.moved) != home.moved_count:
                continue  # It was cancelled.
            due_slot = home.moved_us >> SLOT_BITS
            if due_slot <= slot:
                self.due.append((home.moved_us, home.name, home.moved_count, home, TIMER, home.moved, ""))
            else:
                self.wait(home, min(due_slot, slot + STRIDE))

    def head(self) -> Entry | None:
        """The next entry; None when there is none."""
        if not self.settle():
            return None
        if self.due and not (self.near and self.near[0] < self.due[-1]):
            return self.due[-1]
        return self.near[0]
