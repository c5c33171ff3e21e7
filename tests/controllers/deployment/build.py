"""A Deployment `web` with the real API server and the real ReplicaSet controller; the hand plays the kubelets."""

from __future__ import annotations

from typing import Any

from nodesim.controllers.deployment import DeploymentController
from nodesim.controllers.replicaset import ReplicaSetController
from nodesim.objects import Document
from nodesim.profiles import V1_36, Profile, Settings
from tests.controllers.workload.bench import Bench, workload


def bench(profile: Profile = V1_36, *, pods: bool = True) -> Bench:
    """A Deployment controller, and (with `pods`) a ReplicaSet controller."""
    settings = Settings.of(profile)
    programs: dict[str, Any] = {"deployment_controller": DeploymentController(settings, profile)}
    if pods:
        programs["replicaset_controller"] = ReplicaSetController(settings, profile)
    return Bench(profile, **programs)


def running(replicas: int = 3, profile: Profile = V1_36, **spec: Any) -> Bench:
    """A Deployment `web` whose pods all run."""
    cluster = bench(profile)
    cluster.create(workload("Deployment", replicas=replicas, **spec))
    settle(cluster)
    cluster.requests.clear()
    cluster.records.clear()
    return cluster


def settle(cluster: Bench, rounds: int = 12) -> None:
    """Pods start and stop at once until nothing moves any more."""
    for _ in range(rounds):
        cluster.run(0.2)
        cluster.start_all()
        cluster.finish_all()
    cluster.run(1)


def sizes(cluster: Bench) -> list[int]:
    """The replicas of the ReplicaSets, oldest first."""
    sets = sorted(cluster.listed("replicasets"), key=lambda item: item["metadata"]["creationTimestamp"])
    return [item["spec"]["replicas"] for item in sets]


def progressing(cluster: Bench) -> str:
    """The reason of the condition Progressing."""
    status: Document = cluster.get("deployments", "web")["status"]
    return next(item["reason"] for item in status["conditions"] if item["type"] == "Progressing")


def scalings(cluster: Bench) -> list[str]:
    """The texts of the events, ReplicaSets by number in order of appearance."""
    texts = [message for _, reason, message in cluster.events() if reason == "ScalingReplicaSet"]
    known: dict[str, str] = {}
    for text in texts:
        word = next(word for word in text.split() if word.startswith("web-"))
        known.setdefault(word, f"web-{len(known) + 1}")
    return [text.replace(word, short) for text in texts for word, short in known.items() if word in text]
