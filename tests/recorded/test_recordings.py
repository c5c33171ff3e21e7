"""nodesim's control plane does what a real one was recorded to do.

Four of the twelve recordings are played: the others need controllers that are not there yet (DaemonSet, Job).
"""

from __future__ import annotations

from functools import cache, partial

import pytest

from tests.recorded.aliases import named_back, renamed
from tests.recorded.compare import differences, disorder, late_answers, matched
from tests.recorded.facts import Fact, recorded_facts, replayed_facts
from tests.recorded.inputs import Recording, recording
from tests.recorded.replay import play

PLAYED = ("c-three-of-five", "g-new-node", "h-cidr", "te-taint-eviction")


@cache
def _both(name: str) -> tuple[list[Fact], list[Fact], list[str]]:
    """A recording's facts, a replay's, and the recorded placements that did not fit."""
    found = recording(name)
    facts, shared = recorded_facts(found.timeline)
    with pytest.MonkeyPatch.context() as patch:
        played = play(renamed(found), shared, patch)
    ours, _ = replayed_facts(played.facts, found.axis)
    return facts, named_back(ours, name), played.unfit


@pytest.mark.slow
@pytest.mark.parametrize("name", PLAYED)
def test_the_same_facts_within_a_second(name: str) -> None:
    """The same changes and events, with the same reasons and messages, each within a second of its instant."""
    recorded, replayed, unfit = _both(name)
    assert differences(recorded, replayed) == []
    assert unfit == []


@pytest.mark.slow
@pytest.mark.parametrize("name", PLAYED)
def test_the_same_order(name: str) -> None:
    """But for races."""
    recorded, replayed, _ = _both(name)
    assert disorder(recorded, replayed, partial(_told_in_one_pass, recording(name))) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", PLAYED)
def test_what_was_answered_at_once_is_answered_at_once(name: str) -> None:
    """Within half a second of its cause."""
    recorded, replayed, _ = _both(name)
    assert late_answers(recorded, replayed) == []


@pytest.mark.slow
def test_the_comparison_is_not_empty() -> None:
    """It sees hundreds of facts in each recording, and would see a late, a missing and a wrong one."""
    for name in PLAYED:
        recorded, replayed, _ = _both(name)
        assert len(matched(recorded, replayed)) > 100
    facts = [fact for fact in recorded if fact.what.startswith("taint")]
    late = [Fact(facts[0].t + 1.5, *_rest(facts[0])), *facts[1:]]
    wrong = [Fact(facts[0].t, facts[0].about, facts[0].what, "other"), *facts[1:]]
    assert differences(facts, facts) == []
    assert all(differences(facts, made) for made in (late, wrong, facts[:-1]))


def _told_in_one_pass(run: Recording, one: Fact, other: Fact) -> bool:
    """Events of one pass are about nodes in an order that Kubernetes does not fix, and were sent one after another."""
    return any(
        at <= min(one.t, other.t)
        and max(one.t, other.t) < at + 1
        and _tells(one, reason, nodes)
        and _tells(other, reason, nodes)
        for reason, nodes, at in run.passes
    )


def _tells(fact: Fact, reason: str, nodes: list[str]) -> bool:
    return fact.what.startswith(f"{reason}: ") and fact.about in [f"event/Node/{node}" for node in nodes]


def _rest(fact: Fact) -> tuple[str, str, str]:
    return fact.about, fact.what, fact.value
