"""What becomes of the API server's clients when its process ends, and when it starts again?

The store is etcd's and stays.  What the process knew is gone: its connections, its watches, and the history from which
a watch could go on.  While it is down its host's kernel refuses whatever comes.
"""

from __future__ import annotations

from nodesim.apiserver.server import ApiServer
from nodesim.client.process import RESTART, Crash, LagBehind, Start
from nodesim.machine import (
    CancelTimer,
    Frame,
    MachineEffect,
    MachineEvent,
    Record,
    Send,
    SetTimer,
    Started,
    TimerFired,
    Told,
)
from nodesim.messages import Close, Reset


class ServerProcess:
    """The API server's process, up or down."""

    def __init__(self, name: str, server: ApiServer) -> None:
        self.name = name
        self.server = server
        self.up = False
        self._processes = 0

    def __repr__(self) -> str:
        """Whether it runs."""
        return f"<ServerProcess #{self._processes}: {'runs' if self.up else 'is down'}>"

    @property
    def running(self) -> bool:
        """Is there a process now?"""
        return self.up

    def handle(self, event: MachineEvent, now_us: int) -> list[MachineEffect]:
        """One event in, what follows from it out."""
        if isinstance(event, Started):
            return self._start(now_us)
        if isinstance(event, Told) and isinstance(event.step, Crash | Start | LagBehind):
            if isinstance(event.step, Start):
                return [] if self.up else [CancelTimer(RESTART), *self._start(now_us)]
            return self._end(event.step, now_us) if isinstance(event.step, Crash) else []
        if isinstance(event, TimerFired) and event.key == RESTART:
            return self._start(now_us)
        if self.up:
            return self.server.handle(event, now_us)
        if not isinstance(event, Frame) or isinstance(event.message, Reset | Close):
            return []
        return [Send(event.source, Reset(), connection=event.connection)]

    def _start(self, now_us: int) -> list[MachineEffect]:
        if self.up:
            return []
        self.up = True
        self._processes += 1
        effects = self.server.handle(Started(), now_us)
        if self._processes == 1:
            return effects
        return [Record("ComponentStarted", f"Component/{self.name}", {"process": self._processes}), *effects]

    def _end(self, order: Crash, now_us: int) -> list[MachineEffect]:
        if not self.up:
            return []
        self.up = False
        record = Record("ComponentStopped", f"Component/{self.name}", {"process": self._processes, "why": order.why})
        closes = [Send(client, Close(), connection=number) for client, number in self.server.hang_up()]
        if order.restart_after_us is None:
            return [record, *closes]
        return [record, *closes, SetTimer(RESTART, now_us + order.restart_after_us, caused=True)]
