"""A real partition: hub and two agents on hosts of their own, a cable pulled, a filter in one direction."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeVar

import attrs
import pytest

from nodesim.scenario import hub_live
from nodesim.trace.reader import read_trace
from nodesim.trace.records import TraceRecord
from tests.transports import netns
from tests.transports.processes import Started, start
from tests.transports.told import of, readiness
from transports.zeromq.keys import KeyFolder

pytestmark = pytest.mark.slow

T = TypeVar("T")

SPEED: Final = 5
"""Of the run; grace periods are such that a node is Unknown and its pod to be deleted 3 s (real ones) after a cut."""

STORY: Final = """\
apiVersion: nodesim.dev/v1alpha1
kind: Scenario
metadata: {name: pulled-cable}
spec:
  duration: 10m
  realtimeSlack: 500ms
  settings:
    nodeMonitorPeriod: 1s
    nodeMonitorGracePeriod: 10s
    nodeLeaseDurationSeconds: 8
    defaultUnreachableTolerationSeconds: 2
    defaultNotReadyTolerationSeconds: 2
  nodes: [{name: w, count: 2}]
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


@attrs.frozen
class Hosts:
    """A hub, and the agents a0 and a1 with the nodes w-0 and w-1, each on a host of its own, with keys."""

    switch: netns.Switch
    hub: Started
    agents: tuple[Started, Started]
    trace: Path

    def records(self) -> list[TraceRecord]:
        """The trace as far as it is written, as one would read it if the hub was killed now."""
        text = self.trace.read_text() if self.trace.exists() else ""
        return read_trace(text.splitlines(keepends=True)).records if "\n" in text else []

    def wait_for(self, kind: str, about: str, after_us: int = -1) -> TraceRecord:
        """The first record of a kind about an object after an instant, as soon as it is in the trace."""
        found = self._wait(
            lambda records: [r for r in records if (r.kind, r.object) == (kind, about) and r.t_us > after_us],
            f"{kind} of {about}",
        )
        return found[0]

    def wait_for_belief(self, node: str, wanted: str, after_us: int) -> None:
        """Until the API server believes this of a node's readiness, since an instant after this one."""
        self._wait(
            lambda records: [t_us for t_us, status in readiness(records, node) if status == wanted and t_us > after_us],
            f"{node} {wanted}",
        )

    def _wait(self, look: Callable[[list[TraceRecord]], list[T]], what: str) -> list[T]:
        until = time.monotonic() + 20
        while not (found := look(self.records())):
            assert time.monotonic() < until, f"never {what}:\n{self.hub.stderr}"
            time.sleep(0.1)
        return found

    def end(self) -> list[TraceRecord]:
        """Stop the hub; the whole trace."""
        self.hub.stop()
        assert "Traceback" not in self.hub.stderr
        return read_trace(self.trace.read_text().splitlines()).records


@pytest.fixture(name="hosts")
def _hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hosts]:
    """With both pods running, and a trace that does not wait for an agent that is away."""
    monkeypatch.setattr(hub_live, "HELD_BACK_S", 0.1)
    if netns.missing():
        pytest.skip(netns.missing())
    path, trace, keys = tmp_path / "story.yaml", tmp_path / "trace.jsonl", KeyFolder(tmp_path / "keys")
    path.write_text(STORY)
    keys.init()
    for number in range(2):
        keys.add(f"a{number}")
    with netns.hosts("hub", "a0", "a1") as switch:
        address = f"tcp://{switch.address('hub')}:7400"
        armed = ("--keys", keys.folder)
        timing = ("--realtime", SPEED, "--agents", 2, "--heartbeats", "--trace", trace)
        hub = start("hub", path, "--listen", address, *armed, *timing, namespace=switch.namespace("hub"))
        first, second = (
            start(
                *("agent", "--connect", address, *armed, "--name", f"a{n}", "--nodes", f"w-{n}"),
                namespace=switch.namespace(f"a{n}"),
            )
            for n in range(2)
        )
        made = Hosts(switch, hub, (first, second), trace)
        for pod in ("p0", "p1"):
            made.wait_for("ContainerReady", f"Pod/default/{pod}")
        try:
            yield made
        finally:
            for process in (hub, first, second):
                process.kill()


def renewals(records: list[TraceRecord], node: str) -> list[tuple[int, int]]:
    """When the API server took a renewal of a node's lease (us), and of when that was (us)."""
    about = f"Lease/kube-node-lease/{node}"
    taken = [r for r in records if r.kind == "LeaseRenewed" and r.object == about]
    return [(r.t_us, r.fields["renew_us"]) for r in taken]


def undisturbed(records: list[TraceRecord], node: str, agent: str) -> None:
    """Nothing happened to a node whose host is well."""
    assert not of(records, f"node/{node}", "ConnectionLost", "ContainerStopped", "KubeletStopped", "PoweredOff")
    assert {status for _, status in readiness(records, node)[1:]} <= {"True"}
    assert not [r for r in records if r.kind == "AgentLeft" and r.object == f"Agent/{agent}"]


def test_a_pulled_cable_and_a_deaf_host(hosts: Hosts) -> None:
    """Cut off: the node is Unknown, its pod to be deleted, and runs on; healed: the kubelet hears of it and obeys.

    No heartbeat from before the heal makes the node Ready, nobody else is disturbed, and it can happen again: a host
    whose packets pass in one direction only is cut off in both, since both ends ask each other for signs of life.
    What the kubelet did meanwhile stands late in the file, and is read in its place.
    """
    hosts.switch.cut("a0")
    hosts.hub.said("a0 is gone at")
    hosts.wait_for("EvictionStarted", "Pod/default/p0")
    hosts.switch.heal("a0")
    hosts.hub.said("a0 is back")
    hosts.wait_for("ContainerStopped", "Pod/default/p0")
    back = hosts.wait_for("AgentReturned", "Agent/a0")
    hosts.wait_for_belief("w-0", "True", back.t_us)
    hosts.switch.deafen("a0")
    hosts.hub.said("(?s)a0 is gone at.*a0 is gone at")
    hosts.wait_for_belief("w-0", "Unknown", back.t_us)
    hosts.switch.undeafen()
    again = hosts.wait_for("AgentReturned", "Agent/a0", back.t_us)
    hosts.wait_for_belief("w-0", "True", again.t_us)
    so_far = hosts.records()
    as_they_came = [json.loads(line)["t"] for line in hosts.trace.read_text().splitlines()[1 : len(so_far) + 1]]
    records = hosts.end()

    assert as_they_came != sorted(as_they_came)
    assert so_far == records[: len(so_far)]
    left, deaf = of(records, "hub", "AgentLeft")
    (evicted,) = of(records, "taint-eviction-controller", "EvictionStarted")
    (seen,) = of(records, "node/w-0", "PodDeletionSeen")
    (stopped,) = of(records, "node/w-0", "ContainerStopped")
    assert evicted.t_us < back.t_us < seen.t_us < stopped.t_us
    for gone_us, returned_us in ((left.t_us, back.t_us), (deaf.t_us, again.t_us)):
        # Nothing that was sent before the heal counts; but a request that waits for its connection goes out on it with
        # the date it had, which in Kubernetes is so, too.
        opened_us = min(r.t_us for r in of(records, "node/w-0", "ConnectionOpened") if r.t_us > returned_us)
        heard_us = max(t_us for t_us, _ in renewals(records, "w-0") if t_us < opened_us)
        assert heard_us < gone_us
        assert len([t_us for t_us, of_us in renewals(records, "w-0") if of_us < returned_us < t_us]) <= 1
        beliefs = [(t_us, status) for t_us, status in readiness(records, "w-0") if t_us < returned_us]
        assert beliefs[-1][1] == "Unknown"  # At once, or after its link was found to be gone; until it is back.
        assert "True" not in [status for t_us, status in beliefs if t_us > gone_us]
    undisturbed(records, "w-1", "a1")
