"""Is a manifest such that nodesim can read what it needs of it?

Every document needs apiVersion, kind and metadata.name.  Of the kinds that nodesim models, the parts that it reads are
looked at; the rest of a document, and documents of other kinds, are kept as they are.  This is far less than
the API server's validation: it is what keeps a typing mistake from becoming a strange run.
Sources of the rules: pkg/apis/core/validation, pkg/apis/apps/validation.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Final

from nodesim.scenario.faults import clip
from nodesim.scenario.figures import number_or_percentage, resources
from nodesim.scenario.manifest_placement import check_priority_class
from nodesim.scenario.manifest_pods import check_annotations, check_pod, check_taints, no_instant
from nodesim.scenario.manifest_workloads import (
    REPLICAS_MAX,
    check_daemon_set,
    check_deployment,
    check_job,
    check_replica_set,
    check_stateful_set,
)
from nodesim.scenario.names import label_name, labels, object_name
from nodesim.scenario.parts import list_part, lists_of_maps, part, section
from nodesim.scenario.reading import Cursor, Fields, boolean, choice, integer, items, open_fields, text
from nodesim.scenario.selectors import check_selector
from nodesim.scenario.yamltree import MapTree, ScalarTree

PORT_MAX: Final = 65_535
VERSION_WORD: Final = re.compile(r"(?:[a-z0-9.-]+/)?v[0-9]+(?:(?:alpha|beta)[0-9]+)?")
KIND_WORD: Final = re.compile(r"[A-Z][A-Za-z0-9]{0,62}")
_DOCUMENT_FORM: Final = "a manifest with apiVersion, kind and metadata"


def list_items(cursor: Cursor) -> list[Cursor] | None:
    """The documents inside a `kind: List`; None where it is something else."""
    tree = cursor.tree
    if type(tree) is not MapTree or "kind" not in tree.entries:
        return None
    kind = tree.entries["kind"].tree
    if type(kind) is not ScalarTree or kind.value != "List":
        return None
    found = Fields(cursor, tree).get("items")
    if found is None:
        cursor.fault("'items' is missing: expected a list of manifests")
        return []
    return items(found, "a list of manifests")


def check_document(cursor: Cursor) -> bool:
    """Note a manifest's faults; True where it has what every document needs."""
    found = open_fields(cursor, _DOCUMENT_FORM)
    if found is None:
        return False
    version = found.required("apiVersion", text, "a version such as v1 or apps/v1")
    kind = found.required("kind", text, "a kind such as Pod")
    if version is not None and not VERSION_WORD.fullmatch(version):
        found.cursor.fault(
            f"not an apiVersion: {clip(version)}; write it like v1 or apps/v1", found.key_mark("apiVersion")
        )
    if kind is not None and not KIND_WORD.fullmatch(kind):
        near = next((f", did you mean {known!r}?" for known in KINDS if known.lower() == kind.lower()), "")
        found.cursor.fault(f"not a kind: {clip(kind)}{near or '; write it like Pod'}", found.key_mark("kind"))
    named = found.required("metadata", _metadata, "metadata such as {name: web}")
    if version is None or kind is None:
        return False
    known = KINDS.get(kind)
    if known is not None:
        if version != known[0]:
            found.cursor.fault(f"{kind} is of apiVersion {known[0]}, got {clip(version)}", found.key_mark("apiVersion"))
        known[1](found)
    return named is not None


def _metadata(cursor: Cursor) -> bool | None:
    found = open_fields(cursor, "metadata such as {name: web}")
    if found is None:
        return None
    name = found.required("name", object_name, "a name such as web")
    part(found, "namespace", label_name)
    part(found, "labels", labels)
    check_annotations(found)
    for owner in lists_of_maps(found, "ownerReferences", "owner references"):
        for key in ("kind", "name"):
            owner.required(key, text, "a string")
        part(owner, "uid", text)
        part(owner, "controller", boolean)
    return None if name is None else True


def _node(found: Fields) -> None:
    spec = section(found, "spec")
    if spec is not None:
        check_taints(spec)
        part(spec, "unschedulable", boolean)
        for item in list_part(spec, "podCIDRs", "a list of networks"):
            text(item)
    status = section(found, "status")
    if status is None:
        return
    part(status, "capacity", resources)
    part(status, "allocatable", resources)
    for condition in lists_of_maps(status, "conditions", "conditions"):
        condition.required("type", text, "a condition's type such as Ready")
        part(condition, "status", text)
        for key in ("lastHeartbeatTime", "lastTransitionTime"):
            no_instant(condition, key)


def _lease(found: Fields) -> None:
    spec = section(found, "spec")
    if spec is None:
        return
    part(spec, "holderIdentity", text)
    part(spec, "leaseDurationSeconds", partial(integer, low=1, high=REPLICAS_MAX))
    no_instant(spec, "renewTime")
    no_instant(spec, "acquireTime")


def _namespace(found: Fields) -> None:
    metadata = section(found, "metadata")
    if metadata is not None:
        part(metadata, "name", label_name)


def _service(found: Fields) -> None:
    spec = section(found, "spec")
    if spec is None:
        return
    part(spec, "selector", labels)
    part(spec, "publishNotReadyAddresses", boolean)
    for key in ("type", "clusterIP"):
        part(spec, key, text)
    for port in lists_of_maps(spec, "ports", "ports"):
        port.required("port", partial(integer, low=1, high=PORT_MAX), "a port such as 80")
        for key in ("name", "protocol"):
            part(port, key, text)


def _disruption_budget(found: Fields) -> None:
    spec = found.required("spec", partial(open_fields, form="a spec"), "a spec with selector and minAvailable")
    if spec is None:
        return
    part(spec, "selector", check_selector)
    for key in ("minAvailable", "maxUnavailable"):
        part(spec, key, partial(number_or_percentage, high=REPLICAS_MAX))
    if "minAvailable" in spec and "maxUnavailable" in spec:
        spec.cursor.fault("minAvailable and maxUnavailable exclude each other; keep one")
    part(spec, "unhealthyPodEvictionPolicy", partial(choice, known=("IfHealthyBudget", "AlwaysAllow")))


KINDS: Final[dict[str, tuple[str, Callable[[Fields], None]]]] = {
    "Pod": ("v1", check_pod),
    "ReplicaSet": ("apps/v1", check_replica_set),
    "Deployment": ("apps/v1", check_deployment),
    "StatefulSet": ("apps/v1", check_stateful_set),
    "DaemonSet": ("apps/v1", check_daemon_set),
    "Job": ("batch/v1", check_job),
    "Namespace": ("v1", _namespace),
    "Node": ("v1", _node),
    "Lease": ("coordination.k8s.io/v1", _lease),
    "Service": ("v1", _service),
    "PriorityClass": ("scheduling.k8s.io/v1", check_priority_class),
    "PodDisruptionBudget": ("policy/v1", _disruption_budget),
}
"""The kinds of which nodesim reads parts: their apiVersion, and what looks at them."""
