"""What happens to nodes, pods and taints from the last renewal on, in whole stories?

The worked scenarios (8.1 to 8.8), played against an API that answers after 2 ms.
"""

from __future__ import annotations

from itertools import pairwise

import pytest

from nodesim.messages import Patch
from nodesim.objects import decode_document
from nodesim.profiles import V1_24, V1_36, Profile
from nodesim.units import MILLISECOND, SECOND
from tests.controllers.nodelifecycle.cluster import Cluster, node, pod
from tests.controllers.nodelifecycle.renewing import (
    TRIP,
    fall_silent,
    kept_alive,
    no_execute_writes,
    two_zones,
    unknown_at,
)


@pytest.mark.parametrize(
    ("profile", "grace_us", "later_us"),
    [(V1_36, 50 * SECOND, 0), (V1_24, 40 * SECOND, 5 * SECOND)],
    ids=lambda item: str(item)[:30],
)
def test_8_1_one_of_three_nodes_falls_silent(profile: Profile, grace_us: int, later_us: int) -> None:
    """Unknown at P + grace with pods and NoSchedule at once; NoExecute with it (to 1.33: one pass later); recovery."""
    cluster = Cluster(profile=profile)
    fall_silent(cluster, ["n1", "n2", "n3"], but=["n2", "n3"], until_us=600 * SECOND)
    for name in ("n1", "n2", "n3"):
        cluster.put("pods", pod(f"p-{name}", name))
    cluster.run(SECOND)
    cluster.start()  # The first pass, at 1 s, is P.
    trip_us = SECOND + grace_us
    cluster.run(trip_us - 1)
    assert cluster.status_updates() == []
    cluster.run(trip_us + SECOND)
    assert unknown_at(cluster) == {"n1": trip_us}
    assert cluster.records("NodeStatusUnknown")[0][2] == {
        "silent_us": grace_us,
        "probe_us": SECOND,
        "grace_us": grace_us,
        "reason": "NodeStatusUnknown",
    }
    assert cluster.events()[3:] == [
        (trip_us + TRIP, "NodeNotReady", "Node/n1", "Node n1 status is now: NodeNotReady"),
        (trip_us + 2 * TRIP, "NodeNotReady", "Pod/p-n1", "Node is not ready"),
    ]
    assert [request.name for _, request in cluster.status_updates("pods")] == ["p-n1"]
    ready = cluster.store["pods"]["default/p-n1"]["status"]["conditions"][1]
    assert (ready["status"], ready["reason"], ready["message"]) == ("False", "kept", "kept too")
    assert ready["lastTransitionTime"] == trip_us
    no_schedule_us = cluster.calls(Patch, "nodes")[0][0]
    assert trip_us < no_schedule_us < trip_us + 10 * MILLISECOND
    assert cluster.taints("n1", "NoSchedule") == ["unreachable"]
    cluster.run(trip_us + later_us + SECOND)
    (granted_us, name), *more = cluster.granted()
    assert (name, more) == ("n1", [])
    assert trip_us + later_us < granted_us <= trip_us + later_us + 100 * MILLISECOND + TRIP
    assert cluster.taints("n1") == ["unreachable"]

    cluster.run(200 * SECOND)
    cluster.heartbeat("n1", lease_only=False)
    kept_alive(cluster, ["n1"], 210 * SECOND, 600 * SECOND)
    cluster.run(200 * SECOND + 20 * MILLISECOND)
    assert (cluster.taints("n1", "NoSchedule"), cluster.taints("n1")) == ([], ["unreachable"])
    cluster.run(206 * SECOND)
    assert cluster.taints("n1") == []
    assert len(cluster.status_updates("pods")) == 1, "only the kubelet sets pods ready again"
    cluster.run(300 * SECOND)
    assert unknown_at(cluster) == {"n1": trip_us}


def test_8_2_the_second_of_two_nodes_waits_ten_seconds_for_its_taint() -> None:
    """Two of three in one pass: Normal; the first NoExecute at once, the second exactly 10 s after it."""
    cluster = Cluster()
    fall_silent(cluster, ["n1", "n2", "n3"], but=["n3"], until_us=100 * SECOND)
    cluster.start()
    cluster.run(100 * SECOND)
    assert unknown_at(cluster) == {"n1": 50 * SECOND, "n2": 50 * SECOND}
    (first_us, first), (second_us, second) = cluster.granted()
    assert (first, second) == ("n1", "n2")
    assert first_us == 50 * SECOND + 100 * MILLISECOND
    assert 10 * SECOND <= second_us - first_us < 10 * SECOND + 100 * MILLISECOND + 2 * TRIP
    assert cluster.zone_states() == {"": "Normal"}


def test_8_3_three_of_five_in_one_pass_are_not_tainted_until_one_returns() -> None:
    """Partial in a small zone: rate 0.  Back to two of five: Normal, the first taint 10 s after that pass."""
    cluster = Cluster()
    names = [f"n{n}" for n in range(1, 6)]
    fall_silent(cluster, names, but=names[3:], until_us=400 * SECOND)
    cluster.start()
    cluster.run(200 * SECOND)
    assert list(unknown_at(cluster)) == names[:3]
    assert all(cluster.taints(name, "NoSchedule") == ["unreachable"] for name in names[:3])
    assert cluster.granted() == []
    changes = cluster.records("ZoneStateChanged")
    assert changes[-1][2] == {
        "zone": "", "old": "Normal", "new": "PartialDisruption", "ready": 2, "not_ready": 3, "rate_milli": 0,
    }  # fmt: skip
    cluster.heartbeat("n1", lease_only=False)
    kept_alive(cluster, ["n1"], 210 * SECOND, 400 * SECOND)
    cluster.run(300 * SECOND)
    normal_us, _, fields = cluster.records("ZoneStateChanged")[-1]
    assert fields["new"] == "Normal"
    (first_us, _), (second_us, _) = cluster.granted()
    assert normal_us + 10 * SECOND <= first_us <= normal_us + 10 * SECOND + 100 * MILLISECOND
    assert 10 * SECOND <= second_us - first_us <= 10 * SECOND + 200 * MILLISECOND


def test_8_3_a_node_marked_in_an_earlier_pass_keeps_its_taint() -> None:
    """Three of five in two passes: the first is tainted before the zone becomes Partial, the others are not."""
    cluster = Cluster()
    names = [f"n{n}" for n in range(1, 6)]
    fall_silent(cluster, names, but=names[3:], until_us=400 * SECOND)
    for name in names[1:3]:
        cluster.renew_every(name, 10 * SECOND, 11 * SECOND)
    cluster.start()
    cluster.run(200 * SECOND)
    assert [name for _, name in cluster.granted()] == ["n1"]
    assert [cluster.taints(name) for name in names] == [["unreachable"], [], [], [], []]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dead", "state", "step_us"), [(30, "PartialDisruption", 100 * SECOND), (28, "Normal", 10 * SECOND)]
)
def test_8_4_thirty_of_fifty_one(dead: int, state: str, step_us: int) -> None:
    """Partial in a large zone: one taint per 100 s, the first with what the idle bucket had; 28 of 51: per 10 s."""
    cluster = Cluster()
    names = [f"n{n:02}" for n in range(51)]
    fall_silent(cluster, names, but=names[dead:], until_us=300 * SECOND)
    cluster.start()
    cluster.run(300 * SECOND)
    assert len(unknown_at(cluster)) == dead
    assert cluster.zone_states() == {"": state}
    instants = [t_us for t_us, _ in cluster.granted()]
    assert 50 * SECOND < instants[0] <= 50 * SECOND + 200 * MILLISECOND
    steps = [later - earlier for earlier, later in pairwise(instants)]
    assert steps
    assert all(step_us <= step <= step_us + 200 * MILLISECOND for step in steps)


def test_8_5_a_dead_zone_beside_a_good_one_is_tainted_at_the_normal_rate() -> None:
    """Full, but not everywhere: one of its ten nodes per 10 s."""
    cluster = Cluster()
    _, good = two_zones(cluster, 10)
    kept_alive(cluster, good, 10 * SECOND, 300 * SECOND)
    cluster.start()
    cluster.run(200 * SECOND)
    assert cluster.zone_states() == {"r1/a": "FullDisruption", "r1/b": "Normal"}
    instants = [t_us for t_us, _ in cluster.granted()]
    assert len(instants) == 10
    steps = {round((later - earlier) / SECOND) for earlier, later in pairwise(instants)}
    assert steps == {10}
    assert sorted(name for _, name in cluster.granted()) == [f"a{n}" for n in range(10)]


def test_8_6_when_the_last_zone_dies_all_taints_go_and_come_back_slowly() -> None:
    """Master disruption: taints off everywhere, none added.  One node back: fresh probes, both buckets empty."""
    cluster = Cluster()
    dead, others = two_zones(cluster, 4)
    kept_alive(cluster, others, 10 * SECOND, 41 * SECOND)
    cluster.start()
    cluster.run(90 * SECOND)
    # 50.1, 60.1, 70.1, 80.1: the four nodes of zone A.
    assert [cluster.taints(name) for name in dead] == [["unreachable"]] * 4
    cluster.run(97 * SECOND)
    entered = [fields for t_us, _, fields in cluster.records("ZoneStateChanged") if t_us > 90 * SECOND]
    assert [(item["old"], item["new"], item["rate_milli"]) for item in entered] == [
        ("FullDisruption", "FullDisruption", 0),
        ("Normal", "FullDisruption", 0),
    ]
    assert [cluster.taints(name) for name in dead] == [[]] * 4
    # 1.7.8: while the pass was at zone A, the 100 ms pass gave one of B a taint, and that one stays.
    assert [cluster.taints(name) for name in others] == [["unreachable"], [], [], []]
    before = len(cluster.granted())
    cluster.run(300 * SECOND)
    assert len(cluster.granted()) == before
    cluster.heartbeat("b0", lease_only=False)
    kept_alive(cluster, ["b0"], 310 * SECOND, 500 * SECOND)
    cluster.run(340 * SECOND)
    left_us = cluster.records("ZoneStateChanged")[-1][0]
    assert {fields["rate_milli"] for t_us, _, fields in cluster.records("ZoneStateChanged") if t_us == left_us} == {
        100,
        0,
    }
    first_us, first = cluster.granted()[before]
    assert first[0] == "a"
    assert left_us + 10 * SECOND <= first_us <= left_us + 10 * SECOND + 100 * MILLISECOND


def test_8_8_a_restarted_controller_strips_and_taints_anew() -> None:
    """A new object registers every node, takes NoExecute off all, and taints the dead ones again one per 10 s."""
    cluster = Cluster()
    gone = [{"key": "node.kubernetes.io/unreachable", "effect": "NoExecute", "timeAdded": 0}]
    for name in ("n1", "n2"):
        cluster.put("nodes", node(name, "Unknown", taints=gone))
    cluster.put("nodes", node("n3"))
    cluster.put("nodes", node("n4"))
    cluster.renew_every("n4", 0, 200 * SECOND)
    cluster.start()
    cluster.run(30 * SECOND)
    assert [reason for _, reason, _, _ in cluster.events()] == ["RegisteredNode"] * 4
    assert [keys for _, keys in no_execute_writes(cluster, "n1")][-1] == ["unreachable"]
    assert cluster.taints("n1") == cluster.taints("n2") == ["unreachable"]
    (first_us, _), (second_us, _) = cluster.granted()
    assert first_us <= 200 * MILLISECOND
    assert 10 * SECOND <= second_us - first_us <= 10 * SECOND + 200 * MILLISECOND
    stripped = [
        t_us
        for t_us, request in cluster.calls(Patch, "nodes")
        if decode_document(request.document)["spec"] == {"taints": None}
    ]
    assert stripped[-1] < first_us + SECOND
    cluster.run(60 * SECOND)
    assert unknown_at(cluster)["n3"] == 50 * SECOND + (unknown_at(cluster)["n3"] % SECOND), "a fresh grace"


def test_a_restarted_controller_goes_on_when_a_strip_fails() -> None:
    """The next node is registered all the same, and the next pass tries the Ready one again."""
    cluster = Cluster()
    gone = [{"key": "node.kubernetes.io/not-ready", "effect": "NoExecute"}]
    for name in ("n1", "n2"):
        cluster.put("nodes", node(name, taints=gone))
    cluster.fail = lambda request: 500 if type(request) is Patch and request.resource == "nodes" else None
    cluster.start()
    cluster.run(SECOND)
    assert len(cluster.events()) == 2
    cluster.fail = lambda request: None
    cluster.run(6 * SECOND)
    assert cluster.taints("n1") == cluster.taints("n2") == []
