"""The yardstick of the transport: what one would write with plain synchronous pyzmq.

A DEALER, a ROUTER, blocking calls.  Nobody is told apart, nothing has a limit, and whoever goes is not noticed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import zmq
import zmq.auth

from benchmarks.exchange import SENDERS, Form

PATIENCE_MS: Final = 20_000


@contextmanager
def _socket(kind: int, keys: Path | None) -> Iterator[zmq.Socket[bytes]]:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    made = context.socket(kind)
    made.sndhwm = made.rcvhwm = 0  # A ROUTER drops silently what is beyond.
    if keys is not None:
        public, secret = zmq.auth.load_certificate(keys / ("hub.key_secret" if kind == zmq.ROUTER else "a1.key_secret"))
        assert secret is not None
        made.curve_publickey, made.curve_secretkey = public, secret
        if kind == zmq.ROUTER:
            made.curve_server = True
        else:
            made.curve_serverkey = zmq.auth.load_certificate(keys / "hub.key")[0]
    try:
        yield made
    finally:
        context.destroy(linger=0)


def serve(form: Form, keys: Path | None, tell: Callable[[str], None]) -> None:
    """Answer for ever; `tell` is told the address."""
    with _socket(zmq.ROUTER, keys) as socket:
        socket.bind("tcp://127.0.0.1:*")
        tell(socket.last_endpoint.decode())
        while True:
            identity, message = socket.recv_multipart()
            socket.send_multipart((identity, form.answers(message)))


@contextmanager
def client(address: str, form: Form, keys: Path | None) -> Iterator[Callable[[int], None]]:
    """Makes so many requests when called."""
    with _socket(zmq.DEALER, keys) as socket:
        socket.rcvtimeo = PATIENCE_MS
        socket.connect(address)

        def flow(requests: int) -> None:
            for first in range(0, SENDERS, form.batch):
                last = min(first + form.batch, SENDERS)
                socket.send(form.requests([(sender, "0") for sender in range(first, last)]))
            sent, answered = SENDERS, 0
            while answered < requests:
                waiting = form.read(socket.recv())
                answered += len(waiting)
                if sent < requests:
                    sent += len(waiting)
                    socket.send(form.requests(waiting))

        yield flow
