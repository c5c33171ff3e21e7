"""Where a DaemonSet's pods should be, what they tolerate, and how an update goes on: rules as tables."""

from __future__ import annotations

from typing import Any

import pytest

from nodesim.controllers.daemonset.failures import FailedPods
from nodesim.controllers.daemonset.placing import Placing, Plan, Verdict, by_node, oldest_first, pod_of, verdict
from nodesim.controllers.daemonset.status import counts
from nodesim.controllers.daemonset.updating import next_update
from nodesim.controllers.daemonset.views import (
    DaemonNode,
    DaemonSetView,
    daemon_node,
    daemon_set_view,
    tolerations_of,
)
from nodesim.controllers.workload.pods import ManagedPod, managed_pod_view
from nodesim.objects import Document
from nodesim.units import MINUTE, SECOND
from tests.controllers.workload.bench import workload

UNREACHABLE = "node.kubernetes.io/unreachable"


def daemons(pod: Document | None = None, **spec: Any) -> DaemonSetView:
    """A DaemonSet `web` whose template's spec has `pod` in it."""
    document = workload("DaemonSet", **({"updateStrategy": rolling(maxUnavailable=1)} | spec))
    document["spec"]["template"]["spec"] |= pod or {}
    document["metadata"] |= {"uid": "uid-web", "generation": 1}
    return daemon_set_view(document)


def rolling(**amounts: Any) -> Document:
    """A strategy."""
    return {"type": "RollingUpdate", "rollingUpdate": amounts}


def node(name: str = "n1", *taints: str, **labels: str) -> DaemonNode:
    """A node with taints `key:effect`."""
    spec = {"taints": [dict(zip(("key", "effect"), each.split(":"), strict=True)) for each in taints]}
    return daemon_node({"metadata": {"name": name, "labels": labels}, "spec": spec})


def pod(
    name: str, target: str, revision: str = "new", *, ready: bool = True, phase: str = "Running", **more: Any
) -> ManagedPod:
    """A pod of the set, bound to its node unless `bound=False`."""
    metadata = {"name": name, "namespace": "default", "uid": f"uid-{name}", "creationTimestamp": more.get("made", 0)}
    metadata["labels"] = {"app": "web", "controller-revision-hash": revision}
    if more.get("going"):
        metadata["deletionTimestamp"] = 0
    field = {"key": "metadata.name", "operator": "In", "values": [target]}
    required = {"nodeSelectorTerms": [{"matchFields": [field]}]}
    spec: Document = {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}}
    if more.get("bound", True):
        spec["nodeName"] = target
    condition = {"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": 0}
    return managed_pod_view({"metadata": metadata, "spec": spec, "status": {"phase": phase, "conditions": [condition]}})


RUN, KEEP, NEITHER = Verdict(run=True, keep=True), Verdict(run=False, keep=True), Verdict(run=False, keep=False)


@pytest.mark.parametrize(
    ("template", "taints", "expected"),
    [
        ({}, [], RUN),
        ({}, [f"{UNREACHABLE}:NoExecute"], RUN),
        ({}, ["node.kubernetes.io/not-ready:NoExecute", "node.kubernetes.io/unschedulable:NoSchedule"], RUN),
        ({}, [f"{UNREACHABLE}:NoSchedule"], KEEP),
        ({}, ["a:NoSchedule"], KEEP),
        ({}, ["a:PreferNoSchedule"], RUN),
        ({}, ["a:NoExecute"], NEITHER),
        ({}, ["a:NoExecute", "b:NoSchedule"], NEITHER),
        ({"tolerations": [{"operator": "Exists"}]}, ["a:NoExecute", "b:NoSchedule"], RUN),
        ({}, ["node.kubernetes.io/network-unavailable:NoSchedule"], KEEP),
        ({"hostNetwork": True}, ["node.kubernetes.io/network-unavailable:NoSchedule"], RUN),
        ({"nodeSelector": {"disk": "ssd"}}, [], RUN),
        ({"nodeSelector": {"disk": "hdd"}}, [], NEITHER),
        ({"nodeName": "n1"}, [], RUN),
        ({"nodeName": "n2"}, [], NEITHER),
    ],
)
def test_a_node_runs_a_pod_or_keeps_one_or_neither(template: Document, taints: list[str], expected: Verdict) -> None:
    """By name, labels and taints; only an untolerated NoExecute taint takes a pod away."""
    assert verdict(daemons(template), node("n1", *taints, disk="ssd")) == expected


def test_a_node_that_the_affinity_does_not_name() -> None:
    """Required node affinity counts, preferred does not."""
    terms = [{"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]}]
    required = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}
    preferred = {
        "nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": terms[0]}]}
    }
    assert verdict(daemons({"affinity": required}), node(disk="hdd")) == NEITHER
    assert verdict(daemons({"affinity": required}), node(disk="ssd")) == RUN
    assert verdict(daemons({"affinity": preferred}), node(disk="hdd")) == RUN


def test_what_daemons_tolerate() -> None:
    """Node troubles for ever; a toleration of the same sort is put right, not doubled."""
    limited = {"key": UNREACHABLE, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}
    found = tolerations_of({"tolerations": [{"key": "own"}, limited], "hostNetwork": True})
    assert found[:2] == [{"key": "own"}, {"key": UNREACHABLE, "operator": "Exists", "effect": "NoExecute"}]
    assert [(item["key"].rpartition("/")[2], item["effect"]) for item in found[2:]] == [
        ("not-ready", "NoExecute"),
        ("disk-pressure", "NoSchedule"),
        ("memory-pressure", "NoSchedule"),
        ("pid-pressure", "NoSchedule"),
        ("unschedulable", "NoSchedule"),
        ("network-unavailable", "NoSchedule"),
    ]


def test_a_new_pod_is_pinned_to_its_node() -> None:
    """Its required affinity is replaced by the node's name; other affinity stays; it says of which template it is."""
    required = {"nodeSelectorTerms": [{"matchExpressions": [{"key": "disk", "operator": "Exists"}]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}, "podAffinity": {"a": 1}}
    view = daemons({"affinity": affinity})
    made = pod_of(view, "abc", "n1")
    assert managed_pod_view({**made, "metadata": {**made["metadata"], "name": "web-x"}}).target == "n1"
    assert made["spec"]["affinity"]["podAffinity"] == {"a": 1}
    terms = made["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert terms == {
        "nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n1"]}]}]
    }
    assert made["metadata"]["labels"] == {"app": "web", "controller-revision-hash": "abc"}
    assert "nodeName" not in made["spec"]


def planned(view: DaemonSetView, nodes: list[DaemonNode], *pods: ManagedPod) -> Plan:
    """What a sync does at 0."""
    return Placing(view, "new", FailedPods(), 0, 0).plan(nodes, by_node(pods, finished_too=False))


def deleted(plan: Plan) -> list[str]:
    """Names of the pods that go."""
    return [item.name for item in plan.delete]


def test_one_pod_on_each_node() -> None:
    """Made where none is; a pod that is going, or not bound yet, takes its node's place; the oldest stays."""
    nodes = [node("n1"), node("n2"), node("n3"), node("n4")]
    held = (pod("a", "n1", going=True), pod("b", "n2", bound=False))
    plan = planned(daemons(), nodes, *held, pod("c", "n3", made=2), pod("d", "n3", made=1))
    assert plan.make == ["n4"]
    assert deleted(plan) == ["c"]
    assert [item.name for item in oldest_first([pod("a", "n1", bound=False), pod("b", "n1", made=5)])] == ["b", "a"]


def test_pods_go_where_they_may_not_stay() -> None:
    """Untolerated NoExecute, or another label; not with NoSchedule.  A pod that is going is not asked again."""
    nodes = [node("n1", "a:NoExecute"), node("n2", "a:NoSchedule")]
    plan = planned(daemons(), nodes, pod("a", "n1"), pod("b", "n1", going=True), pod("c", "n2"))
    assert (plan.make, deleted(plan)) == ([], ["a"])


def test_a_pod_that_waits_for_a_node_that_is_gone() -> None:
    """The pod garbage collector sees bound pods only, so the unbound one is deleted here."""
    assert deleted(planned(daemons(), [], pod("a", "n1", bound=False), pod("b", "n2"))) == ["a"]


def test_pods_that_have_ended_are_deleted_and_told() -> None:
    """Their successors come in a later sync."""
    held = (pod("a", "n1", phase="Failed"), pod("b", "n2", phase="Succeeded"))
    plan = planned(daemons(), [node("n1"), node("n2")], *held)
    assert (plan.make, deleted(plan)) == ([], ["a", "b"])
    assert plan.tell == [
        ("Warning", "FailedDaemonPod", "Found failed daemon pod default/a on node n1, will try to kill it"),
        ("Normal", "SucceededDaemonPod", "Found succeeded daemon pod default/b on node n2, will try to delete it"),
    ]


def test_an_ended_pod_that_is_going_frees_its_node_from_1_28() -> None:
    """Before, its object kept the place."""
    going = pod("a", "n1", phase="Failed", going=True)
    assert by_node([going], finished_too=False) == {}
    assert by_node([going], finished_too=True) == {"n1": [going]}


def test_failed_pods_are_deleted_ever_more_slowly() -> None:
    """At once, then 1, 2, 4, ... s, 15 minutes at most; anew after half an hour."""
    failed = FailedPods()
    assert failed.pause_us("k", 0) == 0
    failed.note("k", 0)
    assert failed.pause_us("k", SECOND - 1) == SECOND
    assert failed.pause_us("k", SECOND) == 0
    now_us, pauses = SECOND, []
    for _ in range(12):
        failed.note("k", now_us)
        pauses.append(failed.pause_us("k", now_us) // SECOND)
        now_us += failed.pause_us("k", now_us)
    assert pauses == [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]
    failed.note("k", now_us + 31 * MINUTE)
    assert failed.pause_us("k", now_us + 31 * MINUTE) == SECOND


def test_a_failed_pod_in_its_pause_stays() -> None:
    """The set is looked at again when the pause is over."""
    failed = FailedPods()
    failed.note("uid-web/0/n1", 0)
    placing = Placing(daemons(), "new", failed, SECOND // 2, 0)
    plan = placing.plan([node("n1")], {"n1": [pod("a", "n1", phase="Failed")]})
    assert (plan.delete, plan.again_us) == ([], SECOND // 2 + SECOND)


def updated(view: DaemonSetView, *pods: ManagedPod, nodes: str = "n1 n2 n3 n4") -> tuple[list[str], list[str]]:
    """(deleted pods, nodes that get a second one)."""
    places = [node(name) for name in nodes.split()]
    update = next_update(view, places, by_node(pods, finished_too=False), "new", 10 * SECOND)
    return [item.name for item in update.delete], update.make


@pytest.mark.parametrize(
    ("pods", "gone"),
    [
        # As many as may be unavailable, by node.
        ([pod("a", "n1", "old"), pod("b", "n2", "old"), pod("c", "n3", "old")], ["a"]),
        # Old pods that serve nobody go at once, and count.
        ([pod("a", "n1", "old"), pod("b", "n2", "old", ready=False), pod("c", "n3", "old", ready=False)], ["b", "c"]),
        # A new pod that is not available yet, a missing or a going one holds the update up.
        ([pod("a", "n1", "old"), pod("b", "n2", ready=False), pod("c", "n3", "old")], []),
        ([pod("a", "n1", "old"), pod("b", "n2", "old", going=True), pod("c", "n3", "old")], []),
        ([pod("a", "n1", "old"), pod("c", "n3", "old")], []),
        # Two of a kind on one node are another sync's business.
        ([pod("a", "n1", "old"), pod("b", "n2", "old"), pod("d", "n2", "old"), pod("c", "n3", "old")], []),
        ([pod("a", "n1"), pod("b", "n2"), pod("c", "n3")], []),
    ],
)
def test_an_update_without_surge(pods: list[ManagedPod], gone: list[str]) -> None:
    """Three nodes, maxUnavailable 1."""
    assert updated(daemons(), *pods, nodes="n1 n2 n3") == (gone, [])


def test_half_of_the_nodes_at_a_time() -> None:
    """Percentages round up; neither amount above 0 means one at a time."""
    pods = [pod(f"p{place}", f"n{place}", "old") for place in range(1, 4)]
    half = daemons(updateStrategy=rolling(maxUnavailable="50%"))
    assert updated(half, *pods, nodes="n1 n2 n3") == (["p1", "p2"], [])
    none = daemons(updateStrategy=rolling(maxUnavailable=0, maxSurge=0))
    assert updated(none, *pods, nodes="n1 n2 n3") == (["p1"], [])


@pytest.mark.parametrize(
    ("pods", "expected"),
    [
        ([pod("a", "n1", "old"), pod("b", "n2", "old")], ([], ["n1"])),
        # The new one is not available yet: nobody else.
        ([pod("a", "n1", "old"), pod("x", "n1", ready=False), pod("b", "n2", "old")], ([], [])),
        # It is: the old one goes, the next node is a candidate.
        ([pod("a", "n1", "old"), pod("x", "n1"), pod("b", "n2", "old")], (["a"], ["n2"])),
        # An old one that serves nobody does not count.
        ([pod("a", "n1", "old", ready=False), pod("b", "n2", "old")], ([], ["n1", "n2"])),
        ([pod("a", "n1", "old"), pod("d", "n1", "old"), pod("b", "n2", "old")], ([], [])),
        # Where it is no longer wanted: as soon as enough serve without it, or at once if it does not serve.
        ([pod("a", "n9", "old"), pod("x", "n1"), pod("y", "n2")], (["a"], [])),
        ([pod("a", "n9", "old"), pod("x", "n1")], ([], [])),
        ([pod("a", "n9", "old", ready=False), pod("x", "n1"), pod("y", "n2")], (["a"], [])),
    ],
)
def test_an_update_with_surge(pods: list[ManagedPod], expected: tuple[list[str], list[str]]) -> None:
    """Two nodes, maxSurge 1: a new pod beside the old one."""
    view = daemons(updateStrategy=rolling(maxUnavailable=0, maxSurge=1))
    assert updated(view, *pods, nodes="n1 n2") == expected


def test_two_pods_on_a_node_with_surge() -> None:
    """Until the new one is available or the old one is not ready; never more than one of each."""
    view = daemons(updateStrategy=rolling(maxUnavailable=0, maxSurge=1))
    starting, serving = pod("x", "n1", ready=False), pod("x", "n1")
    old = pod("a", "n1", "old")
    assert deleted(planned(view, [node("n1")], old, starting)) == []
    assert deleted(planned(view, [node("n1")], old, serving)) == ["a"]
    assert deleted(planned(view, [node("n1")], pod("a", "n1", "old", ready=False), starting)) == ["a"]
    assert deleted(planned(view, [node("n1")], old, starting, pod("y", "n1", made=3))) == ["y"]
    assert planned(view, [node("n1")], pod("a", "n1", going=True)).make == ["n1"]


def test_the_status_counts_nodes() -> None:
    """A pod on a node that should not run one is misplaced and counts nowhere else (recorded)."""
    nodes = [node("n1"), node("n2"), node("n3", f"{UNREACHABLE}:NoSchedule"), node("n4")]
    held = by_node([pod("a", "n1"), pod("b", "n2", "old", ready=False), pod("c", "n3")], finished_too=False)
    assert counts(daemons(), nodes, held, "new", 10 * SECOND) == {
        "currentNumberScheduled": 2,
        "numberMisscheduled": 1,
        "desiredNumberScheduled": 3,
        "numberReady": 1,
        "updatedNumberScheduled": 1,
        "numberAvailable": 1,
        "numberUnavailable": 2,
    }
