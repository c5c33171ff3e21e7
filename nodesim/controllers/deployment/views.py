"""What does the Deployment controller read of Deployments and of pods?

ReplicaSets are read as their own controller reads them.
Source: api/apps/v1/types.go (Deployment), pkg/controller/deployment/util/deployment_util.go `ResolveFenceposts`,
`MaxSurge`, `MaxUnavailable`, `HasProgressDeadline`, `HasRevisionHistoryLimit`.
"""

from __future__ import annotations

from typing import ClassVar, Final

from nodesim.controllers.workload.views import WorkloadView
from nodesim.objects import Document, Namespaced, Owner, Selector, controller_of, is_terminal, selector_of
from nodesim.units import scaled_value
from nodesim.values import value

ROLLING_UPDATE: Final = "RollingUpdate"
RECREATE: Final = "Recreate"
_NO_LIMIT: Final = 2**31 - 1
"""The largest 32-bit number stands for none."""


@value
class DeploymentView(WorkloadView):
    """A Deployment as its controller reads it; `document` is the whole of it, for the PUT of its status."""

    KIND: ClassVar = ("apps/v1", "Deployment", "deployments")

    namespace: str
    name: str
    uid: str
    generation: int
    deletion_us: int | None
    annotations: dict[str, str]
    replicas: int
    selector: Selector
    template: Document
    min_ready_seconds: int
    paused: bool
    strategy: str
    surge: int | str
    """maxSurge: a number, or a percentage of the replicas."""
    unavailable: int | str
    """maxUnavailable, likewise."""
    history_limit: int | None
    """How many old ReplicaSets are kept; None: all."""
    deadline_seconds: int | None
    """progressDeadlineSeconds; None: progress is not judged."""
    status: Document
    document: Document

    @property
    def rolling(self) -> bool:
        """Its strategy is RollingUpdate."""
        return self.strategy == ROLLING_UPDATE

    @property
    def max_surge(self) -> int:
        """How many pods more than wanted it may have."""
        return self._fenceposts()[0] if self.rolling else 0

    @property
    def max_unavailable(self) -> int:
        """How many pods fewer than wanted may be available."""
        if not self.rolling or self.replicas == 0:
            return 0
        return min(self._fenceposts()[1], self.replicas)

    @property
    def min_available(self) -> int:
        """How many pods must stay available."""
        return self.replicas - self.max_unavailable

    def _fenceposts(self) -> tuple[int, int]:
        """Surge rounds up, unavailability down; if both come to nothing, one pod may be unavailable."""
        surge = scaled_value(self.surge, self.replicas, round_up=True)
        unavailable = scaled_value(self.unavailable, self.replicas, round_up=False)
        return (surge, unavailable) if surge or unavailable else (0, 1)


def deployment_view(document: Document) -> DeploymentView:
    """The view of a Deployment document."""
    metadata, spec = document["metadata"], document["spec"]
    strategy = spec.get("strategy") or {}
    rolling = strategy.get("rollingUpdate") or {}
    return DeploymentView(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        generation=metadata.get("generation") or 0,
        deletion_us=metadata.get("deletionTimestamp"),
        annotations=metadata.get("annotations") or {},
        replicas=spec["replicas"],
        selector=selector_of(spec.get("selector")),
        template=spec.get("template") or {},
        min_ready_seconds=spec.get("minReadySeconds") or 0,
        paused=bool(spec.get("paused")),
        strategy=strategy.get("type") or "",
        surge=rolling.get("maxSurge") or 0,
        unavailable=rolling.get("maxUnavailable") or 0,
        history_limit=_limit(spec.get("revisionHistoryLimit")),
        deadline_seconds=_limit(spec.get("progressDeadlineSeconds")),
        status=document.get("status") or {},
        document=document,
    )


def _limit(number: int | None) -> int | None:
    return None if number == _NO_LIMIT else number


@value
class PodOfSet(Namespaced):
    """Of a pod: whose it is, and whether it may still run."""

    namespace: str
    name: str
    uid: str
    labels: dict[str, str]
    owner: Owner | None
    deletion_us: int | None
    phase: str

    @property
    def terminal(self) -> bool:
        """Succeeded or Failed."""
        return is_terminal(self.phase)


def pod_of_set_view(document: Document) -> PodOfSet:
    """The view of a pod document."""
    metadata = document["metadata"]
    return PodOfSet(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        labels=metadata.get("labels") or {},
        owner=controller_of(metadata),
        deletion_us=metadata.get("deletionTimestamp"),
        phase=(document.get("status") or {}).get("phase") or "",
    )
