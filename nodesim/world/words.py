"""What do the hub and its agents say to each other about a run?

Each word is one payload of a transport: a msgpack array that begins with its number.  Whatever is wrong with one raises
`FrameError` and nothing else.  Nothing is ever unpickled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, TypeAlias

import msgpack

from nodesim.errors import FrameError
from nodesim.messages import FRAME_BYTES_MAX
from nodesim.trace.records import TraceRecord
from nodesim.values import value
from nodesim.world.transport import PAYLOAD_BYTES_MAX
from nodesim.world.world import Parcel

CHUNK_BYTES: Final = 4 * 1024 * 1024
"""A list of parcels or records is cut into words of about this size."""


@value
class Join:
    """An agent is here: the version of nodesim it runs, and which nodes it wants (shell patterns; none: any)."""

    version: str
    claims: tuple[str, ...]


@value
class Setup:
    """The hub gives an agent a run: the scenario and the options as plain data, and the nodes that live there."""

    scenario: bytes
    options: dict[str, Any]
    nodes: tuple[str, ...]


@value
class Grant:
    """An agent may take all turns up to an instant (us, inclusive)."""

    until_us: int


@value
class Parcels:
    """Frames for actors of the other side; they precede the word that they belong to."""

    parcels: tuple[Parcel, ...]


@value
class Records:
    """What was recorded; precedes the word that it belongs to."""

    records: tuple[TraceRecord, ...]


@value
class Done:
    """An agent took the turns; when its next one is due (us), None: never."""

    next_us: int | None


@value
class Finish:
    """The run is over; the agent is to say what it counted."""


@value
class Finished:
    """What an agent counted, by name, and its draws (stream, index, value) where they are logged."""

    counts: dict[str, int]
    draws: tuple[tuple[str, int, int], ...]


@value
class Failed:
    """An agent cannot go on: the exit code and the text with which the run ends."""

    exit_code: int
    text: str


Word: TypeAlias = Join | Setup | Grant | Parcels | Records | Done | Finish | Finished | Failed


def encode_word(word: Word) -> bytes:
    """The payload of a word."""
    match word:
        case Join():
            parts: list[Any] = [1, word.version, word.claims]
        case Setup():
            parts = [2, word.scenario, word.options, word.nodes]
        case Grant():
            parts = [3, word.until_us]
        case Parcels():
            parts = [4, [(p.at_us, p.origin, p.n, p.destination, p.frame) for p in word.parcels]]
        case Records():
            parts = [5, [(r.t_us, r.actor, r.n, r.kind, r.object, r.fields, r.cause) for r in word.records]]
        case Done():
            parts = [6, word.next_us]
        case Finish():
            parts = [7]
        case Finished():
            parts = [8, word.counts, word.draws]
        case Failed():
            parts = [9, word.exit_code, word.text]
    made: bytes = msgpack.packb(parts)
    return made


def decode_word(payload: bytes) -> Word:
    """The word of a payload.

    Raises:
        FrameError: it is none.
    """
    try:
        kind, *parts = msgpack.unpackb(
            payload, use_list=True, max_bin_len=FRAME_BYTES_MAX, max_str_len=PAYLOAD_BYTES_MAX, max_ext_len=0
        )
        return _READERS[kind](*parts)
    except FrameError:
        raise
    except Exception as broken:  # msgpack and wrong shapes raise many unrelated classes
        msg = f"not a word between hub and agent: {type(broken).__name__}: {broken}"
        raise FrameError(msg) from broken


def _is(kind: type, item: Any) -> Any:
    if type(item) is not kind:
        msg = f"{item!r:.40} is no {kind.__name__}"
        raise FrameError(msg)
    return item


def _all(kind: type, items: Any) -> tuple[Any, ...]:
    return tuple(_is(kind, item) for item in _is(list, items))


def _row(kinds: Sequence[type], row: Any) -> list[Any]:
    if type(row) is not list or len(row) != len(kinds):
        msg = f"{row!r:.60} is no row of {len(kinds)}"
        raise FrameError(msg)
    return [_is(kind, item) for kind, item in zip(kinds, row)]


def _counts(item: Any) -> dict[str, int]:
    return {_is(str, name): _is(int, count) for name, count in _is(dict, item).items()}


_PARCEL: Final = (int, str, int, str, bytes)
_RECORD: Final = (int, str, int, str, str, dict, str)
_DRAW: Final = (str, int, int)

_READERS: Final[dict[int, Callable[..., Word]]] = {
    1: lambda version, claims: Join(_is(str, version), _all(str, claims)),
    2: lambda scenario, options, nodes: Setup(_is(bytes, scenario), _is(dict, options), _all(str, nodes)),
    3: lambda until_us: Grant(_is(int, until_us)),
    4: lambda rows: Parcels(tuple(Parcel(*_row(_PARCEL, row)) for row in _is(list, rows))),
    5: lambda rows: Records(tuple(TraceRecord(*_row(_RECORD, row)) for row in _is(list, rows))),
    6: lambda next_us: Done(None if next_us is None else _is(int, next_us)),
    7: Finish,
    8: lambda counts, draws: Finished(_counts(counts), tuple(tuple(_row(_DRAW, row)) for row in _is(list, draws))),
    9: lambda code, text: Failed(_is(int, code), _is(str, text)),
}


def parcel_words(parcels: Iterable[Parcel]) -> Iterator[bytes]:
    """Parcels as payloads of a bounded size."""
    for chunk in _chunks(parcels, lambda parcel: len(parcel.frame) + 200):
        yield encode_word(Parcels(chunk))


def record_words(records: Iterable[TraceRecord]) -> Iterator[bytes]:
    """Records as payloads of a bounded size."""
    for chunk in _chunks(records, lambda _: 2_000):
        yield encode_word(Records(chunk))


def _chunks(items: Iterable[Any], size_of: Callable[[Any], int]) -> Iterator[tuple[Any, ...]]:
    chunk: list[Any] = []
    size = 0
    for item in items:
        item_size = size_of(item)
        if chunk and size + item_size > CHUNK_BYTES:
            yield tuple(chunk)
            chunk, size = [], 0
        chunk.append(item)
        size += item_size
    if chunk:
        yield tuple(chunk)
