"""How good is a node for a pod?

A table of scores: each gives every feasible node 0..100, times its weight; the sum decides.  The rows that look at pods
on all nodes are in `spread` and `interpod`.

Sources: pkg/scheduler/framework/plugins/noderesources/{resource_allocation,least_allocated,balanced_allocation}.go,
tainttoleration/taint_toleration.go, nodeaffinity/node_affinity.go, imagelocality/image_locality.go;
weights: pkg/scheduler/apis/config/v1/default_plugins.go.

Rounding.  Kubernetes computes BalancedAllocation in float64 and cuts the result down to an integer; here it is the
exact floor of the same formula, in integers.  The two differ only where the exact value is a whole number and float64
lands a hair below it: then Kubernetes' is one less.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import attrs

from nodesim.objects.taints import PREFER_NO_SCHEDULE
from nodesim.profiles import Profile
from nodesim.scheduler.around import Around
from nodesim.scheduler.cluster import NodeRoom
from nodesim.scheduler.interpod import company_scores
from nodesim.scheduler.pod import PodToPlace
from nodesim.scheduler.spread import spread_scores

SCORE_MAX: Final = 100
"""Kubernetes' MaxNodeScore."""


Figures: TypeAlias = Callable[[PodToPlace, Sequence[NodeRoom], Sequence[NodeRoom], Around], Sequence[int]]
"""0..100 for each feasible node, of a pod, the feasible nodes, all nodes, and what is around."""


@attrs.frozen
class Score:
    """One row of the table."""

    name: str
    weight: int
    of_nodes: Figures


def each(
    of_node: Callable[[PodToPlace, NodeRoom], int], normalise: Callable[[Sequence[int]], Sequence[int]]
) -> Figures:
    """The figures of a row that looks at one node at a time: a raw figure, and what makes 0..100 of all of them."""

    def of_nodes(
        pod: PodToPlace, feasible: Sequence[NodeRoom], rooms: Sequence[NodeRoom], around: Around
    ) -> Sequence[int]:
        return normalise([of_node(pod, room) for room in feasible])

    return of_nodes


def as_it_is(figures: Sequence[int]) -> Sequence[int]:
    """For figures that are scores already."""
    return figures


def fewest_first(figures: Sequence[int]) -> Sequence[int]:
    """100 - 100 x figure / largest; all 100 where the largest is 0 (`DefaultNormalizeScore`, reversed)."""
    largest = max(figures, default=0)
    if largest == 0:
        return [SCORE_MAX] * len(figures)
    return [SCORE_MAX - SCORE_MAX * figure // largest for figure in figures]


def most_first(figures: Sequence[int]) -> Sequence[int]:
    """100 x figure / largest; all 0 where the largest is 0 (`DefaultNormalizeScore`)."""
    largest = max(figures, default=0)
    return [SCORE_MAX * figure // largest for figure in figures] if largest else [0] * len(figures)


def preferred_by_affinity(pod: PodToPlace, room: NodeRoom) -> int:
    """NodeAffinity: the weights of the preferred terms that the node meets."""
    return sum(weight for weight, term in pod.wants.preferred_nodes if term.met_by(room.name, room.facts.labels))


IMAGE_BYTES_MIN: Final = 23 << 20
IMAGE_BYTES_MAX: Final = 1000 << 20
"""Less than the one counts as nothing to fetch, more than the other per container as everything."""


def image_scores(
    pod: PodToPlace, feasible: Sequence[NodeRoom], rooms: Sequence[NodeRoom], around: Around
) -> Sequence[int]:
    """ImageLocality: bytes of the pod's images that are on the node, each times the share of nodes that have it."""
    wanted = pod.wants.images
    if not wanted or not any(room.facts.images for room in rooms):
        return [0] * len(feasible)
    nodes_with = {image: sum(1 for room in rooms if image in dict(room.facts.images)) for image in wanted}
    most = IMAGE_BYTES_MAX * len(wanted)
    scores = []
    for room in feasible:
        there = dict(room.facts.images)
        here = sum(int(there[image] * (nodes_with[image] / len(rooms))) for image in wanted if image in there)
        here = min(max(here, IMAGE_BYTES_MIN), most)
        scores.append(SCORE_MAX * (here - IMAGE_BYTES_MIN) // (most - IMAGE_BYTES_MIN))
    return scores


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
        Score("TaintToleration", 3, each(untolerated_preferences, fewest_first)),
        Score("NodeAffinity", 2, each(preferred_by_affinity, most_first)),
        Score("NodeResourcesFit", 1, each(least_allocated, as_it_is)),
        Score("PodTopologySpread", 2, spread_scores),
        Score("InterPodAffinity", 2, company_scores),
        Score("NodeResourcesBalancedAllocation", 1, each(balanced, as_it_is)),
        Score("ImageLocality", 1, image_scores),
    )
