"""What may a scenario file look like, as a JSON Schema for editors and other tools?

How it works.  Keys, words, verbs, limits and patterns are those of the tables that the reader itself goes by.  A key
or a reader that has no form here raises `SchemaGap`, so the schema can neither miss a key nor have one that the
reader refuses.  It says less than the reader: what rests on another part of the file (that a node exists, the order of
the steps, a window that ends before it begins) a schema cannot see.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import combinations
from typing import Final

from nodesim.expect import INVARIANTS, LEDGER_KEYS, WORKLOAD_STATUS
from nodesim.profiles import PROFILES, SETTING_NAMES, SWITCH_NAMES
from nodesim.scenario.load import (
    API_VERSION,
    KIND,
    METADATA_KEYS,
    SEED_MAX,
    SPEC_KEYS,
    TOP_KEYS,
)
from nodesim.scenario.manifest_kinds import KIND_WORD, KINDS, VERSION_WORD
from nodesim.scenario.manifests import SCENARIO_GROUP
from nodesim.scenario.names import EFFECTS
from nodesim.scenario.read_clocks import CLOCK_KEYS, STEP_KEYS, read_drift
from nodesim.scenario.read_cloud import CLOUD_KEYS, CLOUD_READERS
from nodesim.scenario.read_crashes import CALLS_MAX
from nodesim.scenario.read_expect import EXPECT_KEYS, WHEN
from nodesim.scenario.read_nodes import NODE_KEYS, NODES_MAX, TAINT_KEYS
from nodesim.scenario.read_settings import (
    CONTAINER_KEYS,
    EXIT_CODE_MAX,
    EXIT_KEYS,
    LINK_KEYS,
    LINK_VALUES,
    NETWORK_KEYS,
    setting_reader,
)
from nodesim.scenario.read_subjects import (
    CLAIMS,
    CONDITIONS,
    EVENT_KEYS,
    PHASE_STARTS,
    PHASES,
    POD_KEYS,
    PODS_KEYS,
    STATUSES,
    SUBJECT_KEYS,
    WHO,
)
from nodesim.scenario.reading import boolean
from nodesim.scenario.repeats import REPEAT_KEYS, TIMES_MAX
from nodesim.scenario.schema_actors import ACTOR, CALL
from nodesim.scenario.schema_forms import (
    COMPARISON,
    DURATION_TEXT,
    FILLED,
    LABEL_KEY,
    LABELS,
    NAME,
    NAME_PATTERN,
    NAMESPACE,
    PERCENT,
    PERCENT_OF_NODES,
    POSITIVE_DURATION,
    QUANTITIES,
    SIGNED_DURATION,
    TAINT,
    TEXT,
    TRUE,
    WHOLE_COMPARISON,
    Form,
    any_of,
    form_of,
    listed,
    mapping,
    pattern,
    whole,
    word,
)
from nodesim.scenario.targets import CONTROL_PLANE, GROUP_KEYS, TARGET_KEYS
from nodesim.scenario.verbs import CLUSTER_SCOPED, REQUIRED, VERBS, Verb

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def scenario_schema() -> Form:
    """The schema of a scenario file.

    Raises:
        SchemaGap: the reader knows something that is not said here.
    """
    top = {
        "apiVersion": {"const": API_VERSION},
        "kind": {"const": KIND},
        "metadata": mapping(METADATA_KEYS, {"name": NAME, "description": TEXT}, required=("name",)),
        "spec": mapping(SPEC_KEYS, _spec_forms()),
    }
    return {
        "$schema": DIALECT,
        "title": "nodesim scenario",
        "description": "A cluster, what runs on it, what happens to it, and what must come of that.",
        **mapping(TOP_KEYS, top, required=TOP_KEYS),
    }


def _one_of(keys: Collection[str]) -> list[Form]:
    return [{"required": [key]} for key in keys]


def _spec_forms() -> dict[str, Form]:
    return {
        "seed": whole(0, SEED_MAX),
        "duration": POSITIVE_DURATION,
        "profile": word(PROFILES),
        "startWithin": DURATION_TEXT,
        "realtimeSlack": POSITIVE_DURATION,
        "settings": _settings(),
        "cloud": mapping(CLOUD_KEYS, {key: form_of(read) for key, (_, read) in CLOUD_READERS.items()}),
        "switches": mapping(SWITCH_NAMES, dict.fromkeys(SWITCH_NAMES, form_of(boolean))),
        "nodes": listed(_node()),
        "manifests": listed(_manifest()),
        "containers": listed(_container()),
        "network": _network(),
        "actors": listed(ACTOR),
        "steps": listed(_step()),
        "expect": listed(_expectation()),
    }


def _settings() -> Form:
    return mapping(SETTING_NAMES, {name: form_of(setting_reader(name)) for name in SETTING_NAMES})


def _node() -> Form:
    taint = mapping(TAINT_KEYS, {"key": LABEL_KEY, "value": TEXT, "effect": word(EFFECTS)}, ("key", "effect"))
    forms = {
        "name": NAME,
        "count": whole(0, NODES_MAX),
        "labels": LABELS,
        "taints": listed(any_of(TAINT, taint)),
        "capacity": QUANTITIES,
        "clock": mapping(CLOCK_KEYS, _clock_forms(), anyOf=_one_of(CLOCK_KEYS)),
    }
    return mapping(NODE_KEYS, forms, ("name",))


def _clock_forms() -> dict[str, Form]:
    return {"offset": SIGNED_DURATION, "step": SIGNED_DURATION, "drift": form_of(read_drift)}


def _manifest() -> Form:
    """A path, or a document with what every document needs."""
    document: Form = {
        "type": "object",
        "required": ["apiVersion", "kind", "metadata"],
        "properties": {
            "apiVersion": {**pattern(VERSION_WORD), "not": {"pattern": f"^{SCENARIO_GROUP}"}},
            "kind": pattern(KIND_WORD),
            "metadata": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": NAME, "namespace": NAMESPACE, "labels": LABELS},
            },
        },
        "allOf": [
            {
                "if": {"properties": {"kind": {"const": kind}}},
                "then": {"properties": {"apiVersion": {"const": version}}},
            }
            for kind, (version, _) in KINDS.items()
        ],
    }
    several = {"properties": {"kind": {"const": "List"}, "items": listed({"type": "object"})}, "required": ["items"]}
    is_list = {"type": "object", "properties": {"kind": {"const": "List"}}, "required": ["kind"]}
    return any_of(FILLED, {"type": "object", "if": is_list, "then": several, "else": document})


def _container() -> Form:
    exit_ = mapping(EXIT_KEYS, {"after": DURATION_TEXT, "code": whole(0, EXIT_CODE_MAX)}, ("after",))
    forms = {
        "image": FILLED,
        "labels": LABELS,
        "startAfter": DURATION_TEXT,
        "readyAfter": DURATION_TEXT,
        "stopAfter": any_of({"const": "never"}, DURATION_TEXT),
        "exit": listed(exit_),
    }
    return mapping(CONTAINER_KEYS, forms)


def _network() -> Form:
    end = any_of({"const": CONTROL_PLANE}, mapping(TARGET_KEYS, _target_forms(), oneOf=_target_choice()))
    forms = {
        **dict.fromkeys(LINK_VALUES, PERCENT),
        "latency": POSITIVE_DURATION,
        "jitter": DURATION_TEXT,
        "from": end,
        "to": end,
    }
    link = mapping(LINK_KEYS, forms, ("from", "to"), anyOf=_one_of(LINK_VALUES))
    return mapping(NETWORK_KEYS, {**forms, "links": listed(link)})


# --- steps ----------------------------------------------------------------------------------------------------------


def _target_forms() -> dict[str, Form]:
    return {
        "nodes": {"type": "array", "items": NAME, "minItems": 1, "uniqueItems": True},
        "labels": {**LABELS, "minProperties": 1},
        "zone": FILLED,
        "percent": PERCENT_OF_NODES,
    }


def _target_choice() -> list[Form]:
    """Exactly one way to name nodes; `percent` is of them, or alone of all machines."""
    alone = {"required": ["percent"], "not": {"anyOf": _one_of(GROUP_KEYS)}}
    return [*_one_of(GROUP_KEYS), alone]


def _step() -> Form:
    times: dict[str, Form] = {
        "at": DURATION_TEXT,
        "for": POSITIVE_DURATION,
        "every": POSITIVE_DURATION,
        "until": DURATION_TEXT,
        "times": whole(2, TIMES_MAX),
    }
    forms = {name: _verb(verb) for name, verb in VERBS.items()}
    undone = [name for name, verb in VERBS.items() if verb.opposite]
    rules = [
        {"if": {"required": ["for"]}, "then": {"anyOf": _one_of(undone)}},
        {"not": {"required": ["until", "times"]}},
    ]
    return mapping(
        ("at", *REPEAT_KEYS, *VERBS),
        {**forms, **times},
        ("at",),
        oneOf=_one_of(VERBS),
        allOf=rules,
        dependentRequired={"until": ["every"], "times": ["every"]},
    )


def _verb(verb: Verb) -> Form:
    forms: dict[str, Form] = {each.key: form_of(each.read) for each in verb.arguments}
    required = [each.key for each in verb.arguments if each.default is REQUIRED]
    settled: dict[str, Form] = {
        "manifests": {"type": "array", "items": _manifest(), "minItems": 1},
        "set": LABELS,
        "remove": listed(LABEL_KEY),
        "afterCalls": whole(1, CALLS_MAX),
        **_clock_forms(),
        **dict.fromkeys(("beforeCall", "afterCall"), CALL),
    }
    forms = {**{key: settled[key] for key in verb.keys if key in settled}, **forms}
    more: Form = {}
    if verb.whom == "component":
        if verb.keys:
            more["allOf"] = [{"not": {"required": list(two)}} for two in combinations(verb.keys, 2)]
        return mapping(("component", *verb.known), {"component": NAME, **forms}, ("component", *required), **more)
    if verb.settle is not None and verb.keys:
        more["anyOf"] = _one_of(verb.keys)
    if verb.keys == STEP_KEYS:
        more["not"] = {"required": ["offset", "step"]}
    if verb.whom in ("machines", "nodes"):
        also = ("component",) if verb.components else ()
        more["oneOf"] = [*_target_choice(), *_one_of(also)]
        return mapping(
            (*TARGET_KEYS, *also, *verb.known), {**_target_forms(), "component": NAME, **forms}, required, **more
        )
    if verb.whom == "object":
        more["oneOf"] = _one_of(verb.objects)
        forms |= {kind: _object(kind) for kind in verb.objects}
    return mapping((*verb.objects, *verb.known), forms, required, **more)


def _object(kind: str) -> Form:
    keys = ("name",) if kind in CLUSTER_SCOPED else ("name", "namespace")
    return mapping(keys, {"name": NAME, "namespace": NAMESPACE}, ("name",))


# --- expectations ---------------------------------------------------------------------------------------------------


def _subject_forms() -> dict[str, Form]:
    figure = any_of(COMPARISON, {"type": "object", "additionalProperties": COMPARISON})
    return {
        "node": NAME,
        "pod": mapping(POD_KEYS, {"name": NAME, "namespace": NAMESPACE}, ("name",)),
        "pods": mapping(PODS_KEYS, {"labels": LABELS, "namespace": NAMESPACE}, ("labels",)),
        "event": mapping(
            EVENT_KEYS, {"reason": FILLED, "object": pattern(r"[A-Z][^/]*/[^/]+(?:/[^/]+)?")}, ("reason",)
        ),
        "ledger": {
            "type": "object",
            "minProperties": 1,
            "propertyNames": pattern(rf"(?:{'|'.join(LEDGER_KEYS)})(?:\..+)?"),
            "additionalProperties": figure,
        },
        "workload": pattern(rf"(?:{'|'.join(WORKLOAD_STATUS)})(?:/{NAME_PATTERN}){{1,2}}"),
        "shows": {
            "type": "object",
            "minProperties": 1,
            "properties": {
                key: TEXT if kind is str else WHOLE_COMPARISON
                for shown in WORKLOAD_STATUS.values()
                for key, kind in shown.items()
            },
            "additionalProperties": False,
        },
        "invariant": word(INVARIANTS),
        "condition": {
            "type": "object",
            "minProperties": 1,
            "propertyNames": word(CONDITIONS),
            "additionalProperties": any_of(word(STATUSES), {"type": "boolean"}),
        },
        "taint": TAINT,
        "absent": {"type": "boolean"},
        "podCIDR": FILLED,
        "exists": {"type": "boolean"},
        "phase": any_of(word(PHASES), pattern(rf"(?:{'|'.join(PHASE_STARTS)}).*")),
        "count": WHOLE_COMPARISON,
        "ready": any_of({"type": "boolean"}, WHOLE_COMPARISON),
        "running": any_of({"type": "boolean"}, WHOLE_COMPARISON),
    }


def _subject_rules(claims: Mapping[str, Collection[str]]) -> list[Form]:
    """Whom an item is about says what it may claim, and that it claims something."""
    rules: list[Form] = []
    for who, allowed in claims.items():
        others = {claim for each in CLAIMS.values() for claim in each} - set(allowed)
        then: Form = {"properties": dict.fromkeys(sorted(others), False)}
        if allowed:
            then["anyOf"] = _one_of(allowed)
        if "taint" not in allowed:
            then["properties"]["absent"] = False
        if who in ("pod", "pods"):
            kind: Form = {"type": "boolean"} if who == "pod" else WHOLE_COMPARISON
            then["properties"] |= {"ready": kind, "running": kind}
        rules.append({"if": {"required": [who]}, "then": then})
    rules.append({"if": {"required": ["absent"]}, "then": {"required": ["taint"]}})
    return rules


def _expectation() -> Form:
    timed: dict[str, Form] = {
        "at": DURATION_TEXT,
        "within": {"type": "array", "items": DURATION_TEXT, "minItems": 2, "maxItems": 2},
        "by": DURATION_TEXT,
        "always": TRUE,
        "never": TRUE,
        "eventually": TRUE,
        "stableFor": POSITIVE_DURATION,
        "from": DURATION_TEXT,
        "until": DURATION_TEXT,
        "profiles": listed(word(PROFILES), minItems=1),
    }
    subjects = [key for key in WHO if key not in ("ledger", "invariant")]
    after_keys = [key for key in SUBJECT_KEYS if key not in ("ledger", "invariant")]
    after = mapping(
        after_keys,
        _subject_forms(),
        oneOf=_one_of(subjects),
        allOf=_subject_rules({who: CLAIMS[who] for who in subjects}),
    )
    span = {"anyOf": _one_of(("from", "until"))}
    rules = [
        *_subject_rules(CLAIMS),
        {"if": {"anyOf": _one_of(subjects)}, "then": {"oneOf": _one_of(WHEN)}},
        {
            "if": {"allOf": [{"anyOf": _one_of(subjects)}, span]},
            "then": {"anyOf": _one_of(("always", "never"))},
        },
        _refuses("ledger", [key for key in (*WHEN, "from", "until", "after") if key != "eventually"]),
        _refuses("invariant", [key for key in WHEN if key != "always"]),
    ]
    forms = {**_subject_forms(), **timed, "after": after, "settings": _settings()}
    return mapping(EXPECT_KEYS, forms, oneOf=_one_of(WHO), allOf=rules)


def _refuses(who: str, keys: Collection[str]) -> Form:
    return {"if": {"required": [who]}, "then": {"properties": dict.fromkeys(keys, False)}}
