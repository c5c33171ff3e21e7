"""What does the StatefulSet controller read of StatefulSets and of their pods?

Source: api/apps/v1/types.go (StatefulSet), pkg/controller/statefulset/stateful_set_utils.go.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar, Final

from nodesim.controllers.workload.pods import ManagedPod
from nodesim.controllers.workload.views import ReadyingView
from nodesim.objects import Document, Selector, selector_of
from nodesim.units import scaled_value
from nodesim.values import value

REVISION_LABEL: Final = "controller-revision-hash"
POD_NAME_LABEL: Final = "statefulset.kubernetes.io/pod-name"
POD_INDEX_LABEL: Final = "apps.kubernetes.io/pod-index"
_IDENTITY: Final = re.compile(r"(.*)-([0-9]{1,9})", re.DOTALL)


@value
class StatefulSetView(ReadyingView):
    """A StatefulSet as its controller reads it; `document` is the whole of it, for the PUT of its status."""

    KIND: ClassVar = ("apps/v1", "StatefulSet", "statefulsets")

    namespace: str
    name: str
    uid: str
    generation: int
    deletion_us: int | None
    replicas: int
    start: int
    """spec.ordinals.start: the lowest ordinal."""
    selector: Selector
    template: Document
    service: str
    monotonic: bool
    """Its pods come and go one after the other: podManagementPolicy is not Parallel."""
    rolling: bool
    """Its updateStrategy is RollingUpdate, not OnDelete."""
    partition: int | None
    """Pods with a lower ordinal stay at the current revision; None: no rollingUpdate is given."""
    unavailable: int | str
    """maxUnavailable: a number, or a percentage of the replicas."""
    min_ready_seconds: int
    history_limit: int
    status: Document
    document: Document

    @property
    def max_unavailable(self) -> int:
        """How many of its pods may be unavailable during an update, at least one."""
        return max(1, scaled_value(self.unavailable, self.replicas, round_up=False))

    def owns_name(self, pod: str) -> bool:
        """Is a pod of this name one of its identities?  Source: `isMemberOf`."""
        return identity_of(pod)[0] == self.name


def stateful_set_view(document: Document) -> StatefulSetView:
    """The view of a StatefulSet document."""
    metadata, spec = document["metadata"], document["spec"]
    strategy = spec.get("updateStrategy") or {}
    rolling: dict[str, Any] | None = strategy.get("rollingUpdate")
    limit = spec.get("revisionHistoryLimit")
    return StatefulSetView(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        generation=metadata.get("generation") or 0,
        deletion_us=metadata.get("deletionTimestamp"),
        replicas=spec["replicas"],
        start=(spec.get("ordinals") or {}).get("start") or 0,
        selector=selector_of(spec.get("selector")),
        template=spec.get("template") or {},
        service=spec.get("serviceName") or "",
        monotonic=spec.get("podManagementPolicy") != "Parallel",
        rolling=strategy.get("type") == "RollingUpdate",
        partition=None if rolling is None else rolling.get("partition") or 0,
        unavailable=(rolling or {}).get("maxUnavailable") or 1,
        min_ready_seconds=spec.get("minReadySeconds") or 0,
        history_limit=10 if limit is None else limit,
        status=document.get("status") or {},
        document=document,
    )


def identity_of(pod: str) -> tuple[str, int]:
    """(name of the set, ordinal) of a pod's name; ("", -1) where it is none.  Source: `getParentNameAndOrdinal`."""
    found = _IDENTITY.fullmatch(pod)
    return (found[1], int(found[2])) if found is not None else ("", -1)


def ordinal_of(pod: ManagedPod) -> int:
    """A pod's ordinal, -1 where its name has none."""
    return identity_of(pod.name)[1]


def revision_of(pod: ManagedPod) -> str:
    """The name of the revision of which a pod was made."""
    return pod.labels.get(REVISION_LABEL, "")
