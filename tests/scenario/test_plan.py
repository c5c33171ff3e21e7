"""What the network rules and steps of a file do to links, and what the plan tells of it."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from nodesim.net import CONTROL_PLANE, Link, Topology
from nodesim.scenario.load import load_scenario
from nodesim.scenario.options import RunOptions
from nodesim.scenario.plan import Plan, plan_of
from nodesim.scenario.result import RunResult
from nodesim.scenario.runner import run_scenario
from nodesim.spec import Scenario
from nodesim.trace.story import story
from nodesim.trace.truth import find_out
from nodesim.units import MILLISECOND, SECOND

HEAD = """\
apiVersion: nodesim.dev/v1alpha1
kind: Scenario
metadata: {name: plan}
spec:
  duration: 10m
  nodes:
    - {name: worker, count: 4, labels: {topology.kubernetes.io/zone: a, rack: r1}}
    - {name: db, labels: {topology.kubernetes.io/zone: b}}
"""


def scenario_of(tmp_path: Path, text: str) -> Scenario:
    """A scenario with this end of its spec."""
    path = tmp_path / "plan.yaml"
    path.write_text(HEAD + text)
    return load_scenario(path)


def steps_of(tmp_path: Path, *steps: str, network: str = "") -> Scenario:
    """A scenario with these steps."""
    return scenario_of(tmp_path, network + "  steps:\n" + "".join(f"    - {step}\n" for step in steps))


def links(plan: Plan, at_us: int = 0, default: Link | None = None) -> Topology:
    """The links after all rules up to an instant."""
    topology = Topology(default or Link(), Link())
    for when_us, change in plan.rules:
        if when_us <= at_us:
            topology.apply(change)
    return topology


def both(topology: Topology, node: str) -> tuple[Link, Link]:
    """A node's links, towards the control plane and back."""
    return topology.link(node, CONTROL_PLANE), topology.link(CONTROL_PLANE, node)


@pytest.mark.parametrize(
    ("target", "meant"),
    [
        ("{nodes: [worker-1, db]}", {"worker-1", "db"}),
        ("{labels: {rack: r1}}", {"worker-0", "worker-1", "worker-2", "worker-3"}),
        ("{labels: {kubernetes.io/hostname: db}}", {"db"}),
        ("{labels: {kubernetes.io/os: linux}}", {"worker-0", "worker-1", "worker-2", "worker-3", "db"}),
        ("{zone: b}", {"db"}),
        ("{percent: 100}", {"worker-0", "worker-1", "worker-2", "worker-3", "db"}),
    ],
)
@pytest.mark.parametrize("towards", [True, False], ids=["to the control plane", "from it"])
def test_an_exception_concerns_its_ends_and_its_direction(
    tmp_path: Path, target: str, meant: set[str], towards: bool
) -> None:
    """Named nodes, labels (the kubelet's own, too), a zone, a percentage; one direction, and no other link."""
    source, destination = (target, CONTROL_PLANE) if towards else (CONTROL_PLANE, target)
    text = f"  network: {{links: [{{from: {source}, to: {destination}, latency: 7ms}}]}}\n"
    topology = links(plan_of(scenario_of(tmp_path, text)))
    for node in ("worker-0", "worker-1", "worker-2", "worker-3", "db"):
        there, back = both(topology, node)
        wanted = 7 * MILLISECOND if node in meant else MILLISECOND
        assert (there.latency_us, back.latency_us) == ((wanted, MILLISECOND) if towards else (MILLISECOND, wanted))


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("latency: 7ms", {"latency_us": 7000}),
        ("jitter: 3ms", {"jitter_us": 3000}),
        ("loss: 1%", {"loss_ppm": 10_000}),
        ("duplicate: 0.1%", {"duplicate_ppm": 1000}),
        ("latency: 7ms, jitter: 3ms, loss: 1%, duplicate: 0.1%", {"latency_us": 7000, "loss_ppm": 10_000}),
    ],
)
def test_an_exception_leaves_what_it_does_not_say(tmp_path: Path, written: str, value: dict[str, int]) -> None:
    """Each value by itself and all of them; the rest is the network's."""
    text = f"  network: {{latency: 5ms, links: [{{from: {{zone: b}}, to: control-plane, {written}}}]}}\n"
    there, back = both(links(plan_of(scenario_of(tmp_path, text)), default=Link(5000)), "db")
    assert back == Link(5000)
    for name, wanted in value.items():
        assert getattr(there, name) == wanted
    if len(value) == 1:
        assert there == attrs.evolve(Link(5000), **value)


def test_a_part_of_the_nodes_can_be_an_end(tmp_path: Path) -> None:
    """Which part, the seed says; the same as in steps."""
    text = "  network: {links: [{from: {zone: a, percent: 50}, to: control-plane, latency: 7ms}]}\n"
    scenario = scenario_of(tmp_path, text + "  steps: [{at: 1m, cut: {zone: a, percent: 50}}]\n")
    found = set()
    for seed in range(20):
        (_, slow), (_, cut) = plan_of(attrs.evolve(scenario, seed=seed)).rules
        assert slow.hosts == cut.hosts
        found.add(slow.hosts)
    assert len(found) > 3
    assert {len(hosts) for hosts in found} == {2}


def test_the_end_of_a_slow_or_lossy_time_puts_back_what_was_there(tmp_path: Path) -> None:
    """Per node and direction: an exception of the network, or what an earlier step set."""
    plan = plan_of(
        steps_of(
            tmp_path,
            "{at: 1m, loss: {nodes: [worker-1], loss: 5%}}",
            "{at: 2m, latency: {zone: a, latency: 1s, jitter: 1s}, for: 1m}",
            "{at: 2m, loss: {zone: a, loss: 100%}, for: 1m}",
            "{at: 2m, duplicate: {zone: a, duplicate: 10%}, for: 1m}",
            network="  network:\n    links:\n"
            "      - {from: {nodes: [worker-0]}, to: control-plane, latency: 9ms, duplicate: 1%}\n",
        )
    )
    before, during, after = (links(plan, at_us * SECOND) for at_us in (119, 120, 180))
    for node in ("worker-0", "worker-1", "worker-2", "db"):
        assert both(after, node) == both(before, node)
    assert before.link("worker-0", CONTROL_PLANE).latency_us == 9 * MILLISECOND
    assert before.link("worker-1", CONTROL_PLANE).loss_ppm == 50_000
    assert both(during, "worker-0") == (Link(SECOND, SECOND, 1_000_000, 100_000),) * 2
    assert both(during, "db") == (Link(), Link())


def test_the_plan_tells_each_turn_and_its_end(tmp_path: Path) -> None:
    """A step's end names its beginning as its cause; a step that does not repeat has no number."""
    plan = plan_of(
        steps_of(
            tmp_path,
            "{at: 1m, hold: {nodes: [db]}, for: 1s}",
            "{at: 2m, loss: {nodes: [db], loss: 30%, direction: to-control-plane}, for: 1s, every: 2s, times: 2}",
        )
    )
    told = [(r.t_us // SECOND, r.kind, r.fields.get("turn"), r.fields.get("loss_ppm"), r.cause) for r in plan.records]
    assert told == [
        (60, "Step", None, None, ""),
        (60, "Held", None, None, "scenario#1"),
        (61, "Step", None, None, "scenario#1"),
        (61, "Released", None, None, "scenario#3"),
        (120, "Step", 1, None, ""),
        (120, "LossChanged", None, 300_000, "scenario#5"),
        (121, "Step", 1, None, "scenario#5"),
        (121, "LossChanged", None, 0, "scenario#7"),
        (122, "Step", 2, None, ""),
        (122, "LossChanged", None, 300_000, "scenario#9"),
        (123, "Step", 2, None, "scenario#9"),
        (123, "LossChanged", None, 0, "scenario#11"),
        (600, "RunEnded", None, None, ""),
    ]
    assert plan.records[2].fields["text"] == "end of {at: 1m, hold: {nodes: [db]}, for: 1s}"
    assert [(row.what, row.object) for row in story(plan.records) if row.t_us >= 120 * SECOND][:2] == [
        ("loses 30 % of its packets to control-plane", "Node/db"),
        ("loses no packets to control-plane", "Node/db"),
    ]


def test_what_lets_nothing_pass_is_an_outage(tmp_path: Path) -> None:
    """A cut, a hold and a total loss, in either direction and over each other; 99 % is none, nor is a long latency."""
    plan = plan_of(
        steps_of(
            tmp_path,
            "{at: 1m, cut: {nodes: [worker-0], direction: from-control-plane}, for: 1m}",
            "{at: 1m30s, loss: {nodes: [worker-0], loss: 100%, direction: to-control-plane}, for: 1m}",
            "{at: 2m, hold: {nodes: [worker-0]}, for: 1m}",
            "{at: 4m, loss: {nodes: [worker-0], loss: 99.9999%}, for: 1m}",
            "{at: 4m, latency: {nodes: [worker-0], latency: 1h}, for: 1m}",
            "{at: 5m, loss: {nodes: [worker-0], loss: 100%}}",
            "{at: 6m, loss: {nodes: [worker-0], loss: 50%, direction: to-control-plane}}",
            "{at: 7m, loss: {nodes: [worker-0], loss: 50%, direction: from-control-plane}}",
            network="  network: {links: [{from: control-plane, to: {nodes: [db]}, loss: 100%}]}\n",
        )
    )
    outages = find_out(plan.records).outages
    assert [(each.start_us // SECOND, (each.end_us or 0) // SECOND) for each in outages["worker-0"]] == [
        (60, 180),
        (300, 420),
    ]
    assert [(each.start_us, each.end_us) for each in outages["db"]] == [(0, None)]
    assert set(outages) == {"worker-0", "db"}


# --- whole runs -----------------------------------------------------------------------------------------------------


def played(tmp_path: Path, *steps: str, network: str = "") -> RunResult:
    """A run of these steps."""
    return run_scenario(steps_of(tmp_path, *steps, network=network))


@pytest.mark.slow
def test_a_total_loss_is_a_cut_in_all_but_its_name(tmp_path: Path) -> None:
    """The same records of everybody but the scenario, and the same ledger, whichever of the two it was."""
    cut = played(tmp_path, "{at: 1m, cut: {zone: b}, for: 3m}")
    loss = played(tmp_path, "{at: 1m, loss: {zone: b, loss: 100%}, for: 3m}")
    assert [r for r in cut.records if r.actor != "scenario"] == [r for r in loss.records if r.actor != "scenario"]
    assert cut.ledger == loss.ledger
    assert cut.ledger.detection_us["db"][0] is not None
    assert cut.ledger.false_unknowns == {}


@pytest.mark.slow
def test_a_cluster_lives_with_a_network_that_says_everything_twice(tmp_path: Path) -> None:
    """No node is ever thought lost, and ReplicaSets end with as many pods as they want."""
    manifests = (
        "  manifests:\n    - {apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web}, spec: {replicas: 3,"
        " selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers:"
        " [{name: c, image: a}]}}}}\n"
    )
    twice = "  network:\n    links:\n" + "".join(
        f"      - {{from: {ends[0]}, to: {ends[1]}, duplicate: 100%}}\n"
        for ends in (("{percent: 100}", "control-plane"), ("control-plane", "{percent: 100}"))
    )
    result = played(
        tmp_path,
        "{at: 1m, cut: {nodes: [worker-0]}, for: 2m}",
        "{at: 4m, kill-kubelet: {nodes: [worker-1]}, for: 10s}",
        network=manifests + twice,
    )
    assert result.ledger.false_unknowns == {}
    ready = [r for r in result.records if r.kind == "ObjectModified" and r.object == "ReplicaSet/default/web"]
    assert ready[-1].fields["state"].get("ready_replicas", 3) == 3
    alone = played(tmp_path, "{at: 1m, cut: {nodes: [worker-0]}, for: 2m}", network=manifests)
    assert result.counts["renewals"] >= alone.counts["renewals"] - 20


@pytest.mark.slow
@pytest.mark.parametrize("percent", [5, 30])
def test_a_lossy_network_does_not_lose_nodes(tmp_path: Path, percent: int) -> None:
    """Ten minutes at 5 % and at 30 %: late messages, connections that open at the second try, and no node Unknown."""
    lossy = "  network:\n    links:\n" + "".join(
        f"      - {{from: {ends[0]}, to: {ends[1]}, loss: {percent}%}}\n"
        for ends in (("{percent: 100}", "control-plane"), ("control-plane", "{percent: 100}"))
    )
    result = played(tmp_path, "{at: 9m, cordon: {percent: 50}, for: 30s}", network=lossy)
    assert result.ledger.false_unknowns == {}
    assert result.counts["renewals"] >= 5 * 45
    assert len([r for r in result.records if r.kind == "ObjectModified" and "unschedulable" in r.fields["state"]]) >= 6


@pytest.mark.slow
@pytest.mark.parametrize(
    ("direction", "held", "kept"),
    [
        ("both", 34, True),
        ("to-control-plane", 34, True),
        ("from-control-plane", 34, True),
        ("both", 46, False),
        ("from-control-plane", 46, False),
    ],
)
def test_a_hold_meets_the_health_check_after_45_s(tmp_path: Path, direction: str, held: int, kept: bool) -> None:
    """The last answer before it is up to 10.4 s old; 45 s after that the kubelet gives the connection up, not before.

    Pings are held as well, so nothing tells a stalled network from a dead one.
    """
    hold = f"{{at: 1m, hold: {{nodes: [db], direction: {direction}}}, for: {held}s}}"
    result = played(tmp_path, hold)
    lost = [(r.t_us, r.fields["why"]) for r in result.records if r.actor == "node/db" and r.kind == "ConnectionLost"]
    if kept:
        assert lost == []
    else:
        assert lost[0][1] == "silent"
        assert 94 * SECOND < lost[0][0] <= 106 * SECOND + 2 * MILLISECOND
    assert result.counts["dropped"] == 0


@pytest.mark.slow
def test_old_requests_are_carried_out_when_a_hold_ends(tmp_path: Path) -> None:
    """What a kubelet said before it gave its connection up is done at the release; its renewals come in a burst."""
    scenario = steps_of(tmp_path, "{at: 1m, hold: {nodes: [db], direction: to-control-plane}, for: 3m}")
    result = run_scenario(scenario, RunOptions(record_heartbeats=True))
    about = "Lease/kube-node-lease/db"
    renewals = [r for r in result.records if r.kind == "LeaseRenewed" and r.object == about]
    burst = [r for r in renewals if 240 * SECOND <= r.t_us <= 240 * SECOND + 2 * MILLISECOND]
    assert not [r for r in renewals if 60 * SECOND + 2 * MILLISECOND < r.t_us < 240 * SECOND]
    assert burst[0].fields["renew_us"] < 71 * SECOND  # The first one after the hold began, three minutes late.
