"""What people try who do not know the command yet: nothing of theirs is lost, and what is said is so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from nodesim.cli.command import cli
from nodesim.errors import ExitCode

SMALL = """\
apiVersion: nodesim.dev/v1alpha1
kind: Scenario
metadata: {name: small}
spec: {duration: 1s}
"""


@pytest.mark.parametrize(
    "command", [["run"], ["hub", "--listen", "tcp://127.0.0.1:0", "--virtual"]], ids=["run", "hub"]
)
@pytest.mark.parametrize("linked", [False, True], ids=["itself", "a link to it"])
def test_a_trace_never_overwrites_its_scenario(tmp_path: Path, command: list[str], *, linked: bool) -> None:
    """By whatever name it is given: 2, and the file is as it was."""
    path = trace = tmp_path / "s.yaml"
    path.write_text(SMALL)
    if linked:
        trace = tmp_path / "link"
        trace.symlink_to(path)
    done = CliRunner().invoke(cli, [*command, str(path), "--trace", str(trace)])
    assert done.exit_code == ExitCode.BAD_INPUT
    assert f"--trace {trace} would overwrite the scenario" in done.output
    assert path.read_text() == SMALL


@pytest.mark.parametrize(
    "command",
    [
        ["run", "s.yaml"],
        ["hub", "s.yaml", "--listen", "tcp://127.0.0.1:0", "--virtual"],
        ["agent", "--connect", "tcp://127.0.0.1:1", "--name", "a"],
    ],
    ids=["run", "hub", "agent"],
)
def test_a_transport_within_one_process_reaches_no_agent(command: list[str]) -> None:
    """Else hub and agents would wait for each other for ever."""
    done = CliRunner().invoke(cli, [*command, "--transport", "memory"])
    assert done.exit_code == ExitCode.BAD_INPUT
    assert "'memory' ends where its process does" in done.output


def test_an_agent_without_a_name_is_refused_at_once() -> None:
    """Not only when a hub is there to refuse it."""
    done = CliRunner().invoke(cli, ["agent", "--connect", "tcp://127.0.0.1:1", "--name", ""])
    assert done.exit_code == ExitCode.BAD_INPUT
    assert "--name is empty" in done.output


def test_nothing_is_no_objects_name(tmp_path: Path) -> None:
    """Though a zone may have no name, and be told of."""
    path, trace = tmp_path / "s.yaml", tmp_path / "t.jsonl"
    path.write_text(SMALL.replace("duration: 1s", "duration: 30s, nodes: [{name: w}]"))
    assert CliRunner().invoke(cli, ["run", str(path), "-q", "--trace", str(trace)]).exit_code == ExitCode.HELD
    assert '"object":"Zone/"' in trace.read_text()
    for name in ("", "/"):
        done = CliRunner().invoke(cli, ["explain", str(trace), name])
        assert done.exit_code == ExitCode.BAD_INPUT
        assert f"nothing in this trace is about {name!r}" in done.output


@pytest.mark.slow
@pytest.mark.parametrize("argument", ["schema", "--help"])
def test_a_reader_that_has_gone_is_no_failed_expectation(argument: str) -> None:
    """4, without a word: there is nobody left to tell."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "nodesim", argument]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False, timeout=60)
    os.close(writing)
    assert (done.returncode, done.stderr) == (ExitCode.NOT_RUN, b"")
