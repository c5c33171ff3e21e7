"""How is an end opened and closed?"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import trio
import zmq

from transports.zeromq import addresses, sockets
from transports.zeromq.agent import EVENTS, AgentEnd, DealerPump
from transports.zeromq.agent_session import AgentSession
from transports.zeromq.ends import SocketEnd
from transports.zeromq.hub import HubEnd, RouterPump
from transports.zeromq.hub_sessions import HubSessions
from transports.zeromq.keys import KeyFolder
from transports.zeromq.pump import Listener
from transports.zeromq.zap import Guard


def _now_us() -> int:
    return time.monotonic_ns() // 1000


def _epoch() -> int:
    """A number that no other process draws: who does not know it cannot speak for this one."""
    return secrets.randbits(62) + 1


class ZeroMqTransport:
    """Ends over ZeroMQ; without keys only on loopback addresses."""

    def __init__(
        self, *, keys: Path | None = None, in_turns: bool = True, log: Callable[[str], None] | None = None
    ) -> None:
        self._keys = KeyFolder(keys) if keys is not None else None
        self._in_turns = in_turns
        self._log = log or (lambda _: None)

    @asynccontextmanager
    async def hub(self, address: str) -> AsyncIterator[HubEnd]:
        """The hub's end.

        Raises:
            NotRunnable: one cannot listen there, or not without keys.
        """
        addresses.check(address, with_keys=self._keys is not None, what="hub")
        with_keys = self._keys is not None
        sessions = HubSessions(_epoch(), watch_silence=not self._in_turns, with_keys=with_keys, now_us=_now_us)
        with ExitStack() as stack:
            context = stack.enter_context(sockets.context())
            listeners: list[Listener] = []
            if self._keys is not None:
                guard = Guard(self._keys, self._log)
                listeners.append(stack.enter_context(guard.listening(context)))
            socket = stack.enter_context(sockets.socket(context, zmq.ROUTER, in_turns=self._in_turns))
            if self._keys is not None:
                self._keys.arm_hub(socket)
            monitor = stack.enter_context(sockets.monitor(socket, zmq.EVENT_DISCONNECTED))
            bound = addresses.bind(socket, address)
            pump = RouterPump(socket, sessions, with_keys=with_keys)
            end = HubEnd(pump, monitor, listeners, sessions, bound)
            async with self._open(end, "the hub has ended"):
                yield end

    @asynccontextmanager
    async def agent(self, address: str, name: str) -> AsyncIterator[AgentEnd]:
        """An agent's end.

        Raises:
            NotRunnable: the address is none, or nothing may be sent there without keys.
        """
        addresses.check(address, with_keys=self._keys is not None, what="agent")
        epoch = _epoch()
        session = AgentSession(name, epoch, watch_silence=not self._in_turns, now_us=_now_us)
        with ExitStack() as stack:
            context = stack.enter_context(sockets.context())
            socket = stack.enter_context(sockets.socket(context, zmq.DEALER, in_turns=self._in_turns))
            socket.setsockopt(zmq.ROUTING_ID, f"{name[:100]}#{epoch:x}".encode())
            if self._keys is not None:
                self._keys.arm_agent(socket, name)
            monitor = stack.enter_context(sockets.monitor(socket, EVENTS))
            end = AgentEnd(DealerPump(socket, session), monitor, session, address)
            addresses.connect(socket, address)
            async with self._open(end, "the agent has ended"):
                yield end

    @asynccontextmanager
    async def _open(self, end: SocketEnd, last_words: str) -> AsyncIterator[None]:
        try:
            if self._in_turns:
                end.take_turns()
                yield
                return
            async with trio.open_nursery() as nursery:
                nursery.start_soon(end.pump)
                yield
                nursery.cancel_scope.cancel()
        finally:
            end.bye(last_words)  # Behind what was posted before.
