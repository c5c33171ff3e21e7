"""Which writes of a kubelet keep its node from being marked Unknown, and for how long? (1.3)"""

from __future__ import annotations

from nodesim.messages import Get
from nodesim.units import SECOND
from tests.controllers.nodelifecycle.cluster import Cluster, node
from tests.controllers.nodelifecycle.renewing import TRIP, fall_silent, unknown_at


def test_1_3_10_a_status_without_renewal_costs_one_more_period() -> None:
    """Seen at 10 s, and the forgotten lease is taken for new at 15 s: Unknown 55 s after the pass that saw the post."""
    cluster = Cluster()
    fall_silent(cluster, ["n1", "n2"], but=["n2"], until_us=200 * SECOND)
    cluster.start()
    cluster.run(9 * SECOND)
    cluster.post("n1")
    cluster.run(100 * SECOND)
    assert unknown_at(cluster) == {"n1": 65 * SECOND}


def test_1_3_18_a_kubelet_that_writes_in_time_is_not_marked() -> None:
    """The PUT carries the cached resourceVersion: 409, the node is read again, has a new heartbeat, and stays Ready."""
    cluster = Cluster()
    fall_silent(cluster, ["n1", "n2"], but=["n2"], until_us=200 * SECOND)
    cluster.start()
    cluster.run(49 * SECOND)
    cluster.watch_lag_us = 2 * SECOND
    cluster.at(50 * SECOND - 1, lambda: cluster.post("n1"))
    cluster.run(51 * SECOND)
    assert len(cluster.status_updates()) == 1
    assert [t_us for t_us, _ in cluster.calls(Get, "nodes")] == [50 * SECOND + TRIP]
    assert cluster.ready("n1") == "True"
    assert cluster.records("ZoneStateChanged")[-1][2]["new"] == "Normal"
    cluster.watch_lag_us = 0
    cluster.run(109 * SECOND)
    # Seen again through the retry at 50.02 s, and its forgotten lease by the pass after that.
    assert unknown_at(cluster)["n1"] > 100 * SECOND


def test_1_3_11_a_node_with_leases_and_no_status_is_left_alone() -> None:
    """No Ready condition: no Unknown, no taint, and admission's not-ready taint goes."""
    cluster = Cluster()
    admitted = [{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]
    cluster.put("nodes", node("n1", None, taints=admitted))
    cluster.renew_every("n1", 0, 300 * SECOND)
    cluster.start()
    cluster.run(300 * SECOND)
    assert cluster.status_updates() == []
    assert cluster.taints("n1", "NoSchedule") == []
    assert "taints" not in cluster.store["nodes"]["n1"]["spec"]
