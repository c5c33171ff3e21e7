"""The queue gives back what was put in, in order, whatever slot it waited in."""

from __future__ import annotations

import heapq
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from nodesim.net import Link, Topology
from nodesim.streams import Streams
from nodesim.world import World
from nodesim.world.queue import EVENT, SLOT_BITS, TIMER, Queue

SLOT_US = 1 << SLOT_BITS


class Nothing:
    """A machine that does nothing."""

    def handle(self, event: Any, now_us: int) -> list[Any]:
        """Nothing."""
        return []


def home() -> Any:
    """Somebody's home."""
    return World(Topology(Link(), Link()), Streams(0)).add("apiserver", Nothing())


@given(st.lists(st.tuples(st.integers(0, 5 * SLOT_US), st.booleans()), max_size=60))
def test_entries_come_out_in_order_also_when_some_are_put_in_meanwhile(puts: list[tuple[int, bool]]) -> None:
    """Half of them are put in first, the others while the queue is read; none is lost and none comes too late."""
    queue, owner = Queue(), home()
    entries = [(at_us, "a", n, owner, EVENT, n, "") for n, (at_us, _) in enumerate(puts)]
    later = [entry for entry, (_, first) in zip(entries, puts) if not first]
    for entry, (_, first) in zip(entries, puts):
        if first:
            queue.push(entry)
    out: list[int] = []
    now_us = 0
    while queue.settle() or later:
        if later:
            entry = later.pop()
            queue.push((max(now_us, entry[0]), *entry[1:]))
            queue.settle()
        now_us = queue.near[0][0]
        out.append(heapq.heappop(queue.near)[0])
    assert len(out) == len(puts)
    assert out == sorted(out)


def test_timers_that_were_cancelled_are_left_behind_when_their_slot_begins() -> None:
    """A cancelled timer of a later slot never enters the heap; a live one does."""
    queue, owner = Queue(), home()
    owner.timers = {"live": 1}
    queue.push((3 * SLOT_US, "a", 1, owner, TIMER, "live", ""))
    queue.push((3 * SLOT_US, "a", 2, owner, TIMER, "dead", ""))
    assert queue.settle()
    assert [entry[5] for entry in queue.near] == ["live"]


def test_forgetting_all_timers_spares_those_that_are_to_live_on() -> None:
    """A process dies: its timers go, those of the runtime stay."""
    owner = home()
    owner.timers = {"lease": 1, ("runtime", "u", "c"): 2, ("client/reflector", 0): 3}
    owner.forget_timers("runtime")
    assert owner.timers == {("runtime", "u", "c"): 2}
