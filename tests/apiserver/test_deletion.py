"""When deletes mark, remove, or do nothing."""

from __future__ import annotations

from typing import Any

import pytest

from nodesim.apiserver.deletion import Deletion, delete_other, delete_pod, is_finished
from nodesim.messages import Delete
from nodesim.profiles import V1_24
from nodesim.units import SECOND
from tests.apiserver.cluster import Cluster, node, pod, replica_set

NOW_US = 100 * SECOND + 300_000


def a_pod(
    *, node: str = "n1", phase: str = "Running", spec_grace: int | None = 30, marked: tuple[int, int] | None = None
) -> dict[str, Any]:
    """A pod; `marked` is (deletionTimestamp in s, deletionGracePeriodSeconds)."""
    metadata: dict[str, Any] = {"name": "p", "generation": 1}
    if marked:
        metadata |= {"deletionTimestamp": marked[0] * SECOND, "deletionGracePeriodSeconds": marked[1]}
    spec = {"nodeName": node, "terminationGracePeriodSeconds": spec_grace}
    return {"metadata": metadata, "spec": spec, "status": {"phase": phase}}


FIRST = [
    ("its own grace", a_pod(), None, (130, 30), False),
    ("the request's grace", a_pod(), 5, (105, 5), False),
    ("a longer one, too", a_pod(), 600, (700, 600), False),
    ("grace 0: marked, then removed", a_pod(), 0, (100, 0), True),
    ("negative is 1", a_pod(), -7, (101, 1), False),
    ("negative in the spec is 1", a_pod(spec_grace=-1), None, (101, 1), False),
    ("no grace anywhere is 0", a_pod(spec_grace=None), None, (100, 0), True),
    ("unscheduled: 0, whatever was asked", a_pod(node=""), 600, (100, 0), True),
    ("Failed: 0", a_pod(phase="Failed"), None, (100, 0), True),
    ("Succeeded: 0", a_pod(phase="Succeeded"), 30, (100, 0), True),
]
AGAIN = [
    ("no grace given: nothing", a_pod(marked=(130, 30)), None, None, False),
    ("as much: nothing", a_pod(marked=(130, 30)), 30, None, False),
    ("more: nothing", a_pod(marked=(130, 30)), 60, None, False),
    ("less: moved", a_pod(marked=(130, 30)), 10, (110, 10), False),
    ("less, in the past: now, and 1", a_pod(marked=(120, 30)), 5, (100, 1), False),
    ("0: now, and gone", a_pod(marked=(120, 30)), 0, (100, 0), True),
    ("0 before the end", a_pod(marked=(150, 30)), 0, (120, 0), True),
    ("negative is 1", a_pod(marked=(150, 30)), -1, (121, 1), False),
    ("stored 0: gone at once", a_pod(marked=(90, 0)), 30, None, True),
    ("Failed meanwhile: still waits", a_pod(phase="Failed", marked=(130, 30)), None, None, False),
]


def _marks(deletion: Deletion) -> tuple[int, int] | None:
    if deletion.marked is None:
        return None
    metadata = deletion.marked["metadata"]
    return (metadata["deletionTimestamp"] // SECOND, metadata["deletionGracePeriodSeconds"])


@pytest.mark.parametrize(
    ("document", "asked", "marks", "removed"), [row[1:] for row in FIRST], ids=[r[0] for r in FIRST]
)
def test_the_first_delete_of_a_pod_gives_it_its_grace(
    document: dict[str, Any], asked: int | None, marks: tuple[int, int], removed: bool
) -> None:
    """Its deletionTimestamp is the whole second of now + grace; generation rises; grace 0 also removes."""
    deletion = delete_pod(document, asked, NOW_US, never_in_past=True)
    assert (_marks(deletion), deletion.removed) == (marks, removed)
    assert deletion.marked is not None
    assert deletion.marked["metadata"]["generation"] == 2


@pytest.mark.parametrize(
    ("document", "asked", "marks", "removed"), [row[1:] for row in AGAIN], ids=[r[0] for r in AGAIN]
)
def test_a_second_delete_of_a_pod_only_shortens(
    document: dict[str, Any], asked: int | None, marks: tuple[int, int] | None, removed: bool
) -> None:
    """A smaller grace moves deletionTimestamp, a missing or larger one does nothing; generation stays."""
    deletion = delete_pod(document, asked, NOW_US, never_in_past=True)
    assert (_marks(deletion), deletion.removed) == (marks, removed)
    assert deletion.marked is None or deletion.marked["metadata"]["generation"] == 1


def test_before_133_a_shortened_timestamp_may_lie_in_the_past() -> None:
    """Up to 1.32 the moved deletionTimestamp and its grace are taken as computed."""
    deletion = delete_pod(a_pod(marked=(120, 30)), 5, NOW_US, never_in_past=False)
    assert _marks(deletion) == (95, 5)


def test_finalizers_hold_a_pod_without_grace() -> None:
    """With a finalizer a pod is only marked, and a second delete does nothing."""
    document = a_pod()
    document["metadata"]["finalizers"] = ["x/hold"]
    first = delete_pod(document, 0, NOW_US, never_in_past=True)
    assert (_marks(first), first.removed) == ((100, 0), False)
    assert first.marked is not None
    assert delete_pod(first.marked, 0, NOW_US, never_in_past=True) == Deletion(None, removed=False)


def test_other_objects_go_at_once_unless_finalizers_hold_them() -> None:
    """No grace: removed in one revision; with a finalizer marked once with grace 0."""
    assert delete_other({"metadata": {"name": "n"}}, NOW_US) == Deletion(None, removed=True)
    held = {"metadata": {"name": "n", "finalizers": ["x"], "generation": 3}}
    first = delete_other(held, NOW_US)
    assert (_marks(first), first.removed) == ((100, 0), False)
    assert first.marked is not None
    assert first.marked["metadata"]["generation"] == 4
    assert delete_other(first.marked, NOW_US) == Deletion(None, removed=False)


@pytest.mark.parametrize(
    ("marked", "left", "finished"),
    [((100, 0), [], True), ((100, 0), ["y"], False), ((130, 30), [], False), (None, [], False)],
)
def test_the_last_finalizer_takes_a_deleted_object_with_it(
    marked: tuple[int, int] | None, left: list[str], finished: bool
) -> None:
    """Only when deletion was asked for and no grace is left."""
    assert is_finished(a_pod(marked=marked), {"metadata": {"finalizers": left}}) is finished


def test_a_forced_delete_is_seen_as_modified_then_deleted() -> None:
    """Two revisions with rising versions; the first shows grace 0."""
    cluster = Cluster()
    cluster.create("pods", pod())
    cluster.bind("p", "n1")
    watch = cluster.watch("pods")
    cluster.delete_pod("p", 0)
    assert cluster.heard(watch) == [("MODIFIED", "p"), ("DELETED", "p")]
    first, second = (document["metadata"] for document in cluster.documents(watch))
    assert (first["deletionGracePeriodSeconds"], first["deletionTimestamp"]) == (0, 10 * SECOND)
    assert int(first["resourceVersion"]) < int(second["resourceVersion"])
    assert cluster.gone("pods", "p", "default")


def test_a_kubelets_last_delete_ends_a_graceful_one() -> None:
    """DELETE marks with 30 s; nothing happens when they pass; DELETE with grace 0 removes."""
    cluster = Cluster()
    cluster.create("pods", pod())
    cluster.bind("p", "n1")
    marked = cluster.delete_pod("p")
    assert marked["metadata"]["deletionTimestamp"] == 40 * SECOND
    assert marked["metadata"]["generation"] == 2
    cluster.now_us = 500 * SECOND
    assert cluster.delete_pod("p")["metadata"]["resourceVersion"] == marked["metadata"]["resourceVersion"]
    cluster.delete_pod("p", 0)
    assert cluster.gone("pods", "p", "default")


def test_the_version_decides_how_a_delete_is_shortened() -> None:
    """v1.24 lets deletionTimestamp move into the past, v1.36 does not."""
    found: list[tuple[int, int]] = []
    for cluster in (Cluster(V1_24), Cluster()):
        cluster.create("pods", pod())
        cluster.bind("p", "n1")
        cluster.delete_pod("p")
        cluster.now_us = 100 * SECOND
        metadata = cluster.delete_pod("p", 10)["metadata"]
        found.append((metadata["deletionTimestamp"] // SECOND, metadata["deletionGracePeriodSeconds"]))
    assert found == [(20, 10), (100, 1)]


def test_a_held_pod_goes_with_its_last_finalizer() -> None:
    """A forced delete leaves a pod with a finalizer; taking that out removes it with one DELETED."""
    cluster = Cluster()
    held = pod()
    held["metadata"]["finalizers"] = ["batch.kubernetes.io/job-tracking"]
    cluster.create("pods", held)
    cluster.delete_pod("p", 0)
    watch = cluster.watch("pods")
    cluster.patch("pods", "p", {"metadata": {"finalizers": None}}, "default")
    assert cluster.heard(watch) == [("DELETED", "p")]
    assert cluster.gone("pods", "p", "default")


def test_nodes_and_replica_sets_are_deleted_in_one_revision() -> None:
    """DELETED alone, with a version of its own and the last state."""
    cluster = Cluster()
    for resource, document, namespace in (("nodes", node("x"), ""), ("replicasets", replica_set("x"), "default")):
        made = cluster.create(resource, document)
        watch = cluster.watch(resource)
        cluster.ok(Delete(resource, namespace, "x"))
        assert cluster.heard(watch) == [("DELETED", "x")]
        last = cluster.documents(watch)[0]
        assert int(last["metadata"]["resourceVersion"]) > int(made["metadata"]["resourceVersion"])
        assert last["metadata"]["uid"] == made["metadata"]["uid"]


def test_delete_preconditions_conflict() -> None:
    """Another uid or an old version is 409 and changes nothing; the right ones delete."""
    cluster = Cluster()
    made = cluster.create("nodes", node())["metadata"]
    for uid, version in (("other", ""), ("", "1")):
        failure = cluster.fails(Delete("nodes", "", "n1", None, uid, version))
        assert (failure.code, failure.reason) == (409, "Conflict")
        assert failure.message.startswith('Operation cannot be fulfilled on Node "n1": the ')
        assert "precondition" in failure.message
    cluster.ok(Delete("nodes", "", "n1", None, made["uid"], made["resourceVersion"]))
    assert cluster.fails(Delete("nodes", "", "n1")).message == 'nodes "n1" not found'


def test_some_namespaces_stay() -> None:
    """default, kube-system and kube-public cannot be deleted; kube-node-lease, as in Kubernetes, can."""
    cluster = Cluster()
    assert cluster.fails(Delete("namespaces", "", "kube-system")).code == 403
    cluster.ok(Delete("namespaces", "", "kube-node-lease"))
