"""What does one record say, in a person's words?

Used where a chain of causes or a story is told.  A kind that is not known here is told by its name and fields.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from nodesim.trace.records import TraceRecord, canonical
from nodesim.units import SECOND, format_duration

_FIELDS_MAX = 160
"""A record's fields are cut there: a sentence is one line."""

_SCALES: Final = {
    "replicas": "{} replicas wanted",
    "updated_replicas": "{} replicas updated",
    "ready_replicas": "{} replicas ready",
    "progressing": "progressing: {}",
}
"""What the summary of a workload says, by its keys."""


def sentence(record: TraceRecord) -> str:
    """One line without the instant and the object, for example `Ready became Unknown (by node-controller)`."""
    teller = _TELLERS.get(record.kind)
    if teller is not None:
        return teller(record.fields)
    if record.actor == "apiserver" and "component" in record.fields:
        return f"event {record.kind}: {record.fields.get('message', '')}"
    text = canonical(record.fields) if record.fields else ""
    return f"{record.kind} {text[:_FIELDS_MAX]}".rstrip()


def told(record: TraceRecord) -> str:
    """The sentence with its object and the record's id: `Node/n1: cut off in both directions (scenario#2)`."""
    about = f"{record.object}: " if record.object else ""
    return f"{about}{sentence(record)} ({record.id})"


def instant(t_us: int) -> str:
    """An instant as scenario files write it; to the millisecond, which is what people compare."""
    if t_us >= SECOND:
        t_us -= t_us % 1000
    return format_duration(t_us)


def changes_of(state: dict[str, Any]) -> list[str]:
    """What the changed keys of a summary say, the telling ones first."""
    parts: list[str] = []
    for type_, condition in sorted(state.get("conditions", {}).items()):
        if type_ == "Ready":
            parts.append(f"Ready is {condition.get('status', '')} ({condition.get('reason', '')})")
    if "taints" in state:
        parts.append(f"taints are {', '.join(state['taints'])}" if state["taints"] else "no taints")
    if state.get("unschedulable") is not None:
        parts.append("unschedulable" if state["unschedulable"] else "schedulable")
    if state.get("pod_cidrs"):
        parts.append(f"podCIDRs are {', '.join(state['pod_cidrs'])}")
    if state.get("deletion_us") is not None:
        parts.append(f"deletionTimestamp {instant(int(state['deletion_us']))}")
    if state.get("node"):
        parts.append(f"bound to {state['node']}")
    for key in ("phase", "reason"):
        if state.get(key):
            parts.append(f"{key} {state[key]}")
    if "ready" in state:
        parts.append("ready" if state["ready"] else "not ready")
    parts += [text.format(state[key]) for key, text in _SCALES.items() if state.get(key, "") != ""]
    if "generation" in state and not parts:
        parts.append("the spec changed")
    if "labels" in state and not parts:
        parts.append("labels changed")
    return parts


def _modified(fields: dict[str, Any]) -> str:
    state = fields.get("state", {})
    what = "; ".join(changes_of(state)) or "changed"
    if fields.get("verb") == "delete":
        what = f"deletion requested, {what}"
    return f"{what}{_by(fields)}"


def _by(fields: dict[str, Any]) -> str:
    return f" (by {fields['by']})" if fields.get("by") else ""


def _way(fields: dict[str, Any], both: str = "") -> str:
    direction = str(fields.get("direction", "both"))
    return both if direction == "both" else " " + direction.replace("-", " ", 1)


def _cut(fields: dict[str, Any]) -> str:
    return f"cut off{_way(fields, ' in both directions')}{', refused' if fields.get('mode') == 'refuse' else ''}"


def _loss(fields: dict[str, Any]) -> str:
    ppm = int(fields.get("loss_ppm", 0))
    part = f"{ppm // 10_000}.{ppm % 10_000:04}".rstrip("0").rstrip(".")
    return f"loses {part} % of its packets{_way(fields)}" if ppm else f"loses no packets{_way(fields)}"


def _clock(fields: dict[str, Any]) -> str:
    ahead_us, drift = int(fields.get("offset_us", 0)), int(fields.get("drift_ppm", 0))
    off = f"is {format_duration(abs(ahead_us))} {'ahead' if ahead_us > 0 else 'behind'}" if ahead_us else "is right"
    runs = f" and {'gains' if drift > 0 else 'loses'} {abs(drift)} us a second" if drift else ""
    return f"clock {off}{runs}"


def _stopped(fields: dict[str, Any]) -> str:
    return f"container {fields.get('container', '')} stopped ({fields.get('why', '')}, code {fields.get('exit_code')})"


def _deletion_seen(fields: dict[str, Any]) -> str:
    return f"the kubelet learned that the pod is to go, grace {fields.get('grace_seconds')}s"


def _status_unknown(fields: dict[str, Any]) -> str:
    silent = fields.get("silent_us")
    return f"silent for {instant(int(silent))}, marked Unknown" if silent is not None else "marked Unknown"


def _not_modelled(fields: dict[str, Any]) -> str:
    return f"nothing models {fields.get('kind')} ({fields.get('api_version')}): its objects are kept as written"


def _collected(fields: dict[str, Any]) -> str:
    on = f" ({fields['node']})" if fields.get("node") else ""
    return f"collected: {fields.get('why', '')}{on}"


def _quarantined(fields: dict[str, Any]) -> str:
    return f"is missing, its pods are left alone until {instant(int(fields['until_us']))}"


def _set_sized(fields: dict[str, Any]) -> str:
    sizes = f"from {fields.get('from')} to {fields.get('to')}"
    return f"ReplicaSet {fields.get('replica_set', '')} goes {sizes} ({fields.get('why', '')})"


def _dependent(fields: dict[str, Any]) -> str:
    return f"collected with {', '.join(fields.get('owners', ()))}"


def _forgotten(fields: dict[str, Any]) -> str:
    return f"no longer names {', '.join(fields.get('owners', ()))} ({fields.get('why', '')})"


def _not_empty(fields: dict[str, Any]) -> str:
    return f"{fields.get('remaining')} objects left, looked at again at {instant(int(fields['until_us']))}"


def _blocks(fields: dict[str, Any]) -> str:
    return " and ".join(fields.get("cidrs", ()))


def _connection_lost(fields: dict[str, Any]) -> str:
    return f"connection {fields.get('connection', '')} lost ({fields.get('why', '')})"


def _ended(fields: dict[str, Any]) -> str:
    return f"{fields.get('why', 'stopped')}{', ' + str(fields['at']) if fields.get('at') else ''}"


def _late(fields: dict[str, Any]) -> str:
    late, slack = instant(int(fields["late_us"])), instant(int(fields["slack_us"]))
    return f"the run is late by {late}, more than its slack of {slack}"


def _nodes(fields: dict[str, Any]) -> str:
    count = len(fields.get("nodes", ()))
    return f"{count} node{'' if count == 1 else 's'}"


def _restarted(fields: dict[str, Any]) -> str:
    known = instant(int(fields.get("known_us", 0)))
    return f"started anew, {_nodes(fields)} had no power; what they recorded after {known} is lost"


def _queued(fields: dict[str, Any]) -> str:
    zone = f" in zone {fields['zone']}" if fields.get("zone") else ""
    return f"waits{zone} for its taint {fields.get('taint', '')}:NoExecute"


def _eviction(fields: dict[str, Any]) -> str:
    due = f", due at {instant(int(fields['at_us']))}" if type(fields.get("at_us")) is int else ""
    return f"eviction from {fields.get('node', '')} scheduled for {fields.get('taint', '')}{due}"


_TELLERS: Final[dict[str, Callable[[dict[str, Any]], str]]] = {
    "ObjectCreated": lambda fields: f"created{_by(fields)}",
    "ObjectModified": _modified,
    "ObjectDeleted": lambda fields: f"object is gone{_by(fields)}",
    "ContainerStarted": lambda fields: f"container {fields.get('container', '')} started",
    "ContainerReady": lambda fields: f"container {fields.get('container', '')} is ready",
    "ContainerUnready": lambda fields: f"container {fields.get('container', '')} is not ready",
    "ContainerStopped": _stopped,
    "PodDeletionSeen": _deletion_seen,
    "KubeletStarted": lambda fields: "kubelet started",
    "KubeletStopped": lambda fields: "kubelet stopped",
    "PoweredOn": lambda fields: "powered on",
    "PoweredOff": lambda fields: "powered off",
    "ConnectionOpened": lambda fields: f"connection {fields.get('connection', '')} opened",
    "ConnectionLost": _connection_lost,
    "Cut": _cut,
    "Healed": lambda fields: f"healed{_way(fields)}",
    "Held": lambda fields: f"messages held{_way(fields, ' in both directions')}",
    "Released": lambda fields: f"messages released{_way(fields)}",
    "LossChanged": _loss,
    "ClockChanged": _clock,
    "Step": lambda fields: f"step: {fields.get('text', '')}",
    "DependentCollected": _dependent,
    "OwnersForgotten": _forgotten,
    "NamespaceNotEmpty": _not_empty,
    "NamespaceEmptied": lambda fields: "emptied",
    "NodeQuarantined": _quarantined,
    "PodCollected": _collected,
    "KindNotModelled": _not_modelled,
    "PodCIDRsAllocated": lambda fields: f"gets {_blocks(fields)}",
    "PodCIDRsReleased": lambda fields: f"{_blocks(fields)} free again",
    "AllocatorNotStarted": lambda fields: f"no podCIDRs are handed out: {fields.get('why', '')}",
    "NodeNotInitialised": lambda fields: f"not initialised: {fields.get('error', '')}",
    "InstanceMissing": lambda fields: "the cloud has no such instance",
    "InstanceNotKnown": lambda fields: f"nobody knows whether its instance exists: {fields.get('error', '')}",
    "InstanceTerminated": lambda fields: "instance terminated",
    "InstanceStopped": lambda fields: "instance stopped",
    "InstanceStarted": lambda fields: "instance started",
    "RouteCreated": lambda fields: f"route for {fields.get('cidr', '')} made",
    "RouteDeleted": lambda fields: f"route for {fields.get('cidr', '')} deleted",
    "RoutesNotKnown": lambda fields: f"routes are left as they are: {fields.get('error', '')}",
    "CloudApiDown": lambda fields: "the cloud's API fails",
    "CloudApiUp": lambda fields: "the cloud's API answers again",
    "RunEnded": lambda fields: "the run ended",
    "NodeStatusUnknown": _status_unknown,
    "LeaseFoundFresh": lambda fields: "silent by the cache, but its lease is fresh: not marked",
    "NodeStatusPosted": lambda fields: f"status posted ({fields.get('why', '')})",
    "TaintQueued": _queued,
    "TaintSkipped": lambda fields: f"its turn for a NoExecute taint passed ({fields.get('why', '')})",
    "TaintGranted": lambda fields: f"taint {fields.get('taint', '')}:NoExecute let through",
    "EvictionScheduled": _eviction,
    "EvictionCancelled": lambda fields: f"eviction cancelled ({fields.get('why', '')})",
    "EvictionStarted": lambda fields: f"eviction from {fields.get('node', '')} begins ({fields.get('why', '')})",
    "NodeChosen": lambda fields: f"{fields.get('node', '')} chosen of {fields.get('feasible', '')} that fit",
    "PodUnschedulable": lambda fields: f"cannot be scheduled: {fields.get('message', '')}",
    "ReplicasDiffer": lambda fields: f"{fields.get('want', '')} pods wanted, {fields.get('have', '')} there",
    "ReplicaSetSized": _set_sized,
    "ComponentStarted": lambda fields: f"started, process {fields.get('process', '')}",
    "ComponentStopped": _ended,
    "ComponentPaused": lambda fields: "paused",
    "ComponentResumed": lambda fields: "goes on",
    "LeaderElected": lambda fields: f"leads, transition {fields.get('transitions', 0)}",
    "StatefulSetWaits": lambda fields: f"waits for {fields.get('pod', '')} ({fields.get('why', '')})",
    "AgentJoined": lambda fields: f"has {_nodes(fields)}",
    "AgentLeft": lambda fields: f"gone with {_nodes(fields)} ({fields.get('why', '')})",
    "AgentReturned": lambda fields: f"back with {_nodes(fields)}",
    "AgentRestarted": _restarted,
    "RunLate": _late,
    "RunCaughtUp": lambda fields: f"the run is in time again, it was late by up to {instant(int(fields['worst_us']))}",
}
