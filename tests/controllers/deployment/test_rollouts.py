"""How does a rollout go on, stand still, and share its pods?"""

from __future__ import annotations

import pytest

from nodesim.messages import Update
from nodesim.objects import decode_document
from nodesim.profiles import V1_24, V1_36, Profile
from tests.controllers.deployment.build import progressing, running, scalings, settle, sizes


@pytest.mark.parametrize(
    ("profile", "first"),
    [(V1_36, "Scaled up replica set web-1 from 0 to 1"), (V1_24, "Scaled up replica set web-1 to 1")],
    ids=["v1.36", "v1.24"],
)
def test_a_rolling_update_goes_by_surge_and_availability(profile: Profile, first: str) -> None:
    """Of four, one more and one fewer: never fewer than three ready, never more than five that are not to go."""
    cluster = running(4, profile)
    cluster.image("deployments", "b")
    for _ in range(40):
        cluster.run(0.003)
        pods = cluster.listed("pods")
        living = [pod for pod in pods if pod["metadata"].get("deletionTimestamp") is None]
        ready = [pod for pod in living if pod["status"]["phase"] == "Running"]
        assert len(ready) >= 3
        assert len(living) <= 5
        cluster.start_all()
        cluster.finish_all()
    settle(cluster)
    assert sizes(cluster) == [0, 4]
    assert scalings(cluster)[0] == first
    assert progressing(cluster) == "NewReplicaSetAvailable"
    assert cluster.get("deployments", "web")["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "2"
    assert {fields["why"] for fields in cluster.told("ReplicaSetSized")} == {"created", "surge", "available"}


def test_a_return_to_an_old_template_uses_its_replica_set_again() -> None:
    """No third ReplicaSet; the first gets the highest revision, and remembers its former one."""
    cluster = running(2)
    cluster.image("deployments", "b")
    settle(cluster)
    cluster.image("deployments", "a")
    settle(cluster)
    assert sizes(cluster) == [2, 0]
    notes = [
        {key.rpartition("/")[2]: item for key, item in rs["metadata"]["annotations"].items()}
        for rs in cluster.listed("replicasets")
    ]
    assert sorted((note["revision"], note.get("revision-history", "")) for note in notes) == [("2", ""), ("3", "1")]


def test_unhealthy_old_pods_go_first() -> None:
    """A broken update is replaced by a good one: pods that never became ready make room at once."""
    cluster = running(4)
    cluster.image("deployments", "broken")
    cluster.run(1)
    assert sizes(cluster) == [3, 2]
    cluster.image("deployments", "c")
    cluster.run(1)
    reasons = [fields["why"] for fields in cluster.told("ReplicaSetSized")]
    assert "unhealthy" in reasons
    settle(cluster)
    assert sorted(sizes(cluster)) == [0, 0, 4]


def test_recreate_waits_for_the_last_old_pod_to_be_gone() -> None:
    """A Terminating pod still counts: the new ReplicaSet is made only when its object is gone."""
    cluster = running(2, strategy={"type": "Recreate"})
    cluster.image("deployments", "b")
    cluster.run(5)
    assert sizes(cluster) == [0]
    assert len(cluster.names()) == 2
    cluster.finish(cluster.names()[0])
    cluster.run(5)
    assert sizes(cluster) == [0]
    cluster.finish(cluster.names()[0])
    settle(cluster)
    assert sizes(cluster) == [0, 2]
    assert scalings(cluster) == ["Scaled down replica set web-1 from 2 to 0", "Scaled up replica set web-2 from 0 to 2"]


def test_scaling_is_no_rollout() -> None:
    """The one ReplicaSet follows, its annotations too; Progressing stays as it is."""
    cluster = running(2)
    cluster.patch("deployments", "web", {"spec": {"replicas": 5}})
    settle(cluster)
    assert sizes(cluster) == [5]
    assert scalings(cluster) == ["Scaled up replica set web-1 from 2 to 5"]
    (rs,) = cluster.listed("replicasets")
    assert rs["metadata"]["annotations"]["deployment.kubernetes.io/max-replicas"] == "7"
    assert progressing(cluster) == "NewReplicaSetAvailable"


def test_scaling_in_the_middle_of_a_rollout_is_shared_out() -> None:
    """3 old and 2 new of 4 and one more become, for 8 and two more, 6 and 4; then the rollout goes on."""
    cluster = running(4)
    cluster.image("deployments", "b")
    cluster.run(1)
    assert sizes(cluster) == [3, 2]
    cluster.patch("deployments", "web", {"spec": {"replicas": 8}})
    cluster.run(0.05)
    shares = [(f["from"], f["to"]) for f in cluster.told("ReplicaSetSized") if f["why"] == "share"]
    assert shares == [(3, 6), (2, 4)]
    settle(cluster, 20)
    assert sizes(cluster) == [0, 8]


def test_a_paused_deployment_scales_but_does_not_roll() -> None:
    """Progressing is Unknown and nothing times out; after the end of the pause the rollout begins."""
    cluster = running(2)
    cluster.patch("deployments", "web", {"spec": {"paused": True}})
    cluster.run(1)
    cluster.image("deployments", "b")
    cluster.patch("deployments", "web", {"spec": {"replicas": 3}})
    settle(cluster)
    assert sizes(cluster) == [3]
    assert progressing(cluster) == "DeploymentPaused"
    cluster.patch("deployments", "web", {"spec": {"paused": False}})
    cluster.run(0.02)
    assert "DeploymentResumed" in str([decode_document(put.document) for put in cluster.made(Update, "deployments")])
    settle(cluster)
    assert sizes(cluster) == [0, 3]


def test_a_rollout_without_progress_times_out_and_a_late_one_recovers() -> None:
    """ProgressDeadlineExceeded one second after the deadline, counted from the last progress, without any event."""
    cluster = running(1, progressDeadlineSeconds=60)
    cluster.image("deployments", "broken")
    cluster.run(59)
    assert progressing(cluster) in ("ReplicaSetUpdated", "NewReplicaSetCreated")
    cluster.run(4)
    assert progressing(cluster) == "ProgressDeadlineExceeded"
    assert sizes(cluster) == [1, 1]
    settle(cluster)
    assert progressing(cluster) == "NewReplicaSetAvailable"
