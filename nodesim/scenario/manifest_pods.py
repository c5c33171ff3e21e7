"""Is a pod, or the template of pods, such that kubelets and the scheduler can read it?

Only the parts that nodesim reads; see `manifest_kinds`.
"""

from __future__ import annotations

import json
from functools import partial
from typing import Final

from nodesim.objects.taints import NO_SCHEDULE, PREFER_NO_SCHEDULE
from nodesim.scenario.faults import clip, suggestion
from nodesim.scenario.figures import duration, resources
from nodesim.scenario.manifest_placement import check_placement
from nodesim.scenario.names import EFFECTS, is_qualified, label_name, labels, object_name
from nodesim.scenario.parts import list_part, lists_of_maps, part, section
from nodesim.scenario.reading import Cursor, Fields, Reader, choice, integer, items, open_fields, string_map, text
from nodesim.units import parse_duration

SECONDS_MAX: Final = 10 * 366 * 24 * 3600
INT32_MAX: Final = (1 << 31) - 1
RESTART_POLICIES: Final = ("Always", "OnFailure", "Never")
ANNOTATION_PREFIX: Final = "nodesim.dev/"
ANNOTATIONS: Final = ("start-after", "ready-after", "stop-after", "exit")
"""By these a pod tells how its containers behave; see `nodesim.kubelet.behaviour`."""

_SPEC_FORM: Final = "a spec such as {containers: [{name: c, image: busybox}]}"
_CONTAINER_FORM: Final = "a container such as {name: c, image: busybox}"


def no_instant(found: Fields, key: str) -> None:
    """A date means nothing in a run, whose time begins at 0."""
    cursor = found.get(key)
    if cursor is not None and not cursor.null:
        cursor.fault("dates are not read, a run's time begins at 0; leave this key out")


def check_annotations(metadata: Fields) -> None:
    """Annotations are strings; those by which a pod tells how its containers behave must be readable."""
    form = "annotations such as {nodesim.dev/stop-after: never}"
    part(metadata, "annotations", partial(string_map, form=form, check=_behaviour))


def _behaviour(cursor: Cursor, key: str) -> None:
    if not key.startswith(ANNOTATION_PREFIX):
        return
    word = key.removeprefix(ANNOTATION_PREFIX)
    if word not in ANNOTATIONS:
        cursor.fault(f"unknown annotation {clip(key)}{suggestion(word, ANNOTATIONS)}")
    elif word == "exit":
        _exit_annotation(cursor)
    elif word != "stop-after" or text(cursor) != "never":
        duration(cursor)


def _exit_annotation(cursor: Cursor) -> None:
    form = '[{"after": "30s", "code": 1}]'
    try:
        for item in json.loads(text(cursor) or ""):
            parse_duration(item["after"])
            int(item["code"])
    except (ValueError, TypeError, KeyError, RecursionError):
        cursor.fault(f"expected JSON such as {form}")


def check_pod_template(template: Fields) -> dict[str, str] | None:
    """A workload's template; returns its labels."""
    own: dict[str, str] | None = {}
    metadata = section(template, "metadata")
    if metadata is not None:
        given = metadata.get("labels")
        own = {} if given is None or given.null else labels(given)
        check_annotations(metadata)
    check_pod(template)
    return own


def check_pod(found: Fields) -> None:
    """A pod or a template: its spec, and of a status what machines read."""
    spec = found.required("spec", partial(open_fields, form=_SPEC_FORM), _SPEC_FORM)
    if spec is not None:
        _spec(spec)
    status = section(found, "status")
    if status is None:
        return
    part(status, "phase", text)
    part(status, "reason", text)
    for condition in lists_of_maps(status, "conditions", "conditions"):
        condition.required("type", text, "a condition's type such as Ready")
        condition.required("status", text, '"True", "False" or "Unknown"')
    for container in lists_of_maps(status, "containerStatuses", "container statuses"):
        part(container, "restartCount", partial(integer, low=0, high=INT32_MAX))


def _spec(spec: Fields) -> None:
    names: dict[str, None] = {}
    containers = spec.required("containers", lambda cursor: cursor, f"a list with {_CONTAINER_FORM}")
    if containers is not None:
        listed = items(containers, f"a list with {_CONTAINER_FORM}")
        for item in listed:
            _container(item, names, init=False)
        if not listed and containers.null:
            containers.wrong(f"a list with {_CONTAINER_FORM}")
    for item in list_part(spec, "initContainers", f"a list with {_CONTAINER_FORM}"):
        _container(item, names, init=True)
    for toleration in lists_of_maps(spec, "tolerations", "tolerations"):
        _toleration(toleration)
    for gate in lists_of_maps(spec, "schedulingGates", "scheduling gates"):
        gate.required("name", text, "a gate's name such as example.com/quota")
    part(spec, "nodeName", _node_name)
    part(spec, "nodeSelector", labels)
    part(spec, "priority", partial(integer, low=-INT32_MAX, high=INT32_MAX))
    part(spec, "terminationGracePeriodSeconds", partial(integer, low=0, high=SECONDS_MAX))
    part(spec, "restartPolicy", partial(choice, known=RESTART_POLICIES))
    part(spec, "overhead", resources)
    check_placement(spec)


def _node_name(cursor: Cursor) -> str | None:
    name = text(cursor, "a node's name such as worker-1")
    return object_name(cursor) if name else None  # An empty name is what the API writes for "not bound".


def _container(cursor: Cursor, names: dict[str, None], *, init: bool) -> None:
    found = open_fields(cursor, _CONTAINER_FORM)
    if found is None:
        return
    name = found.required("name", label_name, "a name such as c")
    image = found.required("image", text, "an image such as busybox")
    if image == "":
        cursor.fault("the image is empty: expected one such as busybox")
    if name is not None:
        if name in names:
            cursor.fault(f"container {name!r} stands here twice")
        names[name] = None
    if init:
        part(found, "restartPolicy", partial(choice, known=("Always",)))
    amounts = section(found, "resources")
    if amounts is not None:
        part(amounts, "requests", resources)
        part(amounts, "limits", resources)


def _given(found: Fields, key: str, read: Reader[object]) -> object:
    """What is written under a key: empty where nothing is, None where it has a fault."""
    cursor = found.get(key)
    return "" if cursor is None or cursor.null else read(cursor)


def _toleration(found: Fields) -> None:
    key = found.maybe("key", text) if "key" in found else ""
    operator = found.maybe("operator", partial(choice, known=("Exists", "Equal"))) if "operator" in found else ""
    value = _given(found, "value", text)
    effect = _given(found, "effect", partial(choice, known=("", *EFFECTS)))
    seconds = _given(found, "tolerationSeconds", partial(integer, low=-SECONDS_MAX, high=SECONDS_MAX))
    if isinstance(seconds, int) and effect in ("", NO_SCHEDULE, PREFER_NO_SCHEDULE):
        found.cursor.fault("tolerationSeconds goes with effect: NoExecute only")
    if value and operator == "Exists":
        found.cursor.fault("operator: Exists means any value: leave out value, or say operator: Equal")
    if key and not is_qualified(key):
        found.cursor.fault(f"not a taint's key: {clip(key)}")
    if key == "" and operator in ("", "Equal"):
        found.cursor.fault("tolerates nothing: give a key, or operator: Exists for all taints")


def check_taints(spec: Fields) -> None:
    """The taints in a Node's spec."""
    for taint in lists_of_maps(spec, "taints", "taints"):
        taint.required("key", text, "a taint's key such as dedicated")
        taint.required("effect", partial(choice, known=EFFECTS), "one of " + ", ".join(EFFECTS))
        part(taint, "value", text)
        no_instant(taint, "timeAdded")
