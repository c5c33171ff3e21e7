"""How good is a node for a pod?

A table of scores: each gives every feasible node 0..100, times its weight; the sum decides.  Rows that are not modelled
(image locality, inter-pod affinity, topology spread, preferred node affinity) would be added here.

Sources: pkg/scheduler/framework/plugins/noderesources/{resource_allocation,least_allocated,balanced_allocation}.go,
tainttoleration/taint_toleration.go; weights: pkg/scheduler/apis/config/v1/default_plugins.go.

Rounding.  Kubernetes computes BalancedAllocation in float64 and cuts the result down to an integer; here it is the
exact floor of the same formula, in integers.  The two differ only where the exact value is a whole number and float64
lands a hair below it: then Kubernetes' is one less.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import attrs

from nodesim.objects.taints import PREFER_NO_SCHEDULE
from nodesim.profiles import Profile
from nodesim.scheduler.cluster import NodeRoom
from nodesim.scheduler.pod import PodToPlace

SCORE_MAX: Final = 100
"""Kubernetes' MaxNodeScore."""


@attrs.frozen
class Score:
    """One row of the table: a node's raw figure, and what makes 0..100 of the figures of all feasible nodes."""

    name: str
    weight: int
    of_node: Callable[[PodToPlace, NodeRoom], int]
    normalise: Callable[[Sequence[int]], Sequence[int]]


def as_it_is(figures: Sequence[int]) -> Sequence[int]:
    """For figures that are scores already."""
    return figures


def fewest_first(figures: Sequence[int]) -> Sequence[int]:
    """100 - 100 x figure / largest; all 100 where the largest is 0 (`DefaultNormalizeScore`, reversed)."""
    largest = max(figures, default=0)
    if largest == 0:
        return [SCORE_MAX] * len(figures)
    return [SCORE_MAX - SCORE_MAX * figure // largest for figure in figures]


def untolerated_preferences(pod: PodToPlace, room: NodeRoom) -> int:
    """TaintToleration: how many PreferNoSchedule taints the pod does not tolerate."""
    tolerations = pod.wants.tolerations
    return sum(
        1
        for taint in room.facts.taints
        if taint.effect == PREFER_NO_SCHEDULE and not any(item.tolerates(taint) for item in tolerations)
    )


def least_allocated(pod: PodToPlace, room: NodeRoom) -> int:
    """NodeResourcesFit's LeastAllocated: mean of the free shares of CPU and memory, once the pod is there.

    Containers without requests count with their defaults (100m, 200Mi), those on the node as well.
    """
    allocatable, wants = room.facts.allocatable, pod.wants
    shares = [
        (total - used) * SCORE_MAX // total if used <= total else 0
        for total, used in (
            (allocatable.get("cpu", 0), room.scored_cpu + wants.scored_cpu),
            (allocatable.get("memory", 0), room.scored_memory + wants.scored_memory),
        )
        if total
    ]
    return sum(shares) // len(shares) if shares else 0


def _balance(cpu: int, memory: int, cpu_total: int, memory_total: int) -> int:
    """floor(100 x (1 - |cpu share - memory share| / 2)), the shares capped at 1; 100 where a total is missing."""
    if not cpu_total or not memory_total:
        return SCORE_MAX
    apart = abs(min(cpu, cpu_total) * memory_total - min(memory, memory_total) * cpu_total)
    whole = 2 * cpu_total * memory_total
    return SCORE_MAX * (whole - apart) // whole


def _balance_of(room: NodeRoom, more_cpu: int, more_memory: int) -> int:
    allocatable, requested = room.facts.allocatable, room.requested
    return _balance(
        requested.get("cpu", 0) + more_cpu,
        requested.get("memory", 0) + more_memory,
        allocatable.get("cpu", 0),
        allocatable.get("memory", 0),
    )


def balanced_allocation(pod: PodToPlace, room: NodeRoom) -> int:
    """BalancedAllocation up to 1.35: how even CPU and memory are used with the pod (real requests, no defaults)."""
    requests = pod.wants.requests
    return _balance_of(room, requests.get("cpu", 0), requests.get("memory", 0))


def balanced_allocation_by_change(pod: PodToPlace, room: NodeRoom) -> int:
    """BalancedAllocation from 1.36: 50 + (50 + with the pod - without it) / 2, so 75 is neutral.

    A pod without CPU and memory requests is not scored at all (from 1.33; kubernetes#129138): 0 on every node.
    """
    requests = pod.wants.requests
    cpu, memory = requests.get("cpu", 0), requests.get("memory", 0)
    if not cpu and not memory:
        return 0
    half = SCORE_MAX // 2
    return half + (half + _balance_of(room, cpu, memory) - _balance_of(room, 0, 0)) // 2


def scores_of(profile: Profile) -> tuple[Score, ...]:
    """All scores of a version."""
    balanced = balanced_allocation_by_change if profile.balanced_allocation_by_change else balanced_allocation
    return (
        Score("TaintToleration", 3, untolerated_preferences, fewest_first),
        Score("NodeResourcesFit", 1, least_allocated, as_it_is),
        Score("NodeResourcesBalancedAllocation", 1, balanced, as_it_is),
    )
