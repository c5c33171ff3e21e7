"""Documents: plain JSON only."""

from __future__ import annotations

import math
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodesim.errors import FrameError
from nodesim.objects import check_plain, decode_document, encode_document, object_ref, shared, whole_second

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=4))
def test_a_plain_document_comes_back_as_written(document: dict[str, Any]) -> None:
    """Whatever JSON a user writes survives the wire and is plain."""
    assert decode_document(encode_document(document)) == document
    check_plain(document)


def deep(levels: int) -> Any:
    """A list nested this deep."""
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        {"a": b"x"},
        {"a": math.nan},
        {"a": math.inf},
        {1: "a"},
        {"a": msgpack.Timestamp(1, 2)},
        {"a": deep(65)},
        {"a": (1,)},
    ],
    ids=repr,
)
def test_what_json_cannot_say_is_refused(value: Any) -> None:
    """Bytes, NaN, infinities, keys that are no strings, foreign objects and bottomless nesting are no documents."""
    with pytest.raises(FrameError):
        check_plain(value)


@pytest.mark.parametrize("packed", [b"", b"\x93", b"\xc1", msgpack.packb([1]), msgpack.packb({1: 2}), b"\x81\xa1a"])
def test_bytes_that_are_no_document_are_refused(packed: bytes) -> None:
    """Truncated, not a map, or with keys that are no strings."""
    with pytest.raises(FrameError):
        decode_document(packed)


def test_a_document_with_a_foreign_object_cannot_be_sent() -> None:
    """The sender hears of it; and the packer works on afterwards."""
    with pytest.raises(FrameError):
        encode_document({"a": object()})
    assert decode_document(encode_document({"a": 1})) == {"a": 1}


def test_records_name_objects_by_kind_namespace_and_name() -> None:
    """Cluster-wide objects have no namespace in their name."""
    assert object_ref({"kind": "Node", "metadata": {"name": "w0"}}) == "Node/w0"
    assert object_ref({"kind": "Pod", "metadata": {"name": "p", "namespace": "d"}}) == "Pod/d/p"
    assert whole_second(1_999_999) == 1_000_000


@given(JSON, JSON)
def test_what_is_shared_says_the_same(value: Any, like: Any) -> None:
    """Whatever it is made alike to, and an equal value is taken as it is."""
    assert shared(value, shared(like)) == value
    before = shared(value)
    assert before is None or shared(decode_document(encode_document({"x": value}))["x"], before) is before
