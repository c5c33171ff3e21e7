"""What does one item of `spec.expect` claim?"""

from __future__ import annotations

from nodesim.scenario.reading import Cursor
from nodesim.scenario.yamltree import MapTree, Tree
from nodesim.spec import Subject
from nodesim.values import value


@value
class Claim:
    """A subject, and how its item differs from one that claims nothing else."""

    subject: Subject
    others: frozenset[str] = frozenset()
    """Keys of the item that belong to its other claims."""
    instead: dict[str, Tree] = {}
    """Keys of the item that say several things, each with the part of its value that is meant."""


def only(cursor: Cursor, key: str) -> Tree:
    """A mapping with one of its entries."""
    assert type(cursor.tree) is MapTree
    return MapTree(cursor.tree.mark, {key: cursor.tree.entries[key]})
