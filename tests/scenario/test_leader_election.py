"""Two controller managers: who leads, what a hand-over takes, and what it loses."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from nodesim.scenario.load import load_scenario
from nodesim.scenario.options import RunOptions
from nodesim.scenario.result import RunResult
from nodesim.scenario.runner import run_scenario
from nodesim.spec import Scenario
from nodesim.trace.belief import ready_status
from nodesim.units import MINUTE, SECOND

FIRST, SECOND_ONE = "kube-controller-manager", "kube-controller-manager-2"
TAINT = "node.kubernetes.io/unreachable:NoExecute"

HEAD = """\
apiVersion: nodesim.dev/v1alpha1
kind: Scenario
metadata: {name: leaders}
spec:
  seed: 1
  duration: 10m
  settings: {leaderElect: true}
  nodes: [{name: w, count: 4}]
  manifests:
    - {apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {nodeName: w-0, containers: [{name: c, image: i}]}}
  steps:
    - {at: 1m, cut: {nodes: [w-0]}}
"""


def scenario_of(folder: Path, *steps: str, seed: int = 1) -> Scenario:
    """Four nodes, of which the first is cut off with a pod on it, and these steps."""
    path = folder / "leaders.yaml"
    path.write_text(HEAD + "".join(f"    - {step}\n" for step in steps))
    return load_scenario(path, seed=seed)


def life(result: RunResult) -> list[tuple[int, str, str]]:
    """(us, manager, what) of the managers' own records."""
    return [
        (record.t_us, record.object.removeprefix("Component/"), str(record.fields.get("why", record.kind)))
        for record in result.records
        if record.object in (f"Component/{FIRST}", f"Component/{SECOND_ONE}")
        and record.kind in ("LeaderElected", "ComponentStopped", "ComponentStarted")
    ]


@pytest.mark.parametrize("seed", range(1, 6))
def test_when_the_leader_dies_the_other_takes_over_with_nothing_in_memory(tmp_path: Path, seed: int) -> None:
    """13 to 24 s later: the lease's 15 s, counted from when the other saw it renewed, and its pauses.

    The tainted node loses its taint and gets it again, and its pod's 300 s begin anew.
    """
    result = run_scenario(scenario_of(tmp_path, f"{{at: 5m, crash: {{component: {FIRST}}}}}", seed=seed))
    (_, first, _), (died_us, dead, why), (leads_us, heir, what) = life(result)
    assert (first, dead, why, heir, what) == (FIRST, FIRST, "crashed", SECOND_ONE, "LeaderElected")
    assert died_us == 5 * MINUTE
    assert 13 * SECOND <= leads_us - died_us <= 24 * SECOND
    taints = [
        (sight.t_us, TAINT in sight.state["taints"])
        for sight in result.evidence.belief.sights("Node/w-0")
        if sight.state is not None and sight.t_us >= leads_us
    ]
    assert (taints[0][1], taints[-1][1]) == (False, True)
    scheduled = [record for record in result.records if record.kind == "EvictionScheduled"]
    assert [record.actor for record in scheduled][-1] == "taint-eviction-controller-2"
    assert scheduled[-1].fields["at_us"] >= leads_us + 300 * SECOND
    assert result.ledger.false_unknowns == {}


@pytest.mark.parametrize("seed", range(1, 6))
def test_a_leader_that_is_cut_off_is_gone_before_another_leads(tmp_path: Path, seed: int) -> None:
    """It exits 12 s after its last renewal at the latest, and a second later it waits as the other one."""
    cut = f"{{at: 5m, cut: {{component: {FIRST}}}, for: 3m}}"
    result = run_scenario(scenario_of(tmp_path, cut, seed=seed))
    _, (lost_us, loser, why), (again_us, starts, _), (leads_us, heir, _) = life(result)
    assert (loser, why, starts, heir) == (FIRST, "leader election lost", FIRST, SECOND_ONE)
    assert 10 * SECOND <= lost_us - 5 * MINUTE <= 12 * SECOND
    assert again_us == lost_us + SECOND
    assert lost_us < leads_us
    controllers = [record.t_us for record in result.records if record.object == "Component/node-controller"]
    assert lost_us < min(t_us for t_us in controllers if t_us > 5 * MINUTE) <= lost_us + 1
    # Back on the network it sees that another leads, and leaves it at that.
    assert len(life(result)) == 4


def test_a_hand_over_and_back(tmp_path: Path) -> None:
    """The first one comes back and waits; when the second dies, it leads again, with fresh controllers."""
    steps = (
        f"{{at: 3m, crash: {{component: {FIRST}, restartAfter: 5s}}}}",
        f"{{at: 6m, stop: {{component: {SECOND_ONE}}}}}",
    )
    result = run_scenario(scenario_of(tmp_path, *steps))
    assert [(who, what) for _, who, what in life(result)] == [
        (FIRST, "LeaderElected"),
        (FIRST, "crashed"),
        (FIRST, "ComponentStarted"),
        (SECOND_ONE, "LeaderElected"),
        (SECOND_ONE, "stopped"),
        (FIRST, "LeaderElected"),
    ]
    assert [record.fields["transitions"] for record in result.records if record.kind == "LeaderElected"] == [0, 1, 2]


@pytest.mark.slow
def test_a_hand_over_is_the_same_in_every_way_of_playing(tmp_path: Path) -> None:
    """In place and in tasks, in one world and in three, with every look taken and without."""
    scenario = scenario_of(tmp_path, f"{{at: 3m, cut: {{component: {FIRST}}}, for: 1m}}")
    digests = {
        run_scenario(attrs.evolve(scenario, duration_us=5 * MINUTE), options).digest
        for options in (
            RunOptions(),
            RunOptions(in_tasks=True),
            RunOptions(worlds=3),
            RunOptions(skip_quiet=False),
        )
    }
    assert len(digests) == 1


def test_with_one_manager_there_is_no_lease(tmp_path: Path) -> None:
    """The default: the controllers run from the beginning, and nobody writes to kube-system."""
    scenario = attrs.evolve(scenario_of(tmp_path), settings={})
    result = run_scenario(scenario)
    assert life(result) == []
    assert not [record for record in result.records if record.kind == "LeaderElection"]


def test_a_leader_that_was_paused_acts_once_more_on_what_it_knew(tmp_path: Path) -> None:
    """It wakes as the leader, with leases that are a minute old, and marks nodes before it finds that it has lost.

    The other one leads meanwhile, and repairs what it can: the nodes' kubelets post, and are Ready again.
    """
    pause = f"{{at: 5m, pause: {{component: {FIRST}}}, for: 75s}}"
    result = run_scenario(scenario_of(tmp_path, pause))
    woke_us = 5 * MINUTE + 75 * SECOND
    _, (leads_us, heir, _), (lost_us, loser, why), *_ = life(result)
    assert (heir, loser, why) == (SECOND_ONE, FIRST, "leader election lost")
    assert leads_us < woke_us <= lost_us <= woke_us + 1
    marked = [record for record in result.records if record.kind == "NodeStatusUnknown" and record.t_us >= woke_us]
    assert {record.actor for record in marked} == {"node-controller"}
    assert {record.t_us for record in marked} == {woke_us}
    for n in range(1, 4):
        assert ready_status(result.evidence.belief.sights(f"Node/w-{n}")[-1].state) == "True"
