"""What does the API server do with a frame?

It answers requests on open connections, remembers every object, and tells those who watch.  It is a machine: nothing
happens in it but by an event.

How it works.  `handle` sorts frames by connection and kind.  Reads are answered from the store; writes (`Writes`) give
an outcome, which becomes, change by change, its record and the watch events that follow from it; the answer goes out
with the last change, before that change's events.  One path is short, because it is nine of ten requests: `_renew`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from nodesim.apiserver import failures
from nodesim.apiserver.connections import Connections
from nodesim.apiserver.expiry import Expiry
from nodesim.apiserver.reading import find_object, find_resource
from nodesim.apiserver.records import record_of
from nodesim.apiserver.registry import BY_PLURAL, Resource
from nodesim.apiserver.selection import parse_selection
from nodesim.apiserver.store import LEASES, Change, Store
from nodesim.apiserver.watching import Watcher, Watches
from nodesim.apiserver.writes import Outcome, Writes
from nodesim.clocks import TRUE_CLOCK, Clock
from nodesim.machine import Frame, MachineEffect, MachineEvent, Send, SetTimer, Started, TimerFired, Told, Undelivered
from nodesim.messages import (
    Accept,
    Bind,
    Close,
    Create,
    Delete,
    Dial,
    Done,
    Evict,
    Failure,
    Get,
    List,
    Listed,
    Patch,
    Ping,
    Pong,
    Renew,
    Reset,
    Unwatch,
    Update,
    Watch,
)
from nodesim.profiles import Profile, Settings

_VERBS = {
    Create: "create",
    Update: "update",
    Renew: "update",
    Patch: "patch",
    Bind: "bind",
    Delete: "delete",
    Evict: "evict",
}
_KUBELETS = "node/"
_EVENTS = BY_PLURAL["events"]
_EXPIRY = "expiry"
"""The timer for the next events that expire."""


class ApiServer:
    """The store behind Kubernetes' API and those who watch it; the actor `apiserver`.

    It serves the resources of `registry.py`, and `more` that nothing here models.  Its `clock` dates what it
    creates and deletes; resourceVersions follow the run's time.
    """

    def __init__(
        self,
        settings: Settings,
        profile: Profile,
        *,
        more: Sequence[Resource] = (),
        record_heartbeats: bool = False,
        clock: Clock = TRUE_CLOCK,
    ) -> None:
        self._record_heartbeats = record_heartbeats
        self._store = Store(more, clock)
        self._writes = Writes(self._store, settings, profile)
        self._writes.start()
        self._leases = self._store.objects("leases")
        self._connections = Connections()
        self._expiry = Expiry(settings.event_ttl_us)
        self._watches = Watches(self._store.served.values(), settings.watch_history_us, self._store.version)
        self.renewals = 0
        """Lease updates that changed something."""
        self.status_posts = 0
        """Writes to nodes/status by kubelets that changed something."""
        self.watch_events = 0
        """Watch events sent."""

    def __repr__(self) -> str:
        """Its counters."""
        return f"<ApiServer version={self._store.version} renewals={self.renewals} watch_events={self.watch_events}>"

    def handle(self, event: MachineEvent, now_us: int) -> list[MachineEffect]:
        """One frame in; the answer, the watch events and the records that follow from it out."""
        if type(event) is Frame:
            source = event.source
            connections = self._connections
            if connections.open.get(source) != event.connection:
                return self._on_closed(event)
            if connections.unheard and type(event.message) is not Dial:
                connections.unheard.discard(source)
            message = event.message
            if type(message) is Renew:
                return self._renew(event, message, now_us)
            return self._on_open(event, now_us)
        if isinstance(event, Undelivered):
            self._forget(event.destination, event.connection)
            return []
        if isinstance(event, Started):
            self._connections = Connections()
            self._expiry.restart()
            effects = self._expire(now_us)  # What expired while no process ran.
            self._watches.restart(self._store.version)
            return [effect for effect in effects if isinstance(effect, SetTimer)]
        if isinstance(event, TimerFired):
            return self._expire(now_us)
        if isinstance(event, Frame | Told):
            return []
        assert_never(event)

    # --- connections ------------------------------------------------------------------------------------------------

    def _on_closed(self, frame: Frame) -> list[MachineEffect]:
        """A frame on a connection that is not open: a dial, or something to be refused."""
        if isinstance(frame.message, Close | Reset):
            return []
        if isinstance(frame.message, Dial) and self._connections.dial(frame.source, frame.connection):
            self._watches.close_all(frame.source)
            return [Send(frame.source, Accept(), connection=frame.connection)]
        return [Send(frame.source, Reset(), connection=frame.connection)]

    def newest_connection(self, client: str) -> int:
        """The highest number of a client's connections so far; a new one needs a higher."""
        return self._connections.newest(client)

    def hang_up(self) -> list[tuple[str, int]]:
        """The process ends: all connections are closed, with their watches; (client, connection) of each."""
        open_ = sorted(self._connections.open.items())
        for client, number in open_:
            self._forget(client, number)
        return open_

    def _forget(self, client: str, connection: int) -> None:
        if self._connections.forget(client, connection):
            self._watches.close_all(client)

    # --- requests ---------------------------------------------------------------------------------------------------

    def _on_open(self, frame: Frame, now_us: int) -> list[MachineEffect]:
        message = frame.message
        match message:
            case Dial():
                return [Send(frame.source, Accept(), connection=frame.connection)]
            case Close() | Reset():
                self._forget(frame.source, frame.connection)
                return []
            case Ping():
                return [_reply(frame, Pong())]
            case Get():
                return [_reply(frame, self._get(message))]
            case List():
                return [_reply(frame, self._list(message))]
            case Watch():
                return self._watch(frame, message)
            case Unwatch():
                self._watches.close(frame.source, message.watch)
                return [_reply(frame, Done(200, b"", str(self._store.version)))]
            case Create():
                return self._publish(frame, self._writes.create(message, now_us), now_us)
            case Update():
                return self._publish(frame, self._writes.update(message, now_us), now_us)
            case Patch():
                return self._publish(frame, self._writes.patch(message, now_us), now_us)
            case Bind():
                return self._publish(frame, self._writes.bind(message, now_us), now_us)
            case Evict():
                return self._evict(frame, message, now_us)
            case Delete():
                return self._publish(frame, self._writes.delete(message, now_us), now_us)
            case _:
                return []  # An answer; nothing was asked.

    def _get(self, request: Get) -> Done | Failure:
        found = find_object(self._store, request.resource, request.namespace, request.name)
        if isinstance(found, Failure):
            return found
        _, stored = found
        return Done(200, stored.packed, str(stored.version))

    def _list(self, request: List) -> Listed | Failure:
        resource = find_resource(self._store.served, request.resource)
        if isinstance(resource, Failure):
            return resource
        try:
            selection = parse_selection(resource, request.fields, request.labels)
        except ValueError as broken:
            return failures.bad_request(str(broken))
        found = self._store.candidates(resource, request.namespace, selection.equalities())
        if not selection.everything:
            found = [stored for stored in found if selection.matches(stored)]
        return Listed(tuple(stored.packed for stored in found), str(self._store.version))

    def _watch(self, frame: Frame, request: Watch) -> list[MachineEffect]:
        """Answer, then what happened since the version that the client has seen, then whatever comes."""
        resource = find_resource(self._store.served, request.resource)
        if isinstance(resource, Failure):
            return [_reply(frame, resource)]
        try:
            selection = parse_selection(resource, request.fields, request.labels)
            version = _version(request.resource_version) or self._store.version
        except ValueError as broken:
            return [_reply(frame, failures.bad_request(str(broken)))]
        history = self._watches.of[resource.name].history
        missed = history.since(version)
        if missed is None:
            return [_reply(frame, failures.expired(version, history.oldest))]
        watcher = Watcher(
            frame.source,
            frame.connection,
            frame.id,
            resource,
            request.namespace,
            selection,
            request.brief,
            request.steady,
        )
        self._watches.open(watcher)
        effects: list[MachineEffect] = [_reply(frame, Done(200, b"", str(version)))]
        for change in missed:
            event = watcher.event(change)
            if event is not None:
                self.watch_events += 1
                effects.append(watcher.send(event))
        return effects

    # --- writes -----------------------------------------------------------------------------------------------------

    def _evict(self, frame: Frame, request: Evict, now_us: int) -> list[MachineEffect]:
        """Several objects change; the answer goes with the last."""
        outcomes = self._writes.evict(request, now_us)
        if isinstance(outcomes, Failure):
            return [_reply(frame, outcomes)]
        *before, last = outcomes
        effects = [effect for outcome in before for effect in self._publish(frame, outcome, now_us, answers=False)]
        return [*effects, *self._publish(frame, last, now_us)]

    def _publish(
        self, frame: Frame, outcome: Outcome | Failure, now_us: int, *, answers: bool = True
    ) -> list[MachineEffect]:
        """Per change its record, then what follows from it; the answer, if it is to go, with the last change."""
        if isinstance(outcome, Failure):
            return [_reply(frame, outcome)]
        resource, message = outcome.resource, frame.message
        effects: list[MachineEffect] = []
        verb = _VERBS[type(message)]
        last = len(outcome.changes) - 1
        for place, change in enumerate(outcome.changes):
            beat = outcome.beat
            if not beat:  # Heartbeat times stand in no record of a Node.
                record = record_of(resource, change, frame.source, verb, heartbeats=self._record_heartbeats)
                if record is not None:
                    effects.append(record)
            if place == last and answers:
                effects.append(_reply(frame, outcome.answer))
            self.watch_events += self._watches.of[resource.name].publish(change, now_us, effects, beat=beat)
            change.forget_parsed()
        if not outcome.changes:
            effects += [_reply(frame, outcome.answer)] if answers else []
        elif resource is LEASES:
            self.renewals += outcome.changes[0].type == "MODIFIED"
        elif isinstance(message, Update | Patch) and message.subresource == "status" and resource.name == "nodes":
            self.status_posts += frame.source.startswith(_KUBELETS)
        if resource is _EVENTS:
            effects += self._keep(outcome.changes, now_us)
        return effects

    def _keep(self, changes: Sequence[Change], now_us: int) -> list[MachineEffect]:
        """How long the written events stay; the timer, where none was set before."""
        expiry = self._expiry
        idle = expiry.next_us() is None
        for change in changes:
            key = (change.new.namespace, change.new.name)
            if change.type == "DELETED":
                expiry.removed(key)
            else:
                expiry.written(key, now_us)
        return self._alarm() if idle else []

    def _alarm(self) -> list[MachineEffect]:
        next_us = self._expiry.next_us()
        return [] if next_us is None else [SetTimer(_EXPIRY, next_us, caused=None)]

    def _expire(self, now_us: int) -> list[MachineEffect]:
        """The events whose time is over go; those who watch hear of it, the trace does not speak of it."""
        effects: list[MachineEffect] = []
        for namespace, name in self._expiry.due(now_us):
            stored = self._store.get(_EVENTS, namespace, name)
            assert stored is not None
            change = Change("DELETED", self._store.remove(_EVENTS, stored, now_us), stored)
            self.watch_events += self._watches.of["events"].publish(change, now_us, effects)
            change.forget_parsed()
        return effects + self._alarm()

    def _renew(self, frame: Frame, request: Renew, now_us: int) -> list[MachineEffect]:
        """A heartbeat.  The short path needs nothing of the document but its version, uid and renewTime.

        Preconditions, strategy and validation could ask for nothing else: all the rest is the stored document's own.
        """
        key = (request.namespace, request.name)
        old = self._leases.get(key)
        if (
            old is None
            or old.renewable != request.uid
            or old.text != request.resource_version
            or old.renew_us == request.renew_us
        ):
            return self._publish(frame, self._writes.renew(request, now_us), now_us)
        new = self._store.renew(self._leases, key, old, request.renew_us, now_us)
        self.renewals += 1
        effects: list[MachineEffect] = []
        if self._record_heartbeats:
            record = record_of(LEASES, Change("MODIFIED", new, old), frame.source, "update", heartbeats=True)
            assert record is not None
            effects.append(record)
        effects.append(Send(frame.source, Done(200, b"", new.text), 0, frame.id, frame.connection))
        self.watch_events += self._watches.of["leases"].publish_heartbeat(new, now_us, effects)
        return effects


def _reply(frame: Frame, answer: Done | Listed | Failure | Pong) -> Send:
    return Send(frame.source, answer, 0, frame.id, frame.connection)


def _version(text: str) -> int:
    """A resourceVersion of a request; "" is 0.

    Raises:
        ValueError: not a decimal number.
    """
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= 20):
        msg = f"invalid resource version {text!r:.40}"
        raise ValueError(msg)
    return int(text)
