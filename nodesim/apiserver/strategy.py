"""What becomes of a client's document before it is stored?

Each kind has a strategy: what the server sets, what it keeps, which half of the object a request may write.
Sources: pkg/registry/core/{node,pod,namespace}/strategy.go, pkg/registry/apps/{replicaset,deployment}/strategy.go
(`PrepareForCreate`, `PrepareForUpdate`), apiserver pkg/registry/rest/{create,update}.go.
"""

from __future__ import annotations

from typing import Final

from nodesim.apiserver.admission import with_default_tolerations, with_not_ready_taint
from nodesim.apiserver.defaults import (
    qos_class,
    template_generation,
    with_daemon_set_defaults,
    with_deployment_defaults,
    with_namespace_defaults,
    with_pod_defaults,
    with_replica_set_defaults,
    with_stateful_set_defaults,
    with_template_generation,
)
from nodesim.apiserver.deletion import NAMESPACE_FINALIZER
from nodesim.apiserver.gates import gated_status
from nodesim.apiserver.jobs import with_job_defaults
from nodesim.apiserver.pod_cidrs import with_pod_cidrs
from nodesim.apiserver.priority import with_class_defaults, with_old_priority
from nodesim.apiserver.registry import Resource
from nodesim.objects import Document
from nodesim.profiles import Settings

_SERVERS_OWN: Final = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "namespace",
    "name",
)
"""Metadata that no update changes."""
DAEMON_COUNTS: Final = ("currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady")
"""What a DaemonSet's status says also where it is 0."""
_EMPTY_IS_NONE: Final = ("labels", "annotations", "finalizers", "ownerReferences")

_WITH_STATUS: Final = {"Node": ("labels", "annotations"), "Deployment": ("annotations",)}
"""Metadata that may be written together with the status."""


def prepared_for_create(resource: Resource, document: Document, settings: Settings) -> Document:
    """A document that is about to become an object: server's fields dropped, status begun, defaults and admission."""
    metadata = {name: item for name, item in document["metadata"].items() if name not in _SERVERS_OWN[:5]}
    metadata = _without_empty(metadata)
    if resource.has_generation:
        metadata["generation"] = 1
    made = {**document, "metadata": metadata}
    match resource.rules:
        case "Pod":
            made = with_default_tolerations(with_pod_defaults(made), settings)
            begun = {"phase": "Pending", "qosClass": qos_class(made["spec"]), **gated_status(made["spec"])}
            return {**made, "status": begun}
        case "Node":
            return with_not_ready_taint(with_pod_cidrs(made))
        case "ReplicaSet":
            return {**with_replica_set_defaults(made), "status": {"replicas": 0}}
        case "Deployment":
            return {**with_deployment_defaults(made), "status": {}}
        case "PriorityClass":
            return with_class_defaults(made)
        case "StatefulSet":
            return {**with_stateful_set_defaults(made), "status": {}}
        case "DaemonSet":
            made = with_template_generation(with_daemon_set_defaults(made), 1)
            return {**made, "status": dict.fromkeys(DAEMON_COUNTS, 0)}
        case "Job":
            return {**with_job_defaults(made), "status": {}}
        case "Namespace":
            made = with_namespace_defaults(made)
            spec = made.get("spec") or {}
            finalizers = spec.get("finalizers") or []
            if NAMESPACE_FINALIZER not in finalizers:
                finalizers = [*finalizers, NAMESPACE_FINALIZER]
            return {**made, "spec": {**spec, "finalizers": finalizers}, "status": {"phase": "Active"}}
        case _:
            return made


def prepared_for_update(
    resource: Resource, old: Document, document: Document, subresource: str, settings: Settings
) -> Document:
    """A document that is about to replace `old`: only what this request may write is taken from it."""
    if subresource == "status":
        return _status_update(resource, old, document)
    if subresource == "finalize":
        spec = {**(old.get("spec") or {}), "finalizers": (document.get("spec") or {}).get("finalizers") or []}
        return {**old, "spec": spec}
    made = _with_servers_metadata(old, document)
    if resource.has_status:
        made = _with_part(made, "status", old)
    match resource.rules:
        case "Pod":
            made = with_default_tolerations(with_pod_defaults(with_old_priority(old, made)), settings)
        case "Node":
            made = with_pod_cidrs(made)
        case "ReplicaSet":
            made = with_replica_set_defaults(made)
        case "Deployment":
            made = with_deployment_defaults(made)
        case "StatefulSet":
            made = with_stateful_set_defaults(made)
        case "Job":
            made = with_job_defaults(made)
        case "DaemonSet":
            made = with_daemon_set_defaults(made)
            again = made["spec"].get("template") != old["spec"].get("template")
            made = with_template_generation(made, template_generation(old) + again)
        case "Namespace":
            made = with_namespace_defaults(made)
            spec = {**(made.get("spec") or {}), "finalizers": (old.get("spec") or {}).get("finalizers") or []}
            made = {**made, "spec": spec}
        case "PriorityClass":
            made = with_class_defaults(made)
        case _:
            pass
    if _raises_generation(resource, old, made):
        metadata = made["metadata"]
        made["metadata"] = {**metadata, "generation": metadata.get("generation", 0) + 1}
    return made


def _raises_generation(resource: Resource, old: Document, made: Document) -> bool:
    if resource.annotations_raise_generation and made["metadata"].get("annotations") != old["metadata"].get(
        "annotations"
    ):
        return True
    return resource.spec_raises_generation and made.get("spec") != old.get("spec")


def _status_update(resource: Resource, old: Document, document: Document) -> Document:
    """Only the status; of a node also labels and annotations, which kubelets set with it, of a Deployment annotations.

    (The Deployment controller writes the revision so: pkg/registry/apps/deployment/strategy.go.)
    """
    made = _with_part(old, "status", document)
    if resource.rules == "Pod":
        qos = (old.get("status") or {}).get("qosClass")
        made["status"] = {**(made.get("status") or {}), "qosClass": qos}
    metadata = dict(old["metadata"])
    for name in _WITH_STATUS.get(resource.rules, ()):
        metadata.pop(name, None)
        if document["metadata"].get(name) is not None:
            metadata[name] = document["metadata"][name]
    made["metadata"] = metadata
    return made


def _without_empty(metadata: Document) -> Document:
    """Metadata as Kubernetes' types keep it: an empty map or list is none, so writing one changes nothing."""
    return {name: item for name, item in metadata.items() if item or name not in _EMPTY_IS_NONE}


def _with_part(document: Document, part: str, source: Document) -> Document:
    """A copy of `document` whose `part` is that of `source`, or absent where it has none."""
    made = dict(document)
    if part in source:
        made[part] = source[part]
    else:
        made.pop(part, None)
    return made


def _with_servers_metadata(old: Document, document: Document) -> Document:
    kept = old["metadata"]
    metadata = _without_empty({name: item for name, item in document["metadata"].items() if name not in _SERVERS_OWN})
    metadata |= {name: kept[name] for name in _SERVERS_OWN if name in kept}
    return {**document, "metadata": metadata}
