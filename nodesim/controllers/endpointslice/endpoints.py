"""Is a pod an endpoint of a Service, in which state, and which Services does a change of a pod concern?

Sources: staging endpointslice/util/controller_utils.go (`ShouldPodBeInEndpoints`, `podEndpointsChanged`,
`GetServicesToUpdateOnPodChange`), endpointslice/utils.go `podToEndpoint`, and the loop over pods in
endpointslice/reconciler.go `reconcileByAddressType`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from nodesim.controllers.endpointslice.views import EndpointPod, ServiceView
from nodesim.objects import Document
from nodesim.values import value


@value
class Wanted:
    """The endpoints that a Service should have by pod UID, and why some pods are left out."""

    endpoints: dict[str, Document]
    errors: list[str]


def wanted_endpoints(service: ServiceView, pods: Iterable[EndpointPod], nodes: Collection[str]) -> Wanted:
    """All pods of a Service that have an address and are not Succeeded or Failed; Terminating ones stay.

    A pod whose Node object is missing is left out and makes the sync an error, which is tried again.
    """
    wanted = Wanted({}, [])
    for pod in pods:
        if pod.terminal or not pod.ip:
            continue
        if pod.node not in nodes and not service.publish_not_ready:
            wanted.errors.append(
                f"skipping Pod {pod.name} for Service {service.namespace}/{service.name}: Node {pod.node} Not Found"
            )
            continue
        wanted.endpoints[pod.uid] = endpoint_of(service, pod)
    return wanted


def endpoint_of(service: ServiceView, pod: EndpointPod) -> Document:
    """The endpoint of one pod.

    `serving` is the pod's Ready, `terminating` whether deletion was asked for, and `ready` both serving and not
    terminating (or always, where the Service publishes addresses that are not ready).
    """
    return {
        "addresses": [pod.ip],
        "conditions": {
            "ready": service.publish_not_ready or (pod.ready and not pod.terminating),
            "serving": pod.ready,
            "terminating": pod.terminating,
        },
        "targetRef": {"kind": "Pod", "namespace": pod.namespace, "name": pod.name, "uid": pod.uid},
        "nodeName": pod.node,
    }


def concerned(services: Iterable[ServiceView], old: EndpointPod | None, new: EndpointPod | None) -> list[str]:
    """The Services (`namespace/name`) to sync when a pod came, changed or went.

    Its node and its phase do not count, though a pod that is finished leaves the slices: the next sync sees it.
    """
    if old is None or new is None:
        return [each.key for each in services if any(pod is not None and each.selects(pod) for pod in (old, new))]
    changed = _looks_changed(old, new)
    if old.labels == new.labels:
        return [each.key for each in services if each.selects(new)] if changed else []
    found = []
    for each in services:
        was, is_now = each.selects(old), each.selects(new)
        if was != is_now or (changed and was):
            found.append(each.key)
    return found


def _looks_changed(old: EndpointPod, new: EndpointPod) -> bool:
    """Deletion times are compared by their addresses there: every change of a Terminating pod counts."""
    return old.terminating or new.terminating or (old.ready, old.ip) != (new.ready, new.ip)


def error_text(errors: list[str]) -> str:
    """As Kubernetes' error aggregates are written."""
    return errors[0] if len(errors) == 1 else f"[{', '.join(errors)}]"
