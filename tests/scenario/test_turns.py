"""Each time of a step, its end, and whom a percentage means."""

from __future__ import annotations

from pathlib import Path

import pytest

from nodesim.scenario.load import load_scenario
from nodesim.scenario.turns import Chooser, turns_of
from nodesim.scenario.verbs import VERBS
from nodesim.spec import Scenario
from nodesim.units import SECOND

HEAD = """\
apiVersion: nodesim.dev/v1alpha1
kind: Scenario
metadata: {name: turns}
spec:
  duration: 10m
  cloud: {}
  nodes: [{name: worker, count: 10, labels: {topology.kubernetes.io/zone: a}}, {name: db}]
"""
NAMES = tuple(f"n{number}" for number in range(1000))


def scenario_of(tmp_path: Path, *steps: str) -> Scenario:
    """A scenario with these steps."""
    path = tmp_path / "turns.yaml"
    path.write_text(HEAD + "  steps:\n" + "".join(f"    - {step}\n" for step in steps))
    return load_scenario(path)


def seen(scenario: Scenario) -> list[tuple[int, str, dict[str, object]]]:
    """(second, verb, arguments) of every turn."""
    return [(turn.at_us // SECOND, turn.step.verb, turn.step.arguments) for turn in turns_of(scenario.steps, 0)]


BOTH = {"direction": "both"}
TAINT = {"key": "k", "value": "", "effect": "NoExecute"}
UNDONE: tuple[tuple[str, str, dict[str, object]], ...] = (
    ("cut: {nodes: [db], mode: refuse}", "heal", BOTH),
    ("heal: {nodes: [db]}", "cut", {**BOTH, "mode": "drop"}),
    ("hold: {nodes: [db], direction: to-control-plane}", "release", {"direction": "to-control-plane"}),
    ("release: {nodes: [db]}", "hold", BOTH),
    ("kill-kubelet: {nodes: [db]}", "start-kubelet", {}),
    ("start-kubelet: {nodes: [db]}", "kill-kubelet", {}),
    ("power-off: {nodes: [db]}", "power-on", {}),
    ("power-on: {nodes: [db]}", "power-off", {}),
    ("cordon: {nodes: [db]}", "uncordon", {}),
    ("uncordon: {nodes: [db]}", "cordon", {}),
    ('taint: {nodes: [db], taint: "k:NoExecute"}', "taint", {"taint": TAINT, "remove": True}),
    ('taint: {nodes: [db], taint: "k:NoExecute", remove: true}', "taint", {"taint": TAINT, "remove": False}),
    ("latency: {nodes: [db], latency: 1s}", "latency", {**BOTH, "latency_us": SECOND, "jitter_us": 0}),
    ("loss: {nodes: [db], loss: 1%}", "loss", {**BOTH, "loss_ppm": 10_000}),
    ("duplicate: {nodes: [db], duplicate: 1%}", "duplicate", {**BOTH, "duplicate_ppm": 10_000}),
    ("stop-instance: {nodes: [db]}", "start-instance", {}),
    ("start-instance: {nodes: [db]}", "stop-instance", {}),
    ("clock: {nodes: [db], step: -1s}", "clock", {"offset_us": None, "step_us": -SECOND, "drift_ppm": None}),
)
OF_NOBODY: tuple[tuple[str, str], ...] = (("cloud-api-down", "cloud-api-up"), ("cloud-api-up", "cloud-api-down"))
OF_COMPONENTS: tuple[tuple[str, str, dict[str, object]], ...] = (
    ("cut: {component: scheduler}", "heal", BOTH),
    ("crash: {component: scheduler, afterCalls: 3}", "start", {}),
    ("stop: {component: apiserver}", "start", {}),
    ("start: {component: scheduler}", "stop", {}),
    ("pause: {component: apiserver}", "resume", {}),
    ("resume: {component: scheduler}", "pause", {}),
    ("lag: {component: scheduler, by: 10s}", "lag", {"by_us": 0}),
)


@pytest.mark.parametrize(("written", "verb", "arguments"), UNDONE, ids=[each[0] for each in UNDONE])
def test_a_step_is_undone_by_its_opposite(
    tmp_path: Path, written: str, verb: str, arguments: dict[str, object]
) -> None:
    """After 30 s, on the same nodes."""
    scenario = scenario_of(tmp_path, f"{{at: 1m, {written}, for: 30s}}")
    first, last = turns_of(scenario.steps, 0)
    assert (first.at_us, first.begins, last.at_us, last.begins) == (60 * SECOND, True, 90 * SECOND, False)
    told = {key: value for key, value in last.step.arguments.items() if not (key == "taint" and value == {})}
    assert (last.step.verb, last.step.nodes) == (verb, ("db",))
    if "taint" in arguments:
        assert (told["taint"]["key"], told["remove"]) == ("k", arguments["remove"])
    else:
        assert told == arguments


@pytest.mark.parametrize(("written", "verb", "arguments"), OF_COMPONENTS, ids=[each[0] for each in OF_COMPONENTS])
def test_a_step_on_a_component_is_undone_by_its_opposite(
    tmp_path: Path, written: str, verb: str, arguments: dict[str, object]
) -> None:
    """After 30 s, on the same component."""
    scenario = scenario_of(tmp_path, f"{{at: 1m, {written}, for: 30s}}")
    first, last = turns_of(scenario.steps, 0)
    assert (first.at_us, first.begins, last.at_us, last.begins) == (60 * SECOND, True, 90 * SECOND, False)
    assert (last.step.verb, last.step.arguments) == (verb, arguments)
    assert last.step.component == first.step.component != ""


@pytest.mark.parametrize(("verb", "opposite"), OF_NOBODY)
def test_a_step_that_names_nobody_is_undone_by_its_opposite(tmp_path: Path, verb: str, opposite: str) -> None:
    """After 30 s."""
    turns = seen(scenario_of(tmp_path, f"{{at: 1m, {verb}: {{}}, for: 30s}}"))
    assert turns == [(60, verb, {}), (90, opposite, {})]


def test_every_verb_with_an_opposite_is_in_the_tables_above() -> None:
    """And opposites lead back to where they came from; a crash is undone like a stop."""
    able = {name for name, verb in VERBS.items() if verb.opposite}
    named = {written.partition(":")[0] for written, _, _ in (*UNDONE, *OF_COMPONENTS)}
    assert able == named | {verb for verb, _ in OF_NOBODY}
    assert all(VERBS[VERBS[name].opposite].opposite == ("stop" if name == "crash" else name) for name in able)


@pytest.mark.parametrize(
    ("repeat", "begins", "ends"),
    [
        ("for: 30s", [60], [90]),
        ("for: 9m", [60], [600]),
        ("every: 3m", [60, 240, 420, 600], []),
        ("every: 3m, for: 1s", [60, 240, 420], [61, 241, 421]),
        ("every: 1m, for: 30s, until: 3m30s", [60, 120, 180], [90, 150, 210]),
        ("every: 1m, for: 31s, until: 3m30s", [60, 120], [91, 151]),
        ("every: 1m, for: 30s, times: 2", [60, 120], [90, 150]),
        ("every: 9m, times: 2", [60, 600], []),
    ],
)
def test_a_step_comes_again_as_long_as_it_ends_in_time(
    tmp_path: Path, repeat: str, begins: list[int], ends: list[int]
) -> None:
    """Until `until` or the run's end (10 min), its own end included, or so many times."""
    turns = turns_of(scenario_of(tmp_path, f"{{at: 1m, cut: {{nodes: [db]}}, {repeat}}}").steps, 0)
    assert [turn.at_us // SECOND for turn in turns if turn.begins] == begins
    assert [turn.at_us // SECOND for turn in turns if not turn.begins] == ends
    assert [turn.number for turn in turns if turn.begins] == list(range(1, len(begins) + 1))


def test_at_one_instant_ends_come_before_beginnings_and_those_in_the_files_order(tmp_path: Path) -> None:
    """So a cut that follows on another directly is one."""
    scenario = scenario_of(
        tmp_path,
        "{at: 1m, cut: {nodes: [db]}, for: 1m}",
        "{at: 1m, loss: {nodes: [db], loss: 1%}}",
        "{at: 2m, cut: {nodes: [db]}, for: 1m}",
    )
    assert [(at, verb) for at, verb, _ in seen(scenario)] == [
        (60, "cut"),
        (60, "loss"),
        (120, "heal"),
        (120, "cut"),
        (180, "heal"),
    ]


@pytest.mark.parametrize(
    "others",
    [
        "heal: {nodes: [worker-2], direction: from-control-plane}",
        "hold: {nodes: [worker-1]}",
        "latency: {nodes: [worker-1], latency: 1s}",
        "power-off: {nodes: [worker-1]}",
        "cut: {nodes: [worker-1], direction: from-control-plane}",
        'taint: {nodes: [worker-1], taint: "k:NoSchedule"}',
    ],
)
def test_steps_on_other_things_do_not_overlap(tmp_path: Path, others: str) -> None:
    """Another node, another direction, another property of the link, another taint: all at the same time."""
    scenario = scenario_of(
        tmp_path,
        "{at: 1m, cut: {nodes: [worker-1], direction: to-control-plane}, for: 2m}",
        '{at: 1m, taint: {nodes: [worker-1], taint: "k:NoExecute"}, for: 2m}',
        f"{{at: 2m, {others}}}",
    )
    assert len(turns_of(scenario.steps, 0)) == 5


@pytest.mark.parametrize(
    ("count", "ppm", "chosen"),
    [
        (10, 300_000, 3),
        (3, 300_000, 1),
        (3, 500_000, 2),
        (5, 500_000, 3),
        (5, 499_999, 2),
        (7, 1, 1),
        (7, 1_000_000, 7),
    ],
)
def test_a_percentage_is_rounded_to_the_nearest_node_and_is_at_least_one(count: int, ppm: int, chosen: int) -> None:
    """Halves go up."""
    assert len(Chooser(1).part(NAMES[:count], ppm)) == chosen


def test_a_percentage_means_the_same_nodes_for_a_step_and_its_opposite() -> None:
    """A smaller one means some of them, another seed others; the order is the file's."""
    chooser = Chooser(7)
    third = chooser.part(NAMES, 300_000)
    assert Chooser(7).part(NAMES, 300_000) == third
    assert set(chooser.part(NAMES, 100_000)) < set(third)
    assert set(Chooser(8).part(NAMES, 300_000)) != set(third)
    assert list(third) == sorted(third, key=NAMES.index)
    thousandth = [part for seed in range(50) for part in Chooser(seed).part(NAMES, 1)]
    assert len(set(thousandth)) > 40


def test_one_more_node_leaves_the_order_of_the_others() -> None:
    """Who was drawn before stays drawn, or makes room for the newcomer only."""
    before = Chooser(3).part(NAMES[:100], 300_000)
    after = Chooser(3).part((*NAMES[:100], "late-comer"), 300_000)
    assert set(after) - set(before) <= {"late-comer"}


def test_a_percentage_is_drawn_when_the_run_is_planned(tmp_path: Path) -> None:
    """From the run's seed, within the group that stands beside it."""
    scenario = scenario_of(tmp_path, "{at: 1m, cut: {zone: a, percent: 20}}", "{at: 2m, heal: {zone: a, percent: 20}}")
    meant = {tuple(turn.step.nodes for turn in turns_of(scenario.steps, seed)) for seed in range(20)}
    assert len(meant) > 5
    assert all(cut == heal and len(cut) == 2 and "db" not in cut for cut, heal in meant)
