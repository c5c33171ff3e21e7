"""Which addresses are right, and which may do without keys?

`tcp://HOST:PORT` and `ipc://PATH`.  What does not leave this machine needs no keys: loopback addresses and ipc.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

import zmq

from nodesim.errors import NotRunnable

_TCP: Final = re.compile(r"tcp://(?P<host>\[[0-9a-fA-F:.]+\]|[^\[\]:/]+):(?P<port>[0-9]{1,5}|\*)")
IPC_PATH_LEN_MAX: Final = 107
"""sun_path of Linux without its closing NUL."""


def check(address: str, *, with_keys: bool, what: str) -> None:
    """Is this an address, and may it be used?

    Raises:
        NotRunnable: no.
    """
    if address.startswith("ipc://") and len(address) > len("ipc://"):
        if len(address) - len("ipc://") > IPC_PATH_LEN_MAX:
            msg = f"{address}: a path of at most {IPC_PATH_LEN_MAX} characters can be a socket"
            raise NotRunnable(msg)
        return
    found = _TCP.fullmatch(address)
    if found is None or (found["port"] != "*" and not 0 <= int(found["port"]) <= 65535):
        msg = f"{address!r} is no address; expected tcp://HOST:PORT such as tcp://127.0.0.1:7400, or ipc://PATH"
        raise NotRunnable(msg)
    if not with_keys and not _is_loopback(found["host"]):
        msg = (
            f"{address} is not on loopback, and whoever reaches a {what} without keys can read and forge everything: "
            "make keys with 'nodesim keys init DIR' and give --keys DIR on both sides (docs/multi-host.md)"
        )
        raise NotRunnable(msg)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def bind(socket: zmq.Socket[bytes], address: str) -> str:
    """Listen; the value is the address under which agents reach it, port 0 or * replaced by the one taken.

    Raises:
        NotRunnable: it is taken, or not this machine's.
    """
    _prepare(socket, address)
    place = re.sub(r":0$", ":*", address) if address.startswith("tcp://") else address
    try:
        socket.bind(_literal(place))
    except zmq.ZMQError as wrong:
        msg = f"cannot listen at {address}: {wrong.strerror}"
        raise NotRunnable(msg) from wrong
    return bytes(socket.getsockopt(zmq.LAST_ENDPOINT)).rstrip(b"\0").decode()


def connect(socket: zmq.Socket[bytes], address: str) -> None:
    """Connect, now or when somebody listens there.

    Raises:
        NotRunnable: the address is wrong in itself.
    """
    _prepare(socket, address)
    try:
        socket.connect(address)
    except zmq.ZMQError as wrong:
        msg = f"cannot connect to {address}: {wrong.strerror}"
        raise NotRunnable(msg) from wrong


def _literal(address: str) -> str:
    """ZeroMQ binds to interfaces and numbers, not to names."""
    return address.replace("tcp://localhost:", "tcp://127.0.0.1:")


def _prepare(socket: zmq.Socket[bytes], address: str) -> None:
    if "[" in address:
        socket.setsockopt(zmq.IPV6, 1)
