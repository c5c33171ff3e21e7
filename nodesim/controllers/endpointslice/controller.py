"""When is a Service's list of endpoints made anew?

A change of a Service, or of a pod's address, readiness, labels or deletion, syncs the Services concerned at once; a
change of a slice by another hand, after a second, and so does a write of its own of which the watch tells before the
answer comes.  A sync that left pods out (their Node object is missing) writes what it can, then an event, and is tried
again after 1 s, 2 s, 4 s, ..., 15 times; then the next change has to come.  So is, without an event, one that finds
its cache of slices behind its own writes.  A node that appears wakes nobody: the retries find it.

Sources: pkg/controller/endpointslice/endpointslice_controller.go (`syncService`, `handleErr`, `updatePod`,
`onEndpointSliceUpdate`), staging endpointslice/reconciler.go (`reconcileByAddressType`, `finalize`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import attrs

from nodesim.client.events import EventRecorder
from nodesim.client.watches import WatchSpec
from nodesim.clocks import TRUE_CLOCK, Clock
from nodesim.controllers.endpointslice.endpoints import concerned, error_text, wanted_endpoints
from nodesim.controllers.endpointslice.slices import Writes, slices_to_write
from nodesim.controllers.endpointslice.tracker import SliceTracker
from nodesim.controllers.endpointslice.views import (
    EndpointPod,
    ServiceView,
    SliceView,
    endpoint_pod,
    service_view,
    slice_view,
)
from nodesim.controllers.workload.caches import keep
from nodesim.controllers.workload.queue import Backoff, SyncQueue
from nodesim.controllers.workload.script import Outcome, Script, Sync, ask, namespace_terminates, why
from nodesim.machine import Answered, Changed, ProgramEffect, ProgramEvent, Synced, TimerFired
from nodesim.messages import Create, Delete, Request, Update
from nodesim.objects import Document, encode_document
from nodesim.profiles import Profile, Settings
from nodesim.units import SECOND

ACTOR: Final = "endpointslice-controller"
COMPONENT: Final = "endpoint-slice-controller"
"""Its name in events."""
BACKOFF: Final = Backoff(first_us=1 * SECOND, max_us=1000 * SECOND, tries_max=15)
SLICE_CHANGE_DELAY_US: Final = 1 * SECOND
_NOT_FOUND: Final = 404


def _node_name(document: Document) -> str:
    name: str = document["metadata"]["name"]
    return name


@attrs.define
class _Caches:
    """What it has seen."""

    recorder: EventRecorder
    services: dict[str, ServiceView] = attrs.field(factory=dict)
    pods: dict[str, EndpointPod] = attrs.field(factory=dict)
    nodes: dict[str, str] = attrs.field(factory=dict)
    slices: dict[str, dict[str, SliceView]] = attrs.field(factory=dict)
    """By Service, then by name, as the watch told of them."""
    tracker: SliceTracker = attrs.field(factory=SliceTracker)


class EndpointSliceController:
    """Keeps the EndpointSlices of each Service.  No option of `settings` or `profile` concerns it."""

    watches: tuple[WatchSpec, ...] = (
        WatchSpec("services", service_view),
        WatchSpec("pods", endpoint_pod),
        WatchSpec("nodes", _node_name, steady=True),
        WatchSpec("endpointslices", slice_view),
    )

    def __init__(self, settings: Settings, profile: Profile, *, clock: Clock = TRUE_CLOCK) -> None:
        self._caches = _Caches(EventRecorder(COMPONENT, clock))
        self._queue = SyncQueue(self._sync_of, self.watches, BACKOFF)

    def __repr__(self) -> str:
        return f"<EndpointSliceController services={len(self._caches.services)} running={self._queue.running}>"

    def handle(self, event: ProgramEvent, now_us: int) -> list[ProgramEffect]:
        """One event in, the orders that follow from it out."""
        if isinstance(event, Changed):
            return self._changed(event, now_us)
        if isinstance(event, Answered | TimerFired | Synced):
            return self._queue.handle(event, self._caches.services, now_us)
        return []

    def _sync_of(self, key: str, now_us: int) -> Sync | None:
        service = self._caches.services.get(key)
        if service is None or service.selector is None:
            return None
        return _ServiceSync(service, self._caches, now_us)

    # --- what is seen ---------------------------------------------------------------------------------------------

    def _changed(self, event: Changed, now_us: int) -> list[ProgramEffect]:
        caches, key = self._caches, event.key
        match event.resource:
            case "services":
                keep(caches.services, key, event.new)
                if event.new is None:
                    # The garbage collector deletes the slices.
                    caches.slices.pop(key, None)
                    caches.tracker.forget(key)
                return self._queue.add([key], now_us)
            case "pods":
                keep(caches.pods, key, event.new)
                services = [caches.services[name] for name in sorted(caches.services)]
                return self._queue.add(concerned(services, event.old, event.new), now_us)
            case "nodes":
                keep(caches.nodes, key, event.new)
                return []
            case _:
                return self._slice_changed(event.old, event.new, now_us)

    def _slice_changed(self, old: SliceView | None, new: SliceView | None, now_us: int) -> list[ProgramEffect]:
        """One of our own writes comes back after its answer; anything else was another hand."""
        caches, known = self._caches, new or old
        if known is None or known.service not in caches.services:
            return []
        slices = caches.slices.setdefault(known.service, {})
        if new is None:
            slices.pop(known.name, None)
            ours = not caches.tracker.is_loss(known)
        else:
            slices[new.name] = new
            ours = not caches.tracker.is_news(new)
        if ours or not self._queue.ready:
            return []
        return self._queue.add_at(known.service, now_us + SLICE_CHANGE_DELAY_US)


@attrs.define
class _ServiceSync:
    """One sync of a Service.  Source: `syncService`."""

    service: ServiceView
    caches: _Caches
    now_us: int

    def run(self) -> Script:
        """Write the slices one after the other, then say which pods had to be left out, and which write failed."""
        service, caches = self.service, self.caches
        known = caches.slices.get(service.key, {})
        slices = [known[name] for name in sorted(known)]
        if caches.tracker.is_stale(service.key, slices):
            return Outcome("EndpointSlice informer cache is out of date")
        pods = [caches.pods[key] for key in sorted(caches.pods) if service.selects(caches.pods[key])]
        wanted = wanted_endpoints(service, pods, caches.nodes)
        errors = list(wanted.errors)
        for what, name, request in _requests(service, slices_to_write(service, slices, wanted.endpoints)):
            answer = yield from ask(request)
            if not answer.ok and not (isinstance(request, Delete) and answer.code == _NOT_FOUND):
                if not namespace_terminates(answer):
                    errors.append(f"failed to {what} EndpointSlice for Service {service.key}: {why(answer)}")
                break
            if isinstance(request, Delete):
                caches.tracker.deleted(service.key, name)
            elif answer.document is not None and (view := slice_view(answer.document)) is not None:
                caches.tracker.wrote(view)
        if not errors:
            return Outcome()
        message = f"Error updating Endpoint Slices for Service {service.key}: {error_text(errors)}"
        about = (service.namespace, service.name, service.uid)
        reason = "FailedToUpdateEndpointSlices"
        yield caches.recorder.event(self.now_us, "Service", *about, "Warning", reason, message)
        return Outcome(message)


def _requests(service: ServiceView, writes: Writes) -> Iterator[tuple[str, str, Request]]:
    """What is written, as errors call it, its name, and the request."""
    namespace = service.namespace
    for document in writes.create:
        yield "create", "", Create("endpointslices", namespace, encode_document(document))
    for document in writes.update:
        name = document["metadata"]["name"]
        yield f"update {name}", name, Update("endpointslices", namespace, name, "", encode_document(document))
    for name in writes.delete:
        yield f"delete {name}", name, Delete("endpointslices", namespace, name)
