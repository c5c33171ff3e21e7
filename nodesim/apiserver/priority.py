"""How important is a pod?

The admission plugin Priority turns the name of a PriorityClass into a number, which is what the scheduler reads.  Two
classes are there from the start; of several default classes the one of the lowest value counts.

Sources: plugin/pkg/admission/priority/admission.go, pkg/apis/scheduling/helpers.go (`SystemPriorityClasses`),
pkg/apis/scheduling/validation/validation.go, pkg/apis/scheduling/v1/defaults.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from nodesim.objects import Document

SYSTEM_CLASSES: Final = {"system-node-critical": 2_000_001_000, "system-cluster-critical": 2_000_000_000}
HIGHEST_USER_VALUE: Final = 1_000_000_000
"""`HighestUserDefinablePriority`."""
SYSTEM_PREFIX: Final = "system-"

LOWER_PRIORITY: Final = "PreemptLowerPriority"
NEVER: Final = "Never"


def system_classes() -> list[Document]:
    """The classes that are there before anything else."""
    made = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass"}
    return [{**made, "metadata": {"name": name}, "value": value} for name, value in SYSTEM_CLASSES.items()]


def with_class_defaults(document: Document) -> Document:
    """A PriorityClass that says whether its pods preempt."""
    return document if document.get("preemptionPolicy") else {**document, "preemptionPolicy": LOWER_PRIORITY}


def class_faults(document: Document) -> list[str]:
    """What forbids a PriorityClass; the system's own are as they are."""
    name, value = document["metadata"].get("name") or "", document["value"]
    if name in SYSTEM_CLASSES and value == SYSTEM_CLASSES[name] and not document.get("globalDefault"):
        return []
    faults = []
    if name.startswith(SYSTEM_PREFIX):
        why = "priority class names with 'system-' prefix are reserved for system use only"
        faults.append(f"metadata.name: Forbidden: {why}")
    elif value > HIGHEST_USER_VALUE:
        why = f"maximum allowed value of a user defined priority is {HIGHEST_USER_VALUE}"
        faults.append(f"value: Forbidden: {why}")
    if document.get("preemptionPolicy") not in (None, "", LOWER_PRIORITY, NEVER):
        supported = f'supported values: "{LOWER_PRIORITY}", "{NEVER}"'
        faults.append(f'preemptionPolicy: Unsupported value: "{document["preemptionPolicy"]}": {supported}')
    return faults


def changed_class_faults(old: Document, new: Document) -> list[str]:
    """What forbids an update of a PriorityClass: its value and policy stay."""
    faults = []
    if old["value"] != new["value"]:
        faults.append("value: Forbidden: may not be changed in an update.")
    if old.get("preemptionPolicy") != new.get("preemptionPolicy"):
        faults.append(f'preemptionPolicy: Invalid value: "{new.get("preemptionPolicy")}": field is immutable')
    return faults


def second_default(document: Document, classes: Sequence[Document]) -> str:
    """Why a class may not be the default one, "" where it may, or does not want to."""
    name = document["metadata"].get("name")
    others = [item["metadata"]["name"] for item in classes if item.get("globalDefault")]
    if not document.get("globalDefault") or not others or name in others:
        return ""
    return f"PriorityClass {others[0]} is already marked as default. Only one default can exist"


def with_priority(pod: Document, classes: Sequence[Document]) -> Document | str:
    """A pod that is about to be created, with its priority; a text says why it may not be."""
    spec: dict[str, Any] = pod.get("spec") or {}
    named = spec.get("priorityClassName") or ""
    found = _class_of(named, classes)
    if found is None and named:
        return f"no PriorityClass with name {named} was found"
    value = found["value"] if found else 0
    policy = (found.get("preemptionPolicy") if found else None) or LOWER_PRIORITY
    if spec.get("priority") not in (None, value):
        return (
            f"the integer value of priority ({spec['priority']}) must not be provided in pod spec; "
            f"priority admission controller computed {value} from the given PriorityClass name"
        )
    if spec.get("preemptionPolicy") not in (None, policy):
        return (
            f"the string value of PreemptionPolicy ({spec['preemptionPolicy']}) must not be provided in pod spec; "
            f"priority admission controller computed {policy} from the given PriorityClass name"
        )
    made = {**spec, "priority": value, "preemptionPolicy": policy}
    if found:
        made["priorityClassName"] = found["metadata"]["name"]
    return {**pod, "spec": made}


def with_old_priority(old: Document, pod: Document) -> Document:
    """A pod that is about to be updated: what it does not say of its priority stays as it was."""
    spec, before = pod.get("spec") or {}, old.get("spec") or {}
    kept = {
        name: before[name] for name in ("priority", "preemptionPolicy") if spec.get(name) is None and name in before
    }
    return {**pod, "spec": {**spec, **kept}} if kept else pod


def _class_of(named: str, classes: Sequence[Document]) -> Document | None:
    """The class of this name; without a name the default one of the lowest value."""
    if named:
        return next((item for item in classes if item["metadata"]["name"] == named), None)
    return min((item for item in classes if item.get("globalDefault")), key=lambda item: item["value"], default=None)
