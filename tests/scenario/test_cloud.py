"""Steps on instances and on the cloud's API, and what whole clusters in a cloud make of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from nodesim.profiles import PROFILES
from nodesim.scenario.load import load_scenario
from nodesim.scenario.options import RunOptions
from nodesim.scenario.plan import plan_of
from nodesim.scenario.result import RunResult
from nodesim.scenario.runner import run_scenario
from nodesim.spec import Scenario
from nodesim.trace.records import TraceRecord
from nodesim.units import MINUTE, SECOND

HEAD = """\
apiVersion: nodesim.dev/v1alpha1
kind: Scenario
metadata: {name: cloud}
spec:
  seed: 3
  duration: 5m
  cloud: {provider: aws, region: eu-1}
  nodes: [{name: w, count: 3, labels: {topology.kubernetes.io/zone: a}}]
"""


def scenario_of(folder: Path, *steps: str, more: str = "", profile: str = "v1.36") -> Scenario:
    """A scenario with these steps."""
    path = folder / "cloud.yaml"
    path.write_text(HEAD + more + "  steps:\n" + "".join(f"    - {step}\n" for step in steps))
    return load_scenario(path, profile=profile)


def run(folder: Path, *steps: str, more: str = "", profile: str = "v1.36") -> RunResult:
    """It is played."""
    return run_scenario(scenario_of(folder, *steps, more=more, profile=profile), RunOptions())


def kinds(result: RunResult, object_: str, *wanted: str) -> list[tuple[int, str]]:
    """(second, kind) of the records about an object."""
    return [(r.t_us // SECOND, r.kind) for r in result.records if r.object == object_ and r.kind in wanted]


def reached(result: RunResult, key: str) -> list[TraceRecord]:
    """The API server's records of nodes that tell of a key."""
    return [r for r in result.records if r.actor == "apiserver" and key in (r.fields.get("state") or {})]


def test_what_steps_do_to_instances(tmp_path: Path) -> None:
    """What the cloud says of them, and the scenario's own records; a state that holds already is no change."""
    plan = plan_of(
        scenario_of(
            tmp_path,
            "{at: 1m, stop-instance: {nodes: [w-0]}, for: 1m}",
            "{at: 1m, terminate-instance: {nodes: [w-1]}}",
            "{at: 3m, start-instance: {nodes: [w-0, w-1]}}",
            "{at: 3m, terminate-instance: {nodes: [w-1]}}",
            "{at: 4m, cloud-api-down: {}, for: 30s}",
        )
    )
    assert plan.cloud.states == {
        "w-0": [(1 * MINUTE, "stopped"), (2 * MINUTE, "running")],
        "w-1": [(1 * MINUTE, "terminated")],
    }
    assert plan.cloud.failing == [(4 * MINUTE, True), (4 * MINUTE + 30 * SECOND, False)]
    told = [(r.t_us // MINUTE, r.kind, r.object) for r in plan.records if r.kind.startswith(("Inst", "Cloud"))]
    assert told == [
        (1, "InstanceStopped", "Node/w-0"),
        (1, "InstanceTerminated", "Node/w-1"),
        (2, "InstanceStarted", "Node/w-0"),
        (4, "CloudApiDown", ""),
        (4, "CloudApiUp", ""),
    ]


def test_a_terminated_machine_never_comes_back(tmp_path: Path) -> None:
    """Neither by start-instance nor by power-on nor by start-kubelet."""
    result = run(
        tmp_path,
        "{at: 1m, terminate-instance: {nodes: [w-1]}}",
        "{at: 150s, start-instance: {nodes: [w-1]}}",
        "{at: 160s, power-on: {nodes: [w-1]}}",
        "{at: 170s, start-kubelet: {nodes: [w-1]}}",
    )
    assert kinds(result, "Node/w-1", "PoweredOff", "PoweredOn", "KubeletStarted") == [
        (0, "KubeletStarted"),
        (60, "PoweredOff"),
    ]
    ((gone, _),) = kinds(result, "Node/w-1", "ObjectDeleted")
    assert 1 * 60 + 39 <= gone <= 2 * 60


def test_a_machine_without_power_is_not_gone(tmp_path: Path) -> None:
    """The cloud still has the instance, and it runs as far as the cloud knows: nothing but Unknown."""
    result = run(tmp_path, "{at: 1m, power-off: {nodes: [w-1]}}")
    assert kinds(result, "Node/w-1", "ObjectDeleted", "InstanceMissing") == []
    assert not any("shutdown" in str(record.fields) for record in result.records)


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_a_node_learns_from_the_cloud_where_it_stands(tmp_path: Path, profile: str) -> None:
    """It registers without its zone and with the taint; both come at once with the cloud's PUT."""
    result = run(tmp_path, "{at: 1m, cordon: {nodes: [w-0]}}", profile=profile)
    (made,) = [r for r in result.records if r.kind == "ObjectCreated" and r.object == "Node/w-0"]
    assert "topology.kubernetes.io/zone" not in made.fields["state"]["labels"]
    assert any("uninitialized=true:NoSchedule" in taint for taint in made.fields["state"]["taints"])
    (named,) = [r for r in reached(result, "labels") if r.object == "Node/w-0" and r.kind == "ObjectModified"]
    assert named.fields["by"] == "cloud-node-controller"
    assert named.fields["state"]["labels"]["topology.kubernetes.io/zone"] == "a"
    assert named.fields["state"]["labels"]["topology.kubernetes.io/region"] == "eu-1"
    assert not any("uninitialized" in taint for taint in named.fields["state"]["taints"])


def test_a_node_without_a_machine_does_not_stay_in_a_cloud(tmp_path: Path) -> None:
    """A Node that a person makes is not Ready, and the cloud does not know it."""
    manual = "  manifests: [{apiVersion: v1, kind: Node, metadata: {name: manual}}]\n"
    result = run(tmp_path, "{at: 1m, cordon: {nodes: [w-0]}}", more=manual)
    ((gone, _),) = kinds(result, "Node/manual", "ObjectDeleted")
    assert gone <= 5


CLUSTER = "  settings: {allocateNodeCIDRs: true, clusterCIDR: 10.244.0.0/16}\n"


def test_routes_outlive_the_cloud_controllers(tmp_path: Path) -> None:
    """They are the cloud's: after a restart none is made again, and a node's that went meanwhile is deleted then."""
    result = run(
        tmp_path,
        "{at: 1m, crash: {component: cloud-controller-manager, restartAfter: 1m}}",
        "{at: 90s, delete: {node: {name: w-2}}}",
        more=CLUSTER,
    )
    made = [r for r in result.records if r.kind == "RouteCreated"]
    assert sorted(r.object for r in made) == ["Node/w-0", "Node/w-1", "Node/w-2"]
    assert all(r.t_us <= 20 * SECOND for r in made)
    (deleted,) = [r for r in result.records if r.kind == "RouteDeleted"]
    assert (deleted.object, deleted.t_us // SECOND) == ("Node/w-2", 120)
    stopped = [r.actor for r in result.records if r.kind == "ComponentStopped"]
    assert stopped == ["cloud-node-controller", "cloud-node-lifecycle-controller", "route-controller"]


def test_routes_are_made_only_where_blocks_are_handed_out_and_routes_are_wanted(tmp_path: Path) -> None:
    """Else there is no such component."""
    without = HEAD.replace("region: eu-1", "configureCloudRoutes: false")
    path = tmp_path / "cloud.yaml"
    for text in (HEAD, without + CLUSTER):
        path.write_text(text)
        result = run_scenario(load_scenario(path))
        assert not any(record.actor == "route-controller" for record in result.records)
