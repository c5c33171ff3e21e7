"""What do both ends have in common?

Pumps that do the work, a list of what happened, and two ways to wait for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import trio

from nodesim.world.transport import PAYLOAD_BYTES_MAX, Refused, TransportEvent
from transports.zeromq.pump import Pump, Pumps

FRAMES_A_TURN: Final = 64
"""Frames that one peer gets in one turn, at most."""
INBOX_LEN_MAX: Final = 20_000
"""Payloads that wait to be fetched; then nothing more is received until they were."""


class Session(Protocol):
    """The side of the protocol that has no sockets."""

    events: list[TransportEvent]
    refused: Refused | None
    counts: dict[str, int]


class SocketEnd:
    """One end: `pump` owns the socket to the peers, `others` ZeroMQ's own."""

    def __init__(self, pump: Pump, others: Sequence[Pump], session: Session, address: str) -> None:
        self.address = address
        self._pump = pump
        self._pumps = (pump, *others)
        self._session = session
        self._blocking: Pumps | None = None
        self._arrived = trio.lowlevel.ParkingLot()

    @property
    def counts(self) -> dict[str, int]:
        """What was dropped, by reason."""
        return dict(self._session.counts)

    def fetch(self) -> list[TransportEvent]:
        """What happened since the last call.

        Raises:
            Refused: this agent has no place here.
        """
        session = self._session
        if session.refused is not None:
            raise session.refused
        events, session.events = session.events, []
        self._pump.wake()  # There is room again.
        return events

    async def wait(self) -> None:
        """Until there is something to fetch: in a blocking poll, or parked while the pumps' tasks work."""
        await trio.lowlevel.checkpoint()
        while True:
            if self._blocking is not None:
                self._blocking.look()
            if self._ready():
                return
            if self._blocking is None:
                await self._arrived.park()
            else:
                self._blocking.block()
                await trio.lowlevel.checkpoint()

    def take_turns(self) -> None:
        """From now on whoever waits takes the pumps' turns (virtual time)."""
        self._blocking = Pumps(self._pumps)

    async def pump(self) -> None:
        """The pumps' tasks (real time)."""
        async with trio.open_nursery() as nursery:
            for pump in self._pumps:
                nursery.start_soon(pump.run, self._look)

    def bye(self, why: str) -> None:
        """Tell the peers that this end closes, at once."""
        raise NotImplementedError

    def go(self) -> None:
        """There is something to send."""
        if self._blocking is not None:
            self._pump.turn()
        elif self._pump.asleep:
            self._pump.wake()

    def _ready(self) -> bool:
        return bool(self._session.events) or self._session.refused is not None

    def _look(self) -> None:
        if self._ready():
            self._arrived.unpark_all()


def check_size(payload: bytes) -> None:
    """Refuse what no frame can carry.

    Raises:
        ValueError: too large.
    """
    if len(payload) > PAYLOAD_BYTES_MAX:
        msg = f"a payload of {len(payload)} bytes, at most {PAYLOAD_BYTES_MAX}"
        raise ValueError(msg)
