"""Which pod comes next, and when refused ones are tried again."""

from __future__ import annotations

import pytest

from nodesim.scheduler.queue import Place, Queue, Waiting, backoff_us
from nodesim.units import MINUTE, SECOND
from tests.scheduler.build import pod

BY = ("NodeResourcesFit",)


def pop(queue: Queue) -> Waiting:
    """The next pod, which must be there."""
    waiting = queue.pop()
    assert waiting is not None
    return waiting


def parked(queue: Queue, refusals: int, now_us: int) -> None:
    """Park the pod `p` for the n-th time, at an instant."""
    queue.add(pod(), 0)
    for _ in range(refusals - 1):
        queue.park(pop(queue), BY, 0)
        queue.move(lambda _: True, MINUTE)
    queue.park(pop(queue), BY, now_us)


def test_pods_come_by_priority_then_time_then_arrival() -> None:
    """The highest priority first; of one priority the oldest; of one instant the first that came."""
    queue = Queue(pop_when_idle=True)
    for name, priority, at_us in (("late", 0, 2), ("b", 0, 1), ("a", 0, 1), ("high", 7, 3)):
        queue.add(pod(name, spec={"priority": priority}), at_us)
    assert [pop(queue).pod.name for _ in range(4)] == ["high", "b", "a", "late"]
    assert queue.pop() is None


def test_removed_pods_never_come() -> None:
    """Also where an older entry of the same pod still lies in a heap."""
    queue = Queue(pop_when_idle=True)
    queue.add(pod("a"), 0)
    queue.add(pod("b"), 0)
    queue.remove("uid-a")
    queue.remove("uid-a")
    assert pop(queue).pod.name == "b"
    assert queue.pop() is None


def test_a_former_entry_of_a_pod_does_not_hold_up_others() -> None:
    """P was taken away and came again under its UID: its old entry is first in the heap, but q's backoff ends first."""
    queue = Queue(pop_when_idle=True)
    for name, failed_us in (("p", 0), ("q", 5 * SECOND), ("p", 10 * SECOND)):
        queue.remove(f"uid-{name}")
        queue.add(pod(name), failed_us)
        queue.back_off(pop(queue), failed_us)
    assert queue.next_release_us() == 7 * SECOND


def test_backoff_doubles_up_to_ten_seconds() -> None:
    """1, 2, 4, 8, 10, 10 s; none before the first try."""
    assert [backoff_us(tries) // SECOND for tries in range(7)] == [0, 1, 2, 4, 8, 10, 10]
    assert backoff_us(10_000) == 10 * SECOND


def test_a_parked_pod_comes_only_when_something_helps() -> None:
    """An event that does not help leaves it; one that does makes it active, as its backoff is long over."""
    queue = Queue(pop_when_idle=False)
    parked(queue, 1, 0)
    queue.move(lambda _: False, MINUTE)
    assert (queue.pop(), queue.place_of("uid-p")) == (None, Place.PARKED)
    queue.move(lambda waiting: waiting.refused_by == BY, MINUTE)
    assert pop(queue).pod.name == "p"
    assert queue.place_of("uid-p") is None


@pytest.mark.parametrize(
    ("refusals", "parked_us", "release_us"),
    [
        # Up to 1.32: the first whole second since the start (0.3 s) at which the backoff is over.
        (1, 10_300_000, 11_300_000),
        (1, 10_500_000, 12_300_000),
        (2, 10_500_000, 13_300_000),
        (9, 10_300_000, 20_300_000),
    ],
)
def test_up_to_1_32_backoff_ends_with_a_tick_since_the_start(refusals: int, parked_us: int, release_us: int) -> None:
    """Moved right after its refusal, the pod backs off, idle or not, until the tick."""
    queue = Queue(pop_when_idle=False)
    queue.origin_us = 300_000
    parked(queue, refusals, parked_us)
    queue.move(lambda _: True, parked_us + 1)
    assert (queue.place_of("uid-p"), queue.pop()) == (Place.BACKOFF, None)
    assert queue.next_release_us() == release_us
    queue.release(release_us - SECOND)
    assert queue.pop() is None
    queue.release(release_us)
    assert pop(queue).pod.name == "p"
    assert queue.next_release_us() is None


@pytest.mark.parametrize(
    ("tries", "failed_us", "release_us"),
    [
        # From 1.33: the whole second after the one in which the backoff ends.
        (1, 10_300_000, 12 * SECOND),
        (1, 10_000_000, 12 * SECOND),
        (2, 10_999_999, 13 * SECOND),
        (3, 10_300_000, 15 * SECOND),
    ],
)
def test_after_errors_a_pod_backs_off_even_when_the_scheduler_is_idle(
    tries: int, failed_us: int, release_us: int
) -> None:
    """The count of errors in a row sets the time; idleness does not shorten it."""
    queue = Queue(pop_when_idle=True)
    queue.add(pod(), 0)
    for _ in range(tries - 1):
        queue.back_off(pop(queue), 0)
        queue.release(MINUTE)
    queue.back_off(pop(queue), failed_us)
    assert (queue.pop(), queue.next_release_us()) == (None, release_us)
    queue.release(release_us - 1)
    assert queue.pop() is None
    queue.release(release_us)
    assert pop(queue).errors == tries


def test_a_refusal_ends_the_count_of_errors() -> None:
    """After two errors and a refusal the next error backs off for one second again."""
    queue = Queue(pop_when_idle=True)
    queue.add(pod(), 0)
    for _ in range(2):
        queue.back_off(pop(queue), 0)
        queue.release(MINUTE)
    queue.park(pop(queue), BY, 0)
    queue.move(lambda _: True, MINUTE)
    queue.back_off(pop(queue), MINUTE)
    assert queue.next_release_us() == MINUTE + 2 * SECOND


def test_an_idle_scheduler_takes_what_backs_off() -> None:
    """From 1.33: active pods first, then those whose backoff ends first, whatever the clock says."""
    queue = Queue(pop_when_idle=True)
    for name in ("twice", "once"):
        queue.add(pod(name), 0)
    first = pop(queue)
    queue.park(pop(queue), BY, 10 * SECOND)
    queue.park(first, BY, 0)
    queue.move(lambda waiting: waiting.pod.name == "twice", MINUTE)
    queue.park(pop(queue), BY, 10 * SECOND)
    queue.move(lambda _: True, 10 * SECOND)
    assert {queue.place_of("uid-once"), queue.place_of("uid-twice")} == {Place.BACKOFF}
    queue.add(pod("new"), 10 * SECOND)
    assert [pop(queue).pod.name for _ in range(3)] == ["new", "once", "twice"]
    assert queue.next_release_us() is None


def test_what_is_parked_for_more_than_five_minutes_is_flushed() -> None:
    """Looked at every 30 s since the start (5 s): parked at 5 s, five minutes are not MORE than five at 305 s."""
    queue = Queue(pop_when_idle=True)
    queue.origin_us = 5 * SECOND
    assert queue.next_flush_us(0) is None
    parked(queue, 1, 5 * SECOND)
    assert queue.next_flush_us(5 * SECOND) == 335 * SECOND
    queue.flush_parked(305 * SECOND)
    assert queue.pop() is None
    queue.flush_parked(335 * SECOND)
    assert pop(queue).pod.name == "p"
    assert not queue.has_parked


def test_a_parked_pod_that_asks_for_less_is_tried_again() -> None:
    """A change of what it wants moves it; a change of its condition does not."""
    queue = Queue(pop_when_idle=True)
    parked(queue, 1, 0)
    queue.update(pod(status={"conditions": [{"type": "PodScheduled", "status": "False"}]}), MINUTE)
    assert queue.pop() is None
    newer = pod(spec={"tolerations": [{"operator": "Exists"}]})
    queue.update(newer, MINUTE)
    assert pop(queue).pod == newer
