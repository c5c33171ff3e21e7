"""What happens to the cluster, and when: how are `spec.steps` read?

An item has `at` and one verb; the verb's mapping says who is meant and how.  `VERBS` is the whole list.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final, cast, get_args

from nodesim.objects import Document, taint_document
from nodesim.scenario.faults import clip, close_match, suggestion
from nodesim.scenario.figures import DURATION_FORM, duration, percent_ppm, positive_duration
from nodesim.scenario.flow import one_line
from nodesim.scenario.manifests import Manifests
from nodesim.scenario.names import TAINT_FORM, label_key, label_name, labels, object_name, taint
from nodesim.scenario.reading import Cursor, Fields, boolean, choice, fields, integer, items, open_fields, unknown_key
from nodesim.scenario.targets import TARGET_KEYS, TARGET_LATER, Cluster, read_target
from nodesim.spec import CutMode, Direction, ObjectName, Step, StepVerb
from nodesim.units import format_duration
from nodesim.values import value

STEP_FORM: Final = "a step such as {at: 2m, cut: {nodes: [worker-1]}}"
STEP_LATER: Final = ("for", "every")
VERBS_LATER: Final = (
    *("hold", "release", "duplicate", "pause", "resume", "runtime-down", "runtime-up", "proxy-down", "proxy-up"),
    *("route-missing", "route-restored", "memory-pressure", "disk-pressure", "pid-pressure", "stray", "clock"),
    *("stop", "start", "lag", "terminate-instance", "stop-instance", "start-instance", "drain", "evict"),
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
    "packet-loss": "loss",
    "stop-kubelet": "kill-kubelet",
    "restart-kubelet": "start-kubelet",
    "crash": "power-off",
    "shutdown": "power-off",
    "reboot": "power-on",
    "create": "apply",
    "remove": "delete",
}
"""Words that other tools use, and the verb here."""

DIRECTIONS: Final = get_args(Direction)
MODES: Final = get_args(CutMode)
OBJECTS: Final = {
    "pod": "pods",
    "replicaset": "replicasets",
    "namespace": "namespaces",
    "node": "nodes",
    "lease": "leases",
}
"""How a step names an object's kind, and its resource."""

CLUSTER_SCOPED: Final = ("namespace", "node")
GRACE_MAX: Final = 10 * 366 * 24 * 3600
REPLICAS_MAX: Final = 1_000_000


@value
class Doing:
    """What a verb's mapping says; `parts` are the fields of a `Step`."""

    nodes: tuple[str, ...] = ()
    object: ObjectName | None = None
    arguments: dict[str, Any] = {}


class StepReader:
    """Reads the steps of one scenario in the file's order."""

    def __init__(self, cluster: Cluster, manifests: Manifests, duration_us: int | None, jitter_us: int) -> None:
        self.cluster = cluster
        self._manifests = manifests
        self._duration_us = duration_us
        self._jitter_us = jitter_us
        self._latest_us = 0

    def read(self, cursor: Cursor) -> tuple[Step, ...]:
        """All steps; those with faults are left out."""
        steps = [
            self._step(item)
            for item in items(cursor, f"a list of steps such as [{STEP_FORM[len('a step such as ') :]}]")
        ]
        return tuple(step for step in steps if step is not None)

    def _step(self, cursor: Cursor) -> Step | None:
        found = open_fields(cursor, STEP_FORM)
        if found is None:
            return None
        at_us = found.required("at", duration, f"{DURATION_FORM}: when it happens")
        if at_us is not None:
            self._in_order(found, at_us)
        verb = self._verb(found)
        if verb is None:
            return None
        body = found.get(verb)
        assert body is not None
        doing = VERBS[verb](self, body)
        if doing is None or at_us is None:
            return None
        return Step(
            at_us=at_us,
            verb=cast(StepVerb, verb),
            text=one_line(cursor.tree),
            nodes=doing.nodes,
            object=doing.object,
            arguments=doing.arguments,
        )

    def _in_order(self, found: Fields, at_us: int) -> None:
        cursor = found.get("at")
        assert cursor is not None
        if at_us < self._latest_us:
            was = format_duration(self._latest_us)
            cursor.fault(
                f"out of order: {format_duration(at_us)} comes before the step above ({was}); sort the steps by time"
            )
        self._latest_us = max(self._latest_us, at_us)
        if self._duration_us is not None and at_us > self._duration_us:
            end = format_duration(self._duration_us)
            cursor.fault(f"{format_duration(at_us)} is after the end of the run ({end}); raise spec.duration")

    def _verb(self, found: Fields) -> str | None:
        others = [key for key in found.written() if key != "at"]
        verbs = [key for key in others if key in VERBS]
        for key in others:
            if key in STEP_LATER:
                found.cursor.fault(
                    unknown_key(key, (), STEP_LATER) + "; write the opposite step instead", found.key_mark(key)
                )
            elif key not in VERBS:
                message = unknown_key(key, ("at",)) if verbs else unknown_verb(key)
                found.cursor.fault(message, found.key_mark(key))
        if len(verbs) > 1:
            found.cursor.fault(f"does several things ({', '.join(verbs)}); write one step for each")
            return None
        if not verbs and not [key for key in others if key not in STEP_LATER]:
            found.cursor.fault(f"does nothing: expected one of {', '.join(VERBS)}")
        return verbs[0] if verbs else None

    # --- verbs: each returns what the step does, or None after a fault --------------------------------------------

    def _targets(self, found: Fields | None, *, machine: bool = True) -> tuple[str, ...] | None:
        if found is None:
            return None
        target = read_target(found, self.cluster, machine=machine)
        return None if target is None else self.cluster.resolve(found.cursor, target)

    def _whom(
        self, cursor: Cursor, keys: tuple[str, ...], machine: bool
    ) -> tuple[Fields | None, tuple[str, ...] | None]:
        found = fields(cursor, (*TARGET_KEYS, *keys), "a mapping such as {nodes: [worker-1]}", TARGET_LATER)
        return found, self._targets(found, machine=machine)

    def cut(self, cursor: Cursor) -> Doing | None:
        """Messages of the nodes are dropped or refused."""
        found, nodes = self._whom(cursor, ("direction", "mode"), True)
        if found is None:
            return None
        arguments = {
            "direction": _direction(found),
            "mode": found.optional("mode", partial(choice, known=MODES), "drop"),
        }
        return None if nodes is None else Doing(nodes, None, arguments)

    def heal(self, cursor: Cursor) -> Doing | None:
        """The opposite of cut."""
        found, nodes = self._whom(cursor, ("direction",), True)
        if found is None:
            return None
        direction = _direction(found)
        return None if nodes is None else Doing(nodes, None, {"direction": direction})

    def latency(self, cursor: Cursor) -> Doing | None:
        """Messages take another time; a jitter that is not given is the network's."""
        found, nodes = self._whom(cursor, ("latency", "jitter", "direction"), True)
        if found is None:
            return None
        latency_us = found.required("latency", positive_duration, DURATION_FORM)
        jitter_us = found.optional("jitter", duration, self._jitter_us)
        arguments = {"latency_us": latency_us, "jitter_us": jitter_us, "direction": _direction(found)}
        return None if nodes is None or latency_us is None else Doing(nodes, None, arguments)

    def loss(self, cursor: Cursor) -> Doing | None:
        """A part of the messages is lost."""
        found, nodes = self._whom(cursor, ("loss", "direction"), True)
        if found is None:
            return None
        loss_ppm = found.required("loss", percent_ppm, "a percentage such as 1%")
        arguments = {"loss_ppm": loss_ppm, "direction": _direction(found)}
        return None if nodes is None or loss_ppm is None else Doing(nodes, None, arguments)

    def machines(self, cursor: Cursor) -> Doing | None:
        """Verbs of machines that need no more than their names."""
        _, nodes = self._whom(cursor, (), True)
        return None if nodes is None else Doing(nodes)

    def cordon(self, cursor: Cursor) -> Doing | None:
        """Cordon and uncordon: Node objects."""
        _, nodes = self._whom(cursor, (), False)
        return None if nodes is None else Doing(nodes)

    def taint(self, cursor: Cursor) -> Doing | None:
        """Kubectl taint."""
        found, nodes = self._whom(cursor, ("taint", "remove"), False)
        if found is None:
            return None
        given = found.required("taint", taint, TAINT_FORM)
        remove = found.optional("remove", boolean, False)
        if nodes is None or given is None:
            return None
        return Doing(nodes, None, {"taint": taint_document(given), "remove": remove})

    def label(self, cursor: Cursor) -> Doing | None:
        """Kubectl label."""
        found, nodes = self._whom(cursor, ("set", "remove"), False)
        if found is None:
            return None
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
            cursor.fault("changes nothing: give set: {team: core} or remove: [team]")
        return None if nodes is None else Doing(nodes, None, {"labels": changes})

    def apply(self, cursor: Cursor) -> Doing | None:
        """Kubectl apply; Node documents can be named by later steps."""
        found = fields(cursor, ("manifests",), "manifests such as {manifests: [web.yaml]}")
        given = None if found is None else found.required("manifests", self._documents, "a list such as [web.yaml]")
        return None if given is None else Doing((), None, {"documents": given})

    def _documents(self, cursor: Cursor) -> list[Document] | None:
        before = len(cursor.faults)
        documents = list(self._manifests.read(cursor))
        if not documents and len(cursor.faults) == before:
            cursor.fault("applies nothing: expected a list such as [web.yaml]")
        self.cluster.documents.update(each["metadata"]["name"] for each in documents if each["kind"] == "Node")
        return documents

    def delete(self, cursor: Cursor) -> Doing | None:
        """Kubectl delete; --force without a grace period means 0, as there."""
        found = fields(cursor, (*OBJECTS, "gracePeriodSeconds", "force"), "an object such as {pod: {name: web}}")
        if found is None:
            return None
        named = self._object(found, tuple(OBJECTS))
        grace = found.maybe(
            "gracePeriodSeconds", partial(integer, low=0, high=GRACE_MAX, form="whole seconds such as 30")
        )
        force = found.optional("force", boolean, False)
        if force and grace:
            cursor.fault(f"force and a grace period of {grace} s contradict each other; leave one out")
        if force and grace is None:
            grace = 0
        return None if named is None else Doing((), named, {"grace_seconds": grace, "force": force})

    def scale(self, cursor: Cursor) -> Doing | None:
        """Kubectl scale."""
        found = fields(cursor, ("replicaset", "replicas"), "such as {replicaset: {name: web}, replicas: 5}")
        if found is None:
            return None
        named = self._object(found, ("replicaset",))
        replicas = found.required("replicas", partial(integer, low=0, high=REPLICAS_MAX), "a whole number such as 5")
        return None if named is None or replicas is None else Doing((), named, {"replicas": replicas})

    def _object(self, found: Fields, kinds: tuple[str, ...]) -> ObjectName | None:
        given = [kind for kind in kinds if kind in found]
        if len(given) != 1:
            what = "names no object" if not given else "names several objects"
            found.cursor.fault(f"{what}: expected one of {', '.join(kinds)}, such as {kinds[0]}: {{name: web}}")
            return None
        kind = given[0]
        cursor = found.get(kind)
        assert cursor is not None
        keys = ("name",) if kind in CLUSTER_SCOPED else ("name", "namespace")
        inner = fields(cursor, keys, "an object such as {name: web}")
        if inner is None:
            return None
        name = inner.required("name", object_name, "a name such as web")
        namespace = "" if kind in CLUSTER_SCOPED else inner.optional("namespace", label_name, "default")
        if name is None:
            return None
        if kind == "node":
            place = inner.get("name")
            assert place is not None
            self.cluster.check(place, name, machine=False)
        return ObjectName(resource=OBJECTS[kind], name=name, namespace=namespace)


def unknown_verb(word: str) -> str:
    """The message on a step that is not known."""
    if word in VERBS_LATER:
        return f"this version of nodesim does not have the step {word!r} yet; steps: {', '.join(VERBS)}"
    near = close_match(word, (*VERBS, *SYNONYMS))
    if near:
        return f"unknown step {clip(word)}, did you mean {SYNONYMS.get(near, near)!r}?"
    return f"unknown step {clip(word)}{suggestion('', tuple(VERBS), 'steps')}"


def _direction(found: Fields) -> str:
    return found.optional("direction", partial(choice, known=DIRECTIONS), "both")


VERBS: Final[dict[str, Callable[[StepReader, Cursor], Doing | None]]] = {
    "cut": StepReader.cut,
    "heal": StepReader.heal,
    "latency": StepReader.latency,
    "loss": StepReader.loss,
    "kill-kubelet": StepReader.machines,
    "start-kubelet": StepReader.machines,
    "power-off": StepReader.machines,
    "power-on": StepReader.machines,
    "apply": StepReader.apply,
    "delete": StepReader.delete,
    "cordon": StepReader.cordon,
    "uncordon": StepReader.cordon,
    "taint": StepReader.taint,
    "label": StepReader.label,
    "scale": StepReader.scale,
}
