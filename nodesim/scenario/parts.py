"""How are the parts of a Kubernetes document looked at that may be absent?"""

from __future__ import annotations

from nodesim.scenario.reading import Cursor, Fields, Reader, items, open_fields


def part(found: Fields, key: str, read: Reader[object]) -> None:
    """Look at an optional part of a document; null means absent, as in the API."""
    cursor = found.get(key)
    if cursor is not None and not cursor.null:
        read(cursor)


def section(found: Fields, key: str) -> Fields | None:
    """An optional mapping of a document; null means absent."""
    cursor = found.get(key)
    return None if cursor is None or cursor.null else open_fields(cursor, f"a mapping under {key}")


def list_part(found: Fields, key: str, form: str) -> list[Cursor]:
    """The items of an optional list of a document."""
    cursor = found.get(key)
    return [] if cursor is None else items(cursor, form)


def lists_of_maps(found: Fields, key: str, noun: str) -> list[Fields]:
    """The mappings in an optional list of a document."""
    opened = [open_fields(item, "a mapping") for item in list_part(found, key, f"a list of {noun}")]
    return [each for each in opened if each is not None]
