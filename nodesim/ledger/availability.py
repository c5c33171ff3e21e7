"""For how long, and by how many pods, was each workload short of what was asked for?

A pod counts as available while the cluster believes it Ready, a container of it truly runs, and its node is in no
outage: nobody can use a pod that is only believed to be there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from nodesim.ledger.pods import stretch_of
from nodesim.ledger.stretches import Stretch, common, union, without
from nodesim.trace.belief import Belief, Incarnation
from nodesim.trace.evidence import Evidence

_OWNERS_MAX = 8
"""Deployment -> ReplicaSet -> Pod is three; a loop of owners must end somewhere."""


def unavailable_us(evidence: Evidence) -> dict[str, int]:
    """Per object with `replicas`: the integral of max(0, desired - available) over its life, in pod-us.

    It counts from the object's creation to its deletion or the end of the run, and over all objects of that name.
    """
    scaled = [
        incarnation
        for name in sorted(evidence.belief.incarnations)
        for incarnation in evidence.belief.incarnations[name]
        if any(sight.state is not None and "replicas" in sight.state for sight in incarnation.sights)
    ]
    if not scaled:
        return {}
    changes = _available_changes(evidence, {incarnation.object for incarnation in scaled})
    found: dict[str, int] = {}
    for incarnation in scaled:
        short_us = _shortfall(incarnation, changes[incarnation.object], evidence.duration_us)
        found[incarnation.object] = found.get(incarnation.object, 0) + short_us
    return found


def _available_changes(evidence: Evidence, owners: set[str]) -> dict[str, list[tuple[int, int]]]:
    """Per owner: (instant, +1 or -1) for each pod of it that became available or ceased to be."""
    changes: dict[str, list[tuple[int, int]]] = defaultdict(list)
    outages: dict[str, list[Stretch]] = {
        node: [(o.start_us, evidence.duration_us if o.end_us is None else o.end_us) for o in outages]
        for node, outages in evidence.truth.outages.items()
    }
    for pod in evidence.belief.of_kind("Pod"):
        counted = [owner for owner in _owners(evidence.belief, pod) if owner in owners]
        if not counted:
            continue
        on_nodes: dict[str, list[Stretch]] = defaultdict(list)
        for run in evidence.truth.runs_of.get((pod.object, pod.uid), ()):
            on_nodes[run.node].append(stretch_of(run, evidence.duration_us))
        usable = union(
            stretch for node in sorted(on_nodes) for stretch in without(union(on_nodes[node]), outages.get(node, ()))
        )
        for start_us, end_us in common(usable, _believed_ready(pod, evidence.duration_us)):
            for owner in counted:
                changes[owner] += ((start_us, 1), (end_us, -1))
    return changes


def _owners(belief: Belief, pod: Incarnation) -> Iterable[str]:
    """The pod's controlling owner, that one's owner, and so on."""
    owner = str(pod.last_state.get("owner") or "")
    for _ in range(_OWNERS_MAX):
        if not owner:
            return
        yield owner
        known = belief.incarnations.get(owner)
        owner = str(known[-1].last_state.get("owner") or "") if known else ""


def _believed_ready(pod: Incarnation, duration_us: int) -> list[Stretch]:
    found: list[Stretch] = []
    since_us: int | None = None
    for sight in pod.sights:
        ready = sight.state is not None and bool(sight.state.get("ready"))
        if ready and since_us is None:
            since_us = sight.t_us
        elif not ready and since_us is not None:
            found.append((since_us, sight.t_us))
            since_us = None
    if since_us is not None:
        found.append((since_us, duration_us))
    return union(found)


def _shortfall(owner: Incarnation, changes: list[tuple[int, int]], duration_us: int) -> int:
    """Integral of max(0, desired - available) over the life of one owner."""
    desired_at = [(s.t_us, int(s.state.get("replicas") or 0) if s.state else 0) for s in owner.sights]
    steps = sorted(
        [(t_us, 0, desired) for t_us, desired in desired_at] + [(t_us, 1, change) for t_us, change in changes]
    )
    total = desired = available = before_us = 0
    for t_us, what, number in steps:
        total += max(0, desired - available) * (min(t_us, duration_us) - min(before_us, duration_us))
        before_us = t_us
        if what == 0:
            desired = number
        else:
            available += number
    return total + max(0, desired - available) * max(0, duration_us - before_us)
