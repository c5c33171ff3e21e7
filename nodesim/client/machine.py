"""How does a program talk to the API server?

A `ClientMachine` is the machine around a program: it owns one connection, the calls in flight on it and the reflectors
that keep the program's caches.  It turns frames into `Answered` and `Changed`, and `Call` into frames; timers, records
and steps pass through.  Its own timers have keys that begin with "client".
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Final

import attrs

from nodesim.client.connection import PING_TIMEOUT_US, Connection
from nodesim.client.reflector import Reflector
from nodesim.client.watches import WatchSpec
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
    Request,
    Reset,
    WatchEvent,
)
from nodesim.objects import decode_document
from nodesim.streams import Streams

SERVER: Final = "apiserver"

_ANSWERS: Final = (Done, Failure, Listed)
_CALLS: Final = ("client", "calls")
_DIAL: Final = ("client", "dial")
_IDLE: Final = ("client", "idle")


@attrs.define
class _Pending:
    """A request without an answer yet.  `reflector` is set when no program but a reflector asked."""

    tag: Hashable
    request: Request
    deadline_us: int | None
    reflector: int | None
    sent: bool


class ClientMachine:
    """One program's connection, calls and caches."""

    def __init__(
        self, name: str, program: Program, watches: Sequence[WatchSpec], streams: Streams, *, connection: int = 0
    ) -> None:
        self.name = name
        self.program = program
        self._connection = Connection(number=connection)
        self._reflectors = [
            Reflector(spec, streams.stream(f"reflector/{name}/{place}")) for place, spec in enumerate(watches)
        ]
        self._watches: dict[int, Reflector] = {}
        self._pending: dict[int, _Pending] = {}
        self._ids = 0
        self._armed_us: int | None = None
        """When the timer for call timeouts is due; it may be earlier than needed, never later."""
        self._waiting: set[int] = set()
        """Places of reflectors that wait for their timer."""

    @property
    def connection(self) -> int:
        """The number of the last connection; a restarted process goes on from it."""
        return self._connection.number

    def handle(self, event: MachineEvent, now_us: int) -> list[MachineEffect]:
        """One frame, timer or step in; frames, timers and records out."""
        out: list[MachineEffect] = []
        if isinstance(event, Frame):
            self._frame(event, now_us, out)
        elif isinstance(event, TimerFired):
            key = event.key
            if isinstance(key, tuple) and key[0] == "client":
                self._timer(key, now_us, out)
            else:
                self._tell(event, now_us, out)
        elif isinstance(event, Undelivered):
            if event.connection == self._connection.number:
                self._lose("refused", "ConnectionRefused", now_us, out)
        else:
            self._tell(event, now_us, out)
            if isinstance(event, Started):
                for place in range(len(self._reflectors)):
                    self._ask(place, now_us, out)
        return out

    def shutdown(self, now_us: int) -> list[MachineEffect]:
        """The process dies: its sockets are closed, its timers forgotten; the program hears nothing of it."""
        out: list[MachineEffect] = []
        if self._connection.open or self._connection.dialing:
            out.append(Send(SERVER, Close(), connection=self._connection.number))
        out += [CancelTimer(_CALLS), CancelTimer(_DIAL), CancelTimer(_IDLE)]
        out += [CancelTimer(("client", "reflector", place)) for place in sorted(self._waiting)]
        self._connection.lost()
        self._pending.clear()
        self._watches.clear()
        return out

    # --- towards the program ---------------------------------------------------------------------------------------

    def _tell(self, event: ProgramEvent, now_us: int, out: list[MachineEffect]) -> None:
        for effect in self.program.handle(event, now_us):
            if isinstance(effect, Call):
                self._call(_Pending(effect.tag, effect.request, None, None, sent=False), effect.timeout_us, now_us, out)
            else:
                out.append(effect)

    def _answer(
        self, pending: _Pending, answer: Done | Listed | Failure, now_us: int, out: list[MachineEffect]
    ) -> None:
        tag = pending.tag
        if isinstance(answer, Done):
            document = decode_document(answer.document) if answer.document else None
            event = Answered(tag, answer.code, document=document, resource_version=answer.resource_version)
        elif isinstance(answer, Listed):
            documents = tuple(decode_document(packed) for packed in answer.documents)
            event = Answered(tag, 200, documents=documents, resource_version=answer.resource_version)
        else:
            after_seconds = answer.retry_after_seconds
            event = Answered(tag, answer.code, answer.reason, answer.message, retry_after_seconds=after_seconds)
        self._tell(event, now_us, out)

    def _fail(self, pending: _Pending, reason: str, now_us: int, out: list[MachineEffect]) -> None:
        """No answer came."""
        if pending.reflector is None:
            self._tell(Answered(pending.tag, 0, reason), now_us, out)
            return
        self._reflectors[pending.reflector].failed(reason)
        self._wait(pending.reflector, now_us, out)

    # --- calls ------------------------------------------------------------------------------------------------------

    def _call(self, pending: _Pending, timeout_us: int | None, now_us: int, out: list[MachineEffect]) -> None:
        self._ids += 1
        self._pending[self._ids] = pending
        connection = self._connection
        if connection.open:
            pending.sent = True
            out.append(Send(SERVER, pending.request, self._ids, 0, connection.number))
        elif not connection.dialing:
            connection.dial(now_us)
            out.append(Send(SERVER, Dial(), connection=connection.number))
            out.append(SetTimer(_DIAL, connection.next_dial_us()))
        if timeout_us is not None:
            deadline_us = pending.deadline_us = now_us + timeout_us
            if self._armed_us is None or deadline_us < self._armed_us:
                self._armed_us = deadline_us
                out.append(SetTimer(_CALLS, deadline_us))

    def _expire(self, now_us: int, out: list[MachineEffect]) -> None:
        """Give up the calls whose time is over; what a late answer says is ignored."""
        self._armed_us = None
        due = [
            id_ for id_, call in self._pending.items() if call.deadline_us is not None and call.deadline_us <= now_us
        ]
        for id_ in due:
            call = self._pending.pop(id_, None)
            if call is not None:
                self._fail(call, "Timeout", now_us, out)
        left = [call.deadline_us for call in self._pending.values() if call.deadline_us is not None]
        if left and self._armed_us is None:
            self._armed_us = min(left)
            out.append(SetTimer(_CALLS, self._armed_us))

    # --- reflectors -------------------------------------------------------------------------------------------------

    def _ask(self, place: int, now_us: int, out: list[MachineEffect]) -> None:
        request = self._reflectors[place].request()
        self._call(_Pending("", request, None, place, sent=False), None, now_us, out)

    def _wait(self, place: int, now_us: int, out: list[MachineEffect]) -> None:
        self._waiting.add(place)
        out.append(SetTimer(("client", "reflector", place), now_us + self._reflectors[place].wait_us(now_us)))

    def _reflected(
        self, place: int, answer: Done | Listed | Failure, id_: int, now_us: int, out: list[MachineEffect]
    ) -> None:
        reflector = self._reflectors[place]
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
        if isinstance(message, _ANSWERS):
            self._answered(frame.in_reply_to, message, now_us, out)
        elif isinstance(message, WatchEvent):
            reflector = self._watches.get(frame.in_reply_to)
            change = reflector.saw(message) if reflector is not None else None
            if change is not None:
                self._tell(change, now_us, out)
        elif isinstance(message, Accept):
            if connection.dialing:
                self._opened(now_us, out)
        elif isinstance(message, Pong):
            connection.ping_sent_us = None
        elif isinstance(message, Reset):
            refused = connection.dialing
            self._lose(
                "refused" if refused else "reset", "ConnectionRefused" if refused else "ConnectionLost", now_us, out
            )
        elif isinstance(message, Close):
            self._lose("closed", "ConnectionLost", now_us, out)
        elif isinstance(message, Ping):
            out.append(Send(frame.source, Pong(), connection=connection.number))

    def _answered(self, id_: int, answer: Done | Listed | Failure, now_us: int, out: list[MachineEffect]) -> None:
        pending = self._pending.pop(id_, None)
        if pending is None:
            return  # It came after the call's timeout.
        if pending.deadline_us is not None and self._armed_us == pending.deadline_us:
            self._armed_us = None
            out.append(CancelTimer(_CALLS))
            if self._pending:
                self._rearm(out)
        if pending.reflector is not None:
            self._reflected(pending.reflector, answer, id_, now_us, out)
        else:
            self._answer(pending, answer, now_us, out)

    def _rearm(self, out: list[MachineEffect]) -> None:
        left = [call.deadline_us for call in self._pending.values() if call.deadline_us is not None]
        if left:
            self._armed_us = min(left)
            out.append(SetTimer(_CALLS, self._armed_us))

    def _opened(self, now_us: int, out: list[MachineEffect]) -> None:
        connection = self._connection
        connection.accepted(now_us)
        out.append(Record("ConnectionOpened", "", {"connection": connection.number}))
        out.append(CancelTimer(_DIAL))
        out.append(SetTimer(_IDLE, connection.next_check_us()))
        for id_, pending in self._pending.items():
            if not pending.sent:
                pending.sent = True
                out.append(Send(SERVER, pending.request, id_, 0, connection.number))

    def _timer(self, key: tuple[object, ...], now_us: int, out: list[MachineEffect]) -> None:
        if key == _CALLS:
            self._expire(now_us, out)
        elif key == _DIAL:
            self._dial_again(now_us, out)
        elif key == _IDLE:
            self._check_health(now_us, out)
        else:
            place = key[2]
            assert isinstance(place, int)
            self._waiting.discard(place)
            self._ask(place, now_us, out)

    def _dial_again(self, now_us: int, out: list[MachineEffect]) -> None:
        connection = self._connection
        if connection.dial_timed_out(now_us):
            self._lose("timeout", "Timeout", now_us, out)
            return
        connection.dials += 1
        out.append(Send(SERVER, Dial(), connection=connection.number))
        out.append(SetTimer(_DIAL, connection.next_dial_us()))

    def _check_health(self, now_us: int, out: list[MachineEffect]) -> None:
        connection = self._connection
        if connection.ping_sent_us is not None and now_us - connection.ping_sent_us >= PING_TIMEOUT_US:
            out.append(Send(SERVER, Close(), connection=connection.number))
            self._lose("silent", "ConnectionLost", now_us, out)
            return
        if connection.ping_sent_us is None and connection.next_check_us() <= now_us:
            connection.ping_sent_us = now_us
            out.append(Send(SERVER, Ping(), connection=connection.number))
        out.append(SetTimer(_IDLE, connection.next_check_us()))

    def _lose(self, why: str, reason: str, now_us: int, out: list[MachineEffect]) -> None:
        """The connection, or the dial, is over: watches break, calls fail, the next call dials anew."""
        connection = self._connection
        if not (connection.open or connection.dialing):
            return
        out.append(Record("ConnectionLost", "", {"connection": connection.number, "why": why}))
        connection.lost()
        out += [CancelTimer(_DIAL), CancelTimer(_IDLE)]
        pending, self._pending = self._pending, {}
        watches, self._watches = self._watches, {}
        if self._armed_us is not None:
            self._armed_us = None
            out.append(CancelTimer(_CALLS))
        for place, reflector in enumerate(self._reflectors):
            if reflector.watch_id in watches:
                reflector.broken()
                self._wait(place, now_us, out)
        for call in pending.values():
            self._fail(call, reason, now_us, out)
