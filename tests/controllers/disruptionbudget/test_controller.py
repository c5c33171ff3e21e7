"""The controller and the eviction subresource against a real API server: who is let go, and who is refused."""

from __future__ import annotations

from typing import Any

from nodesim.controllers.disruptionbudget import DisruptionController
from nodesim.messages import Create, Delete, Evict, Patch
from nodesim.objects import Document, encode_document
from nodesim.profiles import V1_36, Settings
from nodesim.units import MINUTE, SECOND
from tests.apiserver.cluster import pod, post
from tests.controllers.live import Live


def budget(**spec: Any) -> Document:
    """A budget for app=web."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, **spec},
    }


def cluster(pods: int = 3, **spec: Any) -> Live:
    """Ready pods p0, p1, ... on n1 and a budget for them."""
    made = Live({"disruption-controller": DisruptionController(Settings.of(V1_36), V1_36)})
    made.at(1, Create("poddisruptionbudgets", "default", encode_document(budget(**spec))))
    for number in range(pods):
        made.at(1, post("pods", pod(f"p{number}", nodeName="n1")))
        made.at(2, ready(f"p{number}", "True"))
    return made


def ready(name: str, status: str) -> Patch:
    """A running pod's Ready condition."""
    change = {"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": status}]}}
    return Patch("pods", "default", name, "status", "strategic", encode_document(change))


def found(played: Live, resource: str, name: str) -> Document:
    """An object in `default`."""
    document = played.get(resource, name, "default")
    assert document is not None
    return document


def counts(played: Live) -> list[int]:
    """allowed, healthy, desired, expected."""
    status = found(played, "poddisruptionbudgets", "web")["status"]
    return [status[key] for key in ("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods")]


def test_a_budget_is_counted_as_its_pods_change() -> None:
    """Ready ones count, and one that the node controller marked not ready counts no more."""
    assert counts(cluster(minAvailable=2).run(3)) == [1, 3, 2, 3]
    played = cluster(minAvailable=2)
    played.at(3, ready("p0", "False"))
    assert counts(played.run(4)) == [0, 2, 2, 3]


def test_one_eviction_is_granted_and_the_next_one_refused() -> None:
    """Recorded: 201, then 429 with the counts of the budget."""
    played = cluster(minAvailable=2)
    played.at(3, Evict("default", "p0"))
    played.at(3.5, Evict("default", "p1"))
    played.run(4)
    assert played.refusals == [
        (
            429,
            "Cannot evict pod as it would violate the pod's disruption budget. "
            "The disruption budget web needs 2 healthy pods and has 2 currently",
        )
    ]
    gone = found(played, "pods", "p0")
    assert gone["metadata"]["deletionTimestamp"] == 33 * SECOND
    assert [c["reason"] for c in gone["status"]["conditions"] if c["type"] == "DisruptionTarget"] == [
        "EvictionByEvictionAPI"
    ]
    assert "deletionTimestamp" not in found(played, "pods", "p1")["metadata"]


def test_two_evictions_at_one_instant_cannot_both_have_the_last_disruption() -> None:
    """The budget is spent by the server, before the controller has counted again."""
    played = cluster(minAvailable=2)
    played.at(3, Evict("default", "p0"))
    played.at(3, Evict("default", "p1"))
    assert [code for code, _ in played.run(4).refusals] == [429]


def test_a_pod_that_is_finished_off_settles_the_budget() -> None:
    """The evicted pod leaves disruptedPods when its deletion is seen."""
    played = cluster(minAvailable=2)
    played.at(3, Evict("default", "p0"))
    played.at(5, Delete("pods", "default", "p0", 0))
    played.run(6)
    assert "disruptedPods" not in found(played, "poddisruptionbudgets", "web")["status"]
    assert counts(played) == [0, 2, 2, 2]


def test_a_budget_without_pods_says_so() -> None:
    """And allows nothing."""
    played = cluster(0, minAvailable=1).run(3)
    said = {(about, text) for _, about, text in played.events("NoPods")}
    assert said == {("PodDisruptionBudget/default/web", "No matching pods found")}
    assert counts(played) == [0, 0, 1, 0]


def test_a_granted_eviction_that_nobody_carries_out_is_given_back() -> None:
    """After two minutes the pod counts again, with a warning on it."""
    spent = {"disruptedPods": {"p0": 3 * SECOND}, "observedGeneration": 1}
    played = cluster(minAvailable=2)
    change = encode_document({"status": spent})
    played.at(3, Patch("poddisruptionbudgets", "default", "web", "status", "merge", change))
    assert counts(played.run(4)) == [0, 2, 2, 3]
    played = cluster(minAvailable=2)
    played.at(3, Patch("poddisruptionbudgets", "default", "web", "status", "merge", change))
    played.run(3 + 2 * MINUTE / SECOND + 1)
    assert counts(played) == [1, 3, 2, 3]
    (warning,) = played.events("NotDeleted")
    assert (round(warning[0]), warning[1]) == (123, "Pod/default/p0")
