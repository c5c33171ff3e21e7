"""What does the scheduler need to know of a Pod?

Sources: api/core/v1/types.go (Pod); requests with defaults for scoring: pkg/scheduler/util/pod_resources.go
(`GetNonzeroRequests`); host ports: pkg/scheduler/util/utils.go (`GetHostPorts`).
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from nodesim.objects import (
    Condition,
    Document,
    Namespaced,
    Owner,
    Toleration,
    find_condition,
    parse_condition,
    pod_requests,
    pod_view,
)
from nodesim.scheduler.affinity import NodeSelectorTerm, parse_preferred_node_affinity, parse_required_node_affinity
from nodesim.scheduler.terms import PodAffinity, SpreadConstraint, pod_affinity_of, spread_constraints_of
from nodesim.values import value

DEFAULT_SCHEDULER: Final = "default-scheduler"

DEFAULT_CPU_REQUEST: Final = "100m"
"""What a container without a CPU request counts for in scores (`DefaultMilliCPURequest`)."""
DEFAULT_MEMORY_REQUEST: Final = "200Mi"
"""What a container without a memory request counts for in scores (`DefaultMemoryRequest`)."""

ANY_ADDRESS: Final = "0.0.0.0"

HostPort: TypeAlias = tuple[str, str, int]
"""Host address, protocol, port."""

_FIRST_RESOURCES: Final[tuple[str, ...]] = ("cpu", "memory", "ephemeral-storage")
"""NodeResourcesFit looks at these first, then at all others (here by name; Go's maps have no order)."""


@value
class Wants:
    """What a pod asks of a node.  While these stay the same, an update of the pod changes nothing for the scheduler."""

    tolerations: tuple[Toleration, ...]
    node_selector: dict[str, str]
    node_affinity: tuple[NodeSelectorTerm, ...] | None
    """Terms of which one must be met; None where the pod has no required node affinity."""
    requests: dict[str, int]
    """Non-zero requests in the order of NodeResourcesFit: `cpu` in thousandths, all else in units."""
    scored_cpu: int
    """CPU in thousandths, with 100m for each container that names none."""
    scored_memory: int
    """Memory in bytes, with 200Mi for each container that names none."""
    host_ports: tuple[HostPort, ...]
    preferred_nodes: tuple[tuple[int, NodeSelectorTerm], ...]
    """Preferred node affinity, each term with its weight."""
    pod_affinity: PodAffinity
    spread: tuple[SpreadConstraint, ...]
    images: tuple[str, ...]
    """One per container, init containers first, with a tag."""


@value
class PodToPlace(Namespaced):
    """A Pod as the scheduler reads it; two views are equal where nothing changed that it looks at."""

    namespace: str
    name: str
    uid: str
    labels: dict[str, str]
    owner: Owner | None
    node: str
    """spec.nodeName, "" while nobody assigned it."""
    terminal: bool
    """Succeeded or Failed: it counts nowhere any more."""
    terminating: bool
    """It has a deletionTimestamp; on a node it still counts."""
    gated: bool
    """Its schedulingGates hold it back."""
    scheduler_name: str
    priority: int
    may_preempt: bool
    """spec.preemptionPolicy is not Never."""
    wants: Wants
    scheduled: Condition | None
    """The condition PodScheduled."""
    nominated: str
    """status.nominatedNodeName: where it made room for itself, "" where nowhere."""
    started_us: int | None
    """status.startTime."""
    disruption: Condition | None
    """The condition DisruptionTarget."""


def pod_to_place(document: Document) -> PodToPlace:
    """The scheduler's view of a Pod document."""
    base = pod_view(document)
    spec = document.get("spec") or {}
    status = document.get("status") or {}
    scored = pod_requests(_with_default_requests(spec))
    return PodToPlace(
        namespace=base.namespace,
        name=base.name,
        uid=base.uid,
        labels=base.labels,
        owner=base.owner,
        node=base.node,
        terminal=base.terminal,
        terminating=base.deletion_us is not None,
        gated=bool(spec.get("schedulingGates")),
        scheduler_name=spec.get("schedulerName") or DEFAULT_SCHEDULER,
        priority=base.priority,
        may_preempt=spec.get("preemptionPolicy") != "Never",
        wants=Wants(
            tolerations=base.tolerations,
            node_selector=base.node_selector,
            node_affinity=parse_required_node_affinity(spec),
            requests=_in_order(base.requests),
            scored_cpu=scored.get("cpu", 0),
            scored_memory=scored.get("memory", 0),
            host_ports=_host_ports(spec),
            preferred_nodes=parse_preferred_node_affinity(spec),
            pod_affinity=pod_affinity_of(spec, base.namespace, base.labels),
            spread=spread_constraints_of(spec, base.labels),
            images=_images(spec),
        ),
        scheduled=_condition(status, "PodScheduled"),
        nominated=status.get("nominatedNodeName") or "",
        started_us=status.get("startTime"),
        disruption=_condition(status, "DisruptionTarget"),
    )


def _condition(status: dict[str, Any], kind: str) -> Condition | None:
    found = find_condition(status, kind)
    return parse_condition(found) if found else None


def _images(spec: dict[str, Any]) -> tuple[str, ...]:
    containers = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    return tuple(tagged(item["image"]) for item in containers if item.get("image"))


def tagged(image: str) -> str:
    """An image's name with a tag (plugins/imagelocality `normalizedImageName`)."""
    return image if image.rfind(":") > image.rfind("/") else f"{image}:latest"


def _in_order(requests: dict[str, int]) -> dict[str, int]:
    names = [name for name in _FIRST_RESOURCES if name in requests]
    names += sorted(name for name in requests if name not in _FIRST_RESOURCES)
    return {name: requests[name] for name in names if requests[name] > 0}


def _with_default_requests(spec: dict[str, Any]) -> dict[str, Any]:
    """The spec as scoring sees it: a container that names no CPU or no memory gets the default; 0 is a name."""
    return {
        **spec,
        "containers": [_container_with_defaults(item) for item in spec.get("containers") or ()],
        "initContainers": [_container_with_defaults(item) for item in spec.get("initContainers") or ()],
    }


def _container_with_defaults(container: dict[str, Any]) -> dict[str, Any]:
    resources = container.get("resources") or {}
    requests = {
        "cpu": DEFAULT_CPU_REQUEST,
        "memory": DEFAULT_MEMORY_REQUEST,
        **(resources.get("limits") or {}),
        **(resources.get("requests") or {}),
    }
    return {**container, "resources": {"requests": requests}}


def _host_ports(spec: dict[str, Any]) -> tuple[HostPort, ...]:
    on_host = bool(spec.get("hostNetwork"))
    ports: list[HostPort] = []
    for container in spec.get("containers") or ():
        for port in container.get("ports") or ():
            number = port.get("hostPort") or (port.get("containerPort") if on_host else 0)
            if number:
                ports.append((port.get("hostIP") or ANY_ADDRESS, port.get("protocol") or "TCP", number))
    return tuple(ports)
