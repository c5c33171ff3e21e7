"""Which taints and labels does the controller want on a node, and how do they get into its list?"""

from __future__ import annotations

from typing import Any

import pytest

from nodesim.controllers.nodelifecycle.labels import labels_to_set
from nodesim.controllers.nodelifecycle.taints import (
    AddTaints,
    RemoveTaints,
    add_to,
    no_execute_steps,
    no_schedule_diff,
    reachable_steps,
    remove_from,
)
from nodesim.controllers.nodelifecycle.views import NodeObject, node_object, pod_object
from nodesim.controllers.nodelifecycle.work_queue import WorkQueue
from nodesim.objects import Taint
from nodesim.units import SECOND
from tests.controllers.nodelifecycle.cluster import node, pod, zone_labels
from tests.upstream import table

PREFIX = "node.kubernetes.io/"


def taint(key: str, effect: str = "NoSchedule", **more: Any) -> dict[str, Any]:
    """A taint in document form; `key` without prefix."""
    return {"key": PREFIX + key, "effect": effect, **more}


def with_taints(*taints: dict[str, Any], **more: Any) -> NodeObject:
    """A Ready node with these taints."""
    return node_object(node("n1", taints=list(taints), **more))


@table("taints_by_condition", "cases")
def test_taints_by_condition_as_upstream(case: dict[str, Any]) -> None:
    """Upstream's cases: conditions ask for NoSchedule taints."""
    statuses = dict(case["conditions"])
    add, remove = no_schedule_diff(node_object(node("n1", statuses.pop("Ready"), conditions=statuses)).view)
    assert [f"{key}:NoSchedule" for key in add] == case["taints"]
    assert remove == ()


@pytest.mark.parametrize(
    ("document", "add", "remove"),
    [
        (node("n1", "True"), [], []),
        (node("n1", None), [], []),
        (node("n1", None, taints=[taint("not-ready")]), [], ["not-ready"]),
        (node("n1", "False", taints=[taint("not-ready")]), [], []),
        (node("n1", "Unknown", taints=[taint("not-ready")]), ["unreachable"], ["not-ready"]),
        (node("n1", "Unknown", taints=[taint("unreachable", "NoExecute")]), ["unreachable"], []),
        (node("n1", "True", taints=[taint("unreachable", "NoExecute"), taint("mine")]), [], []),
        (node("n1", "True", taints=[taint("disk-pressure", value="by a user")]), [], ["disk-pressure"]),
        (node("n1", "True", taints=[taint("out-of-service")]), [], []),
        (node("n1", "True", unschedulable=True), ["unschedulable"], []),
        (node("n1", "True", taints=[taint("unschedulable")]), [], ["unschedulable"]),
        (
            node("n1", "False", conditions={"PIDPressure": "True", "MemoryPressure": "True", "DiskPressure": "True"}),
            ["not-ready", "pid-pressure", "memory-pressure", "disk-pressure"],
            [],
        ),
        (node("n1", "True", conditions={"MemoryPressure": "Unknown", "NetworkUnavailable": "False"}), [], []),
    ],
)
def test_no_schedule_taints_to_add_and_to_remove(document: dict[str, Any], add: list[str], remove: list[str]) -> None:
    """1.4: wanted by conditions against owned by key; other effects, foreign keys and values do not matter."""
    found = no_schedule_diff(node_object(document).view)
    assert found == (tuple(PREFIX + key for key in add), tuple(PREFIX + key for key in remove))


@pytest.mark.parametrize(
    ("status", "there", "steps"),
    [
        ("False", [], [("not-ready", None)]),
        ("Unknown", [], [("unreachable", None)]),
        ("False", ["unreachable"], [("not-ready", None), (None, "unreachable")]),
        ("Unknown", ["not-ready"], [("unreachable", None), (None, "not-ready")]),
        ("Unknown", ["unreachable"], [("unreachable", None)]),
    ],
)
def test_a_swap_adds_first(status: str, there: list[str], steps: list[tuple[str | None, str | None]]) -> None:
    """1.5.6: two steps, add then remove; what the cached node does not show is not removed; timeAdded is whole."""
    node_ = with_taints(*(taint(key, "NoExecute") for key in there))
    expected: list[AddTaints | RemoveTaints] = []
    for add, gone in steps:
        if add:
            expected.append(AddTaints((Taint(PREFIX + add, "NoExecute", "", 7 * SECOND),)))
        if gone:
            expected.append(RemoveTaints("NoExecute", (PREFIX + gone,)))
    assert no_execute_steps(node_, status, 7 * SECOND + 1) == expected


def test_a_reachable_node_loses_unreachable_first() -> None:
    """1.5.8: two steps; NoSchedule taints of the same keys stay."""
    node_ = with_taints(taint("not-ready", "NoExecute"), taint("unreachable", "NoExecute"), taint("not-ready"))
    assert reachable_steps(node_) == [
        RemoveTaints("NoExecute", (PREFIX + "unreachable",)),
        RemoveTaints("NoExecute", (PREFIX + "not-ready",)),
    ]
    assert reachable_steps(with_taints(taint("not-ready"))) == []


def test_an_added_taint_replaces_its_like_in_place() -> None:
    """1.5.7: same key and effect: replaced with its timeAdded, where it stood; else appended."""
    old = [taint("unreachable", "NoExecute", timeAdded=1, value="v"), taint("other", "NoExecute")]
    added = (Taint(PREFIX + "unreachable", "NoExecute", "", 2), Taint(PREFIX + "unreachable", "NoSchedule", "", 2))
    assert add_to(old, added) == [
        taint("unreachable", "NoExecute", timeAdded=2),
        taint("other", "NoExecute"),
        taint("unreachable", timeAdded=2),
    ]
    assert old[0]["timeAdded"] == 1


def test_removal_goes_by_key_and_effect() -> None:
    """The value does not matter; the other effect stays."""
    old = [taint("a", "NoExecute", value="v"), taint("a"), taint("b", "NoExecute"), taint("c", "NoExecute")]
    assert remove_from(old, RemoveTaints("NoExecute", (PREFIX + "a", PREFIX + "c"))) == [
        taint("a"),
        taint("b", "NoExecute"),
    ]


@table("reconcile_labels", "cases")
def test_reconcile_labels_as_upstream(case: dict[str, Any]) -> None:
    """The stable label wins, the beta one is made or corrected; without labels nothing happens."""
    before = node_object(node("n1", labels=case["before"])).view.labels
    assert {**before, **labels_to_set(before)} == (case["after"] or {})


def test_a_beta_label_alone_stays() -> None:
    """Without its stable label a beta label is nobody's business."""
    assert labels_to_set({"beta.kubernetes.io/os": "windows", "kubernetes.io/arch": "arm64"}) == {
        "beta.kubernetes.io/arch": "arm64"
    }


def test_a_node_object_tells_zone_exclusion_and_our_taints() -> None:
    """Read once per version of the node; unreachable comes first, whatever the order on the node."""
    node_ = with_taints(taint("not-ready", "NoExecute"), taint("unreachable", "NoExecute"), labels=zone_labels("z1"))
    assert (node_.name, node_.zone, node_.excluded, node_.ready) == ("n1", "r1:\x00:z1", False, "True")
    assert node_.ours == (PREFIX + "unreachable", PREFIX + "not-ready")
    assert node_object(node("n1", None)).ready is None


def test_a_pod_object_tells_binding_and_ready() -> None:
    """A pod without conditions, or without Ready among them, has no Ready."""
    assert (pod_object(pod("p", "n1")).node, pod_object(pod("p", "n1")).ready) == ("n1", "True")
    assert pod_object(pod("p", "n1", None)).ready is None
    assert pod_object({"metadata": {"name": "p"}}).node == ""


def test_a_name_is_worked_on_by_one_worker_at_a_time() -> None:
    """Added while worked on: it waits again afterwards, once; other names wait for a free worker, first come first."""
    queue = WorkQueue(2)
    for name in ("a", "b", "a", "c"):
        queue.add(name)
    assert [queue.take(), queue.take(), queue.take()] == ["a", "b", None]
    queue.add("a")
    queue.add("a")
    queue.done("a")
    assert [queue.take(), queue.take()] == ["c", None]
    queue.done("b")
    queue.done("c")
    assert [queue.take(), queue.take()] == ["a", None]
