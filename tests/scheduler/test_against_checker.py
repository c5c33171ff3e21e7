"""Does the scheduler ever break a filter, or let a pod wait that fits?  Random clusters, judged by `checker`."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nodesim.apiserver.patch import strategic_merge_patch
from nodesim.machine import Call, ProgramEffect, Record
from nodesim.messages import Bind, Delete, Patch
from nodesim.objects import Document, decode_document
from nodesim.profiles import PROFILES
from nodesim.scheduler.filters import filters_of
from nodesim.units import SECOND
from tests.scheduler.build import Bench, asked, node_document, pod_document
from tests.scheduler.checker import Cluster, asks, thousandths, why_not
from tests.scheduler.generate import nodes, pods

ORDER = [row.name for row in filters_of(PROFILES["v1.36"])]


class World:
    """A scheduler, and an API server that does at once what it asks; a deleted pod is gone with the next step."""

    def __init__(self, profile: str, seed: int, cluster: dict[str, Document]) -> None:
        self.bench = Bench(PROFILES[profile], seed)
        self.cluster = Cluster(dict(cluster), {})
        self.leaving: list[str] = []
        self.bound = 0
        self.preemptions = 0
        self.done = 0
        self.bench.see(0, *cluster.values())

    def settle(self, now_us: int) -> None:
        """Fire timers, answer calls, judge every decision; until nothing is left to do."""
        self.bench.run_until(now_us)
        while self.done < len(self.bench.log):
            at_us, effect = self.bench.log[self.done]
            self.done += 1
            self._answer(effect, at_us)

    def _answer(self, effect: ProgramEffect, now_us: int) -> None:
        if isinstance(effect, Record) and effect.kind == "PreemptionStarted":
            self._judge_preemption(effect)
        if not isinstance(effect, Call):
            return
        request = effect.request
        if isinstance(request, Bind):
            self._bind(request, now_us)
        elif isinstance(request, Delete):
            self._show(request.name, {"metadata": {"deletionTimestamp": now_us}}, now_us)
            self.leaving.append(request.name)
        elif isinstance(request, Patch) and request.resource == "pods":
            self._show(request.name, decode_document(request.document), now_us)
        self.bench.answer(now_us, effect)

    def _show(self, name: str, change: Document, now_us: int) -> None:
        if name in self.cluster.pods:
            self.cluster.pods[name] = strategic_merge_patch(self.cluster.pods[name], change)
            self.bench.see(now_us, self.cluster.pods[name])

    def _bind(self, request: Bind, now_us: int) -> None:
        """Every binding passes the checker, and the sum of requests stays within allocatable."""
        pod, node = self.cluster.pods[request.name], self.cluster.nodes[request.node]
        assert not pod["spec"].get("nodeName")
        assert why_not(pod, node, self.cluster) == ""
        self.bound += 1
        self._show(request.name, {"spec": {"nodeName": request.node}}, now_us)
        there = self.cluster.on(request.node)
        assert len(there) <= int(node["status"]["allocatable"]["pods"])
        for resource in ("cpu", "memory"):
            if asks(pod, resource):
                allocatable = thousandths(node["status"]["allocatable"][resource])
                assert sum(asks(item, resource) for item in there) <= allocatable

    def _judge_preemption(self, record: Record) -> None:
        """Only lesser pods of that node go, only where no node was free, and not one more than needed."""
        self.preemptions += 1
        pod = self.cluster.pods[record.object.rsplit("/", 1)[1]]
        node = self.cluster.nodes[record.fields["node"]]
        names = [key.removeprefix("default/") for key in record.fields["victims"]]
        victims = [self.cluster.pods[name] for name in names]
        assert victims
        assert pod["spec"].get("preemptionPolicy") != "Never"
        assert all(item["spec"]["priority"] < pod["spec"]["priority"] for item in victims)
        assert all(item["spec"]["nodeName"] == record.fields["node"] for item in victims)
        assert why_not(pod, node, self.cluster.without(names)) == ""
        if self.plain:
            rivals = self._rivals(pod, record.fields["node"])
            for name in names:
                spared = self.cluster.without([other for other in names if other != name])
                for rival in rivals:
                    spared = spared.with_pod(rival, record.fields["node"])
                assert why_not(pod, node, spared) != ""

    plain = False

    def _rivals(self, pod: Document, node: str) -> list[Document]:
        """Pods that wait for room on a node and matter as much."""
        return [
            other
            for other in self.cluster.pods.values()
            if other["status"].get("nominatedNodeName") == node
            and not other["spec"].get("nodeName")
            and other["spec"]["priority"] >= pod["spec"]["priority"]
            and other["metadata"]["uid"] != pod["metadata"]["uid"]
        ]

    def victims_go(self, now_us: int) -> None:
        """Those who were asked to go are gone."""
        leaving, self.leaving = self.leaving, []
        for name in leaving:
            if self.cluster.pods.pop(name, None) is not None:
                self.bench.gone(now_us, "pods", name)
                self.settle(now_us)  # What one departure leads to is judged before the next changes the cluster.
        self.settle(now_us)

    def judge_waiting(self) -> None:
        """No node would take a pod that waits, or one that waits there as well is in the way."""
        for pod in self.cluster.pods.values():
            if pod["spec"].get("nodeName") or pod["metadata"].get("deletionTimestamp") is not None:
                continue
            for name, node in self.cluster.nodes.items():
                crowded = self.cluster
                for rival in self._rivals(pod, name):
                    crowded = crowded.with_pod(rival, name)
                assert why_not(pod, node, self.cluster) or why_not(pod, node, crowded), (pod["metadata"]["name"], name)


def play(data: st.DataObject, world: World, *, plain: bool) -> int:
    """Pods come and end, nodes change; returns the time."""
    now_us = 0
    for step in range(1, data.draw(st.integers(4, 18))):
        now_us = step * SECOND
        world.victims_go(now_us)
        kind = data.draw(st.sampled_from(["pod", "pod", "pod", "pod", "node", "node", "end"]))
        placed = sorted(name for name, pod in world.cluster.pods.items() if pod["spec"].get("nodeName"))
        if kind == "pod":
            name = f"p{step}"
            world.cluster.pods[name] = data.draw(pods(name, plain=plain))
            world.bench.see(now_us, world.cluster.pods[name])
        elif kind == "node":
            name = data.draw(st.sampled_from(sorted(world.cluster.nodes)))
            world.cluster.nodes[name] = data.draw(nodes(name))
            world.bench.see(now_us, world.cluster.nodes[name])
        elif placed:
            name = data.draw(st.sampled_from(placed))
            world.leaving = [other for other in world.leaving if other != name]
            del world.cluster.pods[name]
            world.bench.gone(now_us, "pods", name)
        world.settle(now_us)
    return now_us


def drawn_world(data: st.DataObject) -> World:
    """Three nodes, a version and a seed."""
    cluster = {name: data.draw(nodes(name)) for name in ("n1", "n2", "n3")}
    return World(data.draw(st.sampled_from(sorted(PROFILES))), data.draw(st.integers(0, 3)), cluster)


@pytest.mark.slow
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data())
def test_no_placement_breaks_a_filter_and_no_pod_waits_that_fits(data: st.DataObject) -> None:
    """All filters: each binding passes the checker; after the five minutes' retry no waiting pod could be placed."""
    world = drawn_world(data)
    now_us = play(data, world, plain=False)
    for _ in range(30):
        now_us += 30 * SECOND
        world.settle(now_us)
        world.victims_go(now_us)
    world.judge_waiting()


@pytest.mark.slow
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data())
def test_where_pods_only_need_room_hints_alone_find_every_pod_its_place(data: st.DataObject) -> None:
    """Without terms on other pods nobody has to wait for the five minutes, and no victim goes in vain."""
    world = drawn_world(data)
    world.plain = True
    now_us = play(data, world, plain=True)
    for _ in range(20):
        now_us += 2 * SECOND
        world.settle(now_us)
        world.victims_go(now_us)
    world.judge_waiting()


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data())
def test_each_refusal_is_the_checkers(data: st.DataObject) -> None:
    """For any pod and node, with pods thrown onto nodes at random, both name the same filter."""
    bench = Bench()
    cluster = Cluster({name: data.draw(nodes(name)) for name in ("n1", "n2", "n3")}, {})
    for number in range(data.draw(st.integers(0, 5))):
        there = data.draw(pods(f"there{number}", plain=False))
        there["spec"]["nodeName"] = data.draw(st.sampled_from(["n1", "n2", "n3"]))
        if data.draw(st.integers(0, 5)) == 0:
            there["metadata"]["deletionTimestamp"] = 0
        cluster.pods[there["metadata"]["name"]] = there
    bench.see(0, *cluster.nodes.values(), *cluster.pods.values())
    asking = data.draw(pods("asking", plain=False))
    rooms = bench.scheduler.cluster.in_order()
    view: Any = next(spec.view for spec in bench.scheduler.watches if spec.resource == "pods")(asking)
    question = asked(view, *rooms)
    for room in rooms:
        refusal = question.refusal(room)
        assert (refusal.filter if refusal else "") == why_not(asking, cluster.nodes[room.name], cluster)


def test_the_checker_can_refuse() -> None:
    """Each of its filters does so in a case made for it."""
    web: dict[str, Any] = {"labels": {"app": "a"}}
    near = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "b"}}}
    spread = {
        **near,
        "maxSkew": 1,
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": web["labels"]},
    }
    required = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [near]}}
    port = {"name": "c", "resources": {"requests": {}}, "ports": [{"hostPort": 80}]}
    cases: list[tuple[str, dict[str, Any], dict[str, Any], list[str]]] = [
        ("", {}, {}, []),
        ("NodeUnschedulable", {}, {"unschedulable": True}, []),
        ("TaintToleration", {}, {"taints": ["a:NoExecute"]}, []),
        ("NodeAffinity", {"nodeSelector": {"disk": "ssd"}}, {}, []),
        ("NodePorts", {"containers": [port]}, {}, ["n1"]),
        ("NodeResourcesFit", {}, {"allocatable": {"pods": "1"}}, ["n1"]),
        ("PodTopologySpread", {"topologySpreadConstraints": [spread]}, {}, ["n1"]),
        ("InterPodAffinity", {"affinity": required}, {}, []),
    ]
    for expected, spec, options, places in cases:
        there = {
            f"t{place}": pod_document(f"t{place}", spec={"nodeName": place, "containers": [port]}, metadata=web)
            for place in places
        }
        made = {
            name: node_document(name, **{"labels": {"kubernetes.io/hostname": name}, **options})
            for name in ("n1", "n2")
        }
        asking = pod_document("p", spec=spec, metadata=web)
        assert why_not(asking, made["n1"], Cluster(made, there)) == expected
    assert set(ORDER) - {name for name, *_ in cases} == {"NodeName"}
