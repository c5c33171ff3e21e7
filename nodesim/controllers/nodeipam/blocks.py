"""Which blocks does a node get, and which does it hold?

One set for each range of the cluster (two with both families).  A node's n-th block is of the n-th range.

Source: pkg/controller/nodeipam/ipam/range_allocator.go (`AllocateOrOccupyCIDR`, `occupyCIDRs`, `ReleaseCIDR`,
`filterOutServiceRange`); masks: cmd/kube-controller-manager/app/core.go `setNodeCIDRMaskSizes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nodesim.controllers.nodeipam.cidr_set import CidrSet, Network, overlap, parse_network
from nodesim.profiles import Settings

DEFAULT_MASKS: Final = {4: 24, 6: 64}


def networks_of(cidrs: str) -> list[Network]:
    """The networks of a list such as `10.244.0.0/16,fd00::/56`; what is none is left out."""
    found = (parse_network(cidr.strip()) for cidr in cidrs.split(",") if cidr.strip())
    return [network for network in found if network is not None]


def node_mask(settings: Settings, version: int) -> int:
    """The size of a node's block, in bits of its mask: of its family, else of both, else the default."""
    own = settings.node_cidr_mask_size_ipv4 if version == 4 else settings.node_cidr_mask_size_ipv6
    return own or settings.node_cidr_mask_size or DEFAULT_MASKS[version]


class Blocks:
    """The sets of all ranges of the cluster, without what services need."""

    def __init__(self, settings: Settings) -> None:
        clusters = networks_of(settings.cluster_cidr)
        self._sets = [CidrSet(cluster, node_mask(settings, cluster.version)) for cluster in clusters]
        for service in networks_of(settings.service_cidr):
            for each in self._sets:
                if overlap(service, each.cluster):
                    each.occupy(service)

    def __repr__(self) -> str:
        return f"<Blocks {self._sets}>"

    def allocate(self) -> list[str] | None:
        """One of each range; None where one of them has none left.

        What the ranges before it gave is then lost until a restart: Kubernetes does not give it back.
        """
        found = []
        for each in self._sets:
            block = each.allocate_next()
            if block is None:
                return None
            found.append(block)
        return found

    def occupy(self, node: str, cidrs: Sequence[str]) -> str:
        """Take what a node holds; why that does not go, "" where it does."""
        for place, cidr in enumerate(cidrs):
            network = parse_network(cidr)
            if network is None:
                return f"failed to parse node {node}, CIDR {cidr}"
            if place >= len(self._sets):
                return (
                    f"node:{node} has an allocated cidr: {cidr} at index:{place} that does not exist in cluster cidrs "
                    "configuration"
                )
            held = self._sets[place]
            if not held.occupy(network):
                return (
                    f"failed to mark cidr[{network}] at idx [{place}] as occupied for node: {node}: cidr {network} is "
                    f"out the range of cluster cidr {held.cluster}"
                )
        return ""

    def release(self, cidrs: Sequence[str]) -> None:
        """Give back what a node held, as far as it was of the cluster's ranges."""
        for cidr, held in zip(cidrs, self._sets, strict=False):
            network = parse_network(cidr)
            if network is None or not held.release(network):
                return
