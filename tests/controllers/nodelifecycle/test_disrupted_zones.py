"""Who counts for a zone's state, and what becomes of taints when all zones are down? (1.7)"""

from __future__ import annotations

import pytest

from nodesim.messages import Patch
from nodesim.objects import decode_document
from nodesim.units import MILLISECOND, SECOND
from tests.controllers.nodelifecycle.cluster import Cluster, pod, zone_labels
from tests.controllers.nodelifecycle.renewing import TRIP, fall_silent, healthy, kept_alive, unknown_at


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


def test_1_7_4_an_excluded_node_does_not_count_but_is_tainted() -> None:
    """Three silent nodes of five, one excluded: 2 of 4 is Normal, and all three get their taint."""
    cluster = Cluster()
    names = [f"n{n}" for n in range(1, 6)]
    labels = {"n1": {"node.kubernetes.io/exclude-disruption": "any"}}
    fall_silent(cluster, names, but=names[3:], until_us=200 * SECOND, labels=labels)
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


@pytest.mark.parametrize(("failing", "granted"), [(True, ["n1"]), (False, ["n1", "n1"])])
def test_a_taint_that_could_not_be_stripped_keeps_its_node_in_the_set(failing: bool, granted: list[str]) -> None:
    """Master disruption: n1's taint stays, so that it is not queued again; stripped, it is, and costs a token later."""
    cluster = Cluster()
    fall_silent(cluster, ["n1", "n2"], but=["n2"], until_us=21 * SECOND)
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
