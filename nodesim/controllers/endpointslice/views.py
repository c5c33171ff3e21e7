"""What does the EndpointSlice controller read of Services, pods and slices?

Sources: api/core/v1/types.go (Service), api/discovery/v1/types.go (EndpointSlice).
"""

from __future__ import annotations

from typing import Any, Final

from nodesim.objects import Document, Namespaced, pod_view
from nodesim.values import value

SERVICE_NAME: Final = "kubernetes.io/service-name"
MANAGED_BY: Final = "endpointslice.kubernetes.io/managed-by"
CONTROLLER: Final = "endpointslice-controller.k8s.io"
_PUBLISH: Final = "service.alpha.kubernetes.io/tolerate-unready-endpoints"


@value
class ServiceView(Namespaced):
    """A Service with a selector, or without one (`selector` None: nobody makes slices for it)."""

    namespace: str
    name: str
    uid: str
    selector: dict[str, str] | None
    ports: list[dict[str, Any]]
    publish_not_ready: bool

    def selects(self, pod: EndpointPod) -> bool:
        """Is the pod one of its own?"""
        return (
            self.selector is not None
            and pod.namespace == self.namespace
            and self.selector.items() <= pod.labels.items()
        )


@value
class EndpointPod:
    """Of a pod, all that an endpoint tells of it."""

    namespace: str
    name: str
    uid: str
    labels: dict[str, str]
    node: str
    ip: str
    ready: bool
    terminating: bool
    terminal: bool


@value
class SliceView:
    """An EndpointSlice that this controller made."""

    namespace: str
    name: str
    service: str
    """`namespace/name` of its Service."""
    document: Document

    @property
    def version(self) -> int:
        """Its resourceVersion."""
        return int(self.document["metadata"]["resourceVersion"])


def service_view(document: Document) -> ServiceView:
    """The view of a Service document."""
    metadata, spec = document["metadata"], document.get("spec") or {}
    selects = spec.get("selector") and spec.get("type") != "ExternalName"
    annotated = (metadata.get("annotations") or {}).get(_PUBLISH) == "true"
    return ServiceView(
        namespace=metadata.get("namespace", "default"),
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        selector=spec["selector"] if selects else None,
        ports=spec.get("ports") or [],
        publish_not_ready=bool(spec.get("publishNotReadyAddresses")) or annotated,
    )


def endpoint_pod(document: Document) -> EndpointPod:
    """The view of a Pod document."""
    pod = pod_view(document)
    return EndpointPod(
        namespace=pod.namespace,
        name=pod.name,
        uid=pod.uid,
        labels=pod.labels,
        node=pod.node,
        ip=(document.get("status") or {}).get("podIP") or "",
        ready=pod.ready == "True",
        terminating=pod.deletion_us is not None,
        terminal=pod.terminal,
    )


def slice_view(document: Document) -> SliceView | None:
    """The view of an EndpointSlice document; None for one that somebody else keeps."""
    metadata = document["metadata"]
    labels = metadata.get("labels") or {}
    if labels.get(MANAGED_BY) != CONTROLLER or SERVICE_NAME not in labels:
        return None
    namespace = metadata.get("namespace", "default")
    return SliceView(namespace, metadata["name"], f"{namespace}/{labels[SERVICE_NAME]}", document)
