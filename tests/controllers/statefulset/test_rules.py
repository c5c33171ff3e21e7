"""The rules as tables: names, revisions, the order of an update."""

from __future__ import annotations

from typing import Any

import pytest

from nodesim.controllers.statefulset.rules import Replica, is_of_current, next_update, split
from nodesim.controllers.statefulset.views import StatefulSetView, identity_of, stateful_set_view
from nodesim.controllers.workload.pods import ManagedPod, managed_pod_view
from nodesim.objects import Document
from tests.controllers.workload.bench import workload


def view(replicas: int = 3, start: int = 0, status: Document | None = None, **strategy: object) -> StatefulSetView:
    """A StatefulSet of this size."""
    document = workload("StatefulSet", replicas=replicas, updateStrategy=strategy, ordinals={"start": start})
    document["metadata"]["uid"] = "u"
    return stateful_set_view({**document, "status": status or {}})


def pod(ordinal: int, revision: str = "old", *, ready: bool = True, going: bool = False) -> ManagedPod:
    """One of its pods."""
    labels = {"controller-revision-hash": revision}
    metadata: dict[str, Any] = {"namespace": "default", "name": f"web-{ordinal}", "labels": labels}
    if going:
        metadata["deletionTimestamp"] = 1
    condition = {"type": "Ready", "status": str(ready)}
    return managed_pod_view(
        {"metadata": metadata, "spec": {}, "status": {"phase": "Running", "conditions": [condition]}}
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("web-0", ("web", 0)),
        ("web-12", ("web", 12)),
        ("a-b-3", ("a-b", 3)),
        ("web", ("", -1)),
        ("web-", ("", -1)),
        ("web-x", ("", -1)),
        ("web-99999999999", ("", -1)),
    ],
)
def test_a_name_tells_its_set_and_ordinal(name: str, expected: tuple[str, int]) -> None:
    """TestGetParentNameAndOrdinal."""
    assert identity_of(name) == expected


def test_pods_outside_of_the_ordinals_are_too_many() -> None:
    """The highest first; a name without an ordinal is nobody's."""
    replicas, condemned = split(view(2, start=3), [pod(1), pod(3), pod(9), pod(5)])
    assert [(each.name, each.pod is not None) for each in replicas] == [("web-3", True), ("web-4", False)]
    assert [each.name for each in condemned] == ["web-9", "web-5", "web-1"]


@pytest.mark.parametrize(
    ("made", "ordinal", "expected"),
    [
        (view(type="RollingUpdate", rollingUpdate={"partition": 2}), 1, True),
        (view(type="RollingUpdate", rollingUpdate={"partition": 2}), 2, False),
        (view(start=5, type="RollingUpdate", rollingUpdate={"partition": 2}), 6, True),
        (view(type="RollingUpdate", status={"currentReplicas": 2}), 1, True),
        (view(type="RollingUpdate", status={"currentReplicas": 2}), 2, False),
        (view(type="OnDelete", status={"currentReplicas": 2}), 0, False),
    ],
    ids=["below the partition", "at it", "with a start", "still current", "no longer", "OnDelete"],
)
def test_of_which_revision_a_new_pod_is(made: StatefulSetView, ordinal: int, expected: bool) -> None:
    """TestNewVersionedStatefulSetPod."""
    assert is_of_current(made, ordinal) is expected


def replicas(*pods: ManagedPod | None) -> list[Replica]:
    """The identities 0, 1, ..."""
    return [Replica(f"web-{ordinal}", ordinal, each) for ordinal, each in enumerate(pods)]


@pytest.mark.parametrize(
    ("pods", "gate", "deleted", "waits_for"),
    [
        ((pod(0), pod(1), pod(2)), False, ["web-2"], ""),
        ((pod(0), pod(1), pod(2, "new")), False, ["web-1"], ""),
        ((pod(0), pod(1), pod(2, "new", ready=False)), False, [], "web-2"),
        ((pod(0, ready=False), pod(1), pod(2)), False, ["web-2"], ""),
        ((pod(0), pod(1), pod(2, going=True)), False, [], "web-2"),
        ((pod(0, "new"), pod(1, "new"), pod(2, "new", ready=False)), False, [], ""),
        ((pod(0), pod(1), pod(2)), True, ["web-2"], ""),
        ((pod(0, ready=False), pod(1), pod(2)), True, [], "web-0"),
        ((pod(0), pod(1), None), True, [], "web-2"),
        ((pod(0, "new"), pod(1, "new"), pod(2, "new")), True, [], ""),
    ],
)
def test_whom_an_update_deletes(
    pods: tuple[ManagedPod | None, ...], gate: bool, deleted: list[str], waits_for: str
) -> None:
    """Without the gate a broken pod below the next victim does not count; with it every one does."""
    made = view(type="RollingUpdate", rollingUpdate={"partition": 0})
    update = next_update(made, replicas(*pods), "new", 0, max_unavailable=gate)
    assert ([each.name for each in update.delete], update.waits_for) == (deleted, waits_for)
