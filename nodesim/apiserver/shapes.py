"""Can a document be read as an object of its kind?

The server is the edge: what it lets in, machines read through views without further checks.  So the fields that views,
controllers and this server read must have their types; all others may hold any JSON.  A null counts as absent.
Source of the fields: api/core/v1, api/coordination/v1, api/apps/v1 types.go.

A shape is a type, `QUANTITY`, `NUMBER_OR_TEXT`, a one-item list (a list of that), or a map of field -> shape; a field
that ends in `!` must be there, and `*` stands for all fields.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from nodesim.objects import Document
from nodesim.units import quantity_milli

Shape: TypeAlias = Any
"""Nested as the documents are, hence `Any`."""

QUANTITY: Final = "quantity"
NUMBER_OR_TEXT: Final = "number or text"

_STRINGS: Final[Shape] = {"*": str}
_QUANTITIES: Final[Shape] = {"*": QUANTITY}
_METADATA: Final[Shape] = {
    "name": str,
    "generateName": str,
    "namespace": str,
    "uid": str,
    "resourceVersion": str,
    "labels": _STRINGS,
    "annotations": _STRINGS,
    "finalizers": [str],
    "ownerReferences": [
        {"apiVersion": str, "kind!": str, "name!": str, "uid": str, "controller": bool, "blockOwnerDeletion": bool}
    ],
}
_CONDITION: Final[Shape] = {
    "type!": str,
    "status": str,
    "reason": str,
    "message": str,
    "lastHeartbeatTime": int,
    "lastTransitionTime": int,
    "lastUpdateTime": int,
}
_CONTAINER: Final[Shape] = {
    "name!": str,
    "image": str,
    "restartPolicy": str,
    "resources": {"requests": _QUANTITIES, "limits": _QUANTITIES},
    "ports": [{"containerPort": int, "hostPort": int, "hostIP": str, "protocol": str}],
}
_ENDPOINT: Final[Shape] = {
    "addresses": [str],
    "conditions": {"ready": bool, "serving": bool, "terminating": bool},
    "targetRef": {"kind": str, "namespace": str, "name": str, "uid": str},
    "nodeName": str,
}
_SELECTOR: Final[Shape] = {
    "matchLabels": _STRINGS,
    "matchExpressions": [{"key!": str, "operator!": str, "values": [str]}],
}
_EXPRESSIONS: Final[Shape] = [{"key!": str, "operator!": str, "values": [str]}]
_NODE_TERM: Final[Shape] = {"matchExpressions": _EXPRESSIONS, "matchFields": _EXPRESSIONS}
_POD_TERM: Final[Shape] = {
    "topologyKey!": str,
    "labelSelector": _SELECTOR,
    "namespaceSelector": _SELECTOR,
    "namespaces": [str],
    "matchLabelKeys": [str],
    "mismatchLabelKeys": [str],
}
_POD_TERMS: Final[Shape] = {
    "requiredDuringSchedulingIgnoredDuringExecution": [_POD_TERM],
    "preferredDuringSchedulingIgnoredDuringExecution": [{"weight!": int, "podAffinityTerm!": _POD_TERM}],
}
_AFFINITY: Final[Shape] = {
    "nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms!": [_NODE_TERM]},
        "preferredDuringSchedulingIgnoredDuringExecution": [{"weight!": int, "preference!": _NODE_TERM}],
    },
    "podAffinity": _POD_TERMS,
    "podAntiAffinity": _POD_TERMS,
}
_SPREAD: Final[Shape] = {
    "topologyKey!": str,
    "maxSkew!": int,
    "whenUnsatisfiable!": str,
    "labelSelector": _SELECTOR,
    "minDomains": int,
    "nodeAffinityPolicy": str,
    "nodeTaintsPolicy": str,
    "matchLabelKeys": [str],
}
_POD_SPEC: Final[Shape] = {
    "nodeName": str,
    "containers": [_CONTAINER],
    "initContainers": [_CONTAINER],
    "restartPolicy": str,
    "schedulerName": str,
    "terminationGracePeriodSeconds": int,
    "priority": int,
    "priorityClassName": str,
    "preemptionPolicy": str,
    "hostNetwork": bool,
    "nodeSelector": _STRINGS,
    "affinity": _AFFINITY,
    "topologySpreadConstraints": [_SPREAD],
    "schedulingGates": [{"name!": str}],
    "overhead": _QUANTITIES,
    "tolerations": [{"key": str, "operator": str, "value": str, "effect": str, "tolerationSeconds": int}],
}
_TEMPLATE: Final[Shape] = {"metadata": _METADATA, "spec": _POD_SPEC}

SHAPES: Final[dict[str, Shape]] = {
    "Node": {
        "metadata!": _METADATA,
        "spec": {
            "unschedulable": bool,
            "podCIDR": str,
            "podCIDRs": [str],
            "providerID": str,
            "taints": [{"key!": str, "effect!": str, "value": str, "timeAdded": int}],
        },
        "status": {
            "conditions": [_CONDITION],
            "addresses": [{"type!": str, "address": str}],
            "capacity": _QUANTITIES,
            "images": [{"names": [str], "sizeBytes": int}],
            "allocatable": _QUANTITIES,
        },
    },
    "Pod": {
        "metadata!": _METADATA,
        "spec": _POD_SPEC,
        "status": {
            "phase": str,
            "reason": str,
            "message": str,
            "conditions": [_CONDITION],
            "nominatedNodeName": str,
            "startTime": int,
            "containerStatuses": [{"name!": str, "restartCount": int}],
        },
    },
    "Lease": {
        "metadata!": _METADATA,
        "spec!": {
            "holderIdentity": str,
            "leaseDurationSeconds": int,
            "leaseTransitions": int,
            "acquireTime": int,
            "renewTime": int,
        },
    },
    "Event": {
        "metadata!": _METADATA,
        "involvedObject!": {"kind!": str, "name!": str, "namespace": str, "uid": str},
        "reason": str,
        "message": str,
        "type": str,
        "count": int,
        "source": {"component": str, "host": str},
        "reportingComponent": str,
    },
    "Service": {
        "metadata!": _METADATA,
        "spec": {
            "selector": _STRINGS,
            "type": str,
            "clusterIP": str,
            "publishNotReadyAddresses": bool,
            "ports": [{"name": str, "port!": int, "protocol": str}],
        },
    },
    "EndpointSlice": {
        "metadata!": _METADATA,
        "addressType": str,
        "endpoints": [_ENDPOINT],
        "ports": [{"name": str, "port": int, "protocol": str}],
    },
    "PodDisruptionBudget": {
        "metadata!": _METADATA,
        "spec": {"selector": _SELECTOR, "unhealthyPodEvictionPolicy": str},
        "status": {
            "disruptionsAllowed": int,
            "currentHealthy": int,
            "desiredHealthy": int,
            "expectedPods": int,
            "observedGeneration": int,
            "disruptedPods": {"*": int},
            "conditions": [_CONDITION],
        },
    },
    "PriorityClass": {"metadata!": _METADATA, "value!": int, "globalDefault": bool, "preemptionPolicy": str},
    "Namespace": {"metadata!": _METADATA, "spec": {"finalizers": [str]}, "status": {"phase": str}},
    "ReplicaSet": {
        "metadata!": _METADATA,
        "spec!": {
            "replicas": int,
            "minReadySeconds": int,
            "selector": _SELECTOR,
            "template": _TEMPLATE,
        },
        "status": {
            "replicas": int,
            "readyReplicas": int,
            "availableReplicas": int,
            "terminatingReplicas": int,
            "conditions": [_CONDITION],
        },
    },
    "Deployment": {
        "metadata!": _METADATA,
        "spec!": {
            "replicas": int,
            "minReadySeconds": int,
            "paused": bool,
            "progressDeadlineSeconds": int,
            "revisionHistoryLimit": int,
            "selector": _SELECTOR,
            "strategy": {
                "type": str,
                "rollingUpdate": {"maxSurge": NUMBER_OR_TEXT, "maxUnavailable": NUMBER_OR_TEXT},
            },
            "template": _TEMPLATE,
        },
        "status": {
            "observedGeneration": int,
            "replicas": int,
            "updatedReplicas": int,
            "readyReplicas": int,
            "availableReplicas": int,
            "unavailableReplicas": int,
            "terminatingReplicas": int,
            "collisionCount": int,
            "conditions": [_CONDITION],
        },
    },
    "StatefulSet": {
        "metadata!": _METADATA,
        "spec!": {
            "replicas": int,
            "minReadySeconds": int,
            "ordinals": {"start": int},
            "podManagementPolicy": str,
            "revisionHistoryLimit": int,
            "selector": _SELECTOR,
            "serviceName": str,
            "template": _TEMPLATE,
            "updateStrategy": {
                "type": str,
                "rollingUpdate": {"partition": int, "maxUnavailable": NUMBER_OR_TEXT},
            },
        },
        "status": {
            "observedGeneration": int,
            "replicas": int,
            "readyReplicas": int,
            "currentReplicas": int,
            "updatedReplicas": int,
            "availableReplicas": int,
            "currentRevision": str,
            "updateRevision": str,
            "collisionCount": int,
        },
    },
    "DaemonSet": {
        "metadata!": _METADATA,
        "spec!": {
            "minReadySeconds": int,
            "revisionHistoryLimit": int,
            "selector": _SELECTOR,
            "template": _TEMPLATE,
            "updateStrategy": {
                "type": str,
                "rollingUpdate": {"maxSurge": NUMBER_OR_TEXT, "maxUnavailable": NUMBER_OR_TEXT},
            },
        },
        "status": {
            "observedGeneration": int,
            "currentNumberScheduled": int,
            "desiredNumberScheduled": int,
            "numberMisscheduled": int,
            "numberReady": int,
            "numberAvailable": int,
            "numberUnavailable": int,
            "updatedNumberScheduled": int,
            "collisionCount": int,
        },
    },
    "Job": {
        "metadata!": _METADATA,
        "spec!": {
            "activeDeadlineSeconds": int,
            "backoffLimit": int,
            "completionMode": str,
            "completions": int,
            "manualSelector": bool,
            "parallelism": int,
            "podReplacementPolicy": str,
            "selector": _SELECTOR,
            "suspend": bool,
            "template": _TEMPLATE,
            "ttlSecondsAfterFinished": int,
        },
        "status": {
            "active": int,
            "completedIndexes": str,
            "completionTime": int,
            "conditions": [_CONDITION],
            "failed": int,
            "ready": int,
            "startTime": int,
            "succeeded": int,
            "terminating": int,
            "uncountedTerminatedPods": {"succeeded": [str], "failed": [str]},
        },
    },
    "ControllerRevision": {
        "metadata!": _METADATA,
        "data": {"spec": {"template": _TEMPLATE}},
        "revision": int,
    },
}

_ANY_KIND: Final[Shape] = {"metadata!": _METADATA}
_NAMES: Final = {str: "a string", int: "an integer", bool: "a boolean"}


def misshapen(kind: str, document: Document, stored: Document | None = None) -> str | None:
    """The first field that is not of its type, as `spec.containers[0].name must be a string`; None where all are.

    Of a kind without rules ("") only the metadata is looked at.  What the document shares with the `stored` one (the
    very same maps and lists at the same place, as a patch leaves them) was looked at when that was stored.
    """
    return _fault(SHAPES[kind] if kind else _ANY_KIND, document, "", stored)


def _fault(shape: Shape, found: Any, path: str, known: Any = None) -> str | None:
    if found is None or found is known:
        return None
    if type(shape) is dict:
        return _map_fault(shape, found, path, known if type(known) is dict else {})
    if type(shape) is list:
        if type(found) is not list:
            return f"{path} must be a list"
        for place, item in enumerate(found):
            if item is None:
                return f"{path}[{place}] must not be null"
            fault = _fault(shape[0], item, f"{path}[{place}]")
            if fault:
                return fault
        return None
    if shape is QUANTITY:
        return None if _is_quantity(found) else f"{path} must be a quantity like 500m or 16Gi"
    if shape is NUMBER_OR_TEXT:
        return None if type(found) is int or type(found) is str else f"{path} must be an integer or a string"
    return None if type(found) is shape else f"{path} must be {_NAMES[shape]}"


def _map_fault(shape: Shape, found: Any, path: str, known: dict[str, Any]) -> str | None:
    if type(found) is not dict:
        return f"{path or 'the document'} must be a map"
    before = f"{path}." if path else ""
    if "*" in shape:
        for name, item in found.items():
            if item is None:
                return f"{before}{name} must not be null"
            fault = _fault(shape["*"], item, before + name, known.get(name))
            if fault:
                return fault
        return None
    for name, inner in shape.items():
        if name.endswith("!"):
            name = name[:-1]
            if found.get(name) is None:
                return f"{before}{name} is required"
        item = found.get(name)
        if item is not None:
            fault = _fault(inner, item, before + name, known.get(name))
            if fault:
                return fault
    return None


def _is_quantity(found: Any) -> bool:
    """A text or, as people write it in YAML, a number."""
    if type(found) is not str and type(found) is not int and type(found) is not float:
        return False
    try:
        quantity_milli(str(found))
    except ValueError:
        return False
    return True
