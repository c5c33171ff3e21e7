"""The floors of the house: imports point downward only, and deciding code has no hands."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent.parent

FLOORS: Final = (
    ("words", {"errors", "units", "clocks", "values", "streams", "profiles", "objects", "messages", "machine", "spec"}),
    (
        "deciding",
        {"net", "client", "apiserver", "kubelet", "controllers", "scheduler", "cloud", "trace", "ledger", "expect"},
    ),
    ("running", {"world", "actors", "scenario"}),
    ("edges", {"cli", "__main__"}),
)
HEIGHT: Final = {part: height for height, (_, parts) in enumerate(FLOORS) for part in parts}

HANDS: Final = {
    "trio",
    "time",
    "random",
    "logging",
    "os",
    "socket",
    "threading",
    "asyncio",
    "datetime",
    "pathlib",
    "subprocess",
}
"""Modules with which one could read a clock, roll dice, wait, or touch files."""

MAY_USE: Final = {"values": {"os"}}
"""The exceptions: `values` reads one environment variable when classes are made."""


def modules() -> list[Path]:
    """All source files of the two packages."""
    return sorted(path for package in ("nodesim", "transports") for path in (ROOT / package).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Full names of what a module imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            assert node.level == 0, f"{path}: relative import"
            names.add(node.module)
    return names


def part_of(path: Path) -> str:
    """The part of `nodesim` to which a file belongs: its first folder, or its name."""
    return path.relative_to(ROOT / "nodesim").parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_downward(path: Path) -> None:
    """A module imports from its own floor or from one below; nobody in nodesim imports a transport."""
    if ROOT / "nodesim" not in path.parents:
        return
    part = part_of(path)
    for name in imported(path):
        assert name.split(".")[0] != "transports", f"{path} imports {name}: transports are found by entry point"
        if not name.startswith("nodesim.") or part == "__init__":
            continue
        other = name.split(".")[1]
        assert HEIGHT[other] <= HEIGHT[part], f"{path} ({part}) imports {name}, which stands above it"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_what_decides_has_no_hands(path: Path) -> None:
    """Below the running floor nothing imports trio, clocks, dice, files, sockets or logging."""
    if ROOT / "nodesim" not in path.parents or part_of(path) == "__init__":
        return
    part = part_of(path)
    if HEIGHT[part] >= 2:
        return
    hands = {name.split(".")[0] for name in imported(path)} & HANDS - MAY_USE.get(part, set())
    assert not hands, f"{path} imports {sorted(hands)}"


def test_every_part_of_the_house_stands_on_a_floor() -> None:
    """A new package must be given its floor here."""
    parts = {part_of(path) for path in (ROOT / "nodesim").rglob("*.py")} - {"__init__"}
    assert parts == set(HEIGHT)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_and_functions_stay_small(path: Path) -> None:
    """At most 400 lines a module and 60 a function: then a reader can hold one in mind."""
    text = path.read_text()
    assert len(text.splitlines()) <= 400, f"{path} is too long; is there a seam?"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= 60, f"{path}:{node.lineno} {node.name} has {length} lines"
