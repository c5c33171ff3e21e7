"""What hub and agents say to each other survives the wire; what nobody says is refused."""

from __future__ import annotations

import contextlib

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodesim.errors import FrameError
from nodesim.trace.records import TraceRecord
from nodesim.world import Parcel
from nodesim.world.words import (
    CHUNK_BYTES,
    AskTime,
    Begin,
    Done,
    Failed,
    Finish,
    Finished,
    Grant,
    Join,
    Log,
    Logged,
    Over,
    Parcels,
    Records,
    Setup,
    Time,
    Times,
    Word,
    decode_word,
    encode_word,
    parcel_words,
    record_words,
)

RECORD = TraceRecord(7, "node/a", 1, "Kind", "Node/a", {"list": [1, None, {"x": True}]}, "scenario#1")
PARCEL = Parcel(5, "node/a", 3, "apiserver", b"\x00frame")


@pytest.mark.parametrize(
    "word",
    [
        Join("0.1.0", ("worker-*", "db-0")),
        Setup(b"scenario", {"skip_quiet": True}, ("a", "b")),
        Grant(2**62),
        Parcels((PARCEL, PARCEL)),
        Records((RECORD,)),
        Done(None),
        Done(12),
        Finish(),
        Finished({"messages": 3}, (("stream", 1, 2**64 - 1),)),
        Failed(70, "actor x crashed"),
        Setup(b"scenario", {}, ("a",), (("a", 1_005, 3, 2),)),
        Join("0.1.0", (), realtime=True),
        Times(realtime=True),
        Begin(20.0, 2_000_000),
        AskTime(1),
        Time(1, 2),
        Log(7, 100, 0, (RECORD,)),
        Logged(8),
        Over("the hub has ended it"),
    ],
    ids=lambda word: type(word).__name__,
)
def test_a_word_comes_back_the_same(word: Word) -> None:
    """Every kind."""
    assert decode_word(encode_word(word)) == word


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [0],
        [99],
        ["1"],
        [1, "0.1.0"],
        [1, "0.1.0", "worker-*"],
        [1, "0.1.0", [3]],
        [2, "text", {}, []],
        [3, "7"],
        [3, True],
        [4, [[1, "a", 1, "b"]]],
        [4, [[1, "a", 1, "b", "text"]]],
        [5, [[1, "a", 1, "k", "o", [], "c"]]],
        [6, 1.5],
        [7, 1],
        [8, {"a": "b"}, []],
        [8, {}, [["s", 1]]],
        [9, 1],
        [1, "0.1.0", [], 1],
        [2, b"", {}, [], [["a", 1, 2]]],
        [10, 0],
        [11, 1, 1],
        [11, 0.0, 1],
        [11, float("inf"), 1],
        [11, float("nan"), 1],
        [12, 0.5],
        [13, 1],
        [14, 0, 0, 0, [[1, "a", 1, "k", "o", [], "c"]]],
        [14, 0, 0, []],
        [15, "1"],
        [16, b"why"],
    ],
    ids=repr,
)
def test_what_is_no_word_is_refused(parts: object) -> None:
    """Wrong kinds, lengths and types alike."""
    with pytest.raises(FrameError):
        decode_word(msgpack.packb(parts))


@given(st.binary(max_size=100))
def test_any_bytes_are_a_word_or_a_frame_error(payload: bytes) -> None:
    """Nothing else escapes."""
    with contextlib.suppress(FrameError):
        decode_word(payload)


def test_long_lists_are_cut_into_several_words() -> None:
    """In order, none too large."""
    parcels = [Parcel(n, "a", n, "b", bytes(CHUNK_BYTES // 3)) for n in range(8)]
    payloads = list(parcel_words(parcels))
    assert len(payloads) > 2
    assert max(map(len, payloads)) < CHUNK_BYTES * 1.1
    back = [parcel for payload in payloads for parcel in decode_word(payload).parcels]
    assert back == parcels
    assert len(list(record_words([RECORD] * 5_000))) > 1
    assert list(parcel_words([])) == list(record_words([])) == []
