"""What stands in a frame between a hub and an agent?

One msgpack array: `[version, kind, from_epoch, to_epoch, attempt, sent_us, *rest]`.  Both ends draw an epoch when they
begin, and an agent counts its attempts to be welcomed; a frame of another epoch or attempt belongs to a connection
that is over.  `sent_us` is the sender's own clock.  A `DATA` frame carries many payloads, because a frame costs ZeroMQ
as much as a payload does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgpack

from nodesim.errors import FrameError
from nodesim.values import value
from nodesim.world.transport import PAYLOAD_BYTES_MAX

VERSION: Final = 1

HELLO: Final = 1
"""From an agent: rest is [name]."""
WELCOME: Final = 2
"""The hub's answer to a hello."""
REFUSED: Final = 3
"""The hub's other answer: rest is [why]."""
DATA: Final = 4
"""Rest is [[key, payload, key, payload, ...]], keys of heartbeats not empty."""
PING: Final = 5
PONG: Final = 6
BYE: Final = 7
"""The sender ends: rest is [why]."""

REST_LEN: Final = {HELLO: 1, WELCOME: 0, REFUSED: 1, DATA: 1, PING: 0, PONG: 0, BYE: 1}

FRAME_BYTES_MAX: Final = PAYLOAD_BYTES_MAX + 64 * 1024
"""The largest payload, and what goes around it."""
ENTRIES_MAX: Final = 100_000
"""Payloads in one frame; the sender stops far below at `FLUSH_BYTES`."""
TEXT_BYTES_MAX: Final = 1_000
FLUSH_BYTES: Final = 16 * 1024
"""A frame is closed when it holds this much.  ZeroMQ takes a link for dead on which no whole frame came for 1.5 s, so
a line must carry a frame in less; larger frames gain little."""


@value
class Head:
    """A frame's head, and what follows it."""

    kind: int
    from_epoch: int
    to_epoch: int
    attempt: int
    sent_us: int
    rest: Any
    """None, a text, or the list of keys and payloads, by kind."""


def pack(kind: int, from_epoch: int, to_epoch: int, attempt: int, sent_us: int, *rest: object) -> bytes:
    """The bytes of a frame."""
    made: bytes = _packer.pack((VERSION, kind, from_epoch, to_epoch, attempt, sent_us, *rest))
    return made


def unpack(frame: bytes) -> Head:
    """The head of a frame and its rest.

    Raises:
        FrameError: anything is wrong with it.
    """
    if len(frame) > FRAME_BYTES_MAX:
        msg = f"frame of {len(frame)} bytes, at most {FRAME_BYTES_MAX}"
        raise FrameError(msg)
    try:
        parts = msgpack.unpackb(
            frame,
            max_bin_len=PAYLOAD_BYTES_MAX,
            max_str_len=TEXT_BYTES_MAX,
            max_array_len=2 * ENTRIES_MAX,
            max_map_len=0,
            max_ext_len=0,
        )
    except Exception as broken:  # msgpack raises seven unrelated classes on bad bytes
        msg = f"frame is not msgpack: {type(broken).__name__}"
        raise FrameError(msg) from broken
    if type(parts) is not list or len(parts) < 6 or any(type(part) is not int for part in parts[:6]):
        msg = "a frame is an array that begins with six integers"
        raise FrameError(msg)
    version, kind, from_epoch, to_epoch, attempt, sent_us = parts[:6]
    if version != VERSION:
        msg = f"transport version {version}, here {VERSION}"
        raise FrameError(msg)
    if REST_LEN.get(kind) != len(parts) - 6:
        msg = f"no frame of kind {kind} with {len(parts) - 6} parts"
        raise FrameError(msg)
    rest = parts[6] if len(parts) > 6 else None
    if not _fits(kind, rest):
        msg = f"the parts of a frame of kind {kind} have wrong types"
        raise FrameError(msg)
    return Head(kind, from_epoch, to_epoch, attempt, sent_us, rest)


def _fits(kind: int, rest: object) -> bool:
    if kind == DATA:
        return type(rest) is list and len(rest) % 2 == 0 and _keys_and_payloads(rest)
    return rest is None or (type(rest) is str and len(rest) > 0)


def _keys_and_payloads(rest: Sequence[object]) -> bool:
    return _STR.issuperset(map(type, rest[::2])) and _BYTES.issuperset(map(type, rest[1::2]))


_STR: Final = frozenset((str,))
_BYTES: Final = frozenset((bytes,))
_packer: Final = msgpack.Packer(autoreset=True, use_bin_type=True)
