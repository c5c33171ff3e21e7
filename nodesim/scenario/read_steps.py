"""What happens to the cluster, and when: how are `spec.steps` read?

An item has `at` and one verb; the verb's mapping says who is meant and how.  `nodesim.scenario.verbs` lists the verbs,
`nodesim.scenario.repeats` reads how long a step lasts and how often it comes.
"""

from __future__ import annotations

from typing import Final, cast

from nodesim.client import SERVER
from nodesim.scenario.components import MANAGER, STANDBY, members_of
from nodesim.scenario.faults import clip, close_match, suggestion
from nodesim.scenario.figures import DURATION_FORM, duration
from nodesim.scenario.flow import one_line
from nodesim.scenario.manifests import Manifests
from nodesim.scenario.names import label_name, object_name
from nodesim.scenario.reading import Cursor, Fields, fields, items, open_fields, text, unknown_key
from nodesim.scenario.repeats import REPEAT_KEYS, check_overlaps, read_repeat
from nodesim.scenario.targets import TARGET_KEYS, TARGET_LATER, Cluster, read_target
from nodesim.scenario.verbs import CLUSTER_SCOPED, OBJECTS, SYNONYMS, VERBS, VERBS_LATER, Context, Verb
from nodesim.spec import ObjectName, Step, StepVerb, Target
from nodesim.units import format_duration

STEP_FORM: Final = "a step such as {at: 2m, cut: {nodes: [worker-1]}}"


class StepReader:
    """Reads the steps of one scenario in the file's order."""

    def __init__(self, cluster: Cluster, manifests: Manifests, duration_us: int | None, jitter_us: int) -> None:
        self._context = Context(cluster, manifests, jitter_us)
        self._cluster = cluster
        self._duration_us = duration_us
        self._latest_us = 0

    def read(self, cursor: Cursor) -> tuple[Step, ...]:
        """All steps; those with faults are left out."""
        before = len(cursor.faults)
        steps = [
            (item, step)
            for item in items(cursor, f"a list of steps such as [{STEP_FORM[len('a step such as ') :]}]")
            if (step := self._step(item)) is not None
        ]
        if len(cursor.faults) == before:
            check_overlaps(steps)
        return tuple(step for _, step in steps)

    def _step(self, cursor: Cursor) -> Step | None:
        found = open_fields(cursor, STEP_FORM)
        if found is None:
            return None
        at_us = found.required("at", duration, f"{DURATION_FORM}: when it happens")
        if at_us is not None:
            self._in_order(found, at_us)
        word = self._verb(found)
        if word is None:
            return None
        verb, body = VERBS[word], found.get(word)
        if verb.cloud and not self._cluster.cloud:
            found.cursor.fault(f"{word!r} is about a cloud: say cloud: {{}} beside nodes", found.key_mark(word))
        assert body is not None
        inner = self._mapping(body, verb)
        if inner is None:
            return None
        nodes: tuple[str, ...] = ()
        component = ""
        target: Target | None = None
        named: ObjectName | None = None
        if verb.whom == "object":
            named = self._object(inner, verb.objects)
        elif verb.components and ("component" in inner or verb.whom == "component"):
            component = self._component(inner, verb) or ""
        elif verb.whom:
            target = read_target(inner, self._cluster, machine=verb.whom == "machines")
            nodes = () if target is None else self._cluster.resolve(inner.cursor, target)
        arguments = verb.read(self._context, inner)
        if at_us is None or self._duration_us is None:
            return None
        repeat = read_repeat(found, word, at_us, self._duration_us)
        if arguments is None or repeat is None or (verb.whom and not (named or target or component)):
            return None
        return Step(
            at_us=at_us,
            verb=cast(StepVerb, word),
            text=one_line(cursor.tree),
            nodes=nodes,
            percent_ppm=None if target is None else target.percent_ppm,
            object=named,
            component=component,
            arguments=arguments,
            for_us=repeat.for_us,
            every_us=repeat.every_us,
            times=repeat.times,
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
        others = [key for key in found.written() if key not in ("at", *REPEAT_KEYS)]
        verbs = [key for key in others if key in VERBS]
        for key in others:
            if key not in VERBS:
                message = unknown_key(key, ("at", *REPEAT_KEYS)) if verbs else unknown_verb(key)
                found.cursor.fault(message, found.key_mark(key))
        if len(verbs) > 1:
            found.cursor.fault(f"does several things ({', '.join(verbs)}); write one step for each")
            return None
        if not others:
            found.cursor.fault(f"does nothing: expected one of {', '.join(VERBS)}")
        return verbs[0] if verbs else None

    # --- whom it is about -------------------------------------------------------------------------------------------

    def _mapping(self, cursor: Cursor, verb: Verb) -> Fields | None:
        also = ("component",) if verb.components else ()
        if verb.whom in ("machines", "nodes"):
            return fields(cursor, (*TARGET_KEYS, *also, *verb.known), verb.form, TARGET_LATER)
        if verb.whom == "component":
            return fields(cursor, (*also, *verb.known), verb.form)
        return fields(cursor, (*verb.objects, *verb.known), verb.form)

    def _component(self, found: Fields, verb: Verb) -> str | None:
        others = [key for key in TARGET_KEYS if key in found]
        if others:
            found.cursor.fault(f"names a component and nodes ({', '.join(others)}); write one step for each")
        known = (*verb.components, *self._cluster.actors)
        name = found.required("component", text, "a component such as node-controller")
        place = found.get("component")
        if name is None or place is None:
            return name
        if name in self._cluster.asleep:
            place.fault(f"{name} does not run here: {self._cluster.asleep[name]}")
            return None
        if self._cluster.leader_elect and verb.changes == "process" and name in members_of(MANAGER):
            place.fault(f"with leaderElect a controller lives and dies with its manager; name {MANAGER} or {STANDBY}")
            return None
        if name in known:
            return name
        if name == SERVER:
            place.fault("the API server is at the other end of every connection; name the components or nodes instead")
            return None
        place.fault(f"no component {clip(name)}{suggestion(name, known, 'components')}; actors stand in spec.actors")
        return None

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
            self._cluster.check(place, name, machine=False)
        return ObjectName(resource=OBJECTS[kind], name=name, namespace=namespace)


def unknown_verb(word: str) -> str:
    """The message on a step that is not known."""
    if word in VERBS_LATER:
        return f"this version of nodesim does not have the step {word!r} yet; steps: {', '.join(VERBS)}"
    near = close_match(word, (*VERBS, *SYNONYMS))
    if near:
        return f"unknown step {clip(word)}, did you mean {SYNONYMS.get(near, near)!r}?"
    return f"unknown step {clip(word)}{suggestion('', tuple(VERBS), 'steps')}"
