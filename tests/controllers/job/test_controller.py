"""What a Job does, with the real API server; the hand plays the scheduler and the kubelets."""

from __future__ import annotations

from typing import Any

import pytest

from nodesim.controllers.job import JobController
from nodesim.controllers.job.views import FINALIZER, INDEX
from nodesim.messages import Create, Delete, Failure, Patch, Update
from nodesim.objects import Document, decode_document, whole_second
from nodesim.profiles import V1_24, V1_36, Profile, Settings
from nodesim.units import SECOND
from tests.controllers.workload.bench import Bench, workload

BROKEN = Failure(500, "InternalError", "it is broken")


def bench(profile: Profile = V1_36) -> Bench:
    """A Job controller."""
    return Bench(profile, job_controller=JobController(Settings.of(profile), profile))


def a_job(**spec: Any) -> Document:
    """A Job `web`."""
    document = workload("Job", **spec)
    del document["spec"]["selector"]
    document["spec"]["template"]["spec"]["restartPolicy"] = "Never"
    return document


def made(profile: Profile = V1_36, **spec: Any) -> Bench:
    """A Job `web` that was just created."""
    cluster = bench(profile)
    cluster.create(a_job(**spec))
    cluster.run(0.1)
    return cluster


def running(profile: Profile = V1_36, **spec: Any) -> Bench:
    """A Job `web` whose pods all run, and whose status says so."""
    cluster = made(profile, **spec)
    cluster.start_all()
    cluster.run(1.5)
    cluster.requests.clear()
    return cluster


def end(cluster: Bench, name: str, phase: str) -> None:
    """A pod's containers end now."""
    cluster.start(name, phase=phase, ready=False)


def status(cluster: Bench) -> Document:
    """Its status."""
    found: Document = cluster.get("jobs", "web")["status"]
    return found


def counts(cluster: Bench) -> list[int]:
    """Active, succeeded, failed."""
    return [status(cluster).get(name, 0) for name in ("active", "succeeded", "failed")]


def conditions(cluster: Bench) -> list[str]:
    """Types of its conditions, in order."""
    return [item["type"] for item in status(cluster).get("conditions", ())]


def reasons(cluster: Bench) -> list[tuple[str, str]]:
    """(reason, message) of its events that are not about single pods."""
    return [(reason, text) for _, reason, text in cluster.events() if not reason.startswith("Successful")]


def created(cluster: Bench) -> list[int]:
    """The instants at which pods were created."""
    return [now for now, _, item in cluster.requests if isinstance(item, Create) and item.resource == "pods"]


def test_pods_are_made_and_the_status_follows_as_recorded() -> None:
    """One, then two; the status counts them at once, and the ready ones a second after they were."""
    cluster = made(parallelism=3, completions=6)
    pods = cluster.listed("pods")
    assert len(pods) == 3
    assert all(pod["metadata"]["finalizers"] == [FINALIZER] for pod in pods)
    assert sorted(text for _, _, text in cluster.events()) == sorted(f"Created pod: {name}" for name in cluster.names())
    cluster.start_all()
    cluster.run(2)
    puts = [decode_document(put.document)["status"] for put in cluster.made(Update, "jobs")]
    began = puts[0].pop("startTime")
    assert puts[0] == {"active": 3, "terminating": 0, "uncountedTerminatedPods": {}, "ready": 0}
    assert puts[1] == {**puts[0], "startTime": began, "ready": 3}
    assert len(puts) == 2


def test_a_job_is_complete_when_enough_pods_have_succeeded() -> None:
    """Each success is counted by way of its finalizer; the announcement comes before the end."""
    cluster = running(parallelism=2, completions=3)
    first, second = cluster.names()
    end(cluster, first, "Succeeded")
    cluster.run(1.1)
    assert counts(cluster) == [2, 1, 0]
    assert cluster.get("pods", first)["metadata"].get("finalizers") in (None, [])
    (third,) = [name for name in cluster.names() if name not in (first, second)]
    cluster.start(third)
    end(cluster, second, "Succeeded")
    end(cluster, third, "Succeeded")
    cluster.run(3)
    assert counts(cluster) == [0, 3, 0]
    assert conditions(cluster) == ["SuccessCriteriaMet", "Complete"]
    assert status(cluster)["completionTime"] == status(cluster)["conditions"][1]["lastTransitionTime"]
    assert reasons(cluster) == [("Completed", "Job completed")]
    cluster.run(60)
    assert len(cluster.names()) == 3


def test_up_to_1_30_nothing_announces_the_end() -> None:
    """Complete comes by itself, and nobody counts terminating pods."""
    cluster = running(V1_24)
    end(cluster, cluster.names()[0], "Succeeded")
    cluster.run(3)
    assert conditions(cluster) == ["Complete"]
    assert "terminating" not in status(cluster)


def test_without_completions_one_success_is_enough() -> None:
    """Whatever still runs may end; nothing is made anew."""
    cluster = running(parallelism=2)
    first, second = cluster.names()
    end(cluster, first, "Succeeded")
    cluster.run(3)
    assert conditions(cluster) == []
    assert len(cluster.names()) == 2
    end(cluster, second, "Failed")
    cluster.run(3)
    assert conditions(cluster) == ["SuccessCriteriaMet", "Complete"]
    assert counts(cluster) == [0, 1, 1]


def test_failures_are_replaced_ever_more_slowly_until_it_is_given_up() -> None:
    """After 10 s, 20 s; with the third failure of a limit of 2 it has failed."""
    cluster = running(backoffLimit=2)
    waits = []
    for _ in range(2):
        (name,) = [pod["metadata"]["name"] for pod in cluster.listed("pods") if pod["status"]["phase"] == "Running"]
        failed_us = cluster.now_us
        end(cluster, name, "Failed")
        cluster.run(45)
        waits.append((created(cluster)[-1] - whole_second(failed_us)) // SECOND)  # It counts from the pod's date.
        cluster.start_all()
        cluster.run(2)
    assert waits == [10, 20]
    (name,) = [pod["metadata"]["name"] for pod in cluster.listed("pods") if pod["status"]["phase"] == "Running"]
    end(cluster, name, "Failed")
    cluster.run(3)
    assert counts(cluster) == [0, 0, 3]
    assert conditions(cluster) == ["FailureTarget", "Failed"]
    assert reasons(cluster) == [("BackoffLimitExceeded", "Job has reached the specified backoff limit")]
    cluster.run(700)
    assert len(cluster.names()) == 3


def test_while_it_waits_its_status_is_refused_as_recorded() -> None:
    """No active pods but ready ones: 422 from 1.32, until the wait is over and the new pod is counted."""
    for profile, refused in ((V1_24, False), (V1_36, True)):
        cluster = running(profile, parallelism=2, completions=2)
        cluster.delete("pods", cluster.names()[0])
        cluster.run(8)
        assert (counts(cluster)[0] == 2) is refused
        assert (counts(cluster)[2] == 0) is refused
        cluster.run(4)
        assert counts(cluster) == [2, 0, 1]
        assert len(created(cluster)) == 1


def test_a_pod_that_is_to_go_is_replaced_at_once_if_it_was_not_ready_for_long() -> None:
    """As with a node out of reach: its wait is over by then, so only the second of gathering is left."""
    cluster = running()
    (name,) = cluster.names()
    cluster.start(name, ready=False)
    cluster.run(30)
    asked_us = cluster.now_us
    cluster.delete("pods", name)
    cluster.run(2)
    assert round((created(cluster)[0] - asked_us) / SECOND, 1) == 1.0
    assert counts(cluster) == [1, 0, 1]
    assert (
        "finalizers" not in cluster.get("pods", name)["metadata"]
        or not cluster.get("pods", name)["metadata"]["finalizers"]
    )


def test_only_ended_pods_are_replaced_if_the_policy_says_so() -> None:
    """Not even a forced deletion helps, for the finalizer keeps the object (recorded); the phase Failed does."""
    cluster = running(podReplacementPolicy="Failed")
    (name,) = cluster.names()
    cluster.delete("pods", name)
    cluster.run(60)
    cluster.delete("pods", name, 0)
    cluster.run(60)
    assert cluster.names() == [name]
    assert status(cluster)["terminating"] == 1
    end(cluster, name, "Failed")
    cluster.run(12)
    (other,) = cluster.names()
    assert other != name
    assert counts(cluster) == [1, 0, 1]


def test_a_job_that_takes_too_long_loses_its_pods() -> None:
    """At activeDeadlineSeconds after its start; it has failed when the last pod is gone."""
    cluster = running(activeDeadlineSeconds=30)
    cluster.run(27)
    assert cluster.made(Delete, "pods") == []
    cluster.run(3)
    assert len(cluster.made(Delete, "pods")) == 1
    assert conditions(cluster) == ["FailureTarget"]
    cluster.finish_all()
    cluster.run(2)
    assert conditions(cluster) == ["FailureTarget", "Failed"]
    assert reasons(cluster) == [("DeadlineExceeded", "Job was active longer than specified deadline")]


def test_fewer_pods_are_wanted() -> None:
    """The newest goes; it is not counted as a failure."""
    cluster = running(parallelism=3, completions=9)
    cluster.patch("jobs", "web", {"spec": {"parallelism": 2}})
    cluster.run(0.1)
    assert len(cluster.made(Delete, "pods")) == 1
    cluster.finish_all()
    cluster.run(30)
    assert counts(cluster) == [2, 0, 0]


def test_a_suspended_job_has_no_pods() -> None:
    """They come when it is resumed; its start is counted anew."""
    cluster = running(parallelism=2, completions=2)
    cluster.patch("jobs", "web", {"spec": {"suspend": True}})
    cluster.run(0.1)
    cluster.finish_all()
    cluster.run(2)
    assert (cluster.names(), conditions(cluster)) == ([], ["Suspended"])
    cluster.patch("jobs", "web", {"spec": {"suspend": False}})
    cluster.run(0.1)
    assert len(cluster.names()) == 2
    assert reasons(cluster) == [("Suspended", "Job suspended"), ("Resumed", "Job resumed")]
    assert status(cluster)["startTime"] // SECOND == cluster.now_us // SECOND


def test_an_indexed_job_has_a_pod_for_each_index() -> None:
    """With its name, annotation, label and hostname; a failed one comes again under its index."""
    cluster = running(parallelism=2, completions=3, completionMode="Indexed")
    found = {pod["metadata"]["annotations"][INDEX]: pod for pod in cluster.listed("pods")}
    assert sorted(found) == ["0", "1"]
    assert found["1"]["metadata"]["name"].startswith("web-1-")
    assert found["1"]["metadata"]["labels"][INDEX] == "1"
    assert found["1"]["spec"]["hostname"] == "web-1"
    end(cluster, found["0"]["metadata"]["name"], "Succeeded")
    end(cluster, found["1"]["metadata"]["name"], "Failed")
    cluster.run(15)
    left = sorted(
        pod["metadata"]["annotations"][INDEX] for pod in cluster.listed("pods") if pod["status"]["phase"] == "Pending"
    )
    assert left == ["1", "2"]
    assert status(cluster)["completedIndexes"] == "0"


def test_restarts_count_where_pods_restart_in_place() -> None:
    """With OnFailure, as many restarts as the limit are too many."""
    cluster = bench()
    document = a_job(backoffLimit=2)
    document["spec"]["template"]["spec"]["restartPolicy"] = "OnFailure"
    cluster.create(document)
    cluster.run(0.1)
    (name,) = cluster.names()
    cluster.start(name)
    for restarts, expected in ((1, []), (2, ["FailureTarget"])):
        change = {"status": {"containerStatuses": [{"name": "c", "restartCount": restarts}]}}
        cluster.patch("pods", name, change, "status")
        cluster.run(1.5)
        assert conditions(cluster) == expected


def test_a_write_that_fails_loses_no_pod() -> None:
    """Named, freed, counted: each step may fail and is made again."""
    for kind, resource in ((Update, "jobs"), (Patch, "pods")):
        cluster = running(completions=2)
        cluster.refused.append((kind, resource, BROKEN))
        end(cluster, cluster.names()[0], "Succeeded")
        cluster.run(6)
        assert counts(cluster) == [1, 1, 0]


def test_pods_that_nobody_will_count_are_let_go() -> None:
    """Those of a Job that is gone, and those without a controller, lose the finalizer."""
    cluster = running()
    (name,) = cluster.names()
    cluster.do(Delete("jobs", "default", "web", propagation="Background"))
    cluster.run(1)
    assert not cluster.get("pods", name)["metadata"].get("finalizers")
    lonely = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "lonely", "namespace": "default", "finalizers": [FINALIZER]},
        "spec": {"containers": [{"name": "c", "image": "a"}]},
    }
    cluster.create(lonely)
    cluster.run(1)
    assert not cluster.get("pods", "lonely")["metadata"].get("finalizers")


def test_a_restart_finds_everything_again() -> None:
    """A fresh process makes no second pod, counts what ended meanwhile and lets orphans go."""
    cluster = running(completions=2)
    (name,) = cluster.names()
    cluster.held.append("job-controller")
    end(cluster, name, "Succeeded")
    cluster.run(1)
    cluster.held.clear()
    cluster.restart("job-controller", JobController(Settings.of(V1_36), V1_36))
    cluster.run(3)
    assert counts(cluster) == [1, 1, 0]
    assert len(cluster.names()) == 2


@pytest.mark.parametrize("code", [500, 409])
def test_a_creation_that_fails_is_told(code: int) -> None:
    """And tried again a second later."""
    cluster = bench()
    cluster.refused.append((Create, "pods", Failure(code, "Broken", "no luck")))
    cluster.create(a_job())
    cluster.run(0.5)
    assert ("Warning", "FailedCreate", "Error creating: no luck") in cluster.events()
    assert cluster.names() == []
    cluster.run(2)
    assert len(cluster.names()) == 1
