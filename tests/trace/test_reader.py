"""Reading traces back, whole, cut off and broken."""

import hashlib
import json

import pytest

from nodesim.errors import ExitCode, NodesimError
from nodesim.trace import TraceError, digest, read_trace, trace_lines
from nodesim.trace.reader import TraceReading
from nodesim.trace.records import order
from tests.trace.script import Script

HEADER = {"nodesim": "0.1.0", "profile": "v1.36", "scenario": "s", "seed": 7, "settings": {"a": 1}}
GOOD = {"t": 1, "actor": "a", "n": 1, "kind": "K", "object": "", "fields": {}, "cause": ""}


def _script() -> Script:
    script = Script()
    step = script.step(1, "cut n\u00f6de")
    script.cut(1, "n1", cause=step)
    script.end(2)
    return script


def _head() -> str:
    return json.dumps(HEADER) + "\n"


def test_what_is_written_is_read_back() -> None:
    """Header and records come back as they were, from text and from bytes, and the digest is that of the text."""
    records = _script().records
    lines = list(trace_lines(HEADER, records))
    for source in (lines, [line.encode() for line in lines], [line.rstrip("\n") for line in lines]):
        trace = read_trace(source)
        assert (trace.header, trace.records, trace.complete) == (HEADER, records, True)
    assert hashlib.sha256("".join(lines).encode()).hexdigest() == digest(HEADER, records)


def test_a_trace_cut_off_anywhere_in_its_last_line_is_readable_up_to_there() -> None:
    """A run that was killed leaves half a line: the whole ones count, and the trace says that it is not complete."""
    records = _script().records
    lines = list(trace_lines(HEADER, records))
    for length in range(1, len(lines[2]) - 1):
        trace = read_trace([*lines[:2], lines[2][:length]])
        assert (trace.records, trace.complete) == (records[:1], False)
    assert read_trace(lines[:3]).complete is False
    assert read_trace(lines[:1]).records == []


def test_others_may_write_at_the_instant_of_the_end() -> None:
    """`RunEnded` need not stand last among the records of its instant, but nothing later follows it."""
    script = _script()
    script.write(2, "scheduler", "NodeChosen", "Pod/default/a")
    assert read_trace(trace_lines(HEADER, script.records)).complete is True
    script.write(3, "scheduler", "NodeChosen", "Pod/default/a")
    assert read_trace(trace_lines(HEADER, script.records)).complete is False


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("garbage\n", "not a line of a trace"),
        ('{"t":\n', "not a line of a trace"),
        (b"\xff\xfe\n", "not a line of a trace"),
        ("[" * 100_000 + "\n", "not a line of a trace"),
        ("1" * 10_000 + "\n", "not a line of a trace"),
        ("[]\n", "a record must be an object, not list"),
        (json.dumps({**GOOD, "t": 1.5}) + "\n", "1.5 is not an integer"),
        ('{"t": NaN}\n', "NaN is not an integer"),
        (json.dumps({**GOOD, "t": True}) + "\n", "t must be an integer, got True"),
        (json.dumps({**GOOD, "kind": 1}) + "\n", "kind must be a string, got 1"),
        (json.dumps({**GOOD, "fields": []}) + "\n", "fields must be an object, got []"),
        (json.dumps({**GOOD, "t": -1}) + "\n", "t must be at least 0"),
        (json.dumps({**GOOD, "n": 0}) + "\n", "n at least 1"),
        (json.dumps({"t": 1}) + "\n", "a record with no actor, cause, fields, kind, n, object"),
        (json.dumps({**GOOD, "extra": 1}) + "\n", "a record with unknown extra"),
    ],
)
def test_a_broken_line_is_named_with_its_place(line: str | bytes, fault: str) -> None:
    """The error says in which file and line, and what is wrong; it is a fault of the input."""
    with pytest.raises(TraceError) as raised:
        read_trace([_head(), line], "x.jsonl")
    assert str(raised.value).startswith("x.jsonl:2: ")
    assert fault in str(raised.value)
    assert isinstance(raised.value, NodesimError)
    assert (raised.value.exit_code, raised.value.line) == (ExitCode.BAD_INPUT, 2)


def test_half_a_line_in_the_middle_is_broken() -> None:
    """Only the last line may lack its end."""
    with pytest.raises(TraceError, match="x:2: not a line of a trace"):
        read_trace([_head(), '{"t":', json.dumps(GOOD)], "x")


def _line(**changes: object) -> str:
    return json.dumps({**GOOD, **changes}) + "\n"


END = _line(t=9, actor="z", kind="RunEnded")


def test_records_out_of_order_are_refused() -> None:
    """The order (t, actor, n) is part of the form of a run's trace; a repeated record is out of order in any."""
    for second, rest in ((_line(t=0), [END]), (_line(), []), (_line(), [END])):
        with pytest.raises(TraceError, match="trace:3: out of order: a#1 at"):
            read_trace([_head(), _line(), second, *rest])
    with pytest.raises(TraceError, match="trace:3: out of order: a#1 at"):
        list(TraceReading([_head(), _line(), _line(t=0)], closed=True))


@pytest.mark.parametrize("ending", [[], ['{"t":'], [END, _line(t=1, n=2)]], ids=["killed", "torn", "late at the end"])
def test_lines_that_came_late_are_put_in_their_places_where_nobody_closed_the_file(ending: list[str]) -> None:
    """What an agent brings that was away stands where it came when the hub is killed; each line of it is read."""
    late = [_line(t=2, actor="a", n=1), _line(t=4, actor="a", n=2), _line(t=3, actor="b", n=7)]
    lines = [
        _line(actor="h"),
        _line(t=3, actor="h", n=2),
        _line(t=5, actor="h", n=3),
        *late,
        _line(t=6, actor="h", n=4),
    ]
    trace = read_trace([_head(), *lines, *ending])
    assert trace.records == sorted(trace.records, key=order)
    assert len(trace.records) == len(lines) + sum(line.endswith("\n") for line in ending)
    assert trace.complete is (len(ending) == 2)
    assert read_trace(trace_lines(HEADER, trace.records)).records == trace.records


def test_a_record_that_came_twice_is_refused_wherever_it_stands() -> None:
    """Late lines are others, never the same once more."""
    with pytest.raises(TraceError, match="trace: a#1 at 1 stands here twice"):
        read_trace([_head(), _line(), _line(t=2, n=2), _line()])


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ([], "trace:1: empty"),
        (['{"nodesim":'], "trace:1: not a line of a trace"),
        (["[1]\n"], "not a nodesim trace: the header has no nodesim, profile, scenario, seed, settings"),
        (['{"nodesim":"1","seed":1,"settings":{}}\n'], "the header has no profile, scenario"),
    ],
)
def test_a_file_without_a_header_is_no_trace(lines: list[str], fault: str) -> None:
    """An empty file, half a header or something else entirely."""
    with pytest.raises(TraceError) as raised:
        read_trace(lines)
    assert fault in str(raised.value)
