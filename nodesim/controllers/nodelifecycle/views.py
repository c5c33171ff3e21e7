"""What does the controller keep of the nodes and pods it hears of?

Writes of a status are PUTs of the whole object as the cache has it (NLC `tryUpdateNodeHealth`, CU `MarkPodsNotReady`:
both call UpdateStatus on a copy of the cached object), so the document stays beside what is read of it.
"""

from __future__ import annotations

from typing import Final

from nodesim.objects import (
    Document,
    NodeView,
    controller_of,
    decode_document,
    encode_document,
    find_condition,
    node_view,
    zone_key,
)
from nodesim.objects.taints import NO_EXECUTE, NOT_READY, UNREACHABLE
from nodesim.values import value

EXCLUDE_DISRUPTION: Final = "node.kubernetes.io/exclude-disruption"
"""Label, any value: the node does not count in its zone (NLC `isNodeExcludedFromDisruptionChecks`)."""


@value
class NodeObject:
    """A Node, its document, and what every pass asks of it."""

    view: NodeView
    packed: bytes
    """The document's wire form: it is wanted only when the node changes, and takes a tenth of the room."""
    zone: str
    """The zone key, "" without zone labels."""
    excluded: bool
    """It does not count in its zone."""
    ours: tuple[str, ...]
    """Keys of the controller's own NoExecute taints it carries, unreachable first."""

    @property
    def name(self) -> str:
        """The node's name."""
        return self.view.name

    @property
    def document(self) -> Document:
        """The whole document, as the cache has it."""
        return decode_document(self.packed)

    @property
    def ready(self) -> str | None:
        """Status of the Ready condition, None without one."""
        ready = self.view.conditions.get("Ready")
        return ready.status if ready else None


def node_object(document: Document) -> NodeObject:
    """The view of a Node document for this controller."""
    view = node_view(document)
    keys = [taint.key for taint in view.taints if taint.effect == NO_EXECUTE]
    return NodeObject(
        view,
        encode_document(document),
        zone_key(view.labels),
        EXCLUDE_DISRUPTION in view.labels,
        tuple(key for key in (UNREACHABLE, NOT_READY) if key in keys),
    )


@value
class PodObject:
    """A Pod as far as this controller cares: where it is bound, and its Ready condition (None without one)."""

    namespace: str
    name: str
    uid: str
    node: str
    ready: str | None
    going: bool
    """Its deletion was asked for."""
    daemon: bool
    """A DaemonSet controls it."""
    document: Document


def pod_object(document: Document) -> PodObject:
    """The view of a Pod document for this controller."""
    metadata = document["metadata"]
    ready = find_condition(document.get("status") or {}, "Ready")
    owner = controller_of(metadata)
    return PodObject(
        metadata.get("namespace", "default"),
        metadata["name"],
        metadata.get("uid", ""),
        (document.get("spec") or {}).get("nodeName") or "",
        None if ready is None else ready.get("status", ""),
        metadata.get("deletionTimestamp") is not None,
        owner is not None and owner.kind == "DaemonSet",
        document,
    )
