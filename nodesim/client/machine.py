"""How does a program talk to the API server?

A `ClientMachine` is the machine around a program: it owns one connection, the calls in flight on it and the reflectors
that keep the program's caches.  It turns frames into `Answered` and `Changed`, and `Call` into frames; timers, records
and steps pass through.  Its own timers have keys that begin with "client/".
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Final

from nodesim.client.connection import Connection
from nodesim.client.reflector import Reflector
from nodesim.client.watches import Observe, Unobserve, WatchSpec
from nodesim.machine import (
    Answered,
    Call,
    CancelTimer,
    Frame,
    MachineEffect,
    MachineEvent,
    Program,
    ProgramEvent,
    Record,
    Send,
    SetTimer,
    Started,
    TimerFired,
    Told,
    Undelivered,
)
from nodesim.messages import (
    Accept,
    Close,
    Dial,
    Done,
    Failure,
    Listed,
    Ping,
    Pong,
    Renewed,
    Reset,
    Unwatch,
    WatchEvent,
)
from nodesim.objects import decode_document
from nodesim.streams import Streams

SERVER: Final = "apiserver"

_ANSWERS: Final = frozenset({Done, Failure, Listed})
_DIAL: Final = "client/dial"
_WAKE: Final = "client/wake"
"""For the next call that times out and the next look at the connection's health, whichever is first."""
_MISSING: Final = 404
_NEVER: Final = 1 << 62
"""An instant that does not come."""


class ClientMachine:
    """One program's connection, calls and caches."""

    __slots__ = (
        "_connection",
        "_ids",
        "_pending",
        "_reflectors",
        "_streams",
        "_unsent",
        "_wake_us",
        "_watches",
        "name",
        "program",
    )

    def __init__(
        self, name: str, program: Program, watches: Sequence[WatchSpec], streams: Streams, *, connection: int = 0
    ) -> None:
        self.name = name
        self.program = program
        self._connection = Connection(number=connection)
        self._streams = streams
        self._reflectors: list[Reflector] = []
        for spec in watches:
            self._add_reflector(spec)
        self._watches: dict[int, Reflector] = {}
        self._pending: dict[int, tuple[Call, int]] = {}
        """Calls without an answer yet and when they are given up (us), by the id of their request; a reflector's have
        the tag ("client", place)."""
        self._unsent: list[int] = []
        """Those that wait for the connection to open."""
        self._ids = 0
        self._wake_us = _NEVER
        """For when `_WAKE` is set.  That may be too early, never too late."""

    @property
    def connection(self) -> int:
        """The number of the last connection; a restarted process goes on from it."""
        return self._connection.number

    def handle(self, event: MachineEvent, now_us: int) -> list[MachineEffect]:
        """One frame, timer or step in; frames, timers and records out."""
        out: list[MachineEffect] = []
        if type(event) is Frame:
            self._frame(event, now_us, out)
        elif type(event) is TimerFired:
            key = event.key
            if key == _WAKE:
                self._woken(now_us, out)
            elif key == _DIAL:
                self._dial_again(now_us, out)
            elif type(key) is tuple and key[0] == "client/reflector":
                self._ask(key[1], now_us, out)
            else:
                self._tell(event, now_us, out)
        elif isinstance(event, Undelivered):
            if event.connection == self._connection.number:
                self._lose("refused", "ConnectionRefused", now_us, out)
        elif isinstance(event, Told) and isinstance(event.step, Observe | Unobserve):
            self._observe(event.step, now_us, out)
        else:
            assert not isinstance(event, Frame | TimerFired), event
            self._tell(event, now_us, out)
            if isinstance(event, Started):
                for place in range(len(self._reflectors)):
                    self._ask(place, now_us, out)
        return out

    def shutdown(self, now_us: int) -> list[MachineEffect]:
        """The process dies: its sockets are closed; the program hears nothing of it.  Its timers are the caller's."""
        out: list[MachineEffect] = []
        if self._connection.open or self._connection.dialing:
            out.append(Send(SERVER, Close(), connection=self._connection.number))
        self._connection.lost()
        self._forget_calls()
        return out

    # --- towards the program ---------------------------------------------------------------------------------------

    def _tell(self, event: ProgramEvent, now_us: int, out: list[MachineEffect]) -> None:
        for effect in self.program.handle(event, now_us):
            if isinstance(effect, Call):
                self._call(effect, now_us, out)
            else:
                out.append(effect)

    def _fail(self, call: Call, reason: str, now_us: int, out: list[MachineEffect]) -> None:
        """No answer came."""
        place = _reflector_of(call)
        if place is None:
            self._tell(Answered(call.tag, 0, reason), now_us, out)
            return
        self._reflectors[place].failed(reason)
        self._wait(place, now_us, out)

    # --- calls ------------------------------------------------------------------------------------------------------

    def _call(self, call: Call, now_us: int, out: list[MachineEffect]) -> None:
        self._ids = id_ = self._ids + 1
        deadline_us = _NEVER if call.timeout_us is None else now_us + call.timeout_us
        self._pending[id_] = (call, deadline_us)
        connection = self._connection
        if connection.open:
            if call.record is not None:
                out.append(call.record)
            out.append(Send(SERVER, call.request, id_, 0, connection.number))
        else:
            self._unsent.append(id_)
            if not connection.dialing:
                connection.dial(now_us)
                out.append(Send(SERVER, Dial(), connection=connection.number))
                out.append(SetTimer(_DIAL, connection.next_dial_us()))
        if deadline_us != _NEVER:
            if deadline_us < self._wake_us:
                self._wake_us = deadline_us
            out.append(SetTimer(_WAKE, self._wake_us))

    def _arm(self, out: list[MachineEffect]) -> None:
        """Set the timer for whatever is due next."""
        connection = self._connection
        at_us = connection.next_check_us() if connection.open else _NEVER
        if self._pending:
            at_us = min(at_us, *[deadline_us for _, deadline_us in self._pending.values()])
        self._wake_us = at_us
        out.append(CancelTimer(_WAKE) if at_us == _NEVER else SetTimer(_WAKE, at_us))

    def _woken(self, now_us: int, out: list[MachineEffect]) -> None:
        """Give up the calls whose time is over (what a late answer says is ignored), then look at the connection."""
        self._wake_us = _NEVER
        due = [id_ for id_, (_, deadline_us) in self._pending.items() if deadline_us <= now_us]
        for id_ in due:
            if id_ in self._unsent:
                self._unsent.remove(id_)
            self._fail(self._pending.pop(id_)[0], "Timeout", now_us, out)
        if self._connection.open:
            self._check_health(now_us, out)
        self._arm(out)

    def _forget_calls(self) -> None:
        """None of what was asked will be answered."""
        self._pending, self._unsent, self._watches = {}, [], {}

    # --- reflectors -------------------------------------------------------------------------------------------------

    def _add_reflector(self, spec: WatchSpec) -> int:
        place = len(self._reflectors)
        self._reflectors.append(Reflector(spec, self._streams.stream(f"reflector/{self.name}/{place}")))
        return place

    def _observe(self, step: Observe | Unobserve, now_us: int, out: list[MachineEffect]) -> None:
        """Begin one more watch, or end one: its place stays, and nothing is asked for it any more."""
        if isinstance(step, Observe):
            self._ask(self._add_reflector(step.spec), now_us, out)
            return
        for place, reflector in enumerate(self._reflectors):
            if reflector.label == step.label and not reflector.ended:
                reflector.ended = True
                out.append(CancelTimer(("client/reflector", place)))
                if self._watches.pop(reflector.watch_id, None) is not None:
                    self._call(Call(("unwatch", step.label), Unwatch(reflector.watch_id)), now_us, out)

    def asked_by_program(self, id_: int) -> bool:
        """Does the request of this id stem from the program, and not from one of its caches?"""
        call, _ = self._pending.get(id_, (None, 0))
        return call is not None and _reflector_of(call) is None and type(call.request) is not Unwatch

    def _ask(self, place: int, now_us: int, out: list[MachineEffect]) -> None:
        request = self._reflectors[place].request()
        self._call(Call(("client", place), request), now_us, out)

    def _wait(self, place: int, now_us: int, out: list[MachineEffect]) -> None:
        if self._reflectors[place].ended:
            return
        out.append(SetTimer(("client/reflector", place), now_us + self._reflectors[place].wait_us(now_us)))

    def _reflected(
        self, place: int, answer: Done | Listed | Failure, id_: int, now_us: int, out: list[MachineEffect]
    ) -> None:
        reflector = self._reflectors[place]
        if reflector.ended:
            if type(answer) is Done:  # The watch opened after it was no longer wanted.
                self._call(Call(("unwatch", reflector.label), Unwatch(id_)), now_us, out)
            return
        events = reflector.answered(answer, id_)
        if events is None:
            self._wait(place, now_us, out)
            return
        if reflector.watch_id == id_:
            self._watches[id_] = reflector
        else:  # A list: the watch follows at once, before the program can put calls in between.
            self._ask(place, now_us, out)
        for event in events:
            self._tell(event, now_us, out)

    # --- the connection ---------------------------------------------------------------------------------------------

    def _frame(self, frame: Frame, now_us: int, out: list[MachineEffect]) -> None:
        connection = self._connection
        message = frame.message
        if frame.connection != connection.number or not (connection.open or connection.dialing):
            if not isinstance(message, (Reset, Close)):
                out.append(Send(frame.source, Reset(), connection=frame.connection))
            return
        connection.heard_us = now_us
        kind = type(message)
        if kind in _ANSWERS:
            self._answered(frame.in_reply_to, message, now_us, out)
        elif kind is Renewed:
            reflector = self._watches.get(frame.in_reply_to)
            if reflector is not None:
                reflector.renewed(message)
        elif kind is WatchEvent:
            reflector = self._watches.get(frame.in_reply_to)
            change = reflector.saw(message) if reflector is not None else None
            if change is not None:
                self._tell(change, now_us, out)
        elif kind is Accept:
            if connection.dialing:
                self._opened(now_us, out)
        elif kind is Pong:
            connection.ping_sent_us = None
        elif kind is Reset:
            refused = connection.dialing
            self._lose(
                "refused" if refused else "reset", "ConnectionRefused" if refused else "ConnectionLost", now_us, out
            )
        elif kind is Close:
            self._lose("closed", "ConnectionLost", now_us, out)
        elif kind is Ping:
            out.append(Send(frame.source, Pong(), connection=connection.number))

    def _answered(self, id_: int, answer: Done | Listed | Failure, now_us: int, out: list[MachineEffect]) -> None:
        found = self._pending.pop(id_, None)
        if found is None:
            return  # It came after the call's timeout.
        call, deadline_us = found
        if deadline_us != _NEVER:
            self._arm(out)
        tag = call.tag
        if call.if_missing is not None and type(answer) is Failure and answer.code == _MISSING:
            self._call(Call(tag, call.if_missing, call.timeout_us), now_us, out)
        elif type(tag) is tuple and tag[0] == "client":
            self._reflected(tag[1], answer, id_, now_us, out)
        else:
            self._tell(_told(tag, answer), now_us, out)

    def _opened(self, now_us: int, out: list[MachineEffect]) -> None:
        connection = self._connection
        connection.accepted(now_us)
        out.append(Record("ConnectionOpened", "", {"connection": connection.number}))
        out.append(CancelTimer(_DIAL))
        self._arm(out)
        unsent, self._unsent = self._unsent, []
        for id_ in unsent:
            call, _ = self._pending[id_]
            if call.record is not None:
                out.append(call.record)
            out.append(Send(SERVER, call.request, id_, 0, connection.number))

    def _dial_again(self, now_us: int, out: list[MachineEffect]) -> None:
        connection = self._connection
        if connection.dial_timed_out(now_us):
            self._lose("timeout", "Timeout", now_us, out)
            return
        connection.dials += 1
        out.append(Send(SERVER, Dial(), connection=connection.number))
        out.append(SetTimer(_DIAL, connection.next_dial_us()))

    def _check_health(self, now_us: int, out: list[MachineEffect]) -> None:
        """Ping a silent connection; give up one whose Pong does not come."""
        connection = self._connection
        if now_us < connection.next_check_us():
            return
        if connection.ping_sent_us is None:
            connection.ping_sent_us = now_us
            out.append(Send(SERVER, Ping(), connection=connection.number))
        else:
            out.append(Send(SERVER, Close(), connection=connection.number))
            self._lose("silent", "ConnectionLost", now_us, out)

    def _lose(self, why: str, reason: str, now_us: int, out: list[MachineEffect]) -> None:
        """The connection, or the dial, is over: watches break, calls fail, the next call dials anew."""
        connection = self._connection
        if not (connection.open or connection.dialing):
            return
        out.append(Record("ConnectionLost", "", {"connection": connection.number, "why": why}))
        connection.lost()
        out += [CancelTimer(_DIAL), CancelTimer(_WAKE)]
        self._wake_us = _NEVER
        pending, watches = self._pending, self._watches
        self._forget_calls()
        for place, reflector in enumerate(self._reflectors):
            if reflector.watch_id in watches:
                reflector.broken()
                self._wait(place, now_us, out)
        for call, _ in pending.values():
            self._fail(call, reason, now_us, out)


def _told(tag: Hashable, answer: Done | Listed | Failure) -> Answered:
    """What the program hears of an answer."""
    if type(answer) is Done:
        document = decode_document(answer.document) if answer.document else None
        return Answered(tag, answer.code, "", "", document, (), answer.resource_version)
    if isinstance(answer, Listed):
        documents = tuple(decode_document(packed) for packed in answer.documents)
        return Answered(tag, 200, documents=documents, resource_version=answer.resource_version)
    assert isinstance(answer, Failure), answer
    code, reason, after_seconds = answer.code, answer.reason, answer.retry_after_seconds
    return Answered(tag, code, reason, answer.message, retry_after_seconds=after_seconds, cause=answer.cause)


def _reflector_of(call: Call) -> int | None:
    """The place of the reflector that asked; None: the program did."""
    tag = call.tag
    return tag[1] if type(tag) is tuple and tag[0] == "client" else None
