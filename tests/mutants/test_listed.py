"""The list of mutants fits the code: `python -m tests.mutants` can plant every one of them."""

from __future__ import annotations

from typing import Any, Final

import attrs
import pytest

from tests.mutants.__main__ import PATIENCE_SECONDS, _judged
from tests.mutants.listed import Mutant, faults_of, read_list

MUTANTS: Final = read_list()
GOOD: Final = Mutant(
    name="good",
    rule="a rule",
    file="tests/mutants/__init__.py",
    old="x",
    new="y",
    caught_by=("tests/mutants/test_listed.py",),
)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_can_be_planted(mutant: Mutant) -> None:
    """Its old text is in its file once, the new one is Python, and its tests are there."""
    assert faults_of(mutant) == []


def test_there_are_enough_of_them() -> None:
    """At least thirty, under different names; at least fifteen of them break an invariant."""
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
    assert len([mutant for mutant in MUTANTS if not mutant.struck]) >= 30
    assert len([mutant for mutant in MUTANTS if mutant.breaks]) >= 15


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"file": "nodesim/nowhere.py"}, "there is no nodesim/nowhere.py"),
        ({"file": "nodesim/units.py", "old": "SECOND"}, "the old text is"),
        ({"file": "nodesim/units.py", "old": "def ", "new": "def def "}, "the new text is no Python"),
        ({"old": "no such text"}, "the old text is 0 times"),
        ({"caught_by": ()}, "it names no test"),
        ({"caught_by": ("tests/test_nothing.py::test_nothing",)}, "there is no tests/test_nothing.py::test_nothing"),
        ({"breaks": "peace", "breaks_in": ("tests/test_layers.py",)}, "there is no invariant 'peace'"),
        ({"breaks": "store-model", "breaks_in": ("tests/test_layers.py",)}, "tests/test_layers.py does not judge"),
        ({"breaks": "store-model"}, "it names no test of store-model"),
        ({"breaks_in": ("tests/test_layers.py",)}, "it names tests of an invariant but no invariant"),
    ],
)
def test_a_bad_entry_is_told(change: dict[str, Any], fault: str) -> None:
    """Each fault by its own words."""
    assert any(found.startswith(fault) for found in faults_of(attrs.evolve(GOOD, **change)))


def ended(test: str, *, asserted: bool | None = None, text: str = "") -> dict[str, Any]:
    """How a test ended: passed, failed by an assertion, or by another error."""
    outcome = "passed" if asserted is None else "failed"
    return {"test": test, "outcome": outcome, "asserted": bool(asserted), "text": text}


HERE: Final = "tests/mutants/test_listed.py"
RUNS: Final = "tests/scenario/test_invariants.py"


@pytest.mark.parametrize(
    ("change", "tests", "word"),
    [
        ({}, [ended(f"{HERE}::test_a")], "SURVIVED"),
        ({}, [ended(f"{HERE}::test_a"), ended(f"{HERE}::test_b[x]", asserted=True)], "caught"),
        ({}, [ended(f"{HERE}::test_a", asserted=False, text="ImportError: x")], "BROKEN"),
        ({}, f"no end after {PATIENCE_SECONDS} s", "BROKEN"),
        ({"caught_by": (f"{HERE}::test_a",)}, [ended(f"{HERE}::test_a[1-2]", asserted=True)], "caught"),
        ({"caught_by": (f"{HERE}::test_a",)}, [ended(f"{HERE}::test_ab", asserted=True)], "BROKEN"),
        (
            {"breaks": "records-have-causes", "breaks_in": (RUNS,)},
            [ended(f"{HERE}::test_a", asserted=True), ended(f"{RUNS}::test_x", asserted=True, text="another")],
            "HARMLESS",
        ),
        (
            {"breaks": "records-have-causes", "breaks_in": (RUNS,)},
            [ended(f"{HERE}::test_a", asserted=True), ended(f"{RUNS}::test_x", asserted=True, text="records-have-ca")],
            "HARMLESS",
        ),
        (
            {"breaks": "records-have-causes", "breaks_in": (RUNS,)},
            [
                ended(f"{HERE}::test_a", asserted=True),
                ended(f"{RUNS}::test_x", asserted=True, text="{'records-have-causes': 1}"),
            ],
            "breaks records-have-causes",
        ),
        ({"struck": "a proof"}, [ended(f"{HERE}::test_a")], "struck"),
        ({"struck": "a proof"}, [ended(f"{HERE}::test_a", asserted=True)], "CAUGHT"),
    ],
)
def test_what_becomes_of_a_mutant(change: dict[str, Any], tests: list[dict[str, Any]] | str, word: str) -> None:
    """Only an assertion of its own tests catches one, and only one of the invariant's tests shows that it breaks it."""
    ok, found, _ = _judged(attrs.evolve(GOOD, **change), tests)
    assert found == word
    assert ok is (word in ("caught", "struck", "breaks records-have-causes"))
