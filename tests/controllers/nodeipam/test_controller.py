"""The range allocator against a real API server: who gets which block, and what happens when that does not go."""

from __future__ import annotations

import itertools
from typing import Any

import attrs
import pytest

from nodesim.controllers.nodeipam import NodeIpamController
from nodesim.messages import Delete, Failure, Patch
from nodesim.profiles import V1_24, V1_36, Profile, Settings
from nodesim.units import SECOND
from tests.apiserver.cluster import node
from tests.controllers.live import Live

NAME = "node-ipam-controller"


def allocator(profile: Profile = V1_36, cluster: str = "10.0.0.0/22") -> NodeIpamController:
    """A fresh process of it."""
    options = {"allocate_node_cidrs": True, "cluster_cidr": cluster}
    return NodeIpamController(attrs.evolve(Settings.of(profile), **options), profile)


def played(*names: str, profile: Profile = V1_36, cluster: str = "10.0.0.0/22") -> Live:
    """The nodes are made one after another, within a second."""
    made = Live({NAME: allocator(profile, cluster)}, profile=profile).run(0.1)
    for name in names:
        made.create("nodes", node(name))
        made.run(0.01)
    return made


def blocks(live: Live) -> dict[str, Any]:
    """Node -> third number of its block; what has none is left out."""
    found = {}
    for each in live.listed("nodes"):
        cidrs = (each.get("spec") or {}).get("podCIDRs")
        if cidrs:
            assert each["spec"]["podCIDR"] == cidrs[0]
            found[each["metadata"]["name"]] = int(cidrs[0].split(".")[2])
    return found


def test_nodes_get_blocks_in_the_order_in_which_they_come() -> None:
    """Each the next one; both fields of the Node say it."""
    assert blocks(played("c", "a", "b")) == {"c": 0, "a": 1, "b": 2}


def test_a_deleted_nodes_block_is_free_and_comes_last() -> None:
    """The walk goes on behind the last block."""
    live = played("a", "b")
    live.ok(Delete("nodes", "", "a"))
    for name in ("c", "d", "e"):
        live.create("nodes", node(name))
        live.run(0.01)
    assert blocks(live) == {"b": 1, "c": 2, "d": 3, "e": 0}
    assert [record.object for record in live.records("PodCIDRsReleased")] == ["Node/a"]


def test_nodes_that_are_there_at_the_start_are_heeded_first() -> None:
    """What they hold is taken before anybody gets anything, and the others come by name from the first block on."""
    live = Live({})
    live.create("nodes", node("a"))
    live.create("nodes", node("z", podCIDR="10.0.0.0/24"))
    live.create("nodes", node("b"))
    live.start(NAME, allocator())
    assert blocks(live.run(1)) == {"a": 1, "b": 2, "z": 0}


def test_a_node_that_brings_its_block_keeps_it() -> None:
    """It is marked as taken, so that nobody else gets it."""
    live = played("a")
    live.create("nodes", node("b", podCIDRs=["10.0.1.0/24"]))
    live.create("nodes", node("c"))
    assert blocks(live.run(1)) == {"a": 0, "b": 1, "c": 2}


FULL = ("a", "b", "c", "d", "late")


def test_a_node_without_a_block_is_tried_again_and_again() -> None:
    """An event at each try, 5 ms, 10 ms, 20 ms, ... apart; a freed block is taken at the next try."""
    live = played(*FULL)
    begun = live.events("CIDRNotAvailable")[0]
    assert begun[1:] == ("Node/late", "Node late status is now: CIDRNotAvailable")
    live.run(1)
    tries = [at for at, _, _ in live.events("CIDRNotAvailable")]
    gaps = [round((later - at) * 1000) for at, later in itertools.pairwise(tries)]
    assert gaps == [5, 10, 20, 40, 80, 160, 320]
    assert live.records("CIDRNotAvailable")[-1].fields["count"] == 8
    assert live.records("CIDRNotAvailable")[-1].fields["type"] == "Normal"
    assert live.records("CIDRNotAvailable")[-1].fields["component"] == "cidrAllocator"
    live.ok(Delete("nodes", "", "b"))
    assert "late" not in blocks(live)
    assert blocks(live.run(0.5))["late"] == 1


def test_up_to_1_30_only_a_change_of_the_node_helps() -> None:
    """One event, and the next try with the next change, whatever it is."""
    live = played(*FULL, profile=V1_24)
    live.run(10)
    assert len(live.events("CIDRNotAvailable")) == 1
    live.ok(Delete("nodes", "", "b"))
    assert "late" not in blocks(live.run(100))
    live.patch("nodes", "late", {"metadata": {"labels": {"a": "b"}}})
    assert blocks(live.run(0.1))["late"] == 1


@pytest.mark.parametrize(("reason", "kept"), [("ServerTimeout", True), ("InternalError", False)])
def test_a_block_that_cannot_be_written(reason: str, kept: bool) -> None:
    """Three tries in a row, then an event; the block is free again, unless it may have been written after all."""
    live = Live({NAME: allocator()}).run(0.1)
    failed = 0

    def refuse(client: str, request: Any) -> Failure | None:
        nonlocal failed
        if client != NAME or not isinstance(request, Patch) or request.resource != "nodes" or failed == 3:
            return None
        failed += 1
        return Failure(500, reason, "etcd is busy")

    live.server.refuse = refuse
    live.create("nodes", node("a"))
    live.run(1)
    assert len(live.requests(NAME, Patch)) == 4
    assert [text for _, _, text in live.events("CIDRAssignmentFailed")] == [
        "Node a status is now: CIDRAssignmentFailed"
    ]
    assert blocks(live) == {"a": 1}
    for name in ("b", "c", "d"):
        live.create("nodes", node(name))
        live.run(0.01)
    assert blocks(live) == {"a": 1, "b": 2, "c": 3} | ({} if kept else {"d": 0})


def test_a_node_that_went_meanwhile_gets_nothing() -> None:
    """Its block is given back once three tries met NotFound."""
    live = played()
    live.post(Delete("nodes", "", "a"))
    live.server.refuse = lambda client, request: (
        Failure(404, "NotFound", "nodes a not found") if client == NAME and isinstance(request, Patch) else None
    )
    live.create("nodes", node("a"))
    live.post(Delete("nodes", "", "a"))
    live.run(0.1)
    live.server.refuse = lambda client, request: None
    for name in ("b", "c", "d", "e"):
        live.create("nodes", node(name))
        live.run(0.01)
    assert blocks(live) == {"b": 1, "c": 2, "d": 3, "e": 0}


def test_garbage_on_a_node_keeps_the_allocator_from_starting() -> None:
    """It says why, and hands out nothing."""
    live = Live({})
    live.create("nodes", node("a", podCIDRs=["192.168.0.0/24"]))
    live.create("nodes", node("b"))
    live.start(NAME, allocator())
    live.run(100)
    (refused,) = live.records("AllocatorNotStarted")
    assert "is out the range of cluster cidr 10.0.0.0/22" in refused.fields["why"]
    assert live.requests(NAME) == []


def test_two_families() -> None:
    """A node gets one block of each; the first one stands in podCIDR."""
    live = played("a", "b", cluster="10.0.0.0/22,fd00::/56")
    spec = (live.get("nodes", "b") or {})["spec"]
    assert spec["podCIDRs"] == ["10.0.1.0/24", "fd00:0:0:1::/64"]
    assert spec["podCIDR"] == "10.0.1.0/24"


def test_the_allocator_answers_at_once() -> None:
    """A hop to hear of the node, a hop to write."""
    live = played("a")
    (made,) = [record.t_us for record in live.records("ObjectCreated") if record.object == "Node/a"]
    ((written, _),) = live.requests(NAME)
    assert written - made <= SECOND // 100
