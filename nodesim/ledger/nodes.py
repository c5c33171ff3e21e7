"""How fast did the control plane notice each outage, and how often did it see one where there was none?"""

from __future__ import annotations

from nodesim.trace.belief import ready_status
from nodesim.trace.evidence import Evidence

_NODE = "Node/"


def detection_us(evidence: Evidence) -> dict[str, list[int | None]]:
    """Per node and outage: us from its beginning to the first instant at which Ready was not True; None: not noticed.

    0 where Ready was not True anyway (the outage before had not been forgotten).  What is noticed only after the
    outage's end was not noticed: it is a false Unknown then.
    """
    found: dict[str, list[int | None]] = {}
    after_us = evidence.duration_us + 1
    for node in sorted(evidence.truth.outages):
        sights = evidence.belief.sights(_NODE + node)
        not_ready = [(0, True)] + [(sight.t_us, ready_status(sight.state) != "True") for sight in sights]
        found[node] = [
            _noticed_us(not_ready, outage.start_us, after_us if outage.end_us is None else outage.end_us)
            for outage in evidence.truth.outages[node]
        ]
    return found


def _noticed_us(not_ready: list[tuple[int, bool]], start_us: int, end_us: int) -> int | None:
    """Us from an outage's start to the first instant before its end at which the node was not ready."""
    if [noticed for t_us, noticed in not_ready if t_us <= start_us][-1]:
        return 0
    return next((t_us - start_us for t_us, noticed in not_ready if noticed and start_us < t_us < end_us), None)


def false_unknowns(evidence: Evidence) -> dict[str, int]:
    """Per node: how often Ready became Unknown at an instant at which the node was in no outage.

    Only nodes with a machine count, from its first record on: a Node object without a kubelet is rightly unknown.
    """
    found: dict[str, int] = {}
    for node in sorted(evidence.truth.first_seen_us):
        before = ""
        count = 0
        for sight in evidence.belief.sights(_NODE + node):
            status = ready_status(sight.state)
            if status == "Unknown" and before != "Unknown" and sight.t_us >= evidence.truth.first_seen_us[node]:
                count += evidence.truth.outage_at(node, sight.t_us) is None
            before = status
        if count:
            found[node] = count
    return found
