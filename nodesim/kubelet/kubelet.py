"""What does a kubelet process do?

Four things side by side: it registers its Node, posts the Node's status, renews the Lease, and runs the pods.  This
program hands each event to the part it belongs to.  Source: pkg/kubelet/kubelet.go `Run`, `NewMainKubelet`.
"""

from __future__ import annotations

from typing import Any, Final

from nodesim.client.events import EventRecorder
from nodesim.client.watches import WatchSpec
from nodesim.clocks import TRUE_CLOCK, Clock
from nodesim.kubelet import lease, registration, status, statuswrites, workers
from nodesim.kubelet.lease import LeaseKeeper
from nodesim.kubelet.registration import Registration
from nodesim.kubelet.runtime import ContainersChanged, Runtime
from nodesim.kubelet.status import StatusKeeper
from nodesim.kubelet.workers import PodWorkers
from nodesim.machine import Answered, Changed, ProgramEffect, ProgramEvent, Started, Synced, TimerFired, TimerKey, Told
from nodesim.objects import Document, shared
from nodesim.profiles import Profile, Settings
from nodesim.spec import NodeSpec
from nodesim.streams import Streams

COMPONENT: Final = "kubelet"


def whole_document(document: Document, before: Document | None = None) -> Document:
    """The view of a kubelet's watches: it needs all of its own Node and of its pods."""
    whole: Document = shared(document, before)
    return whole


def watches_of(node: str) -> tuple[WatchSpec, ...]:
    """What a kubelet watches: its Node first, then the pods bound to it."""
    return (
        WatchSpec("nodes", whole_document, fields=f"metadata.name={node}", again=whole_document),
        WatchSpec("pods", whole_document, fields=f"spec.nodeName={node}", again=whole_document),
    )


class Kubelet:
    """The program of one kubelet process; `boot` counts the machine's power-ons, `process` its kubelets.

    A process that is already there when a run begins is `ahead_us` further in its rhythms than one that starts then.
    The `clock` of its machine dates what it writes.
    """

    __slots__ = (
        "_lease",
        "_node",
        "_registration",
        "_status",
        "_workers",
    )

    def __init__(
        self,
        spec: NodeSpec,
        runtime: Runtime,
        settings: Settings,
        profile: Profile,
        streams: Streams,
        *,
        boot: int = 0,
        process: int = 1,
        ahead_us: int = 0,
        skip_quiet: bool = True,
        clock: Clock = TRUE_CLOCK,
    ) -> None:
        self._node = spec.name
        events = EventRecorder(COMPONENT, clock)
        # Each process draws from streams of its own: how far an earlier one drew its ticks ahead must not show.
        streams_of = f"kubelet/{spec.name}" if process == 1 else f"kubelet/{spec.name}/{process}"
        renewals = streams.stream(f"{streams_of}/lease")
        self._lease = LeaseKeeper(spec.name, settings, profile, renewals, ahead_us=ahead_us, clock=clock)
        self._registration = Registration(spec.name, profile)
        self._status = StatusKeeper(
            spec,
            settings,
            profile,
            streams.stream(f"{streams_of}/status"),
            streams.stream(f"{streams_of}/status-delay"),
            events,
            boot=boot,
            skip_quiet=skip_quiet,
            ahead_us=ahead_us,
            clock=clock,
        )
        retries = streams.stream(f"{streams_of}/retries")
        self._workers = PodWorkers(
            spec.name, self._status, runtime, profile, retries, events, skip_quiet=skip_quiet, clock=clock
        )

    def __repr__(self) -> str:
        """Whose kubelet."""
        return f"Kubelet({self._node!r})"

    def handle(self, event: ProgramEvent, now_us: int) -> list[ProgramEffect]:
        """One event in, the orders that follow from it out."""
        if type(event) is TimerFired:
            return self._lease.fired(now_us) if event.key == lease.TIMER else self._fired(event.key, now_us)
        if type(event) is Answered:
            return self._answered(event, now_us)
        match event:
            case Changed():
                return self._changed(event, now_us)
            case Synced(resource="pods"):
                return [*self._workers.synced(now_us)]
            case Told(step=ContainersChanged(uid=uid)):
                return [*self._workers.containers_changed(uid, now_us)]
            case Started():
                return self._started(now_us)
            case _:
                return []

    def _started(self, now_us: int) -> list[ProgramEffect]:
        self._status.begin(now_us)
        effects: list[ProgramEffect] = [*self._registration.pause(now_us), *self._lease.fired(now_us)]
        return effects + self._workers.begin(now_us)

    def _fired(self, key: TimerKey, now_us: int) -> list[ProgramEffect]:
        if key == status.TIMER:
            return [*self._status.fired(now_us)]
        if key == statuswrites.TIMER:
            return [*self._workers.statuses.fired(now_us)]
        if key == registration.TIMER:
            return [*self._registration.attempt(self._status.initial_node(now_us))]
        if key == status.FAST_TIMER:
            return [*self._status.fast_fired(now_us)]
        if key == workers.HOUSEKEEPING_TIMER:
            return self._workers.housekeeping(now_us)
        assert isinstance(key, tuple), key
        assert key[0] == workers.RESTART_TIMER, key
        return self._workers.restart_due(key[1], now_us)

    def _answered(self, event: Answered, now_us: int) -> list[ProgramEffect]:
        tag = event.tag
        part = tag[0] if type(tag) is tuple else ""
        if part == "lease":
            return self._lease.answered(event, now_us)
        if part == "status":
            return [*self._status.answered(event, now_us)]
        if part == statuswrites.PART:
            return [*self._workers.statuses.answered(event, now_us)]
        if part == "register":
            effects: list[ProgramEffect] = [*self._registration.answered(event, now_us)]
            if self._registration.completed:
                effects += self._status.registered(self._registration.existed, now_us)
            return effects
        return []  # An event's: nobody waits for it.

    def _changed(self, event: Changed, now_us: int) -> list[ProgramEffect]:
        new: Any = event.new
        if event.resource == "pods":
            return self._workers.changed(event.key, event.old, new, now_us)
        return [*self._status.changed(new, now_us)]
