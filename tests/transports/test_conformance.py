"""Every transport of the wheel does what `transports.conformance` asks for."""

from __future__ import annotations

import pytest

from nodesim.world.transport import Transport
from transports.conformance import TransportConformance
from transports.memory import MemoryTransport
from transports.zeromq import ZeroMqTransport


class TestMemory(TransportConformance):
    """Places of one process."""

    def transport(self, *, in_turns: bool) -> Transport:
        """A new one."""
        return MemoryTransport(in_turns=in_turns)

    def address(self) -> str:
        """Any; a transport's hubs are its own."""
        return "here"


@pytest.mark.slow
class TestZeroMqTcp(TransportConformance):
    """Over loopback."""

    def transport(self, *, in_turns: bool) -> Transport:
        """A new one."""
        return ZeroMqTransport(in_turns=in_turns)

    def address(self) -> str:
        """A port that the system chooses."""
        return "tcp://127.0.0.1:*"
