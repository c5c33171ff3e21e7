"""When is a ReplicaSet synced, what does its status say, and what is none of its business?"""

from __future__ import annotations

from typing import Any

import pytest

from nodesim.machine import Answered, Changed, Synced, TimerFired, Told
from nodesim.messages import Create, Get, Update
from nodesim.units import MILLISECOND, SECOND
from tests.controllers.replicaset.fakes import Cluster, pod, replica_set, steady
from tests.play import play


def test_a_replica_set_that_is_being_deleted_scales_nothing() -> None:
    """It neither creates, adopts nor releases; its status goes on."""
    cluster = Cluster()
    document = replica_set(replicas=5)
    document["metadata"]["deletionTimestamp"] = 0
    cluster.write(document)
    cluster.write(pod("a"))
    cluster.write(pod("o", owner=None))
    cluster.write(pod("x", labels={}))
    cluster.sync()
    cluster.run_until(SECOND)
    assert [type(request) for _, request in cluster.requests] == [Update]
    assert cluster.statuses()[-1]["replicas"] == 1


def test_a_deleted_replica_sets_pods_stay() -> None:
    """No request follows its removal; a successor of the same name starts clean and makes its own pods."""
    cluster = steady("a", "b")
    cluster.remove("replicasets", "web")
    cluster.change("pods", "a", deletionTimestamp=0)
    cluster.run_until(2 * SECOND)
    assert cluster.requests == []
    successor = replica_set(replicas=1)
    successor["metadata"]["uid"] = "uid-web-2"
    cluster.write(successor)
    cluster.run_until(3 * SECOND)
    assert [(want, have) for _, _, want, have in cluster.differences()] == [(1, 0)]


def test_a_successor_seen_as_a_change_starts_clean() -> None:
    """When the cache shows another UID under the same name, the old one's expectations are forgotten."""
    cluster = steady("a")
    cluster.deaf = True
    cluster._deliver("replicasets", "default/web", {**replica_set(replicas=2), "status": {}})
    cluster.run_until(2 * SECOND)
    successor = replica_set(replicas=1)
    successor["metadata"]["uid"] = "uid-web-2"
    cluster._deliver("replicasets", "default/web", successor)
    assert [(want, have) for _, _, want, have in cluster.differences()] == [(2, 1), (1, 0)]


def test_a_status_conflict_is_settled_by_reading_again() -> None:
    """A PUT on a stale version meets 409; one GET and one more PUT follow at once."""
    cluster = steady("a")
    cluster.deaf = True
    cluster.change("replicasets", "web", labels={"x": "y"})
    unready = pod("a")
    unready["status"]["conditions"] = []
    unready["metadata"]["resourceVersion"] = "999"
    cluster._deliver("pods", "default/a", unready)
    cluster.run_until(2 * SECOND)
    assert len(cluster.made(Update, "replicasets")) == 2
    stored = cluster.store["replicasets", "default/web"]
    assert stored["metadata"]["labels"] == {"x": "y"}
    assert stored["status"] == {"replicas": 1, "fullyLabeledReplicas": 1, "observedGeneration": 1}


@pytest.mark.parametrize(("kind", "times"), [(Update, 2), (Get, 1)])
def test_a_status_that_cannot_be_written_is_tried_again_later(kind: type[Any], times: int) -> None:
    """After two failed PUTs, or one and a failed GET, the sync ends and is tried again 5 ms later."""
    cluster = Cluster()
    cluster.write(replica_set(replicas=0))
    cluster.fail(Update, "replicasets", 2 if kind is Update else 1)
    if kind is Get:
        cluster.fail(Get, "replicasets", 1)
    cluster.sync()
    start_us = cluster.now_us
    cluster.run_until(SECOND)
    last_us = start_us + (6 if kind is Update else 4) * MILLISECOND
    assert cluster.made(Update, "replicasets")[times] == last_us + 5 * MILLISECOND
    assert len(cluster.made(Update, "replicasets")) == times + 1


def test_ready_pods_become_available_after_min_ready_seconds() -> None:
    """With minReadySeconds 10 the status counts a pod as available in a look that the controller plans by itself."""
    cluster = Cluster()
    cluster.write(replica_set(replicas=1, minReadySeconds=10))
    unready = pod("a")
    unready["status"]["conditions"] = []
    cluster.write(unready)
    cluster.sync()
    cluster.run_until(SECOND)
    ready = pod("a")
    ready["status"]["conditions"][0]["lastTransitionTime"] = SECOND
    cluster.write(ready)
    cluster.run_until(2 * SECOND)
    assert "availableReplicas" not in cluster.statuses()[-1]
    cluster.run_until(13 * SECOND)
    assert cluster.statuses()[-1]["availableReplicas"] == 1
    assert cluster.made(Update, "replicasets")[-1] > 11 * SECOND


def test_what_changes_during_a_sync_starts_another_one_after_it() -> None:
    """One sync at a time per ReplicaSet: a wish that comes while pods are made is met when those are seen."""
    cluster = Cluster()
    cluster.write(replica_set(replicas=2))
    cluster.sync()
    cluster.write(replica_set(replicas=4))
    cluster.run_until(SECOND)
    assert [(want, have) for _, _, want, have in cluster.differences()] == [(2, 0), (4, 2)]
    assert len(cluster.names()) == 4


def test_nothing_is_synced_before_both_caches_are_filled() -> None:
    """A ReplicaSet whose pods are not listed yet makes none."""
    cluster = Cluster()
    cluster.write(replica_set(replicas=1))
    cluster.write(pod("a"))
    cluster.run_until(MILLISECOND)
    cluster._feed(Synced("replicasets"))
    cluster._feed(Synced("replicasets"))
    assert cluster.requests == []
    cluster._feed(Synced("pods"))
    assert [type(request) for _, request in cluster.requests] == [Update]


def test_a_restart_forgets_expectations_and_running_syncs() -> None:
    """A new process starts from its own lists; that it lags behind makes it create a pod too many."""
    cluster = Cluster()
    cluster.write(replica_set(replicas=1))
    cluster.sync()
    assert len(cluster.made(Create)) == 1
    cluster.deaf = True
    cluster.restart()
    cluster.run_until(SECOND)
    assert cluster.messages() == []
    cluster._deliver("replicasets", "default/web", cluster.store["replicasets", "default/web"])
    cluster.sync()
    assert len(cluster.made(Create)) == 2


def test_foreign_pods_events_and_answers_are_ignored() -> None:
    """Pods of other owners, unchanged pods, unknown answers and timers order nothing."""
    cluster = steady("a")
    foreign = pod("f", "gone")
    daemon = pod("d")
    daemon["metadata"]["ownerReferences"][0]["kind"] = "DaemonSet"
    daemon["metadata"]["ownerReferences"][0]["uid"] = "uid-d"
    same = cluster.seen["pods", "default/a"]
    for document in (foreign, daemon):
        cluster.write(document)
        cluster.run_until(cluster.now_us + SECOND)
        cluster.write({**document, "status": {"phase": "Failed"}})
        cluster.run_until(cluster.now_us + SECOND)
        cluster.remove("pods", document["metadata"]["name"])
        cluster.run_until(cluster.now_us + SECOND)
    orphan = pod("o", None, {})
    cluster.write(orphan)
    cluster.run_until(cluster.now_us + SECOND)
    cluster.remove("pods", "o")
    cluster.run_until(cluster.now_us + SECOND)
    assert cluster.requests == []
    script = [Answered(("event", 1), 201), Answered(("sync", 99, "status", ""), 200), TimerFired(("sync", "x/y"))]
    more = [TimerFired("x"), Told("x"), Changed("nodes", "n", None, None), Synced("nodes")]
    again = [Changed("pods", "default/a", same, same)]
    assert play(cluster.controller, [(cluster.now_us, event) for event in [*script, *more, *again]]) == []
    assert repr(cluster.controller) == "<ReplicaSetController sets=1 running=[]>"


def test_a_pod_that_appears_terminating_is_an_awaited_deletion_not_a_creation() -> None:
    """After a watch gap a new pod may show up with its deletionTimestamp: the creation is still awaited."""
    cluster = steady("a")
    cluster.deaf = True
    cluster._deliver("replicasets", "default/web", {**replica_set(replicas=2), "status": {}})
    cluster.run_until(2 * SECOND)
    terminating = pod("t")
    terminating["metadata"]["deletionTimestamp"] = 0
    cluster._deliver("pods", "default/t", terminating)
    cluster.run_until(3 * SECOND)
    assert len(cluster.differences()) == 1
