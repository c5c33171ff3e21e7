"""Which requests and objects the server refuses, and with which words."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest

from nodesim.messages import Bind, Create, Delete, Get, List, Patch, Update, Watch
from nodesim.objects import Document, encode_document
from nodesim.objects.documents import DOCUMENT_BYTES_MAX
from tests.apiserver.cluster import Cluster, changed, lease, node, pod, post, put, replica_set


@pytest.mark.parametrize(
    ("request_", "code", "reason", "message"),
    [
        (Get("pods", "default", "x"), 404, "NotFound", 'pods "x" not found'),
        (Get("replicasets", "default", "x"), 404, "NotFound", 'replicasets.apps "x" not found'),
        (Get("gadgets", "", "x"), 404, "NotFound", "the server could not find the requested resource"),
        (List("gadgets"), 404, "NotFound", "the server could not find the requested resource"),
        (Watch("gadgets", "", "", "", ""), 404, "NotFound", "the server could not find the requested resource"),
        (put("leases", lease(), "status"), 404, "NotFound", "the server could not find the requested resource"),
        (put("pods", pod(), "scale"), 404, "NotFound", "the server could not find the requested resource"),
        (Get("nodes", "default", "n1"), 404, "NotFound", "the server could not find the requested resource"),
        (Get("pods", "", "x"), 400, "BadRequest", "an empty namespace"),
        (Get("pods", "default", ""), 400, "BadRequest", "name may not be empty"),
        (post("nodes", node()), 409, "AlreadyExists", 'nodes "n1" already exists'),
        (post("pods", changed(pod(), "metadata.namespace", "x")), 404, "NotFound", 'namespaces "x" not found'),
        (post("pods", pod(), "kube-system"), 400, "BadRequest", "does not match the namespace"),
        (post("nodes", node("x"), "default"), 400, "BadRequest", "not namespaced"),
        (post("pods", changed(pod(), "metadata.namespace", "")), 400, "BadRequest", "an empty namespace"),
        (post("nodes", changed(node(), "metadata.resourceVersion", "1")), 400, "BadRequest", "should not be set"),
        (post("nodes", pod()), 400, "BadRequest", 'Pod in version "v1" cannot be handled as a Node'),
        (post("nodes", changed(node(), "apiVersion", "v2")), 400, "BadRequest", "(v2) does not match"),
        (post("nodes", changed(node(), "metadata", None)), 400, "BadRequest", "metadata is required"),
        (post("pods", pod(tolerations=[{"tolerationSeconds": "5"}])), 400, "BadRequest", "must be an integer"),
        (post("pods", pod(overhead={"cpu": "much"})), 400, "BadRequest", "must be a quantity"),
        (post("pods", pod(overhead={"cpu": True})), 400, "BadRequest", "must be a quantity"),
        (post("pods", pod(containers=[None])), 400, "BadRequest", "spec.containers[0] must not be null"),
        (post("pods", pod(containers={})), 400, "BadRequest", "spec.containers must be a list"),
        (post("pods", pod(nodeSelector={"a": None})), 400, "BadRequest", "spec.nodeSelector.a must not be null"),
        (post("nodes", changed(node(), "status", 5)), 400, "BadRequest", "status must be a map"),
        (Create("nodes", "", b"\xc1"), 400, "BadRequest", "could not be read"),
        (Create("nodes", "", msgpack.packb({"kind": b"Node"})), 400, "BadRequest", "bytes is not JSON"),
        (Create("nodes", "", bytes(DOCUMENT_BYTES_MAX + 1)), 413, "RequestEntityTooLarge", "too large"),
        (put("nodes", {"metadata": {"name": "", "labels": {}}}), 400, "BadRequest", "name may not be empty"),
        (Update("nodes", "", "n1", "", encode_document(node("n2"))), 400, "BadRequest", "does not match the name"),
        (Update("nodes", "", "n1", "", encode_document({"metadata": {}})), 400, "BadRequest", "undeterminable"),
        (Create("gadgets", "", b""), 404, "NotFound", "could not find"),
        (Delete("gadgets", "", "x"), 404, "NotFound", "could not find"),
        (Delete("nodes", "", ""), 400, "BadRequest", "name may not be empty"),
        (post("pods", pod(tolerations=[{"key": "a"}, {"key": 5}])), 400, "BadRequest", "tolerations[1].key must be a"),
        (Update("gadgets", "", "x", "", b""), 404, "NotFound", "could not find"),
        (Update("nodes", "", "n1", "", b""), 400, "BadRequest", "could not be read"),
        (Patch("gadgets", "", "x", "", "merge", b""), 404, "NotFound", "could not find"),
        (Patch("nodes", "", "n1", "", "merge", b""), 400, "BadRequest", "could not be read"),
        (Patch("nodes", "", "x", "", "merge", encode_document({})), 404, "NotFound", 'nodes "x" not found'),
        (Patch("nodes", "", "n1", "", "json", encode_document({})), 415, "UnsupportedMediaType", "strategic and merge"),
        (Patch("nodes", "", "n1", "", "merge", encode_document({"kind": "Pod"})), 400, "BadRequest", "cannot be"),
        (
            Patch("nodes", "", "n1", "", "strategic", encode_document({"status": {"conditions": [{}]}})),
            400,
            "BadRequest",
            "declared merge key",
        ),
        (List("nodes", fields="spec.colour=red"), 400, "BadRequest", "field label not supported"),
        (List("nodes", fields="spec.colour"), 400, "BadRequest", "invalid field selector"),
        (List("nodes", labels="a in"), 400, "BadRequest", "not a label selector"),
        (Watch("nodes", "", "", "=", ""), 400, "BadRequest", "not a label selector"),
        (Watch("nodes", "", "", "", "new"), 400, "BadRequest", "invalid resource version"),
        (Bind("", "p", "", "n1"), 400, "BadRequest", "an empty namespace"),
        (Bind("default", "x", "", "n1"), 404, "NotFound", 'pods "x" not found'),
    ],
)
def test_a_wrong_request_is_answered_with_its_reason(request_: Any, code: int, reason: str, message: str) -> None:
    """Code, reason and text of each refusal; the server goes on."""
    cluster = Cluster()
    cluster.create("nodes", node())
    failure = cluster.fails(request_)
    assert (failure.code, failure.reason) == (code, reason)
    assert message in failure.message
    assert len(cluster.listed("nodes")) == 1


@pytest.mark.parametrize(
    ("resource", "document", "message"),
    [
        (
            "pods",
            pod("Big"),
            'Pod "Big" is invalid: metadata.name: Invalid value: "Big": a lowercase RFC 1123 subdomain',
        ),
        ("pods", pod("a" * 254), "must be no more than 253 characters"),
        ("pods", changed(pod(), "metadata.name", ""), "metadata.name: Required value"),
        ("namespaces", {"metadata": {"name": "a.b"}}, "RFC 1123 label"),
        ("namespaces", {"metadata": {}}, "metadata.name: Required value"),
        ("pods", changed(pod(), "metadata.labels", {"a": "b c"}), "a valid label"),
        ("pods", changed(pod(), "metadata.labels", {"-": ""}), "not a qualified name"),
        ("pods", changed(pod(), "metadata.labels", {"A_/x": ""}), "not a qualified name"),
        ("pods", pod(containers=[]), "spec.containers: Required value"),
        ("pods", pod(containers=[{"name": "a"}, {"name": "a"}]), 'containers[1].name: Duplicate value: "a"'),
        ("pods", pod(containers=[{"name": "A"}]), "spec.containers[0].name: Invalid value"),
        ("pods", pod(restartPolicy="Sometimes"), "spec.restartPolicy: Unsupported value"),
        ("nodes", node(taints=[{"key": "a b", "effect": "NoSchedule"}]), "metadata.taints[0].key: Invalid value"),
        ("nodes", node(taints=[{"key": "a", "effect": "No"}]), "metadata.taints[0].effect: Unsupported value"),
        ("nodes", node(taints=[{"key": "a", "effect": "NoExecute"}] * 2), "Duplicate value"),
        ("leases", changed(lease(), "spec.leaseDurationSeconds", 0), "must be greater than 0"),
        ("replicasets", replica_set(replicas=-1), "spec.replicas: Invalid value: -1"),
        ("replicasets", replica_set(selector=None), 'ReplicaSet.apps "web" is invalid: spec.selector: Required value'),
        ("replicasets", replica_set(selector={"matchLabels": {"a": "b"}}), "`selector` does not match template"),
        (
            "replicasets",
            replica_set(selector={"matchExpressions": [{"key": "a", "operator": "Near"}]}),
            "spec.selector.matchExpressions.operator",
        ),
        ("replicasets", replica_set(template={"metadata": {"labels": {"app": "web"}}}), "containers: Required value"),
    ],
)
def test_an_object_that_is_not_allowed_is_invalid(resource: str, document: Document, message: str) -> None:
    """422 with the field and the reason; nothing is stored."""
    cluster = Cluster()
    before = len(cluster.listed(resource))
    failure = cluster.fails(post(resource, document))
    assert (failure.code, failure.reason) == (422, "Invalid")
    assert message in failure.message
    assert len(cluster.listed(resource)) == before
