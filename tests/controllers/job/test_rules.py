"""How long a Job waits, which indexes it needs, and how its pods are counted: rules as tables."""

from __future__ import annotations

from typing import Any

import pytest

from nodesim.controllers.job.backoff import Failures, with_ended
from nodesim.controllers.job.indexes import first_to_go, parsed, pending, surplus, written
from nodesim.controllers.job.tally import Tally, condition, failed, with_condition
from nodesim.controllers.job.views import FINALIZER, INDEX, JobPod, JobView, job_pod_view, job_view
from nodesim.objects import Document
from nodesim.units import MINUTE, SECOND
from tests.controllers.workload.bench import workload


def job(status: Document | None = None, **spec: Any) -> JobView:
    """A Job `web`."""
    document = workload("Job", **({"parallelism": 1, "completions": 1} | spec))
    document["metadata"]["uid"] = "uid-web"
    return job_view({**document, "status": status or {}})


def pod(name: str = "a", phase: str = "Running", **more: Any) -> JobPod:
    """A tracked pod; `ready` and `going` at an instant."""
    metadata: Document = {"name": name, "namespace": "default", "uid": f"uid-{name}", "creationTimestamp": 1}
    metadata["finalizers"] = [FINALIZER] if more.get("tracked", True) else []
    if "index" in more:
        metadata["annotations"] = {INDEX: more["index"]}
    if "going" in more:
        metadata |= {"deletionTimestamp": more["going"], "deletionGracePeriodSeconds": 30}
    status: Document = {"phase": phase}
    if "ready" in more:
        word, at_us = more["ready"]
        status["conditions"] = [{"type": "Ready", "status": word, "lastTransitionTime": at_us}]
    if "finished" in more:
        status["containerStatuses"] = [
            {"name": f"c{place}", "state": {"terminated": {"finishedAt": at_us}} if at_us else {"running": {}}}
            for place, at_us in enumerate(more["finished"])
        ]
    return job_pod_view({"metadata": metadata, "spec": {"nodeName": more.get("node", "n1")}, "status": status})


@pytest.mark.parametrize(("count", "wait"), [(0, 0), (1, 10), (2, 20), (3, 40), (6, 320), (7, 600), (30, 600)])
def test_a_job_waits_ever_longer(count: int, wait: int) -> None:
    """10 s after the last failure, doubled, 10 minutes at most."""
    assert Failures(count, 5 * SECOND).remaining_us(5 * SECOND) == wait * SECOND
    assert Failures(count, 5 * SECOND).remaining_us(5 * SECOND + wait * SECOND) == 0


def test_failures_count_from_the_last_success() -> None:
    """By the dates of the pods; a success alone forgets them all."""
    known = Failures(2, 3 * SECOND)
    late, later = (pod(phase="Failed", finished=[at * SECOND]) for at in (8, 9))
    success = pod(phase="Succeeded", finished=[8 * SECOND])
    assert with_ended(known, [], []) == known
    assert with_ended(known, [], [later, late]) == Failures(4, 9 * SECOND)
    assert with_ended(known, [success], []) == Failures()
    assert with_ended(known, [success], [late, later]) == Failures(1, 9 * SECOND)
    assert with_ended(known, [success], [late]) == Failures()


@pytest.mark.parametrize(
    ("found", "ended_us"),
    [
        (pod(finished=[4, 6], ready=("False", 9)), 6),
        (pod(finished=[4, 0], ready=("False", 9)), 9),
        (pod(ready=("False", 9), going=40 * SECOND), 9),
        (pod(ready=("True", 9), going=40 * SECOND), 10 * SECOND),
        (pod(ready=("True", 9)), 1),
    ],
)
def test_when_a_pod_ended(found: JobPod, ended_us: int) -> None:
    """Its containers' end, else not ready since, else the request for its deletion, else its creation."""
    assert found.ended_us == ended_us


@pytest.mark.parametrize(
    ("indexes", "text"), [([], ""), ([0], "0"), ([0, 1], "0,1"), ([0, 1, 2], "0-2"), ([5, 1, 2, 3, 9], "1-3,5,9")]
)
def test_indexes_are_written_as_intervals(indexes: list[int], text: str) -> None:
    """And read again."""
    assert written(indexes) == text
    assert parsed(text, 10) == sorted(indexes)


def test_indexes_beyond_the_last_one_or_unreadable() -> None:
    """What a person wrote into a status ends the list, no more."""
    assert parsed("0-2,7-12", 9) == [0, 1, 2, 7, 8]
    assert parsed("1,x,3", 9) == [1]


def test_the_next_indexes() -> None:
    """The lowest that nobody has done or is doing."""
    assert pending(job(completions=6), [0, 2], 3) == [1, 3, 4]
    assert pending(job(completions=3), [0, 2], 3) == [1]


def test_which_pods_are_too_many() -> None:
    """Indexed: without an index, beyond the last one, or second of an index; then who is least far."""
    view = job(completions=2, completionMode="Indexed")
    pods = [pod("a", index="0"), pod("b", "Pending", index="0"), pod("c", index="7"), pod("d"), pod("e", index="1")]
    assert [item.name for item in surplus(view, pods, 0)] == ["d", "b", "c"]
    assert [item.name for item in surplus(view, pods, 4)] == ["d", "b", "c", "a"]
    ready = [pod("x", ready=("True", 5)), pod("y", ready=("True", 9)), pod("z", node=""), pod("w", ready=("False", 5))]
    assert [item.name for item in first_to_go(ready)] == ["z", "w", "y", "x"]
    assert [item.name for item in surplus(job(), ready, 1)] == ["z"]


@pytest.mark.parametrize(
    ("found", "policy", "expected"),
    [
        (pod(phase="Failed"), "Failed", True),
        (pod(going=1), "TerminatingOrFailed", True),
        (pod(going=1), "Failed", False),
        (pod(phase="Succeeded", going=1), "TerminatingOrFailed", False),
        (pod(), "TerminatingOrFailed", False),
    ],
)
def test_when_a_pod_counts_as_failed(found: JobPod, policy: str, expected: bool) -> None:
    """One that is to go does at once, unless only those are replaced that have ended."""
    assert failed(job(podReplacementPolicy=policy), found) is expected


def test_a_pod_is_named_then_freed_then_counted() -> None:
    """Each only once, also when a step is repeated."""
    pods = [pod("a", "Succeeded"), pod("b", "Failed"), pod("c"), pod("d", "Failed", tracked=False)]
    tally = Tally.of(job({"succeeded": 1}), pods, ())
    assert (tally.succeeded, tally.failures) == (2, 1)
    free, full = tally.name_ended(ending=False, lost=False)
    assert ([item.name for item in free], full, tally.changed) == (["a", "b"], False, True)
    assert tally.status["uncountedTerminatedPods"] == {"succeeded": ["uid-a"], "failed": ["uid-b"]}
    again = Tally.of(job(tally.status), pods, ())
    assert (again.succeeded, again.failures) == (2, 1)
    again.name_ended(ending=False, lost=False)
    assert not again.changed
    tally.count(["uid-b", "uid-c"])
    assert (tally.status["succeeded"], tally.status.get("failed")) == (2, None)
    tally.count([])
    assert (tally.status["failed"], tally.status["uncountedTerminatedPods"]) == (1, {})


def test_a_finalizer_that_was_taken_away_is_not_seen_twice() -> None:
    """The cache still shows it; what was named is counted all the same."""
    status = {"uncountedTerminatedPods": {"failed": ["uid-a"]}}
    tally = Tally.of(job(status), [pod("a", "Failed")], ["uid-a"])
    assert tally.failures == 1
    assert tally.name_ended(ending=False, lost=False) == ([], False)
    assert tally.status["failed"] == 1


def test_at_the_end_every_pod_goes() -> None:
    """Of a Job that failed, what still ran counts as failed; of one that succeeded it does not."""
    for lost, named in ((True, {"failed": ["uid-a"]}), (False, {})):
        tally = Tally.of(job(), [pod("a")], ())
        free, _ = tally.name_ended(ending=True, lost=lost)
        assert [item.name for item in free] == ["a"]
        assert tally.status["uncountedTerminatedPods"] == named


def test_an_indexed_job_counts_indexes() -> None:
    """An index counts once, whatever the number of its pods; no pod without an index does."""
    pods = [
        pod("a", "Succeeded", index="2"),
        pod("b", "Succeeded", index="2"),
        pod("c", "Succeeded"),
        pod("d", "Failed"),
    ]
    tally = Tally.of(job({"completedIndexes": "0"}, completions=4, completionMode="Indexed"), pods, ())
    assert (tally.succeeded, tally.failures) == (2, 0)
    free, _ = tally.name_ended(ending=False, lost=False)
    assert len(free) == 4
    assert (tally.status["completedIndexes"], tally.status["succeeded"]) == ("0,2", 2)


def test_no_more_than_five_hundred_are_named_at_once() -> None:
    """The rest waits for the next sync."""
    tally = Tally.of(job(completions=900), [pod(f"p{place}", "Failed") for place in range(600)], ())
    free, full = tally.name_ended(ending=False, lost=False)
    assert (len(free), full) == (500, True)


def test_conditions_begin_with_true() -> None:
    """What was never so need not be denied; what is the same stays."""
    yes, no = (condition("Suspended", "R", "m", MINUTE, status) for status in ("True", "False"))
    assert with_condition([], no) == ([], False)
    assert with_condition([], yes) == ([yes], True)
    assert with_condition([yes], yes) == ([yes], False)
    assert with_condition([yes], no) == ([no], True)
