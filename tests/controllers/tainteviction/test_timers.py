"""When does the timer of a toleration begin and end, and what calls it off?"""

from __future__ import annotations

from typing import Any

import pytest

from nodesim.messages import Delete
from nodesim.units import MILLISECOND, SECOND
from tests.controllers.tainteviction.fakes import CANCELLING, MARKING, A, B, cluster_with, node, pod, taint, tolerates


@pytest.mark.parametrize(
    ("tolerations", "evicted_at_s"),
    [
        ([tolerates("A", 20), tolerates("A", 60)], 20),
        ([tolerates("A", 60), tolerates("A", 20)], 60),
        ([tolerates("A"), tolerates("A", 20)], None),
        ([tolerates("A", 20), {"operator": "Exists"}], 20),
        ([tolerates("A", 0)], 0),
        ([tolerates("A", -5)], 0),
        ([tolerates("B", 5)], 0),
        ([{"key": "A", "operator": "Equal", "value": "other", "tolerationSeconds": 5}], 0),
        ([{"operator": "Exists"}], None),
    ],
)
def test_the_first_matching_toleration_counts(tolerations: list[dict[str, Any]], evicted_at_s: int | None) -> None:
    """Of one taint's matching tolerations the first decides; zero and less evict at once (recorded: te)."""
    cluster = cluster_with(*tolerations)
    cluster.put_node(node("n", A))
    cluster.run_until(200)
    started = [at_us for at_us, _, _ in cluster.of_kind("EvictionStarted")]
    assert started == ([] if evicted_at_s is None else [evicted_at_s * SECOND])


def test_one_finite_toleration_among_infinite_ones_counts() -> None:
    """A tolerated for ever and B for 10 s: the pod goes 10 s after B came (recorded: te p-ainf-b10)."""
    cluster = cluster_with(tolerates("A"), tolerates("B", 10))
    cluster.put_node(node("n", A))
    cluster.run_until(10)
    cluster.put_node(node("n", A, B))
    cluster.run_until(30)
    fields = {"node": "n", "taint": "B=x:NoExecute", "at_us": 20 * SECOND, "toleration_seconds": 10}
    assert cluster.of_kind("EvictionScheduled") == [(10 * SECOND, "Pod/default/p", fields)]
    expired = {"node": "n", "why": "toleration expired"}
    assert cluster.of_kind("EvictionStarted") == [(20 * SECOND, "Pod/default/p", expired)]


def test_an_untolerated_taint_ends_the_wait() -> None:
    """A pod that waits is cancelled, with an event, and deleted at once when an untolerated taint comes."""
    cluster = cluster_with(tolerates("A", 45))
    cluster.put_node(node("n", A))
    cluster.run_until(10)
    cluster.put_node(node("n", A, B))
    cluster.run_until(100)
    assert cluster.messages() == [(10 * SECOND, CANCELLING), (10 * SECOND, MARKING)]
    assert cluster.of_kind("EvictionCancelled") == [(10 * SECOND, "Pod/default/p", {"why": "not tolerated"})]
    assert cluster.of_kind("EvictionStarted") == [(10 * SECOND, "Pod/default/p", {"node": "n", "why": "not tolerated"})]
    assert len(cluster.made(Delete)) == 1


def test_a_running_timer_survives_new_shorter_taints_and_removed_old_ones() -> None:
    """A for 40 s, B for 5 s at +10 s, A overwritten at +20 s and gone at +25 s: still 40 s (recorded: p-a40-b5)."""
    cluster = cluster_with(tolerates("A", 40), tolerates("B", 5))
    for at_s, taints in ((0, [A]), (10, [A, B]), (20, [taint("A", "y"), B]), (25, [B])):
        cluster.run_until(at_s)
        cluster.put_node(node("n", *taints))
    cluster.run_until(60)
    assert [at_us for at_us, _, _ in cluster.of_kind("EvictionStarted")] == [40 * SECOND]
    assert cluster.messages() == [(40 * SECOND, MARKING)]


@pytest.mark.parametrize(
    ("first_s", "second_s", "started_s", "messages"),
    [
        (100, 100, [100], [(100, MARKING)]),
        (100, 20, [100], [(100, MARKING)]),
        (None, 20, [70], [(70, MARKING)]),
        (100, None, [], [(50, CANCELLING)]),
    ],
)
def test_a_swap_of_taints_does_not_set_the_timer_anew(
    first_s: int | None, second_s: int | None, started_s: list[int], messages: list[tuple[int, str]]
) -> None:
    """One taint gives way to another at 50 s, add before remove: the first timer goes on (recorded: d-swap-timers)."""
    not_ready, unreachable = taint("not-ready", ""), taint("unreachable", "")
    cluster = cluster_with(tolerates("not-ready", first_s), tolerates("unreachable", second_s))
    cluster.put_node(node("n", not_ready))
    cluster.run_until(50)
    cluster.put_node(node("n", not_ready, unreachable))
    cluster.run_until(50.02)
    cluster.put_node(node("n", unreachable))
    cluster.run_until(300)
    assert [at_us // SECOND for at_us, _, _ in cluster.of_kind("EvictionStarted")] == started_s
    assert [(at_us // SECOND, text) for at_us, text in cluster.messages()] == messages


def test_after_full_removal_the_time_starts_from_zero() -> None:
    """A goes after 10 s and returns at 12 s: 30 s count from the return (recorded: q-a30)."""
    cluster = cluster_with(tolerates("A", 30))
    for at_s, taints in ((0, [A]), (10, []), (12, [A])):
        cluster.run_until(at_s)
        cluster.put_node(node("n", *taints))
    cluster.run_until(100)
    assert cluster.of_kind("EvictionCancelled") == [(10 * SECOND, "Pod/default/p", {"why": "taints removed"})]
    assert cluster.messages() == [(10 * SECOND, CANCELLING), (42 * SECOND, MARKING)]


def test_time_added_is_ignored() -> None:
    """A taint that claims to be an hour old still gives the full time, and a changed timeAdded changes nothing."""
    cluster = cluster_with(tolerates("A", 30))
    cluster.put_node(node("n", taint("A", timeAdded=0)))
    cluster.run_until(20)
    cluster.put_node(node("n", taint("A", timeAdded=20 * SECOND)))
    cluster.run_until(60)
    assert cluster.messages() == [(30 * SECOND, MARKING)]


def test_a_deleted_nodes_timers_go_on() -> None:
    """The node goes after 5 s, its pod is evicted at 30 s all the same (recorded: te r-a30)."""
    cluster = cluster_with(tolerates("A", 30))
    cluster.put_node(node("n", A))
    cluster.run_until(5)
    cluster.remove_node("n")
    cluster.run_until(40)
    assert cluster.messages() == [(30 * SECOND, MARKING)]


def test_a_pod_deleted_by_someone_else_cancels_when_its_object_goes() -> None:
    """A deletionTimestamp changes nothing; the object's end writes a Cancelling event (recorded: te)."""
    cluster = cluster_with(tolerates("A", 50))
    cluster.put_node(node("n", A))
    cluster.run_until(5)
    terminating = pod("p", "n", [tolerates("A", 50)])
    terminating["metadata"]["deletionTimestamp"] = 35 * SECOND
    cluster.put_pod(terminating)
    cluster.run_until(7)
    assert cluster.messages() == []
    cluster.remove_pod("p")
    cluster.run_until(100)
    assert cluster.messages() == [(7 * SECOND, CANCELLING)]
    assert cluster.of_kind("EvictionCancelled") == [(7 * SECOND, "Pod/default/p", {"why": "pod deleted"})]
    assert cluster.deleted() == {}


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_ended_pods_are_evicted_like_others(phase: str) -> None:
    """A DELETE is sent for a pod that has ended."""
    cluster = cluster_with(tolerates("A", 8), phase=phase)
    cluster.put_node(node("n", A))
    cluster.run_until(10)
    assert cluster.deleted() == {"p": 8 * SECOND + 4 * MILLISECOND}
