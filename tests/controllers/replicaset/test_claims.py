"""Which pods does a ReplicaSet adopt or release, and what if that fails?"""

from __future__ import annotations

from typing import Any

import pytest

from nodesim.messages import Create, Delete, Get, Patch, Update
from nodesim.objects import decode_document
from nodesim.units import MILLISECOND, SECOND
from tests.controllers.replicaset.fakes import Cluster, pod, replica_set, steady


def test_a_matching_orphan_is_adopted() -> None:
    """After one GET of the ReplicaSet, orphans that match become its own by a patch, and count."""
    cluster = Cluster()
    cluster.write(replica_set(replicas=2))
    cluster.write(pod("a", owner=None))
    cluster.write(pod("b", owner=None))
    cluster.write(pod("other", owner=None, labels={"app": "db"}))
    cluster.sync()
    cluster.run_until(SECOND)
    assert len(cluster.made(Get, "replicasets")) == 1
    patches = [request for _, request in cluster.requests if isinstance(request, Patch) and request.resource == "pods"]
    assert [(patch.name, patch.style) for patch in patches] == [("a", "strategic"), ("b", "strategic")]
    metadata = decode_document(patches[0].document)["metadata"]
    assert metadata["uid"] == "uid-a"
    assert metadata["ownerReferences"][0]["uid"] == "uid-web"
    assert cluster.made(Create) == []
    assert cluster.statuses()[-1]["replicas"] == 2


def test_an_orphan_too_many_is_adopted_and_deleted() -> None:
    """A matching pod that appears without an owner makes one too many: one goes."""
    cluster = steady("a")
    cluster.write(pod("z", owner=None))
    cluster.run_until(2 * SECOND)
    assert len(cluster.made(Delete)) == 1
    assert len(cluster.names(active=True)) == 1


def test_a_pod_that_no_longer_matches_is_released_and_replaced() -> None:
    """Its owner reference is taken out, and another pod is made."""
    cluster = steady("a", "b")
    cluster.change("pods", "a", labels={"app": "debug"})
    cluster.run_until(2 * SECOND)
    assert cluster.store["pods", "default/a"]["metadata"]["ownerReferences"] == []
    assert len(cluster.names()) == 3


def test_a_released_pod_that_matches_again_is_taken_back() -> None:
    """Relabelling an orphan wakes the ReplicaSets that it matches now; other changes of it wake none."""
    cluster = steady("a")
    cluster.write(pod("o", owner=None, labels={"app": "db"}))
    cluster.change("pods", "o", annotations={"x": "y"})
    cluster.run_until(2 * SECOND)
    assert cluster.requests == []
    cluster.write(pod("o", owner=None))
    cluster.run_until(3 * SECOND)
    assert cluster.store["pods", "default/o"]["metadata"]["ownerReferences"][0]["uid"] == "uid-web"


def test_a_pod_moved_to_another_owner_wakes_both() -> None:
    """The former owner makes another pod, the new one has one too many."""
    cluster = Cluster()
    for name in ("web", "other"):
        cluster.write(replica_set(name, 1))
        cluster.write(pod(f"{name}-0", name))
    cluster.sync()
    cluster.run_until(SECOND)
    cluster.write(pod("web-0", "other"))
    cluster.run_until(2 * SECOND)
    differences = [(name, want, have) for _, name, want, have in cluster.differences()]
    assert sorted(differences) == [("ReplicaSet/default/other", 1, 2), ("ReplicaSet/default/web", 1, 0)]


@pytest.mark.parametrize("code", [500, 409])
def test_a_failed_adoption_ends_the_sync(code: int) -> None:
    """Nothing is scaled before the claim is settled; the next try adopts."""
    cluster = Cluster()
    cluster.write(replica_set(replicas=2))
    cluster.write(pod("a", owner=None))
    cluster.fail(Patch, "pods", 1, code)
    cluster.sync()
    cluster.run_until(cluster.now_us + 6 * MILLISECOND)
    assert (cluster.made(Create), cluster.made(Update, "replicasets")) == ([], [])
    cluster.run_until(SECOND)
    assert len(cluster.names()) == 2


@pytest.mark.parametrize("gone", ["going", "replaced", "away"])
def test_a_replica_set_that_is_gone_adopts_nothing(gone: str) -> None:
    """The GET before the first adoption shows what the cache does not know yet."""
    cluster = Cluster()
    cluster.write(replica_set(replicas=1))
    cluster.write(pod("a", owner=None))
    cluster.run_until(MILLISECOND)
    cluster.deaf = True
    if gone == "away":
        cluster.remove("replicasets", "web")
    else:
        change: dict[str, Any] = {"deletionTimestamp": 0} if gone == "going" else {"uid": "uid-web-2"}
        cluster.change("replicasets", "web", **change)
    cluster.sync()
    cluster.run_until(20 * MILLISECOND)
    assert cluster.made(Get, "replicasets") != []
    assert (cluster.made(Patch), cluster.made(Create)) == ([], [])


def test_an_orphan_that_is_gone_is_no_error() -> None:
    """Its patch meets 404: the sync goes on without it."""
    cluster = Cluster()
    cluster.write(replica_set(replicas=1))
    cluster.write(pod("a", owner=None))
    cluster.fail(Patch, "pods", 1, 404)
    cluster.sync()
    cluster.run_until(cluster.now_us + 4 * MILLISECOND)
    assert len(cluster.made(Create)) == 1
