"""What can a user's actor do?

Everything here passes through the same client, connection and network as what the built-in components do, and is
ordered by (time, the actor's name, its own count).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

from nodesim.actors.guest import Guest
from nodesim.actors.problems import ProcessEnded, problem
from nodesim.actors.watch import Watch
from nodesim.apiserver.registry import BY_PLURAL
from nodesim.apiserver.unmodelled import resource_of
from nodesim.client.calls import name_call
from nodesim.errors import FrameError
from nodesim.machine import Answered, Record
from nodesim.messages import Create, Delete, Get, List, Patch, Request, Update
from nodesim.objects import Document, encode_document
from nodesim.trace.records import canonical
from nodesim.units import SECOND

TIMEOUT_S: Final = 30.0
"""How long a call waits for its answer, unless it says otherwise (seconds)."""


class ObjectList(list[Document]):
    """The items of a list, and the resourceVersion at which they were read."""

    def __init__(self, items: Sequence[Document], resource_version: str) -> None:
        super().__init__(items)
        self.resource_version = resource_version


class Api:
    """An actor's client, clock and pen.

    Resources are named by their plural (`pods`, `replicasets`, `nodes`).  `namespace` is left out for resources that
    have none; else it is `default`, and in `list` and `watch` all of them.  A `timeout` is in seconds of the run; None
    waits until the connection breaks.  Instants inside documents are integers: microseconds since the run began.
    """

    def __init__(self, guest: Guest) -> None:
        self._guest = guest

    # --- who and when -----------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The actor's name."""
        return self._guest.name

    @property
    def process(self) -> int:
        """Which life of the actor this is, from 1; a crash and a start begin the next."""
        return self._guest.process

    @property
    def now(self) -> float:
        """Seconds since the run began."""
        return self._guest.now_us / SECOND

    @property
    def now_us(self) -> int:
        """Microseconds since the run began, exactly."""
        return self._guest.now_us

    async def sleep(self, seconds: float) -> None:
        """Wait; to the microsecond.

        Raises:
            ValueError: the time is negative or no number.
        """
        if not seconds >= 0:
            msg = f"cannot sleep for {seconds} s"
            raise ValueError(msg)
        self._check(f"sleeping for {seconds:g} s")
        await self._guest.sleep_until(self.now_us + round(seconds * SECOND))
        self._check(f"sleeping for {seconds:g} s")

    def random(self) -> float:
        """A number in [0, 1) that depends on the run's seed, the actor's name and how many were drawn before."""
        return (self._guest.stream.draw() >> 11) / (1 << 53)

    def record(self, kind: str, object: str = "", /, **fields: Any) -> None:  # noqa: A002 - the word that records use
        """Write a record of this actor's into the trace.

        `object` is `Kind/name` or `Kind/namespace/name`; fields are JSON values without floats.

        Raises:
            ValueError: the kind is no word in CamelCase.
            TypeError: a field is no JSON value, or a float.
        """
        if not (kind.isidentifier() and kind[:1].isupper() and "_" not in kind):
            msg = f"a record's kind is a word such as ReplicaMade, got {kind!r}"
            raise ValueError(msg)
        canonical(fields)
        self._guest.order(Record(kind, object, fields))

    # --- calls ------------------------------------------------------------------------------------------------------

    async def get(
        self, resource: str, name: str, *, namespace: str | None = None, timeout: float | None = TIMEOUT_S
    ) -> Document:
        """One object.

        Raises:
            NotFound: there is none.
            NoAnswer, ApiError: see there.
        """
        return _document(await self._ask(Get(resource, _namespace(resource, namespace), name), timeout))

    async def list(
        self,
        resource: str,
        *,
        namespace: str = "",
        labels: str = "",
        fields: str = "",
        timeout: float | None = TIMEOUT_S,
    ) -> ObjectList:
        """All objects that match a label selector (`app=web,tier!=db`) and a field selector (`spec.nodeName=w-0`).

        Raises:
            NoAnswer, ApiError: see there.
        """
        answer = await self._ask(List(resource, namespace, fields, labels), timeout)
        return ObjectList(answer.documents, answer.resource_version)

    async def create(self, document: Document, *, timeout: float | None = TIMEOUT_S) -> Document:
        """Make an object; what the server made of it.

        Raises:
            AlreadyExists: an object of this name is there.
            Invalid, Forbidden, NoAnswer, ApiError: see there.
        """
        resource, namespace, _ = _place(document)
        return _document(await self._ask(Create(resource, namespace, _packed(document)), timeout))

    async def update(
        self, document: Document, *, subresource: Literal["", "status"] = "", timeout: float | None = TIMEOUT_S
    ) -> Document:
        """Replace an object by what you made of what you read (PUT).

        Raises:
            Conflict: it changed since it was read (as its resourceVersion says).
            NotFound, Invalid, NoAnswer, ApiError: see there.
        """
        resource, namespace, name = _place(document)
        request = Update(resource, namespace, name, subresource, _packed(document))
        return _document(await self._ask(request, timeout))

    async def patch(
        self,
        resource: str,
        name: str,
        change: Document,
        *,
        namespace: str | None = None,
        subresource: Literal["", "status"] = "",
        style: Literal["merge", "strategic"] = "merge",
        timeout: float | None = TIMEOUT_S,
    ) -> Document:
        """Change parts of an object; None in `change` removes a key.

        Raises:
            NotFound, Conflict, Invalid, NoAnswer, ApiError: see there.
        """
        where = _namespace(resource, namespace)
        request = Patch(resource, where, name, subresource, style, _packed(change))
        return _document(await self._ask(request, timeout))

    async def delete(
        self,
        resource: str,
        name: str,
        *,
        namespace: str | None = None,
        grace_seconds: int | None = None,
        uid: str = "",
        resource_version: str = "",
        timeout: float | None = TIMEOUT_S,
    ) -> None:
        """Ask for an object's deletion; `uid` and `resource_version` are preconditions.

        Raises:
            NotFound, Conflict, NoAnswer, ApiError: see there.
        """
        where = _namespace(resource, namespace)
        await self._ask(Delete(resource, where, name, grace_seconds, uid, resource_version), timeout)

    def watch(self, resource: str, *, namespace: str = "", labels: str = "", fields: str = "") -> Watch:
        """Follow objects: `async for event in api.watch("pods")`, or the cache in `objects`."""
        self._check(f"watching {resource}")
        return self._guest.watch(resource, namespace, fields, labels, tells=True)

    def cache(self, resource: str, *, namespace: str = "", labels: str = "", fields: str = "") -> Watch:
        """A watch of which only the cache is wanted."""
        self._check(f"watching {resource}")
        return self._guest.watch(resource, namespace, fields, labels, tells=False)

    async def _ask(self, request: Request, timeout: float | None) -> Answered:
        call = str(name_call(request))
        self._check(call)
        answer = await self._guest.ask(request, None if timeout is None else round(timeout * SECOND))
        self._check(call)
        if not answer.ok:
            raise problem(call, answer)
        return answer

    def _check(self, doing: str) -> None:
        if not self._guest.alive:
            msg = f"{self.name}: process {self.process} has ended"
            raise ProcessEnded(msg)
        self._guest.doing = f"at or after: {doing}"

    def __repr__(self) -> str:
        """Whose it is."""
        return f"<Api of {self.name}, process {self.process}>"


def _namespace(resource: str, given: str | None) -> str:
    """The namespace of one object: for resources that have none it is ""."""
    known = BY_PLURAL.get(resource)
    if known is not None and not known.namespaced:
        return ""
    return "default" if given is None else given


def _place(document: Document) -> tuple[str, str, str]:
    """(plural, namespace, name) of an object."""
    if not isinstance(document, dict) or not isinstance(document.get("metadata"), dict):
        msg = f"not an object with apiVersion, kind and metadata: {document!r:.100}"
        raise TypeError(msg)
    for key in ("apiVersion", "kind"):
        if not isinstance(document.get(key), str):
            msg = f"the object has no {key}: {document!r:.100}"
            raise TypeError(msg)
    resource, metadata = resource_of(document["apiVersion"], document["kind"]), document["metadata"]
    namespace = metadata.get("namespace") or "default"
    return resource.name, namespace if resource.namespaced else "", metadata.get("name") or ""


def _packed(document: Document) -> bytes:
    try:
        return encode_document(document)
    except FrameError as broken:
        raise TypeError(str(broken)) from broken


def _document(answer: Answered) -> Document:
    return {} if answer.document is None else answer.document
