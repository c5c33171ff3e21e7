"""Preemption, by tables: which node is chosen, who has to go there, whom budgets guard, and who may not ask at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import attrs
import pytest

from nodesim.objects import Document
from nodesim.profiles import V1_24, V1_36, Profile
from nodesim.scheduler.around import Budget, budget
from nodesim.scheduler.cluster import NodeRoom
from nodesim.scheduler.decision import Nominations
from nodesim.scheduler.pod import PodToPlace
from nodesim.scheduler.preemption import (
    NEVER,
    NO_VICTIMS,
    NOT_HELPFUL,
    VICTIMS_LEAVE,
    Finding,
    find_victims,
    guarded_by_budgets,
)
from nodesim.streams import Streams
from tests.scheduler.build import asked, pod, room

NOW_US: Final = 1000
POLICY: Final[Document] = {"metadata": {"name": "b", "namespace": "default"}}


def there(name: str, cpu: str, priority: int = 0, started: int | None = 0, **more: Any) -> PodToPlace:
    """A pod that is on a node, app=its name's first letter."""
    status = {} if started is None else {"startTime": started}
    return pod(
        name,
        {"cpu": cpu},
        spec={"priority": priority},
        status={**status, **more.pop("status", {})},
        metadata={"labels": {"app": name[0]}, **more},
    )


def guard(app: str, allowed: int, *disrupted: str) -> Budget:
    """A budget on the pods of an app."""
    status = {"disruptionsAllowed": allowed, "disruptedPods": dict.fromkeys(disrupted, 0)}
    return budget({**POLICY, "spec": {"selector": {"matchLabels": {"app": app}}}, "status": status})


def found(
    new: PodToPlace,
    *rooms: NodeRoom,
    budgets: Sequence[Budget] = (),
    profile: Profile = V1_36,
    nominations: Nominations | None = None,
) -> Finding:
    """What preemption finds, on nodes all of which refuse the pod."""
    question = asked(new, *rooms, profile=profile, nominations=nominations)
    refused = [(each, refusal) for each in rooms if (refusal := question.refusal(each)) is not None]
    assert len(refused) == len(rooms)
    return find_victims(question, refused, budgets, Streams(1).stream("x"), profile, NOW_US)


def said(finding: Finding) -> str:
    """The node, and who goes, the most important first."""
    chosen = finding.chosen
    return "" if chosen is None else " ".join([chosen.node, *(victim.name for victim in chosen.victims)])


BIG: Final = pod("new", {"cpu": "4"}, spec={"priority": 10})
SMALL: Final = pod("new", {"cpu": "1"}, spec={"priority": 10})


@pytest.mark.parametrize(
    ("first", "second", "chosen"),
    [
        # The lowest top priority of a victim; the sum, the number and the start say nothing then.
        ([("a", "4", 5)], [("b", "4", 6)], "n1 a"),
        ([("a", "4", 6)], [("b", "2", 5), ("c", "2", 5)], "n2 b c"),
        # Then the smallest sum of priorities: each pod adds 2^31, so fewer is less also where priorities are below 0.
        ([("a", "2", 5), ("b", "2", 4)], [("c", "2", 5), ("d", "2", 3)], "n2 c d"),
        ([("a", "2", 5), ("b", "2", -9)], [("c", "4", 5)], "n2 c"),
        # Then the fewest: sums can be the same only where the priorities are far apart.
        ([("a", "2", 5), ("b", "2", -(1 << 31))], [("c", "4", 5)], "n2 c"),
        # Then the latest start of the longest-running of those of the top priority.
        ([("a", "4", 5, 100)], [("b", "4", 5, 200)], "n2 b"),
        ([("a", "2", 5, 300), ("b", "2", 5, 100)], [("c", "2", 5, 200), ("d", "2", 5, 150)], "n2 d c"),
        ([("a", "2", 5, 300), ("b", "2", 4, 1)], [("c", "2", 5, 200), ("d", "2", 4, 200)], "n1 a b"),
        # One that has not started counts as starting now.
        ([("a", "4", 5, None)], [("b", "4", 5, NOW_US - 1)], "n1 a"),
        # Not fewer victims, but the least that are needed: a pod of no use stays.
        ([("a", "3", 5), ("b", "0", 1)], [("c", "4", 6)], "n1 a"),
    ],
)
def test_which_node_is_chosen(first: list[Any], second: list[Any], chosen: str) -> None:
    """Two nodes on which all four CPUs are taken by pods of lower priority."""
    rooms = [room(name, *(there(*each) for each in pods)) for name, pods in (("n1", first), ("n2", second))]
    assert said(found(BIG, *rooms)) == chosen


def test_the_fewest_broken_budgets_come_before_all_else() -> None:
    """However low the priority of the guarded pod is."""
    rooms = [room("n1", there("a", "4", 1)), room("n2", there("b", "4", 9))]
    assert said(found(BIG, *rooms)) == "n1 a"
    assert said(found(BIG, *rooms, budgets=[guard("a", 0)])) == "n2 b"
    assert said(found(BIG, *rooms, budgets=[guard("a", 1)])) == "n1 a"
    both = [guard("a", 0), guard("b", 0)]
    assert said(found(BIG, *rooms, budgets=both)) == "n1 a"


def test_of_equals_the_first_that_is_tried_is_taken() -> None:
    """The trial begins at a node that is drawn and goes on in order."""
    rooms = [room(f"n{number}", there(f"a{number}", "4", 5)) for number in range(5)]
    question = asked(BIG, *rooms)
    refused = [(each, refusal) for each in reversed(rooms) if (refusal := question.refusal(each)) is not None]
    stream, again = Streams(3).stream("x"), Streams(3).stream("x")
    chosen = find_victims(question, refused, (), stream, V1_36, NOW_US).chosen
    assert chosen is not None
    assert chosen.node == f"n{again.below(5)}"


@pytest.mark.parametrize(("guarded", "chosen"), [(0, 99), (100, 100), (101, 101)])
def test_a_trial_ends_with_a_hundred_nodes_and_one_that_breaks_no_budget(guarded: int, chosen: int) -> None:
    """Later ones are better, and are not looked at; of the first `guarded` ones the victim has a budget."""
    rooms = [room(f"n{place:03}", there("a" if place < guarded else "b", "4", -place)) for place in range(105)]
    first = Streams(5).stream("x").below(105)
    turned = [*rooms[105 - first :], *rooms[: 105 - first]]
    question = asked(BIG, *turned)
    refused = [(each, refusal) for each in turned if (refusal := question.refusal(each)) is not None]
    finding = find_victims(question, refused, [guard("a", 0)], Streams(5).stream("x"), V1_36, NOW_US)
    assert said(finding).split()[0] == f"n{chosen:03}"


@pytest.mark.parametrize(
    ("pods", "budgets", "victims"),
    [
        # Of equal priority the ones that began later go.
        ([("a", "1", 5, 1), ("b", "1", 5, 2), ("c", "2", 5, 0)], [], "b"),
        # The most important come back first.
        ([("a", "1", 5), ("b", "1", 1), ("c", "2", 3)], [], "b"),
        # What comes back must fit: c goes with its two CPUs although it matters more than b.
        ([("a", "2", 5), ("c", "2", 3)], [], "c"),
        # Those whose budget would break come back before all others.
        ([("a", "1", 5), ("b", "1", 1), ("c", "2", 3)], [guard("b", 0)], "c"),
        # A pod that is no longer needed by its budget is like any other.
        ([("a", "1", 5), ("b", "1", 1), ("c", "2", 3)], [guard("b", 1)], "b"),
        ([("a", "1", 5), ("b", "1", 1), ("c", "2", 3)], [guard("b", 0, "b")], "b"),
    ],
)
def test_who_goes_on_a_node(pods: list[Any], budgets: list[Budget], victims: str) -> None:
    """A pod of one CPU comes to a node of four that are all taken."""
    assert said(found(SMALL, room("n1", *(there(*each) for each in pods)), budgets=budgets)) == f"n1 {victims}"


@pytest.mark.parametrize(
    ("budgets", "guarded"),
    [
        ([], ""),
        ([guard("a", 2)], ""),
        ([guard("a", 1)], "a2"),
        ([guard("a", 0)], "a1 a2"),
        ([guard("a", -1)], "a1 a2"),
        ([guard("a", 0, "a1")], "a2"),
        ([guard("a", 1), guard("b", 0)], "b1 a2"),
        # Each of two budgets on one pod counts it.
        ([guard("a", 1), guard("a", 5)], "a2"),
        # No selector, or one that means everything: nobody is guarded.
        ([budget({**POLICY, "spec": {}, "status": {}})], ""),
        ([budget({**POLICY, "spec": {"selector": {}}, "status": {}})], ""),
        ([attrs.evolve(guard("a", 0), namespace="far")], ""),
    ],
)
def test_whom_budgets_guard(budgets: list[Budget], guarded: str) -> None:
    """The first pods take what a budget allows; a pod without labels is guarded by none."""
    pods = [there("a1", "1"), there("b1", "1"), there("a2", "1"), pod("bare")]
    held, others = guarded_by_budgets(pods, budgets)
    assert " ".join(each.name for each in held) == guarded
    assert [each for each in pods if each not in held] == others


def nominated(name: str = "n1", **spec: Any) -> PodToPlace:
    """A pod of four CPUs that made room on a node."""
    return pod("new", {"cpu": "4"}, spec={"priority": 10, **spec}, status={"nominatedNodeName": name})


def leaving(name: str, priority: int, reason: str = "PreemptionByScheduler") -> PodToPlace:
    """A pod of four CPUs on its way out."""
    condition = {"type": "DisruptionTarget", "status": "True", "reason": reason, "message": "", "lastTransitionTime": 0}
    return there(name, "4", priority, deletionTimestamp=5, status={"conditions": [condition]})


@pytest.mark.parametrize(
    ("profile", "new", "on_node", "why"),
    [
        (V1_36, nominated(preemptionPolicy="Never"), there("a", "4", 5), NEVER),
        (V1_36, nominated(), there("a", "4", 5), ""),
        (V1_36, nominated(), leaving("a", 5), VICTIMS_LEAVE),
        # One that matters as much is not waited for, nor one on another node.
        (V1_36, nominated(), leaving("a", 10), ""),
        (V1_36, nominated("n2"), leaving("a", 5), ""),
        (V1_36, BIG, leaving("a", 5), ""),
        # Where victims are marked, only those whom the scheduler asked count; before, every one that goes.
        (V1_36, nominated(), leaving("a", 5, "EvictionByEvictionAPI"), ""),
        (V1_24, nominated(), leaving("a", 5, "EvictionByEvictionAPI"), VICTIMS_LEAVE),
    ],
)
def test_who_may_not_preempt_now(profile: Profile, new: PodToPlace, on_node: PodToPlace, why: str) -> None:
    """The pod never does, or waits for its victims."""
    assert found(new, room("n1", on_node), profile=profile).ineligible == why


def test_where_nobody_can_be_asked_each_node_says_why() -> None:
    """Only greater pods, a refusal that nobody's going would change, and one that is left without the lesser pods."""
    new = pod("new", {"cpu": "4"}, spec={"priority": 5})
    greater = room("n1", there("a", "4", 5))
    tainted = room("n2", there("b", "4", 1), taints=["full:NoSchedule"])
    mixed = room("n3", there("c", "2", 1), there("d", "2", 9))
    finding = found(new, greater, tainted, mixed)
    assert finding.chosen is None
    assert sorted(finding.reasons) == sorted([(NO_VICTIMS,), (NOT_HELPFUL,), ("Insufficient cpu",)])


def test_room_that_another_waits_for_is_not_given_away() -> None:
    """A pod that matters as much made room there: with it in the way nobody's going helps."""
    nominations = Nominations()
    nominations.set(pod("rival", {"cpu": "3"}, spec={"priority": 10}), "n1")
    finding = found(BIG, room("n1", there("a", "2", 1)), nominations=nominations)
    assert finding.chosen is None
    lesser = Nominations()
    lesser.set(pod("lesser", {"cpu": "3"}, spec={"priority": 9}), "n1")
    assert said(found(BIG, room("n1", there("a", "2", 1)), nominations=lesser)) == "n1 a"


def test_terms_on_other_pods_can_make_victims_too() -> None:
    """The refuser of company goes; so does who is one too many in its zone."""
    far: Any = {
        "podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "a"}}}
            ]
        }
    }
    host = {"kubernetes.io/hostname": "n1"}
    new = pod("new", spec={"priority": 10, "affinity": far})
    assert said(found(new, room("n1", there("a", "1", 1), there("b", "1", 1), labels=host))) == "n1 a"
    spread = {
        "topologyKey": "kubernetes.io/hostname",
        "maxSkew": 1,
        "whenUnsatisfiable": "DoNotSchedule",
        "minDomains": 2,
        "labelSelector": {"matchLabels": {"app": "a"}},
    }
    kin = pod("new", spec={"priority": 10, "topologySpreadConstraints": [spread]}, metadata={"labels": {"app": "a"}})
    rooms = room("n1", there("a1", "1", 1, 7), there("a2", "1", 2, 3), there("b", "1", 1), labels=host)
    assert said(found(kin, rooms)) == "n1 a2 a1"
