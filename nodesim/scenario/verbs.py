"""Which steps are there, and what does each say?

`VERBS` is the whole list: whom a verb is about, what may stand beside that, what it changes, and which verb undoes it.
A new verb is a new row.  What a row cannot say (keys that depend on each other) is the row's `settle`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, Literal, TypeAlias, get_args

import attrs

from nodesim.client import SERVER
from nodesim.objects import taint_document
from nodesim.scenario.components import COMPONENTS, PROCESSES
from nodesim.scenario.faults import clip
from nodesim.scenario.figures import DURATION_FORM, duration, percent_ppm, positive_duration
from nodesim.scenario.manifests import Manifests
from nodesim.scenario.names import TAINT_FORM, label_key, labels, taint
from nodesim.scenario.read_clocks import STEP_KEYS, clock_step
from nodesim.scenario.read_crashes import CRASH_WAYS, crash_step
from nodesim.scenario.reading import Cursor, Fields, Reader, boolean, choice, integer, items
from nodesim.scenario.targets import Cluster
from nodesim.scenario.yamltree import ScalarTree
from nodesim.spec import CutMode, Direction
from nodesim.values import value

Whom: TypeAlias = Literal["machines", "nodes", "object", "component", ""]
"""Machines of spec.nodes; Node objects, with a machine or without; one object of the API; a component; nobody."""

REQUIRED: Final = object()
"""The default of an argument that must be written."""

DIRECTIONS: Final = get_args(Direction)
MODES: Final = get_args(CutMode)
OBJECTS: Final = {
    "pod": "pods",
    "replicaset": "replicasets",
    "deployment": "deployments",
    "statefulset": "statefulsets",
    "daemonset": "daemonsets",
    "job": "jobs",
    "namespace": "namespaces",
    "node": "nodes",
    "lease": "leases",
}
"""How a step names an object's kind, and its resource."""

SCALABLE: Final = ("replicaset", "deployment", "statefulset")
CLUSTER_SCOPED: Final = ("namespace", "node")
GRACE_MAX: Final = 10 * 366 * 24 * 3600
REPLICAS_MAX: Final = 1_000_000


@attrs.frozen
class Context:
    """What the reading of a step may need of the rest of the scenario."""

    cluster: Cluster
    manifests: Manifests
    jitter_us: int
    """The network's."""


@value
class Argument:
    """One key beside the target: how it is written, and under which name it stands in `Step.arguments`."""

    key: str
    name: str
    read: Reader[Any]
    default: Any = REQUIRED
    form: str = ""
    """What should stand there, for the fault where a required one is missing."""


Settle: TypeAlias = Callable[[Context, Fields, dict[str, Any]], bool]
"""Completes a step's arguments from its mapping; False after a fault."""


@attrs.frozen(kw_only=True)
class Verb:
    """One row of the table."""

    whom: Whom = "machines"
    arguments: tuple[Argument, ...] = ()
    keys: tuple[str, ...] = ()
    """Further keys, which `settle` reads."""
    settle: Settle | None = None
    changes: str = ""
    """What of a node it changes: while a step with `for` holds, no other may change the same."""
    opposite: str = ""
    """The verb that undoes it (for `latency` and its kind itself, with the values from before); "": none does."""
    components: tuple[str, ...] = ()
    """The built-in components that it may name, beside the scenario's own actors; empty: it names none."""
    objects: tuple[str, ...] = ()
    """The kinds that `object` verbs may name."""
    cloud: bool = False
    """It is about a cloud, so the scenario must have one."""
    form: str = "a mapping such as {nodes: [worker-1]}"

    @property
    def known(self) -> tuple[str, ...]:
        """Every key beside the target."""
        return (*(argument.key for argument in self.arguments), *self.keys)

    def read(self, context: Context, found: Fields) -> dict[str, Any] | None:
        """The step's arguments; None after a fault that leaves it without a meaning."""
        arguments: dict[str, Any] = {}
        whole = True
        for each in self.arguments:
            if each.default is REQUIRED:
                arguments[each.name] = found.required(each.key, each.read, each.form)
                whole = whole and arguments[each.name] is not None
            else:
                arguments[each.name] = found.optional(each.key, each.read, each.default)
        if self.settle is not None:
            whole = self.settle(context, found, arguments) and whole
        return arguments if whole else None


# --- what rows cannot say -------------------------------------------------------------------------------------------


def _own_jitter(context: Context, found: Fields, arguments: dict[str, Any]) -> bool:
    """A jitter that is not given is the network's."""
    if arguments["jitter_us"] is None:
        arguments["jitter_us"] = context.jitter_us
    return True


def _labels(context: Context, found: Fields, arguments: dict[str, Any]) -> bool:
    wanted: dict[str, str] = found.optional("set", labels, {})
    changes: dict[str, str | None] = dict(wanted)
    removed = found.get("remove")
    for item in [] if removed is None else items(removed, "a list of labels' keys such as [team]"):
        key = label_key(item)
        if key is not None and key in changes:
            item.fault(f"label {clip(key)} is changed twice in this step")
        if key is not None:
            changes[key] = None
    if "set" not in found and "remove" not in found:
        found.cursor.fault("changes nothing: give set: {team: core} or remove: [team]")
    arguments["labels"] = changes
    return True


def _manifests(context: Context, found: Fields, arguments: dict[str, Any]) -> bool:
    """Node documents can be named by later steps."""
    cursor = found.get("manifests")
    if cursor is None:
        found.cursor.fault("'manifests' is missing: expected a list such as [web.yaml]")
        return False
    before = len(cursor.faults)
    documents = list(context.manifests.read(cursor))
    if not documents and len(cursor.faults) == before:
        cursor.fault("applies nothing: expected a list such as [web.yaml]")
    context.cluster.documents.update(each["metadata"]["name"] for each in documents if each["kind"] == "Node")
    arguments["documents"] = documents
    return True


def _grace(context: Context, found: Fields, arguments: dict[str, Any]) -> bool:
    """--force without a grace period means 0, as with kubectl."""
    grace, force = arguments["grace_seconds"], arguments["force"]
    if force and grace:
        found.cursor.fault(f"force and a grace period of {grace} s contradict each other; leave one out")
    if force and grace is None:
        arguments["grace_seconds"] = 0
    return True


def read_taint(cursor: Cursor) -> dict[str, Any] | None:
    """A taint as the documents have it."""
    given = taint(cursor)
    return None if given is None else taint_document(given)


def _crash(context: Context, found: Fields, arguments: dict[str, Any]) -> bool:
    return crash_step(found, arguments, _component_word(found))


def _clock(context: Context, found: Fields, arguments: dict[str, Any]) -> bool:
    named = _component_word(found)
    return clock_step(found, arguments, named, named in context.cluster.actors)


def _component_word(found: Fields) -> str:
    cursor = found.get("component")
    return cursor.tree.text if cursor is not None and isinstance(cursor.tree, ScalarTree) else ""


# --- the table ------------------------------------------------------------------------------------------------------

CASCADES: Final = ("background", "foreground", "orphan")
_DIRECTION: Final = Argument("direction", "direction", partial(choice, known=DIRECTIONS), "both")
_MODE: Final = Argument("mode", "mode", partial(choice, known=MODES), "drop")
_LATENCY: Final = (
    Argument("latency", "latency_us", positive_duration, form=DURATION_FORM),
    Argument("jitter", "jitter_us", duration, None),
    _DIRECTION,
)
_LOSS: Final = (Argument("loss", "loss_ppm", percent_ppm, form="a percentage such as 1%"), _DIRECTION)
_DUPLICATE: Final = (
    Argument("duplicate", "duplicate_ppm", percent_ppm, form="a percentage such as 1%"),
    _DIRECTION,
)
_TAINT: Final = (Argument("taint", "taint", read_taint, form=TAINT_FORM), Argument("remove", "remove", boolean, False))
_DELETE: Final = (
    Argument(
        "gracePeriodSeconds",
        "grace_seconds",
        partial(integer, low=0, high=GRACE_MAX, form="whole seconds such as 30"),
        None,
    ),
    Argument("force", "force", boolean, False),
    Argument("cascade", "cascade", partial(choice, known=CASCADES), "background"),
)
_REPLICAS: Final = Argument(
    "replicas", "replicas", partial(integer, low=0, high=REPLICAS_MAX), form="a whole number such as 5"
)

_CLIENTS: Final = (*COMPONENTS, *PROCESSES)
_ALL: Final = (SERVER, *_CLIENTS)
_COMPONENT_FORM: Final = "a mapping such as {component: node-controller}"

VERBS: Final[Mapping[str, Verb]] = {
    "cut": Verb(arguments=(_DIRECTION, _MODE), changes="cut", opposite="heal", components=_CLIENTS),
    "heal": Verb(arguments=(_DIRECTION,), changes="cut", opposite="cut", components=_CLIENTS),
    "hold": Verb(arguments=(_DIRECTION,), changes="hold", opposite="release"),
    "release": Verb(arguments=(_DIRECTION,), changes="hold", opposite="hold"),
    "latency": Verb(arguments=_LATENCY, settle=_own_jitter, changes="latency", opposite="latency"),
    "loss": Verb(arguments=_LOSS, changes="loss", opposite="loss"),
    "duplicate": Verb(arguments=_DUPLICATE, changes="duplicate", opposite="duplicate"),
    "kill-kubelet": Verb(changes="machine", opposite="start-kubelet"),
    "start-kubelet": Verb(changes="machine", opposite="kill-kubelet"),
    "power-off": Verb(changes="machine", opposite="power-on"),
    "power-on": Verb(changes="machine", opposite="power-off"),
    "terminate-instance": Verb(changes="machine", cloud=True),
    "stop-instance": Verb(changes="machine", opposite="start-instance", cloud=True),
    "start-instance": Verb(changes="machine", opposite="stop-instance", cloud=True),
    "cloud-api-down": Verb(whom="", changes="cloud-api", opposite="cloud-api-up", cloud=True, form="{}"),
    "cloud-api-up": Verb(whom="", changes="cloud-api", opposite="cloud-api-down", cloud=True, form="{}"),
    "crash": Verb(
        whom="component",
        arguments=(Argument("restartAfter", "restart_after_us", positive_duration, None),),
        keys=CRASH_WAYS,
        settle=_crash,
        changes="process",
        opposite="start",
        components=_ALL,
        form=_COMPONENT_FORM,
    ),
    "stop": Verb(whom="component", changes="process", opposite="start", components=_ALL, form=_COMPONENT_FORM),
    "start": Verb(whom="component", changes="process", opposite="stop", components=_ALL, form=_COMPONENT_FORM),
    "pause": Verb(whom="component", changes="process", opposite="resume", components=_ALL, form=_COMPONENT_FORM),
    "resume": Verb(whom="component", changes="process", opposite="pause", components=_ALL, form=_COMPONENT_FORM),
    "lag": Verb(
        whom="component",
        arguments=(Argument("by", "by_us", duration, form=DURATION_FORM),),
        changes="lag",
        opposite="lag",
        components=_CLIENTS,
        form="a mapping such as {component: node-controller, by: 10s}",
    ),
    "clock": Verb(
        keys=STEP_KEYS,
        settle=_clock,
        changes="clock",
        opposite="clock",
        components=_ALL,
        form="a mapping such as {nodes: [worker-1], step: -90s}",
    ),
    "apply": Verb(whom="", keys=("manifests",), settle=_manifests, form="manifests such as {manifests: [web.yaml]}"),
    "delete": Verb(
        whom="object",
        arguments=_DELETE,
        settle=_grace,
        objects=tuple(OBJECTS),
        form="an object such as {pod: {name: web}}",
    ),
    "cordon": Verb(whom="nodes", changes="unschedulable", opposite="uncordon"),
    "uncordon": Verb(whom="nodes", changes="unschedulable", opposite="cordon"),
    "taint": Verb(whom="nodes", arguments=_TAINT, changes="taint", opposite="taint"),
    "label": Verb(whom="nodes", keys=("set", "remove"), settle=_labels),
    "scale": Verb(
        whom="object",
        arguments=(_REPLICAS,),
        objects=SCALABLE,
        form="such as {deployment: {name: web}, replicas: 5}",
    ),
}

VERBS_LATER: Final = (
    *("runtime-down", "runtime-up", "proxy-down", "proxy-up"),
    *("route-missing", "route-restored", "memory-pressure", "disk-pressure", "pid-pressure", "stray"),
    *("drain", "evict"),
)
"""Verbs of the format that this version does not have."""

SYNONYMS: Final = {
    "partition": "cut",
    "isolate": "cut",
    "disconnect": "cut",
    "block": "cut",
    "reconnect": "heal",
    "restore": "heal",
    "unpartition": "heal",
    "delay": "latency",
    "drop": "loss",
    "stall": "hold",
    "unhold": "release",
    "duplication": "duplicate",
    "packet-loss": "loss",
    "stop-kubelet": "kill-kubelet",
    "restart-kubelet": "start-kubelet",
    "kill": "crash",
    "freeze": "pause",
    "unfreeze": "resume",
    "shutdown": "power-off",
    "reboot": "power-on",
    "create": "apply",
    "remove": "delete",
}
"""Words that other tools use, and the verb here."""
