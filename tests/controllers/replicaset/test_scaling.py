"""How many pods does a ReplicaSet make or delete, and when is a failure tried again?"""

from __future__ import annotations

import itertools

import pytest

from nodesim.controllers.replicaset import BURST_REPLICAS
from nodesim.messages import Create, Delete
from nodesim.objects import decode_document
from nodesim.units import MILLISECOND, MINUTE, SECOND
from tests.controllers.replicaset.fakes import Cluster, pod, replica_set, steady


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
