"""The hash of a template: the algorithm's own test values, and what a name may hold."""

from __future__ import annotations

import pytest

from nodesim.controllers.workload.revision_hash import fnv_1a_32, revision_hash, safe_encode


@pytest.mark.parametrize(
    ("data", "expected"), [(b"", 0x811C9DC5), (b"a", 0xE40C292C), (b"foobar", 0xBF9CF968)], ids=["empty", "a", "foobar"]
)
def test_fnv_1a(data: bytes, expected: int) -> None:
    """The published values of the 32-bit FNV-1a hash."""
    assert fnv_1a_32(data) == expected


def test_safe_encode_has_the_letters_of_generated_names() -> None:
    """Source: apimachinery pkg/util/rand: byte modulo 27 of bcdfghjklmnpqrstvwxz2456789."""
    assert safe_encode("0123456789") == "456789bcdf"


def test_a_template_has_one_hash() -> None:
    """The order of keys does not count, the number of collisions does."""
    assert revision_hash({"a": 1, "b": 2}, None) == revision_hash({"b": 2, "a": 1}, None)
    hashes = {revision_hash({"a": 1}, collisions) for collisions in (None, 0, 1, 2)}
    assert len(hashes) == 4
