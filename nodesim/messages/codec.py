"""How does a message become bytes, and bytes a message?

A frame is the msgpack array `[version, kind, source, destination, id, in_reply_to, connection, cause, body]`; `body` is
a msgpack `bin` that holds the message's fields as an array, in the order of the class.

How it works.  For each class in the registry two functions are generated once, `encode` and `decode`; `decode` tests
the exact type of every field (`bool` is no `int`, "7" is no 7).  They are what cattrs uses, too, where an edge needs
messages in another form (`converter()`).  Anything wrong raises `FrameError` and nothing else.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from typing import Any, Final, get_args, get_origin, get_type_hints

import attrs
import cattrs
import msgpack

from nodesim.errors import FrameError
from nodesim.messages import kinds
from nodesim.values import value

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
)
"""Every message class; its place is its number on the wire, so new ones go to the end."""


@value
class Envelope:
    """A decoded frame: who sent what to whom, in answer to what, on which connection, because of which record."""

    kind: int
    source: str
    destination: str
    id: int
    in_reply_to: int
    connection: int
    cause: str
    message: Any
    """One of `kinds.Message`; `Any` because the generated decoders cannot name which."""


def _test_of(annotation: Any, item: str) -> str:
    """Source text of a test that is true when `item` is NOT of the annotated type."""
    if annotation is str or annotation is int or annotation is bool or annotation is bytes:
        return f"type({item}) is not {annotation.__name__}"
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (types.UnionType, typing.Union) and len(arguments) == 2 and arguments[1] is types.NoneType:
        return f"({item} is not None and {_test_of(arguments[0], item)})"
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return f"(type({item}) is not list or any({_test_of(arguments[0], 'x')} for x in {item}))"
    msg = f"no wire form for {annotation!r}"
    raise TypeError(msg)


def _generate(cls: type) -> tuple[Callable[[Any], bytes], Callable[[list[Any]], Any]]:
    """The encoder and the strict decoder of one message class."""
    hints = get_type_hints(cls)
    names = [field.name for field in attrs.fields(cls)]
    tests, made = [], []
    for place, name in enumerate(names):
        tests.append(_test_of(hints[name], f"a{place}"))
        made.append(f"tuple(a{place})" if get_origin(hints[name]) is tuple else f"a{place}")
    targets = "".join(f"a{place}," for place in range(len(names)))
    lines = [
        "def encode(message):",
        f"    return pack(({''.join(f'message.{name},' for name in names)}))",
        "def decode(fields):",
        f"    if type(fields) is not list or len(fields) != {len(names)}:",
        f"        raise FrameError('{cls.__name__} has {len(names)} fields')",
        f"    {targets.rstrip(',')}{',' if len(names) == 1 else ''} = fields" if names else "    pass",
        *(
            f"    if {test}:\n        raise FrameError('{cls.__name__}.{name} has the wrong type')"
            for name, test in zip(names, tests)
        ),
        f"    return cls({', '.join(made)})",
    ]
    scope: dict[str, Any] = {"pack": _packer.pack, "FrameError": FrameError, "cls": cls}
    exec("\n".join(lines), scope)
    return scope["encode"], scope["decode"]


_packer = msgpack.Packer(autoreset=True, use_bin_type=True)
_NUMBER: Final = {cls: number for number, cls in enumerate(REGISTRY)}
_GENERATED: Final = [_generate(cls) for cls in REGISTRY]
_ENCODE: Final = {cls: (number, _GENERATED[number][0]) for cls, number in _NUMBER.items()}
_DECODE: Final = {number: decode for number, (_, decode) in enumerate(_GENERATED)}


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
    number, body = _ENCODE[type(message)]
    frame: bytes = _packer.pack(
        (PROTOCOL_VERSION, number, source, destination, id_, in_reply_to, connection, cause, body(message))
    )
    return frame


def _refuse_extension(code: int, data: bytes) -> Any:
    msg = f"extension type {code} in a frame"
    raise FrameError(msg)


def _unpack(packed: bytes, what: str) -> Any:
    try:
        return msgpack.unpackb(packed, raw=False, ext_hook=_refuse_extension)
    except FrameError:
        raise
    except Exception as broken:
        msg = f"{what} is not msgpack: {type(broken).__name__}"
        raise FrameError(msg) from broken


def decode(frame: bytes) -> Envelope:
    """The message of a frame.

    Raises:
        FrameError: truncated, too large, of another version or kind, or a field of the wrong type.
    """
    if len(frame) > FRAME_BYTES_MAX:
        msg = f"frame of {len(frame)} bytes, at most {FRAME_BYTES_MAX}"
        raise FrameError(msg)
    parts = _unpack(frame, "frame")
    if type(parts) is not list or len(parts) != 9:
        msg = "a frame has 9 parts"
        raise FrameError(msg)
    version, kind, source, destination, id_, in_reply_to, connection, cause, body = parts
    if type(version) is not int or version != PROTOCOL_VERSION:
        msg = f"protocol version {version!r:.20}, here {PROTOCOL_VERSION}"
        raise FrameError(msg)
    if (
        type(kind) is not int
        or type(source) is not str
        or type(destination) is not str
        or type(id_) is not int
        or type(in_reply_to) is not int
        or type(connection) is not int
        or type(cause) is not str
        or type(body) is not bytes
    ):
        msg = "a part of the envelope has the wrong type"
        raise FrameError(msg)
    fields = _DECODE.get(kind)
    if fields is None:
        msg = f"unknown message kind {kind}"
        raise FrameError(msg)
    message = fields(_unpack(body, "body"))
    return Envelope(kind, source, destination, id_, in_reply_to, connection, cause, message)


def converter() -> cattrs.Converter:
    """A cattrs converter in which every message class has the strict array form of the wire."""
    made = cattrs.Converter()

    def unstructure(message: Any) -> Any:
        return msgpack.unpackb(_ENCODE[type(message)][1](message))

    def structure(fields: Any, cls: type) -> Any:
        return _DECODE[_NUMBER[cls]](fields)

    for cls in REGISTRY:
        made.register_unstructure_hook(cls, unstructure)
        made.register_structure_hook(cls, structure)
    return made
