"""When does a kubelet renew its node's Lease, and what does it do when that fails?

Sources: component-helpers apimachinery/lease/controller.go (`sync`, `backoffEnsureLease`, `ensureLease`,
`retryUpdateLease`), pkg/kubelet/util/nodelease.go `SetNodeOwnerFunc`.

How it works.  A sync begins at once, then 10.0-10.4 s after the end of the one before.  It is a walk over four steps,
each one call: with a lease in hand `put` (five tries, no pause; a 409 inserts a `get` for a fresh base); without one,
or after five failures, `get` until the server answers (pauses 200 ms, doubling, 7 s at most); not found: `post`.  A
lease without owner first needs the Node (`owner`).  The document is kept; once the server has confirmed it, a `put`
says only what is new in it (`Renew`).

Left out: closing idle connections after repeated failures, which has no effect while watches keep the connection
busy.
"""

from __future__ import annotations

from typing import Final

from nodesim.clocks import TRUE_CLOCK, Clock
from nodesim.machine import Answered, Call, ProgramEffect, SetTimer
from nodesim.messages import Create, Get, Renew, Update
from nodesim.objects import LEASE_NAMESPACE, Document, encode_document
from nodesim.profiles import Profile, Settings
from nodesim.streams import Stream
from nodesim.units import MILLISECOND, SECOND

UPDATE_TRIES: Final = 5
"""maxUpdateRetries."""
BACKOFF_START_US: Final = 100 * MILLISECOND
"""Doubled before each pause."""
BACKOFF_MAX_US: Final = 7 * SECOND

TIMER: Final = "lease"
_GET: Final = ("lease", "get")
_PUT: Final = ("lease", "put")
_POST: Final = ("lease", "post")
_OWNER_TO_UPDATE: Final = ("lease", "owner-to-update")
_OWNER_TO_CREATE: Final = ("lease", "owner-to-create")


class LeaseKeeper:
    """Keeps one node's Lease renewed; `ahead_us` is the part of its first pause that lies before the process began."""

    __slots__ = (
        "_ahead_us",
        "_backing_off",
        "_backoff_us",
        "_clock",
        "_duration_seconds",
        "_ensuring_for_update",
        "_interval_us",
        "_jitter_us",
        "_last_update",
        "_lease",
        "_needs_owner",
        "_node",
        "_settled",
        "_stream",
        "_timeout_us",
        "_tries",
        "_uid",
        "_version",
    )

    def __init__(
        self,
        node: str,
        settings: Settings,
        profile: Profile,
        stream: Stream,
        *,
        ahead_us: int = 0,
        clock: Clock = TRUE_CLOCK,
    ) -> None:
        self._node = node
        self._stream = stream
        self._clock = clock
        self._timeout_us = settings.heartbeat_timeout_us
        self._duration_seconds = settings.node_lease_duration_seconds
        self._interval_us = settings.node_lease_duration_seconds * SECOND // 4
        self._jitter_us = max(1, self._interval_us * 4 // 100)
        self._ahead_us = ahead_us % self._interval_us
        self._needs_owner = profile.lease_needs_owner
        self._lease: Document | None = None
        self._settled = False
        """Is the document the server's but for renewTime and version?  Then renewals may have their shortest form."""
        self._uid = ""
        self._version = ""
        """The resourceVersion that the server last told of the document in hand."""
        self._tries = 0
        self._last_update = False
        """Is this the sync's second round of PUTs, after which it gives up?"""
        self._ensuring_for_update = False
        self._backoff_us = BACKOFF_START_US
        self._backing_off = False

    def __repr__(self) -> str:
        """Whose lease, and whether there is one."""
        return f"LeaseKeeper({self._node!r}, lease={self._lease is not None})"

    def fired(self, now_us: int) -> list[ProgramEffect]:
        """Begin a sync, or go on after a pause of the back-off."""
        if self._backing_off:
            self._backing_off = False
            return [self._get()]
        self._last_update = False
        self._tries = 0
        if self._settled:
            return [self._renew(now_us)]
        if self._lease is None:
            return self._ensure(for_update=False)
        return self._attempt(now_us)

    def answered(self, event: Answered, now_us: int) -> list[ProgramEffect]:
        """The answer to one of this keeper's calls."""
        tag = event.tag
        if tag == _PUT:
            if event.code == 200 and event.document is None:
                self._version = event.resource_version
                return self._finished(now_us)
            return self._put_answered(event, now_us)
        if tag == _GET:
            return self._get_answered(event, now_us)
        if tag == _POST:
            if not event.ok or event.document is None:
                return self._pause(now_us)
            self._adopt(event.document)
            return self._ensured(True, now_us)
        if tag == _OWNER_TO_CREATE:
            return self._owner_for_create(event, now_us)
        assert tag == _OWNER_TO_UPDATE, tag
        return self._owner_for_update(event, now_us)

    # --- retryUpdateLease ---------------------------------------------------------------------------------------

    def _attempt(self, now_us: int) -> list[ProgramEffect]:
        if self._tries >= UPDATE_TRIES:
            if self._last_update:
                return self._finished(now_us)
            self._last_update = True
            return self._ensure(for_update=False)
        if self._lease is None:
            self._adopt(self._fresh())
        assert self._lease is not None
        if not self._lease["metadata"].get("ownerReferences"):
            return [self._get_owner(_OWNER_TO_UPDATE)]
        return [self._put(now_us)]

    def _renew(self, now_us: int) -> Call:
        renew_us = self._clock.wall_us(now_us)
        request = Renew(LEASE_NAMESPACE, self._node, self._uid, self._version, renew_us)
        return Call(_PUT, request, self._timeout_us)

    def _put(self, now_us: int) -> Call:
        if self._settled:
            return self._renew(now_us)
        lease = self._lease
        assert lease is not None
        if self._version:
            lease["metadata"]["resourceVersion"] = self._version
        lease["spec"]["renewTime"] = self._clock.wall_us(now_us)
        request = Update("leases", LEASE_NAMESPACE, self._node, "", encode_document(lease))
        return Call(_PUT, request, self._timeout_us)

    def _put_answered(self, event: Answered, now_us: int) -> list[ProgramEffect]:
        if event.document is not None:
            self._adopt(event.document)
            return self._finished(now_us)
        self._tries += 1
        if event.code == 409:
            return self._ensure(for_update=True)
        return self._attempt(now_us)

    def _owner_for_update(self, event: Answered, now_us: int) -> list[ProgramEffect]:
        assert self._lease is not None
        if event.ok and event.document is not None:
            self._lease["metadata"]["ownerReferences"] = [self._owner(event.document)]
            self._settled = False
            return [self._put(now_us)]
        if self._needs_owner:  # From 1.29; before, the write went out without an owner.
            self._tries += 1
            return self._attempt(now_us)
        return [self._put(now_us)]

    def _finished(self, now_us: int) -> list[ProgramEffect]:
        at_us = now_us + self._interval_us + self._stream.below(self._jitter_us)
        if self._ahead_us:
            at_us -= self._ahead_us
            self._ahead_us = 0
        return [SetTimer(TIMER, at_us)]

    # --- backoffEnsureLease -------------------------------------------------------------------------------------

    def _ensure(self, *, for_update: bool) -> list[ProgramEffect]:
        self._ensuring_for_update = for_update
        self._backoff_us = BACKOFF_START_US
        return [self._get()]

    def _get(self) -> Call:
        return Call(_GET, Get("leases", LEASE_NAMESPACE, self._node), self._timeout_us)

    def _get_answered(self, event: Answered, now_us: int) -> list[ProgramEffect]:
        if event.ok and event.document is not None:
            self._adopt(event.document)
            return self._ensured(False, now_us)
        if event.code == 404:
            return [self._get_owner(_OWNER_TO_CREATE)]
        return self._pause(now_us)

    def _owner_for_create(self, event: Answered, now_us: int) -> list[ProgramEffect]:
        if not event.ok or event.document is None:
            # No owner, no lease, and no error either: nothing more until the next step or sync.
            self._lease, self._settled = None, False
            return self._ensured(False, now_us)
        lease = self._fresh()
        lease["metadata"]["ownerReferences"] = [self._owner(event.document)]
        lease["spec"]["renewTime"] = self._clock.wall_us(now_us)
        return [Call(_POST, Create("leases", LEASE_NAMESPACE, encode_document(lease)), self._timeout_us)]

    def _ensured(self, created: bool, now_us: int) -> list[ProgramEffect]:
        if self._ensuring_for_update:
            return self._attempt(now_us)
        if created or self._lease is None:
            return self._finished(now_us)
        self._last_update = True
        self._tries = 0
        return self._attempt(now_us)

    def _pause(self, now_us: int) -> list[ProgramEffect]:
        self._backoff_us = min(2 * self._backoff_us, BACKOFF_MAX_US)
        self._backing_off = True
        return [SetTimer(TIMER, now_us + self._backoff_us)]

    # --- documents ----------------------------------------------------------------------------------------------

    def _get_owner(self, tag: tuple[str, str]) -> Call:
        return Call(tag, Get("nodes", "", self._node), self._timeout_us)

    def _owner(self, node: Document) -> Document:
        return {"apiVersion": "v1", "kind": "Node", "name": self._node, "uid": node["metadata"].get("uid", "")}

    def _fresh(self) -> Document:
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self._node, "namespace": LEASE_NAMESPACE},
            "spec": {"holderIdentity": self._node, "leaseDurationSeconds": self._duration_seconds},
        }

    def _adopt(self, lease: Document) -> None:
        """Keep a document as the base of the next PUTs; its fields that change are our own copy."""
        metadata = lease["metadata"]
        spec = {**lease["spec"], "leaseDurationSeconds": self._duration_seconds}
        self._lease = {**lease, "metadata": dict(metadata), "spec": spec}
        self._uid, self._version = metadata.get("uid", ""), metadata.get("resourceVersion", "")
        self._settled = (
            bool(self._uid and metadata.get("ownerReferences")) and spec == lease["spec"] and "renewTime" in spec
        )
