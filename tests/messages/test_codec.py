"""Frames: what goes in comes out, and nothing wrong comes through."""

from __future__ import annotations

import contextlib
from typing import Any, get_type_hints

import attrs
import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodesim import messages
from nodesim.errors import FrameError
from nodesim.messages import FRAME_BYTES_MAX, PROTOCOL_VERSION, REGISTRY, converter, decode, encode

VALUES = {
    str: st.text(max_size=20),
    int: st.integers(-(2**63), 2**63 - 1),
    bool: st.booleans(),
    bytes: st.binary(max_size=40),
    int | None: st.none() | st.integers(-(2**63), 2**63 - 1),
    tuple[bytes, ...]: st.lists(st.binary(max_size=10), max_size=4).map(tuple),
}


@st.composite
def any_message(draw: st.DrawFn) -> Any:
    """A message of any class with any values its fields allow."""
    cls = draw(st.sampled_from(REGISTRY))
    hints = get_type_hints(cls)
    return cls(**{field.name: draw(VALUES[hints[field.name]]) for field in attrs.fields(cls)})


@given(any_message(), st.text(max_size=10), st.integers(0, 2**40), st.text(max_size=10))
def test_a_message_survives_the_wire(message: Any, source: str, number: int, cause: str) -> None:
    """Decoding an encoded frame gives the same message and frame."""
    frame = decode(encode(source, "apiserver", message, number, number + 1, number + 2, cause))
    assert frame.message == message
    assert (frame.source, frame.destination, frame.cause) == (source, "apiserver", cause)
    assert (frame.id, frame.in_reply_to, frame.connection) == (number, number + 1, number + 2)


@given(any_message())
def test_cattrs_speaks_the_same_form(message: Any) -> None:
    """The converter for other edges gives the wire's array form and takes it back."""
    made = converter()
    assert made.structure(made.unstructure(message), type(message)) == message


@given(st.binary(max_size=300))
def test_random_bytes_raise_only_the_codecs_own_error(frame: bytes) -> None:
    """Whatever arrives, it is a frame or a FrameError."""
    with contextlib.suppress(FrameError):
        decode(frame)


@given(any_message(), st.data())
def test_a_frame_with_flipped_cut_or_doubled_bytes_raises_only_the_codecs_own_error(message: Any, data: Any) -> None:
    """Near misses of real frames are refused or are frames again; nothing else escapes."""
    frame = bytearray(encode("node/w0", "apiserver", message, 1, 2, 3, "x#1"))
    for _ in range(data.draw(st.integers(1, 4))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(frame)))
    for damaged in (bytes(frame), bytes(frame[:cut]), bytes(frame) * 2):
        with contextlib.suppress(FrameError):
            decode(damaged)


def _frame(*parts: Any) -> bytes:
    return bytes(msgpack.packb(list(parts)))


GET = REGISTRY.index(messages.Get)
CORPUS = {
    "empty": b"",
    "one byte": b"\xc1",
    "a number": b"\x07",
    "a map": msgpack.packb({"v": 1}),
    "too few parts": _frame(1, 2, 3),
    "another version": _frame(2, GET, "a", "b", 1, 0, 0, "", "nodes", "", "w0"),
    "version true": _frame(True, GET, "a", "b", 1, 0, 0, "", "nodes", "", "w0"),
    "version 1.0": _frame(1.0, GET, "a", "b", 1, 0, 0, "", "nodes", "", "w0"),
    "unknown kind": _frame(1, 99, "a", "b", 1, 0, 0, "", "nodes", "", "w0"),
    "kind minus one": _frame(1, -1, "a", "b", 1, 0, 0, "", "nodes", "", "w0"),
    "kind a string": _frame(1, "Get", "a", "b", 1, 0, 0, "", "nodes", "", "w0"),
    "kind a list": _frame(1, [GET], "a", "b", 1, 0, 0, "", "nodes", "", "w0"),
    "kind true": _frame(1, True, "a", "b", 1, 0, 0, ""),
    "source a number": _frame(1, GET, 5, "b", 1, 0, 0, "", "nodes", "", "w0"),
    "destination null": _frame(1, GET, "a", None, 1, 0, 0, "", "nodes", "", "w0"),
    "id a string": _frame(1, GET, "a", "b", "7", 0, 0, "", "nodes", "", "w0"),
    "id true": _frame(1, GET, "a", "b", True, 0, 0, "", "nodes", "", "w0"),
    "connection a float": _frame(1, GET, "a", "b", 1, 0, 0.0, "", "nodes", "", "w0"),
    "cause bytes": _frame(1, GET, "a", "b", 1, 0, 0, b"", "nodes", "", "w0"),
    "too few fields": _frame(1, GET, "a", "b", 1, 0, 0, "", "nodes"),
    "too many fields": _frame(1, GET, "a", "b", 1, 0, 0, "", "nodes", "", "w0", ""),
    "field of another type": _frame(1, GET, "a", "b", 1, 0, 0, "", "nodes", "", 7),
    "field null": _frame(1, GET, "a", "b", 1, 0, 0, "", "nodes", None, "w0"),
    "list with a string": _frame(1, REGISTRY.index(messages.Listed), "a", "b", 1, 0, 0, "", ["x"], "7"),
    "deep nesting": b"\x91" * 100_000,
    "huge array header": b"\xdd\xff\xff\xff\xff",
    "huge map header": b"\xdf\xff\xff\xff\xff",
    "huge string header": b"\xdb\xff\xff\xff\xff",
    "extension": msgpack.packb(msgpack.ExtType(5, b"x")),
    "extension as a field": _frame(1, GET, "a", "b", 1, 0, 0, "", "nodes", "", msgpack.ExtType(5, b"x")),
    "timestamp": _frame(1, GET, msgpack.Timestamp(1, 2), "b", 1, 0, 0, "", "nodes", "", "w0"),
    "bad utf-8": b"\x9b\x01\x06\xa1\xff\xa1b\x01\x00\x00\xa0\xa5nodes\xa0\xa2w0",
    "trailing bytes": encode("a", "b", messages.Ping()) + b"\x00",
}


@pytest.mark.parametrize("name", CORPUS)
def test_each_known_bad_frame_is_refused(name: str) -> None:
    """The corpus of wrong versions, kinds, types, lengths and bombs: each raises FrameError."""
    with pytest.raises(FrameError):
        decode(CORPUS[name])


def test_a_frame_above_the_size_limit_is_refused_unread() -> None:
    """The limit counts before anything is unpacked."""
    with pytest.raises(FrameError, match="at most"):
        decode(b"\x90" + bytes(FRAME_BYTES_MAX))


def test_the_frame_says_its_version_first() -> None:
    """A peer of another version can say so without knowing anything else of the frame."""
    assert msgpack.unpackb(encode("a", "b", messages.Ping()))[0] == PROTOCOL_VERSION
