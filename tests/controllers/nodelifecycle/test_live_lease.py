"""The look at a lease past the cache before a node is marked (1.37): when it saves a node, and when it does not."""

from __future__ import annotations

import attrs
import pytest

from nodesim.messages import Get, Update
from nodesim.profiles import V1_24, V1_36, Profile
from nodesim.units import MILLISECOND, SECOND
from tests.controllers.nodelifecycle.cluster import Cluster, lease, node

CHECKED = attrs.evolve(V1_36, live_lease_check=True)


def cluster_with(*names: str, profile: Profile = CHECKED) -> Cluster:
    """Nodes that were heard at 0 and never again by the cache; each has a lease of that instant."""
    cluster = Cluster(profile=profile)
    for name in names:
        cluster.put("nodes", node(name))
        cluster.put("leases", lease(name, 0))
    cluster.start()
    return cluster


def renew_unseen(cluster: Cluster, name: str, renew_us: int) -> None:
    """The API has a younger lease than the cache."""
    made = lease(name, renew_us)
    made["metadata"]["resourceVersion"] = "1000"
    cluster.store["leases"][f"kube-node-lease/{name}"] = made


def lease_reads(cluster: Cluster) -> list[tuple[int, str]]:
    """When which lease was read from the API, in seconds."""
    return [(t_us // SECOND, request.name) for t_us, request in cluster.calls(Get, "leases")]


@pytest.mark.parametrize("profile", [attrs.evolve(V1_24, live_lease_check=True), CHECKED], ids=["v1.24", "v1.36"])
def test_a_node_whose_lease_is_as_old_as_its_copy_is_marked(profile: Profile) -> None:
    """One read, one hop before the write; nothing else is different."""
    plain, checked = (
        cluster_with("a", profile=each) for each in (attrs.evolve(profile, live_lease_check=False), profile)
    )
    for cluster in (plain, checked):
        cluster.run(60 * SECOND)
    assert lease_reads(plain) == []
    assert lease_reads(checked) == [(profile.node_monitor_grace_us // SECOND, "a")]
    (before_us, _), (after_us, _) = plain.calls(Update, "nodes")[0], checked.calls(Update, "nodes")[0]
    assert after_us - before_us == 2 * MILLISECOND


def test_a_lease_that_cannot_be_read_saves_nobody() -> None:
    """An error, or no lease at all: the cache decides."""
    cluster = cluster_with("a", "b")
    cluster.store["leases"].pop("kube-node-lease/b")
    cluster.fail = lambda request: 500 if isinstance(request, Get) and request.name == "a" else None
    cluster.run(51 * SECOND)
    assert [cluster.ready(name) for name in "ab"] == ["Unknown", "Unknown"]


def test_while_the_cache_is_behind_nobody_is_marked() -> None:
    """One lives; the other, which is silent, is left alone until the cache has the lease that was read.

    One node at a time, so that the second comes after the first's lease was read.
    """
    cluster = cluster_with("a", "b", profile=attrs.evolve(CHECKED, monitor_workers=1))
    renew_unseen(cluster, "a", 45 * SECOND)
    cluster.run(59 * SECOND)
    found = [record[1:] for record in cluster.records("LeaseFoundFresh")]
    assert found == [("Node/a", {"renew_us": 45 * SECOND, "cached_us": 0})]
    assert [cluster.ready(name) for name in "ab"] == ["True", "True"]
    assert lease_reads(cluster) == [(50, "a")]
    cluster.put("leases", lease("a", 45 * SECOND))
    cluster.run(70 * SECOND)
    assert [cluster.ready(name) for name in "ab"] == ["True", "Unknown"]
    assert lease_reads(cluster)[1:] == [(60, "b")]


def test_a_node_that_never_posted_lives_by_its_lease() -> None:
    """Nothing is written to it, and its silence counts from what was read."""
    cluster = Cluster(profile=CHECKED)
    cluster.put("nodes", node("bare", None))
    cluster.start()
    renew_unseen(cluster, "bare", 50 * SECOND)
    cluster.run(100 * SECOND)
    assert cluster.ready("bare") is None
    assert lease_reads(cluster) == [(60, "bare")]
    cluster.run(130 * SECOND)
    assert cluster.ready("bare") == "Unknown"
