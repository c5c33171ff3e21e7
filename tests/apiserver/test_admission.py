"""What the server adds to objects."""

from __future__ import annotations

from typing import Any

import pytest

from nodesim.apiserver.admission import with_default_tolerations, with_not_ready_taint
from nodesim.apiserver.defaults import qos_class
from nodesim.objects import Document
from nodesim.profiles import V1_36, Settings
from tests.apiserver.cluster import Cluster, node, pod, replica_set

NOT_READY = "node.kubernetes.io/not-ready"
UNREACHABLE = "node.kubernetes.io/unreachable"
SETTINGS = Settings(default_not_ready_toleration_seconds=30, default_unreachable_toleration_seconds=60)


def default(key: str, seconds: int) -> Document:
    """The toleration that admission adds."""
    return {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": seconds}


@pytest.mark.parametrize(
    ("own", "added"),
    [
        ([], [default(NOT_READY, 30), default(UNREACHABLE, 60)]),
        ([{"key": "other", "operator": "Exists"}], [default(NOT_READY, 30), default(UNREACHABLE, 60)]),
        ([{"key": NOT_READY, "effect": "NoExecute"}], [default(UNREACHABLE, 60)]),
        ([{"key": UNREACHABLE, "operator": "Equal", "value": "x"}], [default(NOT_READY, 30)]),
        ([{"key": NOT_READY, "effect": "NoSchedule"}], [default(NOT_READY, 30), default(UNREACHABLE, 60)]),
        ([{"operator": "Exists"}], []),
        ([{"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}], []),
        ([{"operator": "Exists", "effect": "NoSchedule"}], [default(NOT_READY, 30), default(UNREACHABLE, 60)]),
    ],
)
def test_default_tolerations_fill_what_is_not_covered(own: list[Document], added: list[Document]) -> None:
    """not-ready first, then unreachable; key and effect cover, operator and value do not count."""
    admitted = with_default_tolerations({"spec": {"tolerations": own}}, SETTINGS)
    assert admitted["spec"]["tolerations"] == own + added


def test_default_tolerations_come_on_update_too() -> None:
    """A pod whose tolerations were lost by a PUT gets them back, so that the update is none."""
    cluster = Cluster(settings=SETTINGS)
    made = cluster.create("pods", pod())
    assert made["spec"]["tolerations"] == [default(NOT_READY, 30), default(UNREACHABLE, 60)]
    assert cluster.update("pods", pod())["spec"] == made["spec"]


def test_a_new_node_cannot_be_scheduled_to() -> None:
    """not-ready:NoSchedule without timeAdded, once; NoExecute of that key does not count."""
    taint = {"key": NOT_READY, "effect": "NoSchedule"}
    execute = {"key": NOT_READY, "effect": "NoExecute"}
    assert Cluster().create("nodes", node())["spec"]["taints"] == [taint]
    assert with_not_ready_taint({"spec": {"taints": [execute]}})["spec"]["taints"] == [execute, taint]
    assert with_not_ready_taint({"spec": {"taints": [taint]}})["spec"]["taints"] == [taint]


def test_a_node_keeps_the_status_it_registers_with() -> None:
    """A kubelet posts its conditions with the Node."""
    assert Cluster().create("nodes", node())["status"] == node()["status"]


def test_a_new_pod_is_pending_with_defaults() -> None:
    """Status is the server's, missing fields are filled, given ones stay."""
    made = Cluster().create("pods", {**pod(restartPolicy="Never"), "status": {"phase": "Running"}})
    assert made["status"] == {"phase": "Pending", "qosClass": "BestEffort"}
    wanted = {
        "restartPolicy": "Never",
        "dnsPolicy": "ClusterFirst",
        "terminationGracePeriodSeconds": 30,
        "schedulerName": "default-scheduler",
        "priority": 0,
    }
    assert {name: made["spec"][name] for name in wanted} == wanted
    assert made["metadata"]["generation"] == 1


def test_a_new_replica_set_wants_one_and_has_none() -> None:
    """One replica unless it says otherwise, status begun by the server; kind and apiVersion are filled in."""
    cluster = Cluster()
    document = {name: item for name, item in replica_set().items() if name not in ("apiVersion", "kind")}
    made = cluster.create("replicasets", {**document, "status": {"replicas": 5}})
    assert (made["kind"], made["apiVersion"]) == ("ReplicaSet", "apps/v1")
    assert (made["spec"]["replicas"], made["status"]) == (1, {"replicas": 0})
    assert cluster.create("replicasets", replica_set("zero", replicas=0))["spec"]["replicas"] == 0


def test_namespaces_are_there_and_can_be_made() -> None:
    """Four from the start; a new one is Active, carries its name as label and takes objects."""
    cluster = Cluster()
    names = [item["metadata"]["name"] for item in cluster.listed("namespaces")]
    assert names == ["default", "kube-node-lease", "kube-public", "kube-system"]
    made = cluster.create("namespaces", {"metadata": {"name": "team"}})
    assert made["status"] == {"phase": "Active"}
    assert made["metadata"]["labels"] == {"kubernetes.io/metadata.name": "team"}
    assert cluster.update("namespaces", {"metadata": {"name": "team"}}) == made
    document = pod()
    del document["metadata"]["namespace"]
    assert cluster.create("pods", document, "team")["metadata"]["namespace"] == "team"


def _container(requests: dict[str, Any], limits: dict[str, Any]) -> Document:
    return {"name": "c", "resources": {"requests": requests, "limits": limits}}


BOTH = {"cpu": "1", "memory": "1Gi"}


@pytest.mark.parametrize(
    ("containers", "qos"),
    [
        ([{"name": "c"}], "BestEffort"),
        ([_container({"cpu": "0"}, {})], "BestEffort"),
        ([_container({"nvidia.com/gpu": "1"}, {})], "BestEffort"),
        ([_container({"cpu": "1"}, {})], "Burstable"),
        ([_container(BOTH, BOTH)], "Guaranteed"),
        ([_container({}, BOTH)], "Guaranteed"),
        ([_container({"cpu": "1000m", "memory": "1024Mi"}, BOTH)], "Guaranteed"),
        ([_container({"cpu": "500m"}, BOTH)], "Burstable"),
        ([_container(BOTH, BOTH), {"name": "d"}], "Burstable"),
        ([_container({"cpu": 0.5}, {})], "Burstable"),
    ],
)
def test_the_quality_of_service_follows_requests_and_limits(containers: list[Document], qos: str) -> None:
    """Guaranteed where all containers limit cpu and memory and ask for as much; BestEffort where none asks."""
    assert qos_class({"containers": containers}) == qos


def test_settings_of_a_profile_give_five_minutes() -> None:
    """The default tolerations last 300 s."""
    made = Cluster(V1_36).create("pods", pod())
    assert [item["tolerationSeconds"] for item in made["spec"]["tolerations"]] == [300, 300]
