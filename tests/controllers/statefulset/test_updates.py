"""How does a new template reach the pods, and which revisions are kept?"""

from __future__ import annotations

import pytest

from nodesim.messages import Delete
from nodesim.profiles import V1_24, V1_36, Profile, switched
from tests.controllers.statefulset.build import bench, images, made, running, settle, status
from tests.controllers.workload.bench import workload


def test_an_update_goes_from_the_highest_to_the_partition() -> None:
    """One after the other, each ready before the next goes; below the partition the old revision stays."""
    cluster = running(4, updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"partition": 1}})
    cluster.image("statefulsets", "b")
    for expected in ("web-3", "web-2", "web-1"):
        cluster.run(5)
        assert [request.name for request in cluster.made(Delete, "pods")][-1] == expected
        cluster.finish_all()
        cluster.run(1)
        assert cluster.get("pods", expected)["spec"]["containers"][0]["image"] == "b"
        cluster.start_all()
    settle(cluster)
    assert images(cluster) == ["a", "b", "b", "b"]
    assert len(cluster.made(Delete, "pods")) == 3
    assert status(cluster, "currentReplicas", "updatedReplicas") == [1, 3]
    cluster.delete("pods", "web-0")
    settle(cluster)
    assert images(cluster) == ["a", "b", "b", "b"]
    cluster.patch("statefulsets", "web", {"spec": {"updateStrategy": {"rollingUpdate": {"partition": 0}}}})
    settle(cluster)
    assert images(cluster) == ["b"] * 4
    shown = cluster.get("statefulsets", "web")["status"]
    assert shown["currentRevision"] == shown["updateRevision"]
    assert status(cluster, "currentReplicas", "updatedReplicas") == [4, 4]


def test_on_delete_leaves_the_pods_until_somebody_deletes_them() -> None:
    """Then they are made of the new template."""
    cluster = running(2, updateStrategy={"type": "OnDelete"})
    cluster.image("statefulsets", "b")
    settle(cluster)
    assert images(cluster) == ["a", "a"]
    cluster.delete("pods", "web-0")
    settle(cluster)
    assert images(cluster) == ["b", "a"]


@pytest.mark.parametrize(
    ("profile", "expected"),
    [(V1_36, 1), (switched(V1_36.name, {"statefulset_max_unavailable": True}), 2), (V1_24, 1)],
    ids=["v1.36", "v1.37", "v1.24"],
)
def test_an_update_may_take_several_at_once(profile: Profile, expected: int) -> None:
    """Spec.updateStrategy.rollingUpdate.maxUnavailable, heeded from 1.37 on."""
    rolling = {"partition": 0, "maxUnavailable": "50%"}
    cluster = running(4, profile, updateStrategy={"type": "RollingUpdate", "rollingUpdate": rolling})
    cluster.image("statefulsets", "b")
    cluster.run(5)
    assert len(cluster.made(Delete, "pods")) == expected
    settle(cluster, 30)
    assert images(cluster) == ["b"] * 4


def test_a_template_that_comes_back_has_its_old_revision() -> None:
    """With a new number; no third one is made."""
    cluster = running(1)
    cluster.image("statefulsets", "b")
    settle(cluster)
    cluster.image("statefulsets", "a")
    settle(cluster)
    assert sorted(item["revision"] for item in cluster.listed("controllerrevisions")) == [2, 3]
    assert images(cluster) == ["a"]


def test_revisions_that_nobody_needs_go() -> None:
    """Beyond revisionHistoryLimit, the oldest first."""
    cluster = running(1, revisionHistoryLimit=1)
    for name in ("b", "c", "d"):
        cluster.image("statefulsets", name)
        settle(cluster)
    assert sorted(item["revision"] for item in cluster.listed("controllerrevisions")) == [3, 4]


def test_a_revision_whose_name_is_taken_gets_another() -> None:
    """A collision with a foreign object; the count stays in the status."""
    first = made(1)
    (revision,) = first.listed("controllerrevisions")
    cluster = bench()
    foreign = {
        **revision,
        "data": {"spec": {}},
        "metadata": {"name": revision["metadata"]["name"], "namespace": "default"},
    }
    cluster.create(foreign)
    cluster.create(workload("StatefulSet", replicas=1))
    cluster.run(1)
    assert cluster.names() == ["web-0"]
    assert cluster.get("statefulsets", "web")["status"]["collisionCount"] == 1
    assert len(cluster.names("controllerrevisions")) == 2
