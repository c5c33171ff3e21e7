"""Same scenario, seed and version: the same bytes, however the run is made."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import attrs
import pytest

from nodesim.cli.files import scenario_files
from nodesim.profiles import PROFILES
from nodesim.scenario.load import load_scenario
from nodesim.scenario.options import RunOptions
from nodesim.scenario.result import RunResult
from nodesim.scenario.runner import run_scenario
from nodesim.spec import NodeSpec
from nodesim.trace.records import line_of

FOLDER: Final = Path(__file__).parent.parent.parent / "scenarios"
FLAGSHIP: Final = FOLDER / "partition-evicts.yaml"
FRESH_RUNS: Final = 20


def same(first: RunResult, second: RunResult) -> None:
    """The traces are equal; if not, show the first record that differs."""
    for left, right in zip(first.records, second.records):
        assert line_of(left) == line_of(right)
    assert len(first.records) == len(second.records)
    assert first.digest == second.digest
    assert first.counts == second.counts


@pytest.mark.slow
@pytest.mark.parametrize("profile", sorted(PROFILES))
@pytest.mark.parametrize("path", scenario_files([FOLDER]), ids=lambda path: path.stem)
@pytest.mark.parametrize(
    "options",
    [
        RunOptions(in_tasks=True),
        RunOptions(worlds=2),
        RunOptions(worlds=3),
        RunOptions(skip_quiet=False),
        RunOptions(skip_quiet=False, in_tasks=True, worlds=2),
    ],
    ids=["each turn in its actor's task", "two worlds", "three worlds", "every look taken", "all at once"],
)
def test_how_a_run_is_made_changes_nothing(path: Path, profile: str, options: RunOptions) -> None:
    """In place or in tasks, in one world or several, with quiet looks skipped or taken: one trace."""
    scenario = load_scenario(path, profile=profile)
    same(run_scenario(scenario), run_scenario(scenario, options))


@pytest.mark.slow
def test_fresh_processes_with_other_hash_seeds_give_one_digest() -> None:
    """20 fresh processes, 20 hash seeds, hypothesis imported in every other one: one digest."""
    program = (
        "import sys; from pathlib import Path;"
        "from nodesim.scenario.load import load_scenario; from nodesim.scenario.runner import run_scenario;"
        "print(run_scenario(load_scenario(Path(sys.argv[1]))).digest)"
    )
    digests = set()
    for number in range(FRESH_RUNS):
        code = ("import hypothesis;" if number % 2 else "") + program
        done = subprocess.run(
            [sys.executable, "-c", code, str(FLAGSHIP)],
            env={**os.environ, "PYTHONHASHSEED": str(number + 1)},
            capture_output=True,
            text=True,
            check=True,
        )
        digests.add(done.stdout.strip())
    assert len(digests) == 1
    assert len(next(iter(digests))) == 64


def test_two_seeds_give_two_traces() -> None:
    """The digest says something: another seed is another trace."""
    scenario = load_scenario(FLAGSHIP)
    assert run_scenario(scenario).digest != run_scenario(attrs.evolve(scenario, seed=8)).digest


@pytest.mark.slow
def test_one_more_node_leaves_the_draws_of_the_others_as_they_were() -> None:
    """(stream, index, value) of all draws that belong to a node are the same with a node more."""
    scenario = load_scenario(FLAGSHIP)
    more = attrs.evolve(
        scenario,
        nodes=(
            *scenario.nodes,
            NodeSpec(name="late-comer", taints=({"key": "dedicated", "value": "nobody", "effect": "NoSchedule"},)),
        ),
    )
    runs = [run_scenario(each, RunOptions(draw_log=True)) for each in (scenario, more)]
    before, after = (
        sorted(draw for draw in run.draws if "node/" in draw[0] or draw[0].startswith("kubelet/")) for run in runs
    )
    assert len(before) > 1000
    assert [draw for draw in after if "late-comer" not in draw[0]] == before
    assert any("late-comer" in draw[0] for draw in after)


TWO_ZONES = """\
apiVersion: nodesim.dev/v1alpha1
kind: Scenario
metadata: {name: two-zones}
spec:
  duration: 16m
  nodes:
    - {name: a, count: 3, labels: {topology.kubernetes.io/zone: a}}
    - {name: b, count: 3, labels: {topology.kubernetes.io/zone: b}}
  steps:
    - {at: 1m, cut: {zone: a}}
    - {at: 3m, cut: {zone: b}}
    - {at: 12m, heal: {nodes: [b-0]}}
    - {at: 14m, heal: {zone: a}}
"""
NEVER_POSTING = """\
apiVersion: nodesim.dev/v1alpha1
kind: Scenario
metadata: {name: never-posting}
spec:
  duration: 5m
  nodes: [{name: worker, count: 3}]
  manifests:
    - {apiVersion: v1, kind: Node, metadata: {name: ghosty}}
    - apiVersion: v1
      kind: Pod
      metadata: {name: on-ghosty}
      spec: {nodeName: ghosty, containers: [{name: c, image: a}]}
  steps:
    - {at: 1m, taint: {nodes: [ghosty], taint: "a:NoExecute"}}
    - {at: 2m, delete: {node: {name: ghosty}}}
"""


@pytest.mark.slow
@pytest.mark.parametrize("profile", sorted(PROFILES))
@pytest.mark.parametrize("text", [TWO_ZONES, NEVER_POSTING], ids=["two zones fail", "a node that never posts"])
def test_a_tick_that_is_not_taken_leaves_no_trace_in_the_causes(text: str, profile: str, tmp_path: Path) -> None:
    """The controller's rhythm has no cause, whichever of its turns set the timer last."""
    path = tmp_path / "scenario.yaml"
    path.write_text(text)
    scenario = load_scenario(path, profile=profile)
    base = run_scenario(scenario)
    same(base, run_scenario(scenario, RunOptions(skip_quiet=False)))
    same(base, run_scenario(scenario, RunOptions(skip_quiet=False, in_tasks=True, worlds=3)))
