"""nodesim's control plane does what a real one was recorded to do.

All twelve recordings are played.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

import pytest

from tests.recorded.aliases import named_back, renamed
from tests.recorded.compare import differences, disorder, late_answers, matched
from tests.recorded.facts import Fact, recorded_facts, replayed_facts
from tests.recorded.inputs import recording
from tests.recorded.races import Races
from tests.recorded.replay import play

PLAYED: Final = (
    "a-forgood30",
    "b-heal-before-eviction",
    "c-three-of-five",
    "c-two-of-three",
    "d-notready-posted",
    "f-node-deleted",
    "g-new-node",
    "h-cidr",
    "i-kubectl",
    "te-taint-eviction",
    "v133-kcm-one-of-three",
    "w-workloads",
)

UNREPEATABLE: Final = {
    "f-node-deleted": r"FailedToUpdateEndpointSlices: .*|(Successful|Failed)Delete: delete Pod db-0 .*",
    "i-kubectl": r"FailedToUpdateEndpointSlices: .*",
}
"""Events that are left out.  How often the endpoint slice controller fails while a pod's node is missing depends on how
many changes of pods it gathers while one of its writes is under way, and its text names them in the order of a Go map;
of two that delete db-0 at the same time (a race that is listed) the second is told that it is gone."""


@cache
def _both(name: str) -> tuple[list[Fact], list[Fact], list[str]]:
    """A recording's facts, a replay's, and the recorded placements that did not fit."""
    found = recording(name)
    facts, shared = recorded_facts(found.timeline)
    with pytest.MonkeyPatch.context() as patch:
        played = play(renamed(found), shared, patch)
    ours, _ = replayed_facts(played.facts, found.axis)
    return _repeatable(facts, name), _repeatable(named_back(ours, name), name), played.unfit


def _repeatable(facts: list[Fact], name: str) -> list[Fact]:
    return [fact for fact in facts if not re.fullmatch(UNREPEATABLE.get(name, ""), fact.what)]


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
    assert disorder(recorded, replayed, Races(recording(name)).between) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", PLAYED)
def test_what_was_answered_at_once_is_answered_at_once(name: str) -> None:
    """Within half a second of its cause."""
    recorded, replayed, _ = _both(name)
    assert late_answers(recorded, replayed) == []


@pytest.mark.slow
def test_what_is_left_out_is_little() -> None:
    """Of two recordings a few events that no other run could repeat; of the others nothing."""
    for name in PLAYED:
        facts, _ = recorded_facts(recording(name).timeline)
        left_out = len(facts) - len(_repeatable(facts, name))
        assert left_out <= (15 if name in UNREPEATABLE else 0)


def _fact(about: str, what: str, t: float, value: str = "") -> Fact:
    return Fact(t, about, what, value)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        # At start-up workers are independent, but a pod has one story, and a controller makes its pods in order.
        (_fact("pod/web#1", "made", 1), _fact("pod/db-0#1", "made", 1.5), True),
        (_fact("pod/web#1", "made", 1), _fact("pod/web#1", "node", 1.5), False),
        (_fact("pod/web#1", "made", 1), _fact("pod/web#2", "made", 1.5), False),
        (_fact("pod/web#1", "made", 4), _fact("pod/db-0#1", "made", 4.5), False),
        # A slice follows its pod's change, and nothing else.
        (_fact("pod/web#1", "c.Ready", 60), _fact("eps/web", "web#1", 60.5), False),
        (_fact("pod/db-0#2", "c.Ready", 60), _fact("eps/db", "db-0", 60.5), False),
        (_fact("pod/web#1", "c.Ready", 60), _fact("eps/web", "web#2", 60.5), True),
        # Deletions that raced, at 94.75 in this run, and what followed from them.
        (_fact("pod/bare#1", "del", 94.8), _fact("pod/db-2#1", "del", 95.15), True),
        (_fact("pod/bare#1", "del", 96.6), _fact("pod/db-2#1", "del", 96.95), False),
        (_fact("node/n1", "c.Ready", 94.8), _fact("node/n2", "c.Ready", 95.15), False),
    ],
)
def test_only_listed_orders_are_races(one: Fact, other: Fact, expected: bool) -> None:
    """All else has to come in the order of the recording."""
    races = Races(recording("a-forgood30"))
    assert (races.between(one, other), races.between(other, one)) == (expected, expected)


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


def _rest(fact: Fact) -> tuple[str, str, str]:
    return fact.about, fact.what, fact.value
