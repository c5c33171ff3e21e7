"""Which block of a cluster's range comes next?

A range is cut into blocks of one size.  The next one is the first free one behind the last that was handed out, around
the end: what is given back waits until the walk comes by again.  Nothing of that place survives a restart.

Sources: pkg/controller/nodeipam/ipam/cidrset/cidr_set.go (`AllocateNext`, `Occupy`, `Release`,
`getBeginningAndEndIndices`).
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TypeAlias

Network: TypeAlias = IPv4Network | IPv6Network


def parse_network(cidr: str) -> Network | None:
    """The network that a CIDR names, host bits dropped, as Go's ParseCIDR; None: it is none."""
    if "/" not in cidr:
        return None
    try:
        return ip_network(cidr, strict=False)
    except ValueError:
        return None


def overlap(one: Network, other: Network) -> bool:
    """Do they share an address?  Networks of two families never do."""
    return one.version == other.version and (
        one.network_address in other or other.network_address in one  # Networks nest or are apart.
    )


class CidrSet:
    """The blocks of `cluster` with masks of `node_mask` bits (at least the cluster's), and which of them are taken."""

    def __init__(self, cluster: Network, node_mask: int) -> None:
        assert cluster.prefixlen <= node_mask <= cluster.max_prefixlen, "the scenario's reader sees to it"
        self.cluster = cluster
        self.blocks = 1 << (node_mask - cluster.prefixlen)
        self._node_mask = node_mask
        self._block_bits = cluster.max_prefixlen - node_mask
        self._used: set[int] = set()
        self._next = 0

    def __repr__(self) -> str:
        return f"<CidrSet {self.cluster} /{self._node_mask} used={self.used}/{self.blocks} next={self._next}>"

    @property
    def used(self) -> int:
        """How many blocks are taken."""
        return len(self._used)

    def allocate_next(self) -> str | None:
        """Take the next free block; None: there is none."""
        if len(self._used) == self.blocks:
            return None
        index = self._next
        while index in self._used:
            index = (index + 1) % self.blocks
        self._next = (index + 1) % self.blocks
        self._used.add(index)
        base = int(self.cluster.network_address)
        return str(type(self.cluster)((base + (index << self._block_bits), self._node_mask)))

    def occupy(self, network: Network) -> bool:
        """Take whatever a network touches, also if it was taken; False: it lies outside of the range."""
        touched = self._touched(network)
        self._used.update(touched or ())
        return touched is not None

    def release(self, network: Network) -> bool:
        """Give back whatever a network touches; False: it lies outside of the range."""
        touched = self._touched(network)
        self._used.difference_update(touched or ())
        return touched is not None

    def _touched(self, network: Network) -> range | None:
        if not overlap(network, self.cluster):
            return None
        if network.prefixlen <= self.cluster.prefixlen:
            return range(self.blocks)
        base = int(self.cluster.network_address)
        first = (int(network.network_address) - base) >> self._block_bits
        last = (int(network.broadcast_address) - base) >> self._block_bits
        return range(first, last + 1)
