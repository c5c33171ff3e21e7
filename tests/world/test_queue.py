"""The queue gives back what was put in, in order, whatever slot it waited in."""

from __future__ import annotations

from bisect import insort
from heapq import heappop
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nodesim.machine import CancelAllTimers, CancelTimer, MachineEffect, SetTimer, Started, TimerFired
from nodesim.net import Link, Topology
from nodesim.streams import Streams
from nodesim.world import World
from nodesim.world.home import Home
from nodesim.world.queue import EVENT, SLOT_BITS, STRIDE, TIMER, Entry, Queue

SLOT_US = 1 << SLOT_BITS


class Nothing:
    """A machine that does nothing."""

    def handle(self, event: Any, now_us: int) -> list[Any]:
        """Nothing."""
        return []


class Timed:
    """A machine with timers: at an instant it orders what the script says, and notes which timers fire when."""

    def __init__(self, script: dict[int, list[MachineEffect]]) -> None:
        self._script = script
        self.fired: list[tuple[int, Any]] = []

    def handle(self, event: Any, now_us: int) -> list[MachineEffect]:
        """Note, then do what is in the script."""
        if isinstance(event, TimerFired):
            self.fired.append((now_us, event.key))
            return []
        return self._script[now_us]


def home() -> Home:
    """Somebody's home."""
    return World(Topology(Link(), Link()), Streams(0)).add("apiserver", Nothing())


def take(queue: Queue) -> Entry:
    """Take the next entry out, as the world's loop does."""
    head = queue.head()
    assert head is not None
    if queue.near and queue.near[0] is head:
        return heappop(queue.near)
    return queue.due.pop()


def fired(script: dict[int, list[MachineEffect]]) -> list[tuple[int, Any]]:
    """Which timers of a machine fire in a world, and when."""
    world, machine = World(Topology(Link(), Link()), Streams(0)), Timed(script)
    world.add("apiserver", machine)
    for n, at_us in enumerate(sorted(script)):
        world.schedule(at_us, "", n, "apiserver", Started())
    assert world.run(100 * SLOT_US, 1000)
    return machine.fired


INSTANTS = st.one_of(
    st.integers(0, 5 * SLOT_US),
    st.builds(lambda slot, off: max(0, slot * SLOT_US + off), st.integers(0, 5), st.integers(-1, 1)),
    st.builds(lambda slot, off: slot * SLOT_US + off, st.integers(1, 3 * STRIDE), st.integers(0, SLOT_US - 1)),
)
"""Anywhere in six slots, and around their borders; or farther than a home with a moved timer goes at once."""

MOVES = st.lists(st.one_of(st.none(), st.tuples(INSTANTS, st.sampled_from("abc"))), max_size=60)
"""Take the next entry out (None), or put one in: how long after the last that was taken, and by whom."""


@given(MOVES)
@example([(5, "a"), (SLOT_US + 1, "a"), None, (SLOT_US + 5, "a")])  # Into a slot that waits, behind what is there.
@example([(5, "a"), (SLOT_US - 1, "a"), (SLOT_US, "a"), None, (SLOT_US - 5, "b")])  # At its very border.
def test_entries_come_out_as_from_a_sorted_list(moves: list[tuple[int, str] | None]) -> None:
    """By time, origin and count, also when more are put in between, in a slot that has begun or in a later one."""
    queue, owner = Queue(), home()
    model: list[tuple[int, str, int]] = []
    now_us = 0
    for n, move in enumerate([*moves, *[None] * len(moves)]):
        if move is not None:
            wait_us, origin = move
            insort(model, (now_us + wait_us, origin, n))
            queue.push((now_us + wait_us, origin, n, owner, EVENT, Started(), ""))
            continue
        head = queue.head()
        assert (head is not None) == bool(model)
        if head is not None:
            assert head[:3] == model[0]
            assert take(queue) is head
            now_us = head[0]
            del model[0]
    assert not queue.settle()


@given(st.lists(st.tuples(INSTANTS, st.booleans()), max_size=40))
def test_live_timers_come_out_and_cancelled_ones_of_later_slots_never_do(timers: list[tuple[int, bool]]) -> None:
    """What is cancelled before its slot begins is left behind there; nothing live is, and everything else stays."""
    queue, owner = Queue(), home()
    for n, (at_us, live) in enumerate(timers):
        queue.push((at_us, "a", n, owner, TIMER, n, ""))
        queue.push((at_us, "b", n, owner, EVENT, Started(), ""))
        if live:
            owner.timers[n] = n
    out = []
    while queue.settle():
        out.append(take(queue)[:3])
    kept = [(at_us, "a", n) for n, (at_us, live) in enumerate(timers) if live]
    events = [(at_us, "b", n) for n, (at_us, _) in enumerate(timers)]
    assert out == sorted(kept + events)


def test_a_slot_of_cancelled_timers_alone_is_passed_over() -> None:
    """The next entry is that of a later slot; where there is none, the queue is empty."""
    queue, owner = Queue(), home()
    owner.timers = {"live": 2}
    queue.push((3 * SLOT_US, "a", 1, owner, TIMER, "dead", ""))
    queue.push((9 * SLOT_US, "a", 2, owner, TIMER, "live", ""))
    assert queue.settle()
    assert [entry[5] for entry in queue.due] == ["live"]
    queue.due.clear()
    queue.push((12 * SLOT_US, "a", 3, owner, TIMER, "dead", ""))
    assert not queue.settle()


def test_a_timer_that_was_moved_leaves_its_old_place_behind() -> None:
    """The same key under a newer count: only the newer entry is taken along."""
    queue, owner = Queue(), home()
    owner.timers = {"k": 2}
    queue.push((3 * SLOT_US + 5, "a", 1, owner, TIMER, "k", ""))
    queue.push((3 * SLOT_US + 9, "a", 2, owner, TIMER, "k", ""))
    assert queue.settle()
    assert [entry[:3] for entry in queue.due] == [(3 * SLOT_US + 9, "a", 2)]


def test_the_lists_of_what_is_next_are_always_the_same_ones() -> None:
    """The world's loop holds on to them across slots."""
    queue, owner = Queue(), home()
    due, near = queue.due, queue.near
    for n, at_us in enumerate((5, 4 * SLOT_US)):
        queue.push((at_us, "a", n, owner, EVENT, Started(), ""))
        assert queue.settle()
        queue.push((at_us + 1, "a", n, owner, EVENT, Started(), ""))
        assert (queue.due is due, queue.near is near) == (True, True)
        assert [take(queue)[0] for _ in range(2)] == [at_us, at_us + 1]


def test_a_timer_set_anew_again_and_again_leaves_nothing_behind() -> None:
    """Thirty calls, each of which sets the time-out and the answer sets it farther: the home stands in few slots."""
    calls = [10 * SLOT_US * call for call in range(30)]
    script: dict[int, list[MachineEffect]] = {}
    for call_us in calls:
        script[call_us] = [SetTimer("wake", call_us + 10 * SLOT_US)]
        script[call_us + 2] = [SetTimer("wake", call_us + 30 * SLOT_US)]
    world, machine = World(Topology(Link(), Link()), Streams(0)), Timed(script)
    place = world.add("apiserver", machine)
    for n, at_us in enumerate(sorted(script)):
        world.schedule(at_us, "", n, "apiserver", Started())
    entries = place.world._queue._later
    for at_us in sorted(script)[:-1]:
        assert world.run(at_us, 1000)
        waiting = [entry for slot in entries.values() for entry in slot if entry[4] == TIMER]
        assert len(waiting) <= 1, "but for the first time-out, none of them was ever an entry"
    assert world.run(10**12, 1000)
    assert machine.fired == [(calls[-1] + 30 * SLOT_US, "wake")]


# --- timers in a world ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("far_us", [10, 5 * SLOT_US], ids=["in this slot", "in a later one"])
def test_when_all_timers_are_cancelled_those_to_be_spared_still_fire(far_us: int) -> None:
    """Only a tuple that begins with the word is spared: not the word itself, another tuple, or the empty one."""
    keys: list[Any] = ["lease", "runtime", ("runtime", "u", "c"), ("runtime",), ("client/reflector", 0), ()]
    keys.append(("x", "runtime"))
    script: dict[int, list[MachineEffect]] = {
        0: [SetTimer(key, far_us) for key in keys],
        far_us - 1: [CancelAllTimers(spare="runtime")],
    }
    assert fired(script) == [(far_us, ("runtime", "u", "c")), (far_us, ("runtime",))]


def test_when_all_timers_are_cancelled_and_none_spared_none_fires() -> None:
    """The default spares nothing, tuples included."""
    script: dict[int, list[MachineEffect]] = {
        0: [SetTimer("a", 10), SetTimer(("runtime", "u"), 11), SetTimer((), 12)],
        5: [CancelAllTimers()],
    }
    assert fired(script) == []


def test_timers_set_after_all_were_cancelled_fire_and_those_before_do_not() -> None:
    """In one turn, too: a process dies and another begins; a key set anew fires once, at its new instant."""
    script: dict[int, list[MachineEffect]] = {
        0: [SetTimer("lease", 10), SetTimer("status", 3 * SLOT_US)],
        5: [SetTimer("early", 9), CancelAllTimers(), SetTimer("lease", 10), SetTimer("status", 2 * SLOT_US)],
    }
    assert fired(script) == [(10, "lease"), (2 * SLOT_US, "status")]


MINE = st.sampled_from(["a", "b", ("runtime", "u"), ("runtime", "v")])
ORDERS = st.one_of(
    st.builds(lambda key, wait_us: (key, wait_us), MINE, INSTANTS),
    st.builds(lambda key: (key, None), MINE),
    st.sampled_from(["", "runtime"]),
)
"""Set a timer, cancel one, or cancel all but those that are spared."""


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 2 * SLOT_US), ORDERS), max_size=25))
def test_each_timer_fires_at_the_instant_last_asked_for(orders: list[tuple[int, Any]]) -> None:
    """Whatever is set, moved and cancelled meanwhile, near or far: as a dict of key and instant would have it."""
    script: dict[int, list[MachineEffect]] = {}
    expected: list[tuple[int, Any]] = []
    model: dict[Any, int] = {}

    def pass_by(until_us: int) -> None:
        for key in [key for key, at_us in model.items() if at_us < until_us]:
            expected.append((model.pop(key), key))

    now_us = 0
    for wait_us, order in orders:
        now_us += wait_us
        pass_by(now_us)  # A timer of this very instant comes after the order: its origin sorts behind.
        if isinstance(order, str):
            script[now_us] = [CancelAllTimers(spare=order)]
            model = {key: at_us for key, at_us in model.items() if isinstance(key, tuple) and key[0] == order}
        elif order[1] is None:
            script[now_us] = [CancelTimer(order[0])]
            model.pop(order[0], None)
        else:
            script[now_us] = [SetTimer(order[0], now_us + order[1])]
            model[order[0]] = now_us + order[1]
    pass_by(10**12)
    assert sorted(fired(script), key=repr) == sorted(expected, key=repr)
