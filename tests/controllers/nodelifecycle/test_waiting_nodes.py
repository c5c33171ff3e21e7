"""When does the turn of a node come that waits for its NoExecute taint, and what costs it a token? (1.8)"""

from __future__ import annotations

import attrs
import pytest

from nodesim.messages import Patch
from nodesim.profiles import V1_36, Settings
from nodesim.units import MILLISECOND, SECOND
from tests.controllers.nodelifecycle.cluster import Cluster, zone_labels
from tests.controllers.nodelifecycle.renewing import fall_silent, kept_alive


def test_1_8_4_a_node_that_is_ready_again_costs_a_token() -> None:
    """Two dead nodes wait; the one at the head returns before its turn: the other is tainted one slot later."""
    cluster = Cluster()
    names = [f"n{n}" for n in range(1, 9)]
    fall_silent(cluster, names, but=names[3:], until_us=200 * SECOND)
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
    fall_silent(cluster, ["n1", "n2", "n3"], but=["n3"], until_us=200 * SECOND)
    cluster.start()
    cluster.run(55 * SECOND)
    cluster.delete("nodes", "n2")
    cluster.run(70 * SECOND)
    ((_, object_, fields),) = cluster.records("TaintSkipped")
    assert (object_, fields["why"]) == ("Node/n2", "NodeGone")


def test_1_5_5_a_failed_taint_is_tried_again_at_the_cost_of_a_token() -> None:
    """The patch fails once: the next try is one slot later."""
    cluster = Cluster()
    fall_silent(cluster, ["n1", "n2"], but=["n2"], until_us=200 * SECOND)
    cluster.start()
    cluster.run(50 * SECOND + 50 * MILLISECOND)
    cluster.fail = lambda request: 500 if type(request) is Patch and request.resource == "nodes" else None
    cluster.run(51 * SECOND)
    cluster.fail = lambda request: None
    cluster.run(70 * SECOND)
    first_us, second_us = (t_us for t_us, _ in cluster.granted())
    assert 10 * SECOND <= second_us - first_us <= 10 * SECOND + 200 * MILLISECOND
    assert cluster.taints("n1") == ["unreachable"]


def test_a_node_that_moves_to_another_zone_leaves_its_entry_behind() -> None:
    """6.3.5: the old zone's queue spends a token on it; the new zone's queue taints it."""
    cluster = Cluster()
    names = ["n1", "n2", "n3"]
    fall_silent(cluster, names, but=["n3"], until_us=200 * SECOND)
    cluster.start()
    cluster.run(57 * SECOND)
    cluster.change("nodes", "n2", {"metadata": {"labels": zone_labels("z")}})
    cluster.run(62 * SECOND)
    assert [name for _, name in cluster.granted()] == ["n1", "n2", "n2"]
    assert [fields["zone"] for _, _, fields in cluster.records("TaintGranted")] == ["", "r1/z", ""]


@pytest.mark.parametrize("rate_milli", [1000, 2000])
def test_1_8_8_with_rate_1_tainting_stays_off_after_a_stop(rate_milli: int) -> None:
    """--node-eviction-rate=1: after Partial the never-limiter is not replaced; any other rate comes back."""
    settings = attrs.evolve(Settings.of(V1_36), node_eviction_rate_milli=rate_milli)
    cluster = Cluster(settings=settings)
    names = [f"n{n}" for n in range(1, 6)]
    fall_silent(cluster, names, but=names[3:], until_us=400 * SECOND)
    cluster.start()
    cluster.run(100 * SECOND)
    cluster.heartbeat("n1", lease_only=False)
    kept_alive(cluster, ["n1"], 110 * SECOND, 200 * SECOND)
    cluster.run(150 * SECOND)
    assert len(cluster.granted()) == (0 if rate_milli == 1000 else 2)


def test_a_node_read_again_in_a_new_zone_gets_a_queue_there() -> None:
    """The retry after a conflict shows zone labels that the pass did not know of; it is queued in that zone."""
    cluster = Cluster()
    fall_silent(cluster, ["n1", "n2"], but=["n2"], until_us=100 * SECOND)
    cluster.start()
    cluster.run(49 * SECOND)
    cluster.watch_lag_us = SECOND
    cluster.at(50 * SECOND - 1, lambda: cluster.change("nodes", "n1", {"metadata": {"labels": zone_labels("z")}}))
    cluster.run(60 * SECOND)
    assert cluster.zone_states() == {"": "Normal", "r1/z": "FullDisruption"}
    assert {fields["zone"] for _, _, fields in cluster.records("TaintQueued")} == {"r1/z"}
