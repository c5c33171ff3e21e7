"""`nodesim diff` and `nodesim explain` on good traces, and on whatever else a user gives them."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nodesim.cli.command import cli
from nodesim.cli.traces import LINE_BYTES_MAX
from nodesim.errors import ExitCode, NodesimError
from nodesim.trace import trace_lines
from tests.trace.script import Script
from tests.trace.test_explain import story

HEADER = {"nodesim": "0.1.0", "profile": "v1.36", "scenario": "s", "seed": 7, "settings": {}}


def trace(path: Path, script: Script, **header: object) -> Path:
    """A trace file."""
    path.write_text("".join(trace_lines({**HEADER, **header}, script.records)))
    return path


def call(*arguments: str | Path) -> tuple[int, str]:
    """The exit code and everything that was said, as the command's edge would give it."""
    done: Result = CliRunner().invoke(cli, [str(each) for each in arguments], standalone_mode=False)
    if isinstance(done.exception, NodesimError):
        return done.exception.exit_code, str(done.exception)
    if done.exception is not None:
        return ExitCode.BAD_INPUT, str(done.exception)
    return done.return_value, done.output


def test_equal_traces_end_with_0(tmp_path: Path) -> None:
    """And say how many records were compared."""
    code, said = call("diff", trace(tmp_path / "a", story()), trace(tmp_path / "b", story()))
    assert (code, said) == (ExitCode.HELD, "the traces are the same: 16 records\n")


def test_another_seed_alone_is_a_difference(tmp_path: Path) -> None:
    """The header counts, and all records may be the same."""
    code, said = call("diff", trace(tmp_path / "a", story()), trace(tmp_path / "b", story(), seed=8))
    assert code == ExitCode.FAILED
    assert said.splitlines() == [
        "header: seed is 7 in the first and 8 in the second",
        "all 16 records are the same",
    ]


def test_a_difference_is_shown_with_context_and_summary(tmp_path: Path) -> None:
    """Line, neighbours, what differs, and the numbers of the kinds that differ."""
    other = story()
    other.write(65, "scheduler", "NodeChosen", "Pod/default/a", node="n2", feasible=1)
    code, said = call("diff", trace(tmp_path / "a", story()), trace(tmp_path / "b", other))
    assert code == ExitCode.FAILED
    lines = [line.strip() for line in said.splitlines()]
    assert lines[0] == "the first 10 records are the same; they part at line 12"
    assert lines[3].endswith("(taint-eviction-controller#1)")
    assert lines[4].startswith("-        1m10s  Pod/default/a: eviction from")
    assert [line[:1] for line in lines[4:12]] == ["-"] * 4 + ["+"] * 4
    assert "1m5s  Pod/default/a: n2 chosen of 1 that fit" in lines[8]
    assert lines[12].startswith("what differs in the first of them: actor, cause, fields.feasible")
    assert lines[-2].split() == ["NodeChosen", "0", "1"]
    assert lines[-1].split() == ["all", "16", "17"]


def test_a_trace_without_its_end_is_compared_and_said_to_be_one(tmp_path: Path) -> None:
    """A run that was interrupted leaves whole lines."""
    whole = trace(tmp_path / "a", story())
    short = tmp_path / "b"
    short.write_text("".join(whole.read_text().splitlines(keepends=True)[:9]))
    code, said = call("diff", whole, short)
    assert code == ExitCode.FAILED
    assert "+ (the trace has ended)" in said
    assert f"note: {short} ends before its run did" in said


def test_what_came_late_is_in_its_place(tmp_path: Path) -> None:
    """A file that a killed hub left is told and compared as if its lines stood in order."""
    whole = trace(tmp_path / "whole", story())
    head, *lines = whole.read_text().splitlines(keepends=True)[:-1]
    short, killed = tmp_path / "short", tmp_path / "killed"
    short.write_text("".join([head, *lines]))
    killed.write_text("".join([head, *lines[:3], *lines[6:], *lines[3:6]]))
    assert call("explain", killed, "pod/a") == call("explain", short, "pod/a")
    code, said = call("diff", short, killed)
    assert (code, said.splitlines()[0]) == (ExitCode.HELD, f"the traces are the same: {len(lines)} records")
    closed = tmp_path / "closed"
    closed.write_text("".join([head, *lines[:3], *lines[6:], *lines[3:6], whole.read_text().splitlines()[-1]]))
    assert call("diff", whole, closed)[0] == ExitCode.BAD_INPUT
    # After the end of the run, too, an agent may bring something, and the hub be killed.
    closed.write_text("".join([head, *lines[:3], *whole.read_text().splitlines(keepends=True)[7:], *lines[3:6]]))
    code, said = call("diff", whole, closed)
    assert (code, said) == (ExitCode.HELD, f"the traces are the same: {len(lines) + 1} records\n")


def test_a_pipe_is_read_as_a_file_is(tmp_path: Path) -> None:
    """It cannot be looked at twice."""
    whole = trace(tmp_path / "whole", story())
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(whole.read_bytes()))
    writer.start()
    assert call("diff", pipe, whole) == (ExitCode.HELD, "the traces are the same: 16 records\n")
    writer.join()


FOREIGN = {
    "empty": (b"", ": empty; a trace begins with a header line"),
    "a scenario": (b"apiVersion: v1\n", ":1: not a line of a trace: Expecting value"),
    "other JSON": (b'{"a": 1}\n', ":1: not a nodesim trace: the header has no nodesim, profile"),
    "a list": (b"[1]\n", ":1: not a nodesim trace"),
    "null": (b"null\n", ":1: not a line of a trace"),
    "gzip": (b"\x1f\x8b\x08\x00\n\x00", ":1: not a line of a trace: 'utf-8' codec"),
    "deep": (b"[" * 100_000 + b"\n", ":1: not a line of a trace"),
    "a giant number": (b"1" * 100_000 + b"\n", ":1: not a line of a trace"),
    "no lines": (b"x" * (LINE_BYTES_MAX + 2), ":1: a line of more than 16 MiB: this is no trace"),
    "a header alone, torn": (json.dumps(HEADER).encode()[:-5], ":1: not a line of a trace"),
}


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("command", ["diff", "explain"])
def test_what_is_no_trace_is_bad_input(command: str, name: str, tmp_path: Path) -> None:
    """2, the file's name, the line and the fault."""
    content, fault = FOREIGN[name]
    path = tmp_path / "foreign"
    path.write_bytes(content)
    good = trace(tmp_path / "good", story())
    for arguments in ((good, path), (path, good)) if command == "diff" else ((path, "a"),):
        code, said = call(command, *arguments)
        assert code == ExitCode.BAD_INPUT
        assert f"{path}{fault}" in said.replace(":1: empty", ": empty")


def test_a_line_that_is_torn_is_bad_input(tmp_path: Path) -> None:
    """A killed run or a full disk: the line is named."""
    whole = trace(tmp_path / "a", story())
    torn = tmp_path / "b"
    torn.write_bytes(whole.read_bytes()[:-20])
    code, said = call("diff", whole, torn)
    assert (code, said) == (
        ExitCode.BAD_INPUT,
        f"{torn}:17: the file breaks off in the middle of this line: a killed run or a full disk",
    )


def test_a_broken_line_far_behind_the_first_difference_is_found(tmp_path: Path) -> None:
    """Both files are read to their ends."""
    good = trace(tmp_path / "a", story())
    lines = trace(tmp_path / "b", story()).read_text().splitlines(keepends=True)
    (tmp_path / "b").write_text("".join([lines[0], *lines[2:-1], "{}\n"]))
    code, said = call("diff", good, tmp_path / "b")
    assert code == ExitCode.BAD_INPUT
    assert f"{tmp_path / 'b'}:16: a record with no actor" in said


@pytest.mark.parametrize("command", ["diff", "explain"])
def test_what_cannot_be_read_is_bad_input(command: str, tmp_path: Path) -> None:
    """A folder, a file that is not there."""
    for path, fault in ((tmp_path, "Is a directory"), (tmp_path / "none", "No such file or directory")):
        code, said = call(command, path, path)
        assert (code, said) == (ExitCode.BAD_INPUT, f"{path}: cannot read the file: {fault}")


def test_explain_tells_what_happened_and_why(tmp_path: Path) -> None:
    """Each record about the object with its reasons; the header says of which run."""
    code, said = call("explain", trace(tmp_path / "a", story()), "pod/a")
    assert code == ExitCode.HELD
    lines = said.splitlines()
    assert lines[0] == "Pod/default/a  (s, profile v1.36, seed 7)"
    assert "because at 10s: Node/n1: cut off in both directions (scenario#2) (inferred)" in said
    assert lines[-1].strip() == "because at 1m30s: node/n1#3, as above (inferred)"


def test_explain_of_a_torn_trace_goes_as_far_as_it_can(tmp_path: Path) -> None:
    """With a note that it is not whole."""
    path = trace(tmp_path / "a", story())
    path.write_bytes(path.read_bytes()[:-20])
    code, said = call("explain", path, "a")
    assert code == ExitCode.HELD
    assert "note: the trace ends before its run did, at 1m32s" in said


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("pod/aa", "nothing in this trace is about 'pod/aa'"),
        ("", "nothing in this trace"),
        ("n11", "did you mean Node/n1"),
    ],
)
def test_explain_of_an_unknown_object_gives_a_hint(name: str, hint: str, tmp_path: Path) -> None:
    """2, with names that are near."""
    code, said = call("explain", trace(tmp_path / "a", story()), name)
    assert code == ExitCode.BAD_INPUT
    assert hint in said


def test_explain_of_a_name_with_several_meanings_lists_them(tmp_path: Path) -> None:
    """Nobody guesses which is meant."""
    script = story()
    script.create(0, "ReplicaSet/default/a", "r")
    code, said = call("explain", trace(tmp_path / "a", script), "a")
    assert (code, "may mean Pod/default/a, ReplicaSet/default/a" in said) == (ExitCode.BAD_INPUT, True)
