"""How does an agent send and receive?

One DEALER socket, for all actors that live in this process, and the monitor that tells when its connection begins and
ends.  A hub that is not there is tried again for ever; one that refuses is left for good.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import zmq
from zmq.utils.monitor import parse_monitor_message

from nodesim.world.transport import HUB, Refused
from transports.zeromq.agent_session import AgentSession
from transports.zeromq.ends import FRAMES_A_TURN, INBOX_LEN_MAX, SocketEnd, check_size
from transports.zeromq.frames import FLUSH_BYTES
from transports.zeromq.pump import Listener, Pump
from transports.zeromq.timing import TICK_S

EVENTS: Final = (
    zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_DISCONNECTED
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
)
"""What an agent wants to hear of its link."""
FAILED_HANDSHAKES_MAX: Final = 5
"""Handshakes that fail in a row before an agent gives up: one may fail because the hub ends in the middle of it."""


class DealerPump(Pump):
    """The owner of an agent's socket."""

    def __init__(self, socket: zmq.Socket[bytes], session: AgentSession) -> None:
        super().__init__(socket)
        self._session = session

    def turn(self) -> bool:
        """Receive, look at the time, send."""
        if self._hungry():
            for parts in self.received():
                if len(parts) == 1:
                    self._session.heard(parts[0])
                else:
                    self._session.counts["broken"] += 1
        self._session.tick()
        more = self._send()
        return more or (self.readable() and self._hungry())

    def flush(self) -> None:
        """Send what can be sent.  That may swallow an edge: the pump has to look at its socket."""
        self._send()
        self.wake()

    def rest_s(self) -> float:
        """Until the next tick."""
        return TICK_S

    def _hungry(self) -> bool:
        return len(self._session.events) < INBOX_LEN_MAX

    def _send(self) -> bool:
        """Send what waits, as far as one turn goes; True: there is more, and it may go on at once."""
        session = self._session
        for frame in session.control:
            self._put(frame)  # Where there is no link, a hello or a sign of life is worth nothing.
        session.control.clear()
        for _ in range(FRAMES_A_TURN):
            if session.unsent is None:
                session.unsent = session.next_frame()
            if session.unsent is None:
                return False
            if not self._put(session.unsent[0]):
                return False  # The socket says when there is room again; no other peer waits behind this one.
            session.unsent = None
        return True

    def _put(self, frame: bytes) -> bool:
        try:
            self.socket.send(frame, zmq.NOBLOCK)
        except zmq.Again:
            return False
        return True


class AgentEnd(SocketEnd):
    """An agent's end."""

    def __init__(self, pump: DealerPump, monitor: zmq.Socket[bytes], session: AgentSession, address: str) -> None:
        super().__init__(pump, [Listener(monitor, self._monitored)], session, address)
        self._dealer = pump
        self._agent = session
        self._failures = 0

    def post(self, peer: str, payload: bytes, newest: str = "") -> bool:
        """Send a payload."""
        check_size(payload)
        taken = peer == HUB and self._agent.post(payload, newest)
        if self._agent.outbox.bytes >= FLUSH_BYTES and self._agent.unsent is None:
            self._dealer.flush()  # The hub can begin with a full frame while this side makes the next one.
        self.go()
        return taken

    def refuse(self, peer: str, why: str) -> None:
        """An agent cannot send its hub away.

        Raises:
            ValueError: always.
        """
        msg = f"an agent cannot refuse {peer}: {why}"
        raise ValueError(msg)

    def bye(self, why: str) -> None:
        """Tell the hub that this agent ends."""
        self._pump.turn()
        self._agent.bye(why)
        self._pump.turn()

    def _monitored(self, parts: Sequence[bytes]) -> None:
        event = parse_monitor_message(list(parts))["event"]
        if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            self._failures = 0
            self._agent.connected()
        elif event == zmq.EVENT_DISCONNECTED:
            # What came before is heard first: the hub's last words above all.
            while self._agent.up and self._pump.readable() and self._pump.turn():
                pass
            self._agent.disconnected("the link is gone")
        elif event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
            self._agent.refused = Refused(f"the hub at {self.address} does not accept this agent's key")
        else:
            self._failures += 1
            # After a failure of the protocol libzmq does not try again.
            if event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL or self._failures >= FAILED_HANDSHAKES_MAX:
                self._agent.refused = Refused(f"no handshake with the hub at {self.address}: {KEYS_DIFFER}")
        self._pump.wake()


KEYS_DIFFER: Final = "one side uses keys and the other does not, or the hub's public key here is not that hub's"
