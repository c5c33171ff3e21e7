"""How timers, cancellations and deletions behave, quirks included."""

from __future__ import annotations

from typing import Any

import pytest

from nodesim.controllers.tainteviction import TimedWorkerQueue
from nodesim.controllers.tainteviction.eviction import condition_change
from nodesim.controllers.tainteviction.timed_workers import Added
from nodesim.machine import Answered, Changed, Record, SetTimer, Synced, TimerFired, Told
from nodesim.messages import Delete, Get, Patch
from nodesim.objects import decode_document, node_view, pod_view
from nodesim.profiles import V1_24, V1_36, Profile
from nodesim.units import MILLISECOND, SECOND
from tests.controllers.tainteviction.fakes import Cluster, node, pod, taint, tolerates
from tests.play import play

A, B = taint("A"), taint("B")
MARKING = "Marking for deletion Pod default/p"
CANCELLING = "Cancelling deletion of Pod default/p"


def cluster_with(*tolerations: dict[str, Any], profile: Profile = V1_36, phase: str = "Running") -> Cluster:
    """Node n without taints, pod p on it, both known."""
    cluster = Cluster(profile)
    cluster.put_node(node("n"))
    cluster.put_pod(pod("p", "n", list(tolerations), phase))
    cluster.sync()
    return cluster


@pytest.mark.parametrize(
    ("tolerations", "evicted_at_s"),
    [
        ([tolerates("A", 20), tolerates("A", 60)], 20),
        ([tolerates("A", 60), tolerates("A", 20)], 60),
        ([tolerates("A"), tolerates("A", 20)], None),
        ([tolerates("A", 20), {"operator": "Exists"}], 20),
        ([tolerates("A", 0)], 0),
        ([tolerates("A", -5)], 0),
        ([tolerates("B", 5)], 0),
        ([{"key": "A", "operator": "Equal", "value": "other", "tolerationSeconds": 5}], 0),
        ([{"operator": "Exists"}], None),
    ],
)
def test_the_first_matching_toleration_counts(tolerations: list[dict[str, Any]], evicted_at_s: int | None) -> None:
    """Of one taint's matching tolerations the first decides; zero and less evict at once (recorded: te)."""
    cluster = cluster_with(*tolerations)
    cluster.put_node(node("n", A))
    cluster.run_until(200)
    started = [at_us for at_us, _, _ in cluster.of_kind("EvictionStarted")]
    assert started == ([] if evicted_at_s is None else [evicted_at_s * SECOND])


def test_one_finite_toleration_among_infinite_ones_counts() -> None:
    """A tolerated for ever and B for 10 s: the pod goes 10 s after B came (recorded: te p-ainf-b10)."""
    cluster = cluster_with(tolerates("A"), tolerates("B", 10))
    cluster.put_node(node("n", A))
    cluster.run_until(10)
    cluster.put_node(node("n", A, B))
    cluster.run_until(30)
    fields = {"node": "n", "taint": "B=x:NoExecute", "at_us": 20 * SECOND, "toleration_seconds": 10}
    assert cluster.of_kind("EvictionScheduled") == [(10 * SECOND, "Pod/default/p", fields)]
    expired = {"node": "n", "why": "toleration expired"}
    assert cluster.of_kind("EvictionStarted") == [(20 * SECOND, "Pod/default/p", expired)]


def test_an_untolerated_taint_ends_the_wait() -> None:
    """A pod that waits is cancelled, with an event, and deleted at once when an untolerated taint comes."""
    cluster = cluster_with(tolerates("A", 45))
    cluster.put_node(node("n", A))
    cluster.run_until(10)
    cluster.put_node(node("n", A, B))
    cluster.run_until(100)
    assert cluster.messages() == [(10 * SECOND, CANCELLING), (10 * SECOND, MARKING)]
    assert cluster.of_kind("EvictionCancelled") == [(10 * SECOND, "Pod/default/p", {"why": "not tolerated"})]
    assert cluster.of_kind("EvictionStarted") == [(10 * SECOND, "Pod/default/p", {"node": "n", "why": "not tolerated"})]
    assert len(cluster.made(Delete)) == 1


def test_a_running_timer_survives_new_shorter_taints_and_removed_old_ones() -> None:
    """A for 40 s, B for 5 s at +10 s, A overwritten at +20 s and gone at +25 s: still 40 s (recorded: p-a40-b5)."""
    cluster = cluster_with(tolerates("A", 40), tolerates("B", 5))
    for at_s, taints in ((0, [A]), (10, [A, B]), (20, [taint("A", "y"), B]), (25, [B])):
        cluster.run_until(at_s)
        cluster.put_node(node("n", *taints))
    cluster.run_until(60)
    assert [at_us for at_us, _, _ in cluster.of_kind("EvictionStarted")] == [40 * SECOND]
    assert cluster.messages() == [(40 * SECOND, MARKING)]


@pytest.mark.parametrize(
    ("first_s", "second_s", "started_s", "messages"),
    [
        (100, 100, [100], [(100, MARKING)]),
        (100, 20, [100], [(100, MARKING)]),
        (None, 20, [70], [(70, MARKING)]),
        (100, None, [], [(50, CANCELLING)]),
    ],
)
def test_a_swap_of_taints_does_not_set_the_timer_anew(
    first_s: int | None, second_s: int | None, started_s: list[int], messages: list[tuple[int, str]]
) -> None:
    """One taint gives way to another at 50 s, add before remove: the first timer goes on (recorded: d-swap-timers)."""
    not_ready, unreachable = taint("not-ready", ""), taint("unreachable", "")
    cluster = cluster_with(tolerates("not-ready", first_s), tolerates("unreachable", second_s))
    cluster.put_node(node("n", not_ready))
    cluster.run_until(50)
    cluster.put_node(node("n", not_ready, unreachable))
    cluster.run_until(50.02)
    cluster.put_node(node("n", unreachable))
    cluster.run_until(300)
    assert [at_us // SECOND for at_us, _, _ in cluster.of_kind("EvictionStarted")] == started_s
    assert [(at_us // SECOND, text) for at_us, text in cluster.messages()] == messages


def test_after_full_removal_the_time_starts_from_zero() -> None:
    """A goes after 10 s and returns at 12 s: 30 s count from the return (recorded: q-a30)."""
    cluster = cluster_with(tolerates("A", 30))
    for at_s, taints in ((0, [A]), (10, []), (12, [A])):
        cluster.run_until(at_s)
        cluster.put_node(node("n", *taints))
    cluster.run_until(100)
    assert cluster.of_kind("EvictionCancelled") == [(10 * SECOND, "Pod/default/p", {"why": "taints removed"})]
    assert cluster.messages() == [(10 * SECOND, CANCELLING), (42 * SECOND, MARKING)]


def test_time_added_is_ignored() -> None:
    """A taint that claims to be an hour old still gives the full time, and a changed timeAdded changes nothing."""
    cluster = cluster_with(tolerates("A", 30))
    cluster.put_node(node("n", taint("A", timeAdded=0)))
    cluster.run_until(20)
    cluster.put_node(node("n", taint("A", timeAdded=20 * SECOND)))
    cluster.run_until(60)
    assert cluster.messages() == [(30 * SECOND, MARKING)]


def test_a_deleted_nodes_timers_go_on() -> None:
    """The node goes after 5 s, its pod is evicted at 30 s all the same (recorded: te r-a30)."""
    cluster = cluster_with(tolerates("A", 30))
    cluster.put_node(node("n", A))
    cluster.run_until(5)
    cluster.remove_node("n")
    cluster.run_until(40)
    assert cluster.messages() == [(30 * SECOND, MARKING)]


def test_a_pod_deleted_by_someone_else_cancels_when_its_object_goes() -> None:
    """A deletionTimestamp changes nothing; the object's end writes a Cancelling event (recorded: te)."""
    cluster = cluster_with(tolerates("A", 50))
    cluster.put_node(node("n", A))
    cluster.run_until(5)
    terminating = pod("p", "n", [tolerates("A", 50)])
    terminating["metadata"]["deletionTimestamp"] = 35 * SECOND
    cluster.put_pod(terminating)
    cluster.run_until(7)
    assert cluster.messages() == []
    cluster.remove_pod("p")
    cluster.run_until(100)
    assert cluster.messages() == [(7 * SECOND, CANCELLING)]
    assert cluster.of_kind("EvictionCancelled") == [(7 * SECOND, "Pod/default/p", {"why": "pod deleted"})]
    assert cluster.deleted() == {}


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_ended_pods_are_evicted_like_others(phase: str) -> None:
    """A DELETE is sent for a pod that has ended."""
    cluster = cluster_with(tolerates("A", 8), phase=phase)
    cluster.put_node(node("n", A))
    cluster.run_until(10)
    assert cluster.deleted() == {"p": 8 * SECOND + 4 * MILLISECOND}


def test_a_terminating_pod_is_marked_again_from_1_33_on() -> None:
    """An evicted pod whose node's taints change gets a new timer; in v1.24 its name stays taken until it is gone."""
    seen = {}
    for profile in (V1_24, V1_36):
        cluster = cluster_with(tolerates("A", 10), profile=profile)
        cluster.put_node(node("n", A))
        cluster.run_until(20)
        cluster.put_node(node("n", taint("A", "y")))
        cluster.run_until(25)
        cluster.remove_pod("p")
        cluster.put_pod(pod("p", "n", [tolerates("A", 10)]))
        cluster.run_until(60)
        seen[profile.name] = [(at_us // SECOND, text) for at_us, text in cluster.messages()]
    # The successor of the same name came in the instant in which the old pod went, so nobody saw the name without a
    # pod: v1.36's timer of the old pod hits the new one, v1.24's name is taken for good.
    assert seen == {"v1.24": [(10, MARKING)], "v1.36": [(10, MARKING), (30, "+1")]}


def test_in_v1_24_a_name_is_free_again_once_its_pod_was_seen_to_go() -> None:
    """The pod's removal cancels the finished key without an event, so that its successor gets a timer."""
    cluster = cluster_with(tolerates("A", 10), profile=V1_24)
    cluster.put_node(node("n", A))
    cluster.run_until(20)
    cluster.remove_pod("p")
    cluster.run_until(21)
    cluster.put_pod(pod("p", "n", [tolerates("A", 10)]))
    cluster.run_until(60)
    assert cluster.messages() == [(10 * SECOND, MARKING), (31 * SECOND, "+1")]


def test_an_eviction_reads_marks_and_deletes() -> None:
    """Event, GET, PATCH of the status with the UID, DELETE without options, one after the other."""
    cluster = cluster_with()
    cluster.put_node(node("n", A))
    cluster.run_until(1)
    pods = [(at_us, request) for at_us, request in cluster.requests if request.resource == "pods"]
    assert [(at_us, type(request)) for at_us, request in pods] == [
        (0, Get),
        (2 * MILLISECOND, Patch),
        (4 * MILLISECOND, Delete),
    ]
    assert pods[2][1] == Delete("pods", "default", "p")
    patch = pods[1][1]
    assert (patch.subresource, patch.style) == ("status", "strategic")
    change = decode_document(patch.document)
    assert change["metadata"] == {"uid": "uid-p"}
    assert change["status"]["conditions"] == [
        {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "DeletionByTaintManager",
            "message": "Taint manager: deleting due to NoExecute taint",
            "lastProbeTime": None,
            "lastTransitionTime": 0,
        }
    ]


def test_v1_24_evicts_without_the_condition_and_under_its_old_name() -> None:
    """No DisruptionTarget before 1.26; the events' component is taint-controller before 1.29."""
    cluster = cluster_with(profile=V1_24)
    cluster.put_node(node("n", A))
    cluster.run_until(1)
    assert cluster.made(Patch) == []
    assert cluster.deleted() == {"p": 2 * MILLISECOND}
    event = decode_document(next(r.document for _, r in cluster.requests if r.resource == "events"))
    assert event["source"] == {"component": "taint-controller"}


@pytest.mark.parametrize(
    ("reason", "status", "changed", "transition_us"),
    [
        ("DeletionByTaintManager", "True", False, None),
        ("EvictionByEvictionAPI", "True", True, SECOND),
        ("DeletionByTaintManager", "False", True, 9 * SECOND),
    ],
)
def test_the_condition_is_patched_only_where_it_changes(
    reason: str, status: str, changed: bool, transition_us: int | None
) -> None:
    """The same condition is left alone; lastTransitionTime moves only with the status."""
    document = pod("p", "n")
    message = "Taint manager: deleting due to NoExecute taint"
    document["status"]["conditions"] = [
        {
            "type": "DisruptionTarget",
            "status": status,
            "reason": reason,
            "message": message,
            "lastTransitionTime": SECOND,
        }
    ]
    change = condition_change(document, 9 * SECOND + 5)
    assert (change is not None) == changed
    if change is not None:
        assert change["status"]["conditions"][0]["lastTransitionTime"] == transition_us


def test_a_pod_that_has_the_condition_already_is_deleted_without_a_patch() -> None:
    """A second eviction of the same pod reads and deletes."""
    cluster = cluster_with()
    change = condition_change(cluster.documents["pods", "default/p"], 0)
    assert change is not None
    cluster.documents["pods", "default/p"]["status"]["conditions"] = change["status"]["conditions"]
    cluster.put_node(node("n", A))
    cluster.run_until(1)
    assert cluster.made(Patch) == []
    assert cluster.deleted() == {"p": 2 * MILLISECOND}


@pytest.mark.parametrize(("request_type", "spacing_ms"), [(Get, 12), (Patch, 14), (Delete, 16)])
def test_a_failing_eviction_is_tried_five_times(request_type: type, spacing_ms: int) -> None:
    """Whatever fails, all steps are tried again 10 ms later, five times in all, and never after that."""
    cluster = cluster_with()
    cluster.fail(request_type, 99)
    cluster.put_node(node("n", A))
    cluster.run_until(1000)
    assert cluster.made(Get) == [spacing_ms * MILLISECOND * count for count in range(5)]
    assert [text for _, text in cluster.messages()].count(MARKING) == 1
    assert cluster.timers() == {}


def test_a_lost_answer_costs_one_try() -> None:
    """A request that the network ate is a failure like any other: the second try goes through."""
    cluster = cluster_with()
    cluster.fail(Delete, 1, "ConnectionLost")
    cluster.put_node(node("n", A))
    cluster.run_until(1)
    assert cluster.made(Delete) == [4 * MILLISECOND, 20 * MILLISECOND]


def test_not_found_is_a_failure_like_any_other() -> None:
    """A pod that is gone from the server, but not from the cache, is asked for five times."""
    cluster = cluster_with()
    del cluster.documents["pods", "default/p"]
    cluster.put_node(node("n", A))
    cluster.run_until(1)
    assert len(cluster.made(Get)) == 5
    assert cluster.deleted() == {}


@pytest.mark.parametrize("profile", [V1_36, V1_24], ids=lambda profile: profile.name)
def test_a_failed_eviction_frees_its_name(profile: Profile) -> None:
    """After five failures, a change of taints starts all over, in every version."""
    cluster = cluster_with(profile=profile)
    cluster.fail(Get, 5)
    cluster.put_node(node("n", A))
    cluster.run_until(1)
    cluster.put_node(node("n", A, B))
    cluster.run_until(2)
    assert list(cluster.deleted()) == ["p"]


def test_many_evictions_run_side_by_side() -> None:
    """All pods of a node are read in the turn that brought the taint, in name order."""
    cluster = Cluster()
    cluster.put_node(node("n"))
    for name in ("c", "a", "b"):
        cluster.put_pod(pod(name, "n"))
    cluster.sync()
    cluster.put_node(node("n", A))
    cluster.run_until(1)
    assert cluster.deleted() == dict.fromkeys(("a", "b", "c"), 4 * MILLISECOND)
    assert [name for _, name, _ in cluster.of_kind("EvictionStarted")] == [f"Pod/default/{name}" for name in "abc"]


def test_node_updates_go_before_pod_updates_of_the_same_instant() -> None:
    """A pod loses its toleration and its node the taint in one instant: the pod stays, whichever is heard first."""
    cluster = cluster_with(tolerates("A", 100))
    cluster.put_node(node("n", A))
    cluster.run_until(5)
    cluster.put_pod(pod("p", "n"))
    cluster.put_node(node("n"))
    cluster.run_until(200)
    assert cluster.messages() == [(5 * SECOND, CANCELLING)]


def test_a_timer_made_in_this_instant_is_replaced() -> None:
    """Only then is a timer set anew: created and changed at the same microsecond."""
    cluster = cluster_with(tolerates("A", 100), tolerates("B", 30))
    cluster.run_until(5)
    cluster.put_node(node("n", A))
    cluster.put_node(node("n", A, B))
    cluster.run_until(200)
    assert cluster.messages() == [(5 * SECOND, CANCELLING), (35 * SECOND, MARKING)]
    assert cluster.of_kind("EvictionCancelled") == [(5 * SECOND, "Pod/default/p", {"why": "set anew"})]


def test_a_queued_update_of_a_pod_that_moved_is_ignored() -> None:
    """A pod update counts for the node the pod was on when it was queued, and only if it still is there."""
    cluster = cluster_with()
    cluster.put_node(node("m", A))
    cluster.put_pod(pod("q", "m"))
    cluster.put_pod(pod("q", "n"))
    cluster.run_until(1)
    assert cluster.requests == []


def test_nothing_happens_before_both_caches_are_filled() -> None:
    """Pods and taints that are listed first are judged, once, when the second list is there."""
    cluster = Cluster()
    cluster.put_node(node("n", A))
    cluster.put_pod(pod("p", "n"))
    cluster.feed(Synced("pods"))
    cluster.feed(Synced("pods"))
    assert cluster.records == []
    cluster.feed(Synced("nodes"))
    cluster.run_until(1)
    assert [text for _, text in cluster.messages()] == [MARKING]


def test_a_restart_starts_all_timers_again() -> None:
    """A new process knows nothing of the old timers: 30 s count from its own first look."""
    cluster = cluster_with(tolerates("A", 30))
    cluster.put_node(node("n", A))
    cluster.run_until(20)
    cluster.restart()
    cluster.feed(Changed("pods", "default/p", None, pod_view(pod("p", "n", [tolerates("A", 30)]))))
    cluster.feed(Changed("nodes", "n", None, node_view(node("n", A))))
    cluster.sync()
    cluster.run_until(100)
    assert cluster.messages() == [(50 * SECOND, MARKING)]


def test_a_cancel_during_a_deletion_does_not_stop_it() -> None:
    """The taint goes while a timer's eviction is under way: an event says Cancelling, the pod is deleted."""
    cluster = cluster_with(tolerates("A", 10))
    cluster.put_node(node("n", A))
    cluster.run_until(10.001)
    cluster.put_node(node("n"))
    cluster.run_until(20)
    assert [text for _, text in cluster.messages()] == [MARKING, CANCELLING]
    assert cluster.deleted() == {"p": 10 * SECOND + 4 * MILLISECOND}


def test_a_cancel_of_an_immediate_eviction_writes_no_event() -> None:
    """Work that is due at once has no timer, so there is nothing to cancel; the deletion goes on."""
    cluster = cluster_with()
    cluster.put_node(node("n", A))
    cluster.run_until(0.001)
    cluster.put_node(node("n"))
    cluster.run_until(1)
    assert [text for _, text in cluster.messages()] == [MARKING]
    assert cluster.deleted() == {"p": 4 * MILLISECOND}


def test_an_ending_deletion_frees_a_replacement_whose_timer_then_cannot_be_cancelled() -> None:
    """The known flaw: the key is freed whoever holds it by then; the replacement's timer fires all the same."""
    queue = TimedWorkerQueue(frees_key=True)
    assert queue.add("k", "n", 0, 0) is Added.RUN
    assert not queue.cancel("k")
    assert queue.add("k", "n", 1, 9) is Added.TIMER
    queue.finish("k", ok=True)
    assert not queue.cancel("k")
    assert queue.find("k") is None
    worker = queue.fire("k")
    assert worker is not None
    assert worker.fire_us == 9
    assert queue.fire("k") is None


def test_a_taken_key_ignores_work_until_it_is_freed() -> None:
    """While a deletion runs its key is taken; afterwards it is free, in v1.24 only after a failure or a cancel."""
    for frees_key, ok, free in ((True, True, True), (True, False, True), (False, False, True), (False, True, False)):
        queue = TimedWorkerQueue(frees_key=frees_key)
        assert queue.add("k", "n", 0, 5) is Added.TIMER
        assert queue.fire("k") is not None
        assert queue.fire("k") is None
        assert queue.add("k", "n", 6, 7) is Added.IGNORED
        queue.finish("k", ok=ok)
        assert queue.taken("k") != free
        assert not queue.cancel("k")
        assert not queue.taken("k")


def test_unknown_answers_timers_and_steps_are_ignored() -> None:
    """Answers to events, timers of a past process and steps of the scenario order nothing."""
    cluster = cluster_with()
    script = [Answered(("event", 1), 201), Answered(("evict", 77, "get"), 200), Answered("x", 200)]
    more = [TimerFired(("evict", "default/p")), TimerFired(("retry", 5)), TimerFired("x"), Told("x")]
    others = [Changed("leases", "n", None, None), Synced("leases")]
    assert play(cluster.controller, [(SECOND, event) for event in [*script, *more, *others]]) == []


def test_an_unchanged_pod_orders_nothing() -> None:
    """A status update of a pod on a tainted node sets no timer."""
    cluster = cluster_with(tolerates("A", 10))
    cluster.put_node(node("n", A))
    old = pod_view(pod("p", "n", [tolerates("A", 10)]))
    new = pod_view(pod("p", "n", [tolerates("A", 10)], "Pending"))
    assert cluster.controller.handle(Changed("pods", "default/p", old, new), 5) == []
    bound = pod_view(pod("q", "n", [tolerates("A", 10)]))
    effects = cluster.controller.handle(Changed("pods", "default/q", None, bound), 5)
    assert effects == [SetTimer(("pod", "default/q", "n"), 5)]
    assert "tainted=['n']" in repr(cluster.controller)


def test_every_decision_is_recorded_before_its_calls() -> None:
    """In each turn the record comes first, so that what follows has it as its cause."""
    cluster = cluster_with()
    effects = cluster.controller.handle(Changed("nodes", "n", node_view(node("n")), node_view(node("n", A))), 5)
    assert isinstance(effects[0], Record)
    assert [type(effect).__name__ for effect in effects] == ["Record", "Call", "Call"]
