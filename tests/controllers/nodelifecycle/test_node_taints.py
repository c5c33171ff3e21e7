"""When does a node get and lose the taints of its condition, and what if a patch fails? (1.4 and 1.5)"""

from __future__ import annotations

import attrs
import pytest

from nodesim.messages import Get, Patch
from nodesim.profiles import V1_24, V1_36, Profile, Settings
from nodesim.streams import Streams
from nodesim.units import MILLISECOND, SECOND
from tests.controllers.nodelifecycle.cluster import Cluster, node, pod
from tests.controllers.nodelifecycle.renewing import fall_silent, healthy, no_execute_writes, unknown_at


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
    fall_silent(cluster, ["n1", "n2", "n3"], but=["n2", "n3"], until_us=200 * SECOND)
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


def test_1_4_2_taints_removed_by_hand_come_back() -> None:
    """NoSchedule with the event, NoExecute from the next pass's queue; a user's own NoExecute of our key goes."""
    cluster = Cluster()
    fall_silent(cluster, ["n1", "n2"], but=["n2"], until_us=200 * SECOND)
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


def test_1_1_2_a_no_execute_pass_slides_by_its_own_duration() -> None:
    """GET and PATCH take 4 ms, so the next pass is 104 ms after the last one, not 100."""
    settings = attrs.evolve(Settings.of(V1_36), node_eviction_rate_milli=10_000)
    cluster = Cluster(settings=settings)
    names = [f"n{n}" for n in range(1, 8)]
    fall_silent(cluster, names, but=names[3:], until_us=100 * SECOND)
    cluster.start()
    cluster.run(52 * SECOND)
    instants = [t_us - 50 * SECOND for t_us, _ in cluster.granted()]
    assert instants == [100 * MILLISECOND, 204 * MILLISECOND, 308 * MILLISECOND]


def test_a_ready_status_of_no_known_kind_gets_no_no_execute_taint() -> None:
    """Neither True nor False nor Unknown: it counts as not ready, and nothing is queued."""
    cluster = Cluster()
    cluster.put("nodes", node("n1", "Maybe"))
    cluster.renew_every("n1", 0, 100 * SECOND)
    cluster.start()
    cluster.run(30 * SECOND)
    assert (cluster.granted(), cluster.taints("n1")) == ([], [])
    assert cluster.zone_states() == {"": "FullDisruption"}
