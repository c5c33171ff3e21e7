"""A machine whose process died goes on in another: behind its own numbers, as after a loss of power."""

from __future__ import annotations

from pathlib import Path

import attrs

from nodesim.apiserver import ApiServer
from nodesim.kubelet import NodeMachine
from nodesim.profiles import PROFILES, Settings
from nodesim.scenario.cluster import Resumed, build_nodes, resume
from nodesim.scenario.following import Follower
from nodesim.scenario.lives import GAP, Lives
from nodesim.scenario.load import load_scenario
from nodesim.scenario.options import RunOptions
from nodesim.scenario.plan import Plan, plan_of
from nodesim.trace.records import TraceRecord
from nodesim.units import SECOND
from nodesim.world import World

STEPS = """\
apiVersion: nodesim.dev/v1alpha1
kind: Scenario
metadata: {name: steps}
spec:
  duration: 5m
  nodes: [{name: w, count: 3}]
  steps:
    - {at: 10s, power-off: {nodes: [w-0, w-1]}}
    - {at: 20s, power-on: {nodes: [w-1]}}
    - {at: 30s, cut: {nodes: [w-2]}}
    - {at: 60s, power-on: {nodes: [w-0]}}
    - {at: 70s, heal: {nodes: [w-2]}}
"""
BEFORE = Resumed(records=1_005, connections=7, processes=4)


def node(n: int, kind: str, actor: str = "node/w-0", **fields: object) -> TraceRecord:
    """A record of a machine's."""
    return TraceRecord(n, actor, n, kind, "", dict(fields), "")


def resumed_at(folder: Path, now_us: int) -> tuple[World, Plan]:
    """The world of an agent that was started anew at an instant, all its machines off."""
    (folder / "steps.yaml").write_text(STEPS)
    scenario = load_scenario(folder / "steps.yaml")
    plan = plan_of(scenario)
    names = [spec.name for spec in scenario.nodes]
    world, _ = build_nodes(scenario, plan, RunOptions(), names, dict.fromkeys(names, BEFORE))
    assert world.next_us() is None
    resume(world, plan, now_us)
    return world, plan


def powered(world: World) -> dict[str, bool]:
    """Which machines are on."""
    found = {}
    for name, home in world.homes.items():
        assert isinstance(home.machine, NodeMachine)
        found[name] = home.machine.powered
    return found


def test_machines_power_on_but_for_those_that_a_step_has_powered_off(tmp_path: Path) -> None:
    """And later steps find them as they would have been."""
    world, _ = resumed_at(tmp_path, 40 * SECOND)
    assert not any(powered(world).values())
    world.run(40 * SECOND, 1_000)
    assert powered(world) == {"node/w-0": False, "node/w-1": True, "node/w-2": True}
    assert {record.t_us for record in world.records} == {40 * SECOND}
    world.run(60 * SECOND, 100_000)
    assert all(powered(world).values())


def test_numbers_of_records_connections_and_processes_go_on(tmp_path: Path) -> None:
    """So that no cause means two records, and the API server takes the new connection for new."""
    world, _ = resumed_at(tmp_path, 40 * SECOND)
    world.run(40 * SECOND, 1_000)
    first = next(record for record in world.records if record.actor == "node/w-1")
    assert (first.id, first.kind) == ("node/w-1#1006", "PoweredOn")
    (channel,) = world.homes["node/w-1"].channels.values()
    assert channel.connection == 8


def test_links_are_as_the_steps_have_made_them_and_change_as_planned(tmp_path: Path) -> None:
    """A cut that began before goes on, and is healed when it was to be."""
    world, _ = resumed_at(tmp_path, 40 * SECOND)
    assert world.is_cut("node/w-2", "apiserver")
    assert not world.is_cut("node/w-1", "apiserver")
    world.run(70 * SECOND, 1_000_000)
    assert not world.is_cut("node/w-2", "apiserver")


def test_the_next_life_begins_behind_a_gap_and_powers_off_once() -> None:
    """A machine that was off already, or whose last process died before it came up, has no power to lose."""
    lives = Lives()
    server = ApiServer(Settings.of(PROFILES["v1.36"]), PROFILES["v1.36"])
    lives.saw([node(1, "KubeletStarted"), node(2, "ConnectionOpened", connection=3), node(1, "RunLate", "clock/a")])
    lives.saw([node(1, "PoweredOff", "node/w-1")])
    (off,) = lives.power_off("a", ["w-0", "w-1"], 99, "hub#2")
    assert (off.t_us, off.actor, off.n, off.kind, off.cause) == (99, "node/w-0", GAP + 3, "PoweredOff", "hub#2")
    rows = {name: numbers for name, *numbers in lives.resumed("a", ["w-0", "w-1"], server)}
    assert rows == {"clock/a": [GAP + 1, 0, 0], "w-0": [GAP + 3, 3, 3], "w-1": [GAP + 1, 0, 2]}
    assert lives.power_off("a", ["w-0"], 100, "hub#3") == []


def test_records_from_elsewhere_are_handed_out_in_their_place_and_late_ones_all_the_same(tmp_path: Path) -> None:
    """None before it is final, each once."""
    world, plan = resumed_at(tmp_path, 0)
    elsewhere: list[TraceRecord] = []
    told: list[list[int]] = []
    plan = attrs.evolve(plan, records=())
    follow = Follower(world, plan, lambda new, _: told.append([r.t_us for r in new]), elsewhere)
    elsewhere += [node(5, "B"), node(3, "A")]
    world.records = [node(4, "C", "apiserver")]
    follow(4)
    follow(6)
    elsewhere.append(node(2, "D"))
    follow(6)
    follow(6)
    assert told == [[3, 4], [5], [2], []]
