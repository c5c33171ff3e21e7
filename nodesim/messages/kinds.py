"""Which messages do actors exchange?

Connections: `Dial`, `Accept`, `Reset`, `Close`, `Ping`, `Pong`.  Requests, as Kubernetes' API speaks them: `Get`,
`List`, `Create`, `Update`, `Patch`, `Delete`, `Evict`, `Watch`, `Unwatch`.  Answers: `Done`, `Listed`, `Failure`, and
on a watch `WatchEvent`.  A field of type `bytes` holds a document in its wire form (`nodesim.objects.documents`).

Resources are named by their plural (`nodes`, `pods`, `leases`, `events`, `namespaces`, `replicasets`); `namespace` is
"" for cluster-wide objects and, in `List` and `Watch`, for all namespaces.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from nodesim.values import value


@value
class Dial:
    """Open a connection (a SYN and the TLS handshake in one); the envelope's `connection` numbers it."""


@value
class Accept:
    """The connection is open."""


@value
class Reset:
    """There is no such connection here (RST)."""


@value
class Close:
    """The sender closes the connection (FIN)."""


@value
class Ping:
    """HTTP/2 health check of a silent connection."""


@value
class Pong:
    """Answer to a `Ping`."""


@value
class Get:
    """Read one object."""

    resource: str
    namespace: str
    name: str


@value
class List:
    """Read all objects of a resource that match.

    `fields` is a field selector of one equality (`spec.nodeName=worker-1`, `metadata.name=worker-1`) or "";
    `labels` a label selector (`app=web,tier!=db`) or "".
    """

    resource: str
    namespace: str = ""
    fields: str = ""
    labels: str = ""


@value
class Create:
    """Make an object; the document's metadata names it (or `generateName` does)."""

    resource: str
    namespace: str
    document: bytes


@value
class Update:
    """Replace an object (PUT).

    `subresource` is "" or `status`, of namespaces also `finalize`.  `metadata.resourceVersion` in the document, if any,
    must be the stored one (else 409 Conflict); `metadata.uid`, if any, must match.  With `brief` the answer carries
    only the new resourceVersion.
    """

    resource: str
    namespace: str
    name: str
    subresource: str
    document: bytes
    brief: bool = False


@value
class Renew:
    """Renew a lease: the PUT of an object that is the stored one but for `spec.renewTime`, in its shortest form.

    It does what `Update(..., brief=True)` with that whole document does: `resource_version` must be the stored one,
    `uid` (if any) must match, and the answer carries only the new resourceVersion.  Heartbeats are nearly all there is
    in a quiet cluster, and packing whole leases was half their cost.
    """

    namespace: str
    name: str
    uid: str
    resource_version: str
    renew_us: int


@value
class Patch:
    """Change parts of an object.

    `style` is `strategic` or `merge`; `subresource` is "" or `status`.  With `brief` the answer carries only the new
    resourceVersion.
    """

    resource: str
    namespace: str
    name: str
    subresource: str
    style: str
    document: bytes
    brief: bool = False


@value
class Bind:
    """Bind a pod to a node (POST pods/NAME/binding)."""

    namespace: str
    name: str
    uid: str
    node: str


@value
class Delete:
    """Delete an object.  `grace_seconds` None: the object's own; `uid` and `resource_version` are preconditions.

    `propagation` says what becomes of the objects that it owns: `Background`, `Foreground` or `Orphan`; "" leaves it to
    the object's finalizers and kind.
    """

    resource: str
    namespace: str
    name: str
    grace_seconds: int | None = None
    uid: str = ""
    resource_version: str = ""
    propagation: str = ""


@value
class Evict:
    """Ask for a pod's eviction (POST pods/NAME/eviction): a delete that a PodDisruptionBudget can refuse (429)."""

    namespace: str
    name: str
    grace_seconds: int | None = None


@value
class Watch:
    """Hear of every change after `resource_version`; answered by `Done`, then by `WatchEvent` for each change.

    A version older than the server remembers is answered with `Failure` 410 Expired.  With `brief`, and
    without selectors, a lease that was renewed by `Renew` is told by `Renewed` instead of the whole object; with
    `steady`, and without selectors, it is not told at all, nor a Node of which only heartbeat times are new.
    """

    resource: str
    namespace: str
    fields: str
    labels: str
    resource_version: str
    brief: bool = False
    steady: bool = False


@value
class Unwatch:
    """Stop the watch that was asked for with this id."""

    watch: int


@value
class Done:
    """Success: `code` is 200 or 201; `document` is the object's wire form, or empty where the request was brief."""

    code: int
    document: bytes
    resource_version: str


@value
class Listed:
    """The items of a `List` and the resourceVersion from which to watch."""

    documents: tuple[bytes, ...]
    resource_version: str


NAMESPACE_TERMINATING: Final = "NamespaceTerminating"
"""Cause of a create that is refused because its namespace goes (`NamespaceTerminatingCause`)."""


@value
class Failure:
    """Kubernetes' Status on an error: HTTP code, reason (`NotFound`, `Conflict`, `AlreadyExists`, ...), message.

    `cause` is the reason of the cause in its details (`NamespaceTerminating`, `DisruptionBudget`), "" where it has
    none.
    """

    code: int
    reason: str
    message: str
    retry_after_seconds: int = 0
    cause: str = ""


@value
class WatchEvent:
    """A change seen by a watch: `type` is ADDED, MODIFIED or DELETED (then with the last state), or ERROR."""

    type: str
    document: bytes


@value
class Renewed:
    """On a brief watch: only the renewTime of this lease is new, and with it its resourceVersion."""

    namespace: str
    name: str
    resource_version: str
    renew_us: int


Request: TypeAlias = Get | List | Create | Update | Renew | Patch | Bind | Delete | Evict | Watch | Unwatch
Answer: TypeAlias = Done | Listed | Failure
Handshake: TypeAlias = Dial | Accept | Reset | Close | Ping | Pong
Message: TypeAlias = Request | Answer | WatchEvent | Renewed | Handshake
