"""Kinds that nothing models: kept as they are written, and served like all others."""

from __future__ import annotations

import copy
import pickle

import pytest

from nodesim.apiserver.registry import BY_PLURAL
from nodesim.apiserver.unmodelled import plural_of, resource_of
from nodesim.messages import Delete, Get
from nodesim.objects import Document
from tests.apiserver.cluster import Cluster, changed, post, put

WIDGETS = resource_of("example.com/v1", "Widget")
CLUSTER_ROLES = resource_of("rbac.authorization.k8s.io/v1", "ClusterRole")
EVENTS = resource_of("events.k8s.io/v1", "Event")


def widget(name: str = "w", version: str = "v1") -> Document:
    """A custom object with a status and fields that only its owner understands."""
    return {
        "apiVersion": f"example.com/{version}",
        "kind": "Widget",
        "metadata": {"name": name, "namespace": "default", "labels": {"app": "web"}},
        "spec": {"replicas": "many", "containers": 7, "at": "2026-01-01T00:00:00Z"},
        "status": {"phase": ["odd"]},
    }


@pytest.fixture
def cluster() -> Cluster:
    """A server that serves three kinds beside its own."""
    return Cluster(more=[WIDGETS, CLUSTER_ROLES, EVENTS])


@pytest.mark.parametrize(
    ("kind", "plural"),
    [
        ("ConfigMap", "configmaps"),
        ("Ingress", "ingresses"),
        ("NetworkPolicy", "networkpolicies"),
        ("Endpoints", "endpoints"),
        ("StorageClass", "storageclasses"),
    ],
)
def test_the_plural_is_what_clients_guess(kind: str, plural: str) -> None:
    """As `UnsafeGuessKindToResource` derives it."""
    assert plural_of(kind) == plural


@pytest.mark.parametrize(
    ("version", "kind", "name", "namespaced"),
    [
        ("v1", "Pod", "pods", True),
        ("v1", "ConfigMap", "configmaps", True),
        ("v1", "PersistentVolume", "persistentvolumes", False),
        ("example.com/v1", "Widget", "widgets.example.com", True),
        ("example.com/v1", "ClusterRole", "clusterroles.example.com", True),
        ("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles.rbac.authorization.k8s.io", False),
        ("events.k8s.io/v1", "Event", "events.events.k8s.io", True),
    ],
)
def test_requests_name_an_unmodelled_resource_with_its_group(
    version: str, kind: str, name: str, namespaced: bool
) -> None:
    """So no kind of a user's can be taken for one of Kubernetes' own."""
    resource = resource_of(version, kind)
    assert (resource.name, resource.namespaced) == (name, namespaced)
    assert resource.modelled is (name in BY_PLURAL)


def test_a_document_comes_back_as_it_was_written(cluster: Cluster) -> None:
    """No field is checked, defaulted or dropped but the metadata that the server itself sets."""
    made = cluster.create(WIDGETS.name, widget())
    read = cluster.get(WIDGETS.name, "w", "default")
    assert read == made
    assert {name: read[name] for name in ("apiVersion", "kind", "spec", "status")} == {
        name: widget()[name] for name in ("apiVersion", "kind", "spec", "status")
    }
    assert cluster.records() == []
    assert read["metadata"]["uid"]


def test_it_is_listed_watched_changed_and_deleted_like_any_object(cluster: Cluster) -> None:
    """Selectors, conflicts, patches in both styles, finalizers."""
    watch = cluster.watch(WIDGETS.name, labels="app=web")
    first = cluster.create(WIDGETS.name, widget())
    cluster.create(WIDGETS.name, changed(widget("other"), "metadata.labels", {"app": "db"}))
    assert [item["metadata"]["name"] for item in cluster.listed(WIDGETS.name, labels="app=web")] == ["w"]
    second = cluster.update(WIDGETS.name, changed(first, "status.phase", "done"))
    assert second["status"] == {"phase": "done"}
    assert cluster.fails(put(WIDGETS.name, first)).reason == "Conflict"
    patched = cluster.patch(WIDGETS.name, "w", {"metadata": {"finalizers": ["a/b"]}}, "default", style="merge")
    assert patched["spec"] == widget()["spec"]
    cluster.ok(Delete(WIDGETS.name, "default", "w"))
    assert cluster.get(WIDGETS.name, "w", "default")["metadata"]["deletionTimestamp"] == cluster.now_us
    cluster.patch(WIDGETS.name, "w", {"metadata": {"finalizers": None}}, "default")
    assert cluster.gone(WIDGETS.name, "w", "default")
    assert cluster.heard(watch) == [("ADDED", "w"), *[("MODIFIED", "w")] * 3, ("DELETED", "w")]


def test_any_version_of_the_group_is_kept_as_it_came(cluster: Cluster) -> None:
    """Nothing is converted; another group is refused."""
    cluster.create(WIDGETS.name, widget(version="v2alpha1"))
    assert cluster.get(WIDGETS.name, "w", "default")["apiVersion"] == "example.com/v2alpha1"
    for version in ("other.com/v1", 7):
        assert cluster.fails(post(WIDGETS.name, changed(widget("x"), "apiVersion", version))).code == 400


def test_a_cluster_wide_kind_has_no_namespace(cluster: Cluster) -> None:
    """As Kubernetes' own has none."""
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "reader"}}
    cluster.create(CLUSTER_ROLES.name, role)
    assert cluster.get(CLUSTER_ROLES.name, "reader")["metadata"]["name"] == "reader"
    assert cluster.fails(post(CLUSTER_ROLES.name, role, "default")).code == 400


def test_a_namesake_of_a_modelled_kind_follows_no_rules(cluster: Cluster) -> None:
    """An Event of another group is neither read nor recorded as one of the core group."""
    event = {"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "e", "namespace": "default"}}
    cluster.ok(post(EVENTS.name, event))
    assert [(record.kind, record.object) for record in cluster.records()] == [("ObjectCreated", "Event/default/e")]


@pytest.mark.parametrize(
    "broken",
    [
        changed(widget(), "metadata.labels", {"app": 1}),
        changed(widget(), "metadata.labels", {"a b": "c"}),
        changed(widget(), "metadata.name", "Not_A_Name"),
        changed(widget(), "metadata.ownerReferences", [{"kind": "Pod"}]),
        changed(widget(), "kind", "Gadget"),
        changed(widget(), "metadata", None),
    ],
)
def test_metadata_is_checked_all_the_same(cluster: Cluster, broken: Document) -> None:
    """What the server and the collectors read must be readable."""
    assert cluster.fails(post(WIDGETS.name, broken, "default")).code in (400, 422)


def test_what_is_not_served_is_not_found() -> None:
    """A server without it, a bare plural of a grouped kind, a subresource."""
    assert Cluster().fails(post(WIDGETS.name, widget())).code == 404
    cluster = Cluster(more=[WIDGETS])
    assert cluster.fails(Get("widgets", "default", "w")).code == 404
    assert cluster.fails(put(WIDGETS.name, widget(), "status")).code == 404


def test_copies_of_a_resource_are_equal() -> None:
    """A server's state can be copied and sent to another process."""
    for resource in (WIDGETS, CLUSTER_ROLES, BY_PLURAL["pods"]):
        assert copy.deepcopy(resource) == resource
        assert pickle.loads(pickle.dumps(resource)) == resource
