"""The table of scores, with figures computed by hand."""

from __future__ import annotations

from typing import Any

import pytest

from nodesim.profiles import V1_24, V1_36
from nodesim.scheduler.around import Around
from nodesim.scheduler.scores import (
    balanced_allocation,
    balanced_allocation_by_change,
    fewest_first,
    least_allocated,
    scores_of,
    untolerated_preferences,
)
from nodesim.scheduler.search import total_scores
from tests.scheduler.build import pod, room


@pytest.mark.parametrize(
    ("there", "asked", "score"),
    [
        # Node: 4000m, 8192Mi.  Defaults 100m, 200Mi: (3900*100/4000 = 97, 7992*100/8192 = 97) -> 97.
        ([], {}, 97),
        # (3000/4000 = 75, 6144/8192 = 75).
        ([], {"cpu": "1", "memory": "2Gi"}, 75),
        # A pod without requests there counts 100m, 200Mi: (2900/4000 = 72, 5944/8192 = 72.56) -> 72.
        ([{}], {"cpu": "1", "memory": "2Gi"}, 72),
        # Only CPU named: memory by default: (75, 97) -> 86.
        ([], {"cpu": "1"}, 86),
        # All of the CPU, none of the memory: (0, 100 - 0) with memory explicitly 0 -> 50.
        ([], {"cpu": "4", "memory": "0"}, 50),
        # More than there is (only scores' defaults can do that): CPU counts 0: (0, 7792/8192 = 95) -> 47.
        ([{"cpu": "4"}], {}, 47),
    ],
)
def test_least_allocated_is_the_mean_of_the_free_shares(there: list[Any], asked: Any, score: int) -> None:
    """Integer division per resource and for the mean; missing requests count 100m and 200Mi."""
    pods = [pod(f"there-{place}", requests) for place, requests in enumerate(there)]
    assert least_allocated(pod(requests=asked), room("n1", *pods)) == score


def test_least_allocated_leaves_out_what_a_node_has_none_of() -> None:
    """A node without CPU is judged by its memory, one without both gets 0."""
    assert least_allocated(pod(requests={"memory": "2Gi"}), room(allocatable={"cpu": "0"})) == 75
    assert least_allocated(pod(), room(allocatable={"cpu": "0", "memory": "0"})) == 0


@pytest.mark.parametrize(
    ("there", "asked", "old", "new"),
    [
        # Shares 1/4 and 1/4: std 0 -> 100; without the pod 100 -> 50 + 50/2 = 75, neutral.
        ({}, {"cpu": "1", "memory": "2Gi"}, 100, 75),
        # 1/4 and 1/2: std 1/8 -> 87.5 -> 87; 50 + (50 + 87 - 100)/2 = 50 + 37/2 = 68.
        ({}, {"cpu": "1", "memory": "4Gi"}, 87, 68),
        # There 1/2 and 0 (75); with the pod 1/2 and 1/2 (100): 50 + (50 + 100 - 75)/2 = 87.
        ({"cpu": "2"}, {"memory": "4Gi"}, 100, 87),
        # There 1/2 and 0 (75); with it 1 and 0 (50): 50 + (50 - 25)/2 = 62.
        ({"cpu": "2"}, {"cpu": "2"}, 50, 62),
        # The share is capped at 1: 5/4 -> 1, and 1/8: std 7/16 -> 56.25 -> 56; without 1 and 0 (50): 50 + 56/2 = 78.
        ({"cpu": "4"}, {"cpu": "1", "memory": "1Gi"}, 56, 78),
        # Asks for nothing: scored by the node before, not at all now.
        ({"cpu": "2"}, {}, 75, 0),
        # 1/3 of 100 (3333.. per 10000): 400m of 4 and 0: std 1/20 -> 95; the change: 50 + 45/2 = 72.
        ({}, {"cpu": "400m"}, 95, 72),
    ],
)
def test_balanced_allocation_by_hand(there: Any, asked: Any, old: int, new: int) -> None:
    """floor(100 x (1 - |a - b| / 2)) with real requests; from 1.36 what the pod changes of it."""
    node = room("n1", pod("there", there))
    assert balanced_allocation(pod(requests=asked), node) == old
    assert balanced_allocation_by_change(pod(requests=asked), node) == new


def test_balance_is_full_where_a_node_lacks_a_resource() -> None:
    """With one share there is no deviation."""
    assert balanced_allocation(pod(requests={"memory": "4Gi"}), room(allocatable={"cpu": "0"})) == 100


def test_balance_is_the_exact_floor_where_floats_are_not() -> None:
    """Shares 0 and 0.58: exactly 71 (float64 gives 70.99999999999999 or 71, by luck)."""
    node = room(allocatable={"cpu": "100", "memory": "8Gi"})
    assert balanced_allocation(pod(requests={"cpu": "58", "memory": "0"}), node) == 71


@pytest.mark.parametrize(
    ("figures", "scores"),
    [([0, 0], [100, 100]), ([1, 0, 2], [50, 100, 0]), ([3, 1], [0, 67]), ([], [])],
)
def test_fewest_first_turns_counts_round(figures: list[int], scores: list[int]) -> None:
    """100 - 100 x n / max, integer division; all 100 where nobody has any."""
    assert list(fewest_first(figures)) == scores


def test_only_untolerated_preferences_count() -> None:
    """PreferNoSchedule taints without a toleration that is for all effects or for this one."""
    node = room(taints=["a:PreferNoSchedule", "b:PreferNoSchedule", "c:NoSchedule"])
    tolerations = [{"key": "a", "operator": "Exists"}, {"key": "b", "operator": "Exists", "effect": "NoSchedule"}]
    assert untolerated_preferences(pod(spec={"tolerations": tolerations}), node) == 1


def test_the_sum_is_weighted_three_one_one() -> None:
    """n1: 3 x 0 + 75 + 75; n2: 3 x 100 + 75 + 75; with 1.24's balance 100 instead of 75."""
    nodes = [room("n1", taints=["a:PreferNoSchedule"]), room("n2")]
    asking = pod(requests={"cpu": "1", "memory": "2Gi"})
    assert total_scores(asking, nodes, nodes, Around(), scores_of(V1_36)) == [150, 450]
    assert total_scores(asking, nodes, nodes, Around(), scores_of(V1_24)) == [175, 475]
