"""What do workload controllers read of a pod, and when does it count as available?

Sources: pkg/apis/core/helper `GetDeletionCostFromPodAnnotations`, pkg/controller/controller_utils.go
`maxContainerRestarts`, pkg/api/v1/pod `IsPodAvailable`.
"""

from __future__ import annotations

import re
from typing import Any, Final

from nodesim.objects import Document, Owner, PodView, pod_view
from nodesim.units import SECOND
from nodesim.values import value

DELETION_COST: Final = "controller.kubernetes.io/pod-deletion-cost"
_WHOLE_NUMBER: Final = re.compile(r"0|-?[1-9]\d{0,9}")
_INT32_MAX: Final = 2**31 - 1


@value
class ManagedPod:
    """A pod with what only workload controllers ask of it."""

    pod: PodView
    deletion_cost: int
    """The annotation pod-deletion-cost; 0 where it is absent or not a 32-bit number."""
    restarts_max: int
    """Of its containers, the most restarts."""
    target: str = ""
    """The node where it is, or the one that its affinity names."""

    @property
    def key(self) -> str:
        """`namespace/name`."""
        return self.pod.key

    @property
    def namespace(self) -> str:
        """Its namespace."""
        return self.pod.namespace

    @property
    def name(self) -> str:
        """Its name."""
        return self.pod.name

    @property
    def uid(self) -> str:
        """Its UID."""
        return self.pod.uid

    @property
    def owner(self) -> Owner | None:
        """Its controller."""
        return self.pod.owner

    @property
    def deletion_us(self) -> int | None:
        """Its deletionTimestamp."""
        return self.pod.deletion_us

    @property
    def labels(self) -> dict[str, str]:
        """Its labels."""
        return self.pod.labels

    @property
    def ready(self) -> bool:
        """Its Ready condition is True."""
        return self.pod.ready == "True"


def managed_pod_view(document: Document) -> ManagedPod:
    """The view of a pod document."""
    statuses: list[dict[str, Any]] = (document.get("status") or {}).get("containerStatuses") or []
    restarts = max((item.get("restartCount") or 0 for item in statuses), default=0)
    pod, cost = pod_view(document), _deletion_cost(document["metadata"].get("annotations") or {})
    return ManagedPod(pod, cost, restarts, pod.node or _named_node(document.get("spec") or {}))


def _named_node(spec: Document) -> str:
    """Source: pkg/controller/daemon/util `GetTargetNodeName`: the first field that names one node."""
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    for term in required.get("nodeSelectorTerms") or ():
        for field in term.get("matchFields") or ():
            if field["key"] == "metadata.name" and field["operator"] == "In":
                values: list[str] = field.get("values") or []
                return values[0] if len(values) == 1 else ""
    return ""


def _deletion_cost(annotations: dict[str, str]) -> int:
    text = annotations.get(DELETION_COST, "0")
    if not _WHOLE_NUMBER.fullmatch(text):
        return 0
    cost = int(text)
    return cost if -_INT32_MAX - 1 <= cost <= _INT32_MAX else 0


def available(pod: ManagedPod, min_ready_seconds: int, wall_us: int) -> bool:
    """Ready, and for longer than `min_ready_seconds`."""
    if not pod.ready:
        return False
    if min_ready_seconds == 0:
        return True
    since_us = pod.pod.ready_transition_us
    return since_us is not None and since_us + min_ready_seconds * SECOND < wall_us
