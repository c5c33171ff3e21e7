"""Which waiting node of a zone may be tainted next, and when?

How it works.  A zone's queue holds names by the instant at which they are due, and beside it the set of names that it
knows: a name that was acted upon leaves the queue and stays in the set, so that it cannot be added again before it is
removed.  Each attempt costs a token of the zone's bucket, whatever comes of it: also when the first name is not due, is
Ready again or is gone.

Source: pkg/controller/nodelifecycle/scheduler/rate_limited_queue.go; client-go util/flowcontrol/throttle.go and
golang.org/x/time/rate (the bucket).  Rates are in thousandths of a node per second, and the bucket counts in billionths
of a token (a thousandth per second times a microsecond), so that 0.1/s gives its next token after exactly 10 s.
"""

from __future__ import annotations

import heapq
from typing import Final

import attrs

TOKEN: Final = 1_000_000_000
"""One token in the bucket's unit."""

NEVER_REPORTS_MILLI: Final = 1000
"""The limiter that never accepts says its rate is 1/s (flowcontrol's fakeNeverRateLimiter)."""


@attrs.define
class TokenBucket:
    """A limiter with room for one token; full when new.  `rate_milli` 0 never accepts."""

    rate_milli: int
    at_us: int
    """When `level` was right."""
    level: int = TOKEN

    @property
    def reported_milli(self) -> int:
        """The rate that it claims to have."""
        return self.rate_milli or NEVER_REPORTS_MILLI

    def try_accept(self, now_us: int) -> bool:
        """Take a token if there is one."""
        if not self.rate_milli:
            return False
        level = min(TOKEN, self.level + self.rate_milli * (now_us - self.at_us))
        if level < TOKEN:
            return False  # The bucket keeps its old level and instant: what flowed in since is counted later.
        self.level, self.at_us = 0, now_us
        return True

    def full_us(self) -> int | None:
        """The instant from which it has its token, None if never."""
        if not self.rate_milli:
            return None
        return self.at_us + -((self.level - TOKEN) // self.rate_milli)


@attrs.define
class RateLimitedTimedQueue:
    """The nodes of one zone that wait for their NoExecute taint."""

    limiter: TokenBucket
    _due: dict[str, tuple[int, int]] = attrs.field(factory=dict, init=False)
    """name -> (due us, place among equal instants)"""
    _heap: list[tuple[int, int, str]] = attrs.field(factory=list, init=False)
    """The same, ordered; entries that `_due` does not have any more are passed over."""
    _known: set[str] = attrs.field(factory=set, init=False)
    _places: int = attrs.field(default=0, init=False)
    _trying: bool = attrs.field(default=False, init=False)
    _swap_after_milli: int | None = attrs.field(default=None, init=False)

    def __len__(self) -> int:
        """How many names wait."""
        return len(self._due)

    def __contains__(self, name: str) -> bool:
        """Is the name in the set, waiting or acted upon?"""
        return name in self._known

    def waiting(self) -> list[str]:
        """The waiting names, next one first."""
        return sorted(self._due, key=self._due.__getitem__)

    def known(self) -> list[str]:
        """The names in the set, in name order."""
        return sorted(self._known)

    def add(self, name: str, now_us: int) -> bool:
        """Queue a name, due now; refused if the set has it."""
        if name in self._known:
            return False
        self._known.add(name)
        self._push(name, now_us)
        return True

    def remove(self, name: str) -> bool:
        """Drop a name from queue and set; was it in the set?"""
        if name not in self._known:
            return False
        self._known.remove(name)
        self._due.pop(name, None)
        return True

    def clear(self) -> None:
        """Forget all names; the limiter stays."""
        self._due.clear()
        self._heap.clear()
        self._known.clear()

    def attempt(self, now_us: int) -> str | None:
        """One turn of the loop `Try`: the name to act upon, or None when the loop ends for now.

        After a name, call `succeeded` or `failed`, then `attempt` again, until it gives None.
        """
        head = self._head()
        if head is None or not self.limiter.try_accept(now_us) or head[0] > now_us:
            self._end_of_try(now_us)
            return None
        self._trying = True
        return head[2]

    def succeeded(self, name: str) -> None:
        """The action is done: the name leaves the queue, and stays in the set."""
        self._due.pop(name, None)

    def failed(self, name: str, attempted_us: int, wait_us: int) -> None:
        """The action wants to be tried again: due `wait_us` after the attempt, and the smallest step of the clock
        (Kubernetes: 1 ns) later.  A name that was removed meanwhile stays away.
        """
        if name in self._due:
            self._push(name, attempted_us + wait_us + 1)

    def swap_limiter(self, rate_milli: int, now_us: int) -> None:
        """Change the rate; <= 0 stops.

        Nothing happens if the current limiter reports that rate already.  As one that never accepts reports 1/s, a
        zone with --node-eviction-rate=1 that was stopped stays stopped (a bug of Kubernetes).  A new bucket starts
        empty if the old one is, else with its token.  Kubernetes waits for a running `Try` to end; so does this.
        """
        if self._trying:
            self._swap_after_milli = rate_milli
            return
        if self.limiter.reported_milli == rate_milli:
            return
        bucket = TokenBucket(max(rate_milli, 0), now_us)
        if rate_milli > 0 and not self.limiter.try_accept(now_us):
            bucket.try_accept(now_us)
        self.limiter = bucket

    def acts_us(self) -> int | None:
        """From when on an attempt changes anything, None if it never does as things are."""
        return self.limiter.full_us() if self._due else None

    def _push(self, name: str, due_us: int) -> None:
        self._places += 1
        self._due[name] = (due_us, self._places)
        heapq.heappush(self._heap, (due_us, self._places, name))
        if len(self._heap) > 2 * len(self._due) + 8:
            # Each pass removes and adds every waiting node, so that passed-over entries would pile up.
            self._heap = [(due, place, waiting) for waiting, (due, place) in self._due.items()]
            heapq.heapify(self._heap)

    def _head(self) -> tuple[int, int, str] | None:
        heap = self._heap
        while heap:
            due_us, place, name = heap[0]
            if self._due.get(name) == (due_us, place):
                return heap[0]
            heapq.heappop(heap)
        return None

    def _end_of_try(self, now_us: int) -> None:
        self._trying = False
        if self._swap_after_milli is not None:
            rate_milli, self._swap_after_milli = self._swap_after_milli, None
            self.swap_limiter(rate_milli, now_us)
