"""Which ReplicaSets does a Deployment make, adopt and keep, and what if a request fails?"""

from __future__ import annotations

import attrs
import pytest

from nodesim.controllers.deployment import DeploymentController
from nodesim.messages import NAMESPACE_TERMINATING, Create, Delete, Failure, Get, Update
from nodesim.objects import decode_document
from nodesim.profiles import V1_24, V1_36, Profile, Settings
from nodesim.units import MILLISECOND
from tests.controllers.deployment.build import bench, progressing, running, scalings, settle, sizes
from tests.controllers.workload.bench import workload

BROKEN = Failure(500, "InternalError", "it is broken")


GOING = Failure(403, "Forbidden", "it is being terminated", cause=NAMESPACE_TERMINATING)


CONFLICT = Failure(409, "Conflict", "the object has been modified")


def test_a_new_deployment_writes_what_was_recorded() -> None:
    """POST of the ReplicaSet, event, status with NewReplicaSetCreated, a 409 against itself, then the real status.

    By 1.34, which did not count terminating pods.
    """
    cluster = bench(attrs.evolve(V1_36, terminating_replicas=False))
    cluster.create(workload("Deployment", replicas=3))
    settle(cluster)
    assert scalings(cluster) == ["Scaled up replica set web-1 from 0 to 3"]
    puts = [decode_document(put.document)["status"] for put in cluster.made(Update, "deployments")]
    assert [len(status["conditions"]) for status in puts[:3]] == [1, 2, 2]
    assert puts[1] == puts[2]
    assert (puts[0].get("observedGeneration"), puts[1]["unavailableReplicas"]) == (None, 3)
    made = cluster.get("deployments", "web")
    assert made["metadata"]["annotations"] == {"deployment.kubernetes.io/revision": "1"}
    assert made["metadata"]["generation"] == 1
    assert {name: item for name, item in made["status"].items() if name != "conditions"} == {
        "observedGeneration": 1,
        "replicas": 3,
        "updatedReplicas": 3,
        "readyReplicas": 3,
        "availableReplicas": 3,
    }
    assert progressing(cluster) == "NewReplicaSetAvailable"


def test_the_replica_set_says_whose_it_is_and_how_large_it_may_be() -> None:
    """Owner, hash, revision, desired and largest size, and the Deployment's own annotations."""
    cluster = bench(pods=False)
    document = workload("Deployment", replicas=4, minReadySeconds=5)
    document["metadata"]["annotations"] = {"team": "core"}
    cluster.create(document)
    cluster.run(1)
    (rs,) = cluster.listed("replicasets")
    assert rs["metadata"]["annotations"] == {
        "team": "core",
        "deployment.kubernetes.io/revision": "1",
        "deployment.kubernetes.io/desired-replicas": "4",
        "deployment.kubernetes.io/max-replicas": "5",
    }
    assert (rs["metadata"]["ownerReferences"][0]["kind"], rs["spec"]["minReadySeconds"]) == ("Deployment", 5)


def test_old_replica_sets_are_kept_up_to_the_limit() -> None:
    """revisionHistoryLimit: of three old ones two stay, the oldest goes once the rollout is complete."""
    cluster = running(1, revisionHistoryLimit=2)
    for name in ("b", "c", "d"):
        cluster.run(2)
        cluster.image("deployments", name)
        settle(cluster)
    assert len(cluster.listed("replicasets")) == 3
    assert len(cluster.made(Delete, "replicasets")) == 1


def test_an_orphan_that_matches_is_adopted() -> None:
    """It becomes an old ReplicaSet of the Deployment and is scaled down; one with other labels is left alone."""
    cluster = running(1)
    orphan = workload("ReplicaSet", "stray", {"app": "web", "x": "y"}, replicas=1)
    orphan["metadata"]["labels"] = {"app": "web"}
    cluster.create(orphan)
    cluster.create(workload("ReplicaSet", "other", replicas=0))
    settle(cluster)
    adopted = cluster.get("replicasets", "stray")
    assert adopted["metadata"]["ownerReferences"][0]["name"] == "web"
    assert adopted["spec"]["replicas"] == 0
    assert "ownerReferences" not in cluster.get("replicasets", "other")["metadata"]


def test_a_replica_set_that_no_longer_matches_is_released() -> None:
    """Another one takes its place."""
    cluster = running(1)
    (name,) = cluster.names("replicasets")
    cluster.patch("replicasets", name, {"metadata": {"labels": {"app": "else"}}})
    cluster.run(0.004)
    assert not cluster.get("replicasets", name)["metadata"].get("ownerReferences")


def test_another_with_the_same_name_is_a_collision() -> None:
    """The count of collisions rises, and the next try makes another name."""
    cluster = running(1)
    name = cluster.names("replicasets")[0]
    document = workload("ReplicaSet", "other", replicas=0)
    document["metadata"]["name"] = name
    cluster.delete("replicasets", name)
    cluster.create(document)
    cluster.run(1)
    assert cluster.get("deployments", "web")["status"]["collisionCount"] == 1
    assert len([made for made in cluster.names("replicasets") if made != name]) == 1


def test_its_own_replica_set_that_the_cache_did_not_show_is_taken() -> None:
    """A create that meets AlreadyExists (a stale cache) is no collision once the cache has it."""
    cluster = bench(pods=False)
    cluster.refused.append((Create, "replicasets", Failure(409, "AlreadyExists", "already exists")))
    cluster.create(workload("Deployment", replicas=1))
    cluster.run(1)
    assert len(cluster.names("replicasets")) == 1
    assert cluster.get("deployments", "web")["status"].get("collisionCount") is None


def test_a_refused_replica_set_is_told_and_tried_again() -> None:
    """Event and condition ReplicaSetCreateError; the condition's own write wakes the next try, which succeeds."""
    cluster = bench(pods=False)
    cluster.refused.append((Create, "replicasets", BROKEN))
    cluster.create(workload("Deployment", replicas=1))
    cluster.run(1)
    warning, *others = [
        event for event in cluster.events() if event[1] in ("ReplicaSetCreateError", "ScalingReplicaSet")
    ]
    assert warning[:2] == ("Warning", "ReplicaSetCreateError")
    assert warning[2].endswith("it is broken")
    assert [event[1] for event in others] == ["ScalingReplicaSet"]
    first, second = [
        at for at, _, request in cluster.requests if type(request) is Create and request.resource == "replicasets"
    ]
    assert second - first == 4 * MILLISECOND


def test_a_namespace_that_goes_is_told_to_nobody_and_not_tried_again() -> None:
    """Neither event nor condition: nothing could come of another try."""
    cluster = bench(pods=False)
    cluster.refused += [(Create, "replicasets", GOING)] * 5
    cluster.create(workload("Deployment", replicas=1))
    cluster.run(60)
    assert len(cluster.made(Create, "replicasets")) == 1
    assert cluster.events() == []
    assert "conditions" not in cluster.get("deployments", "web")["status"]


def test_pods_of_a_namespace_that_goes_are_all_asked_for_and_awaited() -> None:
    """No batch is the last, nobody is told, and until the five minutes are over none is asked for again."""
    cluster = bench()
    cluster.refused += [(Create, "pods", GOING)] * 10
    cluster.create(workload("Deployment", replicas=5))
    cluster.run(290)
    assert len(cluster.made(Create, "pods")) == 5
    assert [event[1] for event in cluster.events()] == ["ScalingReplicaSet"]


def test_a_failed_shrink_is_no_failed_sync() -> None:
    """A conflict while an old ReplicaSet shrinks is swallowed, as in Kubernetes; the next event carries on."""
    cluster = running(4)
    cluster.image("deployments", "b")
    cluster.run(0.005)
    cluster.refused.append((Update, "replicasets", CONFLICT))
    settle(cluster)
    assert sizes(cluster) == [0, 4]


def test_after_fifteen_failures_it_waits_for_the_next_change() -> None:
    """The pauses double from 5 ms; then nothing more is tried until something changes."""
    cluster = bench(pods=False)
    cluster.refused += [(Create, "replicasets", BROKEN)] * 40
    cluster.create(workload("Deployment", replicas=1, progressDeadlineSeconds=2**31 - 1))
    cluster.run(600)
    assert len(cluster.made(Create, "replicasets")) == 16
    cluster.refused.clear()
    cluster.patch("deployments", "web", {"metadata": {"labels": {"x": "y"}}})
    cluster.run(1)
    assert len(cluster.names("replicasets")) == 1


def test_a_deployment_that_is_being_deleted_writes_its_status_only() -> None:
    """A finalizer holds it: nothing is scaled or adopted any more."""
    cluster = running(2)
    cluster.patch("deployments", "web", {"metadata": {"finalizers": ["example.com/hold"]}})
    cluster.delete("deployments", "web")
    cluster.image("deployments", "b")
    cluster.patch("deployments", "web", {"spec": {"replicas": 4}})
    settle(cluster)
    assert sizes(cluster) == [2]
    assert cluster.get("deployments", "web")["status"]["observedGeneration"] == 4


def test_a_restarted_controller_finds_everything_as_it_was() -> None:
    """It lists anew and writes nothing."""
    cluster = running(2)
    program = DeploymentController(Settings.of(V1_36), V1_36)
    cluster.restart("deployment-controller", program)
    assert repr(program) == "<DeploymentController deployments=0 running=[]>"
    cluster.run(1)
    assert repr(program) == "<DeploymentController deployments=1 running=[]>"
    assert cluster.made(Update, "deployments") == []


def test_a_deployment_that_is_gone_is_forgotten() -> None:
    """Its ReplicaSets are the garbage collector's; the controller asks for nothing more."""
    cluster = running(1)
    cluster.delete("deployments", "web")
    name = cluster.names("replicasets")[0]
    cluster.patch("replicasets", name, {"metadata": {"annotations": {"x": "y"}}})
    cluster.run(5)
    assert [type(request) for _, by, request in cluster.requests if by == "deployment-controller"] == []
    assert isinstance(cluster.do(Get("deployments", "default", "web")), Failure)


@pytest.mark.parametrize(("profile", "counted"), [(V1_24, False), (V1_36, True)])
def test_terminating_pods_are_counted_from_1_35_on(profile: Profile, counted: bool) -> None:
    """One pod is asked to go: it stays, its replacement comes, and both statuses say so until it is gone."""
    cluster = running(2, profile)
    victim = cluster.listed("pods")[0]["metadata"]["name"]
    cluster.delete("pods", victim)
    cluster.run(1)
    cluster.start_all()
    cluster.run(1)
    sets = cluster.listed("replicasets")
    statuses = [each["status"] for each in (*sets, cluster.get("deployments", "web"))]
    assert [status["replicas"] for status in statuses] == [2, 2]
    assert [status.get("terminatingReplicas") for status in statuses] == ([1, 1] if counted else [None, None])
    cluster.finish(victim)
    settle(cluster)
    statuses = [each["status"] for each in (*cluster.listed("replicasets"), cluster.get("deployments", "web"))]
    assert [status.get("terminatingReplicas") for status in statuses] == ([0, 0] if counted else [None, None])
