"""Tables: what a budget asks for, what it allows, and what an eviction costs it."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from nodesim.apiserver.dropped import without_unknown_policy
from nodesim.apiserver.eviction import Evictable, budgets_of, judge_eviction
from nodesim.controllers.disruptionbudget.budget import (
    Disrupted,
    Needs,
    disrupted_pods,
    failed_status,
    needs,
    new_status,
)
from nodesim.controllers.disruptionbudget.views import BudgetView, Scale, budget_view, scale_view
from nodesim.messages import Failure
from nodesim.objects import Document, Owner, PodView, pod_view
from nodesim.profiles import V1_24, V1_36, Profile
from nodesim.units import MINUTE, SECOND


def budget(status: Document | None = None, **spec: Any) -> BudgetView:
    """A budget for app=web."""
    return budget_view(document(status, **spec))


def document(status: Document | None = None, **spec: Any) -> Document:
    """The same as a document."""
    metadata = {"name": "web", "namespace": "default", "uid": "b", "generation": 1}
    return {
        "metadata": metadata,
        "spec": {"selector": {"matchLabels": {"app": "web"}}, **spec},
        "status": status or {},
    }


def pod(name: str, **changes: Any) -> PodView:
    """A ready pod of ReplicaSet web."""
    made = pod_view({"metadata": {"name": name, "namespace": "default", "labels": {"app": "web"}}})
    return attrs.evolve(made, **{"ready": "True", "owner": Owner("ReplicaSet", "web", "rs"), **changes})


SCALES = {"rs": Scale("rs", 3, "deploy"), "deploy": Scale("deploy", 10, ""), "lone": Scale("lone", 4, "")}


@pytest.mark.parametrize(
    ("spec", "owner", "pods", "wanted"),
    [
        ({"minAvailable": 2}, "rs", 4, Needs(4, 2)),
        ({"minAvailable": 2}, "", 1, Needs(1, 2)),
        ({"minAvailable": "50%"}, "rs", 4, Needs(10, 5)),
        ({"minAvailable": "51%"}, "lone", 4, Needs(4, 3)),
        ({"maxUnavailable": 1}, "rs", 4, Needs(10, 9)),
        ({"maxUnavailable": 99}, "rs", 4, Needs(10, 0)),
        ({"maxUnavailable": "30%"}, "lone", 4, Needs(4, 2)),
        ({"maxUnavailable": "100%"}, "lone", 4, Needs(4, 0)),
        ({"maxUnavailable": 1}, "gone", 4, Needs(0, 0)),
        ({"maxUnavailable": 1}, "", 4, Needs(0, 0)),
        ({}, "rs", 4, Needs(4, 0)),
    ],
)
def test_what_a_budget_asks_for(spec: Document, owner: str, pods: int, wanted: Needs) -> None:
    """A number of minAvailable is of the pods there are; all else is of what the topmost controllers want."""
    whose = Owner("ReplicaSet", "web", owner) if owner else None
    assert needs(budget(**spec), [pod(str(n), owner=whose) for n in range(pods)], SCALES) == wanted


def test_a_pod_of_something_without_a_scale_makes_the_count_impossible() -> None:
    """Then nothing is allowed, and the condition says why."""
    view = budget(maxUnavailable=1)
    why = needs(view, [pod("a", owner=Owner("Job", "work", "j"))], SCALES)
    assert why == "Job 'work' does not implement the scale subresource"
    status = failed_status(view, why, 7 * SECOND)
    assert status["disruptionsAllowed"] == 0
    assert [(each["status"], each["reason"]) for each in status["conditions"]] == [("False", "SyncFailed")]


@pytest.mark.parametrize(
    ("pods", "desired", "healthy", "allowed"),
    [
        ([pod("a"), pod("b"), pod("c")], 2, 3, 1),
        ([pod("a"), pod("b", ready="False"), pod("c")], 2, 2, 0),
        ([pod("a"), pod("b", deletion_us=1), pod("c")], 2, 2, 0),
        ([pod("a"), pod("b", ready=None)], 2, 1, 0),
        ([pod("a"), pod("evicted"), pod("c")], 2, 2, 0),
    ],
)
def test_what_a_budget_allows(pods: list[PodView], desired: int, healthy: int, allowed: int) -> None:
    """Healthy are those that are Ready, that nobody deletes and whose eviction was not granted."""
    disrupted = Disrupted({"evicted": 0}, [], None)
    status = new_status(budget(minAvailable=desired), Needs(len(pods), desired), pods, disrupted, 0)
    assert (status["currentHealthy"], status["disruptionsAllowed"]) == (healthy, allowed)


def test_nothing_is_allowed_where_nothing_is_expected() -> None:
    """Not even with healthy pods."""
    assert new_status(budget(), Needs(0, 0), [pod("a")], Disrupted({}, [], None), 0)["disruptionsAllowed"] == 0


def test_the_transition_time_moves_only_with_the_status() -> None:
    """Of the condition DisruptionAllowed."""
    first = new_status(budget(minAvailable=1), Needs(2, 1), [pod("a"), pod("b")], Disrupted({}, [], None), 5 * SECOND)
    view = budget(first, minAvailable=1)
    again = new_status(view, Needs(3, 1), [pod("a"), pod("b"), pod("c")], Disrupted({}, [], None), 9 * SECOND)
    lost = new_status(view, Needs(2, 1), [pod("a")], Disrupted({}, [], None), 9 * SECOND)
    assert again["conditions"][0]["lastTransitionTime"] == 5 * SECOND
    assert lost["conditions"][0]["lastTransitionTime"] == 9 * SECOND


def test_a_granted_eviction_counts_for_two_minutes() -> None:
    """Less where its pod is going or gone."""
    view = budget({"disruptedPods": {"late": 0, "new": MINUTE, "going": MINUTE, "gone": MINUTE}})
    pods = {"late": pod("late"), "new": pod("new"), "going": pod("going", deletion_us=1)}
    assert disrupted_pods(view, pods, 2 * MINUTE - 1) == Disrupted({"late": 0, "new": MINUTE}, [], 2 * MINUTE)
    assert disrupted_pods(view, pods, 2 * MINUTE) == Disrupted({"new": MINUTE}, ["late"], 3 * MINUTE)


@pytest.mark.parametrize(
    ("phase", "deleted"),
    [("Pending", False), ("Succeeded", False), ("Failed", False), ("Running", True)],
)
def test_who_is_evicted_past_any_budget(phase: str, deleted: bool) -> None:
    """Finished, Pending and Terminating pods."""
    status = {"disruptionsAllowed": 0, "observedGeneration": 1}
    assert judge_eviction(stored(phase, deleted=deleted), [document(status)] * 2, 0) == Evictable(None)


def stored(phase: str = "Running", ready: str = "True", *, deleted: bool = False) -> Document:
    """A pod document."""
    metadata: Document = {"name": "p", "namespace": "default", "labels": {"app": "web"}}
    if deleted:
        metadata["deletionTimestamp"] = 1
    conditions = [{"type": "Ready", "status": ready}]
    return {"metadata": metadata, "status": {"phase": phase, "conditions": conditions}}


def test_an_eviction_spends_the_budget() -> None:
    """One disruption less, and the pod is noted with the instant."""
    status = {"disruptionsAllowed": 1, "observedGeneration": 1, "desiredHealthy": 2, "currentHealthy": 3}
    verdict = judge_eviction(stored(), [document(status)], 5 * SECOND + 7)
    assert isinstance(verdict, Evictable)
    assert verdict.budget is not None
    spent = verdict.budget["status"]
    assert (spent["disruptionsAllowed"], spent["disruptedPods"]) == (0, {"p": 5 * SECOND})
    assert [(each["status"], each["reason"]) for each in spent["conditions"]] == [("False", "InsufficientPods")]


@pytest.mark.parametrize(
    ("status", "code", "part", "after"),
    [
        ({"disruptionsAllowed": 0, "observedGeneration": 1, "desiredHealthy": 2, "currentHealthy": 2}, 429,
         "Cannot evict pod as it would violate the pod's disruption budget. "
         "The disruption budget web needs 2 healthy pods and has 2 currently", 0),
        ({"disruptionsAllowed": 1, "observedGeneration": 0}, 429,
         "The disruption budget web is still being processed by the server.", 10),
        ({"disruptionsAllowed": -1, "observedGeneration": 1}, 403, "pdb disruptions allowed is negative", 0),
        ({"disruptionsAllowed": 1, "observedGeneration": 1, "disruptedPods": {str(n): 0 for n in range(2001)}}, 403,
         "DisruptedPods map too big", 0),
    ],
)  # fmt: skip
def test_why_an_eviction_is_refused(status: Document, code: int, part: str, after: int) -> None:
    """With Kubernetes' codes and texts."""
    verdict = judge_eviction(stored(), [document(status)], 0)
    assert isinstance(verdict, Failure)
    assert (verdict.code, verdict.retry_after_seconds) == (code, after)
    assert part in verdict.message


@pytest.mark.parametrize(
    ("policy", "healthy", "free"),
    [(None, 2, True), (None, 1, False), ("IfHealthyBudget", 2, True), ("AlwaysAllow", 0, True)],
)
def test_the_eviction_of_a_pod_that_is_not_ready(policy: str | None, healthy: int, free: bool) -> None:
    """Costs nothing where the budget is met without it, or always where its policy says so."""
    status = {"disruptionsAllowed": 0, "observedGeneration": 1, "desiredHealthy": 2, "currentHealthy": healthy}
    spec = {"unhealthyPodEvictionPolicy": policy} if policy else {}
    verdict = judge_eviction(stored(ready="False"), [document(status, **spec)], 0)
    assert (verdict == Evictable(None)) is free


def test_a_version_without_the_policy_does_not_heed_it() -> None:
    """Up to 1.26 a pod that is not ready costs what others cost, whatever the budget says."""
    status = {"disruptionsAllowed": 0, "observedGeneration": 1, "desiredHealthy": 2, "currentHealthy": 0}
    budget = document(status, unhealthyPodEvictionPolicy="AlwaysAllow")
    verdict = judge_eviction(stored(ready="False"), [budget], 0, heeds_policy=False)
    assert isinstance(verdict, Failure)
    assert verdict.code == 429


@pytest.mark.parametrize(("profile", "kept"), [(V1_24, False), (V1_36, True)])
def test_a_version_without_the_policy_drops_it(profile: Profile, kept: bool) -> None:
    """From a new budget; all else stays."""
    budget = document(unhealthyPodEvictionPolicy="AlwaysAllow")
    assert without_unknown_policy(document(), profile) == document()
    assert without_unknown_policy(budget, profile) == (budget if kept else document())


def test_two_budgets_are_an_error() -> None:
    """Of the server, as Kubernetes has it."""
    verdict = judge_eviction(stored(), [document(), document()], 0)
    assert isinstance(verdict, Failure)
    assert verdict.code == 500


def test_which_budgets_are_meant() -> None:
    """An empty selector selects all, an absent one nothing."""
    all_of_them = {**document(), "spec": {"selector": {}}}
    none = {**document(), "spec": {}}
    other = {**document(), "spec": {"selector": {"matchLabels": {"app": "db"}}}}
    assert budgets_of(stored(), [none, all_of_them, other, document()]) == [all_of_them, document()]


def test_a_scale_is_one_where_nothing_is_said() -> None:
    """As the API server's defaults have it."""
    assert scale_view({"metadata": {"uid": "u"}, "spec": {}}) == Scale("u", 1, "")
