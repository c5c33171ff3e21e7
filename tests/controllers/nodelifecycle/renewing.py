"""Nodes that renew their leases up to an instant, and what the controller then wrote about them."""

from __future__ import annotations

from nodesim.units import MILLISECOND, SECOND
from tests.controllers.nodelifecycle.cluster import Cluster, node, zone_labels

TRIP = 2 * MILLISECOND
"""A PUT and its answer."""


def healthy(
    cluster: Cluster, names: list[str], *, until_us: int, labels: dict[str, dict[str, str]] | None = None
) -> None:
    """Ready nodes that renew their leases every 10 s, all at the same time, up to an instant."""
    for name in names:
        cluster.put("nodes", node(name, labels=(labels or {}).get(name)))
        cluster.renew_every(name, 0, until_us)


def kept_alive(cluster: Cluster, names: list[str], from_us: int, until_us: int) -> None:
    """Go on renewing."""
    for name in names:
        cluster.renew_every(name, from_us, until_us)


def fall_silent(
    cluster: Cluster,
    names: list[str],
    *,
    but: list[str],
    until_us: int,
    labels: dict[str, dict[str, str]] | None = None,
) -> None:
    """Ready nodes that renew their leases once, at 0, but some of them go on."""
    healthy(cluster, names, until_us=1, labels=labels)
    kept_alive(cluster, but, 10 * SECOND, until_us)


def two_zones(cluster: Cluster, size: int) -> tuple[list[str], list[str]]:
    """Nodes a0.. in zone A and b0.. in zone B, all seen by the first pass at 0."""
    first, second = ([f"{zone}{n}" for n in range(size)] for zone in "ab")
    labels = {name: zone_labels(name[0]) for name in (*first, *second)}
    healthy(cluster, [*first, *second], until_us=1, labels=labels)
    return first, second


def unknown_at(cluster: Cluster) -> dict[str, int]:
    """Node -> when the controller sent its Unknown."""
    return {object_.split("/")[1]: t_us for t_us, object_, _ in cluster.records("NodeStatusUnknown")}


def no_execute_writes(cluster: Cluster, name: str) -> list[tuple[int, list[str]]]:
    """(us, keys of NoExecute taints) each time that those of a stored node changed."""
    seen: list[tuple[int, list[str]]] = []
    before: list[str] = []
    for t_us, resource, key, document in cluster.history:
        taints = (document.get("spec") or {}).get("taints") or []
        keys = [item["key"].split("/")[1] for item in taints if item["effect"] == "NoExecute"]
        if (resource, key) == ("nodes", name) and keys != before:
            seen.append((t_us, keys))
            before = keys
    return seen
