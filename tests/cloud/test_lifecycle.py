"""Which nodes go because their instance is gone."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from nodesim.cloud import CloudNodeLifecycleController, Provider
from nodesim.messages import Delete, Failure, Get, Patch
from nodesim.profiles import V1_36, Settings
from nodesim.streams import Streams
from nodesim.units import SECOND
from tests.cloud.around import cloud, node_of, ready, taints
from tests.controllers.live import Live

NAME = "cloud-node-lifecycle-controller"
GONE = {"a": [(0.0, "terminated")]}
STOPPED = {"a": [(0.0, "stopped"), (12.5, "running")]}


def played(provider: Provider, status: str, *names: str) -> Live:
    """Nodes with this Ready; passes at 0 s (which sees nothing), 5 s, 10 s, ..."""
    live = Live({NAME: CloudNodeLifecycleController(Settings.of(V1_36), provider, Streams(1))}).run(0.5)
    for name in names or ("a",):
        live.create("nodes", node_of(name, taints=[]))
        if status:
            live.ok(ready(name, status))
    return live


@pytest.mark.parametrize("status", ["False", "Unknown", ""])
def test_a_node_without_an_instance_is_deleted_when_it_is_not_ready(status: str) -> None:
    """In the next pass, with an event; a missing Ready counts as Unknown."""
    live = played(cloud(states=GONE), status)
    live.run(4)
    assert live.names("nodes") == ["a"]
    live.run(1)
    assert live.names("nodes") == []
    ((at, about, text),) = live.events("DeletingNode")
    assert (round(at), about) == (5, "Node/a")
    assert text == "Deleting node a because it does not exist in the cloud provider"
    assert live.records("DeletingNode")[0].fields["type"] == "Normal"


def test_a_ready_node_is_never_deleted() -> None:
    """Nobody asks for its instance; when Ready turns, it goes within 5 s."""
    live = played(cloud(states=GONE), "True")
    live.run(60)
    assert live.names("nodes") == ["a"]
    assert live.requests(NAME) == []
    live.ok(ready("a", "Unknown"))
    live.run(5)
    assert live.names("nodes") == []


def test_while_the_cloud_fails_nothing_is_done() -> None:
    """Neither deleted nor tainted; once it answers, the next pass acts."""
    live = played(cloud(states=GONE, down=(0, 32)), "Unknown")
    live.run(31)
    assert live.names("nodes") == ["a"]
    assert [record.t_us // SECOND for record in live.records("InstanceNotKnown")] == [5, 10, 15, 20, 25, 30]
    live.run(4)
    assert live.names("nodes") == []


def test_a_stopped_instance_taints_its_node() -> None:
    """Once; it is asked about at each pass, and the taint goes when the node is Ready, not when the instance runs."""
    live = played(cloud(states=STOPPED), "Unknown")
    live.run(11)
    assert taints(live, "a") == ["shutdown"]
    assert len(live.requests(NAME, Patch)) == 1
    assert len(live.requests(NAME, Get)) == 2
    live.run(9)
    assert taints(live, "a") == ["shutdown"]
    live.ok(ready("a", "True"))
    live.run(5)
    assert taints(live, "a") == []
    live.run(10)
    assert len(live.requests(NAME, Patch)) == 2


def test_the_shutdown_taint_has_no_time() -> None:
    """Its writer sets none."""
    live = played(cloud(states=STOPPED), "False").run(6)
    (taint,) = [each for each in live.listed("nodes")[0]["spec"]["taints"] if each["key"].endswith("shutdown")]
    assert taint == {"key": "node.cloudprovider.kubernetes.io/shutdown", "effect": "NoSchedule"}


def test_nodes_are_looked_at_one_after_another() -> None:
    """Each waits for the calls of the one before; the next pass is 5 s after the end of this one."""
    live = played(cloud(states={name: [(0, "terminated")] for name in "abc"}), "Unknown", "a", "b", "c", "stranger")
    live.run(6)
    deleted = [(at, request.name) for at, request in live.requests(NAME, Delete)]
    assert [name for _, name in deleted] == ["a", "b", "c", "stranger"]
    gaps = [later - at for (at, _), (later, _) in itertools.pairwise(deleted)]
    assert gaps == [2000, 2000, 2000]


def test_a_deletion_that_fails_is_told_and_tried_again() -> None:
    """A Warning; the next pass does it again."""
    live = played(cloud(states=GONE), "Unknown")
    refused = 0

    def refuse(client: str, request: Any) -> Failure | None:
        nonlocal refused
        if not isinstance(request, Delete) or refused:
            return None
        refused += 1
        return Failure(500, "InternalError", "etcd is busy")

    live.server.refuse = refuse
    live.run(9)
    assert [text for _, _, text in live.events("DeletingNodeFailed")] == ["Failed deleting node a: etcd is busy"]
    live.run(2)
    assert live.names("nodes") == []


@pytest.mark.parametrize("ahead", [0, 1, 4, 5, 7])
def test_the_first_pause_is_shorter_by_what_lies_before_the_run(ahead: int) -> None:
    """Later ones are not."""
    provider = cloud(states={"a": [(0, "stopped")]})
    program = CloudNodeLifecycleController(Settings.of(V1_36), provider, Streams(1), ahead_us=ahead * SECOND)
    live = Live({NAME: program}).run(0.01)
    live.create("nodes", node_of("a", taints=[]))
    live.run(20)
    asked = [at // SECOND for at, _ in live.requests(NAME, Get)]
    assert asked[:2] == [5 - ahead % 5, 10 - ahead % 5]
