"""Which pods are marked not ready, and how often is it tried? (1.6)"""

from __future__ import annotations

from itertools import pairwise

from nodesim.messages import Update
from nodesim.units import MILLISECOND, SECOND
from tests.controllers.nodelifecycle.cluster import Cluster, node, pod
from tests.controllers.nodelifecycle.renewing import TRIP, fall_silent


def unmarked(*, until_us: int) -> Cluster:
    """A cluster at 52 s, whose n1 was silent from the start; its pod p1 is to be marked, but no write works."""
    cluster = Cluster()
    fall_silent(cluster, ["n1", "n2"], but=["n2"], until_us=until_us)
    cluster.put("pods", pod("p1", "n1"))
    cluster.start()
    cluster.fail = lambda request: 500 if type(request) is Update and request.resource == "pods" else None
    cluster.run(52 * SECOND)
    return cluster


def test_1_6_4_marking_is_tried_again_in_each_pass_until_it_works() -> None:
    """A pod whose PUT fails is PUT again every pass; NotFound is no failure and gets no event."""
    cluster = Cluster()
    fall_silent(cluster, ["n1", "n2"], but=["n2"], until_us=200 * SECOND)
    for name in ("p1", "p2"):
        cluster.put("pods", pod(name, "n1"))
    cluster.put("pods", pod("no-ready", "n1", None))
    cluster.put("pods", pod("already", "n1", "False"))
    codes = {"p1": 500, "p2": 404}
    cluster.start()
    cluster.fail = lambda request: codes.get(request.name) if type(request) is Update else None
    cluster.run(58 * SECOND)
    assert [(t_us // SECOND, request.name) for t_us, request in cluster.status_updates("pods")] == [
        (50, "p1"), (50, "p2"), (55, "p1"), (55, "p2"),
    ]  # fmt: skip
    assert [object_ for _, reason, object_, _ in cluster.events() if reason == "NodeNotReady"] == ["Node/n1", "Pod/p1"]
    codes.clear()
    cluster.run(75 * SECOND)
    assert [request.name for _, request in cluster.status_updates("pods")][4:] == ["p1", "p2"]


def test_1_6_4_a_ready_node_and_a_deleted_one_clear_the_memory() -> None:
    """Back to Ready: pods are not marked by a later pass that finds the node False."""
    cluster = unmarked(until_us=200 * SECOND)
    cluster.heartbeat("n1", lease_only=False)
    cluster.run(57 * SECOND)
    cluster.post("n1", "False", 57 * SECOND)
    cluster.run(75 * SECOND)
    assert len(cluster.status_updates("pods")) == 1


def test_1_6_5_a_pod_bound_to_a_node_that_is_not_ready_is_marked() -> None:
    """With a Ready condition; without one, or on a Ready or unknown node, nothing happens."""
    cluster = Cluster()
    cluster.put("nodes", node("n1", "False"))
    cluster.put("nodes", node("n2"))
    cluster.put("nodes", node("n3", None))
    for name in ("n1", "n2", "n3"):
        cluster.renew_every(name, 0, 100 * SECOND)
    cluster.start()
    cluster.run(2 * SECOND)
    for name, where in (("p1", "n1"), ("p2", "n2"), ("p3", "n3"), ("p4", "never-heard-of"), ("p5", "")):
        cluster.put("pods", pod(name, where))
    cluster.put("pods", pod("p6", "n1", None))
    cluster.run(3 * SECOND)
    assert [request.name for _, request in cluster.status_updates("pods")] == ["p1"]
    cluster.put("pods", pod("p5", "n1"))
    cluster.put("pods", pod("p2", "n2", "False"))
    cluster.run(4 * SECOND)
    assert [request.name for _, request in cluster.status_updates("pods")] == ["p1", "p5"]
    cluster.delete("pods", "default/p1")
    cluster.run(5 * SECOND)
    assert len(cluster.status_updates("pods")) == 2


def test_1_6_5_a_bound_pod_that_cannot_be_marked_is_tried_with_growing_pauses() -> None:
    """5 ms, 10 ms, 20 ms, ...; also while the node is missing from the cache."""
    cluster = Cluster()
    cluster.put("nodes", node("n1", "False"))
    cluster.start()
    cluster.run(2 * SECOND)
    cluster.fail = lambda request: 500 if type(request) is Update else None
    cluster.put("pods", pod("p1", "n1"))
    cluster.run(2 * SECOND + 40 * MILLISECOND)
    instants = [t_us for t_us, _ in cluster.status_updates("pods")]
    assert [later - earlier - TRIP for earlier, later in pairwise(instants)] == [5000, 10000]
    cluster.fail = lambda request: None
    cluster.delete("nodes", "n1")
    cluster.run(2 * SECOND + 500 * MILLISECOND)
    assert len(cluster.status_updates("pods")) == 3
    cluster.put("nodes", node("n1", "False"))
    cluster.run(4 * SECOND)
    assert len(cluster.status_updates("pods")) == 4
    cluster.delete("pods", "default/p1")
    cluster.run(5 * SECOND)
    assert len(cluster.status_updates("pods")) == 4


def test_a_node_that_lost_its_ready_condition_is_no_longer_to_be_marked() -> None:
    """1.2.10: without Ready there is neither taint work nor a memory of pods to mark."""
    cluster = unmarked(until_us=100 * SECOND)
    cluster.heartbeat("n1")
    cluster.put("nodes", node("n1", None))
    cluster.run(58 * SECOND)
    cluster.post("n1", "False")
    cluster.run(70 * SECOND)
    assert len(cluster.status_updates("pods")) == 1
