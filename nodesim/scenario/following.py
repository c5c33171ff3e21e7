"""What can be said of a run that still goes on?

Everything up to the instant before which nothing more will be recorded: a follower hands those records out, in the
trace's order, each once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from typing import TypeAlias

from nodesim.scenario.plan import Plan
from nodesim.trace.records import TraceRecord, order
from nodesim.world import World

Sink: TypeAlias = Callable[[Sequence[TraceRecord], int], None]
"""Takes new records, in the trace's order, and the instant (us) up to which they tell all."""


class Follower:
    """Hands out the records of one world, of the plan and of elsewhere as they become final.

    What comes `elsewhere` too late for its place is handed out all the same, with what is final then.
    """

    def __init__(self, world: World, plan: Plan, sink: Sink, elsewhere: list[TraceRecord] | None = None) -> None:
        self._world = world
        self._elsewhere = elsewhere if elsewhere is not None else []
        self._taken = 0
        self._early: list[tuple[tuple[int, str, int], TraceRecord]] = []
        """A heap of those from elsewhere that are not final yet."""
        self._planned = plan.records
        self._sink = sink
        self._place = 0
        self._planned_place = 0

    def __call__(self, final_us: int) -> None:
        """Nothing will be recorded any more at or before this instant (us)."""
        records, place = self._world.records, self._place
        while place < len(records) and records[place].t_us <= final_us:
            place += 1
        new = records[self._place : place]
        self._place = place
        planned, place = self._planned, self._planned_place
        while place < len(planned) and planned[place].t_us <= final_us:
            place += 1
        new += planned[self._planned_place : place]
        self._planned_place = place
        for record in self._elsewhere[self._taken :]:
            heappush(self._early, (order(record), record))
        self._taken = len(self._elsewhere)
        while self._early and self._early[0][0][0] <= final_us:
            new.append(heappop(self._early)[1])
        self._sink(sorted(new, key=order), final_us)
