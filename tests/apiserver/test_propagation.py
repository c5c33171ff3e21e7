"""What a delete says about the objects that the deleted one owns is kept in its finalizers."""

from __future__ import annotations

import pytest

from nodesim.apiserver.deletion import with_propagation
from nodesim.messages import Delete
from nodesim.objects import Document
from tests.apiserver.cluster import Cluster, changed, node, pod, replica_set

FOREGROUND = "foregroundDeletion"


def held(*finalizers: str) -> Document:
    """An object with these finalizers."""
    return {"metadata": {"name": "x", **({"finalizers": list(finalizers)} if finalizers else {})}}


@pytest.mark.parametrize(
    ("before", "propagation", "after"),
    [
        ((), "", ()),
        ((), "Background", ()),
        ((), "Foreground", (FOREGROUND,)),
        ((), "Orphan", ("orphan",)),
        (("a/b",), "Foreground", ("a/b", FOREGROUND)),
        (("orphan",), "", ("orphan",)),
        (("orphan", "a/b"), "Background", ("a/b",)),
        (("orphan",), "Foreground", (FOREGROUND,)),
        ((FOREGROUND,), "", (FOREGROUND,)),
        ((FOREGROUND,), "Orphan", ("orphan",)),
        ((FOREGROUND,), "Background", ()),
    ],
)
def test_the_wish_wins_over_the_finalizers(before: tuple[str, ...], propagation: str, after: tuple[str, ...]) -> None:
    """Without a wish they stay; at most one of the two is there afterwards."""
    document = held(*before)
    made = with_propagation(document, propagation)
    assert made == held(*after)
    if before == after:
        assert made is document


def test_a_foreground_deletion_marks_and_keeps() -> None:
    """One revision: deletionTimestamp, grace 0 and the finalizer; the last finalizer's removal removes the object."""
    cluster = Cluster()
    made = cluster.create("replicasets", replica_set())
    watch = cluster.watch("replicasets")
    cluster.ok(Delete("replicasets", "default", "web", propagation="Foreground"))
    kept = cluster.get("replicasets", "web", "default")["metadata"]
    assert (kept["finalizers"], kept["deletionTimestamp"]) == ([FOREGROUND], cluster.now_us)
    assert kept["deletionGracePeriodSeconds"] == 0
    assert kept["generation"] == made["metadata"]["generation"] + 1
    cluster.patch("replicasets", "web", {"metadata": {"finalizers": None}}, "default")
    assert cluster.heard(watch) == [("MODIFIED", "web"), ("DELETED", "web")]


def test_a_second_delete_may_change_its_mind() -> None:
    """Orphan, then in the background: nothing holds the object any more."""
    cluster = Cluster()
    cluster.create("nodes", node())
    cluster.ok(Delete("nodes", "", "n1", propagation="Orphan"))
    assert cluster.get("nodes", "n1")["metadata"]["finalizers"] == ["orphan"]
    cluster.ok(Delete("nodes", "", "n1"))
    assert cluster.get("nodes", "n1")["metadata"]["finalizers"] == ["orphan"]
    cluster.ok(Delete("nodes", "", "n1", propagation="Background"))
    assert cluster.gone("nodes", "n1")


def test_a_pod_that_terminates_keeps_its_finalizers() -> None:
    """A deletion that is pending already is not told anything new, but by one that shortens it."""
    cluster = Cluster()
    cluster.create("pods", pod(nodeName="n1", terminationGracePeriodSeconds=30))
    cluster.delete_pod("p")
    cluster.ok(Delete("pods", "default", "p", propagation="Foreground"))
    assert "finalizers" not in cluster.get("pods", "p", "default")["metadata"]
    cluster.ok(Delete("pods", "default", "p", 5, propagation="Foreground"))
    assert cluster.get("pods", "p", "default")["metadata"]["finalizers"] == [FOREGROUND]
    cluster.ok(Delete("pods", "default", "p", 0, propagation="Background"))
    assert cluster.gone("pods", "p", "default")


def test_events_have_no_dependents() -> None:
    """They are deleted at once, whatever is asked."""
    cluster = Cluster()
    event = {"kind": "Event", "apiVersion": "v1", "metadata": {"name": "e"}}
    cluster.create("events", changed(event, "involvedObject", {"kind": "Pod", "name": "p"}), "default")
    cluster.ok(Delete("events", "default", "e", propagation="Foreground"))
    assert cluster.gone("events", "e", "default")


def test_an_unknown_wish_is_refused() -> None:
    """422 with the known ones; nothing happened."""
    cluster = Cluster()
    cluster.create("nodes", node())
    answer = cluster.fails(Delete("nodes", "", "n1", propagation="Everything"))
    assert (answer.code, answer.reason) == (422, "Invalid")
    assert 'supported values: "Background", "Foreground", "Orphan", "nil"' in answer.message
    assert not cluster.gone("nodes", "n1")
