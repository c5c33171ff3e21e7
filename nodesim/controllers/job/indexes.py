"""Which completion indexes has an Indexed Job done, and which ones does it need next?

A set of indexes is written as `0,2-4,9`.
Source: pkg/controller/job/indexed_job_utils.go (`parseIndexesFromString`, `orderedIntervals.String`,
`firstPendingIndexes`, `appendDuplicatedIndexPodsForRemoval`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from nodesim.controllers.job.views import JobPod, JobView
from nodesim.controllers.workload.pods import ManagedPod

_INTERVAL: Final = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?", re.ASCII)
_PHASES: Final = {"": 0, "Pending": 0, "Unknown": 1, "Running": 2}


def parsed(text: str, completions: int) -> list[int]:
    """The indexes of a text, in order, up to a Job's last one; what cannot be read ends it."""
    found: list[int] = []
    for part in text.split(",") if text else ():
        match = _INTERVAL.fullmatch(part)
        if match is None:
            return found
        first = int(match[1])
        last = min(int(match[2] or first), completions - 1)
        found += range(first, last + 1)
    return found


def written(indexes: Iterable[int]) -> str:
    """The text of indexes: two of a row with a comma, more with a dash."""
    runs: list[list[int]] = []
    for index in sorted(dict.fromkeys(indexes)):
        if runs and runs[-1][1] == index - 1:
            runs[-1][1] = index
        else:
            runs.append([index, index])
    return ",".join(
        str(first) if first == last else f"{first}{',' if last == first + 1 else '-'}{last}" for first, last in runs
    )


def pending(view: JobView, taken: Iterable[int], count: int) -> list[int]:
    """The first so many indexes that nobody has done or is doing."""
    held = set(taken)
    found: list[int] = []
    for index in range(view.completions or 0):
        if len(found) == count:
            break
        if index not in held:
            found.append(index)
    return found


def first_to_go(pods: Iterable[ManagedPod]) -> list[ManagedPod]:
    """Active pods, those that go first in front: unassigned, Pending, not ready, ready or made a shorter time ago.

    Source: pkg/controller/controller_utils.go `ActivePods.Less`.
    """

    def rank(pod: ManagedPod) -> tuple[object, ...]:
        since_us = pod.pod.ready_transition_us if pod.ready else None
        unknown = since_us is None
        phase = _PHASES.get(pod.pod.phase, 0)
        started = (not unknown, -(since_us or 0)) if pod.ready else (False, 0)
        return (bool(pod.pod.node), phase, pod.ready, started, -pod.restarts_max, -pod.pod.created_us, pod.key)

    return sorted(pods, key=rank)


def surplus(view: JobView, pods: Sequence[JobPod], at_least: int) -> list[ManagedPod]:
    """The active pods to remove: without a place among the indexes or second in it, then as many as asked for."""
    gone: list[ManagedPod] = []
    left: list[ManagedPod] = list(pods)
    if view.indexed:
        left = []
        held: dict[int, list[JobPod]] = {}
        for pod in pods:
            held.setdefault(pod.index, []).append(pod)
        for index in sorted(held):
            ordered = first_to_go(held[index])
            kept = 1 if view.has_index(index) else 0
            gone += ordered[: len(ordered) - kept]
            left += ordered[len(ordered) - kept :]
    missing = at_least - len(gone)
    return [*gone, *first_to_go(left)[: max(0, missing)]]
