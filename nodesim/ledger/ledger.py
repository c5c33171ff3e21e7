"""What does the ledger of a run say, and how is it written in the result document?

The keys are fixed by the reference of scenario files.  Inside, all figures are us; `to_json` alone makes seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from nodesim.ledger.availability import unavailable_us
from nodesim.ledger.nodes import detection_us, false_unknowns
from nodesim.ledger.pods import PodLife, double_run_us, eviction_us, ghost_pod_us, pod_lives, replacement_us
from nodesim.trace.evidence import Evidence
from nodesim.trace.records import TraceRecord
from nodesim.units import SECOND


@attrs.frozen(kw_only=True)
class Ledger:
    """For how long belief and truth differed.  Maps are sorted by key; what did not happen has no entry."""

    detection_us: dict[str, list[int | None]] = attrs.Factory(dict)
    """Node -> us from each outage to Ready not True; None: not noticed while it lasted."""
    false_unknowns: dict[str, int] = attrs.Factory(dict)
    """Node -> how often it was marked Unknown while in no outage; nodes without are left out."""
    eviction_us: dict[str, int] = attrs.Factory(dict)
    """`ns/pod` -> us from its node's outage to the request for its deletion."""
    replacement_us: dict[str, int] = attrs.Factory(dict)
    """`ns/pod` -> us from the request for its deletion to its replacement Ready."""
    ghost_pod_us: int = 0
    """Over all pods, us a container ran after its object was gone or its deletionTimestamp had passed."""
    double_run_us: dict[str, int] = attrs.Factory(dict)
    """`ns/identity` -> us on two nodes at once; identities without are left out."""
    unavailable_us: dict[str, int] = attrs.Factory(dict)
    """`kind/ns/name` -> integral of max(0, desired - available), pod-us; every object with replicas has an entry."""
    pods: list[PodLife] = attrs.Factory(list)

    def to_json(self) -> dict[str, Any]:
        """The ledger in the result document, in seconds: whole ones as int, others with at most six decimals."""
        return {
            "detection_seconds": {
                node: [_seconds(figure) for figure in figures] for node, figures in self.detection_us.items()
            },
            "false_unknowns": dict(self.false_unknowns),
            "eviction_seconds": _all_seconds(self.eviction_us),
            "replacement_seconds": _all_seconds(self.replacement_us),
            "ghost_pod_seconds": _seconds(self.ghost_pod_us),
            "double_run_seconds": _all_seconds(self.double_run_us),
            "unavailable_seconds": _all_seconds(self.unavailable_us),
            "pods": [
                {
                    "name": life.name,
                    "node": life.node,
                    "started": _seconds(life.started_us),
                    "stopped": _seconds(life.stopped_us),
                    "api_created": _seconds(life.api_created_us),
                    "api_deleted": _seconds(life.api_deleted_us),
                }
                for life in self.pods
            ],
        }


def ledger_of(
    records: Sequence[TraceRecord], *, duration_us: int | None = None, evidence: Evidence | None = None
) -> Ledger:
    """The ledger of a run.  `duration_us` None: as `RunEnded` says; `evidence` saves folding the records again."""
    known = evidence or Evidence(records, duration_us)
    return Ledger(
        detection_us=detection_us(known),
        false_unknowns=false_unknowns(known),
        eviction_us=eviction_us(known),
        replacement_us=replacement_us(known),
        ghost_pod_us=ghost_pod_us(known),
        double_run_us=double_run_us(known),
        unavailable_us=unavailable_us(known),
        pods=pod_lives(known),
    )


def _seconds(us: int | None) -> int | float | None:
    if us is None or us % SECOND == 0:
        return us if us is None else us // SECOND
    return round(us / SECOND, 6)


def _all_seconds(figures: Mapping[str, int]) -> dict[str, int | float | None]:
    return {name: _seconds(us) for name, us in figures.items()}
