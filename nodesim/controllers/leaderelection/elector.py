"""Which of several instances leads?

How it works.  All want one Lease.  An instance that does not hold it looks every 2 to 4.4 s, and takes it over when it
has not seen it change for 15 s by its own watch (dates of others are not compared, so that clocks may differ).  The
holder renews it every 2 s: a PUT upon what it last knew, and where that fails GET and PUT.  If no renewal succeeds
within 10 s, it has lost, and its process ends: before the others may take over, unless they saw an older renewal.

Source: client-go tools/leaderelection/leaderelection.go `acquire`, `renew`, `tryAcquireOrRenew`;
tools/leaderelection/resourcelock/leaselock.go, interface.go `NewFromKubeconfig` (a request may take half of the renew
deadline); component-base config/v1alpha1 `RecommendedDefaultLeaderElectionConfiguration`.
"""

from __future__ import annotations

from typing import Any, Final

from nodesim.client.events import EventRecorder
from nodesim.client.watches import WatchSpec
from nodesim.clocks import Clock
from nodesim.machine import Answered, Call, ProgramEffect, ProgramEvent, Record, SetTimer, Started, TimerFired
from nodesim.messages import Create, Get, Request, Update
from nodesim.objects import Document, encode_document
from nodesim.streams import Stream
from nodesim.units import SECOND

NAMESPACE: Final = "kube-system"
LEASE_DURATION_US: Final = 15 * SECOND
RENEW_DEADLINE_US: Final = 10 * SECOND
RETRY_US: Final = 2 * SECOND
JITTER_US: Final = RETRY_US * 12 // 10
"""JitterFactor: pauses between looks are longer by up to this."""
REQUEST_US: Final = RENEW_DEADLINE_US // 2

_RETRY: Final = "retry"
_DEADLINE: Final = "deadline"


class LeaderElection:
    """One process's part in it.  `lease` is the Lease's name and the component of its events, `instance` which of the
    instances it is; its identity is of this process alone, so that one that starts again has to wait, too.
    """

    watches: tuple[WatchSpec, ...] = ()

    def __init__(self, lease: str, instance: str, process: int, stream: Stream, clock: Clock) -> None:
        self._name = lease
        self._instance = instance
        self._identity = f"{instance}_{process}"
        self._stream = stream
        self._events = EventRecorder(lease, clock)
        self.leading = False
        self.lost = False
        """It led and could not renew: its process has to end."""
        self._lease: Document | None = None
        """As it was last read or written."""
        self._spec: dict[str, Any] = {}
        """The record that was last seen to be new."""
        self._seen_us = 0
        """When."""
        self._round_us = 0
        """When the present round of renewals began."""
        self._try_us = 0

    def __repr__(self) -> str:
        """Who, and whether it leads."""
        return f"LeaderElection({self._identity!r}, leading={self.leading})"

    def handle(self, event: ProgramEvent, now_us: int) -> list[ProgramEffect]:
        """One event in, the orders that follow from it out."""
        if self.lost:
            return []
        if isinstance(event, Started):
            return self._try(now_us)
        if isinstance(event, TimerFired):
            if event.key == _DEADLINE:
                self.lost = True
                return []
            if self.leading and now_us >= self._round_us + RENEW_DEADLINE_US:
                return []  # The deadline of this very instant.
            return self._try(now_us)
        if isinstance(event, Answered) and type(event.tag) is tuple and event.tag[0] == "lease":
            return self._answered(event.tag[1], event, now_us)
        return []

    # --- tryAcquireOrRenew --------------------------------------------------------------------------------------

    def _try(self, now_us: int) -> list[ProgramEffect]:
        self._try_us = now_us
        if self._mine and self._valid:
            return [self._put("renew", now_us)]
        return [self._call("get", Get("leases", NAMESPACE, self._name), now_us)]

    def _answered(self, step: str, answer: Answered, now_us: int) -> list[ProgramEffect]:
        if step == "renew" and not answer.ok:
            return [self._call("get", Get("leases", NAMESPACE, self._name), now_us)]
        if step == "get":
            return self._read(answer, now_us)
        if not answer.ok or answer.document is None:
            return self._failed(now_us)
        self._lease, self._spec, self._seen_us = answer.document, answer.document["spec"], now_us
        return self._succeeded(now_us)

    def _read(self, answer: Answered, now_us: int) -> list[ProgramEffect]:
        if answer.code == 404:
            document = {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": self._name, "namespace": NAMESPACE},
                "spec": self._record(now_us, 0),
            }
            return [self._call("create", Create("leases", NAMESPACE, encode_document(document)), now_us)]
        if not answer.ok or answer.document is None:
            return self._failed(now_us)
        self._lease = answer.document
        if self._lease["spec"] != self._spec:
            self._spec, self._seen_us = self._lease["spec"], now_us
        if self._spec.get("holderIdentity") and self._valid and not self._mine:
            return self._failed(now_us)
        return [self._put("take", now_us)]

    @property
    def _mine(self) -> bool:
        return self._spec.get("holderIdentity") == self._identity

    @property
    def _valid(self) -> bool:
        """When this try began, had the record been seen to be new less than its duration ago?"""
        duration_seconds: int = self._spec.get("leaseDurationSeconds", 0)
        return self._seen_us + duration_seconds * SECOND > self._try_us

    def _put(self, step: str, now_us: int) -> Call:
        lease = self._lease
        assert lease is not None
        transitions = self._spec.get("leaseTransitions") or 0
        spec = self._record(now_us, transitions if self._mine else transitions + 1)
        if self._mine:
            spec["acquireTime"] = self._spec.get("acquireTime", spec["acquireTime"])
        document = encode_document({**lease, "spec": spec})
        return self._call(step, Update("leases", NAMESPACE, self._name, "", document), now_us)

    def _record(self, now_us: int, transitions: int) -> dict[str, Any]:
        date_us = self._events.clock.wall_us(now_us)
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": LEASE_DURATION_US // SECOND,
            "acquireTime": date_us,
            "renewTime": date_us,
            "leaseTransitions": transitions,
        }

    def _call(self, step: str, request: Request, now_us: int) -> Call:
        left_us = self._round_us + RENEW_DEADLINE_US - now_us if self.leading else REQUEST_US
        return Call(("lease", step), request, max(1, min(REQUEST_US, left_us)))

    # --- acquire, renew -----------------------------------------------------------------------------------------

    def _succeeded(self, now_us: int) -> list[ProgramEffect]:
        effects: list[ProgramEffect] = []
        if not self.leading:
            self.leading = True
            about = f"Component/{self._instance}"
            effects.append(Record("LeaderElected", about, {"transitions": self._spec.get("leaseTransitions", 0)}))
            text = f"{self._identity} became leader"
            effects.append(
                self._events.event(now_us, "Lease", NAMESPACE, self._name, "", "Normal", "LeaderElection", text)
            )
            self._round_us = now_us
            effects.append(SetTimer(_RETRY, now_us, caused=None))
        else:
            self._round_us = now_us + RETRY_US
            effects.append(SetTimer(_RETRY, self._round_us, caused=None))
        return [*effects, SetTimer(_DEADLINE, self._round_us + RENEW_DEADLINE_US, caused=None)]

    def _failed(self, now_us: int) -> list[ProgramEffect]:
        """Look again: a holder at the next tick of its round (at once, if one went by), the others after a pause."""
        if not self.leading:
            return [SetTimer(_RETRY, now_us + RETRY_US + self._stream.below(JITTER_US))]
        ticks = (self._try_us - self._round_us) // RETRY_US + 1
        return [SetTimer(_RETRY, max(now_us, self._round_us + ticks * RETRY_US))]
