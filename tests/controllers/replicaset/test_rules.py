"""The rules as tables: deletion order, expectations, views."""

from __future__ import annotations

from typing import Any

import pytest

from nodesim.controllers.replicaset import deletion_order, replica_set_view
from nodesim.controllers.replicaset.status import differs, new_status
from nodesim.controllers.workload.expectations import EXPECTATIONS_TIMEOUT_US, Expectations
from nodesim.controllers.workload.pods import ManagedPod, available, managed_pod_view
from nodesim.units import MINUTE, SECOND
from tests.controllers.replicaset.fakes import pod, replica_set

NOW_US = 1000 * SECOND


def seen(name: str, **what: Any) -> ManagedPod:
    """A pod that is bound to n1, running, ready since 0, created at 0, unless told otherwise."""
    document = pod(name)
    document["metadata"]["creationTimestamp"] = what.get("created_s", 0) * SECOND
    document["metadata"]["uid"] = what.get("uid", f"uid-{name}")
    if "cost" in what:
        document["metadata"]["annotations"] = {"controller.kubernetes.io/pod-deletion-cost": what["cost"]}
    document["spec"]["nodeName"] = what.get("node", "n1")
    status: dict[str, Any] = {"phase": what.get("phase", "Running")}
    since_s = what.get("ready_s", 0)
    transition = None if since_s is None else since_s * SECOND
    ready = {"type": "Ready", "status": what.get("ready", "True"), "lastTransitionTime": transition}
    status["conditions"] = [ready]
    status["containerStatuses"] = [{"restartCount": count} for count in what.get("restarts", ())]
    document["status"] = status
    return managed_pod_view(document)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"node": ""}, {"phase": "Pending", "ready": "False"}),
        ({"phase": "Pending"}, {"phase": "Unknown"}),
        ({"phase": "Unknown"}, {"phase": "Running"}),
        ({"phase": "Pending", "cost": "9"}, {"phase": "Running", "cost": "1"}),
        ({"ready": "False"}, {}),
        ({"ready": "Unknown", "cost": "100"}, {"cost": "-100"}),
        ({"cost": "-5"}, {}),
        ({}, {"cost": "5"}),
        ({"cost": "3"}, {"cost": "10", "node": "crowded"}),
        ({"node": "crowded"}, {"node": "n1", "ready_s": 999}),
        ({"ready_s": 999}, {"ready_s": 1}),
        ({"ready_s": None}, {"ready_s": 999}),
        ({"ready_s": 999}, {"ready_s": 0, "restarts": [9]}),
        ({"ready_s": 400, "uid": "1"}, {"ready_s": 401, "uid": "2", "restarts": [9]}),
        ({"ready_s": 401, "uid": "1"}, {"ready_s": 400, "uid": "2", "restarts": [9]}),
        ({"ready_s": 1000, "uid": "2"}, {"ready_s": 999, "uid": "1"}),
        ({"restarts": [0, 3]}, {"restarts": [2, 2]}),
        ({"restarts": [1]}, {"created_s": 999}),
        ({"created_s": 999}, {"created_s": 0}),
        ({"created_s": 100, "uid": "1"}, {"created_s": 200, "uid": "2"}),
        ({"ready": "False", "ready_s": 0, "created_s": 999}, {"ready": "False", "ready_s": 999, "created_s": 0}),
        ({"cost": "0"}, {"cost": "1"}),
    ],
)
def test_the_first_difference_decides_who_goes_first(first: dict[str, Any], second: dict[str, Any]) -> None:
    """Each row names a pod that goes before another, whatever their names and places in the list."""
    for one, other in (("a", "b"), ("b", "a")):
        goes, stays = seen(one, **{"uid": "u1", **first}), seen(other, **{"uid": "u2", **second})
        for pods in ([goes, stays], [stays, goes]):
            assert deletion_order(pods, {"crowded": 3, "n1": 1}, NOW_US) == [goes, stays]


@pytest.mark.parametrize(
    ("cost", "read"),
    [("5", 5), ("-5", -5), ("+5", 0), ("05", 0), ("x", 0), ("", 0), ("2147483647", 2147483647), ("2147483648", 0)],
)
def test_a_deletion_cost_is_a_32_bit_number_or_nothing(cost: str, read: int) -> None:
    """What is not written as a plain 32-bit number counts as 0."""
    assert seen("a", cost=cost).deletion_cost == read


def test_full_ties_go_by_name() -> None:
    """Pods that differ in nothing go in name order."""
    pods = [seen("b", uid="same"), seen("a", uid="same"), seen("c", uid="same")]
    assert [item.pod.name for item in deletion_order(pods, {}, NOW_US)] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("min_ready_seconds", "transition_us", "now_us", "expected"),
    [
        (0, None, 0, True),
        (10, 0, 10 * SECOND, False),
        (10, 0, 10 * SECOND + 1, True),
        (10, None, 99 * SECOND, False),
    ],
)
def test_a_ready_pod_is_available_when_its_time_has_passed(
    min_ready_seconds: int, transition_us: int | None, now_us: int, expected: bool
) -> None:
    """Strictly more than minReadySeconds after the transition; with none at once."""
    ready_s = None if transition_us is None else transition_us // SECOND
    assert available(seen("a", ready_s=ready_s), min_ready_seconds, now_us) == expected
    assert not available(seen("a", ready="False", ready_s=ready_s), min_ready_seconds, now_us)


def test_creations_count_until_seen() -> None:
    """Two creations are awaited until two pods were seen; a third one seen does no harm."""
    expectations = Expectations()
    expectations.expect("k", 2, (), 0)
    answers = [expectations.satisfied("k", 0)]
    for _ in range(3):
        expectations.creation_observed("k")
        answers.append(expectations.satisfied("k", 0))
    assert answers == [False, False, True, True]


def test_a_deletion_counts_once() -> None:
    """Seeing one pod's deletion twice does not stand for another's."""
    expectations = Expectations()
    expectations.expect("k", 0, ["a", "b"], 0)
    expectations.deletion_observed("k", "a")
    expectations.deletion_observed("k", "a")
    expectations.deletion_observed("k", "x")
    assert not expectations.satisfied("k", 0)
    expectations.deletion_observed("k", "b")
    assert expectations.satisfied("k", 0)


def test_expectations_expire_and_are_forgotten() -> None:
    """More than five minutes later they no longer hold; unknown ReplicaSets may always be scaled."""
    assert EXPECTATIONS_TIMEOUT_US == 5 * MINUTE
    expectations = Expectations()
    expectations.creation_observed("k")
    expectations.deletion_observed("k", "a")
    assert expectations.satisfied("k", 0)
    expectations.expect("k", 1, (), 7)
    assert not expectations.satisfied("k", 7 + 5 * MINUTE)
    assert expectations.satisfied("k", 8 + 5 * MINUTE)
    expectations.forget("k")
    assert expectations.satisfied("k", 7)


def test_an_empty_selector_selects_nothing() -> None:
    """A ReplicaSet without requirements claims no pod."""
    document = replica_set()
    assert replica_set_view(document).selects({"app": "web", "more": "x"})
    assert not replica_set_view(document).selects({"app": "db"})
    document["spec"]["selector"] = {}
    assert not replica_set_view(document).selects({"app": "web"})


def test_a_status_counts_pods_with_all_labels_of_the_template() -> None:
    """Pods with more labels count as fully labelled, pods with fewer do not; a generation of 0 is not written."""
    document = replica_set()
    document["metadata"]["generation"] = 0
    document["spec"]["template"]["metadata"]["labels"]["tier"] = "front"
    rs = replica_set_view(document)
    full = managed_pod_view(pod("a", labels={"app": "web", "tier": "front", "more": "x"}))
    bare = managed_pod_view(pod("b"))
    status = new_status(rs, [full, bare], "", 0)
    assert status == {"replicas": 2, "fullyLabeledReplicas": 1, "readyReplicas": 2, "availableReplicas": 2}
    assert differs(rs, status)
    assert not differs(replica_set_view({**document, "status": status}), status)
