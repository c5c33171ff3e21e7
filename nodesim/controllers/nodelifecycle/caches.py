"""What does the controller know of the cluster?

Its copies of the watched objects, and what changed since the last pass asked.  A renewed lease is the one thing that
happens all the time (5,000 nodes: 500 times a second), so it costs one dict store and nothing else.
"""

from __future__ import annotations

import attrs

from nodesim.controllers.nodelifecycle.views import NodeObject, PodObject
from nodesim.controllers.unordered import in_any_order
from nodesim.objects import LeaseView


@attrs.define
class Caches:
    """Nodes, pods and node leases, as the watches told."""

    nodes: dict[str, NodeObject] = attrs.field(factory=dict, init=False)
    zones: dict[str, int] = attrs.field(factory=dict, init=False)
    """How many cached nodes each zone has; zones without any are left out."""
    changed: dict[str, None] = attrs.field(factory=dict, init=False)
    """Names of nodes that appeared, changed or went since the last pass began."""
    _leases: dict[str, int] = attrs.field(factory=dict, init=False)
    """node -> renewTime of its lease when the last pass looked, us by its holder's clock."""
    _renewed: dict[str, int] = attrs.field(factory=dict, init=False)
    """The same, of the leases that changed since."""
    pods: dict[str, PodObject] = attrs.field(factory=dict, init=False)
    """By `namespace/name`."""
    _lent: bool = attrs.field(default=False, init=False)
    """Does somebody hold `nodes` as they are now?"""
    _bound: dict[str, set[str]] = attrs.field(factory=dict, init=False)
    """node -> keys of its pods"""

    def lease_changed(self, old: LeaseView | None, new: LeaseView | None) -> None:
        """A lease appeared, was renewed, or went."""
        if new is not None:
            self._renewed[new.name] = new.renew_us
        else:
            assert old is not None
            self._leases.pop(old.name, None)
            self._renewed.pop(old.name, None)

    def lease_renewed(self, name: str, renew_us: int) -> None:
        """Only the renewTime of a lease is new: the port by which heartbeats come in."""
        self._renewed[name] = renew_us

    def lease_us(self, name: str) -> int | None:
        """The renewTime of a node's lease, us by its holder's clock; None where it has none."""
        renewed_us = self._renewed.get(name)
        return self._leases.get(name) if renewed_us is None else renewed_us

    def node_changed(self, name: str, new: NodeObject | None) -> None:
        """A node appeared, changed, or went."""
        if self._lent:
            self._lent, self.nodes = False, dict(self.nodes)
        old = self.nodes.pop(name, None)
        if old is not None:
            self.zones[old.zone] -= 1
            if not self.zones[old.zone]:
                del self.zones[old.zone]
        if new is not None:
            self.nodes[name] = new
            self.zones[new.zone] = self.zones.get(new.zone, 0) + 1
        self.changed[name] = None

    def pod_changed(self, key: str, new: PodObject | None) -> None:
        """A pod appeared, changed, or went."""
        old = self.pods.pop(key, None)
        if old is not None and old.node:
            self._bound[old.node].discard(key)
        if new is not None:
            self.pods[key] = new
            if new.node:
                self._bound.setdefault(new.node, set()).add(key)

    def pods_on(self, node: str) -> list[PodObject]:
        """The pods bound to a node, in any order, like Kubernetes' index."""
        return [self.pods[key] for key in in_any_order(self._bound.get(node, ()))]

    def lend_nodes(self) -> dict[str, NodeObject]:
        """The nodes as they are now: a copy is made when one changes."""
        self._lent = True
        return self.nodes

    def take_changed(self) -> dict[str, None]:
        """The names of changed nodes; from now on they count as seen."""
        changed, self.changed = self.changed, {}
        return changed

    def take_renewed(self) -> dict[str, int]:
        """The changed leases; from now on they count as seen."""
        renewed, self._renewed = self._renewed, {}
        self._leases |= renewed
        return renewed
