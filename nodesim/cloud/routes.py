"""Do packets find the pods of each node?

Every 10 s the routes of the cloud are compared with the blocks of addresses that nodes hold.  What leads nowhere is
deleted, what is missing is made, and each node with a block is told: NetworkUnavailable False (RouteCreated), or True
(NoRouteCreated), which the node lifecycle controller makes a taint of.  Where the routes cannot even be listed nothing
is done at all, and a node that waits for its block says nothing.

Source: staging/src/k8s.io/cloud-provider/controllers/route/route_controller.go (`Run`, `reconcile`,
`updateNetworkingCondition`).
Left out: gateways and addresses of routes, which of the clouds that set them are updated when a node's change.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nodesim.client.events import EventRecorder
from nodesim.client.watches import WatchSpec
from nodesim.clocks import TRUE_CLOCK, Clock
from nodesim.cloud.provider import CloudError, Provider, Route
from nodesim.cloud.views import CloudNode, cloud_node
from nodesim.controllers.nodeipam.blocks import networks_of
from nodesim.controllers.nodeipam.cidr_set import overlap, parse_network
from nodesim.controllers.workload.caches import keep
from nodesim.machine import Call, Changed, ProgramEffect, ProgramEvent, Record, SetTimer, Synced, TimerFired
from nodesim.messages import Patch
from nodesim.objects import encode_document, whole_second
from nodesim.profiles import Settings

ACTOR: Final = "route-controller"
COMPONENT: Final = "route_controller"
"""Its name in events."""
_TICK: Final = "reconcile"
_CONDITIONS: Final = {
    True: ("False", "RouteCreated", "RouteController created a route"),
    False: ("True", "NoRouteCreated", "RouteController failed to create a route"),
}
"""Are all routes of a node there -> status, reason and message of NetworkUnavailable."""


def surplus(routes: Iterable[Route], nodes: Iterable[CloudNode], cluster_cidr: str) -> list[Route]:
    """The routes into the cluster's range that no node's block asks for; others are nobody's business here."""
    wanted = {Route(node.name, cidr) for node in nodes for cidr in node.pod_cidrs}
    clusters = networks_of(cluster_cidr)
    found = []
    for route in routes:
        network = parse_network(route.cidr)
        if route not in wanted and network is not None and any(overlap(network, each) for each in clusters):
            found.append(route)
    return found


class RouteController:
    """The program of the actor `route-controller`.

    One that is there when a run begins is `ahead_us` further in its rhythm than one that starts then.
    """

    watches: tuple[WatchSpec, ...] = (WatchSpec("nodes", cloud_node, steady=True),)

    def __init__(self, settings: Settings, provider: Provider, *, ahead_us: int = 0, clock: Clock = TRUE_CLOCK) -> None:
        self._period_us = settings.route_reconciliation_us
        self._ahead_us = ahead_us % self._period_us
        self._cluster_cidr = settings.cluster_cidr
        self._provider = provider
        self._clock = clock
        self._events = EventRecorder(COMPONENT, clock)
        self._nodes: dict[str, CloudNode] = {}
        self._told = 0

    def __repr__(self) -> str:
        return f"<RouteController nodes={len(self._nodes)}>"

    def handle(self, event: ProgramEvent, now_us: int) -> list[ProgramEffect]:
        """One event in, the orders that follow from it out."""
        match event:
            case Changed():
                keep(self._nodes, event.key, event.new)
            case TimerFired() | Synced():
                # The next one first, without a cause: a rhythm is nobody's consequence.
                again = SetTimer(_TICK, now_us + self._period_us - self._ahead_us, caused=None)
                self._ahead_us = 0
                return [again, *self._reconcile(now_us)]
            case _:
                pass
        return []

    def _reconcile(self, now_us: int) -> list[ProgramEffect]:
        routes = self._provider.routes(now_us)
        if isinstance(routes, CloudError):
            return [Record("RoutesNotKnown", "", {"error": routes.text})]
        effects: list[ProgramEffect] = []
        nodes = [node for _, node in sorted(self._nodes.items())]
        for route in surplus(routes, nodes, self._cluster_cidr):
            if self._provider.delete_route(route, now_us) is None:
                effects.append(Record("RouteDeleted", f"Node/{route.node}", {"cidr": route.cidr}))
        had = {route.node for route in routes}
        for node in nodes:
            if node.pod_cidrs:
                effects += self._serve(node, routes, now_us)
            elif node.name in had:
                effects += self._tell(node, now_us, created=False)
        return effects

    def _serve(self, node: CloudNode, routes: list[Route], now_us: int) -> list[ProgramEffect]:
        """Make what is missing for a node, and tell it how that went."""
        effects: list[ProgramEffect] = []
        created = True
        for cidr in node.pod_cidrs:
            route = Route(node.name, cidr)
            if route in routes:
                continue
            error = self._provider.create_route(route, now_us)
            if error is None:
                effects.append(Record("RouteCreated", f"Node/{node.name}", {"cidr": cidr}))
                continue
            created = False
            text = f"Could not create route {node.uid} {cidr} for node {node.name} after 0s: {error.text}"
            effects.append(
                self._events.event(now_us, "Node", "", node.name, node.name, "Warning", "FailedToCreateRoute", text)
            )
        return effects + self._tell(node, now_us, created=created)

    def _tell(self, node: CloudNode, now_us: int, *, created: bool) -> list[ProgramEffect]:
        status, reason, message = _CONDITIONS[created]
        if node.network_unavailable == status:
            return []
        second = whole_second(self._clock.wall_us(now_us))
        condition = {
            "type": "NetworkUnavailable",
            "status": status,
            "lastHeartbeatTime": second,
            "lastTransitionTime": second,
            "reason": reason,
            "message": message,
        }
        self._told += 1
        change = encode_document({"status": {"conditions": [condition]}})
        return [Call(("condition", self._told), Patch("nodes", "", node.name, "status", "strategic", change))]
