"""How are the networks written from which nodes get their pods' addresses, and do they fit together?

Source of what must fit: cmd/kube-controller-manager/app/core.go `startNodeIpamController`, `setNodeCIDRMaskSizes`;
pkg/controller/nodeipam/node_ipam_controller.go `NewNodeIpamController`; cidrset/cidr_set.go `NewCIDRSet`.
"""

from __future__ import annotations

from typing import Final

from nodesim.controllers.nodeipam.blocks import DEFAULT_MASKS, networks_of
from nodesim.controllers.nodeipam.cidr_set import parse_network
from nodesim.scenario.faults import clip
from nodesim.scenario.reading import Cursor, Fields, text

CIDRS_FORM: Final = 'a range such as 10.244.0.0/16, or one of each family: "10.244.0.0/16,fd00::/56"'
CIDR_FORM: Final = "a network such as 10.244.1.0/24"
IPV6_DIFFERENCE_MAX: Final = 16
"""clusterSubnetMaxDiff: a range of IPv6 has at most so many bits of blocks."""
IPV4_DIFFERENCE_MAX: Final = 24
"""More blocks than any cluster has nodes."""
SIZES: Final = ("nodeCIDRMaskSize", "nodeCIDRMaskSizeIPv4", "nodeCIDRMaskSizeIPv6")


def cidr(cursor: Cursor) -> str | None:
    """One network, as Kubernetes prints it."""
    written = text(cursor, CIDR_FORM)
    if written is None:
        return None
    network = parse_network(written)
    if network is None:
        cursor.fault(f"not {CIDR_FORM}: {clip(written)}")
        return None
    return str(network)


def cidrs(cursor: Cursor) -> str | None:
    """One range, or two of different families."""
    written = text(cursor, CIDRS_FORM)
    if written is None:
        return None
    parts = written.split(",")
    networks = networks_of(written)
    if len(networks) < len(parts):
        wrong = next(part for part in parts if parse_network(part.strip()) is None)
        cursor.fault(f"not {CIDRS_FORM}: {clip(wrong)}")
        return None
    if len(networks) > 1 and sorted(network.version for network in networks) != [4, 6]:
        cursor.fault(f"several ranges must be one of IPv4 and one of IPv6, got {clip(written)}")
        return None
    return ",".join(str(network) for network in networks)


def check_cidrs(found: Fields, settings: dict[str, int | str | bool]) -> None:
    """Do the settings of pods' networks fit together?"""
    written = [key for key in ("clusterCIDR", "serviceCIDR", *SIZES) if key in found]
    if not settings.get("allocate_node_cidrs"):
        if written and "allocateNodeCIDRs" not in found:
            found.cursor.fault("has no effect without allocateNodeCIDRs: true", found.key_mark(written[0]))
        return
    networks = networks_of(str(settings.get("cluster_cidr", "")))
    if not networks:
        if "clusterCIDR" not in found:
            found.cursor.fault(f"allocateNodeCIDRs needs clusterCIDR: {CIDRS_FORM}")
        return
    if len(networks) > 1 and "nodeCIDRMaskSize" in found:
        place = found.key_mark("nodeCIDRMaskSize")
        found.cursor.fault("not for two families: use nodeCIDRMaskSizeIPv4 and nodeCIDRMaskSizeIPv6", place)
        return
    for network in networks:
        own = f"nodeCIDRMaskSizeIPv{network.version}"
        key = own if own in found else "nodeCIDRMaskSize"
        size = found.get(key)
        attribute = "node_cidr_mask_size" if key == "nodeCIDRMaskSize" else f"node_cidr_mask_size_ipv{network.version}"
        mask = int(settings.get(attribute) or DEFAULT_MASKS[network.version])
        most = IPV6_DIFFERENCE_MAX if network.version == 6 else IPV4_DIFFERENCE_MAX
        low, high = network.prefixlen, min(network.max_prefixlen, network.prefixlen + most)
        if not low <= mask <= high:
            at = found.cursor if size is None else size
            at.fault(f"a block of {network} must have from {low} to {high} bits of mask, got {mask} ({key})")
