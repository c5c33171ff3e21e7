"""What is the process of a user's actor?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from nodesim.actors.api import Api
from nodesim.actors.guest import Guest, Returned
from nodesim.client import ClientMachine
from nodesim.client.process import Crash, Process
from nodesim.machine import Frame, MachineEffect, MachineEvent, Told
from nodesim.streams import Streams
from nodesim.world.guests import Guests

Actor: TypeAlias = Callable[[Api], Awaitable[object]]
"""A user's actor: `async def my_controller(api)`."""

_RETURNED: Final = Crash(why="returned")


class ActorProcess(Process):
    """As the process of any component; its program is the user's function."""

    __slots__ = ("_guest",)

    def __init__(self, name: str, function: Actor, guests: Guests, streams: Streams) -> None:
        self._guest: Guest | None = None

        def live(guest: Guest) -> Awaitable[object]:
            return function(Api(guest))

        def make(connection: int, process: int) -> ClientMachine:
            self._guest = Guest(name, process, live, guests, streams.stream(f"actor/{name}"))
            return ClientMachine(name, self._guest, (), streams, connection=connection)

        super().__init__(name, make)

    def handle(self, event: MachineEvent, now_us: int) -> list[MachineEffect]:
        """One event in, the orders that follow from it out."""
        if isinstance(event, Told) and isinstance(event.step, Returned):
            here = self._guest is not None and self._guest.process == event.step.process
            return self.end(_RETURNED, now_us) if here and self.client is not None else []
        return super().handle(event, now_us)

    def turn(self, event: MachineEvent, now_us: int) -> list[MachineEffect]:
        """One turn; what the task does about a frame has the frame's cause."""
        if self._guest is not None:
            self._guest.turn_cause = event.cause if isinstance(event, Frame) else ""
        return super().turn(event, now_us)

    def ended(self, client: ClientMachine) -> None:
        """The task ends with its process."""
        if self._guest is not None:
            self._guest.die()
