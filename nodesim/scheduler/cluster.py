"""What is on each node, as the scheduler sees it, and what room is left?

Each node's sums are kept as pods come and go, so that a decision never walks over pods.  A pod counts from the moment
the scheduler assumes it on a node, before the API server knows.  Pods on a node that has no Node object (deleted, or
not seen yet) are kept on a ghost entry, which is never offered.

Sources: pkg/scheduler/framework/types.go (`NodeInfo`), pkg/scheduler/backend/cache/cache.go (`AssumePod`,
`RemoveNode`) and node_tree.go (order of nodes).
"""

from __future__ import annotations

import attrs

from nodesim.objects import Document, Taint, node_view, zone_key
from nodesim.scheduler.pod import HostPort, PodToPlace
from nodesim.units import quantity_milli, quantity_units
from nodesim.values import value


@value
class NodeFacts:
    """What of a Node matters here; two views are equal where only heartbeats, conditions or the like changed."""

    name: str
    labels: dict[str, str]
    taints: tuple[Taint, ...]
    unschedulable: bool
    allocatable: dict[str, int]
    """`cpu` in thousandths, `memory`, `pods` and all else in units."""
    images: tuple[tuple[str, int], ...] = ()
    """Names of images on the node and their sizes in bytes."""
    conditions: tuple[tuple[str, str], ...] = ()
    """Types and statuses; only where a version's queue heeds them."""


def node_facts_with_conditions(document: Document) -> NodeFacts:
    """The scheduler's view of a Node document in versions whose queue heeds its conditions."""
    conditions = (document.get("status") or {}).get("conditions") or ()
    told = tuple((item["type"], item.get("status") or "") for item in conditions)
    return attrs.evolve(node_facts(document), conditions=told)


def node_facts(document: Document) -> NodeFacts:
    """The scheduler's view of a Node document."""
    view = node_view(document)
    images = (document.get("status") or {}).get("images") or ()
    return NodeFacts(
        name=view.name,
        labels=view.labels,
        taints=view.taints,
        unschedulable=view.unschedulable,
        allocatable={
            name: quantity_milli(amount) if name == "cpu" else quantity_units(amount)
            for name, amount in view.allocatable.items()
        },
        images=tuple((name, item.get("sizeBytes") or 0) for item in images for name in item.get("names") or ()),
    )


@attrs.define
class NodeRoom:
    """One node with the pods that count on it and their sums."""

    facts: NodeFacts
    listed: bool
    """False: a ghost, whose Node object is gone or not seen yet."""
    pods: dict[str, PodToPlace] = attrs.field(factory=dict)
    """By UID."""
    requested: dict[str, int] = attrs.field(factory=dict)
    scored_cpu: int = 0
    scored_memory: int = 0
    host_ports: dict[HostPort, int] = attrs.field(factory=dict)
    picky: dict[str, PodToPlace] = attrs.field(factory=dict)
    """Those of the pods that refuse company by required anti-affinity."""
    choosy: dict[str, PodToPlace] = attrs.field(factory=dict)
    """Those of the pods with any term on other pods."""

    @property
    def name(self) -> str:
        """The node's name."""
        return self.facts.name

    def _count(self, pod: PodToPlace, sign: int) -> None:
        wants = pod.wants
        for resource, amount in wants.requests.items():
            self.requested[resource] = self.requested.get(resource, 0) + sign * amount
        self.scored_cpu += sign * wants.scored_cpu
        self.scored_memory += sign * wants.scored_memory
        for port in wants.host_ports:
            users = self.host_ports.get(port, 0) + sign
            if users:
                self.host_ports[port] = users
            else:
                del self.host_ports[port]

    def add(self, pod: PodToPlace) -> None:
        """Count a pod that is not counted here yet."""
        assert pod.uid not in self.pods
        self.pods[pod.uid] = pod
        self._count(pod, 1)
        terms = pod.wants.pod_affinity
        if terms.forbidden:
            self.picky[pod.uid] = pod
        if terms.required or terms.forbidden or terms.preferred:
            self.choosy[pod.uid] = pod

    def remove(self, uid: str) -> None:
        """Count a pod no longer, by what it was counted with."""
        self._count(self.pods.pop(uid), -1)
        self.picky.pop(uid, None)
        self.choosy.pop(uid, None)

    def copy(self) -> NodeRoom:
        """One whose pods can come and go by themselves."""
        return attrs.evolve(
            self,
            pods=dict(self.pods),
            requested=dict(self.requested),
            host_ports=dict(self.host_ports),
            picky=dict(self.picky),
            choosy=dict(self.choosy),
        )


class Cluster:
    """All nodes and the pods on them."""

    def __init__(self) -> None:
        self._rooms: dict[str, NodeRoom] = {}
        self._node_of: dict[str, str] = {}
        self._order: list[NodeRoom] | None = []

    def set_node(self, facts: NodeFacts) -> None:
        """A Node appeared or changed."""
        room = self._rooms.get(facts.name)
        if room is None:
            self._rooms[facts.name] = NodeRoom(facts, listed=True)
            self._order = None
            return
        if not room.listed or zone_key(room.facts.labels) != zone_key(facts.labels):
            self._order = None
        room.facts = facts
        room.listed = True

    def remove_node(self, name: str) -> None:
        """A Node is gone: it is offered no more, at once."""
        room = self._rooms[name]
        room.listed = False
        self._order = None
        if not room.pods:
            del self._rooms[name]

    def place(self, pod: PodToPlace, node: str) -> None:
        """Count a pod on a node; where it was counted before, it is no longer."""
        self.remove_pod(pod.uid)
        room = self._rooms.get(node)
        if room is None:
            ghost = NodeFacts(node, {}, (), False, {})
            room = self._rooms[node] = NodeRoom(ghost, listed=False)
        room.add(pod)
        self._node_of[pod.uid] = node

    def remove_pod(self, uid: str) -> bool:
        """Count a pod nowhere; tells whether it was counted."""
        node = self._node_of.pop(uid, None)
        if node is None:
            return False
        room = self._rooms[node]
        room.remove(uid)
        if not room.listed and not room.pods:
            del self._rooms[node]
        return True

    def counts(self, uid: str) -> bool:
        """Does this pod count on some node?"""
        return uid in self._node_of

    def room(self, node: str) -> NodeRoom | None:
        """The node of this name, also a ghost."""
        return self._rooms.get(node)

    def in_order(self) -> list[NodeRoom]:
        """All nodes that have a Node object, in turn from each zone.

        Kubernetes' node tree takes zones and nodes as they arrived; here both go by name.
        """
        if self._order is None:
            zones: dict[str, list[NodeRoom]] = {}
            for name in sorted(self._rooms):
                room = self._rooms[name]
                if room.listed:
                    zones.setdefault(zone_key(room.facts.labels), []).append(room)
            turns = [(turn, zone) for zone in zones for turn in range(len(zones[zone]))]
            self._order = [zones[zone][turn] for turn, zone in sorted(turns)]
        return self._order
