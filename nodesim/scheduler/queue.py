"""Which pod is decided next, and when is a refused one tried again?

How it works.  A pod that awaits a node stands in one of three places:

* **active** (activeQ): decided at once, by priority, then by the time it came (back).
* **backing off** (backoffQ): the cluster changed in its favour, but it was refused shortly before; 1, 2, 4, 8, 10 s by
  its count of refusals.  From 1.33 on an idle scheduler takes it all the same.  After an error (a failed binding) a pod
  backs off by its count of errors in a row, and idleness does not shorten that.
* **parked** (unschedulablePods): every node refused it.  Only a change that one of the filters that refused it cares
  for moves it, or five minutes (looked at every 30 s).

Pods are released from backoff once a second: up to 1.32 a whole number of seconds after the start, and not before the
backoff ended; from 1.33 at whole seconds of the clock, in the second after the one in which it ended.

Sources: pkg/scheduler/backend/queue/{scheduling_queue,backoff_queue}.go, plugins/queuesort/priority_sort.go.  Tries are
counted as from 1.34 on in all versions (before, errors and refusals had one count).
"""

from __future__ import annotations

import enum
import heapq
from collections.abc import Callable
from typing import Final, TypeAlias

import attrs

from nodesim.scheduler.pod import PodToPlace
from nodesim.units import MINUTE, SECOND

BACKOFF_FIRST_US: Final = 1 * SECOND
BACKOFF_MAX_US: Final = 10 * SECOND
BACKOFF_TICK_US: Final = 1 * SECOND
PARKED_MAX_US: Final = 5 * MINUTE
"""`podMaxInUnschedulablePodsDuration`."""
PARKED_TICK_US: Final = 30 * SECOND

_Rank: TypeAlias = tuple[int, int, int]
_Heap: TypeAlias = list[tuple[int, _Rank, str]]
"""End of the backoff (0 where active), rank, UID."""


class Place(enum.Enum):
    """Where a pod stands; `POPPED`: it is being decided."""

    ACTIVE = "active"
    BACKOFF = "backoff"
    PARKED = "parked"
    POPPED = "popped"


@attrs.define
class Waiting:
    """A pod that awaits a node."""

    pod: PodToPlace
    since_us: int
    """When it came, or came back after its last try."""
    ticket: int
    """Tells apart those of one instant."""
    place: Place = Place.ACTIVE
    refusals: int = 0
    errors: int = 0
    refused_by: tuple[str, ...] = ()
    """The filters that refused it in its last try; none after an error."""

    @property
    def rank(self) -> _Rank:
        """Its place among active pods: priority, time, ticket."""
        return (-self.pod.priority, self.since_us, self.ticket)


def backoff_us(tries: int) -> int:
    """How long a pod backs off after so many failed tries: 1, 2, 4, 8, 10, 10, ... s; 0 before the first."""
    return min(BACKOFF_FIRST_US << min(tries - 1, 8), BACKOFF_MAX_US) if tries else 0


def _next_tick(origin_us: int, period_us: int, not_before_us: int) -> int:
    ticks = -((origin_us - not_before_us) // period_us)
    return origin_us + max(ticks, 0) * period_us


class Queue:
    """All pods that await a node.  Entries in the heaps that no longer hold are passed over when they come up."""

    def __init__(self, pop_when_idle: bool) -> None:
        self._windowed = pop_when_idle
        self._tickets = 0
        self._waiting: dict[str, Waiting] = {}
        self._active: _Heap = []
        self._backoff: _Heap = []
        self._errors: _Heap = []
        self._parked: dict[str, Waiting] = {}
        self.origin_us = 0
        """When the scheduler began to decide; the 30 s (and up to 1.32 the 1 s) are counted from it."""

    def __contains__(self, uid: object) -> bool:
        return uid in self._waiting

    def place_of(self, uid: str) -> Place | None:
        """Where a pod stands, None where it is not in the queue."""
        waiting = self._waiting.get(uid)
        return waiting.place if waiting else None

    # --- coming and going ---------------------------------------------------------------------------------------------

    def add(self, pod: PodToPlace, now_us: int) -> None:
        """A new pod: decided as soon as its turn comes."""
        self._tickets += 1
        self._activate(Waiting(pod, now_us, self._tickets))

    def update(self, pod: PodToPlace, now_us: int) -> None:
        """A newer view of a pod in the queue; if it asks for something else now, it is tried again."""
        waiting = self._waiting[pod.uid]
        changed = (waiting.pod.wants, waiting.pod.labels) != (pod.wants, pod.labels)
        waiting.pod = pod
        if changed and waiting.place is Place.PARKED:
            self._unpark(waiting, now_us)

    def remove(self, uid: str) -> None:
        """The pod awaits no node any more; no effect where it is not here."""
        self._waiting.pop(uid, None)
        self._parked.pop(uid, None)

    def pop(self) -> Waiting | None:
        """The next pod to decide; it is no longer in the queue."""
        waiting = self._first(self._active, Place.ACTIVE)
        if waiting is not None:
            heapq.heappop(self._active)
        elif self._windowed and (waiting := self._first(self._backoff, Place.BACKOFF)) is not None:
            heapq.heappop(self._backoff)
        else:
            return None
        waiting.place = Place.POPPED
        del self._waiting[waiting.pod.uid]
        return waiting

    def park(self, waiting: Waiting, refused_by: tuple[str, ...], now_us: int) -> None:
        """A popped pod comes back: every node refused it."""
        assert refused_by
        self._return(waiting, refused_by, now_us)
        waiting.refusals += 1
        waiting.errors = 0
        waiting.place = Place.PARKED
        self._parked[waiting.pod.uid] = waiting

    def back_off(self, waiting: Waiting, now_us: int) -> None:
        """A popped pod comes back: something failed, and no filter refused it."""
        self._return(waiting, (), now_us)
        waiting.errors += 1
        self._to_backoff(waiting)

    def _return(self, waiting: Waiting, refused_by: tuple[str, ...], now_us: int) -> None:
        assert waiting.place is Place.POPPED
        self._tickets += 1
        waiting.ticket, waiting.since_us, waiting.refused_by = self._tickets, now_us, refused_by
        self._waiting[waiting.pod.uid] = waiting

    # --- moves --------------------------------------------------------------------------------------------------------

    def move(self, helped: Callable[[Waiting], bool], now_us: int) -> None:
        """The cluster changed: try the parked pods again that it helps."""
        for waiting in [item for item in self._parked.values() if helped(item)]:
            self._unpark(waiting, now_us)

    def release(self, now_us: int) -> None:
        """End the backoffs that are over."""
        for heap in (self._backoff, self._errors):
            while (waiting := self._first(heap, Place.BACKOFF)) is not None and not self._backs_off(waiting, now_us):
                heapq.heappop(heap)
                self._activate(waiting)

    def flush_parked(self, now_us: int) -> None:
        """Try again what was parked for more than five minutes."""
        self.move(lambda waiting: now_us - waiting.since_us > PARKED_MAX_US, now_us)

    def next_release_us(self) -> int | None:
        """When the next backoff can end, None while nobody backs off."""
        instants = [
            self._release_us(waiting)
            for heap in (self._backoff, self._errors)
            if (waiting := self._first(heap, Place.BACKOFF)) is not None
        ]
        return min(instants, default=None)

    @property
    def has_parked(self) -> bool:
        """Somebody is parked."""
        return bool(self._parked)

    def next_flush_us(self, now_us: int) -> int | None:
        """When the longest parked pod will have been so for too long, None while nobody is."""
        if not self._parked:
            return None
        oldest_us = min(waiting.since_us for waiting in self._parked.values())
        return _next_tick(self.origin_us, PARKED_TICK_US, max(oldest_us + PARKED_MAX_US, now_us) + 1)

    # --- places -------------------------------------------------------------------------------------------------------

    def _first(self, heap: _Heap, place: Place) -> Waiting | None:
        """The first entry of a heap that still holds; those before it are dropped."""
        while heap:
            _, (_, _, ticket), uid = heap[0]
            waiting = self._waiting.get(uid)
            if waiting is not None and waiting.place is place and waiting.ticket == ticket:
                return waiting
            heapq.heappop(heap)
        return None

    def _activate(self, waiting: Waiting) -> None:
        waiting.place = Place.ACTIVE
        self._waiting[waiting.pod.uid] = waiting
        heapq.heappush(self._active, (0, waiting.rank, waiting.pod.uid))

    def _unpark(self, waiting: Waiting, now_us: int) -> None:
        del self._parked[waiting.pod.uid]
        if self._backs_off(waiting, now_us):
            self._to_backoff(waiting)
        else:
            self._activate(waiting)

    def _to_backoff(self, waiting: Waiting) -> None:
        waiting.place = Place.BACKOFF
        heap = self._backoff if waiting.refused_by else self._errors
        heapq.heappush(heap, (self._backoff_end_us(waiting), waiting.rank, waiting.pod.uid))

    def _backoff_end_us(self, waiting: Waiting) -> int:
        end_us = waiting.since_us + backoff_us(waiting.refusals if waiting.refused_by else waiting.errors)
        return end_us - end_us % BACKOFF_TICK_US if self._windowed else end_us

    def _backs_off(self, waiting: Waiting, now_us: int) -> bool:
        end_us = self._backoff_end_us(waiting)
        return end_us >= now_us - now_us % BACKOFF_TICK_US if self._windowed else end_us > now_us

    def _release_us(self, waiting: Waiting) -> int:
        end_us = self._backoff_end_us(waiting)
        return end_us + BACKOFF_TICK_US if self._windowed else _next_tick(self.origin_us, BACKOFF_TICK_US, end_us)
