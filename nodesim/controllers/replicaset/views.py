"""What does the ReplicaSet controller read of ReplicaSets?

Source: api/apps/v1/types.go (ReplicaSet).
"""

from __future__ import annotations

from typing import ClassVar

from nodesim.controllers.workload.views import ReadyingView
from nodesim.objects import Document, Owner, Selector, controller_of, selector_of
from nodesim.values import value


@value
class ReplicaSetView(ReadyingView):
    """A ReplicaSet as its controller reads it; `document` is the whole of it, for the PUT of its status."""

    KIND: ClassVar = ("apps/v1", "ReplicaSet", "replicasets")

    namespace: str
    name: str
    uid: str
    resource_version: str
    generation: int
    deletion_us: int | None
    owner: Owner | None
    """The Deployment, if any."""
    replicas: int
    selector: Selector
    min_ready_seconds: int
    template: Document
    status: Document
    document: Document

    @property
    def created_us(self) -> int:
        """When it was made (us)."""
        return self.document["metadata"].get("creationTimestamp") or 0

    @property
    def labels(self) -> dict[str, str]:
        """Its labels."""
        return self.document["metadata"].get("labels") or {}

    @property
    def annotations(self) -> dict[str, str]:
        """Its annotations."""
        return self.document["metadata"].get("annotations") or {}

    @property
    def available_replicas(self) -> int:
        """How many of its pods are available, as its controller saw them last."""
        return self.status.get("availableReplicas") or 0


def replica_set_view(document: Document) -> ReplicaSetView:
    """The view of a ReplicaSet document."""
    metadata = document["metadata"]
    spec = document.get("spec") or {}
    replicas = spec.get("replicas")
    return ReplicaSetView(
        namespace=metadata.get("namespace", "default"),
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        resource_version=metadata.get("resourceVersion", ""),
        generation=metadata.get("generation") or 0,
        deletion_us=metadata.get("deletionTimestamp"),
        owner=controller_of(metadata),
        replicas=1 if replicas is None else replicas,
        selector=selector_of(spec.get("selector")),
        min_ready_seconds=spec.get("minReadySeconds") or 0,
        template=spec.get("template") or {},
        status=document.get("status") or {},
        document=document,
    )
