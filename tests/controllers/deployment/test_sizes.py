"""How many replicas each ReplicaSet gets: Kubernetes' own tables, by the names of its tests."""

from __future__ import annotations

from typing import Any

import pytest

from nodesim.controllers.deployment.revisions import DESIRED, MAX_REPLICAS
from nodesim.controllers.deployment.sizes import new_size, old_sizes, proportion, saturated, scaled_sizes
from nodesim.controllers.deployment.views import DeploymentView, deployment_view
from nodesim.controllers.replicaset import ReplicaSetView, replica_set_view
from nodesim.objects import Document
from nodesim.units import SECOND
from tests.controllers.workload.bench import workload


def deployment(
    replicas: int,
    surge: int | str = 0,
    unavailable: int | str = 0,
    strategy: str = "RollingUpdate",
    status: Document | None = None,
) -> DeploymentView:
    """A Deployment of this size."""
    rolling = {"maxSurge": surge, "maxUnavailable": unavailable}
    document = workload("Deployment", replicas=replicas, strategy={"type": strategy, "rollingUpdate": rolling})
    document["metadata"]["uid"] = "uid-web"
    return deployment_view({**document, "status": status or {}})


def replica_set(
    name: str, replicas: int, available: int = 0, age: int = 0, largest: int | None = None, desired: int | None = None
) -> ReplicaSetView:
    """A ReplicaSet of this size; a higher `age` is older."""
    document = workload("ReplicaSet", name, replicas=replicas)
    notes = {MAX_REPLICAS: largest, DESIRED: desired}
    document["metadata"] |= {
        "uid": f"uid-{name}",
        "creationTimestamp": (1000 - age) * SECOND,
        "annotations": {key: str(number) for key, number in notes.items() if number is not None},
    }
    return replica_set_view({**document, "status": {"availableReplicas": available}})


@pytest.mark.parametrize(
    ("surge", "unavailable", "desired", "expected"),
    [
        ("0%", "0%", 0, (0, 1)),
        ("39%", "39%", 10, (4, 3)),
        ("1%", "1%", 2, (1, 0)),
        (1, "1%", 2, (1, 0)),
        ("0%", "1%", 2, (0, 1)),
        ("25%", "25%", 4, (1, 1)),
        (0, 0, 3, (0, 1)),
        ("0%", "0%", 10, (0, 1)),
        ("300%", "100%", 3, (9, 3)),
    ],
)
def test_resolve_fenceposts(surge: int | str, unavailable: int | str, desired: int, expected: tuple[int, int]) -> None:
    """TestResolveFenceposts: surge rounds up, unavailability down, and not both may come to nothing."""
    view = deployment(desired, surge, unavailable)
    assert view.max_surge == expected[0]
    assert view.max_unavailable == (expected[1] if desired else 0)


@pytest.mark.parametrize(
    ("strategy", "replicas", "new_replicas", "surge", "expected"),
    [
        pytest.param("RollingUpdate", 1, 5, 1, 5, id="can not scale up - to newRSReplicas"),
        pytest.param("RollingUpdate", 6, 2, 10, 6, id="scale up - to depReplicas"),
        pytest.param("Recreate", 3, 1, 1, 3, id="recreate - to depReplicas"),
        pytest.param("RollingUpdate", 10, 0, 2, 7, id="as far as the surge lets it"),
        pytest.param("RollingUpdate", 4, 0, 1, 0, id="the surge is used up"),
    ],
)
def test_new_rs_new_replicas(strategy: str, replicas: int, new_replicas: int, surge: int, expected: int) -> None:
    """TestNewRSNewReplicas: among five replicas, as many as the surge lets it; at once with Recreate."""
    assert new_size(deployment(replicas, surge, 1, strategy), 5, new_replicas) == expected


def shrunk(view: DeploymentView, new: ReplicaSetView, *old: ReplicaSetView) -> list[tuple[str, int, str]]:
    """(name, size, why) of each write."""
    return [(size.rs.name, size.replicas, size.why) for size in old_sizes(view, new, old)]


@pytest.mark.parametrize(
    ("replicas", "unavailable", "old", "new", "expected"),
    [
        pytest.param(10, 0, (10, 10), (0, 0), [], id="no room: all ten must stay available"),
        pytest.param(10, 2, (10, 10), (0, 0), [("old", 8, "available")], id="two may go"),
        pytest.param(
            10, 2, (10, 8), (0, 0), [("old", 8, "unhealthy")], id="expect unhealthy replicas from old replica sets"
        ),
        pytest.param(10, 2, (10, 9), (0, 0), [("old", 9, "unhealthy"), ("old", 8, "available")], id="one of each"),
        pytest.param(10, 2, (8, 8), (2, 0), [], id="the new ones are not available yet: no more room"),
        pytest.param(10, 2, (8, 0), (5, 0), [], id="13 - 8 - 5 leaves nothing even of the unhealthy ones"),
        pytest.param(10, 2, (8, 8), (5, 5), [("old", 3, "available")], id="five new ones available: five may go"),
        pytest.param(10, 2, (12, 12), (1, 1), [("old", 7, "available")], id="rolled back: the surplus goes"),
    ],
)
def test_reconcile_old_replica_sets(
    replicas: int, unavailable: int, old: tuple[int, int], new: tuple[int, int], expected: list[tuple[str, int, str]]
) -> None:
    """TestDeploymentController_reconcileOldReplicaSets: what availability allows, unhealthy ones first."""
    found = shrunk(deployment(replicas, 1, unavailable), replica_set("new", *new), replica_set("old", *old))
    assert found == expected


def test_a_status_older_than_the_size_stops_the_shrinking() -> None:
    """More available than wanted: the last shrinking is not in the status yet, so its pods would be counted twice."""
    sets = (replica_set("b", 3, 4, age=1), replica_set("a", 3, 2, age=2))
    assert shrunk(deployment(6, 1, 3), replica_set("new", 2, 2), *sets) == [("a", 2, "unhealthy")]


def test_of_several_old_replica_sets_the_oldest_shrinks_first() -> None:
    """Unhealthy pods of all of them go before healthy ones of any."""
    sets = (replica_set("b", 3, 3, age=1), replica_set("a", 3, 2, age=2), replica_set("idle", 0, 0, age=9))
    found = shrunk(deployment(6, 1, 3), replica_set("new", 2, 2), *sets)
    assert found == [("a", 2, "unhealthy"), ("a", 0, "available"), ("b", 1, "available")]


SCALE: list[Any] = [
    pytest.param((10, 0), (12, 0), 10, (), 12, (), id="normal scaling event: 10 -> 12"),
    pytest.param((10, 0), (5, 0), 10, (), 5, (), id="normal scaling event: 10 -> 5"),
    pytest.param((5, 0), (10, 0), 2, (3,), 4, (6,), id="proportional scaling: 5 -> 10"),
    pytest.param((5, 0), (3, 0), 2, (3,), 1, (2,), id="proportional scaling: 5 -> 3"),
    pytest.param((9, 0), (4, 0), 8, (1,), 4, (0,), id="proportional scaling: 9 -> 4"),
    pytest.param((7, 0), (10, 0), 2, (3, 2), 3, (4, 3), id="proportional scaling: 7 -> 10"),
    pytest.param((13, 0), (8, 0), 2, (8, 3), 1, (5, 2), id="proportional scaling: 13 -> 8"),
    pytest.param((3, 0), (4, 0), 1, (1, 1), 2, (1, 1), id="leftover distribution: 3 -> 4"),
    pytest.param((3, 0), (2, 0), 1, (1, 1), 1, (1, 0), id="leftover distribution: 3 -> 2"),
    pytest.param((4, 0), (5, 0), None, (2, 2), None, (3, 2), id="proportional scaling (no new rs): 4 -> 5"),
    pytest.param((6, 0), (0, 0), 3, (2, 1), 0, (0, 0), id="proportional scaling: 6 -> 0"),
    pytest.param((6, 0), (6, 0), 0, (0, 0), 6, (0, 0), id="proportional scaling: 0 -> 6"),
    pytest.param((10, 2), (20, 2), 6, (6,), 11, (11,), id="deployment with surge pods"),
    pytest.param((10, 3), (50, 6), 5, (8,), 22, (34,), id="change both surge and size"),
    pytest.param((10, 0), (14, 0), None, (7, 3), None, (10, 4), id="change both size and template"),
]


@pytest.mark.parametrize(("before", "after", "new", "old", "expected_new", "expected_old"), SCALE)
def test_scale(
    before: tuple[int, int],
    after: tuple[int, int],
    new: int | None,
    old: tuple[int, ...],
    expected_new: int | None,
    expected_old: tuple[int, ...],
) -> None:
    """TestScale: (replicas, maxSurge) before and after; each active one gets its share, the rest to the first."""
    largest = sum(before)
    sets = [replica_set(f"old-{n}", size, age=2 + n, largest=largest) for n, size in enumerate(old)]
    made = None if new is None else replica_set("new", new, age=1, largest=largest, desired=before[0])
    sizes = {rs.name: rs.replicas for rs in sets} | ({"new": made.replicas} if made is not None else {})
    sizes |= {size.rs.name: size.replicas for size in scaled_sizes(deployment(*after), made, sets)}
    assert sizes.get("new") == expected_new
    assert tuple(sizes[rs.name] for rs in sets) == expected_old


def test_scale_goes_by_what_each_replica_set_knows() -> None:
    """TestScale, failed rs update: who missed the last scaling still knows the smaller size, and catches up."""
    sets = [replica_set("foo-v2", 1, age=2, largest=3), replica_set("foo-v1", 1, age=3, largest=5)]
    sizes = scaled_sizes(deployment(5), replica_set("foo-v3", 2, age=1, largest=5), sets)
    assert {size.rs.name: size.replicas for size in sizes} == {"foo-v3": 2, "foo-v2": 2, "foo-v1": 1}


def test_saturated_but_broken_new_replica_set_does_not_affect_old_pods() -> None:
    """TestScale: none of its pods is available, so nothing moves; the surplus of the surge stays."""
    new = replica_set("foo-v2", 2, 0, age=1, largest=3, desired=2)
    sizes = scaled_sizes(deployment(2, 1, 1), new, [replica_set("foo-v1", 1, age=2, largest=3)])
    assert {size.rs.name: size.replicas for size in sizes} == {"foo-v2": 2, "foo-v1": 1}


def test_a_saturated_new_replica_set_sends_the_old_ones_away() -> None:
    """It has all pods, all available, and its annotation says so: an old one that was adopted meanwhile goes to 0."""
    view = deployment(3, 1, 0)
    new = replica_set("new", 3, 3, desired=3)
    assert saturated(view, new)
    assert not saturated(view, replica_set("new", 3, 2, desired=3))
    assert not saturated(view, replica_set("new", 3, 3, desired=4))
    assert not saturated(view, replica_set("new", 3, 3))
    found = scaled_sizes(view, new, [replica_set("old", 2, 2, age=1)])
    assert [(size.rs.name, size.replicas, size.why) for size in found] == [("old", 0, "saturated")]


def test_without_any_active_replica_set_the_newest_is_scaled() -> None:
    """The new one where there is one, else the youngest of the old."""
    view = deployment(3)
    old = [replica_set("a", 0, age=5), replica_set("b", 0, age=2)]
    assert [size.rs.name for size in scaled_sizes(view, None, old)] == ["b"]
    assert [size.rs.name for size in scaled_sizes(view, replica_set("new", 0), old)] == ["new"]
    assert scaled_sizes(view, None, []) == []


def test_recreate_shares_nothing_out() -> None:
    """With two active ReplicaSets only a rolling update scales both."""
    view = deployment(9, strategy="Recreate")
    assert scaled_sizes(view, replica_set("new", 2), [replica_set("old", 2)]) == []


@pytest.mark.parametrize(
    ("rs", "to_add", "added", "expected"),
    [
        (replica_set("a", 0), 5, 0, 0),
        (replica_set("a", 5, largest=10), 0, 0, 0),
        (replica_set("a", 5, largest=10), 5, 5, 0),
        (replica_set("a", 5, largest=5), 5, 3, 2),
        (replica_set("a", 5, largest=0), 5, 0, 5),
        (replica_set("a", 5), 5, 0, 5),
    ],
    ids=["no replicas", "nothing to add", "all is added", "what is left", "no annotation to go by", "none at all"],
)
def test_a_proportion_stays_within_what_is_to_add(rs: ReplicaSetView, to_add: int, added: int, expected: int) -> None:
    """Without an annotation the Deployment's own status says how large it was."""
    assert proportion(deployment(10, status={"replicas": 5}), rs, to_add, added) == expected


def test_a_proportion_of_a_deployment_that_never_had_pods_is_nothing() -> None:
    """There is nothing to take the proportion of."""
    assert proportion(deployment(10), replica_set("a", 5), 5, 0) == 0
