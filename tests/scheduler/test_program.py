"""The scheduler as a program: which node it chooses, how it binds, and what it forgets."""

from __future__ import annotations

import copy

import pytest

from nodesim.machine import Answered, SetTimer, Started, Synced, TimerFired, Told
from nodesim.messages import Bind
from nodesim.profiles import V1_24, V1_36, Profile
from nodesim.units import SECOND
from tests.scheduler.build import (
    MS,
    OTHER_CACHES,
    Bench,
    big,
    bind_calls,
    binds,
    conditions,
    events,
    node_document,
    on,
    pod_document,
    records,
)


def test_nothing_is_decided_before_both_caches_are_full() -> None:
    """Pods and nodes come first, then the two Synced events, then the decision."""
    bench = Bench(synced_us=None)
    bench.handle(Started(), 0)
    assert bench.see(5, node_document("n1"), pod_document("p")) == []
    assert [effect for resource in OTHER_CACHES for effect in bench.handle(Synced(resource), 5)] == []
    assert bench.handle(Synced("pods"), 6) == []
    assert binds(bench.handle(Synced("nodes"), 7)) == [("p", "n1")]
    assert bench.handle(Synced("nodes"), 8) == []


def test_a_pod_is_chosen_a_node_bound_and_told() -> None:
    """NodeChosen, then the Bind with the pod's UID; the event follows its answer."""
    bench = Bench()
    bench.see(0, node_document("n1"), node_document("n2", unschedulable=True))
    effects = bench.see(1 * MS, pod_document("p"))
    assert records(effects) == [("NodeChosen", "Pod/default/p", {"node": "n1", "feasible": 1, "score": None})]
    (call,) = bind_calls(effects)
    assert call.request == Bind("default", "p", "uid-p", "n1")
    assert events(bench.answer(3 * MS, call)) == [("Scheduled", "Successfully assigned default/p to n1")]
    assert bench.see(3 * MS, pod_document("p", **on("n1"))) == []


def test_the_event_is_written_also_when_the_watch_is_faster_than_the_answer() -> None:
    """Two messages, either order."""
    bench = Bench()
    bench.see(0, node_document("n1"))
    (call,) = bind_calls(bench.see(0, pod_document("p")))
    assert bench.see(2 * MS, pod_document("p", **on("n1"))) == []
    assert events(bench.answer(2 * MS, call)) == [("Scheduled", "Successfully assigned default/p to n1")]


def test_the_score_is_recorded_where_nodes_compete() -> None:
    """The emptier node: 3 x 100 + (97 + 97) / 2 + nothing for balance, as the pod asks for nothing."""
    bench = Bench()
    bench.see(0, node_document("n1"), node_document("n2"), pod_document("x", {"cpu": "1"}, **on("n1")))
    effects = bench.see(0, pod_document("p"))
    assert records(effects)[0][2] == {"node": "n2", "feasible": 2, "score": 397}


def test_pods_of_one_instant_do_not_overcommit_a_node() -> None:
    """Each is counted from its decision on, long before its binding is answered."""
    bench = Bench(synced_us=None)
    bench.see(0, node_document("n1"), node_document("n2"), big("a"), big("b"), big("c"))
    for resource in (*OTHER_CACHES, "nodes"):
        bench.handle(Synced(resource), 0)
    effects = bench.handle(Synced("pods"), 0)
    assert sorted(node for _, node in binds(effects)) == ["n1", "n2"]
    assert [name for name, _ in binds(effects)] == ["a", "b"]
    assert [kind for kind, _, _ in records(effects)] == ["NodeChosen", "NodeChosen", "PodUnschedulable"]


def test_the_highest_priority_is_decided_first() -> None:
    """With room for one of the two that waited, it is the important one."""
    bench = Bench()
    bench.see(0, big("low"), big("high", spec={"priority": 5}))
    bench.see(30 * SECOND, node_document("n1"))
    released = [effect for _, effect in bench.run_until(60 * SECOND)]
    assert binds(released) == [("high", "n1")]


def test_pods_of_users_count_and_are_left_alone() -> None:
    """spec.nodeName set by a user: counted, never bound; so is a pod of another scheduler once it is on a node."""
    bench = Bench()
    bench.see(0, node_document("n1"))
    other = {"schedulerName": "mine"}
    assert bench.see(0, big("direct", spec={"nodeName": "n1"}), big("other", spec=other)) == []
    assert binds(bench.see(0, big("p"))) == []


def test_the_next_search_begins_where_the_last_one_ended() -> None:
    """Of 250 nodes a search takes 120, so three searches begin at 0, 120 and 240 and the third wraps round."""
    bench = Bench()
    names = [f"n{place:03}" for place in range(250)]
    bench.see(0, *(node_document(name) for name in names))
    bound = binds(bench.see(0, *(pod_document(f"p{place}", {"cpu": "1"}) for place in range(3))))
    assert repr(bench.scheduler) == "Scheduler(pending=3, assumed=3)"
    first, second, third = (names.index(node) for _, node in bound)
    assert first < 120 <= second < 240
    assert third >= 240 or third < 110


@pytest.mark.parametrize("profile", [V1_24, V1_36])
def test_equal_seeds_place_equally(profile: Profile) -> None:
    """Twenty pods on ten equal nodes: the same seed gives the same nodes, another seed others."""

    def placed(seed: int) -> list[tuple[str, str]]:
        bench = Bench(profile, seed)
        bench.see(0, *(node_document(f"n{place}") for place in range(10)))
        return binds(bench.see(0, *(pod_document(f"p{place}") for place in range(20))))

    assert placed(1) == placed(1)
    assert placed(1) != placed(2)
    assert len(placed(1)) == 20


def test_a_failed_binding_frees_the_node_and_is_tried_again_by_error_backoff() -> None:
    """At 10.002 s the Bind times out: the next try is at 12 s (1 s, to the end of its second), and is told."""
    bench = Bench()
    bench.see(0, node_document("n1"))
    (call,) = bind_calls(bench.see(10 * SECOND, big("p")))
    effects = bench.answer(10 * SECOND + 2 * MS, call, 0, "Timeout")
    text = 'running Bind plugin "DefaultBinder": Timeout'
    assert events(effects) == [("FailedScheduling", text)]
    assert [(item["reason"], item["message"]) for item in conditions(effects)] == [("SchedulerError", text)]
    assert SetTimer("backoff", 12 * SECOND) in effects
    retried = bench.run_until(20 * SECOND)
    assert [(t_us, binds([effect])) for t_us, effect in retried if binds([effect])] == [(12 * SECOND, [("p", "n1")])]


def test_a_failed_binding_makes_room_for_others() -> None:
    """The pod that was parked for lack of room takes it in the same instant."""
    bench = Bench()
    bench.see(0, node_document("n1"))
    (call,) = bind_calls(bench.see(0, big("p"), big("q")))
    assert binds(bench.answer(2 * SECOND, call, 409, "Conflict")) == [("q", "n1")]


def test_the_next_try_after_a_failed_binding_is_made_with_the_newest_pod() -> None:
    """Somebody asked for its deletion meanwhile (a finalizer holds it): the next try lets it be."""
    bench = Bench()
    bench.see(0, node_document("n1"))
    (call,) = bind_calls(bench.see(0, big("p")))
    bench.see(1 * MS, big("p", metadata={"deletionTimestamp": 0}))
    bench.answer(2 * MS, call, 409, "Conflict")
    retried = [effect for _, effect in bench.run_until(20 * SECOND)]
    assert events(retried) == [("FailedScheduling", "skip schedule deleting pod: default/p")]


def test_a_pod_that_went_while_it_was_bound_is_dropped() -> None:
    """404 after its deletion: no try again, and its room is free."""
    bench = Bench()
    bench.see(0, node_document("n1"))
    (call,) = bind_calls(bench.see(0, big("p")))
    bench.gone(1 * MS, "pods", "p")
    assert binds(bench.see(1 * MS, big("q"))) == []
    effects = bench.answer(2 * MS, call, 404, "NotFound")
    assert "backoff" not in bench.timers
    assert binds(effects) == [("q", "n1")]


@pytest.mark.parametrize("gone_first", [True, False])
def test_a_pod_whose_binding_held_but_that_is_gone_frees_its_room(gone_first: bool) -> None:
    """The watch told only of the end (it was cut in between), before or after the answer."""
    bench = Bench()
    bench.see(0, node_document("n1"))
    (call,) = bind_calls(bench.see(0, big("p")))
    if gone_first:
        bench.gone(1 * MS, "pods", "p")
        bench.answer(2 * MS, call)
    else:
        bench.answer(1 * MS, call)
        bench.gone(2 * MS, "pods", "p")
    assert binds(bench.see(3 * MS, big("q"))) == [("q", "n1")]


def test_a_pod_bound_elsewhere_by_another_hand_counts_there() -> None:
    """The watch says n2: n1 is free for the pod that waited, n2 is full, and the late 409 changes nothing."""
    bench = Bench()
    bench.see(0, node_document("n1"))
    call, *_ = bind_calls(bench.see(0, big("p"), big("q")))
    bench.see(1 * MS, node_document("n2", unschedulable=True))
    assert binds(bench.see(2 * SECOND, big("p", **on("n2")))) == [("q", "n1")]
    assert bench.answer(3 * SECOND, call, 409, "Conflict") == []
    bench.see(4 * SECOND, node_document("n2"))
    assert binds(bench.see(5 * SECOND, big("r"))) == []


def test_an_assumed_pod_is_not_decided_again_when_it_changes() -> None:
    """Its labels or conditions change while it is being bound, or after, until the watch shows its node."""
    bench = Bench()
    bench.see(0, node_document("n1"))
    (call,) = bind_calls(bench.see(0, big("p")))
    assert bench.see(1 * MS, big("p", spec={"priority": 1})) == []
    bench.answer(2 * MS, call)
    assert bench.see(3 * MS, big("p", spec={"priority": 2})) == []


def test_a_new_pod_of_the_same_name_is_another_pod() -> None:
    """Deleted and made again under the same name while the first was being bound."""
    bench = Bench()
    bench.see(0, node_document("n1"), node_document("n2"))
    (first,) = bind_calls(bench.see(0, big("p")))
    effects = bench.see(1 * MS, big("p", metadata={"uid": "uid-second"}))
    (second,) = bind_calls(effects)
    assert (second.request.uid, second.request.node != first.request.node) == ("uid-second", True)
    bench.answer(2 * MS, first, 404, "NotFound")
    assert bench.timers == {}
    assert binds(bench.see(3 * MS, big("q"))) == [("q", first.request.node)]


def test_heartbeats_and_strangers_change_nothing() -> None:
    """A node whose view is equal, an answer to an event, an unknown timer: no orders."""
    bench = Bench()
    bench.see(0, node_document("n1", unschedulable=True), pod_document("p"))
    beat = node_document("n1", unschedulable=True, conditions=[{"type": "Ready", "status": "Unknown"}])
    assert bench.see(SECOND, beat) == []
    for event in (Answered(("event", 1), 201), Answered(("bind", 99), 409), TimerFired("other"), Told("a step")):
        assert bench.handle(event, SECOND) == []


def test_a_process_that_starts_again_knows_nothing_and_learns_it_from_its_caches() -> None:
    """After the second start the pod that was bound meanwhile counts, and the other is placed beside it."""
    bench = Bench()
    bench.see(0, node_document("n1"))
    (lost,) = bind_calls(bench.see(0, big("p")))
    bench.restart()
    assert bench.answer(SECOND, lost) == []
    bench.see(SECOND, node_document("n1"), big("p", **on("n1")), pod_document("q", {"cpu": "2"}))
    synced = (*OTHER_CACHES, "nodes", "pods")
    effects = [effect for resource in synced for effect in bench.handle(Synced(resource), SECOND)]
    assert binds(effects) == []
    assert [kind for kind, _, _ in records(effects)] == ["PodUnschedulable"]


def test_the_state_is_plain_and_can_be_copied() -> None:
    """A copy decides as the original does and shares nothing with it."""
    bench = Bench()
    bench.see(0, *(node_document(f"n{place}") for place in range(9)), pod_document("p"))
    twin = copy.deepcopy(bench)
    script = [pod_document(f"q{place}") for place in range(9)]
    assert bench.see(SECOND, *script) == twin.see(SECOND, *script)
