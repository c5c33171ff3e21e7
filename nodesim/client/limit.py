"""How many calls may a client send, and when may the next one go?

A bucket of tokens, full at first; each call takes one when it is asked for, and goes when its token is there, so that
calls keep their order.  A waiting call is not sent yet: no timeout of its own runs, and a process that dies takes it
along.  Events are sent one after another, as one goroutine does: only the first of them waits for a token.  The lists
and watches of caches have a client of their own and take none.

Sources: client-go util/flowcontrol/throttle.go `NewTokenBucketRateLimiter`, golang.org/x/time/rate `reserveN`,
client-go kubernetes/clientset.go `NewForConfig` (one limiter a client), tools/record/event.go `StartRecordingToSink`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from typing import Final

from nodesim.client.machine import ClientMachine
from nodesim.client.watches import WatchSpec
from nodesim.machine import (
    Answered,
    Call,
    MachineEffect,
    MachineEvent,
    Program,
    ProgramEvent,
    SetTimer,
    TimerFired,
)
from nodesim.streams import Streams

_TOKEN: Final = 1_000_000_000
"""One token: a thousand thousandths of a call per second for a million microseconds."""
_TIMER: Final = "client/limit"


class CallLimit:
    """One client's bucket: `qps_milli` thousandths of a call per second (above 0), at most `burst` (from 1) at once.

    It is kept as one instant: when the bucket will be full again if nobody asks.  Each call moves that on by the time
    of a token; in thousandths of a call per second times microseconds nothing is rounded.
    """

    __slots__ = ("_full", "burst", "qps_milli")

    def __init__(self, qps_milli: int, burst: int) -> None:
        assert qps_milli > 0
        assert burst > 0
        self.qps_milli = qps_milli
        self.burst = burst
        self._full = 0

    def __repr__(self) -> str:
        """`CallLimit(20000/1000 a second, burst 30)`."""
        return f"CallLimit({self.qps_milli}/1000 a second, burst {self.burst})"

    def reserve_us(self, now_us: int) -> int:
        """When a call that is asked for now may go: now, or later."""
        self._full = max(self._full, now_us * self.qps_milli) + _TOKEN
        return max(now_us, -(-(self._full - self.burst * _TOKEN) // self.qps_milli))


class LimitedClient(ClientMachine):
    """A client whose program's calls wait for their tokens.

    Events may have a bucket of their own (`events`), and calls whose tags begin with a word of `free` another client
    without a limit.
    """

    __slots__ = ("_event_limit", "_events", "_free", "_limit", "_numbers", "_waiting")

    def __init__(
        self,
        name: str,
        program: Program,
        watches: Sequence[WatchSpec],
        streams: Streams,
        limit: CallLimit,
        *,
        connection: int = 0,
        events: CallLimit | None = None,
        free: Collection[str] = (),
    ) -> None:
        super().__init__(name, program, watches, streams, connection=connection)
        self._limit = limit
        self._event_limit = events or limit
        self._free = free
        self._numbers = 0
        self._waiting: dict[int, Call] = {}
        """Calls that have a token to come, by the number of their timer."""
        self._events: deque[Call] = deque()
        """Events in order; the first is asked for, or on its way."""

    def handle(self, event: MachineEvent, now_us: int) -> list[MachineEffect]:
        """One frame, timer or step in; frames, timers and records out."""
        if isinstance(event, TimerFired) and type(event.key) is tuple and event.key[0] == _TIMER:
            out: list[MachineEffect] = []
            self._call(self._waiting.pop(event.key[1]), now_us, out)
            return out
        return super().handle(event, now_us)

    def _tell(self, event: ProgramEvent, now_us: int, out: list[MachineEffect]) -> None:
        if isinstance(event, Answered) and _is_event(event.tag):
            self._events.popleft()
            if self._events:
                self._reserve(self._events[0], self._event_limit, now_us, out)
        for effect in self.program.handle(event, now_us):
            if not isinstance(effect, Call):
                out.append(effect)
            elif _is_event(effect.tag):
                self._events.append(effect)
                if len(self._events) == 1:
                    self._reserve(effect, self._event_limit, now_us, out)
            elif type(effect.tag) is tuple and effect.tag[0] in self._free:
                self._call(effect, now_us, out)
            else:
                self._reserve(effect, self._limit, now_us, out)

    def _reserve(self, call: Call, limit: CallLimit, now_us: int, out: list[MachineEffect]) -> None:
        """Call when the limit lets it: now, or when its timer fires."""
        at_us = limit.reserve_us(now_us)
        if at_us == now_us:
            self._call(call, now_us, out)
            return
        self._numbers += 1
        self._waiting[self._numbers] = call
        out.append(SetTimer((_TIMER, self._numbers), at_us, caused=True))


def _is_event(tag: object) -> bool:
    return type(tag) is tuple and tag[0] == "event"
