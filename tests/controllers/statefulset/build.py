"""A StatefulSet `web` with the real API server; the hand plays the kubelets."""

from __future__ import annotations

from typing import Any

from nodesim.controllers.statefulset import StatefulSetController
from nodesim.messages import Create
from nodesim.objects import Document
from nodesim.profiles import V1_36, Profile, Settings
from tests.controllers.workload.bench import Bench, workload


def bench(profile: Profile = V1_36) -> Bench:
    """A StatefulSet controller."""
    return Bench(profile, statefulset_controller=StatefulSetController(Settings.of(profile), profile))


def made(replicas: int = 3, profile: Profile = V1_36, **spec: Any) -> Bench:
    """A StatefulSet `web` that was just created."""
    cluster = bench(profile)
    cluster.create(workload("StatefulSet", replicas=replicas, **spec))
    cluster.run(0.1)
    return cluster


def running(replicas: int = 3, profile: Profile = V1_36, **spec: Any) -> Bench:
    """A StatefulSet `web` whose pods all run."""
    cluster = made(replicas, profile, **spec)
    settle(cluster)
    cluster.requests.clear()
    cluster.records.clear()
    return cluster


def settle(cluster: Bench, rounds: int = 12) -> None:
    """Pods start and stop at once until nothing moves any more."""
    for _ in range(rounds):
        cluster.start_all()
        cluster.finish_all()
        cluster.run(0.1)


def images(cluster: Bench) -> list[str]:
    """The image of each pod, by ordinal."""
    return [pod["spec"]["containers"][0]["image"] for pod in cluster.listed("pods")]


def status(cluster: Bench, *names: str) -> list[int]:
    """Numbers of its status."""
    found: Document = cluster.get("statefulsets", "web")["status"]
    return [found.get(name, 0) for name in names]


def creations(cluster: Bench) -> list[int]:
    """How many pods were created at one instant, in order."""
    at = [now for now, _, request in cluster.requests if isinstance(request, Create) and request.resource == "pods"]
    return [at.count(now) for now in dict.fromkeys(at)]
