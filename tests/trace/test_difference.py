"""Two traces side by side: where they part, and what there is more or less of."""

from __future__ import annotations

from nodesim.trace.difference import CONTEXT, compare_headers, compare_records
from tests.trace.script import Script


def script(count: int, strange: int | None = None) -> Script:
    """So many records, one of them another than usual."""
    made = Script()
    for number in range(count):
        made.write(number, "a", "K", "Pod/default/a", why="other" if number == strange else "usual")
    return made


def test_equal_traces_are_the_same() -> None:
    """Nothing parts them, and all are counted."""
    found = compare_records(script(5).records, script(5).records)
    assert found.same
    assert (found.parting, found.kinds()) == (None, [])
    assert (found.first["K"], found.second.total()) == (5, 5)


def test_the_first_difference_is_shown_with_what_stands_around_it() -> None:
    """Up to three records before it and after it, and the parts of the record that differ."""
    found = compare_records(script(20).records, script(20, strange=10).records)
    assert found.parting is not None
    assert found.parting.number == 11
    assert [record.n for record in found.parting.before] == [8, 9, 10]
    assert [record.n for record in found.parting.first] == [11, 12, 13, 14]
    assert len(found.parting.second) == CONTEXT + 1
    assert found.parting.fields == ["fields.why"]
    assert found.kinds() == []
    assert not found.same


def test_a_trace_that_ends_earlier_differs_there() -> None:
    """The other side is empty, and the kinds say how many are missing."""
    found = compare_records(script(5).records, script(3).records)
    assert found.parting is not None
    assert (found.parting.number, len(found.parting.first), found.parting.second) == (4, 2, [])
    assert found.parting.fields == []
    assert found.kinds() == [("K", 5, 3)]


def test_a_part_that_one_record_does_not_have_differs() -> None:
    """Also where the other says null."""
    one, other = Script(), Script()
    one.write(1, "a", "K", why=None)
    other.write(1, "a", "L")
    found = compare_records(one.records, other.records)
    assert found.parting is not None
    assert found.parting.fields == ["fields.why", "kind"]
    assert found.kinds() == [("K", 1, 0), ("L", 0, 1)]


def test_headers_differ_by_key() -> None:
    """Only the keys that differ."""
    assert compare_headers({"seed": 1, "profile": "a"}, {"seed": 2, "profile": "a", "x": 1}) == [
        ("seed", 1, 2),
        ("x", None, 1),
    ]
