"""Who may connect?

ZeroMQ asks a handler on an inproc socket for every new connection (RFC 27/ZAP), before any frame of it is delivered.
This one answers from the folder of allowed keys, as it is at that moment, and with the name under which the key is
known; the hub compares that name with the one that an agent claims.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import zmq
import zmq.utils.z85

from nodesim.errors import NotRunnable
from transports.zeromq.keys import KeyFolder
from transports.zeromq.pump import Listener

ENDPOINT: Final = "inproc://zeromq.zap.01"
VERSION: Final = b"1.0"


class Guard:
    """Answers ZAP requests."""

    def __init__(self, keys: KeyFolder, log: Callable[[str], None]) -> None:
        self._keys = keys
        self._log = log
        self._socket: zmq.Socket[bytes] | None = None

    @contextmanager
    def listening(self, context: zmq.Context[zmq.Socket[bytes]]) -> Iterator[Listener]:
        """The pump of the handler's socket; it must be there before anybody can connect."""
        self._socket = context.socket(zmq.ROUTER)
        try:
            self._socket.bind(ENDPOINT)
            yield Listener(self._socket, self.asked)
        finally:
            self._socket.close(linger=0)

    def asked(self, parts: Sequence[bytes]) -> None:
        """One request: whose key is this?"""
        assert self._socket is not None
        try:
            envelope = list(parts[: parts.index(b"") + 1])
            version, request_id, _domain, address, _identity, mechanism, *credentials = parts[len(envelope) :]
        except ValueError:
            return  # Only libzmq itself can write here.
        name = self._name_of(credentials[0]) if mechanism == b"CURVE" and len(credentials) == 1 else ""
        if version != VERSION:
            name = ""
        if not name:
            self._log(f"refused a connection from {address.decode(errors='replace')}: its key is not allowed")
        code, text = (b"200", b"OK") if name else (b"400", b"this key is not allowed")
        self._socket.send_multipart([*envelope, VERSION, request_id, code, text, name.encode(), b""])

    def _name_of(self, key: bytes) -> str:
        """The name of the agent that has this key; "" if nobody that is allowed has it."""
        wanted = zmq.utils.z85.encode(key).decode()
        try:
            allowed = self._keys.allowed()
        except NotRunnable as wrong:
            self._log(str(wrong))
            return ""
        return next((name for name, public in allowed.items() if public == wanted), "")
