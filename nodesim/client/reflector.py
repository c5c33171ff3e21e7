"""How does a client's cache follow the API server?

How it works.  A reflector lists its resource, then watches from the list's resourceVersion.  Each event moves that
version on.  When the watch breaks with its connection, it waits (`ReflectorBackoff`) and lists again; when a watch
cannot be opened because the connection is refused, it waits and watches again from where it was; when the version is
too old (410), it lists.  What a new list shows is compared with the cache: only differences are told.

Source: client-go tools/cache/reflector.go `ListAndWatch`, `watch`, `watchHandler`.  Left out: bookmarks and the watch
timeout of 5 to 10 minutes (a watch lives as long as its connection), and streamed lists (1.35).
"""

from __future__ import annotations

from sys import intern
from typing import Any, Literal

from nodesim.client.backoff import ReflectorBackoff
from nodesim.client.watches import WatchSpec
from nodesim.machine import Changed, ProgramEvent, Synced
from nodesim.messages import Done, Failure, List, Listed, Renewed, Watch, WatchEvent
from nodesim.objects import Document, decode_document
from nodesim.streams import Stream


class Reflector:
    """The cache of one `WatchSpec`.  `act` says which request to send next; the owner sends it."""

    __slots__ = (
        "_backoff",
        "_stream",
        "cache",
        "ended",
        "label",
        "next",
        "spec",
        "synced",
        "version",
        "versions",
        "watch_id",
    )

    def __init__(self, spec: WatchSpec, stream: Stream) -> None:
        self.spec = spec
        self.label = spec.label or spec.resource
        self._stream = stream
        self._backoff = ReflectorBackoff()
        self.cache: dict[str, Any] = {}
        """`namespace/name` or `name` -> view."""
        self.versions: dict[str, str] = {}
        self.version = ""
        self.synced = False
        self.next: Literal["list", "watch"] = "list"
        self.ended = False
        """Nobody wants it any more."""
        self.watch_id = 0
        """The id of the open watch, 0 while there is none."""

    def request(self) -> List | Watch:
        """What to ask the server now."""
        spec = self.spec
        if self.next == "list":
            return List(spec.resource, spec.namespace, spec.fields, spec.labels)
        brief = spec.renewed is not None
        return Watch(spec.resource, spec.namespace, spec.fields, spec.labels, self.version, brief, spec.steady)

    def answered(self, answer: Done | Listed | Failure, id_: int) -> list[ProgramEvent] | None:
        """The server answered a request: the changes that the program hears of, or None: wait, then ask again."""
        if type(answer) is Listed:
            self.next = "watch"
            return self._replace(answer)
        if type(answer) is Done:
            self.watch_id = id_
            return []
        self.next = "list"
        return None

    def failed(self, reason: str) -> None:
        """No answer to a request came.  A watch refused by the network is tried again as it is."""
        if not (self.next == "watch" and reason == "ConnectionRefused"):
            self.next = "list"

    def broken(self) -> None:
        """The open watch ended with its connection."""
        self.watch_id = 0
        self.next = "list"

    def wait_us(self, now_us: int) -> int:
        """How long to wait before the next request."""
        return self._backoff.wait_us(now_us, self._stream)

    def saw(self, event: WatchEvent) -> Changed | None:
        """A watch event: the change that the program hears of; None for an object that was not in the cache."""
        document = decode_document(event.document)
        metadata = document["metadata"]
        namespace = metadata.get("namespace")
        key = intern(f"{namespace}/{metadata['name']}" if namespace else metadata["name"])
        version = self.version = intern(metadata["resourceVersion"])
        old = self.cache.get(key)
        if event.type == "DELETED":
            if old is None:
                return None
            del self.cache[key], self.versions[key]
            return Changed(self.label, key, old, None)
        new = self.cache[key] = self._view(document, old)
        self.versions[key] = version
        return Changed(self.label, key, old, new)

    def _view(self, document: Document, old: Any) -> Any:
        spec = self.spec
        return spec.view(document) if old is None or spec.again is None else spec.again(document, old)

    def renewed(self, event: Renewed) -> None:
        """A lease was renewed: the program's port hears of it; the view in the cache keeps its older time."""
        key = event.namespace + "/" + event.name
        if key in self.versions and self.spec.renewed is not None:
            self.version = self.versions[key] = event.resource_version
            self.spec.renewed(event.name, event.renew_us)

    def _replace(self, answer: Listed) -> list[ProgramEvent]:
        """Take over a list: what appeared or differs first, in the list's order, then what is gone, by key."""
        events: list[ProgramEvent] = []
        label, listed = self.label, set()
        for packed in answer.documents:
            document = decode_document(packed)
            metadata = document["metadata"]
            namespace = metadata.get("namespace")
            key = intern(f"{namespace}/{metadata['name']}" if namespace else metadata["name"])
            listed.add(key)
            version = intern(metadata["resourceVersion"])
            if self.versions.get(key) == version:
                continue
            old = self.cache.get(key)
            new = self.cache[key] = self._view(document, old)
            self.versions[key] = version
            events.append(Changed(label, key, old, new))
        for key in sorted(self.cache.keys() - listed):
            events.append(Changed(label, key, self.cache.pop(key), None))
            del self.versions[key]
        self.version = answer.resource_version
        if not self.synced:
            self.synced = True
            events.append(Synced(label))
        return events
