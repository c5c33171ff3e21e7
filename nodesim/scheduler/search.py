"""Which of the nodes does a pod get?

Nodes are asked in turn, from where the last search ended, until enough of them are feasible; the feasible ones are
scored; among the best one is drawn.

Source: pkg/scheduler/schedule_one.go (`schedulePod`, `findNodesThatPassFilters`, `numFeasibleNodesToFind`,
`prioritizeNodes`).  Kubernetes asks 16 nodes at a time and so may ask a few more than needed; here it is one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nodesim.scheduler.cluster import NodeRoom
from nodesim.scheduler.filters import Filter, Refusal
from nodesim.scheduler.pod import PodToPlace
from nodesim.scheduler.scores import Score
from nodesim.streams import Stream
from nodesim.values import value

ENOUGH_NODES_MIN: Final = 100
"""Clusters below this size are searched whole, and no search stops before it."""
ENOUGH_PERCENT_MIN: Final = 5


@value
class Search:
    """What a search found: nodes in the order in which they were asked."""

    feasible: list[NodeRoom]
    refused: list[tuple[NodeRoom, Refusal]]


@value
class Choice:
    """The node that was taken; `score` is None where it was the only one, which nobody scores."""

    node: str
    feasible: int
    score: int | None


def enough_nodes(nodes: int) -> int:
    """How many feasible nodes end a search: all below 100, then 50 % less 1 % per 125 nodes, at least 5 % and 100."""
    if nodes < ENOUGH_NODES_MIN:
        return nodes
    percent = max(50 - nodes // 125, ENOUGH_PERCENT_MIN)
    return max(nodes * percent // 100, ENOUGH_NODES_MIN)


def refusal_of(pod: PodToPlace, room: NodeRoom, filters: Sequence[Filter]) -> Refusal | None:
    """The first filter's refusal, None where the pod may go there."""
    for row in filters:
        refusal = row.check(pod, room)
        if refusal is not None:
            return refusal
    return None


def find_feasible(pod: PodToPlace, rooms: Sequence[NodeRoom], first: int, filters: Sequence[Filter]) -> Search:
    """Ask the nodes in turn from place `first` on, until enough are feasible."""
    search = Search([], [])
    enough = enough_nodes(len(rooms))
    for offset in range(len(rooms)):
        room = rooms[(first + offset) % len(rooms)]
        refusal = refusal_of(pod, room, filters)
        if refusal is not None:
            search.refused.append((room, refusal))
            continue
        search.feasible.append(room)
        if len(search.feasible) == enough:
            break
    return search


def total_scores(pod: PodToPlace, rooms: Sequence[NodeRoom], scores: Sequence[Score]) -> list[int]:
    """The weighted sum of all scores of each node."""
    totals = [0] * len(rooms)
    for row in scores:
        figures = row.normalise([row.of_node(pod, room) for room in rooms])
        for place, figure in enumerate(figures):
            totals[place] += row.weight * figure
    return totals


def choose(pod: PodToPlace, feasible: Sequence[NodeRoom], scores: Sequence[Score], ties: Stream) -> Choice:
    """The best of at least one feasible node; one draw decides between equals, none is made without them."""
    if len(feasible) == 1:
        return Choice(feasible[0].name, 1, None)
    totals = total_scores(pod, feasible, scores)
    best = max(totals)
    equals = [room.name for room, total in zip(feasible, totals, strict=True) if total == best]
    node = equals[ties.below(len(equals))] if len(equals) > 1 else equals[0]
    return Choice(node, len(feasible), best)
