"""What does the garbage collector read of an object?  Metadata only, of every kind.

Source: pkg/controller/garbagecollector/graph.go `objectReference`; metav1 `OwnerReference`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import attrs

from nodesim.apiserver.registry import Resource
from nodesim.apiserver.unmodelled import resource_of
from nodesim.objects import Document
from nodesim.values import value

ORPHAN: Final = "orphan"
FOREGROUND: Final = "foregroundDeletion"


@attrs.frozen
class Identity:
    """Which object: its resource's name in requests, its kind and address, and its uid."""

    resource: str
    kind: str
    namespace: str
    name: str
    uid: str

    @property
    def ref(self) -> str:
        """As records name it."""
        return f"{self.kind}/{self.namespace}/{self.name}" if self.namespace else f"{self.kind}/{self.name}"

    @property
    def order(self) -> tuple[str, str, str, str]:
        """Its place among others."""
        return (self.resource, self.namespace, self.name, self.uid)


@value
class OwnerReference:
    """One owner that an object names; `blocks`: the owner's foreground deletion waits for the object."""

    resource: str
    kind: str
    namespaced: bool
    name: str
    uid: str
    blocks: bool

    def identity(self, namespace: str) -> Identity:
        """The owner of an object in this namespace; an owner is in the same one, or in none."""
        return Identity(self.resource, self.kind, namespace if self.namespaced else "", self.name, self.uid)


@value
class OwnedObject:
    """An object with its owners.  References without a uid name nobody for certain and do not count."""

    identity: Identity
    owners: tuple[OwnerReference, ...]
    finalizers: tuple[str, ...]
    being_deleted: bool

    def waits_with(self, finalizer: str) -> bool:
        """It is being deleted, and held by this finalizer."""
        return self.being_deleted and finalizer in self.finalizers


def view_of(resource: Resource) -> Callable[[Document], OwnedObject]:
    """The view of a resource's documents."""

    def owned_object(document: Document) -> OwnedObject:
        metadata = document["metadata"]
        return OwnedObject(
            Identity(
                resource.name, document["kind"], metadata.get("namespace") or "", metadata["name"], metadata["uid"]
            ),
            owners_of(metadata),
            tuple(metadata.get("finalizers") or ()),
            metadata.get("deletionTimestamp") is not None,
        )

    return owned_object


def owners_of(metadata: dict[str, Any]) -> tuple[OwnerReference, ...]:
    """The owners that metadata name."""
    found = []
    for reference in metadata.get("ownerReferences") or ():
        if reference.get("uid"):
            resource = resource_of(reference.get("apiVersion") or "v1", reference["kind"])
            blocks = bool(reference.get("blockOwnerDeletion"))
            found.append(
                OwnerReference(
                    resource.name,
                    reference["kind"],
                    resource.namespaced,
                    reference["name"],
                    reference["uid"],
                    blocks,
                )
            )
    return tuple(found)
