"""What the trace says of writes."""

from __future__ import annotations

from typing import Any

from nodesim.apiserver.records import owner_ref
from nodesim.client import EventRecorder
from nodesim.machine import Record, Send
from nodesim.messages import Done, WatchEvent
from nodesim.units import SECOND
from tests.apiserver.cluster import Cluster, lease, node, pod, put, replica_set
from tests.controllers.workload.bench import workload


def said(cluster: Cluster) -> list[tuple[str, str, dict[str, Any]]]:
    """The last call's records without the uid, which must be there."""
    found = []
    for record in cluster.records():
        fields = dict(record.fields)
        assert fields.pop("uid")
        found.append((record.kind, record.object, fields))
    return found


def test_a_nodes_summary() -> None:
    """Whole on creation, then only what changed; a heartbeat in a condition is no change."""
    cluster = Cluster()
    cluster.create("nodes", node(), client="node/n1")
    assert said(cluster) == [
        (
            "ObjectCreated",
            "Node/n1",
            {
                "by": "node/n1",
                "state": {
                    "conditions": {"Ready": {"status": "False", "reason": "KubeletNotReady"}},
                    "taints": ["node.kubernetes.io/not-ready:NoSchedule"],
                    "unschedulable": False,
                    "labels": {"kubernetes.io/hostname": "n1"},
                },
            },
        )
    ]
    beat = {"status": {"conditions": [{"type": "Ready", "lastHeartbeatTime": 5 * SECOND}]}}
    cluster.patch("nodes", "n1", beat, subresource="status", client="node/n1")
    assert said(cluster) == []
    taints = [{"key": "a", "value": "b", "effect": "NoExecute", "timeAdded": SECOND}]
    cluster.patch("nodes", "n1", {"spec": {"taints": taints}}, client="node-controller")
    modified = {"by": "node-controller", "verb": "patch", "state": {"taints": ["a=b:NoExecute"]}}
    assert said(cluster) == [("ObjectModified", "Node/n1", modified)]


def test_a_pods_life() -> None:
    """Created, bound, running, asked to go, gone."""
    cluster = Cluster()
    document = pod()
    document["metadata"]["ownerReferences"] = [{"kind": "ReplicaSet", "name": "web", "uid": "u", "controller": True}]
    cluster.create("pods", document)
    state = {
        "node": "",
        "phase": "Pending",
        "ready": False,
        "reason": "",
        "deletion_us": None,
        "grace_seconds": None,
        "labels": {"app": "web"},
        "owner": "ReplicaSet/default/web",
    }
    assert said(cluster) == [("ObjectCreated", "Pod/default/p", {"by": "operator", "state": state})]
    cluster.bind("p", "n1")
    steps = said(cluster)
    running = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    cluster.patch("pods", "p", {"status": running}, "default", "status")
    steps += said(cluster)
    cluster.delete_pod("p")
    steps += said(cluster)
    cluster.delete_pod("p", 0)
    steps += said(cluster)
    assert steps == [
        (kind, "Pod/default/p", {"by": "operator", **fields})
        for kind, fields in (
            ("ObjectModified", {"verb": "bind", "state": {"node": "n1"}}),
            ("ObjectModified", {"verb": "patch", "state": {"phase": "Running", "ready": True}}),
            ("ObjectModified", {"verb": "delete", "state": {"deletion_us": 40 * SECOND, "grace_seconds": 30}}),
            ("ObjectModified", {"verb": "delete", "state": {"deletion_us": 10 * SECOND, "grace_seconds": 0}}),
            ("ObjectDeleted", {}),
        )
    ]


def test_a_replica_sets_scale() -> None:
    """Its replicas and ready_replicas; an update is recorded as such."""
    cluster = Cluster()
    made = cluster.create("replicasets", replica_set())
    assert said(cluster)[0][2]["state"] == {"replicas": 1, "ready_replicas": 0, "labels": {}, "owner": ""}
    made["status"] = {"replicas": 1, "readyReplicas": 1}
    cluster.update("replicasets", made, "status")
    fields = {"by": "operator", "verb": "update", "state": {"ready_replicas": 1}}
    assert said(cluster) == [("ObjectModified", "ReplicaSet/default/web", fields)]


def test_a_deployments_rollout() -> None:
    """Its replicas, those updated and ready, its generation, and the reason of Progressing."""
    cluster = Cluster()
    made = cluster.create("deployments", workload("Deployment"))
    counts = {"replicas": 1, "updated_replicas": 0, "ready_replicas": 0, "generation": 1}
    assert said(cluster)[0][2]["state"] == counts | {"progressing": "", "labels": {}, "owner": ""}
    conditions = [{"type": "Available", "reason": "x"}, {"type": "Progressing", "reason": "NewReplicaSetAvailable"}]
    made["status"] = {"replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "conditions": conditions}
    cluster.update("deployments", made, "status")
    state = {"updated_replicas": 1, "ready_replicas": 1, "progressing": "NewReplicaSetAvailable"}
    fields = {"by": "operator", "verb": "update", "state": state}
    assert said(cluster) == [("ObjectModified", "Deployment/default/web", fields)]


def test_a_namespace_has_phase_labels_and_owner() -> None:
    """The phase tells that it is terminating."""
    cluster = Cluster()
    cluster.create("namespaces", {"metadata": {"name": "team"}})
    state = {"phase": "Active", "labels": {"kubernetes.io/metadata.name": "team"}, "owner": ""}
    assert said(cluster) == [("ObjectCreated", "Namespace/team", {"by": "operator", "state": state})]


def test_owners_are_named_with_their_namespace() -> None:
    """Nodes have none."""
    reference = {"kind": "Node", "name": "n1", "uid": "u", "controller": True}
    assert owner_ref({"namespace": "default", "ownerReferences": [reference]}) == "Node/n1"
    assert owner_ref({"namespace": "default", "ownerReferences": [{**reference, "controller": False}]}) == ""


def test_events_are_recorded_by_their_reason() -> None:
    """The first with count 1, the repeat with 2, about the object that they mean."""
    cluster = Cluster()
    recorder = EventRecorder("node-controller")
    found: list[Record] = []
    for count in range(2):
        call = recorder.event(
            cluster.now_us + count, "Pod", "default", "p", "u", "Warning", "NodeNotReady", "not ready"
        )
        cluster.ok(call.request)
        found += cluster.records()
    about_node = recorder.event(cluster.now_us, "Node", "", "n1", "", "Normal", "NodeReady", "ready")
    cluster.ok(about_node.request)
    found += cluster.records()
    fields = {"component": "node-controller", "type": "Warning", "message": "not ready"}
    assert found == [
        Record("NodeNotReady", "Pod/default/p", {**fields, "count": 1}),
        Record("NodeNotReady", "Pod/default/p", {**fields, "count": 2}),
        Record(
            "NodeReady",
            "Node/n1",
            {"component": "node-controller", "type": "Normal", "message": "ready", "count": 1},
        ),
    ]


def test_leases_are_recorded_only_when_asked_for() -> None:
    """LeaseRenewed for creation and renewals; none by default; deletion never."""
    for heartbeats in (False, True):
        cluster = Cluster(heartbeats=heartbeats)
        found: list[Record] = []
        made = cluster.create("leases", lease(renew_us=1), client="node/n1")
        found += cluster.records()
        made["spec"]["renewTime"] = 2
        cluster.ok(put("leases", made), "node/n1")
        found += cluster.records()
        expected = [
            Record("LeaseRenewed", "Lease/kube-node-lease/n1", {"by": "node/n1", "renew_us": at_us}) for at_us in (1, 2)
        ]
        assert found == (expected if heartbeats else [])


def test_each_record_comes_before_what_follows_from_it() -> None:
    """Of the last delete of a pod: its mark, who hears of the mark, its end, the answer, who hears of the end."""
    cluster = Cluster()
    cluster.create("pods", pod())
    cluster.watch("pods")
    cluster.delete_pod("p")
    order = [
        effect.kind if isinstance(effect, Record) else getattr(effect.message, "type", type(effect.message).__name__)
        for effect in cluster.effects
        if isinstance(effect, Record | Send)
    ]
    assert order == ["ObjectModified", "MODIFIED", "ObjectDeleted", "Done", "DELETED"]
    assert {type(effect.message) for effect in cluster.effects if isinstance(effect, Send)} == {Done, WatchEvent}


def test_the_server_counts() -> None:
    """Renewals, kubelets' status posts and watch events, each only when something changed."""
    cluster = Cluster()
    cluster.watch("nodes")
    cluster.create("nodes", node())
    beat = {"status": {"conditions": [{"type": "Ready", "lastHeartbeatTime": 5}]}}
    for client in ("node/n1", "node/n1", "node-controller"):
        cluster.patch("nodes", "n1", beat, subresource="status", client=client)
    cluster.patch("nodes", "n1", {"status": {"x": 1}}, subresource="status", client="node-controller")
    cluster.patch("nodes", "n1", {"metadata": {"labels": {"x": "y"}}}, client="node/n1")
    made = cluster.create("leases", lease())
    cluster.update("leases", made)
    made["spec"]["renewTime"] = 5
    made = cluster.update("leases", made)
    cluster.patch("leases", "n1", {"spec": {"renewTime": 6}}, "kube-node-lease")
    server = cluster.server
    assert (server.renewals, server.status_posts, server.watch_events) == (2, 1, 4)
    assert "renewals=2" in repr(server)
