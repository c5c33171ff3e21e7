"""How syncs are queued, answered, retried, and how their scripts order."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from nodesim.client import WatchSpec
from nodesim.controllers.workload.batches import slow_start
from nodesim.controllers.workload.queue import Backoff, SyncQueue
from nodesim.controllers.workload.script import Ask, Outcome, Script, ask
from nodesim.machine import Answered, Call, Record, SetTimer, Synced, TimerFired
from nodesim.messages import Get
from nodesim.units import MILLISECOND, SECOND


def get(name: str) -> Get:
    """A request."""
    return Get("pods", "default", name)


@attrs.define
class TwoSteps:
    """A sync that asks for two objects, then for one, and ends as `outcome` says."""

    key: str
    outcome: Outcome
    now_us: int = 0

    def run(self) -> Script:
        """The script."""
        yield Record("Begun", self.key)
        answers = yield Ask((get("a"), get("b")), lambda place, answer: [Record("Heard", str(place))])
        last = yield from ask(get("c"))
        yield Record("Ended", f"{[a.code for a in answers]} {last.code} {self.now_us}")
        return self.outcome


def told(effects: list[Any]) -> list[Any]:
    """Effects in short."""
    short: list[Any] = []
    for effect in effects:
        if isinstance(effect, Record):
            short.append((effect.kind, effect.object))
        elif isinstance(effect, Call):
            short.append((*effect.tag, effect.request.name))  # type: ignore[misc, union-attr]  # tags and requests of ours
        else:
            short.append(effect)
    return short


def answer(number: int, place: int, code: int = 200) -> Answered:
    """The answer to a request of the sync with this number."""
    return Answered(("sync", number, place), code)


def test_a_script_goes_on_when_all_answers_are_in() -> None:
    """What follows from one answer goes out with it; the answers come in the order of the requests."""
    queue = SyncQueue(lambda key, now_us: TwoSteps(key, Outcome()))
    assert told(queue.add(["x"], 5)) == [("Begun", "x"), ("sync", 1, 0, "a"), ("sync", 1, 1, "b")]
    assert queue.running == ["x"]
    assert told(queue.answered(answer(1, 1, 404), 6)) == [("Heard", "1")]
    assert told(queue.answered(answer(1, 0), 7)) == [("Heard", "0"), ("sync", 1, 0, "c")]
    assert told(queue.answered(answer(1, 0), 8)) == [("Ended", "[200, 404] 200 8")]
    assert queue.running == []
    assert queue.answered(answer(1, 0), 9) == []
    assert queue.answered(Answered(("event", 1), 200), 9) == []


def finish(queue: SyncQueue, number: int, now_us: int) -> list[Any]:
    """All answers of a sync; what its end led to."""
    queue.answered(answer(number, 0), now_us)
    queue.answered(answer(number, 1), now_us)
    return queue.answered(answer(number, 0), now_us)


def test_what_changes_during_a_sync_is_synced_again_once() -> None:
    """However often it changed, and behind all that arrives at the instant of its end; others run beside it."""
    queue = SyncQueue(lambda key, now_us: TwoSteps(key, Outcome()))
    queue.add(["x", "y", "x"], 0)
    assert queue.running == ["x", "y"]
    assert queue.add(["x"], 1) == queue.add(["x"], 1) == []
    soon = SetTimer(("sync again", "x"), 2, caused=True)
    assert told(finish(queue, 1, 2))[1:] == [soon]
    assert queue.add(["x"], 2) == []
    assert told(queue.fired(TimerFired(soon.key), 2)) == [("Begun", "x"), ("sync", 3, 0, "a"), ("sync", 3, 1, "b")]
    assert told(finish(queue, 3, 3)) == [("Ended", "[200, 200] 200 3")]


def test_a_failed_sync_is_tried_again_after_pauses_that_double() -> None:
    """5 ms, 10 ms, 20 ms, at most 1000 s; a success begins anew; of two waits the earlier counts."""
    failed, done = Outcome("x"), Outcome(again_us=9 * SECOND)
    outcomes = [failed, failed, failed, done, failed, failed]
    queue = SyncQueue(lambda key, now_us: TwoSteps(key, outcomes.pop(0)))
    queue.add(["x"], 0)
    waits = []
    for number in range(1, 6):
        (timer,) = [effect for effect in finish(queue, number, SECOND) if isinstance(effect, SetTimer)]
        waits.append(timer.at_us)
        queue.fired(TimerFired(timer.key), timer.at_us)
    assert waits == [SECOND + 5000, SECOND + 10_000, SECOND + 20_000, 9 * SECOND, SECOND + 5000]
    assert Backoff().pause_us(60) == 1000 * SECOND


def test_tries_may_be_limited() -> None:
    """After the last try nothing waits; the next change begins anew."""
    queue = SyncQueue(lambda key, now_us: TwoSteps(key, Outcome("x")), backoff=Backoff(tries_max=1))
    queue.add(["x"], 0)
    assert isinstance(finish(queue, 1, 0)[-1], SetTimer)
    queue.fired(TimerFired(("sync", "x")), 5 * MILLISECOND)
    assert told(finish(queue, 2, 10 * MILLISECOND)) == [("Ended", "[200, 200] 200 10000")]
    queue.add(["x"], SECOND)
    assert isinstance(finish(queue, 3, SECOND)[-1], SetTimer)


def test_a_later_wait_does_not_move_an_earlier_one() -> None:
    """And a timer that was not set here is not ours."""
    queue = SyncQueue(lambda key, now_us: None)
    assert queue.add_at("x", 10) == [SetTimer(("sync", "x"), 10)]
    assert queue.add_at("x", 20) == queue.add_at("x", 10) == []
    assert queue.add_at("x", 5) == [SetTimer(("sync", "x"), 5)]
    assert queue.fired(TimerFired(("sync", "y")), 5) == queue.fired(TimerFired("other"), 5) == []
    assert queue.fired(TimerFired(("sync", "x")), 5) == []
    assert queue.syncs_made == 0


@attrs.define
class Batches:
    """A sync that creates in batches."""

    count: int
    now_us: int = 0

    def run(self) -> Script:
        """The script."""
        started = yield from slow_start([get(str(n)) for n in range(self.count)], lambda n, a: [Record("N", str(n))])
        return Outcome(f"{started.error}/{started.skipped}")


@pytest.mark.parametrize(("count", "sizes"), [(0, []), (1, [1]), (10, [1, 2, 4, 3])])
def test_batches_double(count: int, sizes: list[int]) -> None:
    """The next batch goes out when the last has succeeded; each answer has its request's place among all."""
    queue = SyncQueue(lambda key, now_us: Batches(count))
    effects = queue.add(["x"], 0)
    found: list[int] = []
    places: list[str] = []
    while calls := [effect for effect in effects if isinstance(effect, Call)]:
        found.append(len(calls))
        effects = []
        for call in calls:
            effects += queue.answered(Answered(call.tag, 200), 0)
        places += [effect.object for effect in effects if isinstance(effect, Record)]
    assert found == sizes
    assert places == [str(number) for number in range(count)]


def test_a_failed_batch_is_the_last() -> None:
    """Its first error is the answer, and how many were never sent."""
    queue = SyncQueue(lambda key, now_us: Batches(10))
    queue.add(["x"], 0)
    queue.answered(Answered(("sync", 1, 0), 201), 0)
    queue.answered(Answered(("sync", 1, 0), 403, "Forbidden", "quota"), 0)
    effects = queue.answered(Answered(("sync", 1, 1), 500, "Broken"), 0)
    assert [type(effect) for effect in effects] == [Record, SetTimer]
    assert queue.running == []


def test_nothing_is_synced_before_all_first_lists_are_known() -> None:
    """Then everything is, in order; a second first list of a resource, after a break, syncs nothing."""
    watches = [WatchSpec(resource, lambda document: document) for resource in ("pods", "replicasets")]
    queue = SyncQueue(lambda key, now_us: TwoSteps(key, Outcome()), watches)
    assert (
        queue.add(["b"], 0) == queue.handle(Synced("pods"), ["b", "a"], 1) == queue.handle(Synced("x"), ["b"], 1) == []
    )
    assert not queue.ready
    begun = queue.handle(Synced("replicasets"), ["b", "a"], 2)
    assert [effect.object for effect in begun if isinstance(effect, Record)] == ["a", "b"]
    assert queue.ready
    assert queue.handle(Synced("pods"), ["b", "a"], 3) == []
