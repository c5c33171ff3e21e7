"""How does an object say whose it is, and what does a new pod of a workload look like?

Source: pkg/controller/controller_utils.go `GetPodFromTemplate`, pkg/controller/controller_ref_manager.go `AdoptPod`,
`ReleasePod`, apimachinery pkg/apis/meta/v1 `NewControllerRef`.
"""

from __future__ import annotations

from typing import Any

from nodesim.objects import Document, Namespaced, Owner
from nodesim.values import value


@value
class Parent(Namespaced):
    """An object that controls others; `resource` is its plural."""

    api_version: str
    kind: str
    resource: str
    namespace: str
    name: str
    uid: str

    @property
    def ref(self) -> str:
        """As records name it."""
        return f"{self.kind}/{self.key}"

    def reference(self) -> dict[str, Any]:
        """The owner reference of what it controls."""
        return {
            "apiVersion": self.api_version,
            "kind": self.kind,
            "name": self.name,
            "uid": self.uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }

    def controls(self, owner: Owner | None) -> bool:
        """Is it meant by a controlling owner reference?"""
        return owner is not None and owner.uid == self.uid


def pod_from_template(parent: Parent, template: Document) -> Document:
    """A new pod; the server appends to `generateName`."""
    source = template.get("metadata") or {}
    metadata: Document = {"generateName": f"{parent.name}-", "namespace": parent.namespace}
    for field in ("labels", "annotations", "finalizers"):
        if source.get(field):
            metadata[field] = source[field]
    metadata["ownerReferences"] = [parent.reference()]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template.get("spec") or {}}


def adoption(parent: Parent, uid: str, finalizers: tuple[str, ...] = ()) -> Document:
    """The strategic patch that gives an object a controller; the UID guards against a namesake."""
    metadata: Document = {"uid": uid, "ownerReferences": [parent.reference()]}
    if finalizers:
        metadata["finalizers"] = list(finalizers)
    return {"metadata": metadata}


def release(parent: Parent, uid: str) -> Document:
    """The strategic patch that takes a controller out of an object's owners."""
    return {"metadata": {"uid": uid, "ownerReferences": [{"$patch": "delete", "uid": parent.uid}]}}
