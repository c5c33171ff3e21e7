"""When does an event go by itself?

The API server keeps events for --event-ttl after their last write, by leases of etcd: a write takes the lease of the
write before it while that one lasts long enough, else a new one with a little extra time, so that many events share
one and go together, in the order of their keys.
Sources: pkg/registry/core/event/storage/storage.go `NewREST` (`TTLFunc`); apiserver pkg/storage/etcd3/lease_manager.go
`GetLease`, `getReuseDurationSecondsLocked`; etcd server/lease/lessor.go `Revoke`.  etcd looks for leases that are over
twice a second; here they are over at their instant.
"""

from __future__ import annotations

from typing import Final

from nodesim.apiserver.store import Key
from nodesim.units import SECOND

REUSE_SECONDS_MAX: Final = 60
_REUSE_PART: Final = 20
"""A lease is longer than the time to live by one part of so many, at most by `REUSE_SECONDS_MAX`."""
SHARERS_MAX: Final = 1000
"""Writes that share a lease, later ones of an object counted again (`defaultLeaseMaxObjectCount`)."""


class Expiry:
    """The leases of all events; times in us of the run."""

    def __init__(self, ttl_us: int) -> None:
        ttl_seconds = ttl_us // SECOND
        self._ttl_us = ttl_seconds * SECOND
        self._reuse_us = min(REUSE_SECONDS_MAX, ttl_seconds // _REUSE_PART) * SECOND
        self._until_us: dict[Key, int] = {}
        """When each event goes."""
        self._leases: dict[int, dict[Key, None]] = {}
        """When a lease is over -> what was written under it (and perhaps under a later one since), soonest first."""
        self._last_us = 0
        """When the last lease is over."""
        self._sharers = 0

    def restart(self) -> None:
        """A new process of the API server knows no lease that it could share; etcd keeps them all."""
        self._sharers = SHARERS_MAX

    def written(self, key: Key, now_us: int) -> None:
        """An event was made or changed: it stays for its whole time again."""
        self._sharers += 1
        lasts = now_us + self._ttl_us < self._last_us <= now_us + self._ttl_us + self._reuse_us
        if not lasts or self._sharers > SHARERS_MAX:
            self._last_us = now_us + self._ttl_us + self._reuse_us
            self._sharers = 1
        self._until_us[key] = self._last_us
        self._leases.setdefault(self._last_us, {})[key] = None

    def removed(self, key: Key) -> None:
        """Somebody deleted an event."""
        del self._until_us[key]

    def next_us(self) -> int | None:
        """When the first lease is over; None where there is none."""
        return next(iter(self._leases), None)

    def due(self, now_us: int) -> list[Key]:
        """The events that go now, in order; they are forgotten."""
        gone: list[Key] = []
        while (next_us := self.next_us()) is not None and next_us <= now_us:
            held = self._leases.pop(next_us)
            gone += sorted((key for key in held if self._until_us.get(key) == next_us), key="/".join)
        for key in gone:
            del self._until_us[key]
        return gone
