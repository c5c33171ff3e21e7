"""Do placements ever break a filter?  Random clusters, judged by a checker of its own."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nodesim.machine import Call
from nodesim.messages import Bind
from nodesim.objects import Document
from nodesim.profiles import V1_24, V1_36
from nodesim.units import SECOND
from tests.scheduler.build import Bench, node_document, pod_document

TAINTS = ("a=1:NoSchedule", "a=2:NoExecute", "b:NoSchedule", "c:PreferNoSchedule")
TOLERATIONS: tuple[dict[str, Any], ...] = (
    {"key": "a", "operator": "Exists"},
    {"key": "a", "value": "1", "effect": "NoSchedule"},
    {"operator": "Exists", "effect": "NoExecute"},
    {"key": "b", "operator": "Exists"},
)
LABELS = st.dictionaries(st.sampled_from("xy"), st.sampled_from("01"), max_size=2)


@st.composite
def nodes(draw: st.DrawFn, name: str) -> Document:
    """A small node with taints, labels and perhaps a cordon."""
    allocatable = {
        "cpu": f"{draw(st.integers(0, 6)) * 500}m",
        "memory": f"{draw(st.integers(0, 6))}Gi",
        "pods": str(draw(st.integers(0, 4))),
    }
    return node_document(
        name,
        allocatable=allocatable,
        taints=draw(st.lists(st.sampled_from(TAINTS), max_size=1)),
        labels=draw(LABELS),
        unschedulable=draw(st.integers(0, 9)) == 0,
    )


@st.composite
def pods(draw: st.DrawFn, name: str) -> Document:
    """A small pod with requests, tolerations and perhaps a selector."""
    requests = {"cpu": f"{draw(st.integers(0, 5)) * 250}m", "memory": f"{draw(st.integers(0, 4)) * 512}Mi"}
    spec = {
        "priority": draw(st.integers(0, 2)),
        "tolerations": draw(st.lists(st.sampled_from(TOLERATIONS), max_size=2)),
        "nodeSelector": draw(LABELS) if draw(st.booleans()) else {},
    }
    return pod_document(name, requests, spec=spec)


def amount(text: str) -> int:
    """Thousandths of the quantities that this test uses."""
    for suffix, scale in (("Gi", 1000 << 30), ("Mi", 1000 << 20), ("m", 1)):
        if text.endswith(suffix):
            return int(text.removesuffix(suffix)) * scale
    return int(text) * 1000


def asks(pod: Document, resource: str) -> int:
    """What the pod's only container requests."""
    return amount(pod["spec"]["containers"][0]["resources"]["requests"][resource])


def tolerated(taint: dict[str, str], tolerations: list[dict[str, str]]) -> bool:
    """Is there a toleration for the taint, or does it keep nobody out?"""
    if taint["effect"] == "PreferNoSchedule":
        return True
    for item in tolerations:
        same_effect = item.get("effect", taint["effect"]) == taint["effect"]
        same_key = item.get("key", taint["key"]) == taint["key"]
        same_value = item.get("operator") == "Exists" or item.get("value", "") == taint.get("value", "")
        if same_effect and same_key and same_value:
            return True
    return False


def may_go(pod: Document, node: Document, there: list[Document]) -> bool:
    """The checker: all rules anew from the documents, with sums over all pods."""
    spec, have = pod["spec"], node["status"]["allocatable"]
    if node["spec"].get("unschedulable"):
        return False
    if not all(tolerated(taint, spec["tolerations"]) for taint in node["spec"]["taints"]):
        return False
    if any(node["metadata"]["labels"].get(key) != wanted for key, wanted in spec["nodeSelector"].items()):
        return False
    if len(there) + 1 > int(have["pods"]):
        return False
    for resource in ("cpu", "memory"):
        asked, *others = (asks(item, resource) for item in (pod, *there))
        if asked and asked + sum(others) > amount(have[resource]):
            return False
    return True


@pytest.mark.slow
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_no_placement_breaks_a_filter_and_no_pod_waits_that_fits(data: st.DataObject) -> None:
    """After every step each new binding passes the checker; at the end no waiting pod could be placed."""
    bench = Bench(data.draw(st.sampled_from([V1_24, V1_36])), data.draw(st.integers(0, 3)))
    cluster = {name: data.draw(nodes(name)) for name in ("n1", "n2", "n3")}
    bench.see(0, *cluster.values())
    waiting: dict[str, Document] = {}
    placed: dict[str, tuple[Document, str]] = {}

    def judge() -> None:
        for _, effect in bench.log:
            if not isinstance(effect, Call) or not isinstance(effect.request, Bind):
                continue
            pod, node = waiting.pop(effect.request.name), effect.request.node
            there = [other for other, where in placed.values() if where == node]
            assert may_go(pod, cluster[node], there)
            placed[effect.request.name] = (pod, node)
        bench.log.clear()

    for step in range(1, data.draw(st.integers(1, 12))):
        now_us = step * SECOND
        bench.run_until(now_us)
        judge()
        kind = data.draw(st.sampled_from(["pod", "pod", "pod", "node", "end"]))
        if kind == "pod":
            name = f"p{step}"
            waiting[name] = data.draw(pods(name))
            bench.see(now_us, waiting[name])
        elif kind == "node":
            name = data.draw(st.sampled_from(sorted(cluster)))
            cluster[name] = data.draw(nodes(name))
            bench.see(now_us, cluster[name])
        elif placed:
            name = data.draw(st.sampled_from(sorted(placed)))
            pod, node = placed.pop(name)
            bound = {**pod, "spec": {**pod["spec"], "nodeName": node}}
            bench.see(now_us, bound)
            bench.gone(now_us, "pods", name)
        judge()

    bench.run_until(100 * SECOND)
    judge()
    for left in waiting.values():
        for name, offered in cluster.items():
            assert not may_go(left, offered, [other for other, where in placed.values() if where == name])
