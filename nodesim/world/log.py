"""How do an agent's records reach the hub, so that none is there twice or in vain?

The agent numbers them, keeps them until the hub says that it has them, and after a break of the link sends what the
hub does not have.  With them goes the instant up to which the agent has recorded all: behind the least of these
instants of all agents, and its own, the hub's trace is final.  So a process that dies takes along the records that the
hub has not heard of, and nothing else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

from nodesim.trace.records import TraceRecord
from nodesim.world.words import Log, encode_word, record_chunks

KEPT_MAX: Final = 200_000
"""Records that are kept for a hub that is away; then the oldest are lost.  A node that is cut off makes few."""


class SentLog:
    """The agent's side."""

    def __init__(self) -> None:
        self._kept: deque[TraceRecord] = deque()
        self._first = 0
        """The number of the first that is kept."""
        self._unsent = 0
        """The number of the first that was not sent on this connection."""
        self.lost = 0
        """Records that found no room."""

    def add(self, records: Sequence[TraceRecord]) -> None:
        """These were made."""
        self._kept += records
        while len(self._kept) > KEPT_MAX:
            self._kept.popleft()
            self._first += 1
            self.lost += 1
        self._unsent = max(self._unsent, self._first)

    def words(self, final_us: int) -> Iterator[bytes]:
        """What is to be sent now; `final_us`: there will be no others up to there."""
        unsent = [self._kept[place] for place in range(self._unsent - self._first, len(self._kept))]
        chunks = list(record_chunks(unsent)) or [()]
        for chunk in chunks:
            # Only with the last of them all is known.
            known_us = final_us if chunk is chunks[-1] else -1
            yield encode_word(Log(self._unsent, known_us, self.lost, chunk))
            self._unsent += len(chunk)

    def has(self, count: int) -> None:
        """The hub has so many of them."""
        while self._kept and self._first < count:
            self._kept.popleft()
            self._first += 1
        self._unsent = max(self._unsent, self._first)

    def again(self, count: int) -> None:
        """A new connection; the hub has so many."""
        self.has(count)
        self._unsent = self._first

    @property
    def waiting(self) -> int:
        """Records of which the hub has not said that it has them."""
        return len(self._kept)


class HeardLog:
    """The hub's side, for one process of an agent."""

    def __init__(self, final_us: int = -1) -> None:
        self.count = 0
        """Records that are here, or lost for good."""
        self.lost = 0
        self.final_us = final_us
        """The agent has told all up to here (us, inclusive)."""

    def take(self, log: Log) -> Sequence[TraceRecord]:
        """What of this is new."""
        new = log.records[max(0, self.count - log.first) :]
        self.count = max(self.count, log.first + len(log.records))
        self.lost = max(self.lost, log.lost)
        self.final_us = max(self.final_us, log.final_us)
        return new
