"""In real time over agents: what a run shows, and what becomes of it when processes die, stall and come back."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs
import pytest
import trio

from nodesim import __version__
from nodesim.errors import ExitCode
from nodesim.scenario import hub_live
from nodesim.trace.reader import read_trace
from nodesim.trace.records import TraceRecord, order
from nodesim.world import Parcel
from nodesim.world.transport import HUB, Refused
from nodesim.world.windows import Ear
from nodesim.world.words import Done, Failed, Join, Parcels, encode_word
from tests.transports.processes import FLAGSHIP, Started, start
from tests.transports.told import of, readiness
from transports.zeromq import ZeroMqTransport

pytestmark = pytest.mark.slow

SPEED: Final = 10

STORY: Final = """\
apiVersion: nodesim.dev/v1alpha1
kind: Scenario
metadata: {name: story}
spec:
  duration: 40s
  realtimeSlack: 300ms
  settings:
    nodeMonitorPeriod: 1s
    nodeMonitorGracePeriod: 8s
    nodeLeaseDurationSeconds: 8
  nodes: [{name: w, count: 2}]
  actors: [{name: probe, run: "probe:look_on"}]
  manifests:
    - apiVersion: v1
      kind: Pod
      metadata: {name: p0}
      spec: {nodeName: w-0, containers: [{name: c, image: busybox}]}
    - apiVersion: v1
      kind: Pod
      metadata: {name: p1}
      spec: {nodeName: w-1, containers: [{name: c, image: busybox}]}
"""


PROBE: Final = """\
async def look_on(api):
    while True:
        await api.sleep(5)
        api.record("Probed", nodes=[node["metadata"]["name"] for node in await api.list("nodes")])
"""


@pytest.fixture(scope="module", name="flagship", autouse=True)
def _flagship(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """The flagship's run, which goes on beside the other tests: all of them wait more than they work.

    Its ReplicaSet comes when all nodes are there: how many are when its first pod is placed is chance, at this speed.
    """
    path = tmp_path_factory.mktemp("flagship") / FLAGSHIP.name
    later = "  steps:\n    - {at: 20s, apply: {manifests: [web-replicaset.yaml]}}\n"
    text = FLAGSHIP.read_text().replace("    - web-replicaset.yaml\n", "").replace("  steps:\n", later)
    path.write_text(text)
    shutil.copy(FLAGSHIP.parent / "web-replicaset.yaml", path.parent)
    shorter = ("--set", "spec.duration=15m", "--set", "spec.realtimeSlack=200ms")
    run = Started("run", path, *shorter, "--transport", "zeromq", "--agents", 2, "--realtime", 75, "--json")
    yield run
    run.close()


@attrs.frozen
class Story:
    """A hub with the agents a0 and a1, of which each has one of the nodes w-0 and w-1."""

    folder: Path
    hub: Started
    agents: tuple[Started, Started]
    address: str

    @property
    def trace(self) -> Path:
        """What the hub writes, line by line."""
        return self.folder / "trace.jsonl"

    def again(self, number: int) -> Started:
        """One more process of an agent's name."""
        return start("agent", "--connect", self.address, "--name", f"a{number}")

    def wait_for(self, kind: str, about: str) -> None:
        """Until the trace has such a record."""
        until = time.monotonic() + 20
        while not any(f'"{kind}"' in line and about in line for line in self.trace.read_text().splitlines()):
            assert time.monotonic() < until, f"no {kind} of {about}:\n{self.hub.stderr}"
            time.sleep(0.05)

    def records(self) -> list[TraceRecord]:
        """The whole trace, which must be in order, each record once."""
        records = list(read_trace(self.trace.read_text().splitlines()).records)
        assert records == sorted(records, key=order)
        assert len({record.id for record in records}) == len(records)
        return records


@pytest.fixture(name="story")
def _story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Story:
    """With its pods running."""
    path = tmp_path / "story.yaml"
    path.write_text(STORY)
    (tmp_path / "probe.py").write_text(PROBE)
    monkeypatch.syspath_prepend(tmp_path)
    trace = ("--trace", tmp_path / "trace.jsonl")
    hub = start("hub", path, "--listen", "tcp://127.0.0.1:0", "--realtime", SPEED, "--agents", 2, *trace)
    address = hub.said(r"listening at (\S+),")[1]
    first, second = (start("agent", "--connect", address, "--name", f"a{n}", "--nodes", f"w-{n}") for n in range(2))
    made = Story(tmp_path, hub, (first, second), address)
    for pod in ("p0", "p1"):
        made.wait_for("ContainerReady", pod)
    return made


@pytest.fixture(name="impatient")
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub that is started now does not hold its trace back for an agent that is away."""
    monkeypatch.setattr(hub_live, "HELD_BACK_S", 0.1)


def undisturbed(records: list[TraceRecord], node: str) -> None:
    """Nothing happened to a node whose agent is well: no connection broke, no container stopped."""
    assert len(of(records, f"node/{node}", "KubeletStarted", "ContainerStarted")) == 2
    assert not of(records, f"node/{node}", "ConnectionLost", "ContainerStopped", "KubeletStopped", "PoweredOff")
    assert not [r for r in records if r.kind == "AgentLeft" and node in r.fields["nodes"]]


def test_an_agent_that_is_killed_and_started_again_is_machines_that_lost_power(story: Story) -> None:
    """Lost: its containers, and at most what it recorded in the last moment.  Not lost: all else.

    The kubelets start anew, go on with the numbers of records and connections, and start their pods again.
    """
    story.agents[0].kill()
    story.hub.said("a0 is gone at")
    again = story.again(0)
    story.hub.said("a0 was started anew")
    story.hub.ended()
    again.said("the run is over")
    records = story.records()
    (left,), (restarted,) = of(records, "hub", "AgentLeft"), of(records, "hub", "AgentRestarted")
    assert restarted.cause == left.id
    assert restarted.fields["known_us"] >= left.t_us - 3 * SPEED * 1_000_000
    lives = of(records, "node/w-0", "PoweredOff", "PoweredOn", "KubeletStarted", "ContainerStarted")
    kinds = ["KubeletStarted", "ContainerStarted", "PoweredOff", "PoweredOn", "KubeletStarted", "ContainerStarted"]
    assert [record.kind for record in lives] == kinds
    assert (lives[2].t_us, lives[2].cause) == (left.t_us, left.id)
    connections = [record.fields["connection"] for record in of(records, "node/w-0", "ConnectionOpened")]
    assert connections == sorted(set(connections))
    assert len(connections) == 2
    assert readiness(records, "w-0")[-1][1] == "True"
    undisturbed(records, "w-1")
    probed = of(records, "probe", "Probed")
    assert len(probed) >= 5, "a user's actor lives in the hub, whatever becomes of the agents"
    assert all(record.fields == {"nodes": ["w-0", "w-1"]} for record in probed)


@pytest.mark.usefixtures("impatient", "story")
def test_an_agent_that_stalls_longer_than_the_grace_is_a_node_cut_off(story: Story) -> None:
    """Nothing of it is lost, its pod runs on, and the node stays Unknown until it is heard of again.

    The trace does not wait for it; what it tells later is in its place in the end.
    """
    story.agents[0].send(signal.SIGSTOP)
    story.hub.said("a0 is gone at")
    story.wait_for("NodeStatusUnknown", "w-0")
    story.agents[0].send(signal.SIGCONT)
    story.hub.said("a0 is back")
    story.hub.ended()
    records = story.records()
    (back,) = of(records, "hub", "AgentReturned")
    (unknown_us,) = [t_us for t_us, status in readiness(records, "w-0") if status == "Unknown"]
    revived = [t_us for t_us, status in readiness(records, "w-0") if status == "True" and t_us > unknown_us]
    assert revived
    assert revived[0] > back.t_us
    assert not of(records, "node/w-0", "ContainerStopped", "PoweredOff")
    assert of(records, "clock/a0", "RunLate")
    undisturbed(records, "w-1")


def test_the_trace_of_a_hub_that_is_killed_can_be_read_up_to_there_and_the_next_hub_is_a_new_run(story: Story) -> None:
    """Lost: the run.  Not lost: what had become final, whole lines of it; the agents drop their state and join anew."""
    story.wait_for("KubeletStarted", "w-1")
    story.hub.kill()
    records = story.records()
    assert {record.object for record in of(records, "node/w-0", "ContainerReady")} == {"Pod/default/p0"}
    for agent in story.agents:
        agent.said("the nodes go on, cut off")
    second = ("--realtime", 4 * SPEED, "--agents", 2, "--trace", story.folder / "second.jsonl")
    hub = start("hub", story.folder / "story.yaml", "--listen", story.address, *second)
    hub.ended()
    for agent in story.agents:
        agent.said("there is a new hub, and with it a new run")
        agent.said("the run is over")
    anew = read_trace((story.folder / "second.jsonl").read_text().splitlines()).records
    assert len(of(list(anew), "node/w-0", "KubeletStarted", "ContainerStarted")) == 2
    assert anew[-1].kind == "RunEnded"


def test_a_second_agent_of_one_name_is_refused_and_sigterm_leaves_nothing_behind(story: Story) -> None:
    """The first is not disturbed, nor is anybody by one that has no part in the run; then the hub is stopped."""
    story.again(1).ended(code=ExitCode.NOT_RUN)
    story.again(2).ended(code=ExitCode.NOT_RUN)
    story.hub.send(signal.SIGTERM)
    story.hub.ended(code=ExitCode.INTERRUPTED)
    for node in ("w-0", "w-1"):
        undisturbed(story.records(), node)
    for agent in story.agents:
        agent.said("the run is over before its time: the hub has ended it; waiting for a new one")
        agent.send(signal.SIGTERM)
        agent.ended(code=ExitCode.INTERRUPTED)
        assert "Traceback" not in agent.stderr
    assert "Traceback" not in story.hub.stderr


def test_the_flagship_holds_in_real_time_with_agents_as_processes(flagship: Started) -> None:
    """All expectations, widened by the slack; the nodes of two agents are cut off and evicted as in one process."""
    document: dict[str, Any] = json.loads(flagship.ended())
    assert document["ok"], document["expectations"]
    assert {expectation["ok"] for expectation in document["expectations"]} == {True}
    assert document["realtime"]["in_time"]
    assert "Traceback" not in flagship.stderr


@pytest.mark.parametrize(
    ("last", "code", "said"),
    [
        (encode_word(Failed(ExitCode.BUG, "node/w-0 crashed")), ExitCode.BUG, "agent odd: node/w-0 crashed"),
        (b"\xc1 no word", ExitCode.HELD, "odd is gone at .*refused: odd says what cannot be understood"),
        (encode_word(Parcels((Parcel(0, "node/other", 1, "apiserver", b""),))), ExitCode.HELD, "odd is gone at"),
    ],
    ids=["fails", "garbage", "another's frames"],
)
def test_an_agent_that_fails_ends_the_run_and_one_that_talks_nonsense_does_not(
    tmp_path: Path, last: bytes, code: ExitCode, said: str
) -> None:
    """Its last word is all that it does after the run has begun, then it goes."""
    path = tmp_path / "one.yaml"
    path.write_text(STORY[: STORY.index("  actors:")].replace("count: 2", "count: 1").replace("40s", "5s"))
    hub = start("hub", path, "--listen", "tcp://127.0.0.1:0", "--realtime", SPEED)
    address = hub.said(r"listening at (\S+),")[1]

    async def odd() -> None:
        async with ZeroMqTransport(in_turns=False).agent(address, "odd") as end:
            ear = Ear(end)
            await ear.next()
            for word in (Join(__version__, (), realtime=True), Done(None)):
                end.post(HUB, encode_word(word))
                await ear.next()
            end.post(HUB, last)
            await trio.sleep(0.2)
            with contextlib.suppress(Refused):
                end.fetch()

    trio.run(odd)
    hub.ended(code=code)
    assert re.search(said, hub.stderr)
