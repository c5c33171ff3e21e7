"""The tables of Kubernetes' own tests of this controller."""

from __future__ import annotations

from typing import Any

import pytest

from nodesim.controllers.tainteviction import TimedWorkerQueue, min_toleration_time
from nodesim.controllers.tainteviction.timed_workers import Added
from nodesim.machine import Record
from nodesim.messages import Create, Delete, Patch
from nodesim.objects import Toleration, decode_document, node_view
from nodesim.units import SECOND
from tests.controllers.tainteviction.fakes import Cluster, node, pod, taint
from tests.upstream import section, table


def numbered(number: int) -> dict[str, Any]:
    """Upstream's taint N."""
    return taint(f"testTaint{number}", f"test{number}")


def tolerations(rows: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """Upstream's tolerations of its taints."""
    found = []
    for row in rows or []:
        document = {"key": f"testTaint{row['n']}", "value": f"test{row['n']}", "effect": "NoExecute"}
        found.append({**document, "tolerationSeconds": row["seconds"]} if "seconds" in row else document)
    return found


def acted(cluster: Cluster) -> dict[str, bool]:
    """Did it patch a pod's status, did it delete one?"""
    return {"patch": bool(cluster.made(Patch)), "delete": bool(cluster.made(Delete))}


def wanted(case: dict[str, Any]) -> dict[str, bool]:
    """What upstream expects of a case."""
    return {"patch": case["patch"], "delete": case["delete"]}


@table("taint_eviction", "create_pod")
def test_a_created_pod_is_judged_by_its_nodes_taints(case: dict[str, Any]) -> None:
    """A pod that appears is evicted at once only where its node has an untolerated NoExecute taint."""
    cluster = Cluster()
    for name, taints in case["node_taints"].items():
        cluster.put_node(node(name, *map(numbered, taints)))
    cluster.sync()
    cluster.put_pod(pod("pod1", case["node"], tolerations(case["tolerations"])))
    cluster.run_until(1)
    assert acted(cluster) == wanted(case)


def test_the_deletion_of_an_unscheduled_pod_does_nothing() -> None:
    """A pod that never had a timer goes without a call."""
    assert section("taint_eviction", "delete_pod")["expect"] == "no crash and no API call"
    cluster = Cluster()
    cluster.put_node(node("node1", numbered(1)))
    cluster.put_pod(pod("pod1", "node1", tolerations([{"n": 1}])))
    cluster.sync()
    cluster.remove_pod("pod1")
    cluster.run_until(1)
    assert cluster.requests == []


@table("taint_eviction", "update_pod")
def test_an_updated_pod_is_judged_anew(case: dict[str, Any]) -> None:
    """Binding and changed tolerations count; lengthening a running toleration does not help."""
    cluster = Cluster()
    cluster.put_node(node("node1", *map(numbered, case["node_taints"])))
    cluster.sync()
    cluster.put_pod(pod("pod1", case["old"]["node"], tolerations(case["old"].get("tol"))))
    cluster.run_until(0.02)
    cluster.put_pod(pod("pod1", case["new"]["node"], tolerations(case["new"].get("tol"))))
    cluster.run_until(1.5)
    assert acted(cluster) == wanted(case)


@table("taint_eviction", "create_node")
def test_a_created_node_judges_its_pods(case: dict[str, Any]) -> None:
    """A node that appears with taints evicts the pods that are bound to it."""
    cluster = Cluster()
    for row in case["pods"]:
        cluster.put_pod(pod(row["name"], row["node"], tolerations(row.get("tol"))))
    cluster.sync()
    cluster.put_node(node("node1", *map(numbered, case["taints"])))
    cluster.run_until(1)
    assert acted(cluster) == wanted(case)


def test_a_deleted_nodes_taints_are_forgotten() -> None:
    """After its node's deletion, a new pod bound to that name is left alone."""
    case = section("taint_eviction", "delete_node")
    assert (case["after"]["tainted_nodes"], case["pods_touched"]) == ({}, False)
    cluster = Cluster()
    for name, taints in case["before"]["tainted_nodes"].items():
        cluster.put_node(node(name, *map(numbered, taints)))
    cluster.sync()
    cluster.remove_node("node1")
    cluster.put_pod(pod("pod1", "node1"))
    cluster.run_until(1)
    assert cluster.requests == []


@table("taint_eviction", "update_node")
def test_changed_taints_judge_the_pods_of_the_node(case: dict[str, Any]) -> None:
    """An added taint evicts or starts a timer; a removed one cancels it."""
    cluster = Cluster()
    cluster.put_node(node("node1", *map(numbered, case["old_taints"])))
    for row in case["pods"]:
        cluster.put_pod(pod(row["name"], "node1", tolerations(row["tol"])))
    cluster.sync()
    cluster.run_until(0.02)
    cluster.put_node(node("node1", *map(numbered, case["new_taints"])))
    cluster.run_until(case.get("wait_s", 1))
    assert acted(cluster) == wanted(case)


def test_a_sequence_of_taints_schedules_and_cancels() -> None:
    """Tolerating one taint for ever and another for 100 s, a pod has a timer exactly while the second is there."""
    cluster = Cluster()
    tolerated = tolerations([{"n": 1}, {"n": 2, "seconds": 100}])
    cluster.put_pod(pod("pod1", "node1", tolerated))
    cluster.sync()
    for place, step in enumerate(section("taint_eviction", "multiple_taints_sequence")):
        cluster.run_until(place + 1)
        cluster.put_node(node("node1", *map(numbered, step["node_taints"])))
        assert (("evict", "default/pod1") in cluster.timers()) == step["eviction_scheduled"], place
    assert cluster.deleted() == {}


@table("taint_eviction", "min_toleration_time")
def test_the_shortest_toleration_counts(case: dict[str, Any]) -> None:
    """The minimum of the finite times; for ever (-1) only if all are infinite; 0 for none."""
    assert min_toleration_time([Toleration(seconds=seconds) for seconds in case["in"]]) == case["out"]


@table("taint_eviction", "eventual_consistency", having="first")
def test_a_tainted_node_evicts_before_a_late_pod_is_seen(case: dict[str, Any]) -> None:
    """The pod that the cache shows is evicted by the node's update; the other's arrival does not hold it up."""
    cluster = Cluster()
    cluster.put_pod(pod("pod1", "node1"))
    late = case["pod2"]
    if "old_node" in late:
        cluster.put_pod(pod("pod2", late["old_node"], tolerations(late["tol"])))
    cluster.sync()
    cluster.put_node(node("node1", numbered(1)))
    cluster.run_until(0.5)
    assert acted(cluster) == case["first"]
    cluster.put_pod(pod("pod2", "node1", tolerations(late["tol"])))
    cluster.run_until(1)
    assert sorted(cluster.deleted()) == (["pod1"] if late["tol"] else ["pod1", "pod2"])


@table("taint_eviction", "events")
def test_events_name_the_pod_without_its_uid(case: dict[str, Any]) -> None:
    """Both events have reason TaintManagerEviction, type Normal and an object without UID."""
    cluster = Cluster()
    seconds = {"deletion": 0, "cancel": 100}[case["trigger"]]
    document = pod("test", "node1", tolerations([{"n": 1, "seconds": seconds}]))
    document["metadata"]["namespace"] = "test"
    cluster._put("pods", "test/test", document)
    cluster.put_node(node("node1", numbered(1)))
    cluster.sync()
    cluster.run_until(1)
    cluster.put_node(node("node1"))
    made = [decode_document(r.document) for _, r in cluster.requests if isinstance(r, Create)]
    assert [(event["type"], event["reason"], event["message"]) for event in made] == [
        (case["type"], case["reason"], case["message"])
    ]
    about = {"kind": "Pod", "apiVersion": "v1", "namespace": "test", "name": "test"}
    assert made[0]["involvedObject"] == about


def test_only_no_execute_taints_count() -> None:
    """Of a NoExecute and a NoSchedule taint, the second evicts nothing and is not named."""
    rows = [
        dict(zip(("key", "effect"), text.split("=")[1].split(":")))
        for text in section("taint_eviction", "filter", "in")
    ]
    cluster = Cluster()
    cluster.put_pod(pod("pod1", "node1"))
    cluster.sync()
    cluster.put_node(node("node1", rows[1]))
    cluster.run_until(1)
    assert cluster.requests == []
    cluster.put_node(node("node1", *rows))
    assert [row["effect"] for row in rows] == ["NoExecute", "NoSchedule"]
    assert [str(item) for item in node_view(node("n", *rows)).taints if item.effect == "NoExecute"] == ["one:NoExecute"]
    assert len(cluster.of_kind("EvictionStarted")) == 1


TIMED = {row["name"]: row for row in section("timed_workers")}


@pytest.mark.parametrize(
    ("name", "delay_s", "cancelled", "added_again"),
    [
        ("TestExecute", 0, [], []),
        ("TestExecuteDelayed", 10, [], [1, 2, 3, 4, 5]),
        ("TestCancel", 10, [2, 4], []),
        ("TestCancelAndRead", 10, [2, 4], [2]),
    ],
)
def test_each_key_runs_once_unless_cancelled(
    name: str, delay_s: int, cancelled: list[int], added_again: list[int]
) -> None:
    """A taken key ignores further work; a cancelled one is free again."""
    queue, due, executed = TimedWorkerQueue(frees_key=True), {}, 0

    def add(key: str) -> None:
        nonlocal executed
        added = queue.add(key, "n", 0, delay_s * SECOND)
        executed += added is Added.RUN
        if added is Added.TIMER:
            due[key] = delay_s * SECOND

    for key in [*"12345", *("12345" if delay_s else "")]:
        add(key)
    for number in cancelled:
        assert queue.cancel(str(number))
        due.pop(str(number))
    for number in added_again:
        add(str(number))
    executed += sum(queue.fire(key) is not None for key in due)
    assert executed == TIMED[name]["executed"]


@pytest.mark.parametrize(
    "case",
    [section("derived", "toleration_shortened"), section("derived", "toleration_lengthened")],
    ids=["toleration_shortened", "toleration_lengthened"],
)
def test_a_running_timer_keeps_its_time(case: dict[str, Any]) -> None:
    """Changing tolerationSeconds while a timer runs changes nothing, in either direction."""
    cluster = Cluster()
    cluster.put_node(node("node1", numbered(1)))
    cluster.put_pod(pod("pod1", "node1", tolerations([{"n": 1, "seconds": case["toleration_s"]}])))
    cluster.sync()
    cluster.run_until(case["changed_at_s"])
    cluster.put_pod(pod("pod1", "node1", tolerations([{"n": 1, "seconds": case["new_toleration_s"]}])))
    cluster.run_until(case["deleted_at_s"] + 1)
    assert [at_us for at_us, _, _ in cluster.of_kind("EvictionStarted")] == [case["deleted_at_s"] * SECOND]
    assert [record.kind for _, record in cluster.records if isinstance(record, Record)] == [
        "EvictionScheduled",
        "EvictionStarted",
    ]
