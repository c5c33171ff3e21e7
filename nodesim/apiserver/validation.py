"""Is an object allowed?

What a cluster with wrong objects would suffer from here; the many rules for fields that nothing reads are left out.
Each fault begins with its field, as Kubernetes writes them.
Sources: apimachinery pkg/util/validation, pkg/api/validation/objectmeta.go; pkg/apis/core/validation/validation.go
`ValidatePodUpdate`, `ValidateNodeUpdate`; pkg/apis/apps/validation `ValidateReplicaSetSpec`.
"""

from __future__ import annotations

import re
from typing import Any, Final

from nodesim.apiserver.gates import changed_gate_faults, gate_faults
from nodesim.apiserver.jobs import changed_job_faults, job_faults
from nodesim.apiserver.placement import placement_faults
from nodesim.apiserver.pod_cidrs import pod_cidr_faults
from nodesim.apiserver.priority import changed_class_faults, class_faults
from nodesim.apiserver.registry import Resource
from nodesim.apiserver.validation_workloads import (
    changed_revision_faults,
    changed_stateful_set_faults,
    daemon_set_faults,
    deployment_faults,
    not_negative,
    stateful_set_faults,
)
from nodesim.objects import Document, selector_of

_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_SUBDOMAIN_LEN_MAX: Final = 253
_QUALIFIED: Final = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_TAINT_EFFECTS: Final = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_OPERATORS: Final = ("In", "NotIn", "Exists", "DoesNotExist")
_RESTART_POLICIES: Final = ("Always", "OnFailure", "Never")

_SUBDOMAIN_TEXT: Final = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
    "and must start and end with an alphanumeric character"
)
_LABEL_TEXT: Final = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
    "and must start and end with an alphanumeric character"
)


def create_faults(resource: Resource, document: Document) -> list[str]:
    """What forbids the creation of an object."""
    metadata = document["metadata"]
    faults = _name_faults(resource, metadata.get("name") or "")
    faults += _label_faults(metadata.get("labels") or {}, "metadata.labels")
    faults += _kind_faults(resource, document)
    if resource.rules == "Pod" and not (document.get("spec") or {}).get("containers"):
        faults.append("spec.containers: Required value")
    if resource.rules == "Pod":
        faults += gate_faults(document.get("spec") or {})
    return faults


def update_faults(resource: Resource, old: Document, new: Document) -> list[str]:
    """What forbids an update; what did not change was judged before."""
    faults: list[str] = []
    labels = new["metadata"].get("labels")
    if labels != old["metadata"].get("labels"):
        faults += _label_faults(labels or {}, "metadata.labels")
    if old["metadata"].get("deletionTimestamp") is not None:
        held = old["metadata"].get("finalizers") or []
        added = [name for name in new["metadata"].get("finalizers") or [] if name not in held]
        if added:
            faults.append(
                "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, "
                f"found new finalizers {added}"
            )
    if resource.rules == "PriorityClass":
        faults += changed_class_faults(old, new)
    if new.get("spec") != old.get("spec"):
        faults += _kind_faults(resource, new)
        faults += _changed_spec_faults(resource, old.get("spec") or {}, new.get("spec") or {})
    if resource.rules == "ControllerRevision":
        faults += changed_revision_faults(old, new)
    return faults


def _name_faults(resource: Resource, name: str) -> list[str]:
    if not name:
        return ["metadata.name: Required value: name or generateName is required"]
    if resource.label_name:
        return [] if _LABEL.fullmatch(name) else [f'metadata.name: Invalid value: "{name:.260}": {_LABEL_TEXT}']
    if len(name) > _SUBDOMAIN_LEN_MAX:
        return [f'metadata.name: Invalid value: "{name:.260}": must be no more than {_SUBDOMAIN_LEN_MAX} characters']
    return [] if _SUBDOMAIN.fullmatch(name) else [f'metadata.name: Invalid value: "{name}": {_SUBDOMAIN_TEXT}']


def _qualified(name: str) -> bool:
    prefix, slash, rest = name.rpartition("/")
    if slash and not (len(prefix) <= _SUBDOMAIN_LEN_MAX and _SUBDOMAIN.fullmatch(prefix)):
        return False
    return _QUALIFIED.fullmatch(rest) is not None


def _label_faults(labels: dict[str, str], path: str) -> list[str]:
    faults = [f'{path}: Invalid value: "{key:.80}": not a qualified name' for key in labels if not _qualified(key)]
    return faults + [
        f'{path}: Invalid value: "{item:.80}": a valid label must be an empty string or consist of at most 63 '
        "alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
        for item in labels.values()
        if item and not _QUALIFIED.fullmatch(item)
    ]


def _kind_faults(resource: Resource, document: Document) -> list[str]:
    spec: dict[str, Any] = document.get("spec") or {}
    match resource.rules:
        case "Pod":
            return _pod_spec_faults(spec, "spec") + placement_faults(spec, "spec")
        case "Node":
            return _taint_faults(spec.get("taints") or []) + pod_cidr_faults(spec.get("podCIDRs") or [])
        case "Lease":
            seconds = spec.get("leaseDurationSeconds")
            wrong = seconds is not None and seconds <= 0
            return [f"spec.leaseDurationSeconds: Invalid value: {seconds}: must be greater than 0"] if wrong else []
        case "ReplicaSet":
            return _workload_faults(spec)
        case "Deployment":
            return [*deployment_faults(spec), *_workload_faults(spec)]
        case "PriorityClass":
            return class_faults(document)
        case "StatefulSet":
            return [*stateful_set_faults(spec), *_workload_faults(spec)]
        case "Job":
            return [*job_faults(spec), *_template_faults(spec)]
        case "DaemonSet":
            return [*daemon_set_faults(spec), *_workload_faults(spec)]
        case _:
            return []


def _pod_spec_faults(spec: dict[str, Any], path: str) -> list[str]:
    faults = []
    seen: list[str] = []
    for field in ("initContainers", "containers"):
        for place, container in enumerate(spec.get(field) or ()):
            name = container["name"]
            if name in seen:
                faults.append(f'{path}.{field}[{place}].name: Duplicate value: "{name}"')
            elif not _LABEL.fullmatch(name):
                faults.append(f'{path}.{field}[{place}].name: Invalid value: "{name:.80}": {_LABEL_TEXT}')
            seen.append(name)
    policy = spec.get("restartPolicy")
    if policy is not None and policy not in _RESTART_POLICIES:
        supported = ", ".join(f'"{item}"' for item in _RESTART_POLICIES)
        faults.append(f'{path}.restartPolicy: Unsupported value: "{policy}": supported values: {supported}')
    return faults


def _taint_faults(taints: list[dict[str, Any]]) -> list[str]:
    faults = []
    seen: list[tuple[str, str]] = []
    for place, taint in enumerate(taints):
        path = f"metadata.taints[{place}]"
        if not _qualified(taint["key"]):
            faults.append(f'{path}.key: Invalid value: "{taint["key"]:.80}": not a qualified name')
        if taint["effect"] not in _TAINT_EFFECTS:
            faults.append(f'{path}.effect: Unsupported value: "{taint["effect"]}"')
        if (taint["key"], taint["effect"]) in seen:
            faults.append(f'{path}: Duplicate value: "{taint["key"]}:{taint["effect"]}"')
        seen.append((taint["key"], taint["effect"]))
    return faults


def _workload_faults(spec: dict[str, Any]) -> list[str]:
    """What every workload whose pods run for ever is asked for."""
    faults = not_negative(spec, "replicas", "minReadySeconds") + _template_faults(spec)
    policy = ((spec.get("template") or {}).get("spec") or {}).get("restartPolicy")
    if policy in ("OnFailure", "Never"):
        faults.append(f'spec.template.spec.restartPolicy: Unsupported value: "{policy}": supported values: "Always"')
    return faults


def _template_faults(spec: dict[str, Any]) -> list[str]:
    """What every workload with a selector and a template is asked for."""
    faults: list[str] = []
    selector = spec.get("selector") or {}
    template = spec.get("template") or {}
    if not selector.get("matchLabels") and not selector.get("matchExpressions"):
        return ["spec.selector: Required value"]
    broken = [item["operator"] for item in selector.get("matchExpressions") or () if item["operator"] not in _OPERATORS]
    if broken:
        return [f'spec.selector.matchExpressions.operator: Invalid value: "{broken[0]}"']
    if not selector_of(selector).matches((template.get("metadata") or {}).get("labels") or {}):
        faults.append("spec.template.metadata.labels: Invalid value: `selector` does not match template `labels`")
    if not (template.get("spec") or {}).get("containers"):
        faults.append("spec.template.spec.containers: Required value")
    inner, path = template.get("spec") or {}, "spec.template.spec"
    return faults + _pod_spec_faults(inner, path) + placement_faults(inner, path)


def _changed_spec_faults(resource: Resource, old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    match resource.rules:
        case "Pod":
            return _changed_pod_faults(old, new)
        case "Node":
            return [
                f'spec.{field}: Forbidden: node updates may not change {word} except from "" to valid'
                for field, word in (("podCIDRs", "podCIDR"), ("providerID", "providerID"))
                if old.get(field) and new.get(field) != old[field]
            ]
        case "ReplicaSet" | "Deployment" | "DaemonSet" if new.get("selector") != old.get("selector"):
            return ["spec.selector: Invalid value: field is immutable"]
        case "Job":
            return changed_job_faults(old, new)
        case "StatefulSet":
            return changed_stateful_set_faults(old, new)
        case _:
            return []


def _changed_pod_faults(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Of a pod's spec only images, activeDeadlineSeconds and additional tolerations may change."""
    kept = [_without(item, "tolerationSeconds") for item in new.get("tolerations") or ()]
    if any(_without(item, "tolerationSeconds") not in kept for item in old.get("tolerations") or ()):
        return ["spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds"]
    gates = changed_gate_faults(old, new)
    if gates:
        return gates
    if _frozen_part(old) != _frozen_part(new):
        return [
            "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
            "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing"
            " tolerations)"
        ]
    return []


_FREE: Final = ("activeDeadlineSeconds", "tolerations", "schedulingGates")
"""Fields of a pod's spec whose changes are judged by rules of their own, or by none."""


def _frozen_part(spec: dict[str, Any]) -> dict[str, Any]:
    part = {name: item for name, item in spec.items() if name not in _FREE}
    for field in ("containers", "initContainers"):
        if part.get(field):
            part[field] = [_without(container, "image") for container in part[field]]
    return part


def _without(source: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: item for key, item in source.items() if key != name}
