"""What does the pod garbage collector read of pods and nodes?"""

from __future__ import annotations

from typing import Any

from nodesim.objects import Document, Namespaced, is_condition_true, is_terminal
from nodesim.objects.taints import OUT_OF_SERVICE
from nodesim.values import value


@value
class CollectedPod(Namespaced):
    """A pod, as far as its removal is concerned."""

    namespace: str
    name: str
    uid: str
    node: str
    phase: str
    reason: str
    created_us: int
    terminating: bool
    """Its deletion was asked for."""
    conditions: tuple[dict[str, Any], ...]

    @property
    def terminal(self) -> bool:
        """Succeeded or Failed."""
        return is_terminal(self.phase)


@value
class CollectedNode:
    """A node: is it Ready, does a person say that it will not come back?"""

    ready: bool
    out_of_service: bool
    """It carries the taint, with whatever value and effect."""


def collected_pod(document: Document) -> CollectedPod:
    """The view of a Pod document."""
    metadata, status = document["metadata"], document.get("status") or {}
    return CollectedPod(
        namespace=metadata.get("namespace", "default"),
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        node=(document.get("spec") or {}).get("nodeName") or "",
        phase=status.get("phase") or "",
        reason=status.get("reason") or "",
        created_us=metadata.get("creationTimestamp") or 0,
        terminating=metadata.get("deletionTimestamp") is not None,
        conditions=tuple(status.get("conditions") or ()),
    )


def collected_node(document: Document) -> CollectedNode:
    """The view of a Node document."""
    taints = (document.get("spec") or {}).get("taints") or ()
    return CollectedNode(
        ready=is_condition_true(document.get("status") or {}, "Ready"),
        out_of_service=any(taint["key"] == OUT_OF_SERVICE for taint in taints),
    )
