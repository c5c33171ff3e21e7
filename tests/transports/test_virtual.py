"""In virtual time a run over agents is the run in one process, byte for byte."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, Final

import pytest

from nodesim.cli.files import scenario_files
from nodesim.errors import ExitCode
from nodesim.scenario.load import load_scenario
from nodesim.scenario.runner import run_scenario
from tests.transports.processes import FLAGSHIP, FOLDER, Started, start

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", name="in_process")
def _in_process() -> dict[str, tuple[str, dict[str, int]]]:
    """Digest and counts of every scenario, played here."""
    results = [run_scenario(load_scenario(path)) for path in scenario_files([FOLDER])]
    return {result.scenario.name: (result.digest, result.counts) for result in results}


@pytest.mark.parametrize("agents", [1, 2, 4])
def test_every_scenario_is_the_same_over_agents(agents: int, in_process: dict[str, tuple[str, dict[str, int]]]) -> None:
    """One digest and equal counts, with agents as processes over ZeroMQ, which serve one run after another."""
    run = start("run", FOLDER, "--transport", "zeromq", "--agents", agents, "--json")
    documents: list[dict[str, Any]] = [json.loads(line) for line in run.ended(timeout_s=120).splitlines()]
    assert {doc["scenario"]: (doc["digest"], doc["counts"]) for doc in documents} == in_process


def test_hub_and_agents_as_a_user_starts_them(tmp_path: Path) -> None:
    """The agents may be there before the hub; the trace is that of `nodesim run`."""
    trace = tmp_path / "trace.jsonl"
    hub = start("hub", FLAGSHIP, "--listen", "tcp://127.0.0.1:0", "--virtual", "--agents", "2", "--trace", trace)
    address = hub.said(r"listening at (\S+),")[1]
    agents = [
        start("agent", "--connect", address, "--name", "a1", "--nodes", "worker-[0-1]", "--once"),
        start("agent", "--connect", address, "--name", "a2", "--once"),
    ]
    told = hub.ended()
    assert run_scenario(load_scenario(FLAGSHIP)).digest in told
    assert len(trace.read_text().splitlines()) > 100
    for agent in agents:
        agent.ended()
    for said in ("a1 joined for worker-", "a2 joined", "the run begins: "):
        assert said in hub.stderr
    assert "a1: partition-evicts with 2 of its 3 nodes" in agents[0].stderr


COUNTER: Final = """\
async def count_ready(api):
    ready = set()
    async with api.watch("nodes") as nodes:
        async for event in nodes:
            conditions = event.object.get("status", {}).get("conditions", [])
            is_ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
            (ready.add if is_ready and event.type != "DELETED" else ready.discard)(event.name)
            api.record("Ready", "", count=len(ready), process=api.process)
            await api.sleep(api.random() / 10)
"""
COUNTED: Final = """\
apiVersion: nodesim.dev/v1alpha1
kind: Scenario
metadata: {name: counted}
spec:
  duration: 5m
  nodes: [{name: w, count: 4}]
  network: {latency: 2ms, jitter: 3ms}
  actors:
    - {name: counter, run: "users_counter:count_ready"}
    - {name: on-a-node, run: "users_counter:count_ready", node: w-3}
  steps:
    - {at: 1m, crash: {component: counter, restartAfter: 20s}}
    - {at: 1m, cut: {nodes: [w-1, w-3]}}
    - {at: 2m30s, power-off: {nodes: [w-2]}, for: 30s}
    - {at: 3m, heal: {nodes: [w-1, w-3]}}
    - {at: 4m, power-off: {nodes: [w-3]}, for: 20s}
"""


def test_actors_of_users_live_at_the_hub_whose_trace_is_that_of_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that sits on an agent's node; agents need not have the module."""
    (tmp_path / "users_counter.py").write_text(COUNTER)
    path = tmp_path / "counted.yaml"
    path.write_text(COUNTED)
    with monkeypatch.context() as with_module:
        with_module.syspath_prepend(str(tmp_path))
        result = run_scenario(load_scenario(path))
        hub = start("hub", path, "--listen", "tcp://127.0.0.1:0", "--virtual", "--agents", "2", "--json")
    address = hub.said(r"listening at (\S+),")[1]
    monkeypatch.delitem(sys.modules, "users_counter")
    agents = [start("agent", "--connect", address, "--name", name, "--once") for name in ("a1", "a2")]
    told = json.loads(hub.ended())
    assert (told["digest"], told["counts"]) == (result.digest, result.counts)
    seen = {(record.actor, record.fields["process"]) for record in result.records if record.kind == "Ready"}
    assert seen == {("counter", 1), ("counter", 2), ("on-a-node", 1), ("on-a-node", 2)}
    for agent in agents:
        agent.ended()


LONG: Final = """\
apiVersion: nodesim.dev/v1alpha1
kind: Scenario
metadata: {name: long}
spec:
  duration: 300h
  nodes: [{name: w, count: 4}]
"""


def _long_run(folder: Path, *more: str) -> tuple[Started, list[Started]]:
    """A run in virtual time that takes minutes, with two agents that serve it."""
    path = folder / "long.yaml"
    path.write_text(LONG)
    hub = start("hub", path, "--listen", "tcp://127.0.0.1:0", "--virtual", "--agents", "2", *more)
    address = hub.said(r"listening at (\S+),")[1]
    agents = [start("agent", "--connect", address, "--name", name) for name in ("a1", "a2")]
    hub.said("the run begins")
    for agent in agents:
        agent.said("with 2 of its 4 nodes")
    return hub, agents


def test_time_waits_for_an_agent_that_stalls_and_ends_with_one_that_dies(tmp_path: Path) -> None:
    """Stopped for longer than real time would bear: nothing is lost.

    Kill -9: the hub ends with 4, names the agent and the instant, and its trace can be read up to there.
    """
    trace = tmp_path / "trace.jsonl"
    hub, (victim, other) = _long_run(tmp_path, "--trace", str(trace))
    victim.send(signal.SIGSTOP)
    time.sleep(2.5)
    victim.send(signal.SIGCONT)
    time.sleep(0.3)
    assert hub.poll() is None
    victim.kill()
    hub.ended(code=ExitCode.NOT_RUN)
    assert "agent a1 is gone at " in hub.stderr
    assert "faults of nodes belong into the scenario's steps" in hub.stderr
    assert "Traceback" not in hub.stderr
    assert trace.read_text().count("KubeletStarted") == 4
    other.said("left the hub|the hub is gone")
    other.stop()


def test_a_hub_that_is_killed_is_waited_for_and_sigterm_ends_everything(tmp_path: Path) -> None:
    """Agents live on, and serve the next hub at that address; SIGTERM ends hub and agents with nothing left behind."""
    hub, agents = _long_run(tmp_path)
    hub.kill()
    for agent in agents:
        agent.said("waiting for a new one")
    address = hub.said(r"listening at (\S+),")[1]
    second = start("hub", FLAGSHIP, "--listen", address, "--virtual", "--agents", "2")
    assert run_scenario(load_scenario(FLAGSHIP)).digest in second.ended()
    third = start("hub", tmp_path / "long.yaml", "--listen", address, "--virtual", "--agents", "2")
    third.said("the run begins")
    for process in (third, *agents):
        began = time.monotonic()
        process.send(signal.SIGTERM)
        process.ended(code=ExitCode.INTERRUPTED)
        assert time.monotonic() - began < 5
        assert "Traceback" not in process.stderr


def test_agents_that_run_started_end_with_it(tmp_path: Path) -> None:
    """Even when it is killed."""
    path = tmp_path / "long.yaml"
    path.write_text(LONG)
    run = start("run", path, "--transport", "zeromq", "--agents", "2")
    with_deadline = time.monotonic() + 20
    children: list[int] = []
    while len(children) < 2 and time.monotonic() < with_deadline:
        children = run.children()
        time.sleep(0.05)
    assert len(children) == 2
    time.sleep(0.5)
    run.kill()
    for pid in children:
        while time.monotonic() < with_deadline + 20 and _alive(pid):
            time.sleep(0.05)
        assert not _alive(pid)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return "nodesim" in Path(f"/proc/{pid}/cmdline").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", FLAGSHIP, "--agents", "2"], "--agents needs --transport"),
        (["run", FLAGSHIP, "--transport", "pigeon", "--agents", "2"], "no transport named pigeon; installed: memory"),
        (["hub", FLAGSHIP, "--listen", "tcp://127.0.0.1:0"], "say one of --virtual"),
        (["hub", FLAGSHIP, "--listen", "tcp://127.0.0.1:0", "--realtime", "5", "--virtual"], "say one of --virtual"),
        (["hub", FLAGSHIP, "--listen", "tcp://127.0.0.1:0", "--realtime", "0"], "takes a speed from"),
        (["hub", FLAGSHIP, "--listen", "7400", "--virtual"], "expected tcp://HOST:PORT"),
        (["hub", FLAGSHIP, "--listen", "tcp://0.0.0.0:7400", "--virtual"], "nodesim keys init"),
        (["agent", "--connect", "tcp://10.0.0.1:7400", "--name", "a"], "nodesim keys init"),
        (["agent", "--connect", "ipc:///tmp/x", "--name", "a", "--keys", "/no/such"], "nodesim keys add"),
    ],
)
def test_a_wrong_command_says_what_to_do(arguments: list[str | Path], said: str) -> None:
    """In one line, without a traceback."""
    command = start(*arguments)
    assert command.wait(30)
    assert command.returncode in (ExitCode.BAD_INPUT, ExitCode.NOT_RUN)
    assert said in command.stderr
    assert "Traceback" not in command.stderr


def test_an_agent_that_cannot_take_part_is_told_why_and_ends_with_4(tmp_path: Path) -> None:
    """Its claim means no node, or one that another has claimed."""
    hub = start("hub", FLAGSHIP, "--listen", "tcp://127.0.0.1:0", "--virtual", "--agents", "2")
    address = hub.said(r"listening at (\S+),")[1]
    first = start("agent", "--connect", address, "--name", "a", "--nodes", "worker-0")
    hub.said("a joined for worker-0")
    for name, claim, why in (("b", "wroker-*", "no node of this scenario"), ("c", "worker-*", "agent a has claimed")):
        agent = start("agent", "--connect", address, "--name", name, "--nodes", claim)
        agent.ended(code=ExitCode.NOT_RUN)
        assert why in agent.stderr
        assert why in hub.stderr
    first.stop()
    hub.stop()
