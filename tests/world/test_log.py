"""Records between an agent and the hub: none twice, none in vain, and what is lost is counted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodesim.trace.records import TraceRecord
from nodesim.world import log as log_module
from nodesim.world.faraway import FarawayClock, own_us
from nodesim.world.log import HeardLog, SentLog
from nodesim.world.words import Log, decode_word


def record(n: int) -> TraceRecord:
    """The n-th of a node's."""
    return TraceRecord(n, "node/a", n, "Kind", "", {}, "")


def told(payload: bytes) -> Log:
    """The word in a payload."""
    word = decode_word(payload)
    assert isinstance(word, Log)
    return word


@given(st.lists(st.sampled_from(["make", "send", "full", "hear", "ack", "break"]), max_size=60))
def test_every_record_is_heard_once_and_in_order_however_the_link_breaks(steps: list[str]) -> None:
    """As long as the process lives; the hub never takes anything for told that it has not heard."""
    sent, heard = SentLog(), HeardLog()
    made = 0
    here: list[TraceRecord] = []
    wire: list[Log] = []

    def hear() -> None:
        while wire:
            here.extend(heard.take(wire.pop(0)))
            assert heard.final_us <= len(here)

    for step in [*steps, "break", "send", "hear"]:
        if step == "make":
            made += 1
            sent.add([record(made)])
        elif step in ("send", "full"):
            for payload in sent.words(made):
                if step == "full":
                    break  # The end does not take it.
                wire.append(told(payload))
        elif step == "hear":
            hear()
        elif step == "ack":
            sent.has(heard.count)
        else:
            wire.clear()
            sent.again(heard.count)
    assert [r.n for r in here] == list(range(1, made + 1))
    assert heard.final_us == made


def test_a_hub_that_is_away_for_long_gets_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many as are kept; how many are missing is told with them."""
    monkeypatch.setattr(log_module, "KEPT_MAX", 3)
    sent, heard = SentLog(), HeardLog()
    sent.add([record(n) for n in range(1, 6)])
    (payload,) = sent.words(5)
    assert [r.n for r in heard.take(told(payload))] == [3, 4, 5]
    assert (heard.lost, heard.count, sent.waiting) == (2, 5, 3)


def test_the_fastest_answer_sets_the_clock_and_it_never_goes_back() -> None:
    """An answer that took a second tells little; one that says less than the clock shows makes it stand."""
    clock = FarawayClock(1_000.0)
    now_us = own_us()
    clock.told(now_us - 10, 5_000_000, now_us)
    first_us = clock.now_us
    assert first_us >= 5_000_000
    clock.told(now_us - 1_000_000, 900_000_000, now_us)
    assert clock.now_us < 500_000_000
    clock.told(now_us, 1_000_000, now_us)
    assert clock.now_us >= first_us


@pytest.mark.parametrize("speed", [0.0, -1.0, float("inf"), float("nan")])
def test_a_faraway_speed_is_a_number_above_0(speed: float) -> None:
    """What else a hub may send is refused."""
    with pytest.raises(ValueError, match="not a speed"):
        FarawayClock(speed)
