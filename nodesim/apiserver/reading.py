"""Can the bytes of a request be read as an object of the resource, under the name that was asked for?

The one place where documents from outside are decoded and checked; every fault is a 400.
Source: apiserver pkg/endpoints/handlers (create.go, update.go, patch.go, rest.go `checkName`, namer.go).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from nodesim.apiserver import failures
from nodesim.apiserver.registry import Resource
from nodesim.apiserver.shapes import misshapen
from nodesim.apiserver.store import Store, Stored
from nodesim.errors import FrameError
from nodesim.messages import Failure
from nodesim.objects import Document, check_plain, decode_document
from nodesim.objects.documents import DOCUMENT_BYTES_MAX

Served: TypeAlias = Mapping[str, Resource]
"""The resources of a server by their names in requests."""


def find_resource(served: Served, name: str, subresource: str = "") -> Resource | Failure:
    """The resource of a request, or 404."""
    resource = served.get(name)
    if resource is None or (subresource and subresource not in _subresources_of(resource)):
        return failures.unknown_resource()
    return resource


def _subresources_of(resource: Resource) -> tuple[str, ...]:
    if resource.rules == "Namespace":
        return ("status", "finalize")
    return ("status",) if resource.has_status else ()


def find_one(
    served: Served, resource_name: str, namespace: str, name: str, subresource: str = ""
) -> Resource | Failure:
    """The resource of a request for one object, whose address must be complete."""
    resource = find_resource(served, resource_name, subresource)
    if isinstance(resource, Failure):
        return resource
    if not name:
        return failures.bad_request("resource name may not be empty")
    if resource.namespaced and not namespace:
        return failures.bad_request("an empty namespace may not be set when a resource name is provided")
    return failures.unknown_resource() if namespace and not resource.namespaced else resource


def find_object(store: Store, resource_name: str, namespace: str, name: str) -> tuple[Resource, Stored] | Failure:
    """The object of a request, with its resource; 404 where there is none."""
    resource = find_one(store.served, resource_name, namespace, name)
    if isinstance(resource, Failure):
        return resource
    stored = store.get(resource, namespace, name)
    return failures.not_found(resource, name) if stored is None else (resource, stored)


def plain_document(packed: bytes) -> Document | Failure:
    """The JSON object in a request's body."""
    if len(packed) > DOCUMENT_BYTES_MAX:
        return failures.too_large(len(packed))
    try:
        document = decode_document(packed)
        check_plain(document)
    except FrameError as broken:
        return failures.bad_request(f"the body of the request could not be read: {broken}")
    return document


def typed_document(resource: Resource, document: Document, stored: Document | None = None) -> Document | Failure:
    """The document as an object of its kind: kind and apiVersion agree (or are filled in), fields have their types.

    `stored` is the object from which a patch made the document.
    """
    version = document.get("apiVersion") or resource.api_version
    kind = document.get("kind") or resource.kind
    if version != resource.api_version and not _other_version(resource, version):
        return failures.bad_request(
            f"the API version in the data ({version!s:.80}) does not match "
            f"the expected API version ({resource.api_version})"
        )
    if kind != resource.kind:
        return failures.bad_request(f'{kind!s:.80} in version "{version}" cannot be handled as a {resource.kind}')
    if "apiVersion" not in document or "kind" not in document:
        document = {"apiVersion": version, "kind": kind, **document}
    fault = misshapen(resource.rules, document, stored)
    if fault is not None:
        return failures.bad_request(f'{kind} in version "{version}" cannot be handled as a {kind}: {fault}')
    return document


def _other_version(resource: Resource, version: object) -> bool:
    """A kind that nothing models may come in any version of its group, and is not converted."""
    return not resource.modelled and type(version) is str and version.rpartition("/")[0] == resource.group


def addressed(resource: Resource, document: Document, namespace: str, name: str) -> Document | Failure:
    """The document under the address of its request; `name` "" on create, where the document names itself."""
    metadata = document["metadata"]
    named = metadata.get("name") or ""
    if name and not named:
        return failures.bad_request("the name of the object (based on URL) was undeterminable: name must be provided")
    if name and named != name:
        return failures.bad_request(f"the name of the object ({named}) does not match the name on the URL ({name})")
    where = metadata.get("namespace") or ""
    if not resource.namespaced:
        if where or namespace:
            return failures.bad_request(f"{resource.kind} is not namespaced, but a namespace was given")
        return document
    if where and namespace and where != namespace:
        return failures.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    if not where and not namespace:
        return failures.bad_request("an empty namespace may not be set during creation")
    return document if where else {**document, "metadata": {**metadata, "namespace": namespace}}
