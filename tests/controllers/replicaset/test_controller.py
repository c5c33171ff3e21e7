"""What a ReplicaSet does as pods come, go and are evicted."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from nodesim.controllers.replicaset import BURST_REPLICAS
from nodesim.machine import Answered, Changed, Synced, TimerFired, Told
from nodesim.messages import Create, Delete, Get, Patch, Update
from nodesim.objects import decode_document
from nodesim.units import MILLISECOND, MINUTE, SECOND
from tests.controllers.replicaset.fakes import Cluster, pod, replica_set
from tests.play import play


def steady(*names: str, **spec: Any) -> Cluster:
    """A ReplicaSet that has just the pods it wants, all seen, its status written."""
    cluster = Cluster()
    cluster.write(replica_set(replicas=len(names), **spec))
    for name in names:
        cluster.write(pod(name))
    cluster.sync()
    cluster.run_until(SECOND)
    cluster.requests.clear()
    cluster.records.clear()
    return cluster


def test_pods_are_created_in_batches_that_double() -> None:
    """Ten pods come as 1, 2, 4 and 3, each batch after the answers to the last; the difference is recorded once."""
    cluster = Cluster()
    cluster.write(replica_set(replicas=10))
    cluster.sync()
    start_us = cluster.now_us
    cluster.run_until(SECOND)
    assert cluster.made(Create) == [start_us + 2 * MILLISECOND * place for place in (0, 1, 1, 2, 2, 2, 2, 3, 3, 3)]
    assert cluster.differences() == [(start_us, "ReplicaSet/default/web", 10, 0)]
    assert len(cluster.names()) == 10


def test_a_new_pod_has_the_template_and_its_owner() -> None:
    """generateName, the template's labels, annotations and spec, and a controlling owner that blocks its deletion."""
    cluster = Cluster()
    cluster.write(replica_set(replicas=1))
    cluster.sync()
    made = decode_document(cluster.requests[0][1].document)
    assert made == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": "web-",
            "namespace": "default",
            "labels": {"app": "web"},
            "annotations": {"note": "n"},
            "ownerReferences": [
                {
                    "apiVersion": "apps/v1",
                    "kind": "ReplicaSet",
                    "name": "web",
                    "uid": "uid-web",
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": {"containers": []},
    }
    cluster.run_until(SECOND)
    assert cluster.messages() == [("Normal", "Created pod: web-001")]


def test_the_first_status_after_a_creation_still_has_the_old_number() -> None:
    """The status is that of the pods seen when the sync began, as recorded: 0, then 3, then the ready ones."""
    cluster = Cluster()
    cluster.write(replica_set(replicas=3))
    cluster.sync()
    cluster.run_until(SECOND)
    first, last = cluster.statuses()[0], cluster.statuses()[-1]
    assert first == {"replicas": 0, "observedGeneration": 1}
    assert last == {"replicas": 3, "fullyLabeledReplicas": 3, "observedGeneration": 1}
    ready = pod("web-001")
    cluster.write(ready)
    cluster.run_until(2 * SECOND)
    assert cluster.statuses()[-1] == {**last, "readyReplicas": 1, "availableReplicas": 1}


def test_a_missing_replicas_field_means_one() -> None:
    """Without spec.replicas one pod is made."""
    cluster = Cluster()
    cluster.write(replica_set(replicas=None))
    cluster.sync()
    cluster.run_until(SECOND)
    assert len(cluster.names()) == 1


def test_a_replacement_is_made_as_soon_as_the_deletion_timestamp_is_seen() -> None:
    """The pod's object stays; its replacement is asked for in the turn that shows the deletionTimestamp."""
    cluster = steady("a", "b", "c")
    cluster.change("pods", "b", deletionTimestamp=31 * SECOND)
    cluster.run_until(SECOND + MILLISECOND)
    assert cluster.made(Create) == [SECOND + MILLISECOND]
    assert cluster.differences() == [(SECOND + MILLISECOND, "ReplicaSet/default/web", 3, 2)]
    cluster.run_until(2 * SECOND)
    assert len(cluster.names()) == 4
    cluster.remove("pods", "b")
    cluster.run_until(3 * SECOND)
    assert len(cluster.made(Create)) == 1
    assert len(cluster.names()) == 3


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_an_ended_pod_is_replaced(phase: str) -> None:
    """A pod that has ended does not count."""
    cluster = steady("a", "b")
    ended = pod("a")
    ended["status"]["phase"] = phase
    cluster.write(ended)
    cluster.run_until(2 * SECOND)
    assert len(cluster.names()) == 3


def test_a_pod_that_is_not_ready_changes_only_the_status() -> None:
    """An unreachable node's pods turn not ready: no pod is made, readyReplicas and availableReplicas fall."""
    cluster = steady("a", "b")
    unready = pod("a")
    unready["status"]["conditions"][0]["status"] = "False"
    cluster.write(unready)
    cluster.run_until(2 * SECOND)
    assert cluster.made(Create) == []
    assert cluster.statuses() == [
        {
            "replicas": 2,
            "fullyLabeledReplicas": 2,
            "readyReplicas": 1,
            "availableReplicas": 1,
            "observedGeneration": 1,
        }
    ]


def test_expectations_prevent_too_many_pods() -> None:
    """While its new pods are not in the cache, a ReplicaSet makes no more, whatever else it hears."""
    cluster = steady("a")
    cluster.deaf = True
    cluster.store["replicasets", "default/web"]["spec"]["replicas"] = 3
    stored = cluster.store["replicasets", "default/web"]
    cluster._deliver("replicasets", "default/web", stored)
    cluster.run_until(2 * SECOND)
    assert len(cluster.made(Create)) == 2
    for _ in range(3):
        cluster._deliver("replicasets", "default/web", stored)
        cluster.run_until(cluster.now_us + SECOND)
    assert len(cluster.names()) == 3
    cluster.hear()
    cluster.run_until(10 * SECOND)
    assert len(cluster.names()) == 3
    assert len(cluster.differences()) == 1


def test_expectations_end_after_five_minutes_with_the_next_event() -> None:
    """Creations that are never seen stop a ReplicaSet for 5 minutes; only then does an event make it try again."""
    cluster = steady("a")
    cluster.deaf = True
    cluster.change("pods", "a", deletionTimestamp=31 * SECOND)
    terminating = cluster.store["pods", "default/a"]
    cluster._deliver("pods", "default/a", terminating)
    cluster.run_until(2 * SECOND)
    assert len(cluster.differences()) == 1
    for at_us, times in ((SECOND + 5 * MINUTE, 1), (SECOND + 5 * MINUTE + 1, 2)):
        cluster.run_until(at_us)
        cluster._deliver("replicasets", "default/web", cluster.store["replicasets", "default/web"])
        assert len(cluster.differences()) == times


def test_too_many_pods_are_deleted_all_at_once_and_once() -> None:
    """Scaled from four to one: three DELETEs in one turn, each with an event; what is awaited is not deleted again."""
    cluster = steady("a", "b", "c", "d")
    cluster.write(replica_set(replicas=1))
    cluster.run_until(SECOND + MILLISECOND)
    assert cluster.made(Delete) == [SECOND + MILLISECOND] * 3
    cluster.run_until(2 * SECOND)
    assert len(cluster.made(Delete)) == 3
    assert cluster.names(active=True) == ["d"]
    assert cluster.messages() == [("Normal", f"Deleted pod: {name}") for name in "abc"]
    assert cluster.statuses()[-1]["replicas"] == 1


def test_related_pods_on_one_node_go_first() -> None:
    """Of a Deployment's pods those go first that share their node with most of its pods, of any of its ReplicaSets."""
    cluster = Cluster()
    owner = [{"kind": "Deployment", "name": "d", "uid": "uid-d", "controller": True}]
    for name, replicas in (("web", 2), ("old", 1)):
        document = replica_set(name, replicas)
        document["metadata"]["ownerReferences"] = owner
        cluster.write(document)
    for name, node, of in (("a", "n1", "web"), ("b", "n2", "web"), ("x", "n2", "old")):
        document = pod(name, of)
        document["spec"]["nodeName"] = node
        cluster.write(document)
    cluster.sync()
    smaller = replica_set("web", 1)
    smaller["metadata"]["ownerReferences"] = owner
    cluster.write(smaller)
    cluster.run_until(SECOND)
    assert cluster.names(active=True) == ["a", "x"]


def test_at_most_500_pods_are_made_in_one_sync() -> None:
    """Of 501 pods 500 come in the first sync, the last one when all of those were seen."""
    cluster = Cluster()
    cluster.write(replica_set(replicas=BURST_REPLICAS + 1))
    cluster.sync()
    cluster.run_until(SECOND)
    assert [(want, have) for _, _, want, have in cluster.differences()] == [(501, 0), (501, 500)]
    assert len(cluster.names()) == 501


def test_a_failed_batch_ends_the_creation_and_is_tried_again_later() -> None:
    """The rest is not asked for; the sync is tried again after 5 ms, 10 ms, ..., starting slowly each time."""
    cluster = Cluster()
    cluster.write(replica_set(replicas=8))
    cluster.fail(Create, "pods", 3)
    cluster.sync()
    cluster.run_until(SECOND)
    assert ("Warning", "Error creating: it is broken") in cluster.messages()
    conditions = cluster.statuses()[0]["conditions"]
    assert [(item["type"], item["reason"], item["message"]) for item in conditions] == [
        ("ReplicaFailure", "FailedCreate", "it is broken")
    ]
    assert len(cluster.names()) == 8
    assert "conditions" not in cluster.statuses()[-1]


def test_failures_are_tried_again_with_growing_pauses() -> None:
    """5 ms, then 10, 20, 40, ... after each failed sync, at most 1000 s."""
    cluster = Cluster()
    document = replica_set(replicas=1)
    condition = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "it is broken"}
    document["status"] = {"replicas": 0, "observedGeneration": 1, "conditions": [condition]}
    cluster.write(document)
    cluster.fail(Create, "pods", 10**6)
    cluster.sync()
    cluster.run_until(6000 * SECOND)
    tries = cluster.made(Create)
    pauses = [later - earlier - 2 * MILLISECOND for earlier, later in itertools.pairwise(tries)]
    assert pauses[:4] == [5 * MILLISECOND, 10 * MILLISECOND, 20 * MILLISECOND, 40 * MILLISECOND]
    assert pauses[-1] == 1000 * SECOND
    assert pauses == sorted(pauses)


@pytest.mark.parametrize(("code", "deletes"), [(500, 4), (404, 3)])
def test_a_failed_deletion_is_no_longer_awaited(code: int, deletes: int) -> None:
    """Another error is told and tried again; a pod that is not found is neither, its end will be heard of."""
    cluster = steady("a", "b", "c", "d")
    cluster.fail(Delete, "pods", 1, code)
    cluster.write(replica_set(replicas=1))
    cluster.run_until(SECOND + MILLISECOND)
    cluster.deaf = code == 404
    cluster.run_until(2 * SECOND)
    warnings = [text for kind, text in cluster.messages() if kind == "Warning"]
    assert warnings == (["Error deleting: it is broken"] if code == 500 else [])
    assert len(cluster.made(Delete)) == deletes


def test_a_matching_orphan_is_adopted() -> None:
    """After one GET of the ReplicaSet, orphans that match become its own by a patch, and count."""
    cluster = Cluster()
    cluster.write(replica_set(replicas=2))
    cluster.write(pod("a", owner=None))
    cluster.write(pod("b", owner=None))
    cluster.write(pod("other", owner=None, labels={"app": "db"}))
    cluster.sync()
    cluster.run_until(SECOND)
    assert len(cluster.made(Get, "replicasets")) == 1
    patches = [request for _, request in cluster.requests if isinstance(request, Patch) and request.resource == "pods"]
    assert [(patch.name, patch.style) for patch in patches] == [("a", "strategic"), ("b", "strategic")]
    metadata = decode_document(patches[0].document)["metadata"]
    assert metadata["uid"] == "uid-a"
    assert metadata["ownerReferences"][0]["uid"] == "uid-web"
    assert cluster.made(Create) == []
    assert cluster.statuses()[-1]["replicas"] == 2


def test_an_orphan_too_many_is_adopted_and_deleted() -> None:
    """A matching pod that appears without an owner makes one too many: one goes."""
    cluster = steady("a")
    cluster.write(pod("z", owner=None))
    cluster.run_until(2 * SECOND)
    assert len(cluster.made(Delete)) == 1
    assert len(cluster.names(active=True)) == 1


def test_a_pod_that_no_longer_matches_is_released_and_replaced() -> None:
    """Its owner reference is taken out, and another pod is made."""
    cluster = steady("a", "b")
    cluster.change("pods", "a", labels={"app": "debug"})
    cluster.run_until(2 * SECOND)
    assert cluster.store["pods", "default/a"]["metadata"]["ownerReferences"] == []
    assert len(cluster.names()) == 3


def test_a_released_pod_that_matches_again_is_taken_back() -> None:
    """Relabelling an orphan wakes the ReplicaSets that it matches now; other changes of it wake none."""
    cluster = steady("a")
    cluster.write(pod("o", owner=None, labels={"app": "db"}))
    cluster.change("pods", "o", annotations={"x": "y"})
    cluster.run_until(2 * SECOND)
    assert cluster.requests == []
    cluster.write(pod("o", owner=None))
    cluster.run_until(3 * SECOND)
    assert cluster.store["pods", "default/o"]["metadata"]["ownerReferences"][0]["uid"] == "uid-web"


def test_a_pod_moved_to_another_owner_wakes_both() -> None:
    """The former owner makes another pod, the new one has one too many."""
    cluster = Cluster()
    for name in ("web", "other"):
        cluster.write(replica_set(name, 1))
        cluster.write(pod(f"{name}-0", name))
    cluster.sync()
    cluster.run_until(SECOND)
    cluster.write(pod("web-0", "other"))
    cluster.run_until(2 * SECOND)
    differences = [(name, want, have) for _, name, want, have in cluster.differences()]
    assert sorted(differences) == [("ReplicaSet/default/other", 1, 2), ("ReplicaSet/default/web", 1, 0)]


@pytest.mark.parametrize("code", [500, 409])
def test_a_failed_adoption_ends_the_sync(code: int) -> None:
    """Nothing is scaled before the claim is settled; the next try adopts."""
    cluster = Cluster()
    cluster.write(replica_set(replicas=2))
    cluster.write(pod("a", owner=None))
    cluster.fail(Patch, "pods", 1, code)
    cluster.sync()
    cluster.run_until(cluster.now_us + 6 * MILLISECOND)
    assert (cluster.made(Create), cluster.made(Update, "replicasets")) == ([], [])
    cluster.run_until(SECOND)
    assert len(cluster.names()) == 2


@pytest.mark.parametrize("gone", ["going", "replaced", "away"])
def test_a_replica_set_that_is_gone_adopts_nothing(gone: str) -> None:
    """The GET before the first adoption shows what the cache does not know yet."""
    cluster = Cluster()
    cluster.write(replica_set(replicas=1))
    cluster.write(pod("a", owner=None))
    cluster.run_until(MILLISECOND)
    cluster.deaf = True
    if gone == "away":
        cluster.remove("replicasets", "web")
    else:
        change: dict[str, Any] = {"deletionTimestamp": 0} if gone == "going" else {"uid": "uid-web-2"}
        cluster.change("replicasets", "web", **change)
    cluster.sync()
    cluster.run_until(20 * MILLISECOND)
    assert cluster.made(Get, "replicasets") != []
    assert (cluster.made(Patch), cluster.made(Create)) == ([], [])


def test_an_orphan_that_is_gone_is_no_error() -> None:
    """Its patch meets 404: the sync goes on without it."""
    cluster = Cluster()
    cluster.write(replica_set(replicas=1))
    cluster.write(pod("a", owner=None))
    cluster.fail(Patch, "pods", 1, 404)
    cluster.sync()
    cluster.run_until(cluster.now_us + 4 * MILLISECOND)
    assert len(cluster.made(Create)) == 1


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
