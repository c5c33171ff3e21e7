"""Which objects exist, and under which resourceVersion?

The store keeps whole documents and never changes one in place: a new revision is a new document, which may share
parts with the old.  It knows no rules but three: versions rise, a write that changes nothing is none, and uids are
new for each object.  Source of the rules: apiserver pkg/storage/etcd3/store.go `GuaranteedUpdate`.

resourceVersion is the instant of the write in thousandths of a microsecond, made unique by counting on: so one
object's versions do not depend on how often others are written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

import attrs

from nodesim.apiserver.registry import BY_PLURAL, RESOURCES, Path, Resource
from nodesim.clocks import TRUE_CLOCK, Clock
from nodesim.errors import FrameError
from nodesim.machine import Fields
from nodesim.objects import Document, decode_document, encode_document, whole_second
from nodesim.objects.documents import DOCUMENT_BYTES_MAX
from nodesim.values import value

Key: TypeAlias = tuple[str, str]
"""(namespace, name); the namespace of cluster-wide objects is ""."""

VERSIONS_PER_US: Final = 1000

LEASES: Final = BY_PLURAL["leases"]
NODES: Final = BY_PLURAL["nodes"]
_RENEWABLE_BYTES_MAX: Final = DOCUMENT_BYTES_MAX - 64
"""A lease no larger than this stays below the limit with any renewTime and resourceVersion."""

GENERATED_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"
"""What generated names end with.  Source: apimachinery pkg/util/rand."""
_GENERATED_LEN: Final = 5
_GENERATED_BASE_MAX: Final = 58


class DocumentTooLarge(FrameError):
    """A write would make a document larger than `DOCUMENT_BYTES_MAX`."""

    def __init__(self, size: int) -> None:
        self.size = size
        super().__init__(f"document of {size} bytes")


@attrs.define(eq=False, weakref_slot=False)
class Stored:
    """One revision of an object: its document and its wire form, which serves all receivers; each made when wanted.

    A heartbeat is kept as what is new in it (`version`, `text`, `renew_us`) and the revision before it that has the
    rest.  It is the one thing that changes in place: the next heartbeat overwrites it (`Store.renew`), so nobody may
    keep it beyond a turn.
    """

    namespace: str
    name: str
    version: int
    wire: bytes | None
    parsed: Document | None
    base: Stored | None = None
    """The revision from which this one differs by a renewTime only; None unless it is a heartbeat."""
    renew_us: int = 0
    """Of a lease with `renewable`: its renewTime."""
    text: str = ""
    """Of a lease with `renewable`: the version as messages carry it."""
    renewable: str | None = None
    """The uid of a lease whose heartbeats may be kept so; None for all other objects."""
    summary: Fields | None = None
    """What records say of it, once somebody asked."""

    @property
    def document(self) -> Document:
        """The document; nobody may change it."""
        if self.base is not None:
            return self._rebuilt()
        if self.parsed is None:
            assert self.wire is not None
            self.parsed = decode_document(self.wire)
        return self.parsed

    @property
    def packed(self) -> bytes:
        """The wire form."""
        if self.base is not None:
            return encode_document(self._rebuilt())
        if self.wire is None:
            self.wire = encode_document(self.document)
        return self.wire

    def await_heartbeats(self) -> None:
        """Make a lease ready for `Store.renew`, if it has a renewTime and stays small enough with any other."""
        document = self.document
        renew_us, uid = document["spec"].get("renewTime"), document["metadata"]["uid"]
        if renew_us is not None and len(self.packed) <= _RENEWABLE_BYTES_MAX:
            self.renew_us, self.text, self.renewable = renew_us, str(self.version), uid

    def heartbeat(self, version: int, renew_us: int) -> Stored:
        """A heartbeat on top of this revision, which is renewable."""
        assert self.base is None
        assert self.renewable is not None
        return Stored(self.namespace, self.name, version, None, None, self, renew_us, str(version), self.renewable)

    def _rebuilt(self) -> Document:
        assert self.base is not None
        before = self.base.document
        return {
            **before,
            "metadata": {**before["metadata"], "resourceVersion": str(self.version)},
            "spec": {**before["spec"], "renewTime": self.renew_us},
        }


@value
class Change:
    """One write: `type` is ADDED, MODIFIED or DELETED; of the last, `new` is the last state with a new version."""

    type: str
    new: Stored
    old: Stored | None

    def forget_parsed(self) -> None:
        """Keep the bytes only: a document takes ten times as much, and is read again rarely."""
        self.new.parsed = None
        if self.old is not None:
            self.old.parsed = self.old.summary = None


def uid_of(kind: str, namespace: str, name: str, version: int) -> str:
    """A uid in the form of a UUID; the version of its creation tells an object from an earlier one of its name."""
    text = hashlib.sha256(f"{kind}/{namespace}/{name}/{version}".encode()).hexdigest()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-8{text[17:20]}-{text[20:32]}"


def generated_name(prefix: str, version: int, attempt: int = 0) -> str:
    """The name that `generateName` stands for; five characters after the prefix (cut to 58)."""
    number = int.from_bytes(hashlib.sha256(f"{prefix}/{version}/{attempt}".encode()).digest()[:8], "big")
    suffix = ""
    for _ in range(_GENERATED_LEN):
        number, place = divmod(number, len(GENERATED_ALPHABET))
        suffix += GENERATED_ALPHABET[place]
    return prefix[:_GENERATED_BASE_MAX] + suffix


def field_text(document: Document, path: Path) -> str:
    """The value of a field as selectors compare it: "" where it is absent, `true` and `false` for booleans."""
    found: object = document
    for step in path:
        if type(found) is not dict:
            return ""
        found = found.get(step)
    if found is None:
        return ""
    if type(found) is bool:
        return "true" if found else "false"
    return str(found)


def _packed(document: Document) -> bytes:
    packed = encode_document(document)
    if len(packed) > DOCUMENT_BYTES_MAX:
        raise DocumentTooLarge(len(packed))
    return packed


@attrs.define
class _Table:
    """The objects of one resource."""

    objects: dict[Key, Stored] = attrs.Factory(dict)
    index: dict[tuple[str, str], dict[Key, Stored]] = attrs.Factory(dict)
    """(field label, value) -> the objects with it, for the resource's indexed fields."""


class Store:
    """All objects by (resource, namespace, name); `more` are the resources that it has beside the modelled ones."""

    def __init__(self, more: Sequence[Resource] = (), clock: Clock = TRUE_CLOCK) -> None:
        self.clock = clock
        """Dates what is created."""
        self.version = 0
        """The version of the last write."""
        self.served = {resource.name: resource for resource in (*RESOURCES, *more)}
        """The resources by their names in requests."""
        self._tables = {name: _Table() for name in self.served}

    def next_version(self, now_us: int) -> int:
        """The version that a write at this instant gets."""
        return max(self.version + 1, now_us * VERSIONS_PER_US)

    def objects(self, name: str) -> dict[Key, Stored]:
        """The objects of a resource by key, to read only."""
        return self._tables[name].objects

    def get(self, resource: Resource, namespace: str, name: str) -> Stored | None:
        """The object, None where there is none."""
        return self._tables[resource.name].objects.get((namespace, name))

    def candidates(self, resource: Resource, namespace: str, equalities: dict[str, str]) -> list[Stored]:
        """The objects that may have these field values, in key order: found by name or index, else all."""
        table = self._tables[resource.name]
        objects: Iterable[Stored]
        name = equalities.get("metadata.name")
        if name is not None and (namespace or not resource.namespaced):
            found = table.objects.get((namespace, name))
            return [] if found is None else [found]
        for label in resource.indexes:
            if label in equalities:
                objects = table.index.get((label, equalities[label]), {}).values()
                break
        else:
            objects = table.objects.values()
        chosen = [item for item in objects if not namespace or item.namespace == namespace]
        chosen.sort(key=lambda item: (item.namespace, item.name))
        return chosen

    def create(self, resource: Resource, document: Document, now_us: int) -> Stored:
        """Store a new object; its metadata has a name and, if namespaced, a namespace that are free.

        Raises:
            DocumentTooLarge: nothing is stored.
        """
        metadata = document["metadata"]
        namespace, name = metadata.get("namespace", ""), metadata["name"]
        assert (namespace, name) not in self._tables[resource.name].objects
        version = self.next_version(now_us)
        made = {
            **document,
            "metadata": {
                **metadata,
                "uid": uid_of(resource.kind, namespace, name, version),
                "resourceVersion": str(version),
                "creationTimestamp": whole_second(self.clock.wall_us(now_us)),
            },
        }
        stored = Stored(namespace, name, version, _packed(made), made)
        self._put(resource, None, stored)
        return stored

    def replace(self, resource: Resource, old: Stored, document: Document, now_us: int) -> Stored:
        """Store a new revision of `old`; if it would say the same, `old` itself comes back and nothing happened.

        Raises:
            DocumentTooLarge: nothing is stored.
        """
        before = old.document
        same = {**document, "metadata": {**document["metadata"], "resourceVersion": str(old.version)}}
        if same == before:
            return old
        version = self.next_version(now_us)
        same["metadata"]["resourceVersion"] = str(version)
        stored = Stored(old.namespace, old.name, version, _packed(same), same)
        self._put(resource, old, stored)
        return stored

    def remove(self, resource: Resource, old: Stored, now_us: int) -> Stored:
        """Take an object away; its last state comes back with the version of the removal."""
        version = self.next_version(now_us)
        before = old.document
        last = {**before, "metadata": {**before["metadata"], "resourceVersion": str(version)}}
        table = self._tables[resource.name]
        del table.objects[old.namespace, old.name]
        self._unindex(resource, table, old)
        self.version = version
        return Stored(old.namespace, old.name, version, encode_document(last), last)

    def renew(self, leases: dict[Key, Stored], key: Key, old: Stored, renew_us: int, now_us: int) -> Stored:
        """Store a heartbeat: `old`, which is renewable, with another renewTime; if it is one itself, in its place."""
        version = now_us * VERSIONS_PER_US
        if version <= self.version:
            version = self.version + 1
        self.version = version
        if old.base is None:
            leases[key] = new = old.heartbeat(version, renew_us)
            return new
        old.version, old.text, old.renew_us = version, str(version), renew_us
        return old

    def _put(self, resource: Resource, old: Stored | None, new: Stored) -> None:
        table = self._tables[resource.name]
        key = (new.namespace, new.name)
        if resource.indexes:
            if old is not None:
                self._unindex(resource, table, old)
            for label in resource.indexes:
                entry = (label, field_text(new.document, resource.fields[label]))
                table.index.setdefault(entry, {})[key] = new
        if resource is LEASES:
            new.await_heartbeats()
        table.objects[key] = new
        self.version = new.version

    def _unindex(self, resource: Resource, table: _Table, old: Stored) -> None:
        for label in resource.indexes:
            entry = (label, field_text(old.document, resource.fields[label]))
            held = table.index[entry]
            del held[old.namespace, old.name]
            if not held:
                del table.index[entry]
