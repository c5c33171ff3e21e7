"""When a client's calls may go: bursts, the rate after them, order, and a limit's end with its process."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodesim.client import WatchSpec
from nodesim.client.limit import CallLimit, LimitedClient
from nodesim.client.machine import ClientMachine
from nodesim.machine import (
    Call,
    Frame,
    MachineEffect,
    ProgramEffect,
    ProgramEvent,
    Send,
    SetTimer,
    Started,
    TimerFired,
    Told,
)
from nodesim.messages import Accept, Failure, Get, List
from nodesim.streams import Streams
from nodesim.units import SECOND


@pytest.mark.parametrize(
    ("qps_milli", "burst", "asked_us", "goes_us"),
    [
        (20_000, 3, [0, 0, 0, 0, 0], [0, 0, 0, 50_000, 100_000]),
        (20_000, 1, [0, 10_000, 60_000, 1_000_000], [0, 50_000, 100_000, 1_000_000]),
        (500, 1, [0, 0], [0, 2 * SECOND]),
        (3000, 1, [0, 0, 0, 0], [0, 333_334, 666_667, 1_000_000]),
        (20_000, 2, [0, 0, 40_000, 50_000, 60_000, 10 * SECOND], [0, 0, 50_000, 100_000, 150_000, 10 * SECOND]),
    ],
)  # fmt: skip
def test_a_burst_goes_at_once_and_the_rest_at_the_rate(
    qps_milli: int, burst: int, asked_us: list[int], goes_us: list[int]
) -> None:
    """A token that comes between two microseconds is there at the later one; nothing is rounded for good."""
    limit = CallLimit(qps_milli, burst)
    assert [limit.reserve_us(now_us) for now_us in asked_us] == goes_us


@given(st.integers(1, 100_000), st.integers(1, 50), st.lists(st.integers(0, 5 * SECOND), max_size=60))
def test_it_is_a_bucket_of_tokens(qps_milli: int, burst: int, asked_us: list[int]) -> None:
    """Against golang.org/x/time/rate's own bookkeeping, in exact fractions."""
    limit, tokens, last_us = CallLimit(qps_milli, burst), Fraction(burst), 0
    rate = Fraction(qps_milli, 1000 * SECOND)
    for now_us in sorted(asked_us):
        tokens = min(Fraction(burst), tokens + (now_us - last_us) * rate) - 1
        last_us = now_us
        wait = max(Fraction(0), -tokens / rate)
        assert limit.reserve_us(now_us) == now_us + -(-wait.numerator // wait.denominator)


class _Asks:
    """Orders what it is told to order."""

    def handle(self, event: ProgramEvent, now_us: int) -> list[ProgramEffect]:
        """The calls of a step."""
        if not isinstance(event, Told):
            return []
        assert isinstance(event.step, list)
        return event.step


def _gets(*names: str) -> Told:
    return Told([Call(name, Get("pods", "default", name)) for name in names])


def _events(*names: str) -> Told:
    return Told([Call(("event", n), Get("events", "default", name)) for n, name in enumerate(names)])


def _client(qps_milli: int, burst: int) -> ClientMachine:
    spec = WatchSpec("pods", lambda document: document)
    machine = LimitedClient("someone", _Asks(), [spec], Streams(1), CallLimit(qps_milli, burst))
    machine.handle(Started(), 0)
    opened = machine.handle(Frame("apiserver", 0, 0, 1, Accept()), 0)
    assert [effect.message for effect in opened if isinstance(effect, Send)] == [List("pods", "", "", "")]
    return machine


def _sent(effects: list[MachineEffect]) -> list[str]:
    return [effect.message.name for effect in effects if isinstance(effect, Send) and isinstance(effect.message, Get)]


def _timers(effects: list[MachineEffect]) -> list[SetTimer]:
    return [effect for effect in effects if isinstance(effect, SetTimer) and type(effect.key) is tuple]


def test_calls_beyond_the_limit_wait_in_order_and_caches_do_not() -> None:
    """Two at once, then one each 500 ms; the list of a cache goes at once and costs nothing."""
    machine = _client(2000, 2)
    assert _sent(machine.handle(_gets("a", "b"), 2000)) == ["a", "b"]
    waiting = [*machine.handle(_gets("c", "d"), 2000), *machine.handle(_gets("e"), 3000)]
    assert _sent(waiting) == []
    timers = _timers(waiting)
    assert [(timer.at_us, timer.caused) for timer in timers] == [(2000 + n * SECOND // 2, True) for n in (1, 2, 3)]
    went = [name for timer in timers for name in _sent(machine.handle(TimerFired(timer.key), timer.at_us))]
    assert went == ["c", "d", "e"]


def test_events_go_one_after_another() -> None:
    """The second waits for the answer to the first, and takes its token only then: a call in between is before it."""
    machine = _client(2000, 2)
    assert _sent(machine.handle(_events("x", "y"), 0)) == ["x"]
    assert _sent(machine.handle(_gets("a"), 0)) == ["a"]
    (timer,) = _timers(machine.handle(Frame("apiserver", 0, 2, 1, Failure(404, "NotFound", "")), 1000))
    assert timer.at_us == SECOND // 2
    assert _sent(machine.handle(TimerFired(timer.key), timer.at_us)) == ["y"]


def test_events_may_have_a_bucket_of_their_own_and_some_calls_none() -> None:
    """As a kubelet's: events do not hold its requests back, and its heartbeats go at once."""
    limits = CallLimit(1000, 1), CallLimit(1000, 1)
    machine = LimitedClient("someone", _Asks(), [], Streams(1), limits[0], events=limits[1], free=("lease",))
    machine.handle(_gets("open"), 0)
    machine.handle(Frame("apiserver", 0, 0, 1, Accept()), 0)
    assert _sent(machine.handle(_events("x"), 0)) == ["x"]
    assert _sent(machine.handle(Told([Call(("lease", "put"), Get("leases", "", "mine"))]), 0)) == ["mine"]
    (timer,) = _timers(machine.handle(_gets("late"), 0))
    assert timer.at_us == SECOND
