"""What is a controller manager's process, where several instances are there?

Its own actor takes part in the election; its controllers are actors that run while it leads.  They are parts of one
process: what it tells them passes through no network (`Signal`).  A leader that loses its lease exits, as Kubernetes'
does, with all its controllers; the kubelet of its machine starts it again, and then it waits like the others.

Source: cmd/kube-controller-manager/app/controllermanager.go `Run` (OnStartedLeading, OnStoppedLeading).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nodesim.client.process import Crash, MakeClient, Process, Start
from nodesim.controllers.leaderelection.elector import LeaderElection
from nodesim.machine import MachineEffect, MachineEvent, Signal
from nodesim.units import SECOND

RESTART_US: Final = SECOND
"""How soon the kubelet has started an exited static pod's container again, the first time: its next relist and sync."""


class ManagerProcess(Process):
    """The process of one instance; `controllers` are its other actors."""

    __slots__ = ("_controllers", "_told_to_run")

    def __init__(self, name: str, make: MakeClient, controllers: Sequence[str]) -> None:
        super().__init__(name, make)
        self._controllers = tuple(controllers)
        self._told_to_run = False
        """Have the controllers been told to run?"""

    def turn(self, event: MachineEvent, now_us: int) -> list[MachineEffect]:
        """One turn of the process that runs; what follows for its controllers comes last."""
        effects = super().turn(event, now_us)
        if self.client is None:
            return effects
        election = self.client.program
        assert isinstance(election, LeaderElection)
        if election.lost:
            lost = Crash(restart_after_us=RESTART_US, why="leader election lost")
            return effects + self.end(lost, now_us)
        if election.leading and not self._told_to_run:
            self._told_to_run = True
            effects += [Signal(name, Start()) for name in self._controllers]
        return effects

    def end(self, order: Crash, now_us: int, call: str = "") -> list[MachineEffect]:
        """The process is no more, and with it its controllers."""
        effects = super().end(order, now_us, call)
        if self._told_to_run:
            self._told_to_run = False
            effects += [Signal(name, Crash(silent=order.silent, why=order.why)) for name in self._controllers]
        return effects
