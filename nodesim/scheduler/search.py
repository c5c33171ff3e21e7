"""Which of the nodes does a pod get?

A node that the pod has made room on is asked first and alone.  Else nodes are asked in turn, from where the last search
ended, until enough of them are feasible; the feasible ones are scored; among the best one is drawn.

Source: pkg/scheduler/schedule_one.go (`schedulePod`, `findNodesThatFitPod`, `evaluateNominatedNode`,
`findNodesThatPassFilters`, `numFeasibleNodesToFind`, `prioritizeNodes`).
Kubernetes asks 16 nodes at a time and so may ask a few more than needed; here it is one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nodesim.scheduler.affinity import named_nodes
from nodesim.scheduler.around import Around
from nodesim.scheduler.cluster import NodeRoom
from nodesim.scheduler.decision import Decision
from nodesim.scheduler.pod import PodToPlace
from nodesim.scheduler.rules import Refusal
from nodesim.scheduler.scores import Score
from nodesim.streams import Stream
from nodesim.values import value

ENOUGH_NODES_MIN: Final = 100
"""Clusters below this size are searched whole, and no search stops before it."""
ENOUGH_PERCENT_MIN: Final = 5

LEFT_OUT: Final = Refusal("NodeAffinity", ("node(s) didn't satisfy plugin(s) [NodeAffinity]",), True)
NOT_ASKED: Final = Refusal("", (), False)


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


def find_feasible(decision: Decision, first: int, *, tells_left_out: bool = True) -> Search:
    """Ask the nodes in turn from place `first` on, until enough are feasible.

    A pod whose affinity names its nodes is asked for on these alone.  The others count as refused; from 1.31 on the
    message tells why, before nobody asked (`tells_left_out`).
    """
    named = named_nodes(decision.pod.wants.node_affinity)
    search = Search([], [])
    rooms = decision.rooms
    if named is not None:
        rooms = [room for room in rooms if room.name in named]
        why = LEFT_OUT if tells_left_out else NOT_ASKED
        search.refused.extend((room, why) for room in decision.rooms if room.name not in named)
    enough = enough_nodes(len(rooms))
    for offset in range(len(rooms)):
        room = rooms[(first + offset) % len(rooms)]
        refusal = decision.refusal(room)
        if refusal is not None:
            search.refused.append((room, refusal))
            continue
        search.feasible.append(room)
        if len(search.feasible) == enough:
            break
    return search


def nominated_room(decision: Decision) -> NodeRoom | None:
    """The node that the pod has made room on, if the pod may go there now."""
    name = decision.pod.nominated or decision.nominations.node_of(decision.pod.uid)
    room = next((room for room in decision.rooms if room.name == name), None) if name else None
    return room if room is not None and decision.refusal(room) is None else None


def total_scores(
    pod: PodToPlace, feasible: Sequence[NodeRoom], rooms: Sequence[NodeRoom], around: Around, scores: Sequence[Score]
) -> list[int]:
    """The weighted sum of all scores of each feasible node; `rooms` are all nodes."""
    totals = [0] * len(feasible)
    for row in scores:
        for place, figure in enumerate(row.of_nodes(pod, feasible, rooms, around)):
            totals[place] += row.weight * figure
    return totals


def choose(
    decision: Decision, feasible: Sequence[NodeRoom], around: Around, scores: Sequence[Score], ties: Stream
) -> Choice:
    """The best of at least one feasible node; one draw decides between equals, none is made without them."""
    if len(feasible) == 1:
        return Choice(feasible[0].name, 1, None)
    totals = total_scores(decision.pod, feasible, decision.rooms, around, scores)
    best = max(totals)
    equals = [room.name for room, total in zip(feasible, totals, strict=True) if total == best]
    node = equals[ties.below(len(equals))] if len(equals) > 1 else equals[0]
    return Choice(node, len(feasible), best)
