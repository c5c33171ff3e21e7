"""When is a Service's list of endpoints made anew?

A change of a Service, or of a pod as far as endpoints tell of it, syncs the Services concerned at once; a change of a
slice by another hand, after a second.  A sync that left pods out (their Node object is missing) writes what it can,
then an event, and is tried again after 1 s, 2 s, 4 s, ..., 15 times; then the next change has to come.  A node that
appears wakes nobody: the retries find it.

Source: pkg/controller/endpointslice/endpointslice_controller.go (`syncService`, `handleErr`, `onPodUpdate`,
`onEndpointSliceUpdate`), pkg/controller/util/endpoint `GetServicesToUpdateOnPodChange`.
"""

from __future__ import annotations

from typing import Final

import attrs

from nodesim.client.events import EventRecorder
from nodesim.client.watches import WatchSpec
from nodesim.clocks import TRUE_CLOCK, Clock
from nodesim.controllers.endpointslice.endpoints import error_text, wanted_endpoints
from nodesim.controllers.endpointslice.slices import slices_to_write
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
from nodesim.controllers.workload.script import Ask, Outcome, Script, Sync, namespace_terminates, why
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
    """By Service, then by name; what a write answered counts before its watch event comes."""


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
        if event.old == event.new:
            return []
        match event.resource:
            case "services":
                keep(caches.services, key, event.new)
                if event.new is None:
                    # The garbage collector deletes the slices.
                    caches.slices.pop(key, None)
                return self._queue.add([key], now_us)
            case "pods":
                keep(caches.pods, key, event.new)
                states = [pod for pod in (event.old, event.new) if pod is not None]
                return self._queue.add(self._concerned(states), now_us)
            case "nodes":
                keep(caches.nodes, key, event.new)
                return []
            case _:
                return self._slice_changed(event.old, event.new, now_us)

    def _concerned(self, states: list[EndpointPod]) -> list[str]:
        services = self._caches.services
        return [key for key in sorted(services) if any(services[key].selects(pod) for pod in states)]

    def _slice_changed(self, old: SliceView | None, new: SliceView | None, now_us: int) -> list[ProgramEffect]:
        """One of our own writes comes back as it was answered; anything else was another hand."""
        known = new or old
        if known is None or known.service not in self._caches.services:
            return []
        slices = self._caches.slices.setdefault(known.service, {})
        mine = slices.get(known.name)
        if new is None:
            if slices.pop(known.name, None) is None:
                return []
        elif mine is not None and _version(mine) >= _version(new):
            return []
        else:
            slices[new.name] = new
        return self._queue.add_at(known.service, now_us + SLICE_CHANGE_DELAY_US) if self._queue.ready else []


@attrs.define
class _ServiceSync:
    """One sync of a Service.  Source: `syncService`."""

    service: ServiceView
    caches: _Caches
    now_us: int

    def run(self) -> Script:
        """Write the slices, then say which pods had to be left out."""
        service, caches = self.service, self.caches
        pods = [caches.pods[key] for key in sorted(caches.pods) if service.selects(caches.pods[key])]
        wanted = wanted_endpoints(service, pods, caches.nodes)
        slices = caches.slices.setdefault(service.key, {})
        writes = slices_to_write(service, [slices[name] for name in sorted(slices)], wanted.endpoints)
        for name in writes.delete:
            del slices[name]
        answers = yield Ask(tuple(_requests(service, writes.create, writes.update, writes.delete)))
        errors = list(wanted.errors)
        for answer in answers:
            if answer.ok and answer.document is not None:
                view = slice_view(answer.document)
                if view is not None and view.service == service.key:
                    slices[view.name] = view
            elif not answer.ok and answer.code != 404 and not namespace_terminates(answer):
                errors.append(why(answer))
        if not errors:
            return Outcome()
        message = f"Error updating Endpoint Slices for Service {service.key}: {error_text(errors)}"
        yield caches.recorder.event(
            self.now_us,
            "Service",
            service.namespace,
            service.name,
            service.uid,
            "Warning",
            "FailedToUpdateEndpointSlices",
            message,
        )
        return Outcome(message)


def _requests(service: ServiceView, create: list[Document], update: list[Document], delete: list[str]) -> list[Request]:
    namespace = service.namespace
    made: list[Request] = [Create("endpointslices", namespace, encode_document(document)) for document in create]
    for document in update:
        name = document["metadata"]["name"]
        made.append(Update("endpointslices", namespace, name, "", encode_document(document)))
    return [*made, *(Delete("endpointslices", namespace, name) for name in delete)]


def _version(view: SliceView) -> int:
    return int(view.document["metadata"]["resourceVersion"])
