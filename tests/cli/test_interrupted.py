"""Ctrl-C at any moment: the command ends with 130 and no traceback, and the trace is there, whole, up to then."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nodesim.cli import main
from nodesim.cli.live import Follow
from nodesim.errors import ExitCode
from nodesim.expect import judge
from nodesim.ledger import ledger_of
from nodesim.scenario.load import load_scenario
from nodesim.scenario.plan import plan_of
from nodesim.trace import read_trace
from nodesim.world.world import World

SCENARIO = """\
apiVersion: nodesim.dev/v1alpha1
kind: Scenario
metadata: {name: small}
spec:
  duration: 3m
  nodes: [{name: w, count: 3}]
  steps: [{at: 1m, cut: {nodes: [w-1]}}, {at: 2m, heal: {nodes: [w-1]}}]
"""


def ends(*arguments: object) -> int:
    """The exit code of the command, played in this process."""
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    code = left.value.code
    assert isinstance(code, int)
    return code


def interrupting(function: Callable[..., Any], call: int, *, after: bool = False) -> Callable[..., Any]:
    """The function, with a Ctrl-C right before, or right after, its n-th call."""
    calls = 0

    def called(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call and not after:
            signal.raise_signal(signal.SIGINT)
        result = function(*arguments, **named)
        if calls == call and after:
            signal.raise_signal(signal.SIGINT)
        return result

    return called


MOMENTS: dict[str, tuple[str, Callable[..., Any], int, bool]] = {
    "reading the file": ("nodesim.cli.playing.load_scenario", load_scenario, 1, True),
    "planning": ("nodesim.scenario.runner.plan_of", plan_of, 1, False),
    "the first turn": ("nodesim.world.world.World.perform", World.perform, 1, False),
    "in a turn": ("nodesim.world.world.World.perform", World.perform, 500, False),
    "after a turn": ("nodesim.world.world.World.perform", World.perform, 500, True),
    "before lines are written": ("nodesim.cli.live.Follow._write", Follow._write, 2, False),
    "after lines were written": ("nodesim.cli.live.Follow._write", Follow._write, 2, True),
    "adding up": ("nodesim.scenario.runner.ledger_of", ledger_of, 1, False),
    "judging": ("nodesim.scenario.runner.judge", judge, 1, True),
}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("speed", [[], ["--realtime", "6000"]], ids=["virtual", "real"])
def test_ctrl_c_at_any_moment_leaves_the_trace_up_to_then(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    moment: str,
    speed: list[str],
) -> None:
    """It is the beginning of the whole run's trace: every record before the last instant, and none twice."""
    path, whole, part = tmp_path / "s.yaml", tmp_path / "whole.jsonl", tmp_path / "part.jsonl"
    path.write_text(SCENARIO)
    assert ends("run", path, "-q", "--trace", whole) == ExitCode.HELD
    target, function, call, after = MOMENTS[moment]
    monkeypatch.setattr(target, interrupting(function, call, after=after))
    assert ends("run", path, "-q", "--trace", part, *speed) == ExitCode.INTERRUPTED
    said = capsys.readouterr().err
    assert said.endswith("interrupted\n")
    assert "Traceback" not in said
    if moment in ("reading the file", "planning"):
        assert not part.exists()
        return
    with whole.open() as lines, part.open() as some:
        all_of_it, found = read_trace(lines).records, read_trace(some).records
    if moment in ("adding up", "judging"):
        assert found == all_of_it
        return
    last_us = found[-1].t_us if found else -1
    before = [record for record in all_of_it if record.t_us < last_us]
    assert list(found[: len(before)]) == before
    at_last = [record for record in all_of_it if record.t_us == last_us]
    assert all(record in at_last for record in found[len(before) :])
    assert len(found) < len(all_of_it)
