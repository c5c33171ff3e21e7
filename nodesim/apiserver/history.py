"""From which resourceVersion can a watch still be served?

The last changes of one resource, in a ring that grows while it is full of young changes and shrinks when three
quarters of it would do.
Source: apiserver pkg/storage/cacher/watch_cache.go `updateCache`, `resizeCacheLocked`, `getAllEventsSinceLocked`.
"""

from __future__ import annotations

from array import array
from typing import Final

from attrs import evolve

from nodesim.apiserver.store import VERSIONS_PER_US, Change, Stored

CAPACITY_MIN: Final = 100
CAPACITY_MAX: Final = 102_400


class History:
    """The changes of one resource that late watches can still hear of.

    A change's version tells its instant (to within the few microseconds that many writes of one instant count on).
    """

    __slots__ = ("_end", "_floor", "_fresh_us", "_renewals", "_ring", "_start", "_versions", "capacity")

    def __init__(self, fresh_us: int, floor: int) -> None:
        self._fresh_us = fresh_us
        self._floor = floor
        """Every change after this version is here; once one was dropped, see `oldest`."""
        self.capacity = CAPACITY_MIN
        self._ring: list[Change | Stored | None] = [None] * CAPACITY_MIN
        """Changes; for a heartbeat only the revision it stands on."""
        self._versions = array("q", [0]) * CAPACITY_MIN
        self._renewals = array("q", [0]) * CAPACITY_MIN
        """The renewTime of heartbeats."""
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
        return self._versions[self._start % self.capacity] - 1

    def append(self, change: Change, now_us: int) -> None:
        """Remember a change; forgets the oldest where there is no room."""
        place = self._room(now_us)
        self._ring[place] = change
        self._versions[place] = change.new.version

    def append_heartbeat(self, lease: Stored, now_us: int) -> None:
        """Remember a heartbeat: no more than what is new in it, because there are so many."""
        place = self._room(now_us)
        self._ring[place] = lease.base
        self._versions[place] = lease.version
        try:
            self._renewals[place] = lease.renew_us
        except OverflowError:  # No clock shows such a time, but a message can hold it.
            self._ring[place] = Change("MODIFIED", evolve(lease), lease.base)

    def _room(self, now_us: int) -> int:
        """The place of the next change."""
        if self._end - self._start == self.capacity:
            fresh = (now_us - self._fresh_us) * VERSIONS_PER_US
            oldest, quarter = self._start % self.capacity, (self._end - self.capacity // 4) % self.capacity
            if self._versions[oldest] >= fresh or self._versions[quarter] < fresh:
                self._resize(now_us)
            if self._end - self._start == self.capacity:
                self._ring[self._start % self.capacity] = None
                self._start += 1
        self._end += 1
        return (self._end - 1) % self.capacity

    def since(self, version: int) -> list[Change] | None:
        """The changes after a version, in order; None where some of them may be forgotten."""
        if version < self.oldest:
            return None
        low, high = self._start, self._end
        while low < high:
            middle = (low + high) // 2
            if self._versions[middle % self.capacity] > version:
                high = middle
            else:
                low = middle + 1
        return [self._at(place) for place in range(low, self._end)]

    def _at(self, place: int) -> Change:
        place %= self.capacity
        found = self._ring[place]
        assert found is not None
        if isinstance(found, Change):
            return found
        # To those who select leases, a heartbeat and the revision below it look alike.
        return Change("MODIFIED", found.heartbeat(self._versions[place], self._renewals[place]), found)

    def _age_us(self, place: int, now_us: int) -> int:
        return now_us - self._versions[place % self.capacity] // VERSIONS_PER_US

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
        ring: list[Change | Stored | None] = [None] * capacity
        versions, renewals = array("q", [0]) * capacity, array("q", [0]) * capacity
        for place in range(start, self._end):
            old, new = place % self.capacity, place % capacity
            ring[new], versions[new], renewals[new] = self._ring[old], self._versions[old], self._renewals[old]
        self._ring, self._versions, self._renewals = ring, versions, renewals
        self._start, self.capacity = start, capacity
