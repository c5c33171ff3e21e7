"""Who hears of a change, and as what?

An object that begins to match a watch is ADDED to it, one that stops matching is DELETED from it.
Source: apiserver pkg/storage/cacher/cacher.go `startDispatching` (the index of watchers), cache_watcher.go
`convertToWatchEvent`.

How it works.  Each resource has its history and its watchers.  A watcher that wants one value of metadata.name or of an
indexed field stands in that value's bucket, so a write asks only those that may match: 5,000 kubelets that each watch
their own node cost nothing to the other 4,999.  Everything is sorted by (client, id of the watch).
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable

import attrs

from nodesim.apiserver.history import History
from nodesim.apiserver.registry import Resource
from nodesim.apiserver.selection import Selection
from nodesim.apiserver.store import Change, Stored, field_text
from nodesim.machine import MachineEffect, Send
from nodesim.messages import Renewed, WatchEvent
from nodesim.objects import encode_document


@attrs.define(eq=False)
class Watcher:
    """One open watch."""

    client: str
    connection: int
    id: int
    resource: Resource
    namespace: str
    selection: Selection
    brief: bool = False
    """Renewals of leases are told by `Renewed`."""
    steady: bool = False
    """Heartbeats (renewals of leases, a Node's status with new heartbeat times only) are not told."""

    @property
    def order(self) -> tuple[str, int]:
        """Its place among the watchers of a change."""
        return (self.client, self.id)

    @property
    def bucket(self) -> tuple[str, str] | None:
        """The (field label, value) by which it is found, None if every change may concern it."""
        equalities = self.selection.equalities()
        for label in ("metadata.name", *self.resource.indexes):
            if label in equalities:
                return (label, equalities[label])
        return None

    def event(self, change: Change) -> WatchEvent | Renewed | None:
        """What it hears of a change, None if nothing."""
        if self.namespace and self.namespace != change.new.namespace:
            return None
        if self.selection.everything:
            new = change.new
            if self.steady and new.base is not None:
                return None
            if self.brief and new.base is not None:
                return Renewed(new.namespace, new.name, new.text, new.renew_us)
            return WatchEvent(change.type, new.packed)
        before = change.old is not None and self.selection.matches(change.old)
        if change.type != "DELETED" and self.selection.matches(change.new):
            return WatchEvent("MODIFIED" if before else "ADDED", change.new.packed)
        if not before:
            return None
        return WatchEvent("DELETED", change.new.packed if change.type == "DELETED" else _left_behind(change))

    def send(self, event: WatchEvent | Renewed) -> Send:
        """The frame that tells it."""
        return Send(self.client, event, 0, self.id, self.connection)


def _left_behind(change: Change) -> bytes:
    """An object as it was when it still matched, under the version with which it stopped."""
    assert change.old is not None
    before = change.old.document
    return encode_document(
        {**before, "metadata": {**before["metadata"], "resourceVersion": str(change.new.version)}},
    )


def _order(watcher: Watcher) -> tuple[str, int]:
    return watcher.order


def _hears_whole_renewals(watcher: Watcher) -> bool:
    return not (watcher.selection.everything and (watcher.brief or watcher.steady))


class ResourceWatches:
    """The history and the watchers of one resource."""

    def __init__(self, resource: Resource, history: History) -> None:
        self.resource = resource
        self.history = history
        self.plain: list[Watcher] = []
        """Those that hear of everything, sorted."""
        self.choosy = 0
        """How many others there are."""
        self._brief: list[Watcher] = []
        """Those of them that hear of renewals in brief, sorted."""
        self._full = 0
        """How many are not among those."""
        self._loose: list[Watcher] = []
        self._buckets: dict[tuple[str, str], list[Watcher]] = {}

    def add(self, watcher: Watcher) -> None:
        """Begin to tell a watcher."""
        insort(self._home(watcher), watcher, key=_order)
        self.choosy += not self._is_plain(watcher)
        if not _hears_whole_renewals(watcher):
            if not watcher.steady:
                insort(self._brief, watcher, key=_order)
        else:
            self._full += 1

    def remove(self, watcher: Watcher) -> None:
        """Tell a watcher no more."""
        self._home(watcher).remove(watcher)
        self.choosy -= not self._is_plain(watcher)
        if not _hears_whole_renewals(watcher):
            if not watcher.steady:
                self._brief.remove(watcher)
        else:
            self._full -= 1
        bucket = watcher.bucket
        if bucket is not None and not self._buckets[bucket]:
            del self._buckets[bucket]

    def publish(self, change: Change, now_us: int, out: list[MachineEffect], *, beat: bool = False) -> int:
        """Remember a change and append the frames that tell of it (of a `beat` only to whom it matters); how many."""
        self.history.append(change, now_us)
        told = len(out)
        if self.choosy or beat:
            self._tell(change, out, beat=beat)
        else:
            event = WatchEvent(change.type, change.new.packed)
            for watcher in self.plain:
                out.append(Send(watcher.client, event, 0, watcher.id, watcher.connection))
        return len(out) - told

    def publish_heartbeat(self, lease: Stored, now_us: int, out: list[MachineEffect]) -> int:
        """The same for a heartbeat."""
        self.history.append_heartbeat(lease, now_us)
        told = len(out)
        if self._full:
            self._tell(Change("MODIFIED", lease, lease.base), out)
        else:
            event = Renewed(lease.namespace, lease.name, lease.text, lease.renew_us)
            for watcher in self._brief:
                if not watcher.namespace or watcher.namespace == lease.namespace:
                    out.append(Send(watcher.client, event, 0, watcher.id, watcher.connection))
        return len(out) - told

    def _tell(self, change: Change, out: list[MachineEffect], *, beat: bool = False) -> None:
        for watcher in self._concerned(change):
            if beat and watcher.steady and watcher.selection.everything:
                continue
            seen = watcher.event(change)
            if seen is not None:
                out.append(watcher.send(seen))

    def _concerned(self, change: Change) -> list[Watcher]:
        """The watchers that may hear of a change, sorted."""
        found = self.plain + self._loose
        if self._buckets:
            for bucket in self._buckets_of(change):
                found += self._buckets.get(bucket, ())
        if len(found) > 1:
            found.sort(key=_order)
        return found

    def _buckets_of(self, change: Change) -> Iterable[tuple[str, str]]:
        yield ("metadata.name", change.new.name)
        for label in self.resource.indexes:
            path = self.resource.fields[label]
            now = field_text(change.new.document, path)
            yield (label, now)
            if change.old is not None:
                before = field_text(change.old.document, path)
                if before != now:
                    yield (label, before)

    def _is_plain(self, watcher: Watcher) -> bool:
        return not watcher.namespace and watcher.selection.everything

    def _home(self, watcher: Watcher) -> list[Watcher]:
        if self._is_plain(watcher):
            return self.plain
        bucket = watcher.bucket
        return self._loose if bucket is None else self._buckets.setdefault(bucket, [])


class Watches:
    """All open watches and what late ones can still hear of."""

    def __init__(self, resources: Iterable[Resource], fresh_us: int, version: int) -> None:
        self._resources = tuple(resources)
        self._fresh_us = fresh_us
        self._clients: dict[str, dict[int, Watcher]] = {}
        self.of: dict[str, ResourceWatches] = {}
        self.restart(version)

    def restart(self, version: int) -> None:
        """The server's process begins: it knows the objects as of `version`, and nobody watches."""
        self._clients = {}
        self.of = {
            resource.name: ResourceWatches(resource, History(self._fresh_us, version)) for resource in self._resources
        }

    def open(self, watcher: Watcher) -> None:
        """Begin to tell a watcher; an older one of that id ends."""
        self.close(watcher.client, watcher.id)
        self._clients.setdefault(watcher.client, {})[watcher.id] = watcher
        self.of[watcher.resource.name].add(watcher)

    def close(self, client: str, id_: int) -> None:
        """End one watch, if it is open."""
        watcher = self._clients.get(client, {}).pop(id_, None)
        if watcher is not None:
            self.of[watcher.resource.name].remove(watcher)

    def close_all(self, client: str) -> None:
        """End all watches of a client: its connection is gone."""
        for watcher in self._clients.pop(client, {}).values():
            self.of[watcher.resource.name].remove(watcher)
