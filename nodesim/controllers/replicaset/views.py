"""What does the ReplicaSet controller read of ReplicaSets and of pods?

Sources: api/apps/v1/types.go (ReplicaSet), pkg/apis/core/helper `GetDeletionCostFromPodAnnotations`,
pkg/controller/controller_utils.go `maxContainerRestarts`.
"""

from __future__ import annotations

import re
from typing import Any, Final

from nodesim.objects import Document, Owner, PodView, Selector, controller_of, pod_view, selector_of
from nodesim.values import value

DELETION_COST: Final = "controller.kubernetes.io/pod-deletion-cost"
_WHOLE_NUMBER: Final = re.compile(r"0|-?[1-9]\d{0,9}")
_INT32_MAX: Final = 2**31 - 1


@value
class ReplicaSetView:
    """A ReplicaSet as its controller reads it; `document` is the whole of it, for the PUT of its status."""

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
    def key(self) -> str:
        """`namespace/name`."""
        return f"{self.namespace}/{self.name}"

    def selects(self, labels: dict[str, str]) -> bool:
        """Do the labels match?  A selector without requirements selects nothing (`GetPodReplicaSets`)."""
        return bool(self.selector.requirements) and self.selector.matches(labels)


@value
class ManagedPod:
    """A pod with what only this controller asks of it."""

    pod: PodView
    deletion_cost: int
    """The annotation pod-deletion-cost; 0 where it is absent or not a 32-bit number."""
    restarts_max: int
    """Of its containers, the most restarts."""

    @property
    def ready(self) -> bool:
        """Its Ready condition is True."""
        return self.pod.ready == "True"


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


def managed_pod_view(document: Document) -> ManagedPod:
    """The view of a pod document."""
    statuses: list[dict[str, Any]] = (document.get("status") or {}).get("containerStatuses") or []
    restarts = max((item.get("restartCount") or 0 for item in statuses), default=0)
    return ManagedPod(pod_view(document), _deletion_cost(document["metadata"].get("annotations") or {}), restarts)


def _deletion_cost(annotations: dict[str, str]) -> int:
    text = annotations.get(DELETION_COST, "0")
    if not _WHOLE_NUMBER.fullmatch(text):
        return 0
    cost = int(text)
    return cost if -_INT32_MAX - 1 <= cost <= _INT32_MAX else 0
