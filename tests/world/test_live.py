"""A world in real time: instants, lateness, frames from elsewhere."""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import attrs
import pytest
import trio
import trio.testing

from nodesim.machine import Frame, Send, SetTimer, Started, TimerFired
from nodesim.messages import ENCODERS, Ping
from nodesim.net import Link, Topology
from nodesim.streams import Streams
from nodesim.units import MILLISECOND, SECOND
from nodesim.world import Live, Parcel, RealClock, VirtualClock, World, living, wall

ALWAYS_IN_TIME = 10**12


@attrs.define
class Scripted:
    """A machine that notes what it gets and answers as its script says."""

    answers: Callable[[Any, int], list[Any]]
    seen: list[tuple[int, Any]] = attrs.Factory(list)

    def handle(self, event: Any, now_us: int) -> list[Any]:
        """Note the event; answer."""
        self.seen.append((now_us, event))
        return self.answers(event, now_us)


def world_of(answers: Callable[[Any, int], list[Any]], name: str = "apiserver") -> tuple[World, Scripted]:
    """A world with one actor."""
    world = World(Topology(Link(1000), Link(1000)), Streams(1))
    machine = Scripted(answers)
    world.add(name, machine)
    world.schedule(0, name, 0, name, Started())
    return world, machine


def run(world: World, speed: float, body: Callable[[Live], Awaitable[None]], **options: Any) -> None:
    """Run a body beside a living world."""
    clock = RealClock(speed)

    async def main() -> None:
        async with living(world, clock, **{"slack_us": ALWAYS_IN_TIME, **options}) as live:
            await body(live)

    trio.run(main, clock=clock)


def every_second(event: Any, now_us: int) -> list[Any]:
    """A rhythm of one second."""
    return [SetTimer("tick", now_us + SECOND)]


def mute(event: Any, now_us: int) -> list[Any]:
    """Answers nothing."""
    return []


def ping(origin: str, n: int, at_us: int = 0, destination: str = "apiserver") -> Parcel:
    """A frame from elsewhere."""
    return Parcel(at_us, origin, n, destination, ENCODERS[Ping](origin, destination, 0, 0, 1, "", Ping()))


def test_a_rhythm_does_not_drift_however_late_each_turn_is_taken() -> None:
    """Machines are handed the instant that was scheduled; 60 s at speed 2000 take 30 ms."""
    world, machine = world_of(every_second)

    async def body(live: Live) -> None:
        await live(60 * SECOND)
        assert live.clock.now_us >= 60 * SECOND
        assert live.lag.worst_us > 0

    run(world, 2000, body)
    assert [t for t, _ in machine.seen] == [n * SECOND for n in range(61)]
    assert world.now_us == 60 * SECOND
    assert world.records == []


def test_nobody_is_handed_an_instant_older_than_the_slack_and_the_trace_says_that_turns_were_late() -> None:
    """At a speed that no computer can keep, instants follow the clock and not the rhythm."""
    slack_us = 5 * SECOND

    def checked(event: Any, now_us: int) -> list[Any]:
        clock_us.append(clock.now_us)
        return every_second(event, now_us)

    clock_us: list[int] = []
    world, machine = world_of(checked)
    clock = RealClock(10_000_000)
    worst_us = []

    async def main() -> None:
        async with living(world, clock, slack_us=slack_us) as live:
            await live(100_000 * SECOND)
            worst_us.append(live.lag.worst_us)

    trio.run(main, clock=clock)
    handed = [t for t, _ in machine.seen]
    assert handed == sorted(handed)
    assert len(handed) < 100_000
    assert worst_us[0] > slack_us
    assert world.records[0].kind == "RunLate"
    assert world.records[0].actor == "clock"
    assert world.records[0].fields["late_us"] > slack_us == world.records[0].fields["slack_us"]
    assert {record.kind for record in world.records} <= {"RunLate", "RunCaughtUp"}
    kinds = [record.kind for record in world.records]
    assert all(first != second for first, second in pairwise(kinds)), "they take turns"


def test_a_timer_that_was_due_before_a_late_turn_and_is_set_again_is_due_at_once() -> None:
    """A process that was stopped finds several timers due; the turn of the first may set the second as it was."""
    due_us = {"first": SECOND, "second": 2 * SECOND}

    def both(event: Any, now_us: int) -> list[Any]:
        if isinstance(event, Started):
            return [SetTimer(key, at_us) for key, at_us in due_us.items()]
        return [SetTimer("second", due_us["second"])] if event == TimerFired("first") else []

    world, machine = world_of(both)

    async def stopped(live: Live) -> None:
        time.sleep(0.03)
        await live(30_000 * SECOND)

    run(world, 1_000_000, stopped, slack_us=5 * SECOND)
    fired = [(t_us, event) for t_us, event in machine.seen if isinstance(event, TimerFired)]
    assert [event for _, event in fired] == [TimerFired("first"), TimerFired("second")]
    assert fired[0][0] > due_us["second"]
    assert fired[1][0] >= fired[0][0]


def test_a_frame_from_elsewhere_wakes_a_world_that_has_nothing_to_do() -> None:
    """Posted from another task, it is taken in at once, in the order of (origin, n), and not when the run ends."""
    arrived = trio.Event()

    def note(event: Any, now_us: int) -> list[Any]:
        if isinstance(event, Frame) and event.source == "node/b":
            arrived.set()
        return []

    world, machine = world_of(note)

    async def body(live: Live) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(live, 10**12)
            await trio.testing.wait_all_tasks_blocked()
            live.post([ping("node/b", 7), ping("node/a", 2), ping("node/a", 1), ping("node/c", 1, destination="gone")])
            with trio.fail_after(5):
                await arrived.wait()
            nursery.cancel_scope.cancel()

    run(world, 1, body)
    frames = [(t, event.source) for t, event in machine.seen if isinstance(event, Frame)]
    assert [source for _, source in frames] == ["node/a", "node/a", "node/b"]
    assert len({t for t, _ in frames}) == 1
    assert 0 < frames[0][0] < 5 * SECOND
    assert world.dropped == 1


def test_a_frame_for_later_waits_for_its_instant_and_a_late_one_does_not_go_back_in_time() -> None:
    """`at_us` is on the receiver's clock; what lies in the past is due now."""
    world, machine = world_of(every_second)

    async def body(live: Live) -> None:
        live.post([ping("node/a", 1, at_us=30 * SECOND)])
        await live(10 * SECOND)
        live.post([ping("node/a", 2, at_us=3 * SECOND)])
        await live(400 * SECOND)

    run(world, 2000, body)
    frames = [t for t, event in machine.seen if isinstance(event, Frame)]
    assert len(frames) == 2
    assert frames[0] > 10 * SECOND
    assert 30 * SECOND in frames
    assert [t for t, _ in machine.seen] == sorted(t for t, _ in machine.seen)


def test_what_is_final_goes_with_the_clock_and_stops_before_what_is_still_to_be_done() -> None:
    """A world that is silent is no reason to wait for it; what happens from outside comes later than that."""
    world, machine = world_of(mute)
    told: list[tuple[int, int]] = []

    async def body(live: Live) -> None:
        assert live.final_us() == -1
        async with trio.open_nursery() as nursery:
            nursery.start_soon(live, 60 * SECOND)
            await trio.sleep(30)
            live.tell("apiserver", TimerFired("told"), "somebody")
            told.append((live.final_us(), live.clock.now_us))
        told.append((live.final_us(), 0))

    run(world, 1_000, body)
    (final_us, now_us), (at_end_us, _) = told
    assert 30 * SECOND - 1 <= final_us < machine.seen[-1][0] <= now_us
    assert machine.seen[-1][1] == TimerFired("told")
    assert at_end_us >= 60 * SECOND - 1


def test_what_leaves_the_world_is_handed_out_right_after_the_turn() -> None:
    """With the instant at which the link lets it arrive."""

    def speak(event: Any, now_us: int) -> list[Any]:
        if isinstance(event, Started):
            return [SetTimer("speak", 7 * SECOND)]
        return [Send("apiserver", Ping())] if isinstance(event, TimerFired) else []

    world, _ = world_of(speak, "node/a")
    left: list[tuple[int, int, str]] = []

    async def body(live: Live) -> None:
        await live(20 * SECOND)

    run(world, 4000, body, outlet=lambda parcels: left.extend((world.now_us, p.at_us, p.destination) for p in parcels))
    assert left == [(7 * SECOND, 7 * SECOND + MILLISECOND, "apiserver")]


def test_progress_tells_up_to_where_nothing_more_is_recorded() -> None:
    """Each call is no earlier than the one before, and the last is the end."""
    world, _ = world_of(every_second)
    told: list[int] = []

    async def body(live: Live) -> None:
        await live(20 * SECOND)

    run(world, 4000, body, progress=told.append)
    assert told == sorted(told)
    assert told[-1] <= 20 * SECOND <= told[-1] + SECOND


def test_edges_ask_how_long_their_seconds_are() -> None:
    """At speed 60 a second of real time is 60 of trio's; in virtual time nothing real is waited for; else it is one."""

    async def ask() -> float:
        return wall(2)

    assert trio.run(ask, clock=RealClock(60)) == 120
    assert trio.run(ask, clock=VirtualClock()) == math.inf
    assert trio.run(ask) == 2


@pytest.mark.parametrize("speed", [0, -1, math.inf, math.nan])
def test_a_speed_is_a_number_above_0(speed: float) -> None:
    """Time that stands still or jumps is no real time."""
    with pytest.raises(ValueError, match="not a speed"):
        RealClock(speed)
