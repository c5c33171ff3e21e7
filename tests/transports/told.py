"""What a trace tells of an actor, and of what was believed of a node."""

from __future__ import annotations

from nodesim.trace.records import TraceRecord


def of(records: list[TraceRecord], actor: str, *kinds: str) -> list[TraceRecord]:
    """An actor's records of some kinds."""
    return [record for record in records if record.actor == actor and record.kind in kinds]


def readiness(records: list[TraceRecord], node: str) -> list[tuple[int, str]]:
    """What the API server believed of a node, and from when (us) on."""
    told = [r for r in records if r.actor == "apiserver" and r.object == f"Node/{node}" and "state" in r.fields]
    states = [(r.t_us, r.fields["state"].get("conditions", {}).get("Ready", {}).get("status", "")) for r in told]
    return [(t_us, status) for t_us, status in states if status]
