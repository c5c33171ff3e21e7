"""Which slices have to be written so that a Service's endpoints are as they should be?

Endpoints stay in the slice in which they are; those that went leave it, new ones fill up slices that change anyhow,
then make new ones of at most a hundred.  A Service without any endpoint has one empty slice.

Sources: staging endpointslice/reconciler.go `reconcileByPortMapping`, `finalize`; utils.go `newEndpointSlice`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from nodesim.controllers.endpointslice.views import CONTROLLER, MANAGED_BY, SERVICE_NAME, ServiceView, SliceView
from nodesim.objects import Document
from nodesim.values import value

ENDPOINTS_MAX: Final = 100
"""--max-endpoints-per-slice."""


@value
class Writes:
    """What to send: new documents, documents to PUT, and names to DELETE."""

    create: list[Document]
    update: list[Document]
    delete: list[str]


def slices_to_write(service: ServiceView, slices: Sequence[SliceView], wanted: dict[str, Document]) -> Writes:
    """The writes that lead from the present slices to the wanted endpoints (by pod UID)."""
    left = dict(wanted)
    ports = _ports(service)
    changed: list[tuple[SliceView, list[Document]]] = []
    for each in slices:
        present = each.document.get("endpoints") or []
        kept = [left.pop(uid) for uid in map(_uid, present) if uid in left]
        if kept != present or each.document.get("ports") != ports:
            changed.append((each, kept))
    new = list(left.values())
    for _, kept in changed:
        room = ENDPOINTS_MAX - len(kept)
        kept += new[:room]
        new = new[room:]
    if new and not changed:
        new = _fill_one(slices, new, changed)
    empty = [each for each, kept in changed if not kept]
    remaining = len(slices) - len(empty)
    keep_one = empty[0].name if empty and not remaining and not new else None
    writes = Writes([], [], [])
    for each, kept in changed:
        if kept or each.name == keep_one:
            writes.update.append({**each.document, "endpoints": kept, "ports": ports})
        else:
            writes.delete.append(each.name)
    for start in range(0, len(new), ENDPOINTS_MAX):
        writes.create.append(_new_slice(service, new[start : start + ENDPOINTS_MAX], ports))
    if not slices and not writes.create:
        writes.create.append(_new_slice(service, [], ports))
    return writes


def _fill_one(
    slices: Sequence[SliceView], new: list[Document], changed: list[tuple[SliceView, list[Document]]]
) -> list[Document]:
    """Nothing else changes: the fullest slice that has room for all that is new takes it."""
    fits = [each for each in slices if len(each.document.get("endpoints") or []) + len(new) <= ENDPOINTS_MAX]
    if not fits:
        return new
    fullest = max(fits, key=lambda each: len(each.document.get("endpoints") or []))
    changed.append((fullest, [*(fullest.document.get("endpoints") or []), *new]))
    return []


def _uid(endpoint: dict[str, Any]) -> str:
    uid: str = (endpoint.get("targetRef") or {}).get("uid", "")
    return uid


def _ports(service: ServiceView) -> list[Document]:
    """Ports as numbers; a named target port stands for the Service's own number, as no container port is modelled."""
    return [
        {
            "name": port.get("name") or "",
            "port": target if type(target := port.get("targetPort", port.get("port"))) is int else port.get("port"),
            "protocol": port.get("protocol") or "TCP",
        }
        for port in service.ports
    ]


def _new_slice(service: ServiceView, endpoints: list[Document], ports: list[Document]) -> Document:
    owner = {
        "apiVersion": "v1",
        "kind": "Service",
        "name": service.name,
        "uid": service.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "generateName": f"{service.name}-",
            "namespace": service.namespace,
            "labels": {SERVICE_NAME: service.name, MANAGED_BY: CONTROLLER},
            "ownerReferences": [owner],
        },
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": ports,
    }
