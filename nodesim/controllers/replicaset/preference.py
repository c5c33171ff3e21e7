"""Which pods of a ReplicaSet go first when there are too many?

The first difference decides: unassigned; Pending, then Unknown, then Running; not ready; lower deletion cost; more
related pods on the same node; ready for a shorter time; more restarts; younger.  Times are compared by their order of
magnitude (powers of two of nanoseconds); within one, the UIDs decide, which is as good as chance.
Source: pkg/controller/controller_utils.go `ActivePodsWithRanks.Less`, `logarithmicRankDiff`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Final

from nodesim.controllers.workload.pods import ManagedPod

_PHASES: Final = {"": 0, "Pending": 0, "Unknown": 1, "Running": 2}


def deletion_order(pods: Iterable[ManagedPod], related_on: Mapping[str, int], wall_us: int) -> list[ManagedPod]:
    """The pods, those to be deleted first in front.

    `related_on` counts, by node, the active pods of all ReplicaSets of the same Deployment.  It is empty for a
    ReplicaSet that no Deployment owns: Kubernetes finds no related pods for it, not even its own
    (`getReplicaSetsWithSameController`).  Full ties go by name, where Kubernetes has no order.
    """

    def compare(one: ManagedPod, other: ManagedPod) -> int:
        return _compare(one, other, related_on, wall_us)

    return sorted(sorted(pods, key=lambda item: item.pod.key), key=functools.cmp_to_key(compare))


def _compare(one: ManagedPod, other: ManagedPod, related_on: Mapping[str, int], wall_us: int) -> int:
    """Below zero where `one` goes first."""
    a, b = one.pod, other.pod
    steps = (
        int(bool(a.node)) - int(bool(b.node)),
        _PHASES.get(a.phase, 0) - _PHASES.get(b.phase, 0),
        int(one.ready) - int(other.ready),
        one.deletion_cost - other.deletion_cost,
        related_on.get(b.node, 0) - related_on.get(a.node, 0),
    )
    first = next((step for step in steps if step), 0)
    if first:
        return first
    if one.ready and a.ready_transition_us != b.ready_transition_us:
        return _compare_times(one, a.ready_transition_us, other, b.ready_transition_us, wall_us)
    if one.restarts_max != other.restarts_max:
        return other.restarts_max - one.restarts_max
    if a.created_us != b.created_us:
        return _compare_times(one, a.created_us, other, b.created_us, wall_us)
    return 0


def _compare_times(one: ManagedPod, one_us: int | None, other: ManagedPod, other_us: int | None, wall_us: int) -> int:
    """Unknown first, then the shorter time by magnitude, then the UIDs.  The two times differ."""
    if one_us is None or other_us is None:
        return -1 if one_us is None else 1
    difference = _magnitude(wall_us - one_us) - _magnitude(wall_us - other_us)
    if difference:
        return difference
    return -1 if one.pod.uid < other.pod.uid else 1


def _magnitude(age_us: int) -> int:
    """The whole part of log2 of an age in nanoseconds, without floats; -1 for no age at all."""
    return (age_us * 1000).bit_length() - 1 if age_us > 0 else -1
