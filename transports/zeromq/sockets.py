"""Which sockets do the ends use, and with which options?

The options are what makes a link come back within a second after a cut, and what drops instead of delivering late:
heartbeats on both ends (on one alone the other never notices), `IMMEDIATE` (nothing is queued for a hub that is not
there), short reconnects.  `ROUTER_MANDATORY` says who is gone instead of dropping silently; `ROUTER_HANDOVER` lets the
same process come back on a new connection before the old one was noticed to be dead.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import zmq

from transports.zeromq.frames import FRAME_BYTES_MAX

LINGER_MS: Final = 300
"""So long may the last words take when an end closes."""
FRAMES_HWM: Final = 100
"""Frames that ZeroMQ queues for a peer; each carries up to 16 KiB, or one large payload."""
HEARTBEAT_MS: Final = (500, 1_500)
"""In real time: how often, and after which silence a link is dead."""
HEARTBEAT_IN_TURNS_MS: Final = (2_000, 60_000)
"""In virtual time a host may stall; time waits for it."""


@contextmanager
def context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    """A ZeroMQ context of one's own; all its sockets must be closed inside the block."""
    made: zmq.Context[zmq.Socket[bytes]] = zmq.Context(io_threads=1)
    try:
        yield made
    finally:
        made.term()


@contextmanager
def socket(context: zmq.Context[zmq.Socket[bytes]], kind: int, *, in_turns: bool) -> Iterator[zmq.Socket[bytes]]:
    """A socket with what both ends have in common."""
    made = context.socket(kind)
    made.linger = LINGER_MS
    made.setsockopt(zmq.SNDHWM, FRAMES_HWM)
    made.setsockopt(zmq.RCVHWM, FRAMES_HWM)
    made.setsockopt(zmq.MAXMSGSIZE, FRAME_BYTES_MAX)
    made.setsockopt(zmq.HANDSHAKE_IVL, 2_000)
    every_ms, timeout_ms = HEARTBEAT_IN_TURNS_MS if in_turns else HEARTBEAT_MS
    made.setsockopt(zmq.HEARTBEAT_IVL, every_ms)
    made.setsockopt(zmq.HEARTBEAT_TIMEOUT, timeout_ms)
    if kind == zmq.ROUTER:
        made.setsockopt(zmq.ROUTER_MANDATORY, 1)
        made.setsockopt(zmq.ROUTER_HANDOVER, 1)
    else:
        made.setsockopt(zmq.IMMEDIATE, 1)
        made.setsockopt(zmq.CONNECT_TIMEOUT, 1_000)
        made.setsockopt(zmq.RECONNECT_IVL, 100)
        made.setsockopt(zmq.RECONNECT_IVL_MAX, 100 if in_turns else 1_000)
    try:
        yield made
    finally:
        made.close()


@contextmanager
def monitor(watched: zmq.Socket[bytes], events: int) -> Iterator[zmq.Socket[bytes]]:
    """The socket on which ZeroMQ tells what happens to another one's connections."""
    made = watched.get_monitor_socket(events)
    try:
        yield made
    finally:
        watched.disable_monitor()
        made.close(linger=0)
