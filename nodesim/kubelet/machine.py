"""What is a node: power, container runtime, and a kubelet that may or may not run?

How it works.  The machine holds the runtime (its truth, as long as there is power) and, while a kubelet process
lives, that process's client with its program.  It hands frames to the client and timers to whom they belong, and
tells the kubelet what changed in the runtime.  Timers of a process die with it.  A host without a kubelet answers a
frame as its kernel does, with a reset; a host without power does not answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nodesim.client.limit import CallLimit, LimitedClient
from nodesim.client.machine import ClientMachine
from nodesim.clocks import TRUE_CLOCK, Clock
from nodesim.kubelet.kubelet import Kubelet, watches_of
from nodesim.kubelet.runtime import TIMER as RUNTIME_TIMER
from nodesim.kubelet.runtime import ContainersChanged, Runtime
from nodesim.kubelet.steps import KillKubelet, PowerOff, PowerOn, StartKubelet
from nodesim.machine import (
    CancelAllTimers,
    Frame,
    LoseUnsent,
    MachineEffect,
    MachineEvent,
    Record,
    Send,
    Started,
    TimerFired,
    Told,
    Undelivered,
)
from nodesim.messages import Close, Reset
from nodesim.profiles import Profile, Settings
from nodesim.spec import ContainerRule, NodeSpec
from nodesim.streams import Streams

CALLS: Final = (5000, 10)
"""Thousandths of a request per second, and how many at once: up to 1.26, for events too."""
HEARTBEATS: Final = ("lease", "status")
"""Parts of the kubelet whose calls go by a client without a limit (cmd/kubelet/app/server.go)."""


class NodeMachine:
    """The machine `node/NAME`.

    With `skip_quiet` periodic work of the kubelet that would do nothing is not done; what it sends is the same.
    The kubelet that is there when a run begins has come as far in its renewals and reports as if it had been started
    within `start_within_us` before, so that nodes do not go in step; one that is started later begins them then.
    All of it goes by the machine's `clock`.
    A machine that has run before (`connections` that it opened, at least, and at most so many `processes` and boots) is
    off until it is told to power on.
    """

    __slots__ = (
        "_boot",
        "_client",
        "_clock",
        "_connection",
        "_processes",
        "_profile",
        "_settings",
        "_skip_quiet",
        "_start_within_us",
        "_streams",
        "powered",
        "runtime",
        "spec",
    )

    def __init__(
        self,
        spec: NodeSpec,
        rules: Sequence[ContainerRule],
        settings: Settings,
        profile: Profile,
        streams: Streams,
        *,
        start_within_us: int = 0,
        skip_quiet: bool = True,
        clock: Clock = TRUE_CLOCK,
        connections: int = 0,
        processes: int = 0,
    ) -> None:
        self.spec = spec
        self.runtime = Runtime(rules)
        self.powered = processes == 0
        self._settings = settings
        self._profile = profile
        self._streams = streams
        self._start_within_us = start_within_us
        self._skip_quiet = skip_quiet
        self._clock = clock
        self._client: ClientMachine | None = None
        self._connection = connections
        self._boot = self._processes = processes

    def __repr__(self) -> str:
        """Its name and what of it is alive."""
        return f"NodeMachine({self.name!r}, powered={self.powered}, kubelet={self._client is not None})"

    @property
    def name(self) -> str:
        """The actor's name."""
        return f"node/{self.spec.name}"

    def handle(self, event: MachineEvent, now_us: int) -> list[MachineEffect]:
        """One event in, the orders that follow from it out."""
        client = self._client
        if type(event) is Frame:
            return self._refused(event) if client is None else client.handle(event, now_us)
        if type(event) is TimerFired:
            key = event.key
            if type(key) is tuple and key[0] == RUNTIME_TIMER:
                return self._runtime_fired(key[1], key[2], now_us)
            return [] if client is None else client.handle(event, now_us)
        match event:
            case Undelivered():
                return [] if client is None else client.handle(event, now_us)
            case Told(step=step):
                return self._told(step, now_us)
            case _:
                assert isinstance(event, Started), event
                ahead_us = self._streams.phase_us(self.name, self._start_within_us)
                return self._start_kubelet(now_us, ahead_us)

    def _refused(self, frame: Frame) -> list[MachineEffect]:
        if not self.powered or isinstance(frame.message, Reset | Close):
            return []
        return [Send(frame.source, Reset(), connection=frame.connection)]

    def _runtime_fired(self, uid: str, container: str, now_us: int) -> list[MachineEffect]:
        effects: list[MachineEffect] = [*self.runtime.fired(uid, container, now_us)]
        if self._client is not None:
            effects += self._client.handle(Told(ContainersChanged(uid)), now_us)
        return effects

    # --- steps --------------------------------------------------------------------------------------------------

    def _told(self, step: object, now_us: int) -> list[MachineEffect]:
        match step:
            case KillKubelet():
                return self._stop_kubelet(now_us)
            case StartKubelet():
                return self._start_kubelet(now_us)
            case PowerOff():
                return self._power_off(now_us)
            case PowerOn():
                return self._power_on(now_us)
            case _:
                msg = f"{self.name} knows no step {step!r}"
                raise TypeError(msg)

    def _record(self, kind: str) -> Record:
        return Record(kind, f"Node/{self.spec.name}")

    def _start_kubelet(self, now_us: int, ahead_us: int = 0) -> list[MachineEffect]:
        if not self.powered or self._client is not None:
            return []
        self._processes += 1
        program = Kubelet(
            self.spec,
            self.runtime,
            self._settings,
            self._profile,
            self._streams,
            boot=self._boot,
            process=self._processes,
            ahead_us=ahead_us,
            skip_quiet=self._skip_quiet,
            clock=self._clock,
        )
        watches = watches_of(self.spec.name)
        if self._profile.kubelet_five_calls:
            self._client = LimitedClient(
                self.name,
                program,
                watches,
                self._streams,
                CallLimit(*CALLS),
                connection=self._connection,
                events=CallLimit(*CALLS),
                free=HEARTBEATS,
            )
        else:
            self._client = ClientMachine(self.name, program, watches, self._streams, connection=self._connection)
        return [self._record("KubeletStarted"), *self._client.handle(Started(), now_us)]

    def _stop_kubelet(self, now_us: int) -> list[MachineEffect]:
        client = self._client
        if client is None:
            return []
        effects: list[MachineEffect] = [self._record("KubeletStopped"), *client.shutdown(now_us)]
        effects.append(CancelAllTimers(spare=RUNTIME_TIMER))
        self._connection = client.connection
        self._client = None
        return effects

    def _power_off(self, now_us: int) -> list[MachineEffect]:
        if not self.powered:
            return []
        # Without power nobody says goodbye: what the dying process would send is not sent.
        dying = [effect for effect in self._stop_kubelet(now_us) if not isinstance(effect, Send)]
        self.powered = False
        return [self._record("PoweredOff"), *dying, LoseUnsent(), *self.runtime.power_off(now_us)]

    def _power_on(self, now_us: int) -> list[MachineEffect]:
        if self.powered:
            return []
        self.powered = True
        self._boot += 1
        return [self._record("PoweredOn"), *self._start_kubelet(now_us)]
