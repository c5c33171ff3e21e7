"""The table of filters: refusals, their order, and what helps."""

from __future__ import annotations

from typing import Any

import pytest

from nodesim.profiles import V1_24, V1_36
from nodesim.scheduler.filters import filters_of
from nodesim.scheduler.rules import Refusal
from tests.scheduler.build import asked, facts, pod, room

ROWS: dict[str, Any] = {row.name: row for row in filters_of(V1_36)}
OLD_ROWS: dict[str, Any] = {row.name: row for row in filters_of(V1_24)}
CORDON = "node.kubernetes.io/unschedulable"


def tolerating(**toleration: Any) -> dict[str, Any]:
    """The spec of a pod with one toleration."""
    return {"tolerations": [toleration]}


def required(*terms: Any) -> dict[str, Any]:
    """The spec of a pod with required node affinity."""
    node_affinity = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}
    return {"affinity": {"nodeAffinity": node_affinity}}


def expression(key: str, operator: str, *values: str) -> dict[str, Any]:
    """One entry of matchExpressions."""
    return {"key": key, "operator": operator, "values": list(values)}


@pytest.mark.parametrize(
    ("name", "spec", "node", "reason"),
    [
        ("NodeUnschedulable", {}, {}, ""),
        ("NodeUnschedulable", {}, {"unschedulable": True}, "node(s) were unschedulable"),
        ("NodeUnschedulable", tolerating(key=CORDON, operator="Exists"), {"unschedulable": True}, ""),
        (
            "NodeUnschedulable",
            tolerating(key=CORDON, operator="Exists", effect="NoExecute"),
            {"unschedulable": True},
            "node(s) were unschedulable",
        ),
        ("NodeName", {"nodeName": "n1"}, {}, ""),
        ("NodeName", {"nodeName": "n2"}, {}, "node(s) didn't match the requested node name"),
        ("TaintToleration", {}, {"taints": ["a=1:NoSchedule"]}, "node(s) had untolerated taint(s)"),
        ("TaintToleration", {}, {"taints": ["a=1:NoExecute"]}, "node(s) had untolerated taint(s)"),
        ("TaintToleration", {}, {"taints": ["a=1:PreferNoSchedule"]}, ""),
        ("TaintToleration", tolerating(key="a", value="1"), {"taints": ["a=1:NoSchedule"]}, ""),
        (
            "TaintToleration",
            tolerating(key="a", value="2"),
            {"taints": ["a=1:NoSchedule"]},
            "node(s) had untolerated taint(s)",
        ),
        ("TaintToleration", tolerating(operator="Exists"), {"taints": ["a=1:NoSchedule", "b:NoExecute"]}, ""),
        # A finite toleration lets the pod in: it gets its timer afterwards.
        (
            "TaintToleration",
            tolerating(key="a", operator="Exists", tolerationSeconds=5),
            {"taints": ["a:NoExecute"]},
            "",
        ),
        ("NodeAffinity", {"nodeSelector": {"disk": "ssd"}}, {"labels": {"disk": "ssd"}}, ""),
        (
            "NodeAffinity",
            {"nodeSelector": {"disk": "ssd"}},
            {"labels": {"disk": "hdd"}},
            "node(s) didn't match Pod's node affinity/selector",
        ),
        (
            "NodeAffinity",
            required(
                {"matchExpressions": [expression("z", "In", "a")]}, {"matchExpressions": [expression("y", "Exists")]}
            ),
            {"labels": {"y": ""}},
            "",
        ),
        ("NodeAffinity", required(), {}, "node(s) didn't match Pod's node affinity/selector"),
        ("NodeAffinity", required({"matchFields": [expression("metadata.name", "In", "n1")]}), {}, ""),
        (
            "NodeAffinity",
            {"nodeSelector": {"a": "1"}, **required({"matchExpressions": [expression("b", "Exists")]})},
            {"labels": {"a": "1"}},
            "node(s) didn't match Pod's node affinity/selector",
        ),
    ],
)
def test_rules_on_the_node_alone_refuse_with_kubernetes_words(
    name: str, spec: dict[str, Any], node: dict[str, Any], reason: str
) -> None:
    """Each rule's refusal is hopeless: no pod's removal would turn it round."""
    refusal = ROWS[name].check(pod(spec=spec), room(**node))
    assert refusal == (Refusal(name, (reason,), True) if reason else None)


def test_up_to_1_33_the_taint_is_named() -> None:
    """The first untolerated taint, as `{key: value}`."""
    node = room(taints=["node.kubernetes.io/unreachable:NoSchedule", "b=2:NoExecute"])
    reasons = [
        OLD_ROWS["TaintToleration"].check(pod(spec=spec), node)
        for spec in ({}, tolerating(key="node.kubernetes.io/unreachable", operator="Exists"))
    ]
    assert [refusal and refusal.reasons for refusal in reasons] == [
        ("node(s) had untolerated taint {node.kubernetes.io/unreachable: }",),
        ("node(s) had untolerated taint {b: 2}",),
    ]


@pytest.mark.parametrize(
    ("wanted", "used", "clash"),
    [
        ({"hostPort": 80}, {"hostPort": 80}, True),
        ({"hostPort": 80}, {"hostPort": 81}, False),
        ({"hostPort": 80, "protocol": "UDP"}, {"hostPort": 80}, False),
        ({"hostPort": 80, "hostIP": "10.0.0.1"}, {"hostPort": 80, "hostIP": "10.0.0.2"}, False),
        ({"hostPort": 80, "hostIP": "10.0.0.1"}, {"hostPort": 80}, True),
        ({"hostPort": 80}, {"hostPort": 80, "hostIP": "10.0.0.1"}, True),
    ],
)
def test_host_ports_clash_on_protocol_port_and_address(wanted: Any, used: Any, clash: bool) -> None:
    """All addresses clash with each; the pod that uses the port is what has to go."""
    asking, holder = (
        pod(name, spec={"containers": [{"ports": [port]}]}) for name, port in (("a", wanted), ("b", used))
    )
    refusal = ROWS["NodePorts"].check(asking, room("n1", holder))
    text = "node(s) didn't have free ports for the requested pod ports"
    assert refusal == (Refusal("NodePorts", (text,), False) if clash else None)
    assert ROWS["NodePorts"].helped_by_pod(asking, holder) is clash


def test_host_ports_are_free_again_when_their_last_user_goes() -> None:
    """Two users of different addresses are counted apart."""
    user = pod("b", spec={"containers": [{"ports": [{"hostPort": 80}]}]})
    node = room("n1", user)
    node.remove(user.uid)
    assert ROWS["NodePorts"].check(pod("a", spec={"containers": [{"ports": [{"hostPort": 80}]}]}), node) is None


@pytest.mark.parametrize(
    ("requests", "allocatable", "reasons", "hopeless"),
    [
        # On the node: 1 CPU and 2Gi of 4 CPUs and 8Gi.
        ({"cpu": "3", "memory": "6Gi"}, {}, (), False),
        ({"cpu": "3001m"}, {}, ("Insufficient cpu",), False),
        ({"cpu": "4"}, {}, ("Insufficient cpu",), False),
        ({"cpu": "4001m"}, {}, ("Insufficient cpu",), True),
        ({"cpu": "4", "memory": "7Gi"}, {}, ("Insufficient cpu", "Insufficient memory"), False),
        ({"cpu": "4", "memory": "9Gi"}, {}, ("Insufficient cpu", "Insufficient memory"), True),
        ({"cpu": "5", "memory": "7Gi"}, {}, ("Insufficient cpu", "Insufficient memory"), True),
        ({}, {"pods": "1"}, ("Too many pods",), False),
        ({"cpu": "4"}, {"pods": "1"}, ("Too many pods", "Insufficient cpu"), False),
        ({}, {"cpu": "0", "memory": "0"}, (), False),
        ({"gpu.io/x": "1"}, {}, ("Insufficient gpu.io/x",), True),
        ({"gpu.io/x": "1"}, {"gpu.io/x": "1"}, (), False),
        ({"ephemeral-storage": "2Gi"}, {"ephemeral-storage": "1Gi"}, ("Insufficient ephemeral-storage",), True),
    ],
)
def test_resources_fit_by_sums_and_tell_all_lacks(
    requests: dict[str, str], allocatable: dict[str, str], reasons: tuple[str, ...], hopeless: bool
) -> None:
    """Requests against allocatable less what the pods there asked for; who asks for nothing only needs a place."""
    node = room("n1", pod("there", {"cpu": "1", "memory": "2Gi"}), allocatable=allocatable)
    refusal = ROWS["NodeResourcesFit"].check(pod(requests=requests), node)
    assert refusal == (Refusal("NodeResourcesFit", reasons, hopeless) if reasons else None)


def test_the_first_refusal_in_the_order_of_the_table_counts() -> None:
    """A cordoned, tainted and full node is told as cordoned."""
    asking = pod(requests={"cpu": "9"}, spec={"nodeSelector": {"a": "b"}})
    peeled: list[dict[str, Any]] = [
        {"unschedulable": True, "taints": ["a:NoSchedule"]},
        {"taints": ["a:NoSchedule"]},
        {},
        {"labels": {"a": "b"}},
    ]
    refusals = [asked(asking, node).refusal(node) for node in (room(**options) for options in peeled)]
    assert [item and item.filter for item in refusals] == [
        "NodeUnschedulable",
        "TaintToleration",
        "NodeAffinity",
        "NodeResourcesFit",
    ]
    assert asked(pod(), room()).refusal(room()) is None


@pytest.mark.parametrize(
    ("name", "spec", "was", "now", "helped"),
    [
        ("TaintToleration", {}, {"taints": ["a:NoSchedule"]}, {}, True),
        ("TaintToleration", {}, {"taints": ["a:NoSchedule", "b:NoExecute"]}, {"taints": ["b:NoExecute"]}, False),
        ("TaintToleration", {}, {}, {"labels": {"a": "b"}}, False),
        ("TaintToleration", {}, None, {}, True),
        ("TaintToleration", {}, None, {"taints": ["a:NoSchedule"]}, False),
        ("NodeUnschedulable", {}, {"unschedulable": True}, {}, True),
        ("NodeAffinity", {"nodeSelector": {"a": "b"}}, {}, {"labels": {"a": "b"}}, True),
        ("NodePorts", {}, None, {}, True),
        ("NodePorts", {}, {}, {"labels": {"a": "b"}}, False),
    ],
)
def test_a_node_change_helps_where_it_turns_the_refusal_round(
    name: str, spec: Any, was: Any, now: Any, helped: bool
) -> None:
    """From refused (or unknown) to accepted by the same rule, and nothing else."""
    old = None if was is None else facts(**was)
    assert ROWS[name].helped_by_node(pod(spec=spec), old, facts(**now)) is helped


@pytest.mark.parametrize(
    ("was", "now", "helped"),
    [
        ({"cpu": "1"}, {"cpu": "2"}, True),
        ({"cpu": "1"}, {"cpu": "1500m"}, False),
        ({"cpu": "4"}, {"cpu": "4", "memory": "16Gi"}, False),
        ({"cpu": "4", "pods": "1"}, {"cpu": "4", "pods": "2"}, True),
        (None, {"cpu": "2"}, True),
        (None, {"cpu": "1"}, False),
    ],
)
def test_a_node_change_helps_a_pod_of_two_cpus_where_it_brings_what_lacks(was: Any, now: Any, helped: bool) -> None:
    """More of something that the pod asks for, and enough of it were the node empty."""
    old = None if was is None else facts(allocatable=was)
    assert ROWS["NodeResourcesFit"].helped_by_node(pod(requests={"cpu": "2"}), old, facts(allocatable=now)) is helped


def test_a_pod_that_leaves_helps_only_rules_that_look_at_pods() -> None:
    """Taints, cordons and labels do not go with a pod."""
    helped = {name: row.helped_by_pod(pod("a"), pod("b")) for name, row in ROWS.items()}
    assert [name for name, yes in helped.items() if yes] == ["NodeResourcesFit"]
