"""Who may touch a socket, and when?

Its pump alone, and nobody else: ZeroMQ's file descriptor is edge triggered, and any call on the socket by another task
can swallow the edge for which a reader waits.  A pump takes turns: one turn sends what is due and receives what is
there, without waiting; it looks at the socket's `EVENTS` last, and sleeps only if these say that there is nothing left
to do.  In virtual time nothing else may happen while one waits, so turns are taken in a blocking poll
(`Pumps.look`); in real time each pump has a task (`Pump.run`).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import trio
import zmq

from nodesim.world import wall
from transports.zeromq.timing import TICK_S

BATCH: Final = 256
"""Messages that one turn receives at most."""


class Pump(ABC):
    """The owner of one socket."""

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        self.socket = socket
        self._fd = int(socket.getsockopt(zmq.FD))
        self._scope: trio.CancelScope | None = None
        self.asleep = False
        """Would `wake` do anything?"""

    @abstractmethod
    def turn(self) -> bool:
        """Send and receive what can be; True: there is more to do at once."""

    def rest_s(self) -> float:
        """How long it may sleep if nothing comes, in wall seconds."""
        return math.inf

    def wake(self) -> None:
        """There is something to send, or room to receive."""
        if self._scope is not None:
            scope, self._scope = self._scope, None
            self.asleep = False
            scope.cancel()

    async def run(self, after: Callable[[], None]) -> None:
        """Take turns for ever; `after` is called behind each."""
        while True:
            more = self.turn()
            after()
            if more:
                await trio.lowlevel.checkpoint()
                continue
            with trio.CancelScope(deadline=trio.current_time() + wall(self.rest_s())) as self._scope:
                self.asleep = True
                await trio.lowlevel.wait_readable(self._fd)
            self._scope, self.asleep = None, False

    def received(self) -> Iterator[list[bytes]]:
        """What is there, as far as one turn goes."""
        for _ in range(BATCH):
            try:
                yield self.socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return

    def readable(self) -> bool:
        """Is there more to receive?  To be the last look at the socket in a turn."""
        return bool(int(self.socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN)


class Listener(Pump):
    """A pump that hands over what comes, for ZeroMQ's own inproc sockets (monitor, ZAP)."""

    def __init__(self, socket: zmq.Socket[bytes], take: Callable[[Sequence[bytes]], None]) -> None:
        super().__init__(socket)
        self._take = take

    def turn(self) -> bool:
        """Receive what is there."""
        for parts in self.received():
            self._take(parts)
        return self.readable()


class Pumps:
    """All pumps of one end, for those who wait by polling."""

    def __init__(self, pumps: Sequence[Pump]) -> None:
        self._pumps = pumps
        self._poller = zmq.Poller()
        for pump in pumps:
            self._poller.register(pump.socket, zmq.POLLIN)

    def look(self) -> None:
        """Turns until nothing is left to do."""
        more = True
        while more:
            more = False
            for pump in self._pumps:
                more |= pump.turn()

    def block(self) -> None:
        """Wait until something comes, for a moment at most: Ctrl-C must be heard."""
        self._poller.poll(int(TICK_S * 1000))
