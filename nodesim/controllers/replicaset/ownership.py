"""How does a ReplicaSet's pod say whose it is, and what does a new one look like?

Source: pkg/controller/controller_utils.go `GetPodFromTemplate`, pkg/controller/controller_ref_manager.go `AdoptPod`,
`ReleasePod`, apimachinery pkg/apis/meta/v1 `NewControllerRef`.
"""

from __future__ import annotations

from typing import Any

from nodesim.controllers.replicaset.views import ReplicaSetView
from nodesim.objects import Document


def controller_reference(rs: ReplicaSetView) -> dict[str, Any]:
    """The owner reference of the ReplicaSet's pods."""
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "name": rs.name,
        "uid": rs.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def pod_from_template(rs: ReplicaSetView) -> Document:
    """A new pod; the server appends to `generateName`."""
    template = rs.template.get("metadata") or {}
    metadata: Document = {"generateName": f"{rs.name}-", "namespace": rs.namespace}
    for field in ("labels", "annotations", "finalizers"):
        if template.get(field):
            metadata[field] = template[field]
    metadata["ownerReferences"] = [controller_reference(rs)]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": rs.template.get("spec") or {}}


def adoption(rs: ReplicaSetView, pod_uid: str) -> Document:
    """The strategic patch that makes the ReplicaSet a pod's controller; the UID guards against a namesake."""
    return {"metadata": {"uid": pod_uid, "ownerReferences": [controller_reference(rs)]}}


def release(rs: ReplicaSetView, pod_uid: str) -> Document:
    """The strategic patch that takes the ReplicaSet out of a pod's owners."""
    return {"metadata": {"uid": pod_uid, "ownerReferences": [{"$patch": "delete", "uid": rs.uid}]}}
