"""How users' actors begin, die, come again, fail, and get into each other's way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
import trio

from nodesim.actors import Api, ProcessEnded
from nodesim.actors.load import ActorNotFound
from nodesim.errors import ActorFailed, ActorStuck, ExitCode
from nodesim.scenario.load import load_scenario
from nodesim.scenario.options import RunOptions
from nodesim.scenario.runner import Run, run_scenario
from nodesim.units import SECOND
from tests.actors.cases import own, pod, run, scenario_of

FRESH_RUNS: Final = 20

SLOPPY: Final = '''\
"""Keeps three copies of a pod, and counts them on the node, in two calls between which it can die."""

from nodesim.actors import Api, NotFound


async def careless(api: Api) -> None:
    """Makes a copy, then notes that it is made: who dies in between makes it again."""
    await api.sleep(5)
    while True:
        node = await api.get("nodes", "w-0")
        made = int(node["metadata"].get("labels", {}).get("copies", "0"))
        if made >= 3:
            return
        await api.create({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "copy-", "labels": {"app": "copy"}},
            "spec": {"containers": [{"name": "c", "image": "i"}]},
        })
        await api.patch("nodes", "w-0", {"metadata": {"labels": {"copies": str(made + 1)}}})


async def careful(api: Api) -> None:
    """Names its copies, so that making one again does no harm."""
    await api.sleep(5)
    for number in range(3):
        try:
            await api.get("pods", f"copy-{number}")
        except NotFound:
            await api.create({
                "apiVersion": "v1", "kind": "Pod",
                "metadata": {"name": f"copy-{number}", "labels": {"app": "copy"}},
                "spec": {"containers": [{"name": "c", "image": "i"}]},
            })
        await api.patch("nodes", "w-0", {"metadata": {"labels": {"copies": str(number + 1)}}})
'''
COPIES: Final = """\
apiVersion: nodesim.dev/v1alpha1
kind: Scenario
metadata: {name: copies}
spec:
  duration: 1m
  nodes: [{name: w, count: 2}]
  network: {latency: 1ms, jitter: 3ms}
  actors: [{name: copier, run: "sloppy:FUNCTION", node: w-1}]
  steps: [STEPS]
  expect:
    - {pods: {labels: {app: copy}}, count: 3, at: 1m}
"""
IN_THE_GAP: Final = (
    "{at: 1s, crash: {component: copier, beforeCall: {verb: patch, resource: nodes, nth: 2}, restartAfter: 10s}}"
)


def nodesim(folder: Path, *arguments: str, hash_seed: str = "0") -> subprocess.CompletedProcess[str]:
    """The command in a fresh process, with the folder on the Python path."""
    return subprocess.run(
        [sys.executable, "-m", "nodesim", "run", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def copies(folder: Path, function: str, steps: str = "") -> Path:
    """The scenario and the module that it names."""
    (folder / "sloppy.py").write_text(SLOPPY)
    path = folder / "copies.yaml"
    path.write_text(COPIES.replace("FUNCTION", function).replace("STEPS", steps))
    return path


@pytest.mark.slow
def test_a_bug_that_only_a_crash_between_two_calls_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a crash both controllers are right; in the gap the careless one makes a fourth copy."""
    monkeypatch.syspath_prepend(str(tmp_path))
    for function, steps in (("careless", ""), ("careful", ""), ("careful", IN_THE_GAP)):
        assert run_scenario(load_scenario(copies(tmp_path, function, steps))).exit_code is ExitCode.HELD
    done = nodesim(tmp_path, str(copies(tmp_path, "careless", IN_THE_GAP)))
    assert done.returncode == ExitCode.FAILED
    assert "crashed, before patch nodes w-0" in done.stdout


@pytest.mark.slow
def test_such_a_run_is_the_same_over_fresh_processes(tmp_path: Path) -> None:
    """20 processes, 20 hash seeds, one digest."""
    path = copies(tmp_path, "careless", IN_THE_GAP)
    program = (
        "import sys; from pathlib import Path;"
        "from nodesim.scenario.load import load_scenario; from nodesim.scenario.runner import run_scenario;"
        "result = run_scenario(load_scenario(Path(sys.argv[1]))); print(result.digest, int(result.exit_code))"
    )
    said = set()
    for number in range(0, FRESH_RUNS, 2):  # Two at a time: most of it is Python's start.
        running = [
            subprocess.Popen(
                [sys.executable, "-c", program, str(path)],
                env={**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONHASHSEED": str(seed)},
                stdout=subprocess.PIPE,
                text=True,
            )
            for seed in (number + 1, number + 2)
        ]
        said |= {each.communicate(timeout=60)[0].strip() for each in running}
    assert len(said) == 1
    digest, code = said.pop().split()
    assert len(digest) == 64
    assert int(code) == ExitCode.FAILED


async def one_life(api: Api) -> None:
    """Notes each start, and what it still knows."""
    known = []
    for number in range(100):
        known.append(number)
        api.record("Lives", "", process=api.process, known=len(known))
        await api.sleep(10)


@pytest.mark.parametrize(
    "steps",
    [
        "{at: 35s, crash: {component: one, restartAfter: 20s}}",
        "{at: 35s, stop: {component: one}}, {at: 55s, start: {component: one}}",
        "{at: 35s, crash: {component: one}, for: 20s}",
        "{at: 35s, power-off: {nodes: [w-0]}, for: 20s}",
    ],
)
def test_a_new_process_begins_with_nothing_in_its_memory(tmp_path: Path, steps: str) -> None:
    """However it died; in between it does nothing."""
    spec = f"  actors: [{{name: one, node: w-0}}]\n  steps: [{steps}]\n"
    lives = own(run(tmp_path, {"one": one_life}, spec), "one")
    assert [(t // SECOND, fields["process"], fields["known"]) for t, _, fields in lives] == [
        *((10 * n, 1, n + 1) for n in range(4)),
        *((55 + 10 * n, 2, n + 1) for n in range(7)),
    ]


@pytest.mark.parametrize(
    ("when", "made"),
    [
        ("afterCalls: 2", ["p1-0", "p1-1", "p2-0", "p2-1", "p2-2"]),
        ("afterCall: {verb: create, nth: 2}", ["p1-0", "p1-1", "p2-0", "p2-1", "p2-2"]),
        ("beforeCall: {resource: pods, nth: 2}", ["p1-0", "p2-0", "p2-1", "p2-2"]),
        ("beforeCall: {verb: delete}", ["p1-0", "p1-1", "p1-2"]),
    ],
)
def test_a_crash_at_a_call_lets_it_leave_or_not(tmp_path: Path, when: str, made: list[str]) -> None:
    """`after`: the server acts on it; `before`: nobody hears of it."""

    async def maker(api: Api) -> None:
        await api.sleep(10)
        for number in range(3):
            await api.create(pod(f"p{api.process}-{number}"))

    spec = (
        f"  actors: [{{name: maker}}]\n  steps: [{{at: 5s, crash: {{component: maker, {when}, restartAfter: 1s}}}}]\n"
    )
    result = run(tmp_path, {"maker": maker}, spec)
    assert (
        sorted(r.object.rpartition("/")[2] for r in result.records if r.kind == "ObjectCreated" and "/p" in r.object)
        == made
    )


def test_a_dead_process_does_nothing_more_not_even_where_it_is_shielded(tmp_path: Path) -> None:
    """Its task is cancelled at the instant of its death; what it tries then raises, what waits then ends."""
    said: list[str] = []

    async def stubborn(api: Api) -> None:
        if api.process > 1:
            api.record("Second", "")
            return
        try:
            with trio.CancelScope(shield=True):
                await api.sleep(1000)
        except ProcessEnded:
            said.append(f"woken at {api.now}")
            raise
        finally:
            api.record("Ghost", "")
            with pytest.raises(ProcessEnded, match="process 1 has ended"):
                await api.get("nodes", "w-0")
            said.append("ended")

    async def tidy(api: Api) -> None:
        try:
            await api.sleep(1000)
        finally:
            said.append(f"cancelled at {api.now}")

    spec = "  actors: [{name: tidy}]\n  steps: [{at: 20s, crash: {component: tidy}}]\n"
    assert own(run(tmp_path, {"tidy": tidy}, spec), "tidy") == []
    assert said == ["cancelled at 20.0"]
    said.clear()
    spec = "  actors: [{name: stubborn}]\n  steps: [{at: 20s, crash: {component: stubborn, restartAfter: 1s}}]\n"
    assert [kind for _, kind, _ in own(run(tmp_path, {"stubborn": stubborn}, spec), "stubborn")] == ["Second"]
    assert said == ["woken at 20.0", "ended"]


def test_an_actor_that_returns_has_ended_and_can_be_started_again(tmp_path: Path) -> None:
    """`returned` is on record."""

    async def brief(api: Api) -> None:
        api.record("Here", "")

    spec = "  actors: [{name: brief}]\n  steps: [{at: 30s, start: {component: brief}}]\n"
    result = run(tmp_path, {"brief": brief}, spec)
    assert [(r.t_us // SECOND, r.kind) for r in result.records if r.actor == "brief"] == [
        (0, "Here"),
        (0, "ComponentStopped"),
        (30, "ComponentStarted"),
        (30, "Here"),
        (30, "ComponentStopped"),
    ]


@pytest.mark.parametrize("options", [RunOptions(), RunOptions(realtime=1000)], ids=["virtual", "real"])
def test_an_actor_that_raises_ends_the_run_with_its_name_and_what_it_did(tmp_path: Path, options: RunOptions) -> None:
    """Also out of a nursery; the records up to then can be read."""

    async def broken(api: Api) -> None:
        await api.sleep(10)
        await api.list("nodes")
        async with trio.open_nursery():
            raise KeyError("planted")

    made = Run(scenario_of(tmp_path), options, {"broken": broken})
    with pytest.raises(
        ActorFailed, match=r"your actor broken raised at \d+\.\d+ s at or after: list nodes: KeyError: 'planted'"
    ):
        made.play()
    assert made.records()


@pytest.mark.parametrize("kind", ["trio", "api"])
def test_an_actor_that_never_waits_is_named_and_does_not_hang(tmp_path: Path, kind: str) -> None:
    """Time cannot go on: the run ends."""

    async def spinner(api: Api) -> None:
        await api.sleep(10)
        while True:
            await (trio.sleep(0) if kind == "trio" else api.sleep(0))

    with pytest.raises(ActorStuck, match=r"time stands still at 10\.000000 s: your actor spinner"):
        run(tmp_path, {"spinner": spinner})


def test_tasks_whose_order_is_trios_are_named(tmp_path: Path) -> None:
    """An event with two waiters: the run says so, once; who waits through the API is not named."""

    async def racers(api: Api) -> None:
        event = trio.Event()

        async def first_waiter() -> None:
            await event.wait()

        async def second_waiter() -> None:
            await event.wait()

        async with trio.open_nursery() as nursery:
            for task in (first_waiter, second_waiter):
                nursery.start_soon(task)
                await api.sleep(0.001)
            await api.sleep(10)
            event.set()

    async def fair(api: Api) -> None:
        await api.sleep(10.002)
        await api.get("nodes", "w-0")

    (warning,) = run(tmp_path, {"racers": racers, "fair": fair}).warnings
    assert "at 10.002000 s these tasks woke in one instant" in warning
    assert "first_waiter of racers and " in warning
    assert "second_waiter of racers" in warning
    assert "fair" not in warning


@pytest.mark.parametrize("name", ["scheduler", "apiserver", "operator", "Upper", "node/w-0", ""])
def test_a_name_that_is_taken_or_none_is_refused(tmp_path: Path, name: str) -> None:
    """Before anything runs."""
    with pytest.raises(ValueError, match="not a name for an actor"):
        run(tmp_path, {name: one_life})


def no_coroutine(api: Api) -> None:
    """Forgot async."""


async def too_many(api: Api, other: int) -> None:
    """Wants more than it gets."""


@pytest.mark.parametrize(
    ("function", "why"), [(no_coroutine, "write async def"), (too_many, "one argument"), (3, "is no function but int")]
)
def test_what_is_no_actor_is_refused(tmp_path: Path, function: object, why: str) -> None:
    """Before anything runs."""
    with pytest.raises(TypeError, match=why):
        run(tmp_path, {"odd": function})  # type: ignore[dict-item]  # what a user without a type checker may write


@pytest.mark.parametrize(
    ("run_key", "why"),
    [
        ("sloppy:nothing", r"module sloppy has no 'nothing'; async functions there: careful, careless"),
        ("nowhere_at_all:f", "there is no module 'nowhere_at_all'; it must be on the Python path: PYTHONPATH=."),
        ("sloppy.deeper:f", "there is no module 'sloppy.deeper'"),
        ("raises:f", r"importing raises raised ZeroDivisionError: division by zero \(.*raises\.py:1\)"),
        ("wants:f", "wants cannot be imported: No module named 'nowhere_at_all'"),
        ("leaves:f", "importing leaves raised SystemExit: 3"),
        ("plain:f", "plain:f is no async function: write async def"),
        ("plain:WORD", "plain:WORD is no function but str"),
        ("", "has no 'run'; give it, or hand it over"),
    ],
)
def test_an_actor_that_cannot_be_imported_says_where_and_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_key: str, why: str
) -> None:
    """File and line of the actor, and the end is that of wrong input."""
    (tmp_path / "sloppy.py").write_text(SLOPPY)
    (tmp_path / "raises.py").write_text("1 / 0\n")
    (tmp_path / "wants.py").write_text("import nowhere_at_all\n")
    (tmp_path / "leaves.py").write_text("raise SystemExit(3)\n")
    (tmp_path / "plain.py").write_text("WORD = 'x'\n\n\ndef f(api):\n    pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    said = f', run: "{run_key}"' if run_key else ""
    scenario = scenario_of(tmp_path, f"  actors: [{{name: mine{said}}}]\n")
    with pytest.raises(ActorNotFound, match=rf"actors\.yaml:7: actor mine: .*{why}") as refused:
        Run(scenario)
    assert refused.value.exit_code is ExitCode.BAD_INPUT


@pytest.mark.slow
def test_reading_a_scenario_runs_none_of_its_actors(tmp_path: Path) -> None:
    """`validate` is for files of strangers, too."""
    path = copies(tmp_path, "broken")
    (tmp_path / "sloppy.py").write_text("raise SystemExit('imported')\n")
    command = [sys.executable, "-m", "nodesim", "validate", str(path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == ExitCode.HELD
    assert "imported" not in done.stdout + done.stderr


@pytest.mark.slow
def test_the_command_shows_the_users_traceback_and_the_replay_and_ends_with_4(tmp_path: Path) -> None:
    """Not nodesim's own bug, and not its own traceback."""
    path = copies(tmp_path, "broken")
    (tmp_path / "sloppy.py").write_text("async def broken(api):\n    await api.sleep(1)\n    return {}['planted']\n")
    done = nodesim(tmp_path, str(path))
    assert done.returncode == ExitCode.NOT_RUN
    assert "line 3, in broken" in done.stderr
    assert "your actor copier raised at 1.000000 s" in done.stderr
    assert "replay: nodesim run" in done.stderr
    assert "runner.py" not in done.stderr
