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
from nodesim.world.clock import checked_speed
from nodesim.world.transport import PAYLOAD_BYTES_MAX
from nodesim.world.world import Parcel

CHUNK_BYTES: Final = 32 * 1024
"""A list of parcels or records is cut into words of about this size: a slow line must carry one in a second or so."""


@value
class Join:
    """An agent is here: the version of nodesim it runs, and which nodes it wants (patterns; none: any).

    `realtime`: its end lives in real time, not in turns.
    """

    version: str
    claims: tuple[str, ...]
    realtime: bool = False


@value
class Setup:
    """The hub gives an agent a run: the scenario and the options as plain data, and the nodes that live there."""

    scenario: bytes
    options: dict[str, Any]
    nodes: tuple[str, ...]
    resumed: tuple[tuple[str, int, int, int], ...] = ()
    """In real time, for an agent whose process was started anew: its clock or a node, and how many records, connections
    and processes of that there were before."""


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


# --- real time only -------------------------------------------------------------------------------------------------


@value
class Times:
    """The hub keeps this kind of time; the agent is to come back with an end that does, too."""

    realtime: bool


@value
class Begin:
    """The run goes on: this many of its microseconds in one of real time, and how late turns may be (us)."""

    speed: float
    slack_us: int


@value
class AskTime:
    """What time is it in the run?  The answer repeats `asked_us`, the asker's own clock."""

    asked_us: int


@value
class Time:
    """It is `now_us`."""

    asked_us: int
    now_us: int


@value
class Log:
    """What an agent recorded: the first of these is the `first` of this process (from 0).

    It will record nothing more at or before `final_us`; `lost` records found no room while the hub was away.
    """

    first: int
    final_us: int
    lost: int
    records: tuple[TraceRecord, ...]


@value
class Logged:
    """The hub has this many of the agent's records for good."""

    count: int


@value
class Over:
    """The run has ended before its time: why."""

    why: str


_Always: TypeAlias = Join | Setup | Grant | Parcels | Records | Done | Finish | Finished | Failed
Word: TypeAlias = _Always | Times | Begin | AskTime | Time | Log | Logged | Over


def encode_word(word: Word) -> bytes:
    """The payload of a word."""
    number, parts = _WRITERS[type(word)]
    made: bytes = msgpack.packb((number, *parts(word)))
    return made


def _parcels(parcels: Sequence[Parcel]) -> list[tuple[Any, ...]]:
    return [(p.at_us, p.origin, p.n, p.destination, p.frame) for p in parcels]


def _rows(records: Sequence[TraceRecord]) -> list[tuple[Any, ...]]:
    return [(r.t_us, r.actor, r.n, r.kind, r.object, r.fields, r.cause) for r in records]


_WRITERS: Final[dict[type, tuple[int, Callable[[Any], tuple[Any, ...]]]]] = {
    Join: (1, lambda word: (word.version, word.claims, word.realtime)),
    Setup: (2, lambda word: (word.scenario, word.options, word.nodes, word.resumed)),
    Grant: (3, lambda word: (word.until_us,)),
    Parcels: (4, lambda word: (_parcels(word.parcels),)),
    Records: (5, lambda word: (_rows(word.records),)),
    Done: (6, lambda word: (word.next_us,)),
    Finish: (7, lambda _: ()),
    Finished: (8, lambda word: (word.counts, word.draws)),
    Failed: (9, lambda word: (word.exit_code, word.text)),
    Times: (10, lambda word: (word.realtime,)),
    Begin: (11, lambda word: (word.speed, word.slack_us)),
    AskTime: (12, lambda word: (word.asked_us,)),
    Time: (13, lambda word: (word.asked_us, word.now_us)),
    Log: (14, lambda word: (word.first, word.final_us, word.lost, _rows(word.records))),
    Logged: (15, lambda word: (word.count,)),
    Over: (16, lambda word: (word.why,)),
}


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


def _speed(item: Any) -> float:
    try:
        return checked_speed(_is(float, item))
    except ValueError as wrong:
        raise FrameError(str(wrong)) from wrong


def _counts(item: Any) -> dict[str, int]:
    return {_is(str, name): _is(int, count) for name, count in _is(dict, item).items()}


_PARCEL: Final = (int, str, int, str, bytes)
_RECORD: Final = (int, str, int, str, str, dict, str)
_DRAW: Final = (str, int, int)
_RESUMED: Final = (str, int, int, int)


def _records(rows: Any) -> tuple[TraceRecord, ...]:
    return tuple(TraceRecord(*_row(_RECORD, row)) for row in _is(list, rows))


def _table(kinds: Sequence[type], rows: Any) -> tuple[Any, ...]:
    return tuple(tuple(_row(kinds, row)) for row in _is(list, rows))


_READERS: Final[dict[int, Callable[..., Word]]] = {
    1: lambda version, claims, realtime=False: Join(_is(str, version), _all(str, claims), _is(bool, realtime)),
    2: lambda scenario, options, nodes, resumed: Setup(
        _is(bytes, scenario), _is(dict, options), _all(str, nodes), _table(_RESUMED, resumed)
    ),
    3: lambda until_us: Grant(_is(int, until_us)),
    4: lambda rows: Parcels(tuple(Parcel(*_row(_PARCEL, row)) for row in _is(list, rows))),
    5: lambda rows: Records(_records(rows)),
    6: lambda next_us: Done(None if next_us is None else _is(int, next_us)),
    7: Finish,
    8: lambda counts, draws: Finished(_counts(counts), _table(_DRAW, draws)),
    9: lambda code, text: Failed(_is(int, code), _is(str, text)),
    10: lambda realtime: Times(_is(bool, realtime)),
    11: lambda speed, slack_us: Begin(_speed(speed), _is(int, slack_us)),
    12: lambda asked_us: AskTime(_is(int, asked_us)),
    13: lambda asked_us, now_us: Time(_is(int, asked_us), _is(int, now_us)),
    14: lambda first, final_us, lost, rows: Log(_is(int, first), _is(int, final_us), _is(int, lost), _records(rows)),
    15: lambda count: Logged(_is(int, count)),
    16: lambda why: Over(_is(str, why)),
}


def parcel_chunks(parcels: Iterable[Parcel]) -> Iterator[tuple[Parcel, ...]]:
    """Parcels in lists that make words of a bounded size."""
    return _chunks(parcels, lambda parcel: len(parcel.frame) + 200)


def record_chunks(records: Iterable[TraceRecord]) -> Iterator[tuple[TraceRecord, ...]]:
    """Records in lists that make words of a bounded size."""
    return _chunks(records, lambda _: 2_000)


def parcel_words(parcels: Iterable[Parcel]) -> Iterator[bytes]:
    """Parcels as payloads of a bounded size."""
    return (encode_word(Parcels(chunk)) for chunk in parcel_chunks(parcels))


def record_words(records: Iterable[TraceRecord]) -> Iterator[bytes]:
    """Records as payloads of a bounded size."""
    return (encode_word(Records(chunk)) for chunk in record_chunks(records))


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
