"""What does the DaemonSet controller read of DaemonSets and of nodes?

Source: api/apps/v1/types.go (DaemonSet), pkg/controller/daemon/util/daemonset_util.go.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from nodesim.controllers.workload.pods import ManagedPod
from nodesim.controllers.workload.views import ReadyingView
from nodesim.objects import Document, Selector, Taint, Toleration, parse_taint, parse_toleration, selector_of, shared
from nodesim.objects.taints import (
    DISK_PRESSURE,
    MEMORY_PRESSURE,
    NETWORK_UNAVAILABLE,
    NO_EXECUTE,
    NO_SCHEDULE,
    NOT_READY,
    PID_PRESSURE,
    UNREACHABLE,
    UNSCHEDULABLE,
)
from nodesim.scheduler.affinity import NodeSelectorTerm, parse_required_node_affinity
from nodesim.units import scaled_value
from nodesim.values import value

REVISION_LABEL: Final = "controller-revision-hash"
GENERATION_LABEL: Final = "pod-template-generation"
GENERATION_ANNOTATION: Final = "deprecated.daemonset.template.generation"

_TOLERATED: Final = (
    (NOT_READY, NO_EXECUTE),
    (UNREACHABLE, NO_EXECUTE),
    (DISK_PRESSURE, NO_SCHEDULE),
    (MEMORY_PRESSURE, NO_SCHEDULE),
    (PID_PRESSURE, NO_SCHEDULE),
    (UNSCHEDULABLE, NO_SCHEDULE),
)
_TOLERATED_ON_THE_HOST: Final = ((NETWORK_UNAVAILABLE, NO_SCHEDULE),)
"""What its pods tolerate for ever, the last where they use the node's network."""


@value
class DaemonSetView(ReadyingView):
    """A DaemonSet as its controller reads it; `document` is the whole of it, for the PUT of its status."""

    KIND: ClassVar = ("apps/v1", "DaemonSet", "daemonsets")

    namespace: str
    name: str
    uid: str
    generation: int
    deletion_us: int | None
    selector: Selector
    template: Document
    node_name: str
    """Its template's nodeName: where it may be only."""
    node_selector: dict[str, str]
    terms: tuple[NodeSelectorTerm, ...] | None
    """Its template's required node affinity."""
    tolerations: tuple[Toleration, ...]
    """Its pods', with those that the controller adds."""
    rolling: bool
    """Its updateStrategy is RollingUpdate, not OnDelete."""
    unavailable: int | str
    surge: int | str
    min_ready_seconds: int
    history_limit: int
    template_generation: str
    """Of the annotation; "" where there is none."""
    annotations: dict[str, str]
    status: Document
    document: Document

    def max_unavailable(self, nodes: int) -> int:
        """On how many of so many nodes it may be unavailable during an update."""
        return scaled_value(self.unavailable, nodes, round_up=True) if self.rolling else 0

    def max_surge(self, nodes: int) -> int:
        """On how many of them an old and a new pod may be side by side."""
        return scaled_value(self.surge, nodes, round_up=True) if self.rolling else 0

    @property
    def surges(self) -> bool:
        """May there be two pods on a node?"""
        return self.max_surge(1) > 0

    def made_of(self, pod: ManagedPod, revision: str) -> bool:
        """Is a pod made of the template of today?  Source: `IsPodUpdated`."""
        generation = self.template_generation
        by_generation = bool(generation) and pod.labels.get(GENERATION_LABEL) == generation
        return by_generation or (bool(revision) and pod.labels.get(REVISION_LABEL) == revision)


def daemon_set_view(document: Document) -> DaemonSetView:
    """The view of a DaemonSet document."""
    metadata, spec = document["metadata"], document["spec"]
    strategy = spec.get("updateStrategy") or {}
    rolling: dict[str, Any] = strategy.get("rollingUpdate") or {}
    limit = spec.get("revisionHistoryLimit")
    template = spec.get("template") or {}
    pod = template.get("spec") or {}
    annotations = metadata.get("annotations") or {}
    return DaemonSetView(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        generation=metadata.get("generation") or 0,
        deletion_us=metadata.get("deletionTimestamp"),
        selector=selector_of(spec.get("selector")),
        template=template,
        node_name=pod.get("nodeName") or "",
        node_selector=pod.get("nodeSelector") or {},
        terms=parse_required_node_affinity(pod),
        tolerations=tuple(parse_toleration(item) for item in tolerations_of(pod)),
        rolling=strategy.get("type") == "RollingUpdate",
        unavailable=rolling.get("maxUnavailable") or 0,
        surge=rolling.get("maxSurge") or 0,
        min_ready_seconds=spec.get("minReadySeconds") or 0,
        history_limit=10 if limit is None else limit,
        template_generation=annotations.get(GENERATION_ANNOTATION, ""),
        annotations=annotations,
        status=document.get("status") or {},
        document=document,
    )


def tolerations_of(spec: Document) -> list[Document]:
    """A pod spec's tolerations and those of daemons.

    What is there already with the same key, effect, operator and value is put right, not doubled.
    Source: `AddOrUpdateDaemonPodTolerations`.
    """
    found: list[Document] = list(spec.get("tolerations") or ())
    for key, effect in _TOLERATED + (_TOLERATED_ON_THE_HOST if spec.get("hostNetwork") else ()):
        own = {"key": key, "operator": "Exists", "effect": effect}
        same = [place for place, item in enumerate(found) if _sort_of(item) == _sort_of(own)]
        for place in same:
            found[place] = own
        if not same:
            found.append(own)
    return found


def _sort_of(toleration: Document) -> tuple[str, str, str, str]:
    key, effect, operator, word = (toleration.get(part) or "" for part in ("key", "effect", "operator", "value"))
    return key, effect, operator, word


@value
class DaemonNode:
    """A node as far as it decides who runs there."""

    name: str
    labels: dict[str, str]
    taints: tuple[Taint, ...]


def daemon_node(document: Document) -> DaemonNode:
    """The view of a Node document."""
    metadata, spec = document["metadata"], document.get("spec") or {}
    taints = tuple(parse_taint(item) for item in spec.get("taints") or ())
    return DaemonNode(metadata["name"], shared(metadata.get("labels") or {}), taints)
