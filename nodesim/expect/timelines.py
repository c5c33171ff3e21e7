"""When was the subject of an expectation true, and when not?

A timeline is a step function: moments at which the subject was looked at anew, each after all events of its instant.
It begins at 0; between two moments nothing that counts for the subject changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Final, TypeAlias

from nodesim.expect.counts import Figures, ready_figures, running_figures
from nodesim.expect.invariants import INVARIANTS, Violation
from nodesim.objects import Selector, is_terminal
from nodesim.objects.selectors import Requirement
from nodesim.spec import Comparison, Subject
from nodesim.trace.belief import State, condition_status
from nodesim.trace.evidence import Evidence
from nodesim.values import value


@value
class Moment:
    """From `t_us` on the subject is `true`; `said` tells how things stand, `record` what made them so ("": nothing)."""

    t_us: int
    true: bool
    said: str
    record: str


Timeline: TypeAlias = list[Moment]


def timeline_of(subject: Subject, evidence: Evidence) -> Timeline:
    """The timeline of a subject; `ledger` has none, it is known only at the end of a run.

    Raises:
        KeyError: an invariant of an unknown name (the loader refuses those).
    """
    return _MAKERS[subject.kind](subject, evidence)


def compare(figure: int, comparison: Comparison) -> bool:
    """Does a figure stand in this relation?"""
    operator, wanted = comparison.operator, comparison.value
    return {
        "<=": figure <= wanted,
        ">=": figure >= wanted,
        "==": figure == wanted,
        "!=": figure != wanted,
        "<": figure < wanted,
        ">": figure > wanted,
    }[operator]


def settled(moments: Iterable[Moment]) -> Timeline:
    """Of each instant only the last moment, and only where something changed."""
    timeline: Timeline = []
    for moment in moments:
        if timeline and timeline[-1].t_us == moment.t_us:
            timeline.pop()
        if not timeline or (timeline[-1].true, timeline[-1].said) != (moment.true, moment.said):
            timeline.append(moment)
    return timeline


def printed_phases(state: State | None) -> tuple[str, ...]:
    """What `kubectl get` prints as a pod's STATUS, as far as summaries tell; the first word is the one to show.

    A container's reason is not in the summary, so where kubectl prints it the pod's phase and the usual reason are both
    right: `Succeeded` and `Completed`, `Failed` and `Error`, and `Pending` and `ContainerCreating` of a bound pod.  A
    reason of the pod's own (`Evicted`) stands before its phase.
    Source: pkg/printers/internalversion/printers.go `printPod`.
    """
    if state is None:
        return ("Gone",)
    phase, reason = str(state.get("phase") or ""), str(state.get("reason") or "")
    finished = is_terminal(phase)
    if state.get("deletion_us") is not None:
        if reason == "NodeLost":
            return ("Unknown",)
        if not finished:
            return ("Terminating",)
    if reason:
        return (reason,)
    if finished:
        return ("Completed", "Succeeded") if phase == "Succeeded" else ("Error", "Failed")
    if phase == "Pending" and state.get("node"):
        return ("Pending", "ContainerCreating")
    return (phase,)


def _condition(subject: Subject, evidence: Evidence) -> Timeline:
    def look(state: State | None) -> tuple[bool, str]:
        if state is None:
            return False, f"there is no node {subject.node}"
        status = condition_status(state, subject.condition)
        return status == subject.value, f"{subject.condition} of {subject.node} is {status or 'not set'}"

    return _of_object(f"Node/{subject.node}", evidence, look)


def _taint(subject: Subject, evidence: Evidence) -> Timeline:
    wanted, _, effect = subject.value.rpartition(":")
    key, has_value, taint_value = wanted.partition("=")

    def carries(taint: str) -> bool:
        other, _, other_effect = taint.rpartition(":")
        other_key, _, other_value = other.partition("=")
        return (other_key, other_effect) == (key, effect) and (not has_value or other_value == taint_value)

    def look(state: State | None) -> tuple[bool, str]:
        if state is None:
            return not subject.present, f"there is no node {subject.node}"
        found = any(carries(taint) for taint in state.get("taints", ()))
        return found is subject.present, f"{subject.node} {'has' if found else 'does not have'} {subject.value}"

    return _of_object(f"Node/{subject.node}", evidence, look)


def _pod_cidr(subject: Subject, evidence: Evidence) -> Timeline:
    def look(state: State | None) -> tuple[bool, str]:
        if state is None:
            return False, f"there is no node {subject.node}"
        held = state.get("pod_cidrs") or []
        return subject.value in (held or [""]), f"{subject.node} has {' and '.join(held) or 'no podCIDR'}"

    return _of_object(f"Node/{subject.node}", evidence, look)


def _node_exists(subject: Subject, evidence: Evidence) -> Timeline:
    def look(state: State | None) -> tuple[bool, str]:
        there = state is not None
        return there is subject.present, f"there is {'a' if there else 'no'} node {subject.node}"

    return _of_object(f"Node/{subject.node}", evidence, look)


def _phase(subject: Subject, evidence: Evidence) -> Timeline:
    def look(state: State | None) -> tuple[bool, str]:
        words = printed_phases(state)
        return subject.value in words, f"pod {subject.name} is {words[0]}"

    return _of_object(_pod(subject), evidence, look)


def _pod_ready(subject: Subject, evidence: Evidence) -> Timeline:
    def look(state: State | None) -> tuple[bool, str]:
        if state is None:
            return not subject.present, f"there is no pod {subject.name}"
        ready = bool(state.get("ready"))
        return ready is subject.present, f"pod {subject.name} is {'ready' if ready else 'not ready'}"

    return _of_object(_pod(subject), evidence, look)


def _pod(subject: Subject) -> str:
    return f"Pod/{subject.namespace}/{subject.name}"


def about_nobody(subject: Subject, evidence: Evidence) -> str:
    """Why a claim about one pod says nothing: there never was such a pod, neither its object nor a container.

    "" where there was one, and for all other subjects.
    """
    if subject.kind not in _OF_ONE_POD:
        return ""
    wanted, known = _pod(subject), evidence.belief.incarnations
    if wanted in known or any(run.object == wanted for run in evidence.truth.runs):
        return ""
    near = get_close_matches(wanted, [name for name in known if name.startswith("Pod/")], n=1)
    hint = f"; did you mean {near[0].removeprefix('Pod/')}?" if near else ""
    return f"there never was a pod {wanted.removeprefix('Pod/')} in this run, so nothing can be said of it{hint}"


def _of_object(object_: str, evidence: Evidence, look: Callable[[State | None], tuple[bool, str]]) -> Timeline:
    moments = [Moment(0, *look(None), "")]
    for sight in evidence.belief.sights(object_):
        moments.append(Moment(sight.t_us, *look(sight.state), sight.record))
    return settled(moments)


def _running(subject: Subject, evidence: Evidence) -> Timeline:
    wanted = _pod(subject)
    edges = [
        (at_us, step, run.node, record)
        for run in evidence.truth.runs
        if run.object == wanted
        for at_us, step, record in ((run.started_us, 1, run.started), (run.stopped_us, -1, run.stopped))
        if at_us is not None
    ]
    moments = [Moment(0, not subject.present, f"no container of {subject.name} runs", "")]
    on_nodes: dict[str, int] = {}
    for at_us, step, node, record in sorted(edges):
        on_nodes[node] = on_nodes.get(node, 0) + step
        places = [node for node in sorted(on_nodes) if on_nodes[node] > 0]
        said = f"a container of {subject.name} runs on {' and '.join(places)}" if places else moments[0].said
        moments.append(Moment(at_us, bool(places) is subject.present, said, record))
    return settled(moments)


def _count(subject: Subject, evidence: Evidence) -> Timeline:
    comparison = subject.comparison
    assert comparison is not None, "the loader gives every count a comparison"
    selector = Selector(tuple(Requirement(key, "In", (item,)) for key, item in sorted(subject.labels.items())))
    figures: Figures
    if subject.kind == "running-count":
        figures, what = running_figures(evidence, subject.namespace, selector), "running"
    else:
        only_ready = subject.kind == "ready"
        figures, what = (
            ready_figures(evidence, subject.namespace, selector, only_ready=only_ready),
            "ready" if only_ready else "there",
        )
    return [
        Moment(t_us, compare(figure, comparison), f"{figure} pod{'' if figure == 1 else 's'} {what}", record)
        for t_us, figure, record in figures
    ]


def _event(subject: Subject, evidence: Evidence) -> Timeline:
    about = f" for {subject.object}" if subject.object else ""
    moments = [Moment(0, False, f"no event {subject.value}{about}", "")]
    for record in evidence.records:
        if record.kind == subject.value and record.actor == "apiserver" and "component" in record.fields:
            if _is_meant(record.object, subject.object):
                moments.append(Moment(record.t_us, True, f"event {subject.value} for {record.object}", record.id))
                break
    return settled(moments)


def _is_meant(object_: str, wanted: str) -> bool:
    """`Kind/name` means that name in any namespace."""
    if not wanted or object_ == wanted:
        return True
    parts = object_.split("/")
    return len(parts) == 3 and wanted == f"{parts[0]}/{parts[2]}"


def _workload(subject: Subject, evidence: Evidence) -> Timeline:
    key, comparison = subject.condition, subject.comparison

    def look(state: State | None) -> tuple[bool, str]:
        if state is None:
            return False, f"there is no {subject.object}"
        shown = state.get(key)
        true = shown == subject.value if comparison is None else compare(int(shown or 0), comparison)
        return true, f"{key} of {subject.object} is {shown if shown != '' else 'not set'}"

    return _of_object(subject.object, evidence, look)


def _invariant(subject: Subject, evidence: Evidence) -> Timeline:
    invariant = INVARIANTS[subject.value]
    holds = f"{subject.value} holds"
    moments = [Moment(0, True, holds, "")]
    broken_until_us = 0
    for violation in sorted(invariant.check(evidence.records), key=_start):
        end_us = violation.t_us + 1 if violation.until_us is None else violation.until_us
        if violation.t_us < broken_until_us:
            broken_until_us = max(broken_until_us, end_us)
            continue
        if broken_until_us:
            moments.append(Moment(broken_until_us, True, holds, ""))
        moments.append(Moment(violation.t_us, False, violation.text, violation.record))
        broken_until_us = end_us
    if broken_until_us:
        moments.append(Moment(broken_until_us, True, holds, ""))
    return settled(moments)


def _start(violation: Violation) -> int:
    return violation.t_us


_OF_ONE_POD: Final = ("phase", "running", "pod-ready")

_MAKERS: Final[dict[str, Callable[[Subject, Evidence], Timeline]]] = {
    "condition": _condition,
    "taint": _taint,
    "pod-cidr": _pod_cidr,
    "node-exists": _node_exists,
    "phase": _phase,
    "running": _running,
    "pod-ready": _pod_ready,
    "ready": _count,
    "count": _count,
    "running-count": _count,
    "event": _event,
    "workload": _workload,
    "invariant": _invariant,
}
