"""What the server fills in, allows and keeps of workloads."""

from __future__ import annotations

from typing import Any

import pytest

from nodesim.messages import Patch
from nodesim.objects import Document, encode_document
from nodesim.profiles import V1_24, V1_36
from tests.apiserver.cluster import Cluster, post
from tests.controllers.workload.bench import workload


def test_a_deployment_gets_its_strategy_history_and_deadline() -> None:
    """A quarter more and a quarter fewer, ten old ReplicaSets, ten minutes; Recreate has no rollingUpdate."""
    cluster = Cluster()
    made = cluster.create("deployments", {**workload("Deployment"), "status": {"replicas": 7}})
    spec = made["spec"]
    assert (spec["replicas"], spec["revisionHistoryLimit"], spec["progressDeadlineSeconds"]) == (1, 10, 600)
    assert spec["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"},
    }
    assert (made["status"], made["metadata"]["generation"]) == ({}, 1)
    other = workload("Deployment", "b", strategy={"type": "Recreate"}, replicas=0, progressDeadlineSeconds=None)
    spec = cluster.create("deployments", other)["spec"]
    assert (spec["strategy"], spec["replicas"], spec["progressDeadlineSeconds"]) == ({"type": "Recreate"}, 0, 600)
    half = workload("Deployment", "c", strategy={"rollingUpdate": {"maxSurge": 0}})
    rolling = cluster.create("deployments", half)["spec"]["strategy"]["rollingUpdate"]
    assert rolling == {"maxUnavailable": "25%", "maxSurge": 0}


def rolling(**amounts: Any) -> Document:
    """A strategy with these amounts."""
    return {"strategy": {"type": "RollingUpdate", "rollingUpdate": amounts}}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"replicas": -1}, "spec.replicas: Invalid value: -1: must be greater than or equal to 0"),
        ({"minReadySeconds": -1}, "spec.minReadySeconds: Invalid value: -1"),
        ({"revisionHistoryLimit": -1}, "spec.revisionHistoryLimit: Invalid value: -1"),
        ({"progressDeadlineSeconds": 0}, "must be greater than minReadySeconds"),
        ({"progressDeadlineSeconds": -1}, "spec.progressDeadlineSeconds: Invalid value: -1: must be greater than or"),
        ({"progressDeadlineSeconds": 10, "minReadySeconds": 10}, "must be greater than minReadySeconds"),
        ({"strategy": {"type": "Sudden"}}, 'spec.strategy.type: Unsupported value: "Sudden"'),
        ({"strategy": {"type": "Recreate", "rollingUpdate": {}}}, "may not be specified when strategy `type` is"),
        (rolling(maxSurge=0, maxUnavailable=0), "may not be 0 when `maxSurge` is 0"),
        (rolling(maxSurge="0%", maxUnavailable="0%"), "may not be 0 when `maxSurge` is 0"),
        (rolling(maxSurge=-1), "spec.strategy.rollingUpdate.maxSurge: Invalid value: -1"),
        (rolling(maxSurge="many"), 'spec.strategy.rollingUpdate.maxSurge: Invalid value: "many": a valid percent'),
        (rolling(maxUnavailable="101%"), "must not be greater than 100%"),
        ({"selector": {}}, "spec.selector: Required value"),
        ({"selector": {"matchLabels": {"a": "b"}}}, "`selector` does not match template `labels`"),
    ],
)
def test_a_deployment_that_is_not_allowed(spec: Document, message: str) -> None:
    """422, the fault with its field first."""
    cluster = Cluster()
    failure = cluster.fails(post("deployments", workload("Deployment", **spec)))
    assert (failure.code, failure.reason) == (422, "Invalid")
    assert 'Deployment.apps "web" is invalid: ' in failure.message
    assert message in failure.message
    assert cluster.listed("deployments") == []


@pytest.mark.parametrize("kind", ["ReplicaSet", "Deployment", "StatefulSet", "DaemonSet"])
@pytest.mark.parametrize("policy", ["Never", "OnFailure"])
def test_their_pods_are_always_started_again(kind: str, policy: str) -> None:
    """Another restartPolicy is refused."""
    document = workload(kind)
    document["spec"]["template"]["spec"]["restartPolicy"] = policy
    failure = Cluster().fails(post(f"{kind.lower()}s", document))
    assert f'restartPolicy: Unsupported value: "{policy}": supported values: "Always"' in failure.message


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (rolling(maxSurge=1.5), "spec.strategy.rollingUpdate.maxSurge must be an integer or a string"),
        ({"paused": "yes"}, "spec.paused must be a boolean"),
        ({"replicas": "3"}, "spec.replicas must be an integer"),
        ({"strategy": []}, "spec.strategy must be a map"),
    ],
)
def test_a_deployment_that_cannot_be_read(spec: Document, field: str) -> None:
    """400, before any rule is asked."""
    failure = Cluster().fails(post("deployments", workload("Deployment", **spec)))
    assert (failure.code, failure.reason) == (400, "BadRequest")
    assert field in failure.message


def test_generation_follows_a_deployments_spec_and_annotations() -> None:
    """Labels and status leave it; a status write may set annotations (the revision) and nothing else."""
    cluster = Cluster()
    cluster.create("deployments", workload("Deployment"))
    generations = []
    changes: list[tuple[Document, str]] = [
        ({"metadata": {"labels": {"a": "b"}}}, ""),
        ({"status": {"replicas": 1}, "metadata": {"annotations": {"r": "1"}, "labels": {"c": "d"}}}, "status"),
        ({"metadata": {"annotations": {"team": "core"}}}, ""),
        ({"spec": {"replicas": 4}}, ""),
        ({"spec": {"replicas": 9}, "status": {"replicas": 2}}, "status"),
    ]
    for change, subresource in changes:
        after = cluster.patch("deployments", "web", change, "default", subresource, "merge")
        generations.append(after["metadata"]["generation"])
    assert generations == [1, 1, 2, 3, 3]
    assert (after["spec"]["replicas"], after["status"]) == (4, {"replicas": 2})
    assert (after["metadata"]["annotations"], after["metadata"]["labels"]) == ({"r": "1", "team": "core"}, {"a": "b"})


def test_a_selector_stays() -> None:
    """It is immutable."""
    cluster = Cluster()
    document = workload("Deployment", labels={"app": "web", "b": "c"})
    document["spec"]["selector"] = {"matchLabels": {"app": "web"}}
    cluster.create("deployments", document)
    change = encode_document({"spec": {"selector": {"matchLabels": {"app": None, "b": "c"}}}})
    failure = cluster.fails(Patch("deployments", "default", "web", "", "strategic", change))
    assert failure.code == 422
    assert "spec.selector: Invalid value: field is immutable" in failure.message


def test_a_stateful_set_gets_its_policy_and_strategy() -> None:
    """One replica, OrderedReady, a rolling update of all; OnDelete has no rollingUpdate."""
    cluster = Cluster()
    made = cluster.create("statefulsets", {**workload("StatefulSet"), "status": {"replicas": 7}})
    spec = made["spec"]
    assert (spec["replicas"], spec["podManagementPolicy"], spec["revisionHistoryLimit"]) == (1, "OrderedReady", 10)
    assert spec["updateStrategy"] == {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}
    assert (made["status"], made["metadata"]["generation"]) == ({}, 1)
    other = workload("StatefulSet", "b", updateStrategy={"type": "OnDelete"}, podManagementPolicy="Parallel")
    spec = cluster.create("statefulsets", other)["spec"]
    assert (spec["updateStrategy"], spec["podManagementPolicy"]) == ({"type": "OnDelete"}, "Parallel")


def updating(type_: str = "RollingUpdate", **rolling: Any) -> Document:
    """An update strategy."""
    return {"updateStrategy": {"type": type_, "rollingUpdate": rolling}}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"replicas": -1}, "spec.replicas: Invalid value: -1"),
        ({"ordinals": {"start": -1}}, "spec.ordinals.start: Invalid value: -1"),
        ({"podManagementPolicy": "Some"}, "spec.podManagementPolicy: Invalid value: \"Some\": must be 'OrderedReady'"),
        (updating(partition=-1), "spec.updateStrategy.rollingUpdate.partition: Invalid value: -1"),
        (updating(maxUnavailable=0), "spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: 0: cannot be 0"),
        (updating(maxUnavailable="x"), "spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value"),
        (updating("OnDelete"), "only allowed for updateStrategy 'RollingUpdate'"),
        (updating("Sudden"), "must be 'RollingUpdate' or 'OnDelete'"),
    ],
)
def test_a_stateful_set_that_is_not_allowed(spec: Document, message: str) -> None:
    """422, the fault with its field first."""
    failure = Cluster().fails(post("statefulsets", workload("StatefulSet", **spec)))
    assert (failure.code, failure.reason) == (422, "Invalid")
    assert message in failure.message


def test_most_of_a_stateful_set_stays() -> None:
    """Replicas, template and strategy may change; policy, selector and service name may not."""
    cluster = Cluster()
    cluster.create("statefulsets", workload("StatefulSet"))
    free: Document = {
        "replicas": 3,
        "minReadySeconds": 5,
        "updateStrategy": {"type": "OnDelete", "rollingUpdate": None},
    }
    after = cluster.patch("statefulsets", "web", {"spec": free}, "default")
    assert after["metadata"]["generation"] == 2
    for change in ({"podManagementPolicy": "Parallel"}, {"serviceName": "x"}):
        packed = encode_document({"spec": change})
        failure = cluster.fails(Patch("statefulsets", "default", "web", "", "strategic", packed))
        assert failure.code == 422
        assert "updates to statefulset spec for fields other than 'replicas', 'ordinals'" in failure.message


def test_a_revisions_data_stays() -> None:
    """Its number may change."""
    cluster = Cluster()
    metadata = {"name": "r", "namespace": "default"}
    cluster.create("controllerrevisions", {"metadata": metadata, "data": {"spec": {}}, "revision": 1})
    assert cluster.patch("controllerrevisions", "r", {"revision": 2}, "default")["revision"] == 2
    packed = encode_document({"data": {"spec": {"template": {"spec": {"priority": 1}}}}})
    failure = cluster.fails(Patch("controllerrevisions", "default", "r", "", "merge", packed))
    assert "data: Invalid value: field is immutable" in failure.message


def test_a_daemon_set_gets_its_strategy_and_counts_its_templates() -> None:
    """One node at a time, none beside; the annotation rises with the template and with nothing else."""
    cluster = Cluster()
    made = cluster.create("daemonsets", {**workload("DaemonSet"), "status": {"numberReady": 7}})
    spec = made["spec"]
    assert spec["revisionHistoryLimit"] == 10
    assert spec["updateStrategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0},
    }
    zero = ("currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady")
    assert made["status"] == dict.fromkeys(zero, 0)
    counted = "deprecated.daemonset.template.generation"
    assert made["metadata"]["annotations"] == {counted: "1"}
    changes: list[Document] = [
        {"spec": {"minReadySeconds": 3}},
        {"spec": {"template": {"metadata": {"labels": {"v": "2"}}}}},
        {"metadata": {"annotations": {counted: "99", "team": "core"}}},
    ]
    found = [cluster.patch("daemonsets", "web", change, "default")["metadata"] for change in changes]
    assert [each["annotations"][counted] for each in found] == ["1", "2", "2"]
    assert [each["generation"] for each in found] == [2, 3, 3]
    other = workload("DaemonSet", "b", updateStrategy={"type": "OnDelete"})
    assert cluster.create("daemonsets", other)["spec"]["updateStrategy"] == {"type": "OnDelete"}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"minReadySeconds": -1}, "spec.minReadySeconds: Invalid value: -1"),
        ({"revisionHistoryLimit": -1}, "spec.revisionHistoryLimit: Invalid value: -1"),
        ({"updateStrategy": {"type": "Sudden"}}, 'spec.updateStrategy.type: Unsupported value: "Sudden"'),
        (updating(maxUnavailable=0), "maxUnavailable: Required value: cannot be 0 when maxSurge is 0"),
        (updating(maxSurge="10%"), 'maxSurge: Invalid value: "10%": may not be set when maxUnavailable is non-zero'),
        (updating(maxUnavailable=-1), "spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: -1"),
        (updating(maxSurge="101%"), "must not be greater than 100%"),
        ({"selector": {"matchLabels": {"a": "b"}}}, "`selector` does not match template `labels`"),
    ],
)
def test_a_daemon_set_that_is_not_allowed(spec: Document, message: str) -> None:
    """422, the fault with its field first."""
    failure = Cluster().fails(post("daemonsets", workload("DaemonSet", **spec)))
    assert (failure.code, failure.reason) == (422, "Invalid")
    assert message in failure.message


def a_job(**spec: Any) -> Document:
    """A Job as people write it: without a selector."""
    document = workload("Job", **spec)
    del document["spec"]["selector"]
    document["spec"]["template"]["spec"]["restartPolicy"] = "Never"
    return document


def test_a_job_gets_its_counts_and_a_selector_of_its_own() -> None:
    """One pod unless it says otherwise; its pods carry the Job's uid, by which alone it finds them."""
    cluster = Cluster()
    made = cluster.create("jobs", {**a_job(), "status": {"failed": 7}})
    spec, uid = made["spec"], made["metadata"]["uid"]
    assert (spec["completions"], spec["parallelism"], spec["backoffLimit"]) == (1, 1, 6)
    assert (spec["completionMode"], spec["podReplacementPolicy"]) == ("NonIndexed", "TerminatingOrFailed")
    assert spec["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    labels = spec["template"]["metadata"]["labels"]
    names = {"batch.kubernetes.io/job-name": "web", "job-name": "web"}
    assert labels == {"app": "web", **names, "controller-uid": uid, "batch.kubernetes.io/controller-uid": uid}
    assert (made["status"], made["metadata"]["labels"]) == ({}, {"app": "web"})
    older = Cluster(profile=V1_24)
    spec = older.create("jobs", a_job(parallelism=2))["spec"]
    assert list(spec["selector"]["matchLabels"]) == ["controller-uid"]
    assert ("completions" in spec, "podReplacementPolicy" in spec) == (False, False)
    manual = workload("Job", "b", manualSelector=True)
    manual["spec"]["template"]["spec"]["restartPolicy"] = "OnFailure"
    assert cluster.create("jobs", manual)["spec"]["selector"] == {"matchLabels": {"app": "b"}}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"parallelism": -1}, "spec.parallelism: Invalid value: -1"),
        ({"completionMode": "Some"}, 'spec.completionMode: Unsupported value: "Some"'),
        ({"completionMode": "Indexed", "parallelism": 2}, "spec.completions: Required value: when completion mode is"),
        ({"podReplacementPolicy": "Soon"}, 'spec.podReplacementPolicy: Unsupported value: "Soon"'),
    ],
)
def test_a_job_that_is_not_allowed(spec: Document, message: str) -> None:
    """422, the fault with its field first."""
    failure = Cluster().fails(post("jobs", a_job(**spec)))
    assert (failure.code, failure.reason) == (422, "Invalid")
    assert message in failure.message


def test_pods_of_a_job_end() -> None:
    """They must not be started again for ever."""
    document = a_job()
    document["spec"]["template"]["spec"]["restartPolicy"] = "Always"
    failure = Cluster().fails(post("jobs", document))
    assert 'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"' in failure.message


def test_what_of_a_job_may_change() -> None:
    """Its parallelism; not what it counts."""
    cluster = Cluster()
    cluster.create("jobs", a_job(completions=3))
    assert cluster.patch("jobs", "web", {"spec": {"parallelism": 2}}, "default")["metadata"]["generation"] == 2
    change = encode_document({"spec": {"completions": 4}})
    failure = cluster.fails(Patch("jobs", "default", "web", "", "strategic", change))
    assert "spec.completions: Invalid value: field is immutable" in failure.message


def test_a_jobs_status_is_looked_at_from_1_32() -> None:
    """More ready pods than active ones are refused (recorded)."""
    for profile, code in ((V1_36, 422), (V1_24, 0)):
        cluster = Cluster(profile=profile)
        cluster.create("jobs", a_job())
        patch = Patch("jobs", "default", "web", "status", "merge", encode_document({"status": {"ready": 1}}))
        if not code:
            cluster.patch("jobs", "web", {"status": {"ready": 1}}, "default", "status", "merge")
            continue
        failure = cluster.fails(patch)
        assert failure.code == code
        assert "status.ready: Invalid value: 1: cannot set more than active" in failure.message
