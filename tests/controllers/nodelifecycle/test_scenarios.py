"""When does what happen to nodes and pods, from the last renewal on?

The worked scenarios, played against an API that answers after 2 ms.
"""

from __future__ import annotations

from itertools import pairwise

import attrs
import pytest

from nodesim.machine import Answered, Record, SetTimer, Synced, TimerFired
from nodesim.messages import Get, Patch, Update
from nodesim.objects import decode_document
from nodesim.profiles import V1_24, V1_36, Profile, Settings
from nodesim.streams import Streams
from nodesim.units import MILLISECOND, SECOND
from tests.controllers.nodelifecycle.cluster import Cluster, node, pod, zone_labels

TRIP = 2 * MILLISECOND
"""A PUT and its answer."""


def healthy(
    cluster: Cluster, names: list[str], *, until_us: int, labels: dict[str, dict[str, str]] | None = None
) -> None:
    """Ready nodes that renew their leases every 10 s, all at the same time, up to an instant."""
    for name in names:
        cluster.put("nodes", node(name, labels=(labels or {}).get(name)))
        cluster.renew_every(name, 0, until_us)


def kept_alive(cluster: Cluster, names: list[str], from_us: int, until_us: int) -> None:
    """Go on renewing."""
    for name in names:
        cluster.renew_every(name, from_us, until_us)


def unknown_at(cluster: Cluster) -> dict[str, int]:
    """Node -> when the controller sent its Unknown."""
    return {object_.split("/")[1]: t_us for t_us, object_, _ in cluster.records("NodeStatusUnknown")}


def no_execute_writes(cluster: Cluster, name: str) -> list[tuple[int, list[str]]]:
    """(us, keys of NoExecute taints) each time that those of a stored node changed."""
    seen: list[tuple[int, list[str]]] = []
    before: list[str] = []
    for t_us, resource, key, document in cluster.history:
        taints = (document.get("spec") or {}).get("taints") or []
        keys = [item["key"].split("/")[1] for item in taints if item["effect"] == "NoExecute"]
        if (resource, key) == ("nodes", name) and keys != before:
            seen.append((t_us, keys))
            before = keys
    return seen


@pytest.mark.parametrize(
    ("profile", "grace_us", "later_us"),
    [(V1_36, 50 * SECOND, 0), (V1_24, 40 * SECOND, 5 * SECOND)],
    ids=lambda item: str(item)[:30],
)
def test_8_1_one_of_three_nodes_falls_silent(profile: Profile, grace_us: int, later_us: int) -> None:
    """Unknown at P + grace with pods and NoSchedule at once; NoExecute with it (to 1.33: one pass later); recovery."""
    cluster = Cluster(profile=profile)
    healthy(cluster, ["n1", "n2", "n3"], until_us=1)
    kept_alive(cluster, ["n2", "n3"], 10 * SECOND, 600 * SECOND)
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
    healthy(cluster, ["n1", "n2", "n3"], until_us=1)
    kept_alive(cluster, ["n3"], 10 * SECOND, 100 * SECOND)
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
    healthy(cluster, names, until_us=1)
    kept_alive(cluster, names[3:], 10 * SECOND, 400 * SECOND)
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
    healthy(cluster, names, until_us=1)
    kept_alive(cluster, names[3:], 10 * SECOND, 400 * SECOND)
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
    healthy(cluster, names, until_us=1)
    kept_alive(cluster, names[dead:], 10 * SECOND, 300 * SECOND)
    cluster.start()
    cluster.run(300 * SECOND)
    assert len(unknown_at(cluster)) == dead
    assert cluster.zone_states() == {"": state}
    instants = [t_us for t_us, _ in cluster.granted()]
    assert 50 * SECOND < instants[0] <= 50 * SECOND + 200 * MILLISECOND
    steps = [later - earlier for earlier, later in pairwise(instants)]
    assert steps
    assert all(step_us <= step <= step_us + 200 * MILLISECOND for step in steps)


def two_zones(cluster: Cluster, size: int) -> tuple[list[str], list[str]]:
    """Nodes a0.. in zone A and b0.. in zone B, all seen by the first pass at 0."""
    first, second = ([f"{zone}{n}" for n in range(size)] for zone in "ab")
    labels = {name: zone_labels(name[0]) for name in (*first, *second)}
    healthy(cluster, [*first, *second], until_us=1, labels=labels)
    return first, second


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


def test_1_7_10_leaving_master_disruption_gives_every_node_a_fresh_grace() -> None:
    """A Ready but silent node is not marked until 50 s after master disruption ended."""
    cluster = Cluster()
    healthy(cluster, ["n1", "n2"], until_us=1)
    cluster.start()
    cluster.run(100 * SECOND)
    cluster.heartbeat("n1", lease_only=False)
    cluster.run(104 * SECOND)
    cluster.post("n2")  # Ready again, but nobody saw a lease of it since.
    cluster.run(200 * SECOND)
    left_us = next(t_us for t_us, _, fields in cluster.records("ZoneStateChanged") if fields["old"] == "FullDisruption")
    probes = {object_: fields["probe_us"] for _, object_, fields in cluster.records("NodeStatusUnknown")[2:]}
    assert probes["Node/n1"] == left_us


def test_1_7_10_an_excluded_node_that_was_silent_meanwhile_gets_a_fresh_grace_too() -> None:
    """It does not count, so all zones are down while it is Ready; its silence counts from the end of that."""
    cluster = Cluster()
    labels = {"n2": {"node.kubernetes.io/exclude-disruption": ""}}
    healthy(cluster, ["n1", "n2"], until_us=1, labels=labels)
    cluster.renew_every("n2", 10 * SECOND, 21 * SECOND)
    cluster.start()
    cluster.run(59 * SECOND)
    assert unknown_at(cluster) == {"n1": 50 * SECOND}
    cluster.heartbeat("n1", lease_only=False)
    cluster.renew_every("n1", 60 * SECOND, 200 * SECOND)
    cluster.run(150 * SECOND)
    left_us = cluster.records("ZoneStateChanged")[-1][0]
    assert left_us == 60 * SECOND + TRIP
    (probe_us,) = (
        fields["probe_us"] for _, object_, fields in cluster.records("NodeStatusUnknown") if object_ == "Node/n2"
    )
    assert probe_us == left_us


def test_1_7_8_a_taint_added_during_the_pass_is_not_stripped() -> None:
    """Master disruption strips what the nodes carried when its pass began; a taint that comes meanwhile stays."""
    cluster = Cluster()
    healthy(cluster, ["n1", "n2"], until_us=1)
    cluster.renew_every("n2", 10 * SECOND, 11 * SECOND)
    # Marking n2's pods takes the pass from 60 s past the next look of the NoExecute pass.
    for n in range(80):
        cluster.put("pods", pod(f"p{n:02}", "n2"))
    cluster.start()
    cluster.run(70 * SECOND)
    assert unknown_at(cluster)["n1"] == 50 * SECOND
    entered_us = cluster.records("ZoneStateChanged")[-1][0]
    assert entered_us > 60 * SECOND + 160 * MILLISECOND
    assert [name for _, name in cluster.granted()] == ["n1", "n2"]
    assert cluster.granted()[1][0] < entered_us
    assert (cluster.taints("n1"), cluster.taints("n2")) == ([], ["unreachable"])


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


def test_1_5_3_a_posted_false_is_queued_by_the_next_pass_and_pods_stay() -> None:
    """Ready=False: NoSchedule at the post, NoExecute within 100 ms of the pass; no event, no pod touched."""
    cluster = Cluster()
    healthy(cluster, ["n1", "n2"], until_us=100 * SECOND)
    cluster.put("pods", pod("p", "n1"))
    cluster.start()
    cluster.run(12 * SECOND)
    cluster.post("n1", "False")
    cluster.run(13 * SECOND)
    assert cluster.taints("n1", "NoSchedule") == ["not-ready"]
    cluster.run(20 * SECOND)
    (granted_us, _), = cluster.granted()  # fmt: skip
    assert 15 * SECOND <= granted_us <= 15 * SECOND + 100 * MILLISECOND
    assert cluster.status_updates("pods") == []
    assert {reason for _, reason, _, _ in cluster.events()} == {"RegisteredNode"}


@pytest.mark.parametrize(("profile", "later_us"), [(V1_36, 0), (V1_24, 5 * SECOND)], ids=["v1.36", "v1.24"])
def test_1_5_6_not_ready_becomes_unreachable_without_waiting(profile: Profile, later_us: int) -> None:
    """False, then silent: the swap needs no token, adds first, and comes with Unknown (to 1.33: one pass later)."""
    cluster = Cluster(profile=profile)
    healthy(cluster, ["n1", "n2", "n3"], until_us=1)
    kept_alive(cluster, ["n2", "n3"], 10 * SECOND, 200 * SECOND)
    cluster.start()
    cluster.run(12 * SECOND)
    cluster.post("n1", "False")
    cluster.run(100 * SECOND)
    marked_us = unknown_at(cluster)["n1"]
    writes = [(t_us, keys) for t_us, keys in no_execute_writes(cluster, "n1") if t_us > 20 * SECOND]
    assert [keys for _, keys in writes] == [["not-ready", "unreachable"], ["unreachable"]]
    assert marked_us + later_us < writes[0][0] < marked_us + later_us + 300 * MILLISECOND
    assert [name for _, name in cluster.granted()] == ["n1"]
    assert "NodeNotReady" not in {reason for _, reason, _, _ in cluster.events()}, "False to Unknown is no turn"


def test_1_3_10_a_status_without_renewal_costs_one_more_period() -> None:
    """Seen at 10 s, and the forgotten lease is taken for new at 15 s: Unknown 55 s after the pass that saw the post."""
    cluster = Cluster()
    healthy(cluster, ["n1", "n2"], until_us=1)
    kept_alive(cluster, ["n2"], 10 * SECOND, 200 * SECOND)
    cluster.start()
    cluster.run(9 * SECOND)
    cluster.post("n1")
    cluster.run(100 * SECOND)
    assert unknown_at(cluster) == {"n1": 65 * SECOND}


def test_1_3_18_a_kubelet_that_writes_in_time_is_not_marked() -> None:
    """The PUT carries the cached resourceVersion: 409, the node is read again, has a new heartbeat, and stays Ready."""
    cluster = Cluster()
    healthy(cluster, ["n1", "n2"], until_us=1)
    kept_alive(cluster, ["n2"], 10 * SECOND, 200 * SECOND)
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
    healthy(cluster, ["n1", "n2"], until_us=1)
    kept_alive(cluster, ["n2"], 10 * SECOND, 200 * SECOND)
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
    healthy(cluster, ["n1", "n2"], until_us=1)
    kept_alive(cluster, ["n2"], 10 * SECOND, 200 * SECOND)
    cluster.start()
    cluster.run(11 * SECOND)
    cluster.delete("nodes", "n1")
    cluster.run(101 * SECOND)
    cluster.put("nodes", node("n1", None, created_us=101 * SECOND))
    cluster.run(106 * SECOND)
    ((t_us, _, fields),) = cluster.records("NodeStatusUnknown")
    assert (t_us, fields["probe_us"], fields["reason"]) == (105 * SECOND, 0, "NodeStatusNeverUpdated")


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


def test_1_4_2_taints_removed_by_hand_come_back() -> None:
    """NoSchedule with the event, NoExecute from the next pass's queue; a user's own NoExecute of our key goes."""
    cluster = Cluster()
    healthy(cluster, ["n1", "n2"], until_us=1)
    kept_alive(cluster, ["n2"], 10 * SECOND, 200 * SECOND)
    cluster.start()
    cluster.run(71 * SECOND)
    assert cluster.taints("n1") == ["unreachable"]
    cluster.change("nodes", "n1", {"spec": {"taints": None}})
    cluster.run(71 * SECOND + 20 * MILLISECOND)
    assert (cluster.taints("n1", "NoSchedule"), cluster.taints("n1")) == (["unreachable"], [])
    mine = [{"key": "node.kubernetes.io/unreachable", "effect": "NoExecute", "value": "mine"}]
    cluster.change("nodes", "n2", {"spec": {"taints": [*mine, {"key": "mine", "effect": "NoExecute"}]}})
    cluster.run(76 * SECOND)
    assert (cluster.taints("n1"), cluster.taints("n2")) == (["unreachable"], ["mine"])


def test_1_5_7_two_writers_of_one_list_race_by_resource_version() -> None:
    """A conflict is tried again after 100 to 200 ms, drawn from the controller's stream; no taint is lost."""
    cluster = Cluster(seed=3)
    healthy(cluster, ["n1", "n2"], until_us=100 * SECOND)
    cluster.start()
    cluster.run(12 * SECOND)
    # Somebody else adds a taint between the controller's GET and its PATCH.
    foreign = {"spec": {"taints": [{"key": "foreign", "effect": "NoExecute"}]}}
    cluster.at(12 * SECOND + 3 * MILLISECOND - 1, lambda: cluster.change("nodes", "n1", foreign))
    cluster.post("n1", "False")
    cluster.run(13 * SECOND)
    assert (cluster.taints("n1", "NoSchedule"), cluster.taints("n1")) == (["not-ready"], ["foreign"])
    instants = [t_us for t_us, _ in cluster.calls(Get, "nodes")]
    drawn_us = Streams(3).stream("node-controller/taint-backoff").below(100 * MILLISECOND)
    assert instants[1] == 12 * SECOND + 5 * MILLISECOND + 100 * MILLISECOND + drawn_us


@pytest.mark.parametrize(("code", "tries"), [(409, 5), (500, 1), (0, 1)])
def test_1_5_7_a_patch_is_tried_five_times_on_conflict_and_once_on_other_errors(code: int, tries: int) -> None:
    """Then the NoSchedule worker gives up until the node's next event."""
    cluster = Cluster()
    healthy(cluster, ["n1", "n2"], until_us=100 * SECOND)
    cluster.start()
    cluster.run(11 * SECOND)
    cluster.fail = lambda request: code if type(request) is Patch and request.resource == "nodes" else None
    cluster.change("nodes", "n1", {"spec": {"unschedulable": True}})
    cluster.run(14 * SECOND)
    assert len(cluster.calls(Patch, "nodes")) == tries
    cluster.fail = lambda request: None
    cluster.change("nodes", "n1", {"metadata": {"labels": {"kubernetes.io/os": "linux"}}})
    cluster.run(15 * SECOND)
    assert cluster.taints("n1", "NoSchedule") == ["unschedulable"]
    assert cluster.store["nodes"]["n1"]["metadata"]["labels"]["beta.kubernetes.io/os"] == "linux"


def test_1_8_4_a_node_that_is_ready_again_costs_a_token() -> None:
    """Two dead nodes wait; the one at the head returns before its turn: the other is tainted one slot later."""
    cluster = Cluster()
    names = [f"n{n}" for n in range(1, 9)]
    healthy(cluster, names, until_us=1)
    kept_alive(cluster, names[3:], 10 * SECOND, 200 * SECOND)
    cluster.start()
    # n2 waits since 50 s and is queued anew by each pass; it returns just before the token of 60.1 s.
    cluster.at(60 * SECOND + 90 * MILLISECOND, lambda: cluster.post("n2"))
    cluster.run(75 * SECOND)
    ((skipped_us, object_, fields),) = cluster.records("TaintSkipped")
    assert (object_, fields) == ("Node/n2", {"zone": "", "why": "NodeReady"})
    (_, first), (third_us, third) = cluster.granted()
    assert (first, third) == ("n1", "n3")
    assert 10 * SECOND <= third_us - skipped_us <= 10 * SECOND + 200 * MILLISECOND


def test_a_node_deleted_while_it_waits_costs_a_token() -> None:
    """The head is not in the cache any more: it is taken off, and the token is spent."""
    cluster = Cluster()
    healthy(cluster, ["n1", "n2", "n3"], until_us=1)
    kept_alive(cluster, ["n3"], 10 * SECOND, 200 * SECOND)
    cluster.start()
    cluster.run(55 * SECOND)
    cluster.delete("nodes", "n2")
    cluster.run(70 * SECOND)
    ((_, object_, fields),) = cluster.records("TaintSkipped")
    assert (object_, fields["why"]) == ("Node/n2", "NodeGone")


def test_1_5_5_a_failed_taint_is_tried_again_at_the_cost_of_a_token() -> None:
    """The patch fails once: the next try is one slot later."""
    cluster = Cluster()
    healthy(cluster, ["n1", "n2"], until_us=1)
    kept_alive(cluster, ["n2"], 10 * SECOND, 200 * SECOND)
    cluster.start()
    cluster.run(50 * SECOND + 50 * MILLISECOND)
    cluster.fail = lambda request: 500 if type(request) is Patch and request.resource == "nodes" else None
    cluster.run(51 * SECOND)
    cluster.fail = lambda request: None
    cluster.run(70 * SECOND)
    first_us, second_us = (t_us for t_us, _ in cluster.granted())
    assert 10 * SECOND <= second_us - first_us <= 10 * SECOND + 200 * MILLISECOND
    assert cluster.taints("n1") == ["unreachable"]


def test_1_6_4_marking_is_tried_again_in_each_pass_until_it_works() -> None:
    """A pod whose PUT fails is PUT again every pass; NotFound is no failure and gets no event."""
    cluster = Cluster()
    healthy(cluster, ["n1", "n2"], until_us=1)
    kept_alive(cluster, ["n2"], 10 * SECOND, 200 * SECOND)
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
    cluster = Cluster()
    healthy(cluster, ["n1", "n2"], until_us=1)
    kept_alive(cluster, ["n2"], 10 * SECOND, 200 * SECOND)
    cluster.put("pods", pod("p1", "n1"))
    cluster.start()
    cluster.fail = lambda request: 500 if type(request) is Update and request.resource == "pods" else None
    cluster.run(52 * SECOND)
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


def test_1_7_4_an_excluded_node_does_not_count_but_is_tainted() -> None:
    """Three silent nodes of five, one excluded: 2 of 4 is Normal, and all three get their taint."""
    cluster = Cluster()
    names = [f"n{n}" for n in range(1, 6)]
    labels = {"n1": {"node.kubernetes.io/exclude-disruption": "any"}}
    healthy(cluster, names, until_us=1, labels=labels)
    kept_alive(cluster, names[3:], 10 * SECOND, 200 * SECOND)
    cluster.start()
    cluster.run(90 * SECOND)
    assert cluster.zone_states() == {"": "Normal"}
    assert sorted(name for _, name in cluster.granted()) == names[:3]


@pytest.mark.parametrize(
    ("working", "instants"), [(True, [50, 60, 70]), (False, list(range(50, 100, 5)))], ids=["beside others", "alone"]
)
def test_1_7_16_a_zone_of_excluded_nodes(working: bool, instants: list[int]) -> None:
    """It keeps its queue while any zone works: one taint per 10 s.  Where none does, it is forgotten each pass, and
    begins the next one with a fresh queue and a token: one per 5 s, and the first node of the pass takes it each time.
    """
    cluster = Cluster()
    out = {"node.kubernetes.io/exclude-disruption": "", **zone_labels("x")}
    names = ["x1", "x2", "x3"]
    healthy(cluster, [*names, *(["n1"] if working else [])], until_us=1, labels=dict.fromkeys(names, out))
    kept_alive(cluster, ["n1"] if working else [], 10 * SECOND, 200 * SECOND)
    cluster.start()
    cluster.run(100 * SECOND)
    assert [round(t_us / SECOND) for t_us, _ in cluster.granted()] == instants
    assert [name for _, name in cluster.granted()] == (names if working else ["x1"] * len(instants))


def test_a_node_that_moves_to_another_zone_leaves_its_entry_behind() -> None:
    """6.3.5: the old zone's queue spends a token on it; the new zone's queue taints it."""
    cluster = Cluster()
    names = ["n1", "n2", "n3"]
    healthy(cluster, names, until_us=1)
    kept_alive(cluster, ["n3"], 10 * SECOND, 200 * SECOND)
    cluster.start()
    cluster.run(57 * SECOND)
    cluster.change("nodes", "n2", {"metadata": {"labels": zone_labels("z")}})
    cluster.run(62 * SECOND)
    assert [name for _, name in cluster.granted()] == ["n1", "n2", "n2"]
    assert [fields["zone"] for _, _, fields in cluster.records("TaintGranted")] == ["", "r1/z", ""]


def test_v1_24_works_on_one_node_at_a_time() -> None:
    """Up to 1.26 the next node's PUT waits for the pods of the one before; with eight workers all go out at once."""
    instants = {}
    for profile in (V1_24, V1_36):
        cluster = Cluster(profile=profile)
        names = [f"n{n:02}" for n in range(12)]
        healthy(cluster, [*names, "x1"], until_us=1)
        kept_alive(cluster, ["x1"], 10 * SECOND, 200 * SECOND)
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
    healthy(cluster, ["n1", "n2", "n3"], until_us=1)
    kept_alive(cluster, ["n3"], 10 * SECOND, 200 * SECOND)
    cluster.start()
    cluster.at(40 * SECOND - MILLISECOND + 1, lambda: cluster.heartbeat("n2"))
    cluster.run(60 * SECOND)
    assert list(unknown_at(cluster)) == ["n1"]


def test_the_next_pass_begins_a_period_after_the_end_of_the_last() -> None:
    """1.1.2: a pass that needed calls slides the rhythm; one that needed none does not."""
    cluster = Cluster()
    healthy(cluster, ["n1", "n2", "n3"], until_us=1)
    kept_alive(cluster, ["n3"], 10 * SECOND, 200 * SECOND)
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
    healthy(cluster, ["n1", "n2"], until_us=1)
    kept_alive(cluster, ["n2"], 10 * SECOND, 100 * SECOND)
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


@pytest.mark.parametrize("rate_milli", [1000, 2000])
def test_1_8_8_with_rate_1_tainting_stays_off_after_a_stop(rate_milli: int) -> None:
    """--node-eviction-rate=1: after Partial the never-limiter is not replaced; any other rate comes back."""
    settings = attrs.evolve(Settings.of(V1_36), node_eviction_rate_milli=rate_milli)
    cluster = Cluster(settings=settings)
    names = [f"n{n}" for n in range(1, 6)]
    healthy(cluster, names, until_us=1)
    kept_alive(cluster, names[3:], 10 * SECOND, 400 * SECOND)
    cluster.start()
    cluster.run(100 * SECOND)
    cluster.heartbeat("n1", lease_only=False)
    kept_alive(cluster, ["n1"], 110 * SECOND, 200 * SECOND)
    cluster.run(150 * SECOND)
    assert len(cluster.granted()) == (0 if rate_milli == 1000 else 2)


def test_1_1_2_a_no_execute_pass_slides_by_its_own_duration() -> None:
    """GET and PATCH take 4 ms, so the next pass is 104 ms after the last one, not 100."""
    settings = attrs.evolve(Settings.of(V1_36), node_eviction_rate_milli=10_000)
    cluster = Cluster(settings=settings)
    names = [f"n{n}" for n in range(1, 8)]
    healthy(cluster, names, until_us=1)
    kept_alive(cluster, names[3:], 10 * SECOND, 100 * SECOND)
    cluster.start()
    cluster.run(52 * SECOND)
    instants = [t_us - 50 * SECOND for t_us, _ in cluster.granted()]
    assert instants == [100 * MILLISECOND, 204 * MILLISECOND, 308 * MILLISECOND]


@pytest.mark.parametrize(("failing", "granted"), [(True, ["n1"]), (False, ["n1", "n1"])])
def test_a_taint_that_could_not_be_stripped_keeps_its_node_in_the_set(failing: bool, granted: list[str]) -> None:
    """Master disruption: n1's taint stays, so that it is not queued again; stripped, it is, and costs a token later."""
    cluster = Cluster()
    healthy(cluster, ["n1", "n2"], until_us=1)
    kept_alive(cluster, ["n2"], 10 * SECOND, 21 * SECOND)
    cluster.start()
    cluster.run(74 * SECOND)
    if failing:
        # Only what takes all of n1's NoExecute taints away.
        cluster.fail = lambda request: (
            500
            if type(request) is Patch
            and request.name == "n1"
            and "NoExecute" not in str(decode_document(request.document)["spec"]["taints"])
            else None
        )
    cluster.run(84 * SECOND)
    cluster.fail = lambda request: None
    assert cluster.zone_states() == {"": "FullDisruption"}
    assert cluster.taints("n1") == (["unreachable"] if failing else [])
    cluster.heartbeat("n2", lease_only=False)
    kept_alive(cluster, ["n2"], 90 * SECOND, 200 * SECOND)
    cluster.run(120 * SECOND)
    assert [name for _, name in cluster.granted()] == granted


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


def test_a_node_read_again_in_a_new_zone_gets_a_queue_there() -> None:
    """The retry after a conflict shows zone labels that the pass did not know of; it is queued in that zone."""
    cluster = Cluster()
    healthy(cluster, ["n1", "n2"], until_us=1)
    kept_alive(cluster, ["n2"], 10 * SECOND, 100 * SECOND)
    cluster.start()
    cluster.run(49 * SECOND)
    cluster.watch_lag_us = SECOND
    cluster.at(50 * SECOND - 1, lambda: cluster.change("nodes", "n1", {"metadata": {"labels": zone_labels("z")}}))
    cluster.run(60 * SECOND)
    assert cluster.zone_states() == {"": "Normal", "r1/z": "FullDisruption"}
    assert {fields["zone"] for _, _, fields in cluster.records("TaintQueued")} == {"r1/z"}


def test_a_node_that_lost_its_ready_condition_is_no_longer_to_be_marked() -> None:
    """1.2.10: without Ready there is neither taint work nor a memory of pods to mark."""
    cluster = Cluster()
    healthy(cluster, ["n1", "n2"], until_us=1)
    kept_alive(cluster, ["n2"], 10 * SECOND, 100 * SECOND)
    cluster.put("pods", pod("p1", "n1"))
    cluster.start()
    cluster.fail = lambda request: 500 if type(request) is Update and request.resource == "pods" else None
    cluster.run(52 * SECOND)
    cluster.heartbeat("n1")
    cluster.put("nodes", node("n1", None))
    cluster.run(58 * SECOND)
    cluster.post("n1", "False")
    cluster.run(70 * SECOND)
    assert len(cluster.status_updates("pods")) == 1


def test_a_ready_status_of_no_known_kind_gets_no_no_execute_taint() -> None:
    """Neither True nor False nor Unknown: it counts as not ready, and nothing is queued."""
    cluster = Cluster()
    cluster.put("nodes", node("n1", "Maybe"))
    cluster.renew_every("n1", 0, 100 * SECOND)
    cluster.start()
    cluster.run(30 * SECOND)
    assert (cluster.granted(), cluster.taints("n1")) == ([], [])
    assert cluster.zone_states() == {"": "FullDisruption"}


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
