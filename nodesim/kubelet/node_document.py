"""What does a kubelet say of its machine when it registers it?

The whole Node document of a first POST, and the parts of its status that only the machine decides (capacity, addresses,
versions).  Sources: pkg/kubelet/kubelet_node_status.go `initialNode`, pkg/kubelet/nodestatus/setters.go,
pkg/kubelet/cm/node_container_manager_linux.go `GetNodeAllocatableReservation`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import ip_network
from typing import Any, Final

from nodesim.objects import Document
from nodesim.profiles import Profile
from nodesim.spec import NodeSpec
from nodesim.units import quantity_units

ARCHITECTURE: Final = "amd64"
OPERATING_SYSTEM: Final = "linux"
KUBELET_PORT: Final = 10250

PODS_MAX: Final = "110"
"""--max-pods where the machine's description names no number."""

MEMORY_AVAILABLE_BYTES: Final = 100 * 1024 * 1024
"""Hard eviction threshold memory.available, the only default that lowers allocatable memory."""

TENTH_AS_FLOAT32: Final = 13_421_773
"""10 % as Kubernetes keeps it (a float32), in units of 2**-27: slightly more than a tenth."""

ATTACH_DETACH: Final = "volumes.kubernetes.io/controller-managed-attach-detach"

DEFAULT_LABELS: Final = (
    "kubernetes.io/hostname",
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
    "node.kubernetes.io/instance-type",
    "beta.kubernetes.io/instance-type",
    "kubernetes.io/os",
    "kubernetes.io/arch",
    "node.kubernetes.io/windows-build",
    "beta.kubernetes.io/os",
    "beta.kubernetes.io/arch",
)
"""The labels that are put right on a Node that exists already (`updateDefaultLabels`); no others are."""

CLOUD_LABELS: Final = DEFAULT_LABELS[1:7]
"""Where a machine stands and what it is: in a cloud the cloud's controllers say it."""

UNINITIALIZED_TAINT: Final = {
    "key": "node.cloudprovider.kubernetes.io/uninitialized",
    "value": "true",
    "effect": "NoSchedule",
}

OS_ARCH_LABELS: Final = {"kubernetes.io/os": OPERATING_SYSTEM, "kubernetes.io/arch": ARCHITECTURE}
"""Every status update looks whether these are there (`updateNode`)."""

_NAME_NUMBER: Final = re.compile(r"^(.*?)(\d{1,4})$")


def node_number(name: str) -> tuple[int, int]:
    """Two numbers (below 256, below 65,536) of a node's name, from which its addresses are made.

    Names that differ in a last number up to 9,999 get different numbers, so a template's nodes never share an address.
    """
    match = _NAME_NUMBER.match(name)
    prefix = match[1] if match else name
    digest = hashlib.sha256(prefix.encode()).digest()
    low = int(match[2]) + 1 if match else int.from_bytes(digest[1:3], "big")
    return digest[0], low


def internal_ip(name: str) -> str:
    """The machine's address inside the cluster: 10.x.y.z."""
    high, low = node_number(name)
    return f"10.{high}.{low >> 8}.{low & 255}"


def pod_ips(name: str, number: int, cidrs: Sequence[str] = ()) -> tuple[str, ...]:
    """The addresses of a machine's n-th sandbox (from 1): of each of its blocks the n-th behind that of the bridge.

    Without a block one that is made of the machine's name.  When they are used up they are used again.
    """
    if cidrs:
        return tuple(_nth_address(cidr, number) for cidr in cidrs)
    _, low = node_number(name)
    return (f"100.{64 + (low >> 8) % 64}.{low & 255}.{1 + (number - 1) % 254}",)


def _nth_address(cidr: str, number: int) -> str:
    network = ip_network(cidr, strict=False)
    # Neither the network's own address, nor the bridge's behind it, nor the last one, which is for broadcasts.
    places = max(1, min(network.num_addresses - 3, 1 << 16))
    return str(network[(2 + (number - 1) % places) % network.num_addresses])


def _bytes_quantity(amount: int) -> str:
    """Bytes in the canonical form of a binary quantity: the largest suffix that leaves a whole number."""
    for power, suffix in ((6, "Ei"), (5, "Pi"), (4, "Ti"), (3, "Gi"), (2, "Mi"), (1, "Ki")):
        if amount and amount % (1 << 10 * power) == 0:
            return f"{amount >> 10 * power}{suffix}"
    return str(amount)


def allocatable_of(capacity: dict[str, str]) -> dict[str, str]:
    """What ordinary pods may use: capacity less the hard eviction thresholds (100 Mi of memory, 10 % of the disk).

    Huge pages are taken from memory.  Sources: `GetNodeAllocatableReservation`, `hardEvictionReservation`; the float32
    percentage: pkg/kubelet/eviction/api/types.go `GetThresholdQuantity`.
    """
    return dict(_allocatable(tuple(capacity.items())))


@lru_cache(maxsize=256)
def _allocatable(capacity: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    result = dict(capacity)
    if "memory" in result:
        left = quantity_units(result["memory"]) - MEMORY_AVAILABLE_BYTES
        left -= sum(quantity_units(amount) for name, amount in capacity if name.startswith("hugepages-"))
        result["memory"] = _bytes_quantity(max(0, left))
    if "ephemeral-storage" in result:
        disk = quantity_units(result["ephemeral-storage"])
        result["ephemeral-storage"] = _bytes_quantity(max(0, disk - (disk * TENTH_AS_FLOAT32 >> 27)))
    return tuple(result.items())


def boot_id(name: str, boot: int) -> str:
    """A kernel's boot id: another one after each power-on."""
    digest = hashlib.sha256(f"{name}/{boot}".encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}"


def machine_status(spec: NodeSpec, profile: Profile, boot: int) -> Document:
    """The parts of status that the machine decides: all but the conditions."""
    capacity = {"pods": PODS_MAX, **spec.capacity}
    machine_id = hashlib.sha256(spec.name.encode()).hexdigest()[:32]
    info: dict[str, Any] = {
        "machineID": machine_id,
        "systemUUID": f"{machine_id[:8]}-{machine_id[8:12]}-{machine_id[12:16]}-{machine_id[16:20]}-{machine_id[20:]}",
        "bootID": boot_id(spec.name, boot),
        "kernelVersion": "6.1.0",
        "osImage": "nodesim",
        "containerRuntimeVersion": "containerd://2.1.0",
        "kubeletVersion": profile.kubelet_version,
        "kubeProxyVersion": profile.kubelet_version if profile.kube_proxy_version else "",
        "operatingSystem": OPERATING_SYSTEM,
        "architecture": ARCHITECTURE,
    }
    return {
        "capacity": capacity,
        "allocatable": allocatable_of(capacity),
        "addresses": [
            *([] if spec.external_cloud else [{"type": "InternalIP", "address": internal_ip(spec.name)}]),
            {"type": "Hostname", "address": spec.name},
        ],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": KUBELET_PORT}},
        "nodeInfo": info,
    }


def initial_node(spec: NodeSpec, status: Document) -> Document:
    """The Node that a kubelet POSTs; labels of the description overwrite the defaults.

    In a cloud it waits, tainted, for that cloud's controllers to say where it stands and what its address is.
    """
    labels = {
        "beta.kubernetes.io/arch": ARCHITECTURE,
        "beta.kubernetes.io/os": OPERATING_SYSTEM,
        "kubernetes.io/arch": ARCHITECTURE,
        "kubernetes.io/hostname": spec.name,
        "kubernetes.io/os": OPERATING_SYSTEM,
        **{key: label for key, label in spec.labels.items() if not (spec.external_cloud and key in CLOUD_LABELS)},
    }
    document: Document = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": spec.name, "labels": labels, "annotations": {ATTACH_DETACH: "true"}},
        "spec": {},
        "status": status,
    }
    taints = [dict(taint) for taint in spec.taints]
    if spec.external_cloud:
        taints.append(dict(UNINITIALIZED_TAINT))
    if taints:
        document["spec"]["taints"] = taints
    return document


def reconciliation(initial: Document, existing: Document) -> Document | None:
    """The one patch that puts an existing Node right, None where nothing differs.

    Only default labels and one annotation: custom labels, taints and spec of a Node that exists are left as they are
    (`tryRegisterWithAPIServer`, `updateDefaultLabels`, `reconcileCMADAnnotationWithExistingNode`).
    """
    wanted = initial["metadata"]["labels"]
    metadata = existing["metadata"]
    found = metadata.get("labels") or {}
    labels = {key: wanted[key] for key in DEFAULT_LABELS if key in wanted and found.get(key) != wanted[key]}
    change: Document = {"labels": labels} if labels else {}
    if (metadata.get("annotations") or {}).get(ATTACH_DETACH) != "true":
        change["annotations"] = {ATTACH_DETACH: "true"}
    return {"metadata": change} if change else None
