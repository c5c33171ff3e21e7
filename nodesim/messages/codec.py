"""How does a message become bytes, and bytes a message?

A frame is one msgpack array: `[version, kind, source, destination, id, in_reply_to, connection, cause, *fields]`, the
fields of the message in the order of its class.  Documents among them are `bin` (`nodesim.objects.documents`), so that
one encoding serves several receivers.

How it works.  For each class in the registry two functions are generated once, `encode` and `decode`; `decode` tests
the exact type of every part (`bool` is no `int`, "7" is no 7).  cattrs uses them, too, where an edge needs messages in
another form (`converter()`).  Anything wrong raises `FrameError` and nothing else.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias, get_args, get_origin, get_type_hints

import attrs
import cattrs
import msgpack

from nodesim.errors import FrameError
from nodesim.messages import kinds
from nodesim.values import FROZEN, value

PROTOCOL_VERSION: Final = 1

FRAME_BYTES_MAX: Final = 64 * 1024 * 1024
"""A list of 5,000 nodes of 4 kB each is 20 MB; three times that is more than any cluster here sends at once."""

REGISTRY: Final[tuple[type, ...]] = (
    kinds.Dial,
    kinds.Accept,
    kinds.Reset,
    kinds.Close,
    kinds.Ping,
    kinds.Pong,
    kinds.Get,
    kinds.List,
    kinds.Create,
    kinds.Update,
    kinds.Patch,
    kinds.Bind,
    kinds.Delete,
    kinds.Watch,
    kinds.Unwatch,
    kinds.Done,
    kinds.Listed,
    kinds.Failure,
    kinds.WatchEvent,
    kinds.Renew,
    kinds.Renewed,
    kinds.Evict,
)
"""Every message class; its place is its number on the wire, so new ones go to the end."""


HEADER: Final = ("version", "kind", "source", "destination", "id", "in_reply_to", "connection", "cause")
"""What every frame begins with; `source`, `destination` and `cause` are str, the others int."""


@value
class Frame:
    """A message that arrived: who sent it, its number, what it answers, on which connection, and what it says.

    `connection` numbers the client's connection (0: none); `cause` is the record that led to it (`actor#n`) or "".
    """

    source: str
    id: int
    in_reply_to: int
    connection: int
    message: Any
    """One of `kinds.Message`; `Any` because the generated decoders cannot name which."""
    destination: str = ""
    cause: str = ""


def _test_of(annotation: Any, item: str) -> str:
    """Source text of a test that is true when `item` is NOT of the annotated type."""
    if annotation in (str, int, bool, bytes):
        # Faster than `type()`, and as strict: msgpack makes nothing whose `__class__` says something else.
        return f"{item}.__class__ is not {annotation.__name__}"
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (types.UnionType, typing.Union) and len(arguments) == 2 and arguments[1] is types.NoneType:
        return f"({item} is not None and {_test_of(arguments[0], item)})"
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return f"(type({item}) is not list or any({_test_of(arguments[0], 'x')} for x in {item}))"
    msg = f"no wire form for {annotation!r}"
    raise TypeError(msg)


def _refusal(parts: Any, why: str) -> FrameError:
    """What is wrong with the parts of a frame: its version, its kind, or else `why`."""
    if type(parts) is not list or len(parts) < 2:
        return FrameError("a frame is an array that begins with its header")
    if type(parts[0]) is not int or parts[0] != PROTOCOL_VERSION:
        return FrameError(f"protocol version {parts[0]!r:.20}, here {PROTOCOL_VERSION}")
    if type(parts[1]) is not int or not why:
        return FrameError(f"unknown message kind {parts[1]!r:.20}")
    return FrameError(why)


_FRAME_FIELDS: Final = [field.name for field in attrs.fields(Frame)]


def _making(target: str, cls: str, names: Sequence[str], parts: Sequence[str]) -> list[str]:
    """Source text that makes a value: field by field, which takes two thirds of a call of its `__init__`."""
    if FROZEN:
        arguments = ", ".join(f"{name}={part}" for name, part in zip(names, parts))
        return [f"    {target} = {cls}({arguments})"]
    return [f"    {target} = new({cls})", *(f"    {target}.{name} = {part}" for name, part in zip(names, parts))]


def _generate(cls: type, number: int) -> tuple[Encode, Decode]:
    """The encoder and the strict decoder of one message class."""
    hints = get_type_hints(cls)
    names = [field.name for field in attrs.fields(cls)]
    parts = HEADER[2:] + tuple(f"a{place}" for place in range(len(names)))
    kinds_of = [str, str, int, int, int, str, *(hints[name] for name in names)]
    tests = [_test_of(kind, part) for kind, part in zip(kinds_of, parts)]
    tests = [_test_of(int, "version"), f"version != {PROTOCOL_VERSION}", _test_of(int, "kind"), *tests]
    made = [f"tuple(a{i})" if get_origin(hints[name]) is tuple else f"a{i}" for i, name in enumerate(names)]
    header = ", ".join(HEADER[2:])
    lines = [
        f"def encode({header}, message):",
        f"    return pack(({PROTOCOL_VERSION}, {number}, {header}{''.join(f', message.{name}' for name in names)}))",
        "def decode(parts):",
        f"    if type(parts) is not list or len(parts) != {2 + len(parts)}:",
        f"        raise refusal(parts, '{cls.__name__} has {len(names)} fields')",
        f"    version, kind, {', '.join(parts)} = parts",
        f"    if {' or '.join(tests)}:",
        f"        raise refusal(parts, 'a part of a {cls.__name__} has the wrong type')",
        *_making("message", "cls", names, made),
        *_making("frame", "Frame", _FRAME_FIELDS, _FRAME_FIELDS),
        "    return frame",
    ]
    scope: dict[str, Any] = {"pack": _packer.pack, "refusal": _refusal, "Frame": Frame, "cls": cls}
    scope["new"] = object.__new__
    exec("\n".join(lines), scope)
    return scope["encode"], scope["decode"]


Encode: TypeAlias = Callable[[str, str, int, int, int, str, Any], bytes]
"""(source, destination, id, in_reply_to, connection, cause, message) -> frame"""
Decode: TypeAlias = Callable[[list[Any]], Frame]

_packer = msgpack.Packer(autoreset=True, use_bin_type=True)
_NUMBER: Final = {cls: number for number, cls in enumerate(REGISTRY)}
_GENERATED: Final = [_generate(cls, number) for number, cls in enumerate(REGISTRY)]
_DECODERS: Final = {number: decoder for number, (_, decoder) in enumerate(_GENERATED)}
ENCODERS: Final[dict[type, Encode]] = {cls: _GENERATED[number][0] for cls, number in _NUMBER.items()}
"""The encoder of each message class, for those who send a great deal."""


def encode(
    source: str,
    destination: str,
    message: Any,
    id_: int = 0,
    in_reply_to: int = 0,
    connection: int = 0,
    cause: str = "",
) -> bytes:
    """The frame of a message."""
    return ENCODERS[type(message)](source, destination, id_, in_reply_to, connection, cause, message)


def decode(frame: bytes) -> Frame:
    """The message of a frame.

    Raises:
        FrameError: truncated, too large, of another version or kind, or a part of the wrong type.
    """
    if len(frame) > FRAME_BYTES_MAX:
        msg = f"frame of {len(frame)} bytes, at most {FRAME_BYTES_MAX}"
        raise FrameError(msg)
    try:
        parts = _unpack(frame)
        decoder = _DECODERS[parts[1]]
    except Exception as broken:
        raise _misfit(frame) from broken
    return decoder(parts)


def kind_of(frame: bytes) -> type | None:
    """The class of a frame's message, without reading the rest; None: it is no frame of this version."""
    # A small array has a head of one byte, a longer one of three; version and kind are one byte each.
    place = 1 if frame[:1] < b"\xa0" else 3
    head = frame[place : place + 2]
    return REGISTRY[head[1]] if len(head) == 2 and head[0] == PROTOCOL_VERSION and head[1] < len(REGISTRY) else None


def _misfit(frame: bytes) -> FrameError:
    """What is wrong with a frame whose decoder cannot be told."""
    try:
        parts = _unpack(frame)
    except Exception as broken:  # noqa: BLE001 - msgpack raises seven unrelated classes on bad bytes
        return FrameError(f"frame is not msgpack: {type(broken).__name__}")
    if type(parts) is not list or len(parts) < len(HEADER):
        return FrameError("a frame is an array that begins with its header")
    return _refusal(parts, "")


_unpack = msgpack.unpackb


def converter() -> cattrs.Converter:
    """A cattrs converter in which every message class has the strict array form of the wire, without its header."""
    made = cattrs.Converter()

    def unstructure(message: Any) -> Any:
        return _unpack(encode("", "", message))[len(HEADER) :]

    def structure(fields: Any, cls: type) -> Any:
        if type(fields) is not list:
            msg = f"{cls.__name__} is an array of its fields"
            raise FrameError(msg)
        number = _NUMBER[cls]
        return _DECODERS[number]([PROTOCOL_VERSION, number, "", "", 0, 0, 0, "", *fields]).message

    for cls in REGISTRY:
        made.register_unstructure_hook(cls, unstructure)
        made.register_structure_hook(cls, structure)
    return made
