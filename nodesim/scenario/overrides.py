"""How does `--set spec.path=value` change a scenario?

Before anything is read: the value, itself YAML, takes its place in the tree, so that it is checked as if it stood in
the file.  Its place in messages is `--set:N:COLUMN`, N counting the options from 1.  A path has keys joined by dots and
list places as `[0]` or `.0`; a key with dots is written `["example.com/team"]`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Final

from nodesim.scenario.faults import FaultList, Mark, clip
from nodesim.scenario.yamltree import BrokenTree, Entry, ListTree, MapTree, Tree, parse_documents

SET_PATH: Final = "--set"
STEPS_MAX: Final = 32
_STEP: Final = re.compile(r'(?:^|\.)([^.\[\]="]+)|\[([0-9]{1,6})\]|\[("(?:[^"\\]|\\.)*")\]')
_FORM: Final = "expected --set spec.path=value, such as spec.duration=5m or spec.steps[0].at=2m"


def apply_overrides(tree: Tree, overrides: Sequence[str], faults: FaultList) -> Tree:
    """The tree with each override in its place, later ones on top of earlier ones."""
    for n, override in enumerate(overrides, 1):
        tree = _apply(tree, override, n, faults)
    return tree


def _apply(tree: Tree, override: str, n: int, faults: FaultList) -> Tree:
    steps, place = _path(override)
    if not steps or override[place : place + 1] != "=":
        faults.add(Mark(SET_PATH, n, place + 1), "", f"{clip(override)} is no override; {_FORM}")
        return tree
    before = len(faults)
    documents = parse_documents(override[place + 1 :] or "null", SET_PATH, faults, Mark(SET_PATH, n, place + 2))
    if len(documents) != 1:
        if len(faults) == before:
            faults.add(Mark(SET_PATH, n, place + 2), "", f"the value is not one YAML value; {_FORM}")
        return tree
    mark = Mark(SET_PATH, n, 1)
    try:
        return _replaced(tree, steps, documents[0], mark)
    except _NoPlace as wrong:
        faults.add(mark, "", f"{clip(override[:place])}: {wrong}")
        return tree


def _path(override: str) -> tuple[list[str | int], int]:
    """The steps of the path, and where it ends."""
    steps: list[str | int] = []
    place = 0
    while len(steps) < STEPS_MAX:
        step = _STEP.match(override, place)
        if step is None or (not steps and step[1] is None):
            break
        place = step.end()
        if step[1] is not None:
            steps.append(step[1])
        elif step[2] is not None:
            steps.append(int(step[2]))
        else:
            steps.append(_quoted(step[3]))
    return steps, place


def _quoted(text: str) -> str:
    try:
        return str(json.loads(text))
    except ValueError:
        return text[1:-1]


class _NoPlace(Exception):
    """The path leads nowhere; says why."""


def _replaced(tree: Tree, steps: Sequence[str | int], value: Tree, mark: Mark) -> Tree:
    """A copy of the tree with the value at the path; what lies beside the path is shared."""
    if not steps:
        return value
    step, rest = steps[0], steps[1:]
    if type(tree) is ListTree:
        place = step if type(step) is int else int(step) if str(step).isdecimal() and len(str(step)) < 7 else None
        if place is None or place > len(tree.items):
            msg = f"{str(step)!r:.60} is no place in a list of {len(tree.items)}; places count from 0"
            raise _NoPlace(msg)
        items = list(tree.items)
        if place == len(items):
            items.append(_replaced(MapTree(mark), rest, value, mark))
        else:
            items[place] = _replaced(items[place], rest, value, mark)
        return ListTree(tree.mark, items)
    if type(step) is not str:
        msg = f"[{step}] asks for a list, but there is none"
        raise _NoPlace(msg)
    if type(tree) is BrokenTree:
        return tree
    old = tree.entries if type(tree) is MapTree else {}
    if type(tree) is not MapTree and getattr(tree, "value", None) is not None:
        msg = f"{step!r:.60} asks for a mapping, but there is a single value"
        raise _NoPlace(msg)
    entry = old.get(step)
    inner = _replaced(entry.tree if entry is not None else MapTree(mark), rest, value, mark)
    return MapTree(tree.mark, {**old, step: Entry(mark if entry is None else entry.key_mark, inner)})
