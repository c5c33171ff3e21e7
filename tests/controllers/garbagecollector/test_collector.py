"""What becomes of dependents when their owners go: in the background, in the foreground, or freed."""

from __future__ import annotations

from typing import Any

import pytest

from nodesim.apiserver.unmodelled import resource_of
from nodesim.controllers.garbagecollector import ACTOR, GarbageCollector
from nodesim.controllers.garbagecollector.attempts import Attempt
from nodesim.controllers.garbagecollector.graph import Graph
from nodesim.controllers.garbagecollector.views import Identity, OwnedObject, OwnerReference
from nodesim.machine import Answered, Record
from nodesim.messages import Delete, Failure, Get, Patch, Renew
from nodesim.objects import Document, decode_document
from tests.controllers.live import Live

WIDGETS = resource_of("example.com/v1", "Widget")
CLUSTER_ROLES = resource_of("rbac.authorization.k8s.io/v1", "ClusterRole")
MORE = (WIDGETS, CLUSTER_ROLES)


class Owners:
    """Widgets that own widgets."""

    def __init__(self, *, started: bool = True) -> None:
        self.live = Live({}, more=MORE)
        self._process = 0
        if started:
            self.start()

    def start(self) -> None:
        """A collector begins."""
        self._process += 1
        self.live.start(ACTOR, GarbageCollector(MORE))
        self.live.run(1)

    def widget(self, name: str, *owners: Any, finalizers: tuple[str, ...] = ()) -> Document:
        """Make one; an owner is a document, or (document, does the dependent block it)."""
        references = [reference(*each) if isinstance(each, tuple) else reference(each) for each in owners]
        metadata: Document = {"name": name, "ownerReferences": references}
        if finalizers:
            metadata["finalizers"] = list(finalizers)
        document = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": metadata}
        return self.live.create(WIDGETS.name, document, "default")

    def delete(self, name: str, propagation: str = "Background") -> None:
        """A person deletes one."""
        self.live.ok(Delete(WIDGETS.name, "default", name, propagation=propagation))

    def there(self) -> list[str]:
        """The widgets that are there, after a moment."""
        self.live.run(1)
        return self.live.names(WIDGETS.name)

    def deleted(self) -> list[tuple[str, str]]:
        """(name, propagation) of what the collector deleted; each by its uid."""
        deletes = [request for _, request in self.live.requests(ACTOR, Delete)]
        assert all(request.uid for request in deletes)
        return [(request.name, request.propagation) for request in deletes]

    def finalizers(self, name: str) -> list[str]:
        """The finalizers of one, after a moment."""
        self.live.run(1)
        document = self.live.get(WIDGETS.name, name, "default")
        assert document is not None
        return document["metadata"].get("finalizers") or []

    def owners(self, name: str) -> list[str]:
        """Whom one names as its owners, after a moment."""
        self.live.run(1)
        document = self.live.get(WIDGETS.name, name, "default")
        assert document is not None
        return [owner["name"] for owner in document["metadata"].get("ownerReferences") or ()]


def reference(owner: Document, blocks: bool = False) -> Document:
    """An owner reference."""
    made = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"]}
    return {**made, "uid": owner["metadata"]["uid"], "blockOwnerDeletion": blocks}


def test_dependents_follow_in_the_background() -> None:
    """The owner goes at once; its dependents follow, and theirs after them."""
    owners = Owners()
    root = owners.widget("root")
    middle = owners.widget("middle", root)
    owners.widget("leaf", middle)
    owners.widget("other")
    owners.delete("root")
    assert owners.there() == ["other"]
    assert owners.deleted() == [("middle", "Background"), ("leaf", "Background")]
    kinds = [(record.object, record.fields["owners"]) for record in owners.live.records("DependentCollected")]
    assert kinds == [
        ("Widget/default/middle", ["Widget/default/root"]),
        ("Widget/default/leaf", ["Widget/default/middle"]),
    ]


def test_a_dependent_is_asked_for_and_its_gone_owner_is_not() -> None:
    """As recorded: GET and DELETE of the dependent; that the owner is gone the watch has told."""
    owners = Owners()
    owners.widget("leaf", owners.widget("root"))
    owners.delete("root")
    owners.there()
    assert [request.name for _, request in owners.live.requests(ACTOR, Get)] == ["leaf"]


def test_in_the_foreground_the_owner_waits_for_those_that_block_it() -> None:
    """It stays with deletionTimestamp and finalizer until the blocking dependents are gone; the others may linger."""
    owners = Owners()
    root = owners.widget("root")
    owners.widget("blocking", (root, True), finalizers=("example.com/slow",))
    owners.widget("loose", root, finalizers=("example.com/slow",))
    owners.delete("root", "Foreground")
    assert owners.finalizers("root") == ["foregroundDeletion"]
    assert set(owners.deleted()) == {("blocking", "Background"), ("loose", "Background")}
    owners.live.patch(WIDGETS.name, "blocking", {"metadata": {"finalizers": None}}, "default")
    assert owners.there() == ["loose"]


def test_the_foreground_goes_down_the_tree() -> None:
    """A dependent with dependents of its own is deleted in the foreground, too; the root goes last."""
    owners = Owners()
    root = owners.widget("root")
    middle = owners.widget("middle", (root, True))
    owners.widget("leaf", (middle, True), finalizers=("example.com/slow",))
    owners.delete("root", "Foreground")
    assert owners.finalizers("middle") == ["foregroundDeletion"]
    assert list(dict.fromkeys(owners.deleted())) == [("middle", "Foreground"), ("leaf", "Background")]
    owners.live.patch(WIDGETS.name, "leaf", {"metadata": {"finalizers": None}}, "default")
    assert owners.there() == []


def test_orphans_lose_their_owner_and_stay() -> None:
    """All references to it are taken away before it goes; what it owned through others is untouched."""
    owners = Owners()
    root, other = owners.widget("root"), owners.widget("other")
    middle = owners.widget("middle", root, other)
    owners.widget("leaf", middle)
    owners.delete("root", "Orphan")
    assert owners.there() == ["leaf", "middle", "other"]
    assert owners.owners("middle") == ["other"]
    assert owners.owners("leaf") == ["middle"]
    assert owners.deleted() == []


def test_one_living_owner_is_enough() -> None:
    """The reference to the dead one goes, the object stays; when the last one dies it goes, too."""
    owners = Owners()
    first, second = owners.widget("first"), owners.widget("second")
    owners.widget("leaf", first, second)
    owners.delete("first")
    assert owners.owners("leaf") == ["second"]
    owners.delete("second")
    assert owners.there() == []


def test_a_waiting_owner_beside_a_living_one_is_let_go() -> None:
    """Foreground deletion does not take what somebody else needs: it loses the reference instead."""
    owners = Owners()
    waiting, living = owners.widget("waiting"), owners.widget("living")
    owners.widget("leaf", (waiting, True), living)
    owners.delete("waiting", "Foreground")
    assert owners.there() == ["leaf", "living"]
    assert owners.owners("leaf") == ["living"]


@pytest.mark.parametrize("uid", ["no-such-uid", ""])
def test_an_owner_that_never_was(uid: str) -> None:
    """A reference to an object that does not exist takes its dependent away; one without a uid names nobody."""
    owners = Owners()
    ghost = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "ghost", "uid": uid}}
    owners.widget("leaf", ghost)
    assert owners.there() == ([] if uid else ["leaf"])


def test_a_namesake_is_not_the_owner() -> None:
    """The owner was deleted and made anew under its name while nobody collected: its old dependent goes."""
    owners = Owners(started=False)
    owners.widget("leaf", owners.widget("root"))
    owners.delete("root")
    owners.widget("new-leaf", owners.widget("root"))
    owners.start()
    assert owners.there() == ["new-leaf", "root"]


def test_a_namesake_that_the_caches_have_not_shown_yet_is_not_the_owner() -> None:
    """The cache still has the owner; the API server has another object of its name: the dependent goes."""
    graph = Graph()
    root = OwnedObject(Identity(WIDGETS.name, "Widget", "default", "root", "old"), (), (), being_deleted=False)
    owner = OwnerReference(WIDGETS.name, "Widget", namespaced=True, name="root", uid="old", blocks=False)
    leaf = OwnedObject(Identity(WIDGETS.name, "Widget", "default", "leaf", "leaf"), (owner,), (), being_deleted=False)
    graph.changed(None, root)
    graph.changed(None, leaf)
    script = Attempt("delete/leaf", graph.nodes["leaf"], graph, [WIDGETS.name], 0).run()
    named = {"apiVersion": "example.com/v1", "kind": "Widget", "name": "root", "uid": "old"}
    documents = {
        "leaf": {"metadata": {"name": "leaf", "uid": "leaf", "ownerReferences": [named]}},
        "root": {"metadata": {"name": "root", "uid": "new"}},
    }
    order: Any = next(script)
    requests = []
    with pytest.raises(StopIteration):
        while True:
            if isinstance(order, Record):
                order = next(script)
                continue
            (request,) = order.requests
            requests.append(request)
            order = script.send((Answered((), 200, document=documents[request.name]),))
    assert [(type(request), request.name) for request in requests] == [(Get, "leaf"), (Get, "root"), (Delete, "leaf")]


def test_a_reference_with_the_wrong_name_is_absent() -> None:
    """The uid exists under another name: whoever names it so has no owner."""
    owners = Owners()
    root = owners.widget("root")
    lie = {**root, "metadata": {**root["metadata"], "name": "liar"}}
    owners.widget("misled", lie)
    owners.widget("leaf", root)
    assert owners.there() == ["leaf", "root"]


def test_an_owner_in_another_namespace_is_none() -> None:
    """References do not cross namespaces: the owner is looked for in the dependent's own."""
    owners = Owners(started=False)
    owners.live.create("namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}})
    root = owners.widget("root")
    leaf = {
        "apiVersion": "example.com/v1",
        "kind": "Widget",
        "metadata": {"name": "leaf", "namespace": "team", "ownerReferences": [reference(root)]},
    }
    owners.live.create(WIDGETS.name, leaf, "team")
    owners.start()
    assert owners.there() == ["root"]


def test_what_is_in_no_namespace_is_not_owned_by_what_is_in_one() -> None:
    """Such a reference is invalid; nothing is done about the object."""
    owners = Owners()
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "reader", "ownerReferences": [reference(owners.widget("root"))]},
    }
    owners.live.create(CLUSTER_ROLES.name, role)
    owners.delete("root")
    owners.there()
    assert owners.live.names(CLUSTER_ROLES.name) == ["reader"]


def test_a_circle_goes_with_a_foreground_deletion() -> None:
    """Two that own each other: the second one stops blocking the first, and both go."""
    owners = Owners(started=False)
    first = owners.widget("first")
    second = owners.widget("second", (first, True))
    owners.live.patch(WIDGETS.name, "first", {"metadata": {"ownerReferences": [reference(second, True)]}}, "default")
    owners.start()
    owners.delete("first", "Foreground")
    assert owners.there() == []


def test_an_error_is_tried_again() -> None:
    """The first DELETE fails; the next try comes 5 ms later and succeeds."""
    owners = Owners()
    owners.widget("leaf", owners.widget("root"))
    failures = [Failure(500, "InternalError", "")]
    owners.live.server.refuse = lambda client, request: (
        failures.pop() if client == ACTOR and isinstance(request, Delete) and failures else None
    )
    owners.delete("root")
    assert owners.there() == []
    first, second = [at_us for at_us, _ in owners.live.requests(ACTOR, Delete)]
    assert second - first < 20_000


def test_a_finalizer_is_taken_away_against_the_version_that_was_read() -> None:
    """A conflict means to read again."""
    owners = Owners()
    owners.widget("root")
    failures = [Failure(409, "Conflict", "")]
    owners.live.server.refuse = lambda client, request: (
        failures.pop() if client == ACTOR and isinstance(request, Patch) and failures else None
    )
    owners.delete("root", "Foreground")
    assert owners.there() == []
    patches = [decode_document(request.document) for _, request in owners.live.requests(ACTOR, Patch)]
    assert [patch["metadata"]["finalizers"] for patch in patches] == [[], []]
    assert all(patch["metadata"]["resourceVersion"] for patch in patches)


@pytest.mark.parametrize("propagation", ["Foreground", "Orphan"])
def test_what_was_asked_before_the_collector_began_is_done(propagation: str) -> None:
    """The finalizers say what is to be done; a restart loses nothing."""
    owners = Owners(started=False)
    root = owners.widget("root")
    owners.widget("leaf", (root, True))
    owners.delete("root", propagation)
    owners.start()
    assert owners.there() == (["leaf"] if propagation == "Orphan" else [])


def test_the_lease_goes_with_its_node() -> None:
    """The owner is in no namespace, the dependent in one."""
    live = Live({ACTOR: GarbageCollector()})
    node = live.create("nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}})
    lease = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "n1", "ownerReferences": [reference(node)]},
        "spec": {"renewTime": 1},
    }
    live.create("leases", lease, "kube-node-lease")
    live.run(1)
    live.ok(Delete("nodes", "", "n1"))
    live.run(1)
    assert live.names("leases") == []
    (request,) = [request for _, request in live.requests(ACTOR, Delete)]
    assert (request.resource, request.namespace, request.propagation) == ("leases", "kube-node-lease", "Background")


def test_renewals_are_not_told() -> None:
    """A thousand heartbeats are no work for somebody who reads metadata."""
    live = Live({ACTOR: GarbageCollector()})
    lease = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "n1"},
        "spec": {"renewTime": 1},
    }
    live.run(1)
    made = live.create("leases", lease, "kube-node-lease")
    metadata = made["metadata"]
    for second in range(2, 5):
        answer = live.call(Renew("kube-node-lease", "n1", metadata["uid"], metadata["resourceVersion"], second))
        metadata["resourceVersion"] = answer.resource_version
    assert live.server.told(ACTOR, "Lease") == ["ADDED"]
