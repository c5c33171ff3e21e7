"""Controllers, and a person, around the real API server in a real world; each hop takes 1 ms.

What reaches the server is noted; chosen requests can be made to fail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nodesim.apiserver import ApiServer
from nodesim.apiserver.registry import Resource
from nodesim.client import ClientMachine
from nodesim.machine import Frame, MachineEffect, MachineEvent, Program, Send, Started
from nodesim.messages import (
    Create,
    Delete,
    Dial,
    Done,
    Failure,
    Get,
    List,
    Listed,
    Message,
    Patch,
    Renewed,
    Update,
    WatchEvent,
)
from nodesim.net import Link, Topology
from nodesim.objects import Document, decode_document, encode_document
from nodesim.profiles import V1_36, Profile, Settings
from nodesim.streams import Streams
from nodesim.trace.records import TraceRecord
from nodesim.units import MILLISECOND, SECOND
from nodesim.world import World

PERSON = "person"
WRITES = (Create, Update, Patch, Delete)


class _Server:
    """The API server, and what it was asked."""

    def __init__(self, server: ApiServer) -> None:
        self._server = server
        self.asked: list[tuple[int, str, Any]] = []
        self._told: list[Send] = []
        self.refuse: Callable[[str, Any], Failure | None] = lambda client, request: None

    def handle(self, event: MachineEvent, now_us: int) -> list[MachineEffect]:
        """Note a request; answer it with a failure where one is wanted."""
        if isinstance(event, Frame) and event.id and not isinstance(event.message, Dial):
            self.asked.append((now_us, event.source, event.message))
            failure = self.refuse(event.source, event.message)
            if failure is not None:
                return [Send(event.source, failure, 0, event.id, event.connection)]
        effects = self._server.handle(event, now_us)
        self._told += [effect for effect in effects if isinstance(effect, Send)]
        return effects

    def told(self, client: str, kind: str) -> list[str]:
        """What a client's watches heard of a kind: types of events; of renewals in brief `Renewed`."""
        found = []
        for frame in self._told:
            message = frame.message
            if frame.destination == client and isinstance(message, Renewed):
                found.append("Renewed")
            elif frame.destination == client and isinstance(message, WatchEvent):
                if decode_document(message.document)["kind"] == kind:
                    found.append(message.type)
        return found


class _Person:
    """Keeps the answers."""

    def __init__(self) -> None:
        self.answers: dict[int, Any] = {}

    def handle(self, event: Any, now_us: int) -> list[Any]:
        """Take an answer."""
        if isinstance(event, Frame):
            self.answers[event.in_reply_to] = event.message
        return []


class Live:
    """The world; `programs` begin at 0 unless they are started later with `start`."""

    def __init__(self, programs: Mapping[str, Any], *, profile: Profile = V1_36, more: Sequence[Resource] = ()) -> None:
        self._streams = Streams(1)
        self._world = World(Topology(Link(MILLISECOND), Link(MILLISECOND)), self._streams)
        self.server = _Server(ApiServer(Settings.of(profile), profile, more=more))
        self._person = _Person()
        self._n = 0
        self.now_us = 0
        """Up to here everything has happened."""
        self._world.add("apiserver", self.server)
        self._world.add(PERSON, self._person)
        self._world.schedule(0, "apiserver", 0, "apiserver", Started())
        self.post(Dial())
        for name, program in programs.items():
            self.start(name, program)

    def start(self, name: str, program: Any) -> Program:
        """A controller begins now."""
        made: Program = program
        self._world.add(name, ClientMachine(name, made, program.watches, self._streams))
        self._world.schedule(self.now_us, name, 0, name, Started())
        return made

    def run(self, seconds: float) -> Live:
        """Let everything happen that happens in so many seconds."""
        self.now_us += int(seconds * SECOND)
        assert self._world.run(self.now_us, 1_000_000)
        return self

    # --- the person ---------------------------------------------------------------------------------------------

    def call(self, message: Message) -> Any:
        """A request, answered 1 ms later."""
        n = self.post(message)
        self.run(0.001)
        return self._person.answers.pop(n)

    def ok(self, message: Message) -> Document:
        """A request that must succeed; the object."""
        answer = self.call(message)
        assert isinstance(answer, Done), answer
        return decode_document(answer.document) if answer.document else {}

    def create(self, resource: str, document: Document, namespace: str = "") -> Document:
        """POST."""
        return self.ok(Create(resource, namespace, encode_document(document)))

    def patch(self, resource: str, name: str, change: Document, namespace: str = "", subresource: str = "") -> Document:
        """PATCH, strategic."""
        return self.ok(Patch(resource, namespace, name, subresource, "strategic", encode_document(change)))

    def get(self, resource: str, name: str, namespace: str = "") -> Document | None:
        """GET; None where there is none."""
        answer = self.call(Get(resource, namespace, name))
        return decode_document(answer.document) if isinstance(answer, Done) else None

    def names(self, resource: str, namespace: str = "") -> list[str]:
        """What a LIST holds."""
        return [document["metadata"]["name"] for document in self.listed(resource, namespace)]

    def listed(self, resource: str, namespace: str = "") -> list[Document]:
        """LIST."""
        answer = self.call(List(resource, namespace))
        assert isinstance(answer, Listed), answer
        return [decode_document(packed) for packed in answer.documents]

    def post(self, message: Message) -> int:
        """A request that reaches the server now; nobody waits for the answer."""
        return self._post(self.now_us, message)

    def at(self, seconds: float, message: Message) -> int:
        """A request that reaches the server at an instant that is still to come."""
        return self._post(round(seconds * SECOND), message)

    def _post(self, at_us: int, message: Message) -> int:
        self._n += 1
        self._world.schedule(at_us, "scenario", self._n, "apiserver", Frame(PERSON, self._n, 0, 1, message))
        return self._n

    @property
    def refusals(self) -> list[tuple[int, str]]:
        """Codes and messages of the failures that nobody waited for."""
        answers = self._person.answers.values()
        return [(answer.code, answer.message) for answer in answers if isinstance(answer, Failure)]

    # --- what is asked of it --------------------------------------------------------------------------------------

    def requests(self, client: str, *kinds: type[Any]) -> list[tuple[int, Any]]:
        """(instant at the server, request) of one client's requests of these types (none: writes), without events."""
        wanted = kinds or WRITES
        return [
            (at_us, message)
            for at_us, source, message in self.server.asked
            if source == client and isinstance(message, wanted) and getattr(message, "resource", "") != "events"
        ]

    def records(self, kind: str) -> list[TraceRecord]:
        """The records of a kind."""
        return [record for record in self._world.records if record.kind == kind]

    def events(self, reason: str) -> list[tuple[float, str, str]]:
        """(seconds, object, message) of the Events with this reason."""
        return [
            (record.t_us / SECOND, record.object, record.fields["message"])
            for record in self.records(reason)
            if "component" in record.fields
        ]
