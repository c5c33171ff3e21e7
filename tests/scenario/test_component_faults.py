"""What a restart, an outage and a lag of the control plane do, as Kubernetes' sources say."""

from __future__ import annotations

from pathlib import Path

import pytest

from nodesim.profiles import PROFILES
from nodesim.scenario.load import load_scenario
from nodesim.scenario.result import RunResult
from nodesim.scenario.runner import run_scenario
from nodesim.trace.belief import ready_status
from nodesim.trace.records import TraceRecord
from nodesim.units import SECOND
from tests.scenario.timeline import NO_EXECUTE

HEAD = """\
apiVersion: nodesim.dev/v1alpha1
kind: Scenario
metadata: {name: faults}
spec:
  seed: 5
  duration: 20m
  startWithin: 0s
  nodes: [{name: w, count: 9}]
"""


def run(folder: Path, profile: str, *steps: str) -> RunResult:
    """Nine nodes, a pod on each of the first two, and these steps."""
    pods = "".join(
        f"    - {{apiVersion: v1, kind: Pod, metadata: {{name: p{n}}}, spec: {{nodeName: w-{n}, "
        "containers: [{name: c, image: i}]}}\n"
        for n in range(2)
    )
    path = folder / "faults.yaml"
    path.write_text(f"{HEAD}  manifests:\n{pods}  steps:\n" + "".join(f"    - {step}\n" for step in steps))
    return run_scenario(load_scenario(path, profile=profile))


def when(result: RunResult, kind: str, about: str, from_us: int = 0) -> list[int]:
    """The instants of an object's records of one kind."""
    return [r.t_us for r in result.records if r.kind == kind and r.object == about and r.t_us >= from_us]


def tainted(result: RunResult, node: str) -> list[tuple[int, bool]]:
    """When a node's NoExecute taint came and went."""
    changes: list[tuple[int, bool]] = []
    for sight in result.evidence.belief.sights(f"Node/{node}"):
        there = sight.state is not None and NO_EXECUTE in sight.state.get("taints", ())
        if there != (bool(changes) and changes[-1][1]):
            changes.append((sight.t_us, there))
    return changes


def marked_since(result: RunResult, from_us: int) -> list[int]:
    """The instants from then on at which a node was believed to be Unknown."""
    return [
        sight.t_us
        for n in range(9)
        for sight in result.evidence.belief.sights(f"Node/w-{n}")
        if sight.t_us >= from_us and ready_status(sight.state) == "Unknown"
    ]


def all_came_back(result: RunResult) -> None:
    """In the end every node is Ready and without the taint."""
    for n in range(9):
        assert ready_status(result.evidence.belief.sights(f"Node/w-{n}")[-1].state) == "True"
        assert (tainted(result, f"w-{n}") or [(0, False)])[-1][1] is False


def silent(result: RunResult) -> list[TraceRecord]:
    """The decisions that a node is Unknown."""
    return [record for record in result.records if record.kind == "NodeStatusUnknown"]


@pytest.mark.slow
@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_a_new_controller_manager_starts_every_clock_anew(tmp_path: Path, profile: str) -> None:
    """Two dead nodes, timers at some 200 s: taints stripped in the first pass, again one per 10 s, 300 s from there.

    Sources: pkg/controller/nodelifecycle (markNodeAsReachable in the first pass, the zone's rate-limited queue),
    pkg/controller/tainteviction (its timers are its own).
    """
    crash = "{at: 5m, crash: {component: kube-controller-manager, restartAfter: 10s}}"
    result = run(tmp_path, profile, "{at: 1m, cut: {nodes: [w-0, w-1]}}", crash)
    began_us = 310 * SECOND
    again_us = []
    for number in range(2):
        (first_us, _), (stripped_us, there), (last_us, _) = tainted(result, f"w-{number}")
        assert first_us < 2 * 60 * SECOND
        assert not there
        assert began_us <= stripped_us < began_us + 10 * SECOND
        assert stripped_us < last_us
        again_us.append(last_us)
        (requested_us,) = when(result, "EvictionStarted", f"Pod/default/p{number}")
        assert 300 * SECOND <= requested_us - last_us < 300 * SECOND + 100_000
        registered = when(result, "RegisteredNode", f"Node/w-{number}", began_us)
        assert len(registered) == 1
    assert 9 * SECOND < abs(again_us[1] - again_us[0]) < 11 * SECOND


@pytest.mark.slow
@pytest.mark.parametrize(("profile", "grace_us"), [("v1.24", 40 * SECOND), ("v1.36", 50 * SECOND)])
def test_a_silent_node_gets_a_full_grace_period_from_a_new_node_controller(
    tmp_path: Path, profile: str, grace_us: int
) -> None:
    """The time of its last sign of life was in the memory of the old one."""
    cut = "{at: 1m, cut: {nodes: [w-0]}}"
    crash = "{at: 1m30s, crash: {component: node-controller, restartAfter: 1s}}"
    (unknown,) = silent(run(tmp_path, profile, cut, crash))
    assert 91 * SECOND + grace_us <= unknown.t_us <= 91 * SECOND + grace_us + 6 * SECOND


@pytest.mark.slow
@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_while_the_api_server_is_away_every_node_is_out_and_nothing_stops(tmp_path: Path, profile: str) -> None:
    """Kubelets are refused; containers run on; a short absence nobody notices."""
    result = run(tmp_path, profile, "{at: 2m, stop: {component: apiserver}, for: 5s}")
    assert silent(result) == []
    assert {(o.start_us, o.end_us) for outages in result.evidence.truth.outages.values() for o in outages} == {
        (120 * SECOND, 125 * SECOND)
    }
    assert len(result.evidence.truth.outages) == 9
    lost = [r for r in result.records if r.kind == "ConnectionLost" and r.actor == "node/w-0"]
    assert [record.fields["why"] for record in lost][:2] == ["closed", "refused"]
    assert not when(result, "ContainerStopped", "Pod/default/p0")
    states = [sight.state for sight in result.evidence.belief.sights("Node/w-0")]
    assert ready_status(states[-1]) == "True"


@pytest.mark.slow
@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_an_api_server_that_was_away_for_longer_than_the_grace_finds_all_nodes_silent(
    tmp_path: Path, profile: str
) -> None:
    """Recorded with 80 s: all Unknown by the first pass after its return, no NoExecute in it; then they come back.

    The controller's cache is as old as the outage, and all at once is a full disruption, in which nothing is tainted.
    """
    result = run(tmp_path, profile, "{at: 2m, stop: {component: apiserver}, for: 80s}")
    back_us = 200 * SECOND
    marked = marked_since(result, back_us)
    first_us = min(marked)
    assert back_us < first_us <= back_us + 6 * SECOND
    assert sum(t_us < first_us + SECOND for t_us in marked) >= 9
    granted = [record.t_us for record in result.records if record.kind == "TaintGranted" and record.t_us > back_us]
    assert all(t_us > first_us + SECOND for t_us in granted)
    assert not when(result, "EvictionStarted", "Pod/default/p0")
    all_came_back(result)


@pytest.mark.slow
@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_an_api_server_that_stood_still_finds_all_nodes_silent(tmp_path: Path, profile: str) -> None:
    """Recorded (SIGSTOP): nodes Unknown within 0.5 s of its going on, and Ready again; nothing is evicted.

    The writes that mark them had been waiting: on the old connection, or for a new one that is accepted then.
    """
    result = run(tmp_path, profile, "{at: 2m, pause: {component: apiserver}, for: 60s}")
    back_us = 180 * SECOND
    marked = marked_since(result, back_us)
    assert back_us <= min(marked) < back_us + SECOND // 2
    assert not when(result, "EvictionStarted", "Pod/default/p0")
    assert not when(result, "ContainerStopped", "Pod/default/p0")
    all_came_back(result)
    assert {(o.start_us, o.end_us) for outages in result.evidence.truth.outages.values() for o in outages} == {
        (120 * SECOND, back_us)
    }


@pytest.mark.slow
@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_a_lagging_node_controller_decides_on_old_leases(tmp_path: Path, profile: str) -> None:
    """A lag of less than the grace is harmless, one that begins with more hides all renewals for so long."""
    assert silent(run(tmp_path, profile, "{at: 2m, lag: {component: node-controller, by: 20s}}")) == []
    late = silent(run(tmp_path, profile, "{at: 2m, lag: {component: node-controller, by: 70s}, for: 5m}"))
    assert {record.object for record in late} == {f"Node/w-{n}" for n in range(9)}
