"""What is a node's Lease, and what do machines need of it?

Source: api/coordination/v1 (Lease); node leases live in `kube-node-lease` under the node's name.
"""

from __future__ import annotations

from typing import Final

from nodesim.objects.documents import Document
from nodesim.values import value

LEASE_NAMESPACE: Final = "kube-node-lease"


@value
class LeaseView:
    """A Lease as the node controller reads it; `renew_us` is renewTime as its holder's clock gave it."""

    name: str
    renew_us: int
    resource_version: str


def lease_view(document: Document) -> LeaseView:
    """The view of a Lease document."""
    metadata = document["metadata"]
    return LeaseView(metadata["name"], document["spec"].get("renewTime") or 0, metadata["resourceVersion"])
