"""Routes follow the nodes' blocks, and nodes are told whether they have theirs."""

from __future__ import annotations

import attrs
import pytest

from nodesim.cloud import Provider, RouteController
from nodesim.cloud.provider import Route
from nodesim.cloud.routes import surplus
from nodesim.cloud.views import cloud_node
from nodesim.messages import Delete, Patch
from nodesim.profiles import V1_36, Settings
from nodesim.units import SECOND
from tests.cloud.around import cloud, found, node_of
from tests.controllers.live import Live

NAME = "route-controller"
SETTINGS = attrs.evolve(Settings.of(V1_36), allocate_node_cidrs=True, cluster_cidr="10.244.0.0/16")
A, B = Route("a", "10.244.0.0/24"), Route("b", "10.244.1.0/24")


def played(provider: Provider, **blocks: str) -> Live:
    """Nodes with these blocks ("": none); looks at 0 s, 10 s, 20 s, ..."""
    live = Live({NAME: RouteController(SETTINGS, provider)}).run(0.5)
    for name, block in blocks.items():
        live.create("nodes", node_of(name, taints=[], **({"podCIDRs": block.split(",")} if block else {})))
    return live


def network(live: Live, name: str) -> tuple[str, str] | None:
    """Status and reason of NetworkUnavailable."""
    conditions = found(live, name)["status"].get("conditions") or ()
    return next(((each["status"], each["reason"]) for each in conditions if each["type"] == "NetworkUnavailable"), None)


def test_a_node_with_a_block_gets_a_route_at_the_next_look() -> None:
    """Up to then nothing is said; one without a block is left alone."""
    provider = cloud()
    live = played(provider, a=A.cidr, b="").run(9)
    assert network(live, "a") is None
    live.run(1)
    assert provider.routes(0) == [A]
    assert network(live, "a") == ("False", "RouteCreated")
    assert network(live, "b") is None
    live.run(60)
    assert len(live.requests(NAME, Patch)) == 1


def test_a_cloud_that_gives_no_more_routes_makes_the_network_unavailable() -> None:
    """An event and the condition, once; when there is room, the next look helps."""
    provider = cloud(route_quota=1)
    live = played(provider, a=A.cidr, b=B.cidr).run(30)
    assert network(live, "a") == ("False", "RouteCreated")
    assert network(live, "b") == ("True", "NoRouteCreated")
    about, text = live.events("FailedToCreateRoute")[0][1:]
    assert about == "Node/b"
    assert text.startswith("Could not create route ")
    assert text.endswith(" 10.244.1.0/24 for node b after 0s: the cloud's quota of routes is used up")
    assert live.records("FailedToCreateRoute")[-1].fields["count"] == 3
    assert len(live.requests(NAME, Patch)) == 2
    live.ok(Delete("nodes", "", "a"))
    live.run(10)
    assert provider.routes(0) == [B]
    assert network(live, "b") == ("False", "RouteCreated")


def test_while_the_cloud_fails_nothing_is_said() -> None:
    """Routes that cannot be listed are not missing."""
    provider = cloud(down=(5, 25))
    live = played(provider, a=A.cidr).run(22)
    assert network(live, "a") is None
    assert [record.t_us // SECOND for record in live.records("RoutesNotKnown")] == [10, 20]
    live.run(10)
    assert network(live, "a") == ("False", "RouteCreated")


def test_both_families_must_have_their_route() -> None:
    """A node with one of two is cut off."""
    provider = cloud(route_quota=1)
    settings = attrs.evolve(SETTINGS, cluster_cidr="10.244.0.0/16,fd00::/56")
    live = Live({NAME: RouteController(settings, provider)}).run(0.5)
    live.create("nodes", node_of("a", taints=[], podCIDRs=["10.244.0.0/24", "fd00::/64"]))
    live.run(10)
    assert provider.routes(0) == [A]
    assert network(live, "a") == ("True", "NoRouteCreated")


def test_a_restart_finds_the_routes_and_says_nothing_new() -> None:
    """They are the cloud's, not the process's."""
    provider = cloud()
    live = played(provider, a=A.cidr).run(10)
    again = "route-controller-2"
    live.start(again, RouteController(SETTINGS, provider))
    live.run(30)
    assert provider.routes(0) == [A]
    assert live.requests(again) == []


@pytest.mark.parametrize(
    ("routes", "left"),
    [
        ([A, B], []),
        ([Route("b", "10.244.0.0/24")], [Route("b", "10.244.0.0/24")]),
        ([Route("gone", "10.244.9.0/24"), A], [Route("gone", "10.244.9.0/24")]),
        ([Route("a", "10.0.0.0/24")], []),
        ([Route("a", "10.0.0.0/8")], [Route("a", "10.0.0.0/8")]),
        ([Route("a", "garbage")], []),
    ],
)
def test_which_routes_lead_nowhere(routes: list[Route], left: list[Route]) -> None:
    """Those into the cluster's range that no node's block asks for; others are not touched."""
    nodes = [cloud_node(node_of(route.node, podCIDRs=[route.cidr])) for route in (A, B)]
    assert surplus(routes, nodes, "10.244.0.0/16") == left


@pytest.mark.parametrize("ahead", [0, 3, 12])
def test_the_first_pause_is_shorter_by_what_lies_before_the_run(ahead: int) -> None:
    """Then every 10 s."""
    live = Live({NAME: RouteController(SETTINGS, cloud(down=(0.01, 99)), ahead_us=ahead * SECOND)}).run(30)
    asked = [round(record.t_us / SECOND) for record in live.records("RoutesNotKnown")]
    assert asked[:2] == [10 - ahead % 10, 20 - ahead % 10]
