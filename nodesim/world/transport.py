"""How do the places of a run reach each other?

A run has one hub and any number of agents, each a place where some of its actors live: other worlds of this process,
other processes, other hosts.  A transport takes payloads (bytes) between the hub and its agents; what they mean is
not its business.  Transports are found by the entry-point group `nodesim.transports`; `transports.conformance` holds
what each of them must do.

The contract.  A payload arrives at most once, and in order within a connection.  What is lost is lost at the end of a
connection only, and both ends hear of that end (`Left`), then of the next beginning (`Joined`).  Whoever needs more
asks again.  Nothing is kept without a limit, and nothing of an older connection arrives in a newer one.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Final, Protocol, TypeAlias

from nodesim.errors import NotRunnable
from nodesim.messages import FRAME_BYTES_MAX
from nodesim.values import value

HUB: Final = "hub"
"""The name under which agents know the hub."""

PAYLOAD_BYTES_MAX: Final = FRAME_BYTES_MAX + 64 * 1024
"""The largest payload: one frame of the largest size, and what a parcel adds to it."""


class Refused(NotRunnable):
    """The hub does not want this agent, or this agent could not prove who it is; trying again would not help."""


@value
class Joined:
    """A connection to this peer begins.  `epoch` is drawn anew by each process: a new one has lost its state."""

    peer: str
    epoch: int


@value
class Left:
    """The connection to this peer has ended: why, and how many payloads that were still here are lost with it."""

    peer: str
    why: str
    lost: int


@value
class Received:
    """A payload arrived."""

    peer: str
    payload: bytes


TransportEvent: TypeAlias = Joined | Left | Received


class End(Protocol):
    """One end of a transport: the hub's, or an agent's (whose only peer is `HUB`)."""

    @property
    def address(self) -> str:
        """Where the hub listens, in a form with which an agent can connect."""
        ...

    @property
    def counts(self) -> dict[str, int]:
        """What was dropped so far, by reason: `stale`, `epoch`, `broken`, `full`, `lost`."""
        ...

    def post(self, peer: str, payload: bytes, newest: str = "") -> bool:
        """Send a payload; never waits.

        False: the peer is not there, or too much waits for it already; then the payload is dropped.  Of payloads
        with the same `newest` that still wait only the last one is sent, and one that arrives late is dropped: that
        is for heartbeats.

        Raises:
            ValueError: larger than `PAYLOAD_BYTES_MAX`.
        """
        ...

    def fetch(self) -> list[TransportEvent]:
        """What happened since the last call, in order; never waits.

        Raises:
            Refused: this agent has no place here.
        """
        ...

    async def wait(self) -> None:
        """Until `fetch` has something to give; cancelling it loses nothing."""
        ...

    def refuse(self, peer: str, why: str) -> None:
        """The hub sends an agent away for good (its `fetch` raises `Refused` with this text)."""
        ...


class Transport(Protocol):
    """Opens ends.  Made by calling what the entry point names, as `TransportFactory` says."""

    def hub(self, address: str) -> AbstractAsyncContextManager[End]:
        """The hub's end, listening at an address until the block ends; then all agents hear of it (`Left`).

        Raises:
            NotRunnable: one cannot listen there.
        """
        ...

    def agent(self, address: str, name: str) -> AbstractAsyncContextManager[End]:
        """An agent's end; the hub need not be there yet, and may go and come while the block lasts."""
        ...


class TransportFactory(Protocol):
    """What an entry point of the group `nodesim.transports` names."""

    def __call__(
        self, *, keys: Path | None = None, in_turns: bool = True, log: Callable[[str], None] | None = None
    ) -> Transport:
        """A transport.

        Args:
            keys: the folder with the keys, for those that know any.
            in_turns: the ends take turns in virtual time: whoever waits has nothing else to do, and a peer that is
                silent may be busy.  Else the ends live in real time, and a peer that is silent for long is gone.
            log: told, in words for people, what happens that no event tells.
        """
        ...
