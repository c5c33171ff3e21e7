"""What do machines need to know of a Node?

Source: api/core/v1/types.go (Node), component-helpers node/topology `GetZoneKey`.
"""

from __future__ import annotations

from sys import intern
from typing import Any, Final

from nodesim.objects.documents import Document
from nodesim.objects.taints import Taint, parse_taint
from nodesim.values import value


@value
class Condition:
    """One entry of status.conditions; times in us, whole seconds, None where absent."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    heartbeat_us: int | None = None
    transition_us: int | None = None


def parse_condition(document: dict[str, Any]) -> Condition:
    """A condition from its document form; its words, which thousands of nodes share, are kept once."""
    return Condition(
        intern(document["type"]),
        intern(document.get("status", "")),
        intern(document.get("reason") or ""),
        intern(document.get("message") or ""),
        document.get("lastHeartbeatTime"),
        document.get("lastTransitionTime"),
    )


def condition_document(condition: Condition) -> dict[str, Any]:
    """The document form of a node condition."""
    return {
        "type": condition.type,
        "status": condition.status,
        "lastHeartbeatTime": condition.heartbeat_us,
        "lastTransitionTime": condition.transition_us,
        "reason": condition.reason,
        "message": condition.message,
    }


@value
class NodeView:
    """A Node as machines read it."""

    name: str
    uid: str
    resource_version: str
    created_us: int
    labels: dict[str, str]
    annotations: dict[str, str]
    taints: tuple[Taint, ...]
    unschedulable: bool
    conditions: dict[str, Condition]
    capacity: dict[str, str]
    allocatable: dict[str, str]
    pod_cidrs: tuple[str, ...]

    @property
    def ready(self) -> Condition | None:
        """The Ready condition, None where the node never had one."""
        return self.conditions.get("Ready")


def node_view(document: Document) -> NodeView:
    """The view of a Node document."""
    metadata = document["metadata"]
    spec = document.get("spec") or {}
    status = document.get("status") or {}
    return NodeView(
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        resource_version=metadata.get("resourceVersion", ""),
        created_us=metadata.get("creationTimestamp") or 0,
        labels=_shared(metadata.get("labels")),
        annotations=metadata.get("annotations") or {},
        taints=tuple(parse_taint(taint) for taint in spec.get("taints") or ()),
        unschedulable=bool(spec.get("unschedulable")),
        conditions={item["type"]: parse_condition(item) for item in status.get("conditions") or ()},
        capacity=_shared(status.get("capacity")),
        allocatable=_shared(status.get("allocatable")),
        pod_cidrs=tuple(spec.get("podCIDRs") or ()),
    )


def _shared(words: dict[str, str] | None) -> dict[str, str]:
    return {intern(key): intern(word) for key, word in words.items()} if words else {}


_BETWEEN: Final = ":\x00:"
"""What Kubernetes writes between region and zone, as neither can hold it."""


def zone_key(labels: dict[str, str]) -> str:
    """Region and zone as one key, "" where a node has neither.

    The old `failure-domain.beta.kubernetes.io` labels win over `topology.kubernetes.io`.
    """
    region = labels.get("failure-domain.beta.kubernetes.io/region") or labels.get("topology.kubernetes.io/region") or ""
    zone = labels.get("failure-domain.beta.kubernetes.io/zone") or labels.get("topology.kubernetes.io/zone") or ""
    return f"{region}{_BETWEEN}{zone}" if region or zone else ""


def zone_name(key: str) -> str:
    """A zone's key as records and people have it: `zone`, `region/zone`, `region/`, or "" for none."""
    region, _, zone = key.partition(_BETWEEN)
    return f"{region}/{zone}" if region else zone
