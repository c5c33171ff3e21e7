"""What a Deployment's status says: conditions, progress, the deadline."""

from __future__ import annotations

from typing import Any

import pytest

from nodesim.controllers.deployment.revisions import (
    HISTORY,
    HISTORY_LEN_MAX,
    REVISION,
    by_revision,
    find_new,
    find_old,
    max_revision,
    new_replica_set,
    new_set_annotations,
)
from nodesim.controllers.deployment.status import (
    COMPLETE,
    PROGRESSING,
    TIMED_OUT,
    complete,
    condition,
    counted_status,
    differs,
    look_again_us,
    progressed,
    rollout_status,
    timed_out,
    with_condition,
)
from nodesim.controllers.deployment.views import DeploymentView, deployment_view
from nodesim.controllers.replicaset import ReplicaSetView, replica_set_view
from nodesim.objects import Document, find_condition
from nodesim.units import MILLISECOND, SECOND
from tests.controllers.workload.bench import workload

NOW_US = 1000 * SECOND


def deployment(replicas: int = 3, deadline: int | None = 600, **more: Any) -> DeploymentView:
    """A Deployment with a quarter of surge."""
    rolling = {"maxSurge": "25%", "maxUnavailable": "25%"}
    spec = {"strategy": {"type": "RollingUpdate", "rollingUpdate": rolling}, "progressDeadlineSeconds": deadline}
    document = workload("Deployment", replicas=replicas, **spec, **more)
    document["metadata"] |= {"uid": "uid-web", "generation": 1}
    return deployment_view(document)


def replica_set(name: str = "new", wants: int = 3, **status: Any) -> ReplicaSetView:
    """A ReplicaSet with this status."""
    document = workload("ReplicaSet", name, replicas=wants)
    document["metadata"]["uid"] = f"uid-{name}"
    return replica_set_view({**document, "status": status})


def progress(reason: str, since_s: int, status: str = "True") -> Document:
    """A status whose Progressing says this since then."""
    made = condition(PROGRESSING, status, reason, "", since_s * SECOND)
    return {"observedGeneration": 1, "conditions": [made]}


def test_the_first_status_of_a_rollout_is_the_recorded_one() -> None:
    """After the creation: three unavailable, Progressing as it was, Available False behind it."""
    before = {"conditions": [condition(PROGRESSING, "True", "NewReplicaSetCreated", "m", NOW_US)]}
    made = rollout_status(deployment(), before, [replica_set()], replica_set(), NOW_US)
    assert {name: item for name, item in made.items() if name != "conditions"} == {
        "observedGeneration": 1,
        "unavailableReplicas": 3,
    }
    assert [(item["type"], item["status"], item["reason"]) for item in made["conditions"]] == [
        ("Progressing", "True", "NewReplicaSetCreated"),
        ("Available", "False", "MinimumReplicasUnavailable"),
    ]


def test_progress_puts_the_deadline_off_and_goes_to_the_end() -> None:
    """New pods: reason ReplicaSetUpdated, a new lastUpdateTime, the old transition; the same reason again, too."""
    before = progress("ReplicaSetUpdated", 10)
    new = replica_set(replicas=3)
    made = rollout_status(deployment(), before, [new], new, NOW_US)
    assert made["conditions"][-1] == {
        "type": "Progressing",
        "status": "True",
        "lastUpdateTime": NOW_US,
        "lastTransitionTime": 10 * SECOND,
        "reason": "ReplicaSetUpdated",
        "message": 'ReplicaSet "new" is progressing.',
    }


def test_a_complete_rollout_says_so_once() -> None:
    """NewReplicaSetAvailable; while all pods are of the new template, nothing is judged any more."""
    new = replica_set(replicas=3, readyReplicas=3, availableReplicas=3)
    made = rollout_status(deployment(), progress("ReplicaSetUpdated", 10), [new], new, NOW_US)
    held = find_condition(made, PROGRESSING)
    assert held is not None
    assert (held["reason"], held["message"]) == (COMPLETE, 'ReplicaSet "new" has successfully progressed.')
    broken = replica_set(replicas=3, readyReplicas=2, availableReplicas=2)
    later = rollout_status(deployment(), made, [broken], broken, NOW_US + 3600 * SECOND)
    assert find_condition(later, PROGRESSING) == held
    assert not complete(deployment(), later)


@pytest.mark.parametrize(
    ("reason", "since_s", "now_s", "deadline", "expected"),
    [
        ("ReplicaSetUpdated", 0, 600, 600, False),
        ("ReplicaSetUpdated", 0, 601, 600, True),
        ("NewReplicaSetCreated", 100, 600, 600, False),
        (COMPLETE, 0, 9999, 600, False),
        (TIMED_OUT, 0, 1, 600, True),
        ("ReplicaSetUpdated", 0, 9999, None, False),
    ],
    ids=["just on time", "over time", "counts from the last update", "complete", "has timed out", "without a deadline"],
)
def test_deployment_timed_out(reason: str, since_s: int, now_s: int, deadline: int | None, expected: bool) -> None:
    """TestDeploymentTimedOut: strictly later than the deadline, never after a completed rollout."""
    assert timed_out(deployment(deadline=deadline), progress(reason, since_s), now_s * SECOND) is expected


def test_a_rollout_that_stands_still_times_out() -> None:
    """The condition turns False with its own reason, and stays."""
    new = replica_set()
    made = rollout_status(deployment(), progress("NewReplicaSetCreated", 10), [new], new, NOW_US)
    held = find_condition(made, PROGRESSING)
    assert held is not None
    assert (held["status"], held["reason"]) == ("False", "ProgressDeadlineExceeded")
    assert held["message"] == 'ReplicaSet "new" has timed out progressing.'
    assert rollout_status(deployment(), made, [new], new, NOW_US + SECOND)["conditions"] == made["conditions"]


def test_without_a_deadline_there_is_no_progressing() -> None:
    """The condition goes; availability is judged all the same."""
    made = rollout_status(deployment(deadline=2**31 - 1), progress("x", 0), [], None, NOW_US)
    assert [item["type"] for item in made["conditions"]] == ["Available"]


def counts(*numbers: int) -> Document:
    """A status of updated, all, ready and available replicas."""
    names = ("updatedReplicas", "replicas", "readyReplicas", "availableReplicas")
    return dict(zip(names, numbers, strict=True))


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (counts(4, 4, 4, 4), counts(4, 4, 4, 4), False),
        (counts(4, 4, 4, 4), counts(6, 6, 6, 6), True),
        (counts(1, 4, 4, 4), counts(1, 3, 3, 3), True),
        (counts(4, 8, 4, 4), counts(4, 8, 5, 4), True),
        (counts(4, 8, 4, 4), counts(4, 8, 4, 5), True),
        (counts(4, 8, 4, 4), counts(4, 9, 4, 4), False),
        (counts(4, 4, 4, 4), counts(4, 4, 3, 3), False),
    ],
    ids=["same", "more updated", "fewer old", "more ready", "more available", "more old", "fewer ready"],
)
def test_deployment_progressing(before: Document, now: Document, expected: bool) -> None:
    """TestDeploymentProgressing."""
    assert progressed(before, now) is expected


@pytest.mark.parametrize(
    ("replicas", "status", "generation", "expected"),
    [
        (5, counts(5, 5, 5, 5), 1, True),
        (5, counts(5, 5, 4, 4), 1, False),
        (5, counts(5, 6, 5, 5), 1, False),
        (5, counts(4, 5, 5, 5), 1, False),
        (5, counts(5, 5, 5, 5), 0, False),
        (0, counts(0, 0, 0, 0), 1, True),
    ],
)
def test_deployment_complete(replicas: int, status: Document, generation: int, expected: bool) -> None:
    """TestDeploymentComplete: all updated, available and observed, no old ones left."""
    assert complete(deployment(replicas), {**status, "observedGeneration": generation}) is expected


@pytest.mark.parametrize(
    ("reason", "since_s", "now_us", "expected"),
    [
        ("ReplicaSetUpdated", 100, 200 * SECOND, 701 * SECOND),
        ("ReplicaSetUpdated", 0, 599_500_000, 599_500_000 + 5 * MILLISECOND),
        ("ReplicaSetUpdated", 0, 700 * SECOND, 700 * SECOND + 5 * MILLISECOND),
        (TIMED_OUT, 0, 200 * SECOND, None),
    ],
    ids=["a second after the deadline", "less than a second left", "over time", "it has timed out"],
)
def test_requeue_stuck_deployment(reason: str, since_s: int, now_us: int, expected: int | None) -> None:
    """TestRequeueStuckDeployment: when a rollout without progress is looked at again."""
    status = progress(reason, since_s)
    assert look_again_us(deployment(), status, status, now_us) == expected


def test_nothing_is_waited_for_without_a_deadline_or_a_condition() -> None:
    """Nor for a complete rollout."""
    assert look_again_us(deployment(deadline=2**31 - 1), progress("x", 0), {}, 0) is None
    assert look_again_us(deployment(), {}, {}, 0) is None
    done = {**counts(3, 3, 3, 3), "observedGeneration": 1}
    assert look_again_us(deployment(), progress("x", 0), done, 0) is None


@pytest.mark.parametrize(("available", "expected"), [(2, "False"), (3, "True"), (4, "True")])
def test_available_means_all_but_max_unavailable(available: int, expected: str) -> None:
    """Of four one may be missing."""
    rs = replica_set("new", 4, replicas=4, availableReplicas=available)
    made = counted_status(deployment(4), {}, [rs], rs, NOW_US)
    assert [item["status"] for item in made["conditions"]] == [expected]
    assert made.get("unavailableReplicas", 0) == 4 - available


def test_a_replica_sets_failure_is_the_deployments() -> None:
    """The new one's first; it goes when none fails any more."""
    failed = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "quota"}
    new, old = replica_set(), replica_set("old", conditions=[failed | {"lastTransitionTime": 5}])
    made = rollout_status(deployment(), {}, [old, new], new, NOW_US)
    assert find_condition(made, "ReplicaFailure") == failed | {"lastTransitionTime": 5, "lastUpdateTime": 5}
    assert find_condition(rollout_status(deployment(), made, [new], new, NOW_US), "ReplicaFailure") is None


def test_a_condition_keeps_its_transition_while_its_status_is_the_same() -> None:
    """Another reason moves lastUpdateTime only; the same reason moves nothing."""
    held = with_condition({}, condition("A", "True", "One", "", 1 * SECOND))
    moved = with_condition(held, condition("A", "True", "Two", "", 2 * SECOND))
    assert (moved["conditions"][0]["lastTransitionTime"], moved["conditions"][0]["lastUpdateTime"]) == (
        SECOND,
        2 * SECOND,
    )
    assert with_condition(moved, condition("A", "True", "Two", "other", 3 * SECOND)) is moved
    assert differs(held, moved)
    assert not differs({}, {"conditions": []})


def annotated(name: str, created_s: int, revision: str | None) -> ReplicaSetView:
    """A ReplicaSet with a revision."""
    document = workload("ReplicaSet", name)
    annotations = {} if revision is None else {REVISION: revision}
    document["metadata"] |= {"uid": name, "creationTimestamp": created_s * SECOND, "annotations": annotations}
    return replica_set_view(document)


@pytest.mark.parametrize(
    ("revisions", "expected"),
    [(("1", "2"), "ab"), (("2", "1"), "ba"), (("1", None), "ba"), ((None, "1"), "ab"), (("x", "x"), "ab")],
)
def test_cleanup_deployment_order(revisions: tuple[str | None, str | None], expected: str) -> None:
    """TestDeploymentController_cleanupDeploymentOrder: the lowest revision first, equal ones by age."""
    sets = [annotated("b", 20, revisions[1]), annotated("a", 10, revisions[0])]
    assert "".join(rs.name for rs in by_revision(sets)) == expected


def test_a_revision_that_is_no_number_is_left_out() -> None:
    """MaxRevision."""
    assert max_revision([annotated("a", 0, "3"), annotated("b", 0, "x"), annotated("c", 0, None)]) == 3
    assert max_revision([]) == 0


@pytest.mark.parametrize(
    ("held", "revision", "expected"),
    [
        ({}, 1, {REVISION: "1"}),
        ({REVISION: "1"}, 1, {REVISION: "1"}),
        ({REVISION: "5"}, 3, {REVISION: "5"}),
        ({REVISION: "1"}, 3, {REVISION: "3", HISTORY: "1"}),
        ({REVISION: "3", HISTORY: "1,2"}, 4, {REVISION: "4", HISTORY: "1,2,3"}),
        ({REVISION: "x"}, 4, {REVISION: "x"}),
    ],
)
def test_set_new_replica_set_annotations(held: dict[str, str], revision: int, expected: dict[str, str]) -> None:
    """TestAnnotationUtils: the revision only rises, and the former ones are kept; the Deployment's own are copied."""
    document = workload("Deployment", replicas=1)
    own = {"team": "core", REVISION: "9", "kubectl.kubernetes.io/last-applied-configuration": "{}"}
    document["metadata"] |= {"uid": "u", "annotations": own}
    assert new_set_annotations(deployment_view(document), held, revision) == expected | {"team": "core"}


def test_the_history_of_revisions_has_a_limit() -> None:
    """The oldest go first."""
    held = {REVISION: "999", HISTORY: ",".join(str(number) for number in range(100, 600))}
    made = new_set_annotations(deployment(), held, 1000)[HISTORY]
    assert len(made) <= HISTORY_LEN_MAX
    assert made.endswith(",599,999")


def test_a_replica_set_is_found_by_its_template() -> None:
    """The hash does not count, nor do empty parts; of two the older is the new one."""
    view = deployment()
    document = new_replica_set(view, None)
    document["spec"]["template"]["metadata"]["annotations"] = {}
    document["metadata"]["uid"] = "u1"
    same = replica_set_view(document)
    younger = replica_set_view({**document, "metadata": {**document["metadata"], "uid": "u2", "creationTimestamp": 9}})
    other = replica_set("other", 1)
    other = replica_set_view({**other.document, "spec": {**other.document["spec"], "template": {"spec": {"x": 1}}}})
    assert find_new(view, [younger, other, same]) is same
    assert find_old([younger, other, same], same) == [other, younger]
    assert find_new(view, [other]) is None


def test_a_replica_set_is_named_by_its_template() -> None:
    """The same template gives the same name, a collision another one; the hash is a label, and selected by."""
    one, again, collided = (new_replica_set(deployment(), collisions) for collisions in (None, None, 1))
    assert one == again
    assert one["metadata"]["name"] != collided["metadata"]["name"]
    word = one["metadata"]["name"].removeprefix("web-")
    assert one["metadata"]["labels"]["pod-template-hash"] == word
    assert one["spec"]["selector"]["matchLabels"] == {"app": "web", "pod-template-hash": word}
    assert one["spec"]["template"]["metadata"]["labels"] == {"app": "web", "pod-template-hash": word}


@pytest.mark.parametrize(
    ("counts", "total"),
    [([], 0), ([(1, 2), (3, 1)], 3), ([(1, 2), (0, None)], 2), ([(1, 2), (1, None)], None)],
)
def test_terminating_pods_are_a_sum_where_every_set_counts_them(
    counts: list[tuple[int, int | None]], total: int | None
) -> None:
    """A ReplicaSet that was never synced has none; one that was and does not say spoils the sum."""
    sets = [
        replica_set(f"rs-{n}", observedGeneration=seen, **({} if count is None else {"terminatingReplicas": count}))
        for n, (seen, count) in enumerate(counts)
    ]
    made = counted_status(deployment(), {}, sets, None, NOW_US, terminating=True)
    assert made.get("terminatingReplicas") == total
    assert "terminatingReplicas" not in counted_status(deployment(), {}, sets, None, NOW_US)
