"""What is an expectation about?

`node`, `pod`, `pods`, `event`, `ledger` or `invariant` says whom it is about; the claims (`condition`, `phase`,
`ready`, ...) say what.  Several claims in one item make one subject each.
"""

from __future__ import annotations

from typing import Final, Literal

from nodesim.expect import INVARIANTS, LEDGER_KEYS
from nodesim.scenario.claims import Claim, only
from nodesim.scenario.faults import clip, suggestion
from nodesim.scenario.figures import comparison
from nodesim.scenario.names import LABELS_FORM, label_name, labels, object_name, taint
from nodesim.scenario.read_cidrs import cidr
from nodesim.scenario.read_workload import workload_claims
from nodesim.scenario.reading import Cursor, Fields, boolean, fields, open_fields, text, unknown_key
from nodesim.scenario.targets import Cluster, node_reference
from nodesim.scenario.yamltree import Entry, MapTree, ScalarTree
from nodesim.spec import Subject

WHO: Final = ("node", "pod", "pods", "workload", "event", "ledger", "invariant")
CLAIMS: Final[dict[str, tuple[str, ...]]] = {
    "node": ("condition", "taint", "podCIDR", "exists"),
    "pod": ("phase", "running", "ready"),
    "pods": ("ready", "count", "running"),
    "workload": ("shows",),
    "event": (),
    "ledger": (),
    "invariant": (),
}
CLAIM_KEYS: Final = ("condition", "taint", "absent", "podCIDR", "exists", "phase", "running", "ready", "count", "shows")
POD_KEYS: Final = ("name", "namespace")
PODS_KEYS: Final = ("labels", "namespace")
EVENT_KEYS: Final = ("reason", "object")
SUBJECT_KEYS: Final = (*WHO, *CLAIM_KEYS)
SUBJECT_FORM: Final = "a subject such as {node: worker-1, condition: {Ready: Unknown}}"

CONDITIONS: Final = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable")
STATUSES: Final = ("True", "False", "Unknown")
PHASES: Final = (
    *("Pending", "Running", "Succeeded", "Failed", "Unknown", "Terminating", "Completed", "Error", "Gone"),
    *("ContainerCreating", "PodInitializing", "CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull", "OOMKilled"),
    *("Evicted", "NodeLost", "NodeAffinity", "Terminated", "NotReady", "DeadlineExceeded", "SchedulingGated"),
    *("CreateContainerConfigError", "CreateContainerError", "RunContainerError", "InvalidImageName", "StartError"),
    *("ContainerCannotRun", "ContainerStatusUnknown", "UnexpectedAdmissionError", "TaintToleration"),
)
"""What `kubectl get pods` prints under STATUS, and `Gone`: there is no such pod."""

PHASE_STARTS: Final = ("Init:", "Signal:", "ExitCode:", "OutOf")
LEDGER_BY_NODE: Final = ("detection_seconds", "false_unknowns")
LEDGER_PLAIN: Final = ("ghost_pod_seconds",)


def read_subjects(found: Fields, cluster: Cluster) -> list[Claim]:
    """The subjects of an item, none after a fault."""
    who = [key for key in WHO if key in found]
    if len(who) != 1:
        what = "is about nothing" if not who else f"is about several things ({', '.join(who)})"
        found.cursor.fault(f"{what}: expected exactly one of {', '.join(WHO)}")
        return []
    kind = who[0]
    cursor = found.get(kind)
    assert cursor is not None
    claims = _claims(found, kind)
    match kind:
        case "node":
            node = node_reference(cursor, cluster)
            return _of_node(found, node or "", claims)
        case "pod" | "pods":
            return _of_pods(found, cursor, kind, claims)
        case "workload":
            return workload_claims(found, cursor)
        case "event":
            return _event(cursor)
        case "ledger":
            return _ledger(cursor, cluster)
        case _:
            return _invariant(cursor)


def _claims(found: Fields, kind: str) -> list[str]:
    allowed = CLAIMS[kind]
    claims: list[str] = [key for key in CLAIM_KEYS if key in found and key in allowed]
    for key in CLAIM_KEYS:
        if key in found and key not in allowed and not (key == "absent" and "taint" in claims):
            fit = f"use {' or '.join(allowed)}" if allowed else "remove it"
            found.cursor.fault(f"{key!r} does not go with {kind!r}: {fit}", found.key_mark(key))
    if allowed and not claims and not any(key in found for key in CLAIM_KEYS):
        found.cursor.fault(f"claims nothing about {kind!r}: expected {' or '.join(allowed)}")
    return claims


def _of_node(found: Fields, node: str, claims: list[str]) -> list[Claim]:
    made: list[Claim] = []
    all_keys = frozenset(claims) | ({"absent"} if "taint" in claims else set())
    if "condition" in claims:
        cursor = found.get("condition")
        assert cursor is not None
        others = all_keys - {"condition"}
        for kind, status in _conditions(cursor):
            subject = Subject(kind="condition", node=node, condition=kind, value=status)
            made.append(Claim(subject, others, {"condition": only(cursor, kind)}))
    if "taint" in claims:
        given = found.maybe("taint", taint)
        absent = found.optional("absent", boolean, False)
        if given is not None:
            others = frozenset(claims) - {"taint"}
            made.append(Claim(Subject(kind="taint", node=node, value=str(given), present=not absent), others))
    if "podCIDR" in claims and (block := found.maybe("podCIDR", _pod_cidr)) is not None:
        made.append(Claim(Subject(kind="pod-cidr", node=node, value=block), all_keys - {"podCIDR"}))
    if "exists" in claims and (there := found.maybe("exists", boolean)) is not None:
        made.append(Claim(Subject(kind="node-exists", node=node, present=there), all_keys - {"exists"}))
    return made


def _pod_cidr(cursor: Cursor) -> str | None:
    """A block of addresses; "" for none."""
    tree = cursor.tree
    return "" if type(tree) is ScalarTree and tree.value == "none" else cidr(cursor)


def _conditions(cursor: Cursor) -> list[tuple[str, str]]:
    found = open_fields(cursor, "conditions such as {Ready: Unknown}")
    if found is None:
        return []
    if not found.written():
        cursor.fault("claims nothing: expected conditions such as {Ready: Unknown}")
    conditions = []
    for kind, item in found.all():
        if kind not in CONDITIONS:
            cursor.fault(unknown_key(kind, CONDITIONS, noun="condition"), found.key_mark(kind))
            continue
        tree = item.tree
        word = tree.text.capitalize() if type(tree) is ScalarTree and type(tree.value) is bool else text(item)
        if word is None:
            continue
        if word not in STATUSES:
            item.fault(f"unknown status {clip(word)}{suggestion(word, STATUSES)}")
        conditions.append((kind, word))
    return conditions


def _of_pods(found: Fields, cursor: Cursor, kind: str, claims: list[str]) -> list[Claim]:
    one = kind == "pod"
    keys = POD_KEYS if one else PODS_KEYS
    form = "a pod such as {name: web}" if one else "pods such as {labels: {app: web}}"
    inner = fields(cursor, keys, form)
    if inner is None:
        return []
    name = inner.required("name", object_name, "a name such as web") if one else ""
    wanted = {} if one else inner.required("labels", labels, LABELS_FORM)
    namespace = inner.optional("namespace", label_name, "default")
    made = []
    for claim in claims:
        given = found.get(claim)
        assert given is not None
        subject = _pod_claim(claim, given) if one else _pods_claim(claim, given)
        if subject is not None and name is not None and wanted is not None:
            named = Subject(
                kind=subject.kind,
                name=name,
                labels=wanted,
                namespace=namespace,
                value=subject.value,
                present=subject.present,
                comparison=subject.comparison,
            )
            made.append(Claim(named, frozenset(claims) - {claim}))
    return made


def _pod_claim(claim: str, cursor: Cursor) -> Subject | None:
    if claim == "phase":
        phase = text(cursor, "a phase such as Running")
        if phase is None:
            return None
        if phase not in PHASES and not phase.startswith(PHASE_STARTS):
            cursor.fault(f"unknown phase {clip(phase)}{suggestion(phase, PHASES)}")
        return Subject(kind="phase", value=phase)
    present = boolean(cursor)
    if present is None:
        return None
    return Subject(kind="running" if claim == "running" else "pod-ready", present=present)


def _pods_claim(claim: str, cursor: Cursor) -> Subject | None:
    compared = comparison(cursor)
    kinds: dict[str, Literal["ready", "count", "running-count"]] = {"ready": "ready", "count": "count"}
    return None if compared is None else Subject(kind=kinds.get(claim, "running-count"), comparison=compared)


def _event(cursor: Cursor) -> list[Claim]:
    found = fields(cursor, EVENT_KEYS, "an event such as {reason: NodeNotReady, object: Node/worker-1}")
    if found is None:
        return []
    reason = found.required("reason", text, "a reason such as NodeNotReady")
    about = found.optional("object", _object, "")
    if reason == "":
        found.cursor.fault("the reason is empty: expected one such as NodeNotReady")
    return [] if reason is None else [Claim(Subject(kind="event", value=reason, object=about))]


def _object(cursor: Cursor) -> str | None:
    form = "an object such as Node/worker-1, Pod/web-0 or Pod/default/web-0"
    about = text(cursor, form)
    if about is None:
        return None
    parts = about.split("/")
    if len(parts) not in (2, 3) or not all(parts) or not parts[0][0].isupper():
        cursor.fault(f"expected {form}, got {clip(about)}")
    return about


def _ledger(cursor: Cursor, cluster: Cluster) -> list[Claim]:
    found = open_fields(cursor, 'figures such as {ghost_pod_seconds: "<= 400"}')
    if found is None:
        return []
    if not found.written():
        cursor.fault('claims nothing: expected figures such as {ghost_pod_seconds: "<= 400"}')
    claims: list[Claim] = []
    for key, item in found.all():
        figure = key.partition(".")[0]
        if figure not in LEDGER_KEYS:
            cursor.fault(unknown_key(figure, LEDGER_KEYS, noun="ledger key"), found.key_mark(key))
        elif type(item.tree) is MapTree:
            for entry, inner in _entries(item):
                _figure(inner, f"{key}.{entry}", cluster, claims)
        else:
            _figure(item, key, cluster, claims)
    return claims


def _entries(cursor: Cursor) -> list[tuple[str, Cursor]]:
    found = open_fields(cursor, "a mapping")
    return [] if found is None else found.all()


def _figure(cursor: Cursor, key: str, cluster: Cluster, claims: list[Claim]) -> None:
    figure, dot, entry = key.partition(".")
    if figure in LEDGER_PLAIN and dot:
        cursor.fault(f"{figure} is one number and has no {clip(entry)}")
    elif figure in LEDGER_BY_NODE and dot:
        node, _, index = entry.rpartition(".")
        cluster.check(
            cursor, node if node and index.isdigit() and entry not in cluster.made_at else entry, machine=False
        )
    compared = comparison(cursor, 3)
    if compared is not None:
        shown = MapTree(cursor.tree.mark, {key: Entry(cursor.tree.mark, cursor.tree)})
        claims.append(Claim(Subject(kind="ledger", value=key, comparison=compared), instead={"ledger": shown}))


def _invariant(cursor: Cursor) -> list[Claim]:
    name = text(cursor, "an invariant such as at-most-one-per-identity")
    if name is None:
        return []
    if name not in INVARIANTS:
        cursor.fault(f"unknown invariant {clip(name)}{suggestion(name, tuple(INVARIANTS))}")
    return [Claim(Subject(kind="invariant", value=name))]
