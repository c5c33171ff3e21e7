"""What is a record, and in which bytes does it stand in a trace?

`docs/records.md` lists the kinds and their fields.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any, Final, TypeAlias

from nodesim.values import value


@value
class TraceRecord:
    """One line of a trace.  `t_us` is the instant, `n` the actor's own count, `cause` an `actor#n` or ""."""

    t_us: int
    actor: str
    n: int
    kind: str
    object: str
    fields: dict[str, Any]
    cause: str

    @property
    def id(self) -> str:
        """How other records name this one as their cause."""
        return f"{self.actor}#{self.n}"


Place: TypeAlias = tuple[int, str, int]
"""Where a record stands in the trace: after all that are less."""

BEFORE_ALL: Final[Place] = (-1, "", 0)


def order(record: TraceRecord) -> Place:
    """The place of a record in the trace."""
    return (record.t_us, record.actor, record.n)


def canonical(data: Any) -> str:
    """The one JSON text of a value: sorted keys, no blanks, ASCII, no floats.

    Raises:
        TypeError: a float is in it; records carry integers.
    """
    return json.dumps(_without_floats(data), sort_keys=True, separators=(",", ":"))


def _without_floats(data: Any) -> Any:
    if isinstance(data, float):
        msg = f"a float in a record: {data!r}"
        raise TypeError(msg)
    if isinstance(data, dict):
        return {key: _without_floats(item) for key, item in data.items()}
    if isinstance(data, list | tuple):
        return [_without_floats(item) for item in data]
    return data


def line_of(record: TraceRecord) -> str:
    """The line of a record, without its newline."""
    return canonical(
        {
            "t": record.t_us,
            "actor": record.actor,
            "n": record.n,
            "kind": record.kind,
            "object": record.object,
            "fields": record.fields,
            "cause": record.cause,
        }
    )


def digest(header: dict[str, Any], records: Iterable[TraceRecord]) -> str:
    """SHA-256 (hex) of the trace file with this header and these records, which must be in order."""
    total = hashlib.sha256(canonical(header).encode() + b"\n")
    for record in records:
        total.update(line_of(record).encode() + b"\n")
    return total.hexdigest()
