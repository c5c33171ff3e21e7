"""What do machines need to know of a Pod?

Source: api/core/v1/types.go (Pod); requests as component-helpers resource/helpers.go `PodRequests` sums them; phase as
kubectl prints it: pkg/printers/internalversion/printers.go `printPod`.
"""

from __future__ import annotations

from typing import Any

from nodesim.objects.conditions import find_condition
from nodesim.objects.documents import Document
from nodesim.objects.named import Namespaced
from nodesim.objects.taints import Toleration, parse_toleration
from nodesim.units import quantity_milli, quantity_units
from nodesim.values import value


@value
class Owner:
    """The controlling owner reference of an object."""

    kind: str
    name: str
    uid: str


@value
class PodView(Namespaced):
    """A Pod as controllers and the scheduler read it.  Times in us."""

    namespace: str
    name: str
    uid: str
    resource_version: str
    created_us: int
    labels: dict[str, str]
    owner: Owner | None
    node: str
    phase: str
    ready: str | None
    """Status of the Ready condition (`True`, `False`, `Unknown`), None where there is none."""
    ready_transition_us: int | None
    reason: str
    deletion_us: int | None
    """deletionTimestamp: the instant until which the pod has grace, None while nobody asked for deletion."""
    deletion_grace_seconds: int | None
    grace_seconds: int
    """spec.terminationGracePeriodSeconds."""
    tolerations: tuple[Toleration, ...]
    node_selector: dict[str, str]
    priority: int
    requests: dict[str, int]
    """What it asks for: `cpu` in thousandths, `memory` and all else in units."""
    restart_count: int

    @property
    def terminal(self) -> bool:
        """Succeeded or Failed."""
        return is_terminal(self.phase)

    @property
    def active(self) -> bool:
        """What workload controllers count: not Succeeded, not Failed, nobody asked for its deletion."""
        return not self.terminal and self.deletion_us is None


def is_terminal(phase: str | None) -> bool:
    """Does a pod in this phase run no more?  Source: pkg/api/v1/pod/util.go `IsPodPhaseTerminal`."""
    return phase in ("Succeeded", "Failed")


def controller_of(metadata: dict[str, Any]) -> Owner | None:
    """The owner reference with `controller: true`."""
    for reference in metadata.get("ownerReferences") or ():
        if reference.get("controller"):
            return Owner(reference["kind"], reference["name"], reference.get("uid", ""))
    return None


def pod_requests(spec: dict[str, Any]) -> dict[str, int]:
    """Resource requests of a pod: per resource max(sum of containers + sidecars, largest init step), plus overhead.

    A sidecar is an init container with restartPolicy Always.  A limit stands in where a request is missing, as the
    API server's defaulting does.
    """
    running: dict[str, int] = {}
    largest: dict[str, int] = {}
    sidecars: dict[str, int] = {}
    for container in spec.get("initContainers") or ():
        asked = _container_requests(container)
        if container.get("restartPolicy") == "Always":
            _add(sidecars, asked)
            step = dict(sidecars)
        else:
            step = dict(sidecars)
            _add(step, asked)
        for resource, amount in step.items():
            largest[resource] = max(largest.get(resource, 0), amount)
    for container in spec.get("containers") or ():
        _add(running, _container_requests(container))
    _add(running, sidecars)
    total = {name: max(running.get(name, 0), largest.get(name, 0)) for name in sorted({*running, *largest})}
    _add(total, _amounts(spec.get("overhead") or {}))
    return total


def _container_requests(container: dict[str, Any]) -> dict[str, int]:
    resources = container.get("resources") or {}
    return _amounts({**(resources.get("limits") or {}), **(resources.get("requests") or {})})


def _amounts(source: dict[str, Any]) -> dict[str, int]:
    return {
        name: quantity_milli(amount) if name == "cpu" else quantity_units(amount) for name, amount in source.items()
    }


def _add(total: dict[str, int], more: dict[str, int]) -> None:
    for name, amount in more.items():
        total[name] = total.get(name, 0) + amount


def pod_view(document: Document) -> PodView:
    """The view of a Pod document."""
    metadata = document["metadata"]
    spec = document.get("spec") or {}
    status = document.get("status") or {}
    ready = find_condition(status, "Ready")
    grace = spec.get("terminationGracePeriodSeconds")
    return PodView(
        namespace=metadata.get("namespace", "default"),
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        resource_version=metadata.get("resourceVersion", ""),
        created_us=metadata.get("creationTimestamp") or 0,
        labels=metadata.get("labels") or {},
        owner=controller_of(metadata),
        node=spec.get("nodeName") or "",
        phase=status.get("phase") or "",
        ready=ready["status"] if ready else None,
        ready_transition_us=ready.get("lastTransitionTime") if ready else None,
        reason=status.get("reason") or "",
        deletion_us=metadata.get("deletionTimestamp"),
        deletion_grace_seconds=metadata.get("deletionGracePeriodSeconds"),
        grace_seconds=30 if grace is None else grace,
        tolerations=tuple(parse_toleration(item) for item in spec.get("tolerations") or ()),
        node_selector=spec.get("nodeSelector") or {},
        priority=spec.get("priority") or 0,
        requests=pod_requests(spec),
        restart_count=sum(item.get("restartCount", 0) for item in status.get("containerStatuses") or ()),
    )
