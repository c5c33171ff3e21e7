"""Every scenario file holds, in every profile, and tells what its header says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import attrs
import pytest

from nodesim.cli.files import scenario_files
from nodesim.errors import ExitCode
from nodesim.profiles import PROFILES
from nodesim.scenario.load import load_scenario
from nodesim.scenario.options import RunOptions
from nodesim.scenario.result import RunResult
from nodesim.scenario.runner import run_scenario
from nodesim.units import MILLISECOND, SECOND

FOLDER: Final = Path(__file__).parent.parent.parent / "scenarios"
FILES: Final = scenario_files([FOLDER])
SEEDS: Final = int(os.environ.get("NODESIM_SEEDS", "5"))
"""Seeds of each file and profile: few in the suite, which people wait for; `make check` plays 20."""


def failures(result: RunResult) -> list[str]:
    """What did not hold, with its reason."""
    return [f"seed {result.scenario.seed}: {v.text}: {v.why}" for v in result.verdicts if not v.ok]


@pytest.mark.slow
@pytest.mark.parametrize("profile", sorted(PROFILES))
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_scenario_holds_over_several_seeds(path: Path, profile: str) -> None:
    """Its expectations hold with its own seed and with those after it; a new file in the folder is played as well."""
    scenario = load_scenario(path, profile=profile)
    for seed in range(scenario.seed, scenario.seed + SEEDS):
        result = run_scenario(attrs.evolve(scenario, seed=seed))
        assert failures(result) == []
        assert result.exit_code is ExitCode.HELD
        assert result.counts["dropped"] == 0 or "cut" in path.read_text()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_scenario_says_what_it_is_about(path: Path) -> None:
    """A header comment tells the story before the first key, and there is something to hold."""
    text = path.read_text()
    assert text.startswith("#")
    assert len(text.partition("apiVersion:")[0].splitlines()) >= 5
    assert load_scenario(path).expect


@pytest.mark.slow
def test_the_flagship_takes_under_two_seconds() -> None:
    """A question is answered in a second instead of an afternoon."""
    result = run_scenario(load_scenario(FOLDER / "partition-evicts.yaml"))
    assert result.wall_seconds < 2


@pytest.mark.slow
@pytest.mark.parametrize(("profile", "grace_us"), [("v1.36", 50 * SECOND), ("v1.24", 40 * SECOND)])
def test_seeds_spread_the_detection_over_the_window_that_kubernetes_has(profile: str, grace_us: int) -> None:
    """Renewals and passes have phases of their own: Unknown comes a grace and up to a pass after the last renewal.

    Recorded (v1.36): 50.05 to 54.87 s after it.  From the cut it is earlier by the age of that renewal.
    """
    scenario = load_scenario(FOLDER / "partition-evicts.yaml", profile=profile)
    cut_us = scenario.steps[0].at_us
    after_renewal, after_cut = [], []
    for seed in range(24):
        result = run_scenario(attrs.evolve(scenario, seed=seed), RunOptions(record_heartbeats=True))
        (marked,) = [r for r in result.records if r.kind == "NodeStatusUnknown"]
        renewals = [r.t_us for r in result.records if r.kind == "LeaseRenewed" and r.object.endswith("/worker-1")]
        after_renewal.append(marked.t_us - max(t_us for t_us in renewals if t_us < marked.t_us))
        after_cut.append(marked.t_us - cut_us)
    assert all(grace_us < waited_us < grace_us + 5 * SECOND + 20 * MILLISECOND for waited_us in after_renewal)
    assert max(after_renewal) - min(after_renewal) > 4 * SECOND
    assert max(after_cut) - min(after_cut) > 8 * SECOND
    assert len({waited_us // SECOND for waited_us in after_cut}) >= 6


@pytest.mark.slow
@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_nobody_is_said_to_post_without_a_connection(profile: str) -> None:
    """From the loss of its connection until it has one again, no post of the node's status is on record."""
    result = run_scenario(load_scenario(FOLDER / "partition-evicts.yaml", profile=profile))
    connected, lost = False, 0
    for record in result.records:
        if record.actor == "node/worker-1":
            connected = record.kind == "ConnectionOpened" or (connected and record.kind != "ConnectionLost")
            lost += record.kind == "ConnectionLost"
            assert record.kind != "NodeStatusPosted" or connected
    assert lost > 1
    assert connected


def test_with_start_within_0_all_go_in_step() -> None:
    """No phase is drawn, and nodes renew at the same instants but for their jitter."""
    scenario = attrs.evolve(load_scenario(FOLDER / "partition-evicts.yaml"), start_within_us=0, duration_us=15 * SECOND)
    result = run_scenario(scenario, RunOptions(record_heartbeats=True, draw_log=True))
    assert [name for name, _, _ in result.draws if name.endswith("/phase")] == []
    renewed = [r.t_us for r in result.records if r.kind == "LeaseRenewed"]
    assert len(renewed) == 3
    assert max(renewed) - min(renewed) < SECOND


@pytest.mark.slow
@pytest.mark.parametrize(("profile", "early_us", "late_us"), [("v1.36", 50, 66), ("v1.24", 40, 56)])
def test_a_deaf_node_gets_one_renewal_through_and_a_mute_one_none(profile: str, early_us: int, late_us: int) -> None:
    """Lease writes after the cut: one from the deaf node, none from the mute one.

    With seed 31 a status report of the deaf node would be due while it is still heard, but for the scenario's setting.
    """
    scenario = load_scenario(FOLDER / "one-way-cut.yaml", profile=profile)
    renewals_of_the_deaf = set()
    for seed in (*range(20), 31):
        result = run_scenario(attrs.evolve(scenario, seed=seed), RunOptions(record_heartbeats=True))
        assert failures(result) == []
        # One millisecond on: what was on its way when the cut began still arrives.
        window = [r for r in result.records if 120 * SECOND + 1000 < r.t_us < 240 * SECOND and r.kind == "LeaseRenewed"]
        by_node = {node: sum(r.object.endswith(node) for r in window) for node in ("worker-0", "worker-1", "worker-2")}
        renewals_of_the_deaf.add(by_node["worker-0"])
        assert by_node["worker-0"] <= 1
        assert by_node["worker-1"] == 0
        assert by_node["worker-2"] >= 11
        (detected,) = result.ledger.detection_us["worker-0"]
        assert detected is not None
        assert early_us * SECOND <= detected <= late_us * SECOND
    assert renewals_of_the_deaf == {1}


@pytest.mark.slow
@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_pods_that_come_back_with_their_nodes_are_the_same_pods(profile: str) -> None:
    """After the reboot no pod is made: each old one has its container started a second time, by its own kubelet."""
    result = run_scenario(load_scenario(FOLDER / "statefulset-nodes-restart.yaml", profile=profile))
    before, after = (
        {
            (r.actor, r.object, r.fields["uid"], r.fields["attempt"] + missing)
            for r in result.records
            if r.kind == "ContainerStarted" and begin_us <= r.t_us < end_us
        }
        for begin_us, end_us, missing in ((0, 60 * SECOND, 1), (60 * SECOND, 180 * SECOND, 0))
    )
    assert len(before) == 3
    assert after == before
    made = [r.object for r in result.records if r.kind == "ObjectCreated" and r.object.startswith("Pod/")]
    assert made == ["Pod/default/db-0", "Pod/default/db-1", "Pod/default/db-2", "Pod/default/db-0"]
