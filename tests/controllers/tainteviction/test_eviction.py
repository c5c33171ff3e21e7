"""How is one pod evicted: its requests, and what if they fail?"""

from __future__ import annotations

import pytest

from nodesim.controllers.tainteviction.eviction import condition_change
from nodesim.messages import Delete, Get, Patch
from nodesim.objects import decode_document
from nodesim.profiles import V1_24, V1_36, Profile
from nodesim.units import MILLISECOND, SECOND
from tests.controllers.tainteviction.fakes import MARKING, A, B, Cluster, cluster_with, node, pod, taint, tolerates


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
