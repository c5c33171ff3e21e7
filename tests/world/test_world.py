"""The world's order, its network and its supervision, with small machines of the test's own."""

from __future__ import annotations

from typing import Any

import pytest

from nodesim.errors import ActorCrash, NotRunnable, TimeStandsStill
from nodesim.machine import Frame, Record, Send, SetTimer, Started, TimerFired
from nodesim.messages import Ping, Pong
from nodesim.net import Link, LinkChange
from nodesim.units import SECOND
from nodesim.world import World, driver
from tests.world.stage import Handle, mute, play, play_all, traced, world_of
from transports.memory import MemoryTransport


def test_frames_of_one_sender_arrive_in_order_whatever_their_jitter() -> None:
    """A connection is first in, first out: a slow frame holds back those behind it."""

    def chatter(event: Any, now_us: int) -> list[Any]:
        return [Send("apiserver", Ping(), id=n) for n in range(50)] if isinstance(event, Started) else []

    world, machines = world_of(Link(1000, jitter_us=5000), w0=chatter, apiserver=mute)
    play(world)
    frames = [(t, e.id) for t, e in machines["apiserver"].seen if isinstance(e, Frame)]
    assert [number for _, number in frames] == list(range(50))
    assert all(1000 <= t <= 6000 for t, _ in frames)
    assert len({t for t, _ in frames}) > 1


def test_a_timer_set_again_moves_and_a_cancelled_one_is_silent() -> None:
    """One key is one timer."""
    from nodesim.machine import CancelTimer

    def timers(event: Any, now_us: int) -> list[Any]:
        if isinstance(event, Started):
            return [SetTimer("a", 5), SetTimer("a", 9), SetTimer("b", 7), CancelTimer("b"), CancelTimer("none")]
        return []

    world, machines = world_of(apiserver=timers)
    play(world)
    assert machines["apiserver"].seen[1:] == [(9, TimerFired("a"))]


def test_entries_of_one_instant_go_by_origin_then_by_its_count() -> None:
    """At one instant the order is that of the names that scheduled, not that of scheduling."""
    seen: list[str] = []

    def noting(name: str) -> Handle:
        def handle(event: Any, now_us: int) -> list[Any]:
            if isinstance(event, Started):
                return [SetTimer(f"{name}1", 10), SetTimer(f"{name}2", 10)]
            seen.append(event.key)
            return []

        return handle

    world, _ = world_of(w1=noting("w1"), apiserver=noting("apiserver"), w0=noting("w0"))
    play(world)
    assert seen == ["apiserver1", "apiserver2", "w01", "w02", "w11", "w12"]


def test_records_name_their_cause() -> None:
    """The cause of what is sent is the turn's last record; timers carry one directly before them."""

    def kubelet(event: Any, now_us: int) -> list[Any]:
        if isinstance(event, Started):
            about = "Pod/default/a"
            effects = [Record("A", about), Record("B", about), SetTimer("t", 5), Send("apiserver", Ping())]
            return [*effects, SetTimer("rhythm", 9)]
        return [Record("T" if event.key == "t" else "R")]

    def server(event: Any, now_us: int) -> list[Any]:
        return [Record("S")] if isinstance(event, Frame) else []

    world, _ = world_of(w0=kubelet, apiserver=server)
    play(world)
    causes = {record.kind: record.cause for record in world.records}
    assert causes == {"A": "", "B": "node/w0#1", "T": "node/w0#2", "S": "node/w0#2", "R": ""}


def test_records_of_one_turn_about_several_objects_are_siblings() -> None:
    """Each has the cause that the turn came with; a second one about an object follows from that object's first."""

    def kubelet(event: Any, now_us: int) -> list[Any]:
        return [Record("Z", "Node/w0"), Send("apiserver", Ping())] if isinstance(event, Started) else []

    def server(event: Any, now_us: int) -> list[Any]:
        abouts = {"A": "Pod/a", "B": "Pod/b", "A2": "Pod/a", "N": "", "N2": ""}
        return [Record(kind, about) for kind, about in abouts.items()] if isinstance(event, Frame) else []

    world, _ = world_of(w0=kubelet, apiserver=server)
    play(world)
    causes = {record.kind: record.cause for record in world.records}
    begun = "node/w0#1"
    assert causes == {"Z": "", "A": begun, "B": begun, "A2": "apiserver#1", "N": begun, "N2": begun}


def test_a_frame_that_is_none_is_counted_recorded_once_and_dropped() -> None:
    """Garbage in a mailbox does not reach the machine and does not end it."""
    from nodesim.world import Parcel

    world, machines = world_of(apiserver=mute)
    for n in (1, 2):
        world.take_in(Parcel(n, "node/evil", n, "apiserver", b"\xc1garbage"))
    play(world)
    assert machines["apiserver"].seen == [(0, Started())]
    assert world.dropped == 2
    assert [(r.kind, r.fields["source"]) for r in world.records] == [("FrameDropped", "node/evil")]


def test_a_crash_names_the_actor_the_instant_and_the_event() -> None:
    """In place and in tasks, with the same text."""

    def broken(event: Any, now_us: int) -> list[Any]:
        if isinstance(event, Started):
            return [SetTimer("boom", 1_500_000)]
        msg = "no such pod"
        raise KeyError(msg)

    texts = []
    for in_tasks in (False, True):
        world, _ = world_of(w0=broken)
        with pytest.raises(ExceptionGroup) as caught:
            play(world, in_tasks=in_tasks)
        crash, rest = caught.value.split(ActorCrash)
        assert crash is not None
        assert rest is None
        error: BaseException = crash
        while isinstance(error, ExceptionGroup):
            (error,) = error.exceptions
        assert isinstance(error.__cause__, KeyError)
        texts.append(str(error))
    assert texts[0] == texts[1]
    assert "node/w0 crashed at 1.500000 s" in texts[0]
    assert "boom" in texts[0]


def test_time_that_stands_still_is_reported_with_who_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """An actor that wakes itself for ever at one instant is named."""
    monkeypatch.setattr(driver, "STILL_MAX", 10_000)
    world, _ = world_of(w0=lambda event, now_us: [SetTimer("again", now_us)])
    with pytest.raises(ExceptionGroup) as caught:
        play(world)
    assert caught.group_contains(TimeStandsStill, match="node/w0")


def test_a_message_to_nobody_is_an_error() -> None:
    """A destination that lives nowhere ends the run with its name."""
    world, _ = world_of(w0=lambda event, now_us: [Send("ghost", Ping())] if isinstance(event, Started) else [])
    with pytest.raises((NotRunnable, ExceptionGroup)) as caught:
        play(world)
    assert "ghost" in str(caught.value) or caught.group_contains(NotRunnable, match="ghost")


def gossip(name: str) -> Handle:
    """Every 7 ms a ping, answered by the server; both write records."""

    def handle(event: Any, now_us: int) -> list[Any]:
        if isinstance(event, Frame):
            return [Record("Heard", "", {"id": event.in_reply_to})]
        n = now_us // 7000
        return [Record("Beat", "", {"n": n}), Send("apiserver", Ping(), id=n + 1), SetTimer("beat", now_us + 7000)]

    return handle


def answer(event: Any, now_us: int) -> list[Any]:
    """The server's side of the gossip."""
    if not isinstance(event, Frame):
        return []
    return [Record("Asked", "", {"by": event.source}), Send(event.source, Pong(), in_reply_to=event.id)]


def test_two_coupled_worlds_and_task_mode_give_the_same_records_as_one() -> None:
    """The order is the same in one world in place, in tasks, and in two worlds that meet only by messages."""
    link = Link(1000, jitter_us=2000)

    def cut(world: World) -> None:
        world.schedule_rule(300_000, LinkChange(("w1",), ("from-control-plane",), cut="drop"))
        world.schedule_rule(600_000, LinkChange(("w1",), ("from-control-plane",), cut=""))

    runs = []
    for in_tasks in (False, True):
        world, _ = world_of(link, w0=gossip("w0"), w1=gossip("w1"), w2=gossip("w2"), apiserver=answer)
        cut(world)
        play(world, 1 * SECOND, in_tasks=in_tasks)
        runs.append(traced([world]))
    one, _ = world_of(link, w0=gossip("w0"), apiserver=answer)
    other, _ = world_of(link, w1=gossip("w1"), w2=gossip("w2"))
    cut(one)
    cut(other)
    play_all([one, other], 1 * SECOND, transport=MemoryTransport(), lookahead_us=1000)
    runs.append(traced([one, other]))
    assert len(runs[0]) > 1000
    assert runs[0] == runs[1]
    assert runs[0] == runs[2]


def test_a_rhythm_has_no_cause_even_behind_a_record() -> None:
    """`caused` None: whichever turn set the timer and whatever it recorded before, it is nobody's consequence."""

    def rhythm(event: Any, now_us: int) -> list[Any]:
        if isinstance(event, Started):
            return [Record("Before"), SetTimer("behind", 5), SetTimer("rhythm", 6, caused=None)]
        return [Record(f"At{event.key.title()}")]

    world, _ = world_of(apiserver=rhythm)
    play(world)
    assert [(record.kind, record.cause) for record in world.records] == [
        ("Before", ""),
        ("AtBehind", "apiserver#1"),
        ("AtRhythm", ""),
    ]
