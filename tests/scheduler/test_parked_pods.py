"""What becomes of a pod that fits nowhere, and what moves it again?"""

from __future__ import annotations

import pytest

from nodesim.machine import CancelTimer, SetTimer
from nodesim.profiles import V1_24, V1_36, Profile
from nodesim.units import SECOND
from tests.scheduler.build import (
    MS,
    NO_ROOM,
    Bench,
    big,
    binds,
    conditions,
    events,
    node_document,
    on,
    pod_document,
    records,
)


def test_a_pod_that_fits_nowhere_is_told_three_times() -> None:
    """A record, an event and the condition PodScheduled; then it is parked with one timer."""
    bench = Bench()
    bench.see(0, node_document("n1"), pod_document("x", {"cpu": "4"}, **on("n1")))
    effects = bench.see(7_500 * MS, pod_document("p", {"cpu": "1"}))
    assert records(effects) == [("PodUnschedulable", "Pod/default/p", {"message": NO_ROOM})]
    assert events(effects) == [("FailedScheduling", NO_ROOM)]
    assert conditions(effects) == [
        {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": NO_ROOM,
            "lastProbeTime": None,
            "lastTransitionTime": 7 * SECOND,
        }
    ]
    # Parked at 7.5 s, so more than 5 m at 307.5 s: the tick of 330 s.
    assert [effect for effect in effects if isinstance(effect, SetTimer)] == [SetTimer("parked", 330 * SECOND)]


def test_the_condition_is_written_only_when_it_changes() -> None:
    """The same refusal again raises the event's count; another message keeps the transition time."""
    bench = Bench()
    bench.see(0, node_document("n1"), pod_document("x", {"cpu": "4"}, **on("n1")))
    (condition,) = conditions(bench.see(7 * SECOND, pod_document("p", {"cpu": "1"})))
    assert bench.see(8 * SECOND, pod_document("p", {"cpu": "1"}, status={"conditions": [condition]})) == []
    effects = [effect for _, effect in bench.run_until(330 * SECOND)]
    assert events(effects) == [("repeat", 2)]
    assert conditions(effects) == []
    effects = bench.see(400 * SECOND, node_document("n2", allocatable={"cpu": "1"}), node_document("n2"))
    assert binds(effects) == [("p", "n2")]

    bench.see(401 * SECOND, node_document("n2", unschedulable=True))
    other = pod_document("r", {"cpu": "1"}, status={"conditions": [condition]})
    (changed,) = conditions(bench.see(402 * SECOND, other))
    assert changed["message"] != NO_ROOM
    assert changed["lastTransitionTime"] == 7 * SECOND


def test_without_nodes_a_pod_is_tried_again_by_backoff_alone() -> None:
    """No filter refused it, so a new node does not help it: 1 s and 2 s, each to the end of its second."""
    bench = Bench()
    effects = bench.see(0, pod_document("p"))
    assert events(effects) == [("FailedScheduling", "no nodes available to schedule pods")]
    assert bench.timers == {"backoff": 2 * SECOND}
    bench.run_until(2 * SECOND)
    assert bench.timers == {"backoff": 5 * SECOND}
    assert binds(bench.see(3 * SECOND, node_document("n1"))) == []
    assert binds([effect for _, effect in bench.run_until(5 * SECOND)]) == [("p", "n1")]
    assert bench.timers == {}


def test_a_pod_that_is_being_deleted_is_not_placed() -> None:
    """A finalizer holds it: one event, no binding, no further try."""
    bench = Bench()
    bench.see(0, node_document("n1"))
    effects = bench.see(0, pod_document("p", metadata={"deletionTimestamp": 0}))
    assert (binds(effects), events(effects)) == (
        [],
        [("FailedScheduling", "skip schedule deleting pod: default/p")],
    )
    assert bench.see(SECOND, node_document("n2")) == []
    assert bench.timers == {}


def test_room_is_free_when_a_pod_turns_terminal_not_when_it_is_asked_to_go() -> None:
    """Terminating pods still count; Failed ones do not, though the object is still there."""
    bench = Bench()
    held = {"deletionTimestamp": 99 * SECOND}
    bench.see(0, node_document("n1"), big("x", **on("n1")))
    bench.see(0, big("p"))
    assert bench.see(60 * SECOND, big("x", **on("n1", metadata=held))) == []
    effects = bench.see(61 * SECOND, big("x", **on("n1", metadata=held, status={"phase": "Failed"})))
    assert binds(effects) == [("p", "n1")]
    assert CancelTimer("parked") in effects
    assert bench.gone(62 * SECOND, "pods", "x") == []


def test_the_deletion_of_a_pod_that_was_failed_already_moves_nobody() -> None:
    """Its room was free before; a pod that waits for something else is not tried in vain."""
    bench = Bench()
    failed = {"phase": "Failed"}
    bench.see(0, node_document("n1"), big("x", **on("n1", status=failed)), big("y", **on("n1")))
    bench.see(0, big("p"))
    assert bench.gone(60 * SECOND, "pods", "x") == []
    assert binds(bench.gone(61 * SECOND, "pods", "y")) == [("p", "n1")]


def test_a_pod_resized_in_place_makes_room() -> None:
    """From three CPUs to one."""
    bench = Bench()
    bench.see(0, node_document("n1"), big("x", **on("n1")))
    bench.see(0, big("p"))
    assert binds(bench.see(60 * SECOND, pod_document("x", {"cpu": "1"}, **on("n1")))) == [("p", "n1")]


def test_a_taint_that_goes_lets_the_pod_in_at_once() -> None:
    """As recorded with 1.34: once NoSchedule is gone the pod is bound; NoExecute it tolerates for 300 s."""
    bench = Bench()
    tolerates = {"tolerations": [{"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}]}
    bench.see(0, node_document("n1", taints=["a:NoSchedule", "a:NoExecute"]))
    bench.see(0, pod_document("p", spec=tolerates))
    assert (
        bench.see(50 * SECOND, node_document("n1", taints=["a:NoSchedule", "a:NoExecute", "b:PreferNoSchedule"])) == []
    )
    assert binds(bench.see(51 * SECOND, node_document("n1", taints=["a:NoExecute"]))) == [("p", "n1")]


@pytest.mark.parametrize(("profile", "bound_us"), [(V1_36, 500 * MS), (V1_24, 1_000 * MS)])
def test_an_idle_scheduler_skips_the_backoff_from_1_33_on(profile: Profile, bound_us: int) -> None:
    """Refused at 0, helped at 0.5 s: bound then, or when the second is over."""
    bench = Bench(profile)
    bench.see(0, node_document("n1", unschedulable=True), pod_document("p"))
    bench.see(500 * MS, node_document("n1"))
    bench.run_until(5 * SECOND)
    assert [t_us for t_us, effect in bench.log if binds([effect])] == [bound_us]


def test_up_to_1_32_backoff_doubles_with_each_refusal() -> None:
    """A full node whose labels flap moves the pod each time; it comes at 0, 1, 3, 7 and 15 s, then every 10 s."""
    bench = Bench(V1_24)
    flapping = [node_document("n1", labels={"a": "1"}), node_document("n1", labels={"a": "2"})]
    bench.see(0, flapping[0], big("x", **on("n1")), big("p"))
    for tenth in range(1, 360):
        bench.run_until(tenth * 100 * MS)
        bench.see(tenth * 100 * MS + 1, flapping[tenth % 2])
    tries = [t_us for t_us, effect in bench.log if records([effect])]
    assert [round(t_us / SECOND) for t_us in tries] == [0, 1, 3, 7, 15, 25, 35]


@pytest.mark.parametrize(("profile", "tries"), [(V1_24, [0, 60, 390]), (V1_36, [0, 330])])
def test_up_to_1_31_any_change_of_a_node_that_would_suit_when_empty_moves_a_pod(
    profile: Profile, tries: list[int]
) -> None:
    """A full node's Ready turns at 60 s: no hint of the filters cares, but up to 1.31 nobody asked them."""
    bench = Bench(profile)
    unready = [{"type": "Ready", "status": "Unknown"}]
    bench.see(0, node_document("n1"), big("x", **on("n1")), big("p"))
    bench.run_until(60 * SECOND)
    bench.see(60 * SECOND, node_document("n1", conditions=unready))
    bench.run_until(400 * SECOND)
    assert [t_us // SECOND for t_us, effect in bench.log if records([effect])] == tries


def test_a_parked_pod_is_tried_again_after_five_minutes() -> None:
    """Nothing helps: 330 s, 660 s, ... (ticks of 30 s that lie more than 5 m after the last try)."""
    bench = Bench()
    bench.see(0, node_document("n1", unschedulable=True), pod_document("p"))
    tries = [t_us for t_us, effect in bench.run_until(1000 * SECOND) if records([effect])]
    assert tries == [330 * SECOND, 660 * SECOND, 990 * SECOND]


def test_timers_run_only_while_somebody_waits() -> None:
    """A scheduler with nothing to do sets none, and the last waiting pod's end cancels them."""
    bench = Bench()
    bench.see(0, node_document("n1", unschedulable=True))
    assert bench.timers == {}
    bench.see(0, pod_document("p"))
    assert list(bench.timers) == ["parked"]
    assert bench.gone(1, "pods", "p") == [CancelTimer("parked")]


def test_a_deleted_node_gets_nothing_more() -> None:
    """At once; a node that comes lets the pod in."""
    bench = Bench()
    bench.see(0, node_document("n1"), node_document("n2", unschedulable=True))
    bench.gone(1, "nodes", "n1")
    assert binds(bench.see(2, pod_document("p"))) == []
    assert binds(bench.see(60 * SECOND, node_document("n1"))) == [("p", "n1")]
