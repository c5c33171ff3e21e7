"""Every scenario file holds, in every profile, and tells what its header says."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import attrs
import pytest

from nodesim.cli.files import scenario_files
from nodesim.errors import ExitCode
from nodesim.profiles import PROFILES
from nodesim.scenario.load import load_scenario
from nodesim.scenario.result import RunResult
from nodesim.scenario.runner import run_scenario
from nodesim.units import SECOND

FOLDER: Final = Path(__file__).parent.parent.parent / "scenarios"
FILES: Final = scenario_files([FOLDER])


def failures(result: RunResult) -> list[str]:
    """What did not hold, with its reason."""
    return [f"seed {result.scenario.seed}: {v.text}: {v.why}" for v in result.verdicts if not v.ok]


@pytest.mark.slow
@pytest.mark.parametrize("profile", sorted(PROFILES))
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_scenario_holds_over_several_seeds(path: Path, profile: str) -> None:
    """Its expectations hold with its own seed and with four others."""
    scenario = load_scenario(path, profile=profile)
    for seed in range(scenario.seed, scenario.seed + 5):
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
@pytest.mark.parametrize(("profile", "early_us", "late_us"), [("v1.36", 50, 66), ("v1.24", 40, 56)])
def test_a_deaf_node_gets_one_renewal_through_and_a_mute_one_none(profile: str, early_us: int, late_us: int) -> None:
    """Lease writes after the cut: one from the deaf node, none from the mute one.

    With seed 31 a status report of the deaf node would be due while it is still heard, but for the scenario's setting.
    """
    from nodesim.scenario.options import RunOptions

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
