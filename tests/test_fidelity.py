"""docs/fidelity.md is true: each test, scenario, switch and setting that it names is there; none is left out."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Final

import attrs
import pytest

from nodesim.cli.files import scenario_files
from nodesim.profiles import SETTING_NAMES, SWITCH_NAMES, Profile

ROOT: Final = Path(__file__).parent.parent
PAGE: Final = ROOT / "docs" / "fidelity.md"
_CODE: Final = re.compile(r"`([^`]+)`")
_TEST: Final = re.compile(r"[\w/]+\.py::\w+")
_SCENARIO: Final = re.compile(r"scenarios/[\w.-]+\.yaml")
_HEADS: Final = {
    ("rule", "source", "versions", "test", "difference"),
    ("#", "behaviour", "shown by", "difference"),
    ("not modelled", "source", "what that means"),
}
_OTHER_FIELDS: Final = {field.name for field in attrs.fields(Profile)} - set(SWITCH_NAMES.values()) - {"name"}
_WRITTEN: Final = re.compile(r"_(\w)")


@attrs.frozen
class Row:
    """One row of a table."""

    line: int
    head: tuple[str, ...]
    cells: tuple[str, ...]

    def cell(self, name: str) -> str:
        """The cell of a column."""
        return self.cells[self.head.index(name)]

    @property
    def place(self) -> str:
        """Where it stands."""
        return f"docs/fidelity.md:{self.line}"


def _cells(line: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in line.strip().strip("|").split(" | "))


@cache
def rows() -> list[Row]:
    """All rows of all tables of the page."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    found: list[Row] = []
    head: tuple[str, ...] = ()
    for number, line in enumerate(lines, 1):
        if not line.startswith("|"):
            head = ()
        elif not head:
            head = _cells(line)
        elif not set(line) <= set("|- "):
            found.append(Row(number, head, _cells(line)))
    return found


def named(text: str) -> list[str]:
    """What stands in backquotes."""
    return _CODE.findall(text)


def shown_by(row: Row) -> list[str]:
    """The tests that a row names, as node ids."""
    column = {"test", "shown by"} & set(row.head)
    return [f"tests/{each}" for name in column for each in named(row.cell(name)) if _TEST.fullmatch(each)]


def scenarios_of(row: Row) -> list[str]:
    """The scenario files that a row names."""
    return [each for cell in row.cells for each in named(cell) if _SCENARIO.fullmatch(each)]


@cache
def _defined(path: str) -> dict[str, ast.stmt]:
    """The names that a module makes."""
    made: dict[str, ast.stmt] = {}
    for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            made[node.name] = node
        elif isinstance(node, ast.Assign):
            made |= {target.id: node for target in node.targets if isinstance(target, ast.Name)}
    return made


def _never_runs(node: ast.stmt) -> bool:
    """Is it skipped, or expected to fail, whatever happens?"""
    if not isinstance(node, ast.FunctionDef):
        return False
    marks = [ast.unparse(each) for each in node.decorator_list]
    if any(re.match(r"pytest\.mark\.(skip|skipif|xfail)\b", mark) for mark in marks):
        return True
    return any(isinstance(each, ast.Expr) and ast.unparse(each).startswith("pytest.skip(") for each in node.body)


def test_tables_have_one_of_three_forms() -> None:
    """And every row fills every column but the difference."""
    for row in rows():
        assert row.head in _HEADS, row.place
        assert len(row.cells) == len(row.head), row.place
        empty = [name for name, cell in zip(row.head, row.cells, strict=True) if not cell and name != "difference"]
        assert empty == [], row.place
    assert len(rows()) > 200


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"line {row.line}")
def test_what_a_row_names_is_there_and_runs(row: Row) -> None:
    """Tests that are no longer there, or that are skipped, show nothing; nor do scenarios that are gone."""
    for each in shown_by(row):
        path, _, name = each.partition("::")
        assert (ROOT / path).is_file(), f"{row.place}: there is no {path}"
        assert name in _defined(path), f"{row.place}: {path} has no {name}"
        assert name.startswith(("test_", "Test")), f"{row.place}: {name} is no test"
        assert not _never_runs(_defined(path)[name]), f"{row.place}: {name} does not run"
    for each in scenarios_of(row):
        assert (ROOT / each).is_file(), f"{row.place}: there is no {each}"
    if "test" in row.head:
        assert shown_by(row) or scenarios_of(row), f"{row.place}: nothing shows this"


@pytest.mark.slow
def test_pytest_finds_every_test_that_is_named() -> None:
    """By pytest's own collection."""
    wanted = sorted({each for row in rows() for each in shown_by(row)})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *wanted]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    found = {line.partition("[")[0] for line in done.stdout.splitlines() if "::" in line}
    missing = [each for each in wanted if each not in found and not any(line.startswith(each + "::") for line in found)]
    assert missing == []


def _written(attribute: str) -> str:
    return _WRITTEN.sub(lambda match: match[1].upper(), attribute)


KNOWN: Final = {*SWITCH_NAMES, *SETTING_NAMES, *map(_written, _OTHER_FIELDS)}
"""What a column `versions` may name."""


def test_versions_are_those_of_the_profiles() -> None:
    """What stands in backquotes under `versions` is a switch, a setting, or another field of a profile."""
    for row in rows():
        if "versions" in row.head:
            unknown = [each for each in named(row.cell("versions")) if each not in KNOWN]
            assert unknown == [], row.place


def test_no_switch_is_left_out() -> None:
    """Each difference between the versions has a row with a test."""
    told = {each for row in rows() if "versions" in row.head for each in named(row.cell("versions"))}
    untold = sorted({*SWITCH_NAMES, *map(_written, _OTHER_FIELDS)} - told)
    assert untold == [], f"docs/fidelity.md needs a row with a test for each of {untold}"


def test_no_scenario_is_left_out() -> None:
    """Each scenario of the project shows something that the page tells."""
    told = {each for row in rows() for each in scenarios_of(row)}
    there = {str(path.relative_to(ROOT)) for path in scenario_files([ROOT / "scenarios"])}
    assert there - told == set(), "docs/fidelity.md names no row that this scenario shows"


def test_the_behaviours_of_a_node_are_all_there() -> None:
    """Rows 1 to 26, each with a test or a scenario."""
    found = [row for row in rows() if "behaviour" in row.head]
    assert [row.cell("#") for row in found] == [str(number) for number in range(1, 27)]
    assert [row.place for row in found if not (shown_by(row) or scenarios_of(row))] == []
