"""How does a step or an expectation read on one line?

In YAML's flow style, keys and words as the file wrote them, cut where it gets longer than anybody reads.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from nodesim.scenario.yamltree import Entry, ListTree, MapTree, ScalarTree, Tree

LINE_MAX: Final = 240
"""Characters; a step that applies whole manifests would fill pages."""


def one_line(tree: Tree, without: frozenset[str] = frozenset(), instead: Mapping[str, Tree] | None = None) -> str:
    """The tree in flow style, cut after `LINE_MAX` characters.

    Of a mapping the keys in `without` are left out, and those in `instead` have another value.
    """
    if type(tree) is MapTree and (without or instead):
        other = instead or {}
        kept = {key: entry for key, entry in tree.entries.items() if key not in without}
        shown = {key: Entry(entry.key_mark, other.get(key, entry.tree)) for key, entry in kept.items()}
        tree = MapTree(tree.mark, shown)
    parts: list[str] = []
    _write(tree, parts, LINE_MAX)
    line = "".join(parts)
    return line if len(line) <= LINE_MAX else line[: LINE_MAX - 1] + "…"


def _write(tree: Tree, parts: list[str], room: int) -> int:
    """Append the tree; returns the room that is left, and stops early once there is none."""
    if type(tree) is ScalarTree:
        return _put(_word(tree), parts, room)
    if type(tree) is ListTree:
        room = _put("[", parts, room)
        for n, item in enumerate(tree.items):
            if room < 0:
                return room
            room = _write(item, parts, _put(", ", parts, room) if n else room)
        return _put("]", parts, room)
    if type(tree) is MapTree:
        room = _put("{", parts, room)
        for n, (key, entry) in enumerate(tree.entries.items()):
            if room < 0:
                return room
            room = _put(f"{', ' if n else ''}{_key(key)}: ", parts, room)
            room = _write(entry.tree, parts, room)
        return _put("}", parts, room)
    return _put("?", parts, room)


def _put(text: str, parts: list[str], room: int) -> int:
    parts.append(text)
    return room - len(text)


def _key(key: str) -> str:
    return key if key.isprintable() else json.dumps(key[: LINE_MAX * 2], ensure_ascii=False)


def _word(tree: ScalarTree) -> str:
    if tree.plain and "\n" not in tree.text:
        return tree.text[: LINE_MAX * 2] or "null"
    return json.dumps(tree.text[: LINE_MAX * 2], ensure_ascii=False)
