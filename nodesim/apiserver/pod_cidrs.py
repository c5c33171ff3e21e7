"""What may stand in a Node's spec.podCIDR and spec.podCIDRs?

The list is what counts; its first entry stands in the old field as well.  Where both are written and disagree, the old
field wins, for clients that know only it.
Sources: pkg/apis/core/v1/conversion.go `Convert_v1_NodeSpec_To_core_NodeSpec`; pkg/apis/core/validation/validation.go
`ValidateNode`.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_network

from nodesim.objects import Document

FAMILIES = 2


def with_pod_cidrs(node: Document) -> Document:
    """The Node with both fields saying the same; untouched where neither is there."""
    spec = node.get("spec") or {}
    one, several = spec.get("podCIDR") or "", list(spec.get("podCIDRs") or ())
    if one and (not several or several[0] != one):
        several = [one]
    if several:
        return {**node, "spec": {**spec, "podCIDR": several[0], "podCIDRs": several}}
    if "podCIDR" not in spec and "podCIDRs" not in spec:
        return node
    return {**node, "spec": {key: item for key, item in spec.items() if key not in ("podCIDR", "podCIDRs")}}


def pod_cidr_faults(cidrs: Sequence[str]) -> list[str]:
    """What forbids such a list."""
    versions: list[int] = []
    faults = []
    for place, cidr in enumerate(cidrs):
        try:
            versions.append(ip_network(cidr if "/" in cidr else "", strict=False).version)
        except ValueError:
            faults.append(
                f'spec.podCIDRs[{place}]: Invalid value: "{cidr:.80}": must be a valid CIDR value, '
                "(e.g. 10.9.8.0/24 or 2001:db8::/64)"
            )
    if not faults and (len(cidrs) > FAMILIES or len(set(versions)) < len(cidrs)):
        listed = ",".join(f'"{cidr}"' for cidr in cidrs)
        faults.append(f"spec.podCIDRs: Invalid value: [{listed}]: may specify no more than one CIDR for each IP family")
    return faults
