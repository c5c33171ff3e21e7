"""What do the cloud controllers read of a Node?"""

from __future__ import annotations

from typing import Any, Final

from nodesim.objects import Document, decode_document, encode_document
from nodesim.values import value

UNINITIALIZED: Final = "node.cloudprovider.kubernetes.io/uninitialized"
SHUTDOWN: Final = "node.cloudprovider.kubernetes.io/shutdown"
"""Keys of the taints; source: staging/src/k8s.io/cloud-provider/api/well_known_taints.go."""


@value
class CloudNode:
    """A Node; its document stays beside what is read of it, since it is written back whole."""

    name: str
    uid: str
    provider_id: str
    ready: str
    """Status of Ready, `Unknown` where there is none."""
    network_unavailable: str
    """Status of NetworkUnavailable, "" where there is none."""
    labels: dict[str, str]
    taints: tuple[tuple[str, str], ...]
    """Keys and effects."""
    addresses: tuple[tuple[str, str], ...]
    """Types and addresses."""
    pod_cidrs: tuple[str, ...]
    packed: bytes

    @property
    def uninitialized(self) -> bool:
        """Does it wait for the cloud, whatever the taint's effect?"""
        return any(key == UNINITIALIZED for key, _ in self.taints)

    @property
    def document(self) -> Document:
        """The whole document, as the cache has it."""
        return decode_document(self.packed)


def cloud_node(document: Document) -> CloudNode:
    """The view of a Node document."""
    metadata: dict[str, Any] = document["metadata"]
    spec, status = document.get("spec") or {}, document.get("status") or {}
    conditions = {each["type"]: each.get("status") or "" for each in status.get("conditions") or ()}
    return CloudNode(
        metadata["name"],
        metadata.get("uid", ""),
        spec.get("providerID") or "",
        conditions.get("Ready", "Unknown"),
        conditions.get("NetworkUnavailable", ""),
        metadata.get("labels") or {},
        tuple((taint["key"], taint["effect"]) for taint in spec.get("taints") or ()),
        tuple((each["type"], each.get("address") or "") for each in status.get("addresses") or ()),
        tuple(spec.get("podCIDRs") or ()),
        encode_document(document),
    )
