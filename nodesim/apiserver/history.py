"""From which resourceVersion can a watch still be served?

The last changes of one resource, in a ring that grows while it is full of young changes and shrinks when three
quarters of it would do.
Source: apiserver pkg/storage/cacher/watch_cache.go `updateCache`, `resizeCacheLocked`, `getAllEventsSinceLocked`.
"""

from __future__ import annotations

from typing import Final

from nodesim.apiserver.store import VERSIONS_PER_US, Change

CAPACITY_MIN: Final = 100
CAPACITY_MAX: Final = 102_400


class History:
    """The changes of one resource that late watches can still hear of.

    A change's version tells its instant (to within the few microseconds that many writes of one instant count on).
    """

    __slots__ = ("_end", "_floor", "_fresh_us", "_ring", "_start", "capacity")

    def __init__(self, fresh_us: int, floor: int) -> None:
        self._fresh_us = fresh_us
        self._floor = floor
        """Every change after this version is here; once one was dropped, see `oldest`."""
        self.capacity = CAPACITY_MIN
        self._ring: list[Change | None] = [None] * CAPACITY_MIN
        self._start = 0
        self._end = 0

    def __len__(self) -> int:
        """How many changes are kept."""
        return self._end - self._start

    @property
    def oldest(self) -> int:
        """The oldest version from which a watch may begin; the real one, too, asks for more than it would need."""
        if self._start == 0:
            return self._floor
        return self._at(self._start).new.version - 1

    def append(self, change: Change, now_us: int) -> None:
        """Remember a change; forgets the oldest where there is no room."""
        if self._end - self._start == self.capacity:
            self._resize(now_us)
            if self._end - self._start == self.capacity:
                self._ring[self._start % self.capacity] = None
                self._start += 1
        self._ring[self._end % self.capacity] = change
        self._end += 1

    def since(self, version: int) -> list[Change] | None:
        """The changes after a version, in order; None where some of them may be forgotten."""
        if version < self.oldest:
            return None
        low, high = self._start, self._end
        while low < high:
            middle = (low + high) // 2
            if self._at(middle).new.version > version:
                high = middle
            else:
                low = middle + 1
        return [self._at(place) for place in range(low, self._end)]

    def _at(self, place: int) -> Change:
        change = self._ring[place % self.capacity]
        assert change is not None
        return change

    def _age_us(self, place: int, now_us: int) -> int:
        return now_us - self._at(place).new.version // VERSIONS_PER_US

    def _resize(self, now_us: int) -> None:
        """Double a full ring whose oldest change is young; halve it when its newest quarter already reaches back."""
        if self._age_us(self._start, now_us) < self._fresh_us:
            capacity = min(self.capacity * 2, CAPACITY_MAX)
        elif self._age_us(self._end - self.capacity // 4, now_us) > self._fresh_us:
            capacity = max(self.capacity // 2, CAPACITY_MIN)
        else:
            return
        if capacity == self.capacity:
            return
        start = max(self._start, self._end - capacity)
        ring: list[Change | None] = [None] * capacity
        for place in range(start, self._end):
            ring[place % capacity] = self._at(place)
        self._start, self._ring, self.capacity = start, ring, capacity
