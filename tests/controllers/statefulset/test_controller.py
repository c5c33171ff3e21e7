"""In which order does a StatefulSet make, delete and adopt pods, and what if a request fails?"""

from __future__ import annotations

import pytest

from nodesim.controllers.statefulset import StatefulSetController
from nodesim.messages import Create, Delete, Failure, Patch, Update
from nodesim.objects import decode_document
from nodesim.profiles import V1_24, V1_36, Profile, Settings
from tests.controllers.statefulset.build import bench, creations, made, running, settle, status
from tests.controllers.workload.bench import workload

BROKEN = Failure(500, "InternalError", "it is broken")


def test_pods_come_one_after_the_other_as_recorded() -> None:
    """The next one when the last is running and ready; the status of a round counts what the cache showed."""
    cluster = made(3)
    assert cluster.names() == ["web-0"]
    assert cluster.events() == [("Normal", "SuccessfulCreate", "create Pod web-0 in StatefulSet web successful")]
    cluster.start("web-0", ready=False)
    cluster.run(1)
    assert cluster.names() == ["web-0"]
    cluster.start("web-0")
    cluster.run(1)
    assert cluster.names() == ["web-0", "web-1"]
    settle(cluster)
    assert cluster.names() == ["web-0", "web-1", "web-2"]
    puts = [decode_document(put.document)["status"] for put in cluster.made(Update, "statefulsets")]
    revision = cluster.names("controllerrevisions")[0]
    assert puts[0] == {
        "observedGeneration": 1,
        "replicas": 0,
        "currentRevision": revision,
        "updateRevision": revision,
        "collisionCount": 0,
        "availableReplicas": 0,
    }
    counts = ("replicas", "readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas")
    shown = [tuple(put.get(name, 0) for name in counts) for put in puts]
    assert shown == [
        (0, 0, 0, 0, 0),
        (1, 0, 1, 1, 0),
        (1, 1, 1, 1, 1),
        (2, 1, 2, 2, 1),
        (2, 2, 2, 2, 2),
        (3, 2, 3, 3, 2),
        (3, 3, 3, 3, 3),
    ]


def test_a_pod_has_its_identity() -> None:
    """Name, labels, hostname, subdomain, owner; no generated name."""
    cluster = made(1, serviceName="db", ordinals={"start": 7})
    (pod,) = cluster.listed("pods")
    assert pod["metadata"]["name"] == "web-7"
    assert "generateName" not in pod["metadata"]
    assert pod["metadata"]["labels"] == {
        "app": "web",
        "statefulset.kubernetes.io/pod-name": "web-7",
        "apps.kubernetes.io/pod-index": "7",
        "controller-revision-hash": cluster.names("controllerrevisions")[0],
    }
    assert (pod["spec"]["hostname"], pod["spec"]["subdomain"]) == ("web-7", "db")
    assert pod["metadata"]["ownerReferences"][0]["kind"] == "StatefulSet"


@pytest.mark.parametrize(("profile", "expected"), [(V1_36, [1, 2, 4, 3]), (V1_24, [1] * 10)], ids=["v1.36", "v1.24"])
def test_a_parallel_set_makes_its_pods_at_once(profile: Profile, expected: list[int]) -> None:
    """In batches of 1, 2, 4, ...; in v1.24 one after the other, without waiting for any to be ready."""
    cluster = made(10, profile, podManagementPolicy="Parallel")
    assert creations(cluster) == expected
    assert len(cluster.names()) == 10


def test_the_first_status_of_v1_24_counts_what_was_just_made() -> None:
    """And its pods have no label with their index."""
    cluster = made(1, V1_24)
    put = decode_document(cluster.made(Update, "statefulsets")[0].document)["status"]
    assert [put[name] for name in ("replicas", "currentReplicas", "updatedReplicas")] == [1, 1, 1]
    assert "apps.kubernetes.io/pod-index" not in cluster.get("pods", "web-0")["metadata"]["labels"]


def test_while_an_object_exists_its_identity_is_taken() -> None:
    """A pod that is Terminating has no successor, and blocks the others; the object's end makes room at once."""
    cluster = running(3)
    cluster.delete("pods", "web-1")
    cluster.patch("statefulsets", "web", {"spec": {"replicas": 5}})
    cluster.run(3600)
    assert cluster.names() == ["web-0", "web-1", "web-2"]
    assert cluster.made(Create, "pods") == []
    assert cluster.told("StatefulSetWaits") == [{"pod": "web-1", "why": "terminating"}]
    assert status(cluster, "replicas", "currentReplicas") == [3, 2]
    cluster.finish("web-1")
    cluster.run(0.1)
    assert cluster.names() == ["web-0", "web-1", "web-2"]
    assert cluster.get("pods", "web-1")["metadata"].get("deletionTimestamp") is None
    settle(cluster)
    assert len(cluster.names()) == 5


def test_a_parallel_set_goes_on_beside_a_terminating_pod() -> None:
    """The others are made; the same identity waits."""
    cluster = running(3, podManagementPolicy="Parallel")
    cluster.delete("pods", "web-1")
    cluster.patch("statefulsets", "web", {"spec": {"replicas": 5}})
    cluster.run(60)
    assert cluster.names() == [f"web-{n}" for n in range(5)]
    assert cluster.get("pods", "web-1")["metadata"]["deletionTimestamp"] is not None


def test_a_pod_that_is_not_ready_blocks_what_comes_after() -> None:
    """As an unreachable node makes it; nothing is deleted for that."""
    cluster = running(2)
    cluster.start("web-0", ready=False)
    cluster.patch("statefulsets", "web", {"spec": {"replicas": 3}})
    cluster.run(60)
    assert cluster.names() == ["web-0", "web-1"]
    assert (cluster.made(Create, "pods"), cluster.made(Delete, "pods")) == ([], [])
    assert cluster.told("StatefulSetWaits") == [{"pod": "web-0", "why": "not ready"}]


@pytest.mark.parametrize("phase", ["Failed", "Succeeded"])
def test_an_ended_pod_is_deleted_and_made_anew(phase: str) -> None:
    """From 1.28 once it is gone; a finalizer keeps it, and so the identity waits."""
    cluster = running(2)
    cluster.patch("pods", "web-0", {"metadata": {"finalizers": ["example.com/hold"]}})
    cluster.start("web-0", phase=phase, ready=False)
    cluster.run(10)
    assert len(cluster.made(Delete, "pods")) == 1
    assert cluster.made(Create, "pods") == []
    cluster.patch("pods", "web-0", {"metadata": {"finalizers": None}})
    cluster.run(1)
    assert cluster.get("pods", "web-0")["status"]["phase"] == "Pending"
    reasons = [reason for _, reason, _ in cluster.events()]
    assert reasons == ["SuccessfulDelete"]  # The creation's event is a repeat: its count rises.
    assert len(cluster.made(Patch, "events")) == 1


def test_v1_24_makes_a_failed_pod_anew_in_one_round() -> None:
    """And leaves one that succeeded alone, which is never ready."""
    cluster = running(2, V1_24)
    cluster.start("web-0", phase="Failed", ready=False)
    cluster.run(0.01)
    kinds = [type(request) for _, _, request in cluster.requests if request.resource == "pods"]
    assert kinds[-2:] == [Delete, Create]
    assert (
        "Warning",
        "RecreatingFailedPod",
        "StatefulSet default/web is recreating failed Pod web-0",
    ) in cluster.events()
    settle(cluster)
    cluster.requests.clear()
    cluster.start("web-1", phase="Succeeded", ready=False)
    cluster.run(10)
    assert cluster.made(Delete, "pods") == []


def test_scaling_down_takes_the_highest_first_and_one_at_a_time() -> None:
    """The next only when the last is gone; in Parallel all at once."""
    cluster = running(4)
    cluster.patch("statefulsets", "web", {"spec": {"replicas": 1}})
    cluster.run(5)
    assert [request.name for request in cluster.made(Delete, "pods")] == ["web-3"]
    cluster.finish_all()
    cluster.run(5)
    assert [request.name for request in cluster.made(Delete, "pods")] == ["web-3", "web-2"]
    settle(cluster)
    assert cluster.names() == ["web-0"]
    parallel = running(4, podManagementPolicy="Parallel")
    parallel.patch("statefulsets", "web", {"spec": {"replicas": 1}})
    parallel.run(1)
    assert sorted(request.name for request in parallel.made(Delete, "pods")) == ["web-1", "web-2", "web-3"]


def test_scaling_down_waits_for_pods_below_that_are_not_ready() -> None:
    """Only the lowest pod that is not available may go although it is not."""
    cluster = running(3)
    for name in ("web-1", "web-2"):
        cluster.start(name, ready=False)
    cluster.patch("statefulsets", "web", {"spec": {"replicas": 1}})
    cluster.run(5)
    assert cluster.made(Delete, "pods") == []
    cluster.start("web-1")
    cluster.run(5)
    assert [request.name for request in cluster.made(Delete, "pods")] == ["web-2"]


def test_pods_are_adopted_by_name_and_labels() -> None:
    """An orphan with an identity's name is taken; one with another name is not; a relabelled one is released."""
    cluster = bench()
    orphan = {"kind": "Pod", "metadata": {"name": "web-0", "namespace": "default", "labels": {"app": "web"}}}
    for name in ("web-0", "other-0", "web-x"):
        document = {**orphan, "metadata": {**orphan["metadata"], "name": name}, "spec": {"containers": [{"name": "c"}]}}
        cluster.create(document)
    cluster.create(workload("StatefulSet", replicas=1))
    cluster.run(1)
    owners = {pod["metadata"]["name"]: bool(pod["metadata"].get("ownerReferences")) for pod in cluster.listed("pods")}
    assert owners == {"web-0": True, "other-0": False, "web-x": False}
    cluster.start("web-0")
    cluster.run(1)
    assert cluster.get("pods", "web-0")["metadata"]["labels"]["statefulset.kubernetes.io/pod-name"] == "web-0"
    cluster.patch("pods", "web-0", {"metadata": {"labels": {"app": "else"}}})
    cluster.run(0.005)
    assert not cluster.get("pods", "web-0")["metadata"].get("ownerReferences")


def test_min_ready_seconds_are_waited_for() -> None:
    """The next pod comes when the last has been ready for that long, without any event.

    Of several waits only the earliest is kept, as in client-go: the second pod is found available with a delay.
    """
    cluster = made(2, minReadySeconds=10)
    cluster.start("web-0")
    cluster.run(9)
    assert cluster.names() == ["web-0"]
    assert cluster.told("StatefulSetWaits")[-1] == {"pod": "web-0", "why": "not available"}
    cluster.run(3)
    assert cluster.names() == ["web-0", "web-1"]
    cluster.start("web-1")
    cluster.run(21)
    assert status(cluster, "availableReplicas", "readyReplicas") == [2, 2]


def test_a_refused_pod_is_told_and_tried_again() -> None:
    """FailedCreate with Kubernetes' text; the pause is 5 ms."""
    cluster = bench()
    cluster.refused.append((Create, "pods", BROKEN))
    cluster.create(workload("StatefulSet", replicas=1))
    cluster.run(1)
    assert cluster.events()[0] == (
        "Warning",
        "FailedCreate",
        "create Pod web-0 in StatefulSet web failed error: it is broken",
    )
    assert cluster.names() == ["web-0"]


def test_a_name_that_is_taken_is_no_event() -> None:
    """A foreign pod stands in the way: the create fails silently, again and again, ever more slowly."""
    cluster = bench()
    foreign = {
        "kind": "Pod",
        "metadata": {"name": "web-0", "namespace": "default"},
        "spec": {"containers": [{"name": "c"}]},
    }
    cluster.create(foreign)
    cluster.create(workload("StatefulSet", replicas=1))
    cluster.run(1)
    assert 5 <= len(cluster.made(Create, "pods")) <= 10
    assert cluster.events() == []
    cluster.finish("web-0")
    cluster.run(60)
    assert cluster.get("pods", "web-0")["metadata"]["ownerReferences"][0]["name"] == "web"


def test_a_status_conflict_is_settled_by_reading_again() -> None:
    """One GET, one more PUT."""
    cluster = running(1)
    cluster.refused.append((Update, "statefulsets", Failure(409, "Conflict", "modified")))
    cluster.start("web-0", ready=False)
    cluster.run(0.01)
    assert len(cluster.made(Update, "statefulsets")) == 2
    assert status(cluster, "readyReplicas") == [0]


def test_a_set_that_is_being_deleted_writes_its_status_only() -> None:
    """Pods that end are not made again."""
    cluster = running(2)
    cluster.patch("statefulsets", "web", {"metadata": {"finalizers": ["example.com/hold"]}})
    cluster.delete("statefulsets", "web")
    cluster.delete("pods", "web-1", 0)
    cluster.run(10)
    assert cluster.names() == ["web-0"]
    assert status(cluster, "replicas") == [1]


def test_a_restarted_controller_makes_no_second_pod() -> None:
    """Its cache shows what is there before it does anything."""
    cluster = running(2)
    program = StatefulSetController(Settings.of(V1_36), V1_36)
    cluster.restart("statefulset-controller", program)
    assert repr(program) == "<StatefulSetController sets=0 running=[]>"
    cluster.run(1)
    assert repr(program) == "<StatefulSetController sets=1 running=[]>"
    assert cluster.made(Create, "pods") == []
