"""nodesim's control plane does what a real one was recorded to do.

All twelve recordings are played.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import pytest

from tests.recorded.compare import differences, disorder, late_answers, matched
from tests.recorded.facts import Fact, in_order, recorded_facts, replayed_facts
from tests.recorded.inputs import Entry, recording
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


@cache
def _both(name: str) -> tuple[list[Fact], list[Fact], list[str]]:
    """A recording's facts, a replay's, and the recorded placements that did not fit."""
    found = recording(name)
    facts, shared = recorded_facts(found.timeline)
    with pytest.MonkeyPatch.context() as patch:
        played = play(found, shared, patch)
    ours, _ = replayed_facts(played.facts, found.axis)
    return facts, ours, played.unfit


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


def test_nothing_is_left_out() -> None:
    """Each line of each timeline states a fact, but for leases that kubelets made or renewed and another's health."""
    for name in PLAYED:
        lines = [entry for entry in recording(name).timeline if entry["k"] != "act"]
        facts, _ = recorded_facts([{**entry, "t": number} for number, entry in enumerate(lines)])
        silent = [lines[number] for number in sorted(set(range(len(lines))) - {fact.t for fact in facts})]
        assert {_why_silent(entry) for entry in silent} <= {"a kubelet's lease", "KubeAPIReadyz"}


def _why_silent(entry: Entry) -> str:
    if entry["k"] == "lease" and entry["ev"] != "D":
        return "a kubelet's lease"
    return entry["c"]["reason"] if entry["k"] == "event" else str(entry)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("skipping Pod b for Service d/s: Node n Not Found", "skipping Pod b for Service d/s: Node n Not Found"),
        (
            "[skipping Pod b for Service d/s: Node n Not Found, skipping Pod a for Service d/s: Node m Not Found]",
            "[skipping Pod a for Service d/s: Node m Not Found, skipping Pod b for Service d/s: Node n Not Found]",
        ),
        ("Error: [z, skipping Pod a for Service d/s: Node m Not Found]",) * 2,
        ("0/2 nodes are available: [b, a]",) * 2,
    ],
)
def test_only_errors_that_come_from_a_map_are_sorted(message: str, expected: str) -> None:
    """All else is compared as it was written."""
    assert in_order(message) == expected
    assert sorted(in_order(message)) == sorted(message)


def _left_out(*events: tuple[str, float, str, int]) -> list[Entry]:
    """Events of the Service db: name, instant, pods, count."""
    made: list[Entry] = []
    for name, t, pods, count in events:
        parts = [f"skipping Pod {pod} for Service default/db: Node n{pod} Not Found" for pod in pods.split()]
        known = {"type": "Warning", "reason": "FailedToUpdateEndpointSlices", "obj": "Service/db", "src": "e"}
        said = {**known, "msg": f"Error: [{', '.join(parts)}]", "count": count} if count == 1 else {"count": count}
        made.append({"t": t, "k": "event", "ev": "A" if count == 1 else "M", "n": name, "c": said})
    return made


RECORDED: Final = (("x", 1.0, "a b", 1), ("y", 2.0, "b a", 1), ("x", 3.0, "a b", 2), ("z", 4.0, "a c", 1))


@pytest.mark.parametrize(
    ("replayed", "differ"),
    [
        ((("x", 1.0, "b a", 1), ("x", 2.0, "", 2), ("x", 3.0, "", 3), ("z", 4.0, "c a", 1)), 0),
        ((("x", 1.0, "a b", 1), ("x", 2.0, "", 2), ("z", 4.0, "a c", 1)), 1),
        ((("x", 1.0, "a b", 1), ("x", 2.0, "", 2), ("x", 4.5, "", 3), ("z", 4.0, "a c", 1)), 1),
        ((("x", 1.0, "a b", 1), ("x", 2.0, "", 2), ("x", 3.0, "", 3), ("z", 4.0, "a d", 1)), 2),
        ((("x", 1.0, "a b", 1), ("x", 2.0, "", 2), ("x", 3.0, "", 3), ("z", 4.0, "a c", 1), ("z", 4.1, "", 2)), 1),
    ],
)
def test_sorted_errors_are_still_compared(replayed: tuple[tuple[str, float, str, int], ...], differ: int) -> None:
    """Another order is the same event again; one too few, too late, about another pod or too many is seen."""
    recorded, ours = (recorded_facts(_left_out(*events))[0] for events in (RECORDED, replayed))
    assert len(recorded) == len(RECORDED)
    assert len(differences(recorded, ours)) == differ


def _fact(about: str, what: str, t: float, value: str = "") -> Fact:
    return Fact(t, about, what, value)


def _told(about: str, what: str, t: float) -> Fact:
    return Fact(t, f"event/{about}", what, "Normal node-controller")


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        # Separate watches tell of one pod some 10 ms apart, and one watch in order.
        (_fact("pod/web#1", "del", 60), _fact("event/Pod/web#1", "Killing: now", 60.02, "Normal kubelet"), True),
        (_fact("pod/web#1", "del", 60), _fact("event/Pod/web#1", "Killing: now", 60.1, "Normal kubelet"), False),
        (_fact("pod/web#1", "phase", 60), _fact("pod/web#1", "gone", 60.01), False),
        # Workers are independent for a fifth of a second, at start-up for longer; one worker is in order with itself.
        (_fact("pod/web#1", "c.Ready", 60), _fact("pod/db-0#1", "c.Ready", 60.1), True),
        (_fact("pod/web#1", "c.Ready", 60), _fact("pod/db-0#1", "c.Ready", 60.3), False),
        (_fact("pod/web#1", "made", 1), _fact("pod/db-0#1", "made", 1.5), True),
        (_fact("pod/web#1", "made", 1), _fact("pod/db-0#1", "made", 1.7), False),
        (_fact("pod/web#1", "made", 2), _fact("pod/db-0#1", "made", 2.5), False),
        (_fact("pod/web#1", "made", 1), _fact("pod/web#2", "made", 1.1), False),
        (_fact("pod/web#1", "made", 1), _fact("pod/web#1", "node", 1.1), False),
        # A slice follows its pod's change, unless that is the end of its object, and is nobody else's consequence.
        (_fact("pod/web#1", "c.Ready", 60), _fact("eps/web", "web#1", 60.1), False),
        (_fact("pod/db-0#2", "c.Ready", 60), _fact("eps/db", "db-0", 60.1), False),
        (_fact("pod/web#1", "gone", 60), _fact("eps/web", "web#1", 60.1), True),
        (_fact("pod/web#1", "c.Ready", 60), _fact("eps/web", "web#2", 60.1), True),
        (_fact("pod/web#1", "c.Ready", 60), _fact("eps/web", "web#2", 60.5), False),
        # A controller's events are in order, but those of several workers.
        (_told("Pod/web#1", "Marking", 94.8), _told("Pod/bare", "Marking", 94.9), False),
        (_told("Pod/web#1", "NodeNotReady", 64.6), _told("Pod/bare", "NodeNotReady", 64.7), False),
        (_told("Pod/web#1", "NodeNotReady", 64.6), _told("Pod/db-0", "NodeNotReady", 64.7), True),
        (_told("Job/work", "SuccessfulCreate: work#1", 1), _told("Job/work", "SuccessfulCreate: work#2", 1.1), True),
        (_told("Job/work", "SuccessfulCreate: work#1", 9), _told("Job/work", "SuccessfulCreate: work#2", 9.1), False),
        # What answers something does not come before it.
        (_fact("pod/web#1", "del", 94.8), _fact("pod/web#4", "made", 94.9), False),
        (_fact("node/n1", "made", 60), _fact("node/n1", "podCIDR", 60.1), False),
        (_fact("node/n1", "podCIDR", 60), _fact("node/n1", "taint k/not-ready:NoSchedule", 60.1), True),
        (_fact("node/n1", "c.Ready", 64.6), _fact("node/n1", "taint k:NoSchedule", 64.7), False),
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
    facts = [fact for fact in recorded if fact.what.startswith("taint") and fact.dates]
    late = [Fact(facts[0].t + 1.5, *_rest(facts[0]), facts[0].dates), *facts[1:]]
    wrong = [Fact(facts[0].t, facts[0].about, facts[0].what, "other"), *facts[1:]]
    first = facts[0]
    assert first.dates
    undated = [Fact(first.t, *_rest(first)), *facts[1:]]
    misdated = [Fact(first.t, *_rest(first), (first.dates[0] + 1.5,)), *facts[1:]]
    assert differences(facts, facts) == []
    assert all(len(differences(facts, made)) == 1 for made in (late, wrong, facts[:-1], undated, misdated))


def test_a_changed_order_is_seen() -> None:
    """In one pod's story however close, and of different workers from a fifth of a second on."""
    pod = [Fact(60, "pod/web#1", "node", "n1"), Fact(60.01, "pod/web#1", "phase", "Running")]
    nodes = [Fact(60, "node/n1", "c.Ready", "True"), Fact(60.25, "node/n2", "c.Ready", "True")]
    races = Races(recording("a-forgood30"))
    for facts in (pod, nodes):
        first, second = facts
        turned = [Fact(second.t, *_rest(first)), Fact(first.t, *_rest(second))]
        assert disorder(facts, facts, races.between) == []
        assert len(disorder(facts, turned, races.between)) == 1


def _rest(fact: Fact) -> tuple[str, str, str]:
    return fact.about, fact.what, fact.value
