"""How does the hub send and receive?

One ROUTER socket.  What waits for an agent waits in that agent's own outbox, and is packed into a frame when the socket
can take one.  An agent that does not read is left alone for a moment and tried again, so that it holds up nobody.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

import zmq

from transports.zeromq.ends import FRAMES_A_TURN, INBOX_LEN_MAX, SocketEnd, check_size
from transports.zeromq.hub_sessions import HubSessions, Peer
from transports.zeromq.pump import BATCH, Listener, Pump
from transports.zeromq.sockets import LINGER_MS
from transports.zeromq.timing import TICK_S

PARK_S: Final = 0.01
"""An agent whose queue is full is tried again after so long (wall)."""


class RouterPump(Pump):
    """The owner of the hub's socket."""

    def __init__(self, socket: zmq.Socket[bytes], sessions: HubSessions, *, with_keys: bool) -> None:
        super().__init__(socket)
        self._sessions = sessions
        self._with_keys = with_keys
        self._parked: dict[str, float] = {}

    def turn(self) -> bool:
        """Receive, look at the time, send."""
        if self._hungry():
            self._receive()
        self._sessions.tick()
        more = self._send()
        return more or (self.readable() and self._hungry())

    def rest_s(self) -> float:
        """Until an agent is to be tried again, or the next tick."""
        now_s = time.monotonic()
        return max(0.0, min([TICK_S, *(until_s - now_s for until_s in self._parked.values())]))

    def _hungry(self) -> bool:
        return len(self._sessions.events) < INBOX_LEN_MAX

    def _receive(self) -> None:
        if not self._with_keys:
            for parts in self.received():
                if len(parts) == 2:
                    self._sessions.heard(parts[0], "", parts[1])
                else:
                    self._sessions.counts["broken"] += 1
            return
        for _ in range(BATCH):
            try:
                frames = self.socket.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            if len(frames) == 2:
                # The name under which ZAP knows the key of this very connection.
                self._sessions.heard(frames[0].bytes, str(frames[1].get("User-Id")), frames[1].bytes)
            else:
                self._sessions.counts["broken"] += 1

    def _send(self) -> bool:
        sessions = self._sessions
        for identity, frame in sessions.answers:
            self._put(identity, frame)
        sessions.answers.clear()
        now_s = time.monotonic()
        for name in [name for name, until_s in self._parked.items() if until_s <= now_s]:
            del self._parked[name]
        more = False
        for name, peer in list(sessions.due.items()):
            if name not in self._parked:
                more |= self._send_to(peer)
        return more

    def _send_to(self, peer: Peer) -> bool:
        """Send what waits for an agent, as far as one turn goes; True: there is more, and it may go on at once."""
        for _ in range(FRAMES_A_TURN):
            if peer.unsent is None:
                peer.unsent = (peer.control.pop(0), 0) if peer.control else self._sessions.next_frame(peer)
            if peer.unsent is None:
                self._sessions.due.pop(peer.name, None)
                return False
            sent = self._put(peer.identity, peer.unsent[0])
            if sent is None:
                self._sessions.unreachable(peer.identity)
                return False
            if not sent:
                self._parked[peer.name] = time.monotonic() + PARK_S
                return False
            peer.unsent = None
        return True

    def _put(self, identity: bytes, frame: bytes) -> bool | None:
        """Hand a frame to the socket: False: its queue for this agent is full; None: there is no such connection."""
        try:
            self.socket.send_multipart((identity, frame), zmq.NOBLOCK)
        except zmq.Again:
            return False
        except zmq.ZMQError as wrong:
            if wrong.errno == zmq.EHOSTUNREACH:
                return None
            raise
        return True


class HubEnd(SocketEnd):
    """The hub's end."""

    def __init__(
        self,
        pump: RouterPump,
        monitor: zmq.Socket[bytes],
        others: Sequence[Listener],
        sessions: HubSessions,
        address: str,
    ) -> None:
        super().__init__(pump, [Listener(monitor, self._monitored), *others], sessions, address)
        self._sessions = sessions

    def post(self, peer: str, payload: bytes, newest: str = "") -> bool:
        """Send a payload."""
        check_size(payload)
        taken = self._sessions.post(peer, payload, newest)
        self.go()
        return taken

    def refuse(self, peer: str, why: str) -> None:
        """Send an agent away for good."""
        self._sessions.refuse(peer, why)
        self.go()

    def bye(self, why: str) -> None:
        """Tell all agents that the hub ends, and wait a moment until they have heard it.

        Whoever closes a connection on which something is still to be read resets it, and last words get lost.
        """
        self._pump.turn()
        self._sessions.bye(why)
        until_s = time.monotonic() + LINGER_MS / 1_000
        self._pump.turn()
        while self._sessions.peers and time.monotonic() < until_s:
            self._pump.socket.poll(int(PARK_S * 1_000), zmq.POLLIN)
            self._pump.turn()

    def _monitored(self, parts: Sequence[bytes]) -> None:
        """A connection ended somewhere; asking all agents is how one hears whose it was."""
        for peer in self._sessions.peers.values():
            self._sessions.ping(peer)
        self._pump.wake()
