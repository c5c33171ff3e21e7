"""What stands in a YAML text, and at which line and column?

How it works.  PyYAML's event parser (libyaml where it is built in) reads the text; this module builds the tree itself,
because PyYAML's own constructor forgets places, lets the last of two equal keys win, speaks YAML 1.1 and follows
aliases without a limit.  Everything that could make a small file large or slow has a limit here: values (aliases
counted as often as they are used), depth, digits of a number.  A subtree that several aliases name is shared in
memory, never copied; it is a cycle only if an alias names a collection that is still open.
"""

from __future__ import annotations

import re
from typing import Any, Final, TypeAlias

import attrs
import yaml

from nodesim.scenario.faults import FaultList, Mark, clip
from nodesim.scenario.yamlscalars import ScalarValue, resolve

DEPTH_MAX: Final = 64
"""Levels of nesting; as many as a document may have."""

VALUES_MAX: Final = 60_000
"""Keys and values in one file, each use of an alias counted; keeps the reading of any file under a second."""

_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_UNPRINTABLE: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TAG_DIRECTIVE: Final = re.compile(r"^%TAG\b", re.MULTILINE)
_TAGS: Final = "tag:yaml.org,2002:"
_HINTS: Final = (
    ("cannot start any token", "indent with blanks, not tabs, and quote words that begin with @, % or `"),
    ("mapping values are not allowed", "quote words that hold ': ', and check the indentation"),
    ("could not find expected ':'", "a key needs ': ' and a value"),
    ("did not find expected key", "check the indentation and the quotes above this line"),
    ("did not find expected '-' indicator", "the items of a list begin in one column with '- '"),
    ("unexpected end of stream", "a quote or a bracket is not closed"),
)


@attrs.define(eq=False)
class ScalarTree:
    """A single value; `text` is how it was written, `plain` whether without quotes."""

    mark: Mark
    value: ScalarValue
    text: str
    plain: bool


@attrs.define(eq=False)
class Entry:
    """One key of a mapping (its place) and its value."""

    key_mark: Mark
    tree: Tree


@attrs.define(eq=False)
class MapTree:
    """A mapping, in the file's order."""

    mark: Mark
    entries: dict[str, Entry] = attrs.Factory(dict)


@attrs.define(eq=False)
class ListTree:
    """A list."""

    mark: Mark
    items: list[Tree] = attrs.Factory(list)


@attrs.define(eq=False)
class BrokenTree:
    """A value with a fault that was already noted: readers pass over it in silence."""

    mark: Mark


Tree: TypeAlias = ScalarTree | MapTree | ListTree | BrokenTree


def parse_documents(text: str, path: str, faults: FaultList, option: Mark | None = None) -> list[Tree]:
    """The documents of a text; none where it is not YAML or breaks a limit (then `faults` says why).

    `option` is the place at which the text begins, where it is no file but a part of the command's n-th option.
    """
    refused = _refuse(text)
    if refused is not None:
        place, message = refused
        line = text.count("\n", 0, place)
        column = place - (text.rfind("\n", 0, place) + 1)
        faults.add(_place(path, line, column, option), "", message)
        return []
    builder = _Builder(path, faults, option)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except _Hopeless:
        return []
    except yaml.YAMLError as broken:
        builder.note_syntax(broken)
        return []
    return builder.documents


def plain_value(tree: Tree) -> Any:
    """The tree as JSON has it: fresh dicts and lists, nothing shared.  `Any`: a user's own data."""
    if type(tree) is ScalarTree:
        return tree.value
    if type(tree) is MapTree:
        return {key: plain_value(entry.tree) for key, entry in tree.entries.items()}
    if type(tree) is ListTree:
        return [plain_value(item) for item in tree.items]
    return None


def _refuse(text: str) -> tuple[int, str] | None:
    """Place and reason of what must not reach the parser."""
    strange = _UNPRINTABLE.search(text)
    if strange is not None:
        return strange.start(), f"control character U+{ord(strange.group()):04X}: this is not a text file"
    directive = _TAG_DIRECTIVE.search(text)
    if directive is not None:
        # libyaml compares each %TAG with all before it: a small file of them would take minutes.
        return directive.start(), "%TAG directives are not used here; remove the line"
    return None


def _place(path: str, line: int, column: int, option: Mark | None) -> Mark:
    """The place of a parser's line and column, which count from 0."""
    if option is None:
        return Mark(path, line + 1, column + 1)
    return Mark(path, option.line, option.column + (column if line == 0 else 0))


class _Hopeless(Exception):
    """The text breaks a limit; the fault is noted."""


class _Open:
    """A collection whose end was not seen yet, and what is known of it so far."""

    __slots__ = ("anchor", "height", "key", "key_mark", "size", "tree", "usable")

    def __init__(self, tree: MapTree | ListTree, anchor: str | None, size: int) -> None:
        self.tree = tree
        self.anchor = anchor
        self.size = size
        """How many values there were in all when it began; in a finished one, how many it holds."""
        self.height = 1
        self.key: str | None = None
        self.key_mark: Mark | None = None
        self.usable = True
        """Is the pending key one under which the next value can be kept?"""


@attrs.frozen(eq=False)
class _Anchored:
    """What an alias stands for: a finished tree with its values and levels."""

    tree: Tree
    size: int
    height: int


class _Builder:
    """Makes trees of parser events."""

    def __init__(self, path: str, faults: FaultList, option: Mark | None) -> None:
        self.documents: list[Tree] = []
        self._path = path
        self._faults = faults
        self._option = option
        self._open: list[_Open] = []
        self._anchors: dict[str, _Anchored | _Open] = {}
        self._values = 0

    def take(self, event: yaml.Event) -> None:
        """One parser event."""
        kind = type(event)
        if kind is yaml.ScalarEvent:
            self._scalar(event)
        elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            self._begin(event)
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            self._end()
        elif kind is yaml.AliasEvent:
            self._alias(event)
        elif kind is yaml.DocumentStartEvent:
            self._anchors.clear()

    def note_syntax(self, broken: yaml.YAMLError) -> None:
        """The fault of a text that is not YAML."""
        problem = str(getattr(broken, "problem", None) or broken).splitlines()[0]
        if "nesting depth" in problem:  # libyaml's own limit, met before the events of what is open come out.
            problem = f"nested deeper than {DEPTH_MAX} levels: {problem}"
        found = getattr(broken, "problem_mark", None) or getattr(broken, "context_mark", None)
        hint = next((hint for part, hint in _HINTS if part in problem), "check indentation, quotes and brackets")
        context = getattr(broken, "context", None)
        begun = getattr(broken, "context_mark", None)
        if context and begun is not None and self._option is None:
            problem += f" {context} that begins at line {begun.line + 1}"
        mark = self._mark(found) if found is not None else Mark(self._path, 1, 1)
        self._faults.add(mark, "", f"not YAML: {problem}; {hint}")

    def _mark(self, mark: Any) -> Mark:
        return _place(self._path, mark.line, mark.column, self._option)

    def _stop(self, mark: Mark, message: str) -> _Hopeless:
        self._faults.add(mark, "", message)
        return _Hopeless()

    def _count(self, values: int, mark: Mark) -> None:
        self._values += values
        if self._values > VALUES_MAX:
            raise self._stop(mark, f"more than {VALUES_MAX} values, aliases counted each time; make the file smaller")

    def _scalar(self, event: Any) -> None:
        mark = self._mark(event.start_mark)
        self._count(1, mark)
        plain = event.style is None or event.style == ""
        tree: Tree
        try:
            tree = ScalarTree(mark, _scalar_value(event, plain), event.value, plain)
        except ValueError as wrong:
            self._faults.add(mark, "", str(wrong))
            tree = BrokenTree(mark)
        if event.anchor:
            self._anchors[event.anchor] = _Anchored(tree, 1, 0)
        self._attach(tree, 0)

    def _begin(self, event: Any) -> None:
        mark = self._mark(event.start_mark)
        self._count(1, mark)
        if len(self._open) >= DEPTH_MAX:
            raise self._stop(mark, f"nested deeper than {DEPTH_MAX} levels")
        mapping = type(event) is yaml.MappingStartEvent
        if event.tag not in (None, "!", _TAGS + ("map" if mapping else "seq")):
            self._faults.add(mark, "", f"unknown tag {clip(event.tag)}; remove it, plain YAML is enough")
        opened = _Open(MapTree(mark) if mapping else ListTree(mark), event.anchor, self._values - 1)
        if event.anchor:
            self._anchors[event.anchor] = opened
        self._open.append(opened)

    def _end(self) -> None:
        done = self._open.pop()
        if done.anchor and self._anchors.get(done.anchor) is done:
            self._anchors[done.anchor] = _Anchored(done.tree, self._values - done.size, done.height)
        self._attach(done.tree, done.height)

    def _alias(self, event: Any) -> None:
        mark = self._mark(event.start_mark)
        named = self._anchors.get(event.anchor)
        if named is None:
            self._faults.add(mark, "", f"alias *{event.anchor} names no anchor; write &{event.anchor} before it")
            self._attach(BrokenTree(mark), 0)
            return
        if type(named) is _Open:
            self._faults.add(mark, "", f"alias *{event.anchor} stands inside what it names: it would have no end")
            self._attach(BrokenTree(mark), 0)
            return
        assert type(named) is _Anchored
        self._count(named.size, mark)
        if len(self._open) + named.height > DEPTH_MAX:
            raise self._stop(mark, f"nested deeper than {DEPTH_MAX} levels by alias *{event.anchor}")
        self._attach(named.tree, named.height)

    def _attach(self, tree: Tree, height: int) -> None:
        if not self._open:
            self.documents.append(tree)
            return
        parent = self._open[-1]
        parent.height = max(parent.height, height + 1)
        if type(parent.tree) is ListTree:
            parent.tree.items.append(tree)
        elif parent.key_mark is None:
            self._key(parent, tree)
        else:
            assert type(parent.tree) is MapTree
            if parent.usable and parent.key is not None:
                parent.tree.entries[parent.key] = Entry(parent.key_mark, tree)
            parent.key = parent.key_mark = None

    def _key(self, parent: _Open, tree: Tree) -> None:
        assert type(parent.tree) is MapTree
        parent.key_mark = tree.mark
        parent.usable = False
        if type(tree) is BrokenTree:
            return
        if type(tree) is not ScalarTree:
            self._faults.add(tree.mark, "", "a key must be a word, not a list or a mapping")
        elif type(tree.value) is not str:
            self._faults.add(tree.mark, "", f'a key must be a string: write "{tree.text[:40]}" in quotes')
        elif tree.plain and tree.value == "<<":
            self._faults.add(tree.mark, "", "merge keys (<<) are not part of YAML 1.2; write the keys out")
        elif tree.value in parent.tree.entries:
            first = parent.tree.entries[tree.value].key_mark
            self._faults.add(tree.mark, "", f"key {clip(tree.value)} stands here twice, first at line {first.line}")
        else:
            parent.key = tree.value
            parent.usable = True


def _scalar_value(event: Any, plain: bool) -> ScalarValue:
    """The value of a scalar event.

    Raises:
        ValueError: an unknown tag, or a number that no document can carry.
    """
    tag = event.tag
    if tag is None:
        return resolve(event.value) if plain else str(event.value)
    if tag in ("!", _TAGS + "str"):
        return str(event.value)
    kinds = {"int": int, "float": float, "bool": bool, "null": type(None)}
    kind = kinds.get(tag.removeprefix(_TAGS)) if tag.startswith(_TAGS) else None
    if kind is None:
        msg = f"unknown tag {clip(tag)}; remove it, plain YAML is enough"
        raise ValueError(msg)
    value = resolve(event.value)
    if type(value) is not kind and not (kind is float and type(value) is int):
        msg = f"{clip(event.value)} is not what its tag !!{tag.removeprefix(_TAGS)} says"
        raise ValueError(msg)
    return value
