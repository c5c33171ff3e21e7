"""What must hold in every run, whatever the scenario?

Each invariant looks at the records alone and tells every violation.  Not among them, because the records do not carry
what it takes: whether the scheduler kept to a node's capacity (requests are no part of a pod's summary).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from nodesim.trace.belief import believe
from nodesim.trace.records import TraceRecord
from nodesim.trace.truth import NODE_ACTOR, Run, find_out
from nodesim.values import value


@value
class Violation:
    """An invariant is broken at `t_us`, or in [`t_us`, `until_us`) where that lasts; `record` shows where."""

    t_us: int
    text: str
    record: str
    until_us: int | None = None


Check: TypeAlias = Callable[[Sequence[TraceRecord]], list[Violation]]


@value
class Invariant:
    """A named rule over the records of a run; `text` says what must hold."""

    name: str
    text: str
    check: Check


def at_most_one_per_identity(records: Sequence[TraceRecord]) -> list[Violation]:
    """No pod name has running containers on two nodes at once, by the nodes' truth."""
    by_name: dict[str, list[Run]] = defaultdict(list)
    for run in find_out(records).runs:
        by_name[run.object].append(run)
    end_us = records[-1].t_us + 1 if records else 0
    found: list[Violation] = []
    for object_, runs in sorted(by_name.items()):
        if len({run.node for run in runs}) > 1:
            found += _double_runs(object_, runs, end_us)
    return sorted(found, key=_place)


def _double_runs(object_: str, runs: list[Run], end_us: int) -> list[Violation]:
    edges = [(run.started_us, 1, run.node, run.started) for run in runs]
    edges += [(end_us if run.stopped_us is None else run.stopped_us, -1, run.node, run.stopped) for run in runs]
    found: list[Violation] = []
    on_nodes: dict[str, int] = {}
    begun: Violation | None = None
    # Of one instant the stops come first: to stop on one node and to start on another then is not at once.
    for t_us, step, node, record in sorted(edges):
        on_nodes[node] = on_nodes.get(node, 0) + step
        places = [name for name in sorted(on_nodes) if on_nodes[name] > 0]
        if begun is None and len(places) > 1:
            begun = Violation(t_us, f"{object_} runs on {' and on '.join(places)} at once", record)
        elif begun is not None and len(places) < 2:
            found.append(Violation(begun.t_us, begun.text, begun.record, t_us))
            begun = None
    return found


def deleted_only_when_asked(records: Sequence[TraceRecord]) -> list[Violation]:
    """A living pod's container ends by its own exit or a power-off; its kubelet stops it only once it is to go.

    To go means: its kubelet saw the deletion, its object is gone or another's, or it was finished or refused (phase
    Failed or Succeeded, reason Evicted and the like).
    """
    belief, truth = believe(records), find_out(records)
    found: list[Violation] = []
    for run in truth.runs:
        if run.stopped_us is None or run.why not in ("stopped", "killed"):
            continue
        key = (run.object, run.uid)
        seen, pod = truth.deletions_seen.get(key), belief.find(*key)
        if (seen is not None and seen.t_us <= run.stopped_us) or pod is None:
            continue
        state = pod.state_at(run.stopped_us)
        if state is not None and state.get("phase") not in ("Failed", "Succeeded"):
            text = f"container {run.container} of {run.object} was {run.why} on {run.node}, and nobody had asked for it"
            found.append(Violation(run.stopped_us, text, run.stopped))
    return sorted(found, key=_place)


def runs_only_where_bound(records: Sequence[TraceRecord]) -> list[Violation]:
    """A container starts only on the node to which its pod was bound before."""
    belief, truth = believe(records), find_out(records)
    found: list[Violation] = []
    for run in truth.runs:
        pod = belief.find(run.object, run.uid)
        bound = pod is not None and any(
            sight.t_us <= run.started_us and sight.state is not None and sight.state.get("node") == run.node
            for sight in pod.sights
        )
        if not bound:
            text = f"container {run.container} of {run.object} started on {run.node}, where the pod is not bound"
            found.append(Violation(run.started_us, text, run.started))
    return sorted(found, key=_place)


def confirmed_only_when_stopped(records: Sequence[TraceRecord]) -> list[Violation]:
    """A kubelet deletes a pod's object only when none of the pod's containers runs there any more."""
    truth = find_out(records)
    found: list[Violation] = []
    for record in records:
        by = str(record.fields.get("by", "")) if record.kind == "ObjectDeleted" else ""
        if record.actor != "apiserver" or not by.startswith(NODE_ACTOR):
            continue
        for run in truth.runs_of.get((record.object, str(record.fields.get("uid", ""))), ()):
            still = run.started_us <= record.t_us and (run.stopped_us is None or run.stopped_us > record.t_us)
            if still and by == NODE_ACTOR + run.node:
                text = f"{run.node} confirmed that {record.object} is gone while container {run.container} runs"
                found.append(Violation(record.t_us, text, record.id))
    return found


def records_have_causes(records: Sequence[TraceRecord]) -> list[Violation]:
    """Every cause names a record of the trace that is not later, and of one actor an earlier one."""
    known = {record.id: record for record in records}
    found: list[Violation] = []
    for record in records:
        if not record.cause:
            continue
        cause = known.get(record.cause)
        if cause is None:
            found.append(
                Violation(record.t_us, f"{record.id} names the cause {record.cause}, which is nowhere", record.id)
            )
        elif cause.t_us > record.t_us or (cause.actor == record.actor and cause.n >= record.n):
            found.append(Violation(record.t_us, f"{record.id} comes before its cause {record.cause}", record.id))
    return found


def _place(violation: Violation) -> tuple[int, str]:
    return (violation.t_us, violation.text)


_CHECKS: Final[dict[str, Check]] = {
    "at-most-one-per-identity": at_most_one_per_identity,
    "confirmed-only-when-stopped": confirmed_only_when_stopped,
    "deleted-only-when-asked": deleted_only_when_asked,
    "records-have-causes": records_have_causes,
    "runs-only-where-bound": runs_only_where_bound,
}

INVARIANTS: Final[dict[str, Invariant]] = {
    name: Invariant(name, (check.__doc__ or "").partition("\n")[0], check) for name, check in sorted(_CHECKS.items())
}
"""Every invariant by the name under which a scenario file asks for it."""
