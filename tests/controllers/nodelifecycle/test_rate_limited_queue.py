"""Which waiting node of a zone may be tainted next, and when?"""

from __future__ import annotations

from typing import Any

import pytest

from nodesim.controllers.nodelifecycle.rate_limited_queue import RateLimitedTimedQueue, TokenBucket
from nodesim.units import MILLISECOND, SECOND
from tests.upstream import section, table

UNLIMITED_MILLI = 10**15
"""A token each microsecond."""


def queue_of(names: list[str], rate_milli: int = UNLIMITED_MILLI) -> RateLimitedTimedQueue:
    """A queue to which names were added one microsecond after another."""
    queue = RateLimitedTimedQueue(TokenBucket(rate_milli, 0))
    for t_us, name in enumerate(names):
        assert queue.add(name, t_us)
    return queue


def try_all(queue: RateLimitedTimedQueue, now_us: int, *, ok: bool = True, wait_us: int = 0) -> list[str]:
    """Run Try, one microsecond for each action; the names that were acted upon."""
    acted = []
    while (name := queue.attempt(now_us)) is not None:
        acted.append(name)
        if ok:
            queue.succeeded(name)
        else:
            queue.failed(name, now_us, wait_us)
        now_us += 1
    return acted


@table("rate_limited_queue", having="add")
def test_names_come_and_go_as_upstream(case: dict[str, Any]) -> None:
    """Adding, taking, removing, trying and clearing leave what upstream's tests say in queue and set."""
    queue = queue_of(case["add"])
    if "get" in case:
        head = queue.waiting()[0]
        queue.remove(head)
        assert head == case["get"]
        assert (queue.waiting(), queue.known()) == (case["left_in_queue"], sorted(case["left_in_set"]))
        return
    if "remove" in case:
        assert queue.remove(case["remove"])
        assert not queue.remove(case["remove"])
    if case.get("clear"):
        queue.clear()
        assert not queue.known()
    if "try" in case:
        assert try_all(queue, 10) == case["try"]
        assert not queue.add("first", 20), "what was acted upon stays in the set"
    if "processed" in case:
        assert try_all(queue, 30) == case["processed"]
    if "queue" in case:
        assert queue.waiting() == case["queue"]
    if "set" in case:
        assert queue.known() == sorted(case["set"])


def test_a_limiter_is_swapped_as_upstream() -> None:
    """Swapping to 0 never accepts and still reports 1/s; 5.5/s is another limiter; the same rate keeps the object."""
    assert section("rate_limited_queue", 7)["name"] == "TestSwapLimiter"
    queue = RateLimitedTimedQueue(TokenBucket(1000, 0))
    queue.limiter.rate_milli = 2000  # Upstream starts from a limiter that always accepts.
    queue.swap_limiter(0, 0)
    assert queue.limiter.reported_milli == 1000
    assert not queue.limiter.try_accept(SECOND)
    queue.swap_limiter(5500, 0)
    limiter = queue.limiter
    assert limiter.reported_milli == 5500
    queue.swap_limiter(5500, SECOND)
    assert queue.limiter is limiter


@pytest.mark.parametrize(("before_milli", "stop_milli"), [(1000, 0), (100, -1)])
def test_a_stopped_zone_with_rate_1_stays_stopped(before_milli: int, stop_milli: int) -> None:
    """--node-eviction-rate=1: the limiter that never accepts reports 1/s, so recovery does not replace it (a bug)."""
    queue = queue_of(["a"], before_milli)
    queue.swap_limiter(stop_milli, 0)
    queue.swap_limiter(1000, 0)
    assert queue.attempt(100 * SECOND) is None
    assert queue.acts_us() is None


def test_one_name_per_ten_seconds_at_a_tenth_per_second() -> None:
    """The first name goes at once, the next exactly 10.0 s later, no microsecond before; unused time adds nothing."""
    queue = queue_of(["a", "b", "c", "d"], rate_milli=100)
    assert try_all(queue, 5) == ["a"]
    assert queue.acts_us() == 10 * SECOND + 5
    assert try_all(queue, 10 * SECOND + 4) == []
    assert try_all(queue, 10 * SECOND + 5) == ["b"]
    assert try_all(queue, 100 * SECOND) == ["c"]
    assert try_all(queue, 105 * SECOND) == []
    assert try_all(queue, 110 * SECOND) == ["d"]
    assert queue.acts_us() is None


@pytest.mark.parametrize(
    ("rate_milli", "next_us"), [(1, 1000 * SECOND), (3, 333_333_334), (7, 142_857_143), (10**9, 1), (10**12, 1)]
)
def test_the_next_token_comes_at_the_first_microsecond_that_has_it(rate_milli: int, next_us: int) -> None:
    """Rates that do not divide a second round up; `full_us` is the first instant at which the bucket accepts."""
    bucket = TokenBucket(rate_milli, 0)
    assert bucket.try_accept(0)
    assert bucket.full_us() == next_us
    assert not bucket.try_accept(next_us - 1)
    assert bucket.try_accept(next_us)


def test_a_head_that_is_not_due_costs_a_token() -> None:
    """After a failure with 50 ms wait the next try takes the token and does nothing: the slot is lost."""
    queue = queue_of(["a"], rate_milli=100)
    assert try_all(queue, 1, ok=False, wait_us=50 * MILLISECOND) == ["a"]
    assert try_all(queue, 10 * SECOND + 1) == ["a"]
    queue.failed("a", 20 * SECOND, 0)
    assert queue.waiting() == []
    queue = queue_of(["a"], rate_milli=10**6)
    assert try_all(queue, 0, ok=False, wait_us=50 * MILLISECOND) == ["a"]
    assert try_all(queue, 10 * MILLISECOND) == []
    assert not queue.limiter.try_accept(10 * MILLISECOND)
    assert try_all(queue, 50 * MILLISECOND) == []
    assert try_all(queue, 51 * MILLISECOND) == ["a"]


def test_a_failed_name_goes_behind_those_added_at_the_same_instant() -> None:
    """Due is attempt + wait + the smallest step, so others that are due at the attempt come first."""
    queue = queue_of(["a"])
    assert queue.attempt(7) == "a"
    queue.add("b", 7)
    queue.failed("a", 7, 0)
    assert queue.waiting() == ["b", "a"]


def test_a_name_removed_during_its_action_stays_away() -> None:
    """`failed` after `remove` does not bring the name back."""
    queue = queue_of(["a"])
    assert queue.attempt(1) == "a"
    queue.remove("a")
    queue.failed("a", 1, 0)
    assert (len(queue), "a" in queue) == (0, False)


def test_a_new_limiter_is_empty_if_the_old_one_was() -> None:
    """Coming from 0 the first token takes its full time; from an idle limiter the new one has its token at once."""
    stopped = queue_of(["a"], rate_milli=100)
    stopped.swap_limiter(0, 0)
    stopped.swap_limiter(100, 50 * SECOND)
    assert stopped.acts_us() == 60 * SECOND
    idle = queue_of(["a"], rate_milli=100)
    idle.swap_limiter(10, 50 * SECOND)
    assert idle.acts_us() == 50 * SECOND


def test_a_swap_during_a_try_waits_for_its_end() -> None:
    """SwapLimiter shares its lock with Try: the running Try goes on with the old limiter."""
    queue = queue_of(["a", "b"])
    assert queue.attempt(5) == "a"
    queue.swap_limiter(0, 5)
    queue.succeeded("a")
    assert queue.attempt(6) == "b"
    queue.succeeded("b")
    assert queue.attempt(7) is None
    assert queue.limiter.rate_milli == 0


def test_many_passes_do_not_make_the_queue_grow() -> None:
    """Each pass takes all waiting names out and puts them at the end; what is left behind is bounded."""
    queue = queue_of([f"n{n}" for n in range(50)], rate_milli=100)
    for t_us in range(100, 200):
        for n in range(50):
            queue.remove(f"n{n}")
            queue.add(f"n{n}", t_us)
    assert len(queue) == 50
    assert queue.waiting() == [f"n{n}" for n in range(50)]
    assert len(queue._heap) <= 2 * 50 + 8
    assert queue.attempt(200) == "n0"
