"""A node becomes one of the cloud: labels, providerID, addresses, and the taint goes."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from nodesim.cloud import CloudNodeController, Provider
from nodesim.cloud.node import initialised, labels_of, labels_to_reconcile, new_addresses
from nodesim.cloud.views import cloud_node
from nodesim.messages import Failure, Get, Patch, Update
from nodesim.objects import Document
from nodesim.streams import Streams
from nodesim.units import MILLISECOND, MINUTE, SECOND
from tests.cloud.around import TAINT, cloud, found, instance, node_of, taints
from tests.controllers.live import Live

NAME = "cloud-node-controller"
OLD_ZONE, ZONE = "failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone"
OLD_TYPE, TYPE = "beta.kubernetes.io/instance-type", "node.kubernetes.io/instance-type"


def played(provider: Provider) -> Live:
    """The controller, half a second old."""
    return Live({NAME: CloudNodeController(provider, Streams(1))}).run(0.5)


def test_a_new_node_is_initialised() -> None:
    """One PUT with all of it, then the addresses, then the event."""
    live = played(cloud())
    live.create("nodes", node_of("a", taints=[TAINT, {"key": "mine", "effect": "NoExecute"}]))
    live.run(0.1)
    node = found(live, "a")
    assert node["spec"]["providerID"] == "aws://a/a"
    assert taints(live, "a") == ["mine"]
    labels = node["metadata"]["labels"]
    assert labels[OLD_ZONE] == labels[ZONE] == "a"
    assert labels[OLD_TYPE] == labels[TYPE] == "m5.large"
    assert labels["topology.kubernetes.io/region"] == "eu-1"
    assert labels["kubernetes.io/hostname"] == "a"
    assert node["status"]["addresses"] == [
        {"type": "InternalIP", "address": "10.0.0.97"},
        {"type": "Hostname", "address": "a"},
    ]
    assert [type(request) for _, request in live.requests(NAME)] == [Update, Patch]
    assert [about[1:] for about in live.events("Synced")] == [("Node/a", "Node synced successfully")]


@pytest.mark.parametrize("effect", ["NoSchedule", "NoExecute", "PreferNoSchedule"])
def test_the_taints_effect_does_not_count(effect: str) -> None:
    """Its key does."""
    live = played(cloud())
    live.create("nodes", node_of("a", taints=[{**TAINT, "effect": effect}]))
    live.run(0.1)
    assert taints(live, "a") == []


def test_a_cloud_that_fails_is_asked_again() -> None:
    """After 5 ms, 10 ms, ...; the taint stays until it answers."""
    live = played(cloud(down=(0, 2)))
    live.create("nodes", node_of("a"))
    live.run(1.4)
    assert taints(live, "a") == ["uninitialized"]
    tries = [record.t_us for record in live.records("NodeNotInitialised")]
    assert [round((later - at) / MILLISECOND) for at, later in itertools.pairwise(tries)] == [
        5 * 2**n for n in range(len(tries) - 1)
    ]
    live.run(2)
    assert taints(live, "a") == []


def test_a_machine_that_the_cloud_does_not_know_keeps_its_taint() -> None:
    """It is asked for again and again."""
    live = played(cloud())
    live.create("nodes", node_of("stranger"))
    live.run(10)
    assert taints(live, "stranger") == ["uninitialized"]
    assert {record.fields["error"] for record in live.records("NodeNotInitialised")} == {"instance not found"}


def test_a_lost_race_is_tried_again_soon() -> None:
    """After 50 to 100 ms, on what the cache has then; twenty times, then as every failure."""
    live = played(cloud())
    lost = 0

    def refuse(client: str, request: Any) -> Failure | None:
        nonlocal lost
        if client != NAME or not isinstance(request, Update) or lost == 22:
            return None
        lost += 1
        return Failure(409, "Conflict", "the object has been modified")

    live.server.refuse = refuse
    live.create("nodes", node_of("a"))
    live.run(5)
    assert taints(live, "a") == []
    tries = [at for at, _ in live.requests(NAME, Update)]
    gaps = [(later - at) / MILLISECOND for at, later in itertools.pairwise(tries)]
    assert all(50 <= gap <= 105 for gap in gaps[:19])
    assert 5 <= gaps[19] <= 10
    assert all(50 <= gap <= 105 for gap in gaps[20:22])


def test_a_providers_id_that_is_there_stays() -> None:
    """And it is by this that the machine is found."""
    live = played(cloud())
    live.create("nodes", node_of("other", providerID="aws://a/b"))
    live.run(0.1)
    assert found(live, "other")["spec"]["providerID"] == "aws://a/b"
    assert taints(live, "other") == []


def test_addresses_are_compared_every_five_minutes() -> None:
    """What somebody changed is put right at the next look; nodes that wait for the cloud are left to the other loop."""
    live = played(cloud(down=(0, 1)))
    live.create("nodes", node_of("a", taints=[], providerID="aws://a/a"))
    live.create("nodes", node_of("stranger"))
    live.run(2 * 60)
    assert [each["type"] for each in found(live, "a")["status"]["addresses"]] == ["Hostname"]
    live.run(3 * 60 + 1)
    assert [each["type"] for each in found(live, "a")["status"]["addresses"]] == ["InternalIP", "Hostname"]
    (at_us, _), *more = live.requests(NAME, Patch)
    assert not more
    assert 5 * MINUTE <= at_us <= 5 * MINUTE + SECOND


def test_the_old_labels_win_over_the_new_ones() -> None:
    """At each event of an initialised node."""
    live = played(cloud())
    node = node_of("a", taints=[])
    node["metadata"]["labels"] |= {OLD_ZONE: "z", ZONE: "y", OLD_TYPE: "t"}
    live.create("nodes", node)
    live.run(0.1)
    labels = found(live, "a")["metadata"]["labels"]
    assert (labels[ZONE], labels[TYPE]) == ("z", "t")
    assert [type(request) for _, request in live.requests(NAME, Get, Patch)][:2] == [Get, Patch]


@pytest.mark.parametrize(
    ("labels", "changed"),
    [
        ({}, {}),
        ({ZONE: "a"}, {}),
        ({OLD_ZONE: "a", ZONE: "a"}, {}),
        ({OLD_ZONE: "a"}, {ZONE: "a"}),
        ({OLD_ZONE: "a", ZONE: "b", OLD_TYPE: "t"}, {ZONE: "a", TYPE: "t"}),
    ],
)
def test_which_labels_follow(labels: dict[str, str], changed: dict[str, str]) -> None:
    """The new ones that are missing or differ; where there is no old one, none."""
    assert labels_to_reconcile(labels) == changed


def test_what_the_cloud_does_not_say_makes_no_label() -> None:
    """A cloud without zones."""
    assert labels_of(instance("a", zone="", region="", type="")) == {}


def test_a_completed_node_has_no_empty_list_of_taints() -> None:
    """And its other parts are as they were."""
    node: Document = {"metadata": {"name": "a"}, "spec": {"taints": [TAINT], "podCIDR": "10.0.0.0/24"}, "status": {}}
    made = initialised(node, instance("a"))
    assert made["spec"] == {"podCIDR": "10.0.0.0/24", "providerID": "aws://a/a"}
    assert made["status"] == {}
    assert node["spec"]["taints"] == [TAINT]


@pytest.mark.parametrize(
    ("held", "changes"),
    [
        ([], True),
        ([("Hostname", "a")], True),
        ([("InternalIP", "10.0.0.97"), ("Hostname", "a")], False),
        ([("Hostname", "a"), ("InternalIP", "10.0.0.97")], False),
        ([("InternalIP", "10.0.0.98"), ("Hostname", "a")], True),
        ([("InternalIP", "10.0.0.97"), ("ExternalIP", "1.2.3.4"), ("Hostname", "a")], True),
    ],
)
def test_when_addresses_are_written(held: list[tuple[str, str]], changes: bool) -> None:
    """When they are others, in whatever order."""
    node = node_of("a")
    node["status"]["addresses"] = [{"type": kind, "address": address} for kind, address in held]
    assert (new_addresses(cloud_node(node), instance("a")) is not None) is changes
