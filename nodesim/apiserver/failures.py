"""Which answer does a client get when the server says no?

Each function makes one `Failure` with the code, reason and text of Kubernetes.
Source: apimachinery pkg/api/errors/errors.go, apiserver pkg/registry/rest/update.go and delete.go.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from nodesim.apiserver.registry import Resource
from nodesim.messages import NAMESPACE_TERMINATING, Failure
from nodesim.objects.documents import DOCUMENT_BYTES_MAX


def unknown_resource() -> Failure:
    """No such resource or subresource."""
    return Failure(404, "NotFound", "the server could not find the requested resource")


def not_found(resource: Resource, name: str) -> Failure:
    """There is no object of that name."""
    return Failure(404, "NotFound", f'{resource.group_resource} "{name}" not found')


def already_exists(resource: Resource, name: str) -> Failure:
    """A create met an object of that name."""
    return Failure(409, "AlreadyExists", f'{resource.group_resource} "{name}" already exists')


def conflict(what: str, name: str, why: str) -> Failure:
    """A write that cannot be done to the object as it is; `what` is `nodes`, `pods/binding`, ..."""
    return Failure(409, "Conflict", f'Operation cannot be fulfilled on {what} "{name}": {why}')


def modified(resource: Resource, name: str) -> Failure:
    """A write with an old resourceVersion."""
    why = "the object has been modified; please apply your changes to the latest version and try again"
    return conflict(resource.group_resource, name, why)


def uid_precondition(resource: Resource, name: str, wanted: str, found: str) -> Failure:
    """A write with another object's uid; `found` is "" where no object is.  Source: storage `Preconditions.Check`."""
    why = f"Precondition failed: UID in precondition: {wanted}, UID in object meta: {found}"
    return conflict(resource.group_resource, name, why)


def delete_uid(resource: Resource, name: str, wanted: str, found: str) -> Failure:
    """A delete of another object than the stored one.

    The text names the kind, not the plural, as the real one does.  Source: rest/delete.go `BeforeDelete`.
    """
    why = (
        f"the UID in the precondition ({wanted}) does not match the UID in record ({found}). "
        "The object might have been deleted and then recreated"
    )
    return conflict(resource.group_kind, name, why)


def delete_version(resource: Resource, name: str, wanted: str, found: str) -> Failure:
    """A delete of another version than the stored one.  Source: rest/delete.go `BeforeDelete`."""
    why = (
        f"the ResourceVersion in the precondition ({wanted}) does not match the ResourceVersion in record ({found}). "
        "The object might have been modified"
    )
    return conflict(resource.group_kind, name, why)


def invalid(resource: Resource, name: str, faults: Sequence[str]) -> Failure:
    """The object can be read but is not allowed; each fault begins with its field."""
    assert faults
    text = faults[0] if len(faults) == 1 else f"[{', '.join(faults)}]"
    return Failure(422, "Invalid", f'{resource.group_kind} "{name}" is invalid: {text}')


def bad_request(why: str) -> Failure:
    """The request itself cannot be read."""
    return Failure(400, "BadRequest", why)


def forbidden(resource: Resource, name: str, why: str) -> Failure:
    """Nobody may do that."""
    return Failure(403, "Forbidden", f'{resource.group_resource} "{name}" is forbidden: {why}')


def namespace_terminates(resource: Resource, name: str, namespace: str) -> Failure:
    """Nothing new is made in a namespace that goes; its cause tells controllers not to try again.

    Source: apiserver pkg/admission/plugin/namespace/lifecycle/admission.go `Admit`.
    """
    why = f"unable to create new content in namespace {namespace} because it is being terminated"
    return evolve(forbidden(resource, name, why), cause=NAMESPACE_TERMINATING)


def unknown_propagation(word: str, known: Sequence[str]) -> Failure:
    """A delete that says something unknown about dependents.  Source: metav1 `ValidateDeleteOptions`."""
    supported = ", ".join(f'"{item}"' for item in (*sorted(known), "nil"))
    text = f'propagationPolicy: Unsupported value: "{word:.80}": supported values: {supported}'
    return Failure(422, "Invalid", f'DeleteOptions.meta.k8s.io "" is invalid: {text}')


def unsupported_patch(style: str) -> Failure:
    """A patch in a form that the server does not know."""
    return Failure(415, "UnsupportedMediaType", f"unknown patch style {style!r:.40}, known are strategic and merge")


def too_large(size: int) -> Failure:
    """The document does not fit into a request or into the store."""
    return Failure(
        413, "RequestEntityTooLarge", f"document of {size} bytes is too large, the limit is {DOCUMENT_BYTES_MAX}"
    )


def expired(wanted: int, oldest: int) -> Failure:
    """A watch from a version that is forgotten.  Source: apiserver storage/cacher/watch_cache.go."""
    return Failure(410, "Expired", f"too old resource version: {wanted} ({oldest})")
