"""The page of records names every kind that is written, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from nodesim.scenario.plan import _OF_INSTANCES, _TOLD_AS

ROOT: Final = Path(__file__).parent.parent.parent
PAGE: Final = (ROOT / "docs" / "records.md").read_text()

MAKERS: Final = ("Record", "TraceRecord", "_record", "record")
"""Functions that are told a record's kind, among their first four arguments."""
KIND: Final = re.compile(r"[A-Z][a-z]+([A-Z][a-z]+)*")


def written() -> set[str]:
    """The kinds that stand in the source; not those that a user's actor, or the reason of an event, brings."""
    sources = sorted((ROOT / "nodesim").rglob("*.py"))
    in_tables = {*_TOLD_AS.values(), *(kind for _, _, kind in _OF_INSTANCES.values())}
    return {kind for path in sources for kind in _kinds(ast.parse(path.read_text()))} | in_tables


def _kinds(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name | ast.Attribute):
            continue
        if (node.func.id if isinstance(node.func, ast.Name) else node.func.attr) in MAKERS:
            for argument in node.args[:4]:
                found = [argument.body, argument.orelse] if isinstance(argument, ast.IfExp) else [argument]
                yield from (
                    each.value
                    for each in found
                    if isinstance(each, ast.Constant) and isinstance(each.value, str) and KIND.fullmatch(each.value)
                )


def listed() -> set[str]:
    """The kinds in the first columns of the page's tables, and what is counted."""
    cells = [row.split("|")[1] for row in PAGE.splitlines() if row.startswith("| `")]
    kinds = {word for cell in cells for word in re.findall(r"`([^`]+)`", cell)}
    return {kind for kind in kinds | {"FrameDropped"} if KIND.fullmatch(kind)}


def test_every_kind_that_is_written_is_on_the_page_and_the_other_way_round() -> None:
    """Whoever adds a record adds its row.  Nothing makes a container unready as long as there are no probes."""
    assert written() - listed() == set()
    assert listed() - written() <= {"ContainerUnready"}
