"""How does a pass go from node to node, and when does the next one begin? (1.1 and 1.2)"""

from __future__ import annotations

import pytest

from nodesim.machine import Answered, Record, SetTimer, Synced, TimerFired
from nodesim.messages import Get, Update
from nodesim.profiles import V1_24, V1_36, Settings
from nodesim.units import MILLISECOND, SECOND
from tests.controllers.nodelifecycle.cluster import Cluster, node, pod
from tests.controllers.nodelifecycle.renewing import TRIP, fall_silent, healthy, unknown_at


def test_1_2_7_a_node_whose_status_cannot_be_written_is_tried_six_times_and_not_counted() -> None:
    """Every 20 ms within 100 ms, a GET before each new try; then the pass goes on without the node."""
    cluster = Cluster()
    healthy(cluster, ["n1"], until_us=1)
    cluster.start()
    cluster.fail = lambda request: 500 if type(request) is Update else None
    cluster.run(52 * SECOND)
    puts = [t_us - 50 * SECOND for t_us, _ in cluster.status_updates()]
    assert puts == [n * 20 * MILLISECOND for n in range(6)]
    assert len(cluster.calls(Get, "nodes")) == 6
    assert cluster.zone_states() == {"": "Normal"}, "no counted node, no state to change"
    cluster.fail = lambda request: None
    cluster.run(58 * SECOND)
    assert unknown_at(cluster)["n1"] > 55 * SECOND
    assert cluster.zone_states() == {"": "FullDisruption"}


@pytest.mark.parametrize(("latency_ms", "tries_ms"), [(5, [0, 40, 80, 100]), (7, [0, 40, 80, 108]), (80, [0, 320])])
def test_1_2_7_slow_tries_lose_their_ticks(latency_ms: int, tries_ms: list[int]) -> None:
    """A try (PUT and GET) loses the ticks that fall into it; the window's end brings a last try, however late."""
    cluster = Cluster(latency_us=latency_ms * MILLISECOND)
    healthy(cluster, ["n1"], until_us=1)
    cluster.start()
    cluster.fail = lambda request: 500 if type(request) is Update else None
    cluster.run(54 * SECOND)
    puts = [t_us - 50 * SECOND for t_us, _ in cluster.status_updates()]
    assert puts == [at_ms * MILLISECOND for at_ms in tries_ms]


def test_a_node_that_is_gone_at_the_retry_is_skipped() -> None:
    """PUT 404, GET 404: no pods are marked, and the pass ends."""
    cluster = Cluster()
    fall_silent(cluster, ["n1", "n2"], but=["n2"], until_us=200 * SECOND)
    cluster.put("pods", pod("p", "n1"))
    cluster.start()
    cluster.run(49 * SECOND)
    cluster.watch_lag_us = 2 * SECOND
    cluster.at(50 * SECOND - 1, lambda: cluster.delete("nodes", "n1"))
    cluster.run(60 * SECOND)
    assert cluster.status_updates("pods") == []
    assert [(reason, object_) for _, reason, object_, _ in cluster.events()][2:] == [("RemovingNode", "Node/n1")]
    assert cluster.events()[-1][3] == "Node n1 event: Removing Node n1 from Controller"


def test_1_2_5_deleted_and_recreated_between_two_passes_is_not_noticed() -> None:
    """No event; the health is inherited."""
    cluster = Cluster()
    healthy(cluster, ["n1", "n2"], until_us=100 * SECOND)
    cluster.start()
    cluster.run(11 * SECOND)
    cluster.delete("nodes", "n1")
    cluster.run(12 * SECOND)
    cluster.put("nodes", node("n1", uid="another"))
    cluster.run(30 * SECOND)
    assert len(cluster.events()) == 2


def test_1_2_6_a_recreated_bare_node_is_marked_by_its_old_probe_time() -> None:
    """Gone for minutes, back without status: Unknown/NodeStatusNeverUpdated in its first pass."""
    cluster = Cluster()
    fall_silent(cluster, ["n1", "n2"], but=["n2"], until_us=200 * SECOND)
    cluster.start()
    cluster.run(11 * SECOND)
    cluster.delete("nodes", "n1")
    cluster.run(101 * SECOND)
    cluster.put("nodes", node("n1", None, created_us=101 * SECOND))
    cluster.run(106 * SECOND)
    ((t_us, _, fields),) = cluster.records("NodeStatusUnknown")
    assert (t_us, fields["probe_us"], fields["reason"]) == (105 * SECOND, 0, "NodeStatusNeverUpdated")


def test_v1_24_works_on_one_node_at_a_time() -> None:
    """Up to 1.26 the next node's PUT waits for the pods of the one before; with eight workers all go out at once."""
    instants = {}
    for profile in (V1_24, V1_36):
        cluster = Cluster(profile=profile)
        names = [f"n{n:02}" for n in range(12)]
        fall_silent(cluster, [*names, "x1"], but=["x1"], until_us=200 * SECOND)
        for name in names:
            cluster.put("pods", pod(f"p-{name}", name))
        cluster.start()
        cluster.run(52 * SECOND)
        grace_us = Settings.of(profile).node_monitor_grace_us
        instants[profile.name] = [t_us - grace_us for t_us, _ in cluster.status_updates()]
    assert instants["v1.24"] == [n * 2 * TRIP for n in range(12)]
    assert instants["v1.36"] == [0] * 8 + [2 * TRIP] * 4


def test_a_node_that_waits_for_a_worker_is_looked_at_again() -> None:
    """Its lease arrives while the nodes before it are worked on: it is not marked."""
    cluster = Cluster(profile=V1_24)
    fall_silent(cluster, ["n1", "n2", "n3"], but=["n3"], until_us=200 * SECOND)
    cluster.start()
    cluster.at(40 * SECOND - MILLISECOND + 1, lambda: cluster.heartbeat("n2"))
    cluster.run(60 * SECOND)
    assert list(unknown_at(cluster)) == ["n1"]


def test_the_next_pass_begins_a_period_after_the_end_of_the_last() -> None:
    """1.1.2: a pass that needed calls slides the rhythm; one that needed none does not."""
    cluster = Cluster()
    fall_silent(cluster, ["n1", "n2", "n3"], but=["n3"], until_us=200 * SECOND)
    cluster.renew_every("n2", 10 * SECOND, 21 * SECOND)
    cluster.start()
    cluster.run(100 * SECOND)
    assert unknown_at(cluster) == {"n1": 50 * SECOND, "n2": 75 * SECOND + TRIP}


def test_loops_begin_when_all_three_caches_are_filled() -> None:
    """1.1.1: nothing happens before the last Synced, and a second one changes nothing."""
    cluster = Cluster()
    cluster.put("nodes", node("n1", labels={"kubernetes.io/os": "linux"}))
    handle = cluster.controller.handle
    assert [handle(Synced("nodes"), 0), handle(Synced("leases"), 0)] == [[], []]
    assert handle(Synced("pods"), 0) == [SetTimer("tick", 5 * SECOND, caused=None)]
    assert handle(Synced("pods"), 1) == []


def test_records_hold_ints_and_strings_only_and_come_before_their_calls() -> None:
    """A record explains the call that follows it in the same turn."""
    cluster = Cluster()
    fall_silent(cluster, ["n1", "n2"], but=["n2"], until_us=100 * SECOND)
    cluster.start()
    cluster.run(60 * SECOND)
    effects = [effect for t_us, effect in cluster.journal if t_us == 50 * SECOND]
    assert [type(effect) for effect in effects[:1]] == [Record]
    records = [effect for _, effect in cluster.journal if type(effect) is Record]
    assert {effect.kind for effect in records} == {
        "NodeStatusUnknown",
        "TaintQueued",
        "TaintGranted",
        "ZoneStateChanged",
    }
    assert {type(item) for effect in records for item in effect.fields.values()} == {int, str}


def test_what_concerns_no_node_at_work_is_ignored() -> None:
    """Late answers and timers, and answers to events."""
    cluster = Cluster()
    cluster.put("nodes", node("n1"))
    cluster.start()
    handle = cluster.controller.handle
    for event in (
        Answered(("health", "n1"), 200),
        Answered(("node-write", 9), 200),
        Answered(("pod-status", 9), 200),
        Answered(("event", 1), 201),
        TimerFired(("health", "n1")),
        TimerFired(("node-write", 9)),
    ):
        assert handle(event, 1) == []
