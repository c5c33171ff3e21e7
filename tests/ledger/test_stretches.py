"""Arithmetic with stretches of time."""

import pytest

from nodesim.ledger.stretches import Stretch, common, length, overlap, union, without


@pytest.mark.parametrize(
    ("stretches", "joined"),
    [
        ([], []),
        ([(3, 3), (5, 4)], []),
        ([(5, 9), (0, 2)], [(0, 2), (5, 9)]),
        ([(0, 2), (2, 5)], [(0, 5)]),
        ([(0, 9), (2, 5), (8, 12)], [(0, 12)]),
    ],
)
def test_a_union_is_sorted_and_free_of_overlaps(stretches: list[Stretch], joined: list[Stretch]) -> None:
    """Empty stretches vanish, touching ones join."""
    assert union(stretches) == joined


@pytest.mark.parametrize(
    ("left", "right", "shared", "rest"),
    [
        ([(0, 10)], [], [], [(0, 10)]),
        ([(0, 10)], [(0, 10)], [(0, 10)], []),
        ([(0, 10)], [(3, 5)], [(3, 5)], [(0, 3), (5, 10)]),
        ([(0, 4), (6, 10)], [(3, 7), (9, 12)], [(3, 4), (6, 7), (9, 10)], [(0, 3), (7, 9)]),
        ([(5, 6)], [(0, 5), (6, 9)], [], [(5, 6)]),
        ([(0, 1), (2, 3)], [(0, 9)], [(0, 1), (2, 3)], []),
    ],
)
def test_what_two_lists_share_and_what_is_left(
    left: list[Stretch], right: list[Stretch], shared: list[Stretch], rest: list[Stretch]
) -> None:
    """The shared part and the rest are the left list again."""
    assert common(left, right) == shared
    assert common(right, left) == shared
    assert without(left, right) == rest
    assert length(shared) + length(rest) == length(left)


def test_an_overlap_needs_two_groups_at_once() -> None:
    """Three groups count the same as two, and stretches that only touch do not overlap."""
    assert overlap([[(0, 10)], [(5, 20)], [(8, 9), (15, 16)]]) == [(5, 10), (15, 16)]
    assert overlap([[(0, 5)], [(5, 9)]]) == []
    assert overlap([[(0, 5), (6, 9)]]) == []
    assert overlap([[(0, 4), (6, 9)], [(4, 6), (8, 9)]]) == [(8, 9)]
