"""The pod garbage collector's rhythm, its quarantine, the order of one run, and what differs between versions."""

from __future__ import annotations

from typing import Any

import pytest

from nodesim.controllers.podgc import ACTOR, Quarantine
from nodesim.messages import Delete, Failure, Get, Patch
from nodesim.profiles import V1_24, V1_36
from nodesim.units import MILLISECOND, SECOND
from tests.controllers.podgc.cluster import Collected

MOMENT_US = 100 * MILLISECOND
"""More than the calls of one run take."""


def seconds(cluster: Collected, request: type[Any]) -> list[tuple[float, str]]:
    """(second, name) of the collector's requests of a type."""
    return [(round(at_us / SECOND, 1), asked.name) for at_us, asked in cluster.live.requests(ACTOR, request)]


def test_an_orphan_goes_in_the_third_run_that_misses_its_node() -> None:
    """Runs at 0, 20, 40, ... s: a node deleted at 15 s waits from 20 s on, and its pod goes at 60 s."""
    cluster = Collected()
    cluster.node("n1")
    cluster.pod("a", "R", "n1")
    cluster.start()
    cluster.live.run(15 - cluster.live.now_us / SECOND)
    cluster.remove_node("n1")
    cluster.live.run(100)
    (waiting,) = [record for record in cluster.live.records("NodeQuarantined") if record.t_us < 60 * SECOND]
    assert waiting.t_us == pytest.approx(20 * SECOND, abs=MOMENT_US)
    assert waiting.fields == {"until_us": waiting.t_us + 40 * SECOND}
    assert seconds(cluster, Patch) == [(60.0, "a")]
    assert seconds(cluster, Delete) == [(60.0, "a")]
    (collected,) = cluster.live.records("PodCollected")
    assert (collected.object, collected.fields) == ("Pod/default/a", {"node": "n1", "why": "node gone"})


def test_the_name_waits_again_in_the_run_that_collects_its_pods() -> None:
    """So the node is asked for once more 40 s later, although nothing is left to collect, as the real one does."""
    cluster = Collected()
    cluster.pod("a", "R", "gone")
    cluster.start()
    cluster.live.run(130)
    assert seconds(cluster, Get) == [(40.0, "gone"), (80.0, "gone")]
    assert len(seconds(cluster, Delete)) == 1


def test_a_node_that_is_back_when_its_time_is_over_saves_its_pods() -> None:
    """Nobody asks for it; if it goes again, it waits again."""
    cluster = Collected()
    cluster.pod("a", "R", "n1")
    cluster.start()
    cluster.live.run(30)
    cluster.node("n1")
    cluster.live.run(15)
    assert seconds(cluster, Get) == []
    cluster.remove_node("n1")
    cluster.live.run(50)
    assert cluster.deleted() == []
    cluster.live.run(10)
    assert cluster.deleted() == ["a"]


def test_the_api_server_has_the_last_word_on_a_node() -> None:
    """A node that the cache misses and the API server has is not missing; an error means to wait for another 40 s."""
    cluster = Collected()
    cluster.pod("a", "R", "n1")
    cluster.start()
    failures = [Failure(500, "InternalError", "")]
    cluster.live.server.refuse = lambda client, request: (
        failures.pop() if client == ACTOR and isinstance(request, Get) and failures else None
    )
    cluster.live.run(50)
    assert seconds(cluster, Get) == [(40.0, "n1")]
    assert cluster.deleted() == []
    cluster.live.run(40)
    assert seconds(cluster, Get) == [(40.0, "n1"), (80.0, "n1")]
    assert cluster.deleted() == ["a"]


def test_one_run_takes_its_stages_in_order() -> None:
    """Ended, out of service, orphaned, unscheduled; one that ends where others wait still counts for this run only."""
    cluster = Collected(threshold=1)
    cluster.node("lost", ready=False, out_of_service="NoExecute")
    cluster.pod("z-unscheduled", "P", terminating=True)
    cluster.pod("y-orphan", "R", "gone")
    cluster.pod("x-orphan", "P", "gone")
    cluster.start()
    cluster.live.run(30)
    cluster.pod("w-lost", "R", "lost", terminating=True)
    cluster.pod("b-ended", "S", "lost")
    cluster.pod("a-ended", "F", "lost")
    cluster.live.run(15)
    order = [
        (record.object.rpartition("/")[2], record.fields["why"]) for record in cluster.live.records("PodCollected")
    ]
    assert order == [
        ("z-unscheduled", "unscheduled"),
        ("z-unscheduled", "unscheduled"),  # It has a finalizer, so every run deletes it again.
        ("z-unscheduled", "terminated"),  # Set Failed by the first run, it counts as ended: the oldest of three.
        ("a-ended", "terminated"),
        ("w-lost", "out of service"),
        ("x-orphan", "node gone"),
        ("y-orphan", "node gone"),
        ("z-unscheduled", "unscheduled"),
    ]


def test_a_failed_patch_ends_that_pods_removal() -> None:
    """It is not deleted without being marked; the next run tries again, after the node's quarantine."""
    cluster = Collected()
    for name in ("a", "b"):
        cluster.pod(name, "R", "gone")
    cluster.start()
    failures = [Failure(500, "InternalError", "")]
    cluster.live.server.refuse = lambda client, request: (
        failures.pop() if client == ACTOR and isinstance(request, Patch) and failures else None
    )
    cluster.live.run(50)
    assert cluster.deleted() == ["b"]
    cluster.live.run(40)
    assert cluster.deleted() == ["b", "a"]


def test_a_namesake_made_meanwhile_is_not_marked() -> None:
    """The run works on the pods that it saw when it began; its patch names the uid, so a newer pod is refused."""
    cluster = Collected()
    cluster.pod("a", "R", "gone")
    cluster.start()
    cluster.live.run(38)
    while not cluster.asked_for():
        cluster.live.run(0.001)
    cluster.live.ok(Delete("pods", "default", "a", 0))
    cluster.node("fine")
    cluster.pod("a", "R", "fine")
    cluster.live.run(12)
    assert sorted(cluster.patches()) == ["a"]
    assert cluster.deleted() == []


def test_v1_24_deletes_without_a_mark_and_knows_no_taint() -> None:
    """No phase Failed, no condition; out-of-service means nothing."""
    cluster = Collected(V1_24)
    cluster.node("lost", ready=False, out_of_service="NoExecute")
    cluster.pod("a", "R", "gone")
    cluster.pod("b", "R", "lost", terminating=True)
    cluster.pod("c", "P", terminating=True)
    cluster.start()
    cluster.live.run(50)
    assert cluster.deleted() == ["c", "c", "a", "c"]
    assert cluster.patches() == {}


def test_one_that_was_there_before_is_ahead_in_its_rhythm() -> None:
    """Its second run comes earlier, all others follow in steps of 20 s."""
    cluster = Collected(V1_36, ahead_us=33 * SECOND)
    cluster.pod("a", "P", terminating=True)
    cluster.start()
    cluster.live.run(50)
    assert [at for at, _ in seconds(cluster, Delete)] == [0.0, 7.0, 27.0, 47.0]


def test_a_quarantine_ends_at_its_instant() -> None:
    """40 s later, not 1 us before; a waiting name is not delayed, a ready one begins anew."""
    quarantine = Quarantine()
    assert quarantine.name(["a", "b"], 0) == {"a": 40 * SECOND, "b": 40 * SECOND}
    assert quarantine.name(["b", "c"], 10 * SECOND) == {"c": 50 * SECOND}
    assert quarantine.take(40 * SECOND - 1) == []
    assert quarantine.name(["a"], 40 * SECOND) == {"a": 80 * SECOND}
    assert quarantine.take(40 * SECOND) == ["a", "b"]
    assert quarantine.take(79 * SECOND) == ["c"]
    assert quarantine.take(80 * SECOND) == ["a"]
