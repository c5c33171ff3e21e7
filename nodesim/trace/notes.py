"""Which moments of a run matter to a person, each for itself?

`nodesim.trace.story` puts them together to rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

from nodesim.trace.belief import Incarnation, Sight, State, ready_status
from nodesim.trace.evidence import Evidence
from nodesim.trace.records import TraceRecord
from nodesim.trace.sentences import instant, sentence
from nodesim.trace.truth import Run
from nodesim.units import SECOND
from nodesim.values import value

FAULT: Final = 0
"""Weight of what the scenario did: told however many rows there are."""
_JUDGED: Final = 1
_FOLLOWED: Final = 2
_ANNOUNCED: Final = 3
_DETAIL: Final = 4

_GHOST_TOLD_US: Final = 2 * SECOND
"""A container that outlives its pod by less is one that is being stopped."""
_CAUSES_MAX: Final = 4
"""How far back the decision is looked for that made a node Unknown: an event may stand between it and the write."""
_LINKS: Final = ("Cut", "Healed", "Held", "Released", "LossChanged", "ClockChanged")
_ROLLOUT: Final = {
    "NewReplicaSetCreated": "rollout begun",
    "NewReplicaSetAvailable": "rollout complete",
    "ProgressDeadlineExceeded": "rollout made no progress in time",
    "ReplicaSetCreateError": "rollout cannot make its ReplicaSet",
    "DeploymentPaused": "rollout paused",
    "DeploymentResumed": "rollout resumed",
}
"""What the reasons of a Deployment's condition Progressing mean to a person."""
_SWITCHES: Final = (
    *("KubeletStarted", "KubeletStopped", "PoweredOn", "PoweredOff"),
    *("ComponentStarted", "ComponentStopped", "ComponentPaused", "ComponentResumed", "LeaderElected"),
)


@value
class Note:
    """At `t_us`, `what` happened to `object`, `why`.

    Notes of one `group` (which is also the text for several objects) and one kind of object may be told together;
    of the highest `weight` the fewest are told.
    """

    t_us: int
    object: str
    what: str
    why: str
    group: str
    weight: int


def first_step_us(evidence: Evidence) -> int:
    """When the scenario first did something; what comes before is the start.  Without steps all of the run is."""
    for record in evidence.records:
        if record.actor == "scenario" and record.kind in ("Step", "Cut") and record.t_us > 0:
            return record.t_us
    return evidence.duration_us + 1


def node_is_ready(state: State | None) -> bool:
    """Ready is True."""
    return ready_status(state) == "True"


def pod_is_ready(state: State | None) -> bool:
    """The pod's Ready is True."""
    return state is not None and bool(state.get("ready"))


def notes_of(evidence: Evidence) -> list[Note]:
    """Every note of a run, in order of time."""
    begun_us = first_step_us(evidence)
    known = {record.id: record for record in evidence.records}
    notes = list(_of_steps(evidence, begun_us, known))
    notes += _of_decisions(evidence, begun_us)
    for deployment in evidence.belief.of_kind("Deployment"):
        notes += _of_deployment(deployment, begun_us)
    for node in evidence.belief.of_kind("Node"):
        notes += _of_node(node, begun_us, known)
    for pod in evidence.belief.of_kind("Pod"):
        notes += _of_pod(pod, begun_us)
        notes += _of_ghosts(pod, evidence)
    notes += _of_containers(evidence)
    return sorted(notes, key=_place)


def _place(note: Note) -> tuple[int, int, str, str]:
    return (note.t_us, note.weight, note.object, note.what)


def _of_steps(evidence: Evidence, begun_us: int, known: dict[str, TraceRecord]) -> Iterator[Note]:
    """Links, kubelets and power, with their step as the reason; a step is told itself where it shows nowhere else."""
    shown: dict[str, None] = {}
    steps: list[TraceRecord] = []
    for record in evidence.records:
        if record.kind == "Step" and record.actor == "scenario":
            steps.append(record)
            continue
        link = record.actor == "scenario" and record.kind in _LINKS
        if not link and record.kind not in _SWITCHES:
            continue
        step = known.get(record.cause)
        if record.kind == "KubeletStarted" and step is None and record.t_us < begun_us:
            continue
        why = ""
        if step is not None and step.kind == "Step":
            shown[step.id] = None
            why = f"step: {step.fields.get('text', '')}"
        what = sentence(record)
        yield Note(record.t_us, record.object, what, why, what, FAULT)
    for step in steps:
        if step.id not in shown:
            yield Note(step.t_us, step.object, sentence(step), "", step.id, FAULT)


def _of_decisions(evidence: Evidence, begun_us: int) -> Iterator[Note]:
    """What controllers decided that no object shows, and what none of them will ever look at."""
    for record in evidence.records:
        kind, fields = record.kind, record.fields
        if kind == "EvictionScheduled":
            yield Note(
                record.t_us, record.object, "eviction scheduled", _when(fields), "eviction scheduled", _ANNOUNCED
            )
        elif kind == "EvictionCancelled":
            yield Note(record.t_us, record.object, "eviction cancelled", "", "eviction cancelled", _ANNOUNCED)
        elif kind == "InstanceMissing":
            yield Note(record.t_us, record.object, sentence(record), "", sentence(record), _JUDGED)
        elif kind == "CIDRNotAvailable" and fields.get("count") == 1:
            yield Note(record.t_us, record.object, "no podCIDR is left for it", "", "no podCIDR is left", _JUDGED)
        elif kind == "KindNotModelled":
            what = sentence(record)
            yield Note(record.t_us, "", what, "", what, FAULT)
        elif kind == "ZoneStateChanged" and fields.get("old") != "Initial":
            what = f"zone {fields.get('zone') or '(none)'} went from {fields.get('old')} to {fields.get('new')}"
            yield Note(record.t_us, "", what, "", what, _JUDGED)
        elif kind == "RequestFailed" and record.actor == "operator":
            what = f"{fields.get('verb', 'request')} failed"
            refused = f"{fields.get('code')} {fields.get('reason')}: {fields.get('message')}"
            why = refused if fields.get("code") else f"no answer: {fields.get('reason')}"
            yield Note(record.t_us, record.object, what, why, what, _JUDGED)
        elif kind in ("AgentLeft", "AgentReturned", "AgentRestarted"):
            yield Note(record.t_us, record.object, sentence(record), "", record.id, FAULT)
        elif kind in ("RunLate", "RunCaughtUp"):
            agent = record.actor.removeprefix("clock/")
            about = "" if agent in (record.actor, "hub") else f"Agent/{agent}"
            yield Note(record.t_us, about, sentence(record), "", kind, FAULT)
        elif kind == "StatefulSetWaits" and record.t_us >= begun_us:
            why = str(fields.get("why", ""))
            yield Note(record.t_us, record.object, f"waits for {fields.get('pod')}", why, "waits for a pod", _FOLLOWED)
        elif kind == "PodUnschedulable" and record.t_us >= begun_us:
            why = str(fields.get("message", ""))
            yield Note(record.t_us, record.object, "cannot be scheduled", why, "cannot be scheduled", _FOLLOWED)


def _when(fields: dict[str, Any]) -> str:
    at_us = fields.get("at_us")
    return f"due at {instant(at_us)}" if type(at_us) is int else ""


def _of_node(node: Incarnation, begun_us: int, known: dict[str, TraceRecord]) -> Iterator[Note]:
    """Changes of Ready, taints and cordons, once the node had been Ready; what it began with is no news.

    A podCIDR is told of a node that came after the start.
    """
    if node.created_us >= begun_us:
        yield _note(node, node.sights[0], "registered", _FOLLOWED)
    settled = False
    before: State = {}
    born_with: dict[str, None] = {}
    for sight in node.sights:
        state = sight.state
        if state is None:
            yield _note(node, sight, "object is gone", _JUDGED)
            return
        taints = [str(taint) for taint in state.get("taints", ())]
        blocks = state.get("pod_cidrs")
        if blocks and not before.get("pod_cidrs") and sight.t_us >= begun_us:
            yield _note(node, sight, f"podCIDR {' and '.join(blocks)}", _FOLLOWED)
        if not settled:
            settled = node_is_ready(state)
            born_with |= dict.fromkeys(taints)
            before = state
            continue
        old, new = ready_status(before), ready_status(state)
        if old != new:
            what = f"Ready: {old} -> {new}"
            yield Note(sight.t_us, node.object, what, _why_ready(sight, known), what, _JUDGED)
        old_taints = [str(taint) for taint in before.get("taints", ())]
        for taint in taints:
            if taint not in old_taints:
                yield _note(node, sight, f"taint {_short(taint)} added", _FOLLOWED)
        for taint in old_taints:
            if taint not in taints:
                if taint not in born_with:
                    yield _note(node, sight, f"taint {_short(taint)} removed", _FOLLOWED)
                born_with.pop(taint, None)
        if bool(before.get("unschedulable")) is not bool(state.get("unschedulable")):
            yield _note(node, sight, "cordoned" if state.get("unschedulable") else "uncordoned", _FOLLOWED)
        before = state


def _short(taint: str) -> str:
    """Kubernetes' own taints are told without their domain: a row has to fit a screen."""
    return taint.removeprefix("node.kubernetes.io/")


def _why_ready(sight: Sight, known: dict[str, TraceRecord]) -> str:
    """How long the node had been silent, where the control plane's decision says so; else who said it."""
    record = known.get(sight.record)
    for _ in range(_CAUSES_MAX):
        record = known.get(record.cause) if record is not None else None
        if record is not None and record.kind == "NodeStatusUnknown" and "silent_us" in record.fields:
            return f"silent for {instant(int(record.fields['silent_us']))}"
    return f"by {sight.by}" if sight.by else ""


def _of_deployment(deployment: Incarnation, begun_us: int) -> Iterator[Note]:
    """How its rollouts went; the first one, which makes its pods, is told by them."""
    before: State = {}
    for sight in deployment.sights:
        state = sight.state
        if state is None:
            yield _note(deployment, sight, "object is gone", _JUDGED)
            return
        reason = state.get("progressing")
        if reason != before.get("progressing") and sight.t_us >= begun_us and reason in _ROLLOUT:
            yield Note(sight.t_us, deployment.object, _ROLLOUT[reason], str(reason), _ROLLOUT[reason], _JUDGED)
        before = state


def _of_pod(pod: Incarnation, begun_us: int) -> Iterator[Note]:
    """Its way to Ready if it is no part of the start, then readiness, deletion, end."""
    late = pod.created_us >= begun_us
    if late:
        yield _note(pod, pod.sights[0], "created", _FOLLOWED)
    before: State = {}
    was_ready = False
    for sight in pod.sights:
        state = sight.state
        if state is None:
            yield _note(pod, sight, "object is gone", _FOLLOWED)
            return
        leaving = state.get("deletion_us") is not None
        if leaving and before.get("deletion_us") is None:
            yield _note(pod, sight, "deletion requested", _JUDGED)
        if pod_is_ready(state) and not pod_is_ready(before) and not leaving:
            where = f" on {state['node']}" if state.get("node") else ""
            if was_ready:
                yield Note(sight.t_us, pod.object, f"ready again{where}", "", "ready again", _ANNOUNCED)
            elif late:
                yield Note(sight.t_us, pod.object, f"ready{where}", "", "ready", _FOLLOWED)
            was_ready = True
        elif pod_is_ready(before) and not pod_is_ready(state) and not leaving:
            yield _note(pod, sight, "not ready", _ANNOUNCED)
        phase = state.get("phase")
        if phase in ("Failed", "Succeeded") and phase != before.get("phase") and not leaving:
            reason = f" ({state['reason']})" if state.get("reason") else ""
            yield _note(pod, sight, f"phase {phase}{reason}", _FOLLOWED)
        before = state


def _note(incarnation: Incarnation, sight: Sight, what: str, weight: int) -> Note:
    return Note(sight.t_us, incarnation.object, what, f"by {sight.by}" if sight.by else "", what, weight)


def _of_ghosts(pod: Incarnation, evidence: Evidence) -> Iterator[Note]:
    """A container runs on although its pod should be gone: the cluster no longer counts it, and it is there."""
    over_us = pod.over_us()
    if over_us is None:
        return
    for run in evidence.truth.runs_of.get((pod.object, pod.uid), ()):
        stopped_us = evidence.duration_us if run.stopped_us is None else run.stopped_us
        if run.started_us <= over_us and stopped_us - over_us > _GHOST_TOLD_US:
            outage = evidence.truth.outage_at(run.node, over_us)
            sight = evidence.truth.sight_at(run.node, over_us)
            why = ""
            if outage is not None and sight is not None:
                how = "cut off" if sight.kubelet else "without a kubelet"
                why = f"{run.node} is {how} since {instant(outage.start_us)}"
            what = f"container still runs on {run.node}"
            yield Note(over_us, pod.object, what, why, "container still runs", _JUDGED)
            return


def _of_containers(evidence: Evidence) -> Iterator[Note]:
    """Stops, starts after the first, and one name on two nodes at once."""
    by_name: dict[str, list[Run]] = defaultdict(list)
    for run in evidence.truth.runs:
        for other in by_name[run.object]:
            if other.node != run.node and (other.stopped_us is None or other.stopped_us > run.started_us):
                what = f"runs on {other.node} and on {run.node} at once"
                yield Note(run.started_us, run.object, what, "", "runs on two nodes at once", _JUDGED)
                break
        by_name[run.object].append(run)
        if run.attempt > 0:
            what = f"container {run.container} started again"
            yield Note(run.started_us, run.object, what, f"attempt {run.attempt}", "container started again", _DETAIL)
        if run.stopped_us is not None:
            yield from _stop(run, evidence)


def _stop(run: Run, evidence: Evidence) -> Iterator[Note]:
    assert run.stopped_us is not None
    pod = evidence.belief.find(run.object, run.uid)
    over_us = pod.over_us() if pod is not None else None
    ghost_us = run.stopped_us - over_us if over_us is not None else 0
    why = run.why
    if ghost_us > _GHOST_TOLD_US:
        why = f"{why}, {instant(ghost_us)} after it should have been gone"
    what = f"container {run.container} stopped on {run.node}"
    weight = _FOLLOWED if ghost_us > _GHOST_TOLD_US else _ANNOUNCED
    yield Note(run.stopped_us, run.object, what, why, "container stopped", weight)
