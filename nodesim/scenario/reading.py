"""How is a located tree read into values, with a fault for everything that is not as it should be?

A `Cursor` is a tree and its key's path.  A reader is a function of a cursor that returns the value, or None after it
noted a fault; it never raises for what a user wrote.  `Fields` reads the keys of a mapping by such readers.

cattrs is not used here: it reports the path of a fault but not its line, it stops inside a mapping at the first wrong
shape, it turns "7" into 7, and it has no place for hints such as the nearest known word.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from nodesim.scenario.faults import FaultList, Mark, clip, close_match, suggestion
from nodesim.scenario.yamltree import BrokenTree, ListTree, MapTree, ScalarTree, Tree
from nodesim.values import value

T = TypeVar("T")

_SIMPLE_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")


@value
class Cursor:
    """A place in a scenario's tree; `where` is its key's path."""

    tree: Tree
    where: str
    faults: FaultList

    def fault(self, message: str, mark: Mark | None = None) -> None:
        """Note a fault of this value (or of a place inside it)."""
        self.faults.add(mark or self.tree.mark, self.where, message)

    def wrong(self, form: str) -> None:
        """Note that this value is not of the expected form; nothing if its fault is already noted."""
        if type(self.tree) is not BrokenTree:
            self.fault(f"expected {form}, got {_what(self.tree)}")

    def child(self, key: str, tree: Tree) -> Cursor:
        """The cursor of a mapping's value."""
        step = key if _SIMPLE_KEY.fullmatch(key) else None
        if step is None:
            return Cursor(tree, f"{self.where}[{json.dumps(key[:60], ensure_ascii=False)}]", self.faults)
        return Cursor(tree, f"{self.where}.{step}" if self.where else step, self.faults)

    @property
    def null(self) -> bool:
        """Is nothing written here?"""
        return type(self.tree) is ScalarTree and self.tree.value is None


Reader = Callable[[Cursor], T | None]


def _what(tree: Tree) -> str:
    if type(tree) is MapTree:
        return "a mapping"
    if type(tree) is ListTree:
        return "a list"
    assert type(tree) is ScalarTree
    if tree.value is None:
        return "nothing"
    return clip(tree.text) if type(tree.value) is str else tree.text[:60]


class Fields:
    """The keys of one mapping."""

    __slots__ = ("_entries", "cursor")

    def __init__(self, cursor: Cursor, tree: MapTree) -> None:
        self.cursor = cursor
        self._entries = tree.entries

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def written(self) -> list[str]:
        """As written, in the file's order."""
        return list(self._entries)

    def key_mark(self, key: str) -> Mark:
        """Where a key stands."""
        return self._entries[key].key_mark

    def get(self, key: str) -> Cursor | None:
        """The value of a key, None where the key is not written."""
        entry = self._entries.get(key)
        return None if entry is None else self.cursor.child(key, entry.tree)

    def all(self) -> list[tuple[str, Cursor]]:
        """Every key with its value."""
        return [(key, self.cursor.child(key, entry.tree)) for key, entry in self._entries.items()]

    def maybe(self, key: str, read: Reader[T]) -> T | None:
        """The value of a key; None where it is not written or has a fault."""
        cursor = self.get(key)
        return None if cursor is None else read(cursor)

    def optional(self, key: str, read: Reader[T], default: T) -> T:
        """The value of a key; the default where it is not written (or has a fault, then nobody will see it)."""
        found = self.maybe(key, read)
        return default if found is None else found

    def required(self, key: str, read: Reader[T], form: str) -> T | None:
        """The value of a key; a fault where it is not written, with the form that it should have."""
        cursor = self.get(key)
        if cursor is not None:
            return read(cursor)
        near = close_match(key, [known for known in self._entries if known.lower() != key])
        hint = f" (is {near!r} meant to be it?)" if near else ""
        self.cursor.fault(f"{key!r} is missing{hint}: expected {form}")
        return None


def open_fields(cursor: Cursor, form: str) -> Fields | None:
    """A mapping whose keys are the users' own."""
    if type(cursor.tree) is MapTree:
        return Fields(cursor, cursor.tree)
    cursor.wrong(form)
    return None


def fields(cursor: Cursor, known: Sequence[str], form: str, later: Sequence[str] = ()) -> Fields | None:
    """A mapping that may have only the known keys; `later` are words of the format that this version does not have."""
    found = open_fields(cursor, form)
    if found is not None:
        for key in found.written():
            if key not in known:
                cursor.fault(unknown_key(key, known, later), found.key_mark(key))
    return found


def unknown_key(key: str, known: Sequence[str], later: Sequence[str] = (), noun: str = "key") -> str:
    """The message on a key that is not known here."""
    if key in later:
        return f"this version of nodesim does not have {key!r} yet{suggestion('', known)}"
    return f"unknown {noun} {clip(key)}{suggestion(key, known)}"


def items(cursor: Cursor, form: str) -> list[Cursor]:
    """The items of a list; none where nothing is written (all of them commented out)."""
    if type(cursor.tree) is ListTree:
        where, faults = cursor.where, cursor.faults
        return [Cursor(tree, f"{where}[{n}]", faults) for n, tree in enumerate(cursor.tree.items)]
    if not cursor.null:
        cursor.wrong(form)
    return []


def text(cursor: Cursor, form: str = "a string") -> str | None:
    """A string; a number or true/false must be quoted to be one."""
    tree = cursor.tree
    if type(tree) is ScalarTree:
        if type(tree.value) is str:
            return tree.value
        if tree.value is not None:
            cursor.fault(f'expected {form}, got {tree.text[:60]}; write "{tree.text[:60]}" in quotes if it is meant')
            return None
    cursor.wrong(form)
    return None


def boolean(cursor: Cursor) -> bool | None:
    """`true` or `false`."""
    if type(cursor.tree) is ScalarTree and type(cursor.tree.value) is bool:
        return cursor.tree.value
    cursor.wrong("true or false")
    return None


def integer(cursor: Cursor, low: int, high: int, form: str = "a whole number such as 3") -> int | None:
    """A whole number from `low` to `high`."""
    tree = cursor.tree
    if type(tree) is not ScalarTree or type(tree.value) is not int:
        cursor.wrong(form)
        return None
    if not low <= tree.value <= high:
        cursor.fault(f"must be from {low} to {high}, got {tree.value}")
        return None
    return tree.value


def choice(cursor: Cursor, known: Sequence[str]) -> str | None:
    """One of a few words."""
    form = "one of " + ", ".join(known)
    tree = cursor.tree
    if type(tree) is not ScalarTree or type(tree.value) is not str:
        cursor.wrong(form)
        return None
    if tree.value not in known:
        cursor.fault(f"unknown word {clip(tree.value)}{suggestion(tree.value, known)}")
        return None
    return tree.value


def string_map(cursor: Cursor, form: str, check: Callable[[Cursor, str], None] | None = None) -> dict[str, str] | None:
    """A mapping of strings to strings; `check` looks at each value's cursor and its key."""
    found = open_fields(cursor, form)
    if found is None:
        return None
    strings = {}
    for key, item in found.all():
        word = text(item)
        if word is not None:
            strings[key] = word
            if check is not None:
                check(item, key)
    return strings
