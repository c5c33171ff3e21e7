"""What do the records of one run say, each side worked out once and only when it is asked for?"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from functools import cached_property
from operator import attrgetter
from typing import Final

from nodesim.trace.belief import Belief, believe
from nodesim.trace.records import TraceRecord
from nodesim.trace.truth import Truth, find_out

_INSTANT: Final = attrgetter("t_us")


class Evidence:
    """The records of a run with the folds over them.  `duration_us` None: as the records say.

    What is planned for later than the run's end (a step that was not reached) is left out.
    """

    def __init__(self, records: Sequence[TraceRecord], duration_us: int | None = None) -> None:
        self.duration_us = end_of(records) if duration_us is None else duration_us
        self.records = records[: bisect_right(records, self.duration_us, key=_INSTANT)]

    @cached_property
    def belief(self) -> Belief:
        """What the cluster believed."""
        return believe(self.records)

    @cached_property
    def truth(self) -> Truth:
        """What was so."""
        return find_out(self.records)

    def __repr__(self) -> str:
        """How much there is."""
        return f"Evidence({len(self.records)} records, duration_us={self.duration_us})"


def end_of(records: Sequence[TraceRecord]) -> int:
    """When the run ended (us): as `RunEnded` says, or at the last record of a trace that was cut off."""
    for record in reversed(records):
        if record.kind == "RunEnded":
            return int(record.fields.get("duration_us", record.t_us))
    return records[-1].t_us if records else 0
