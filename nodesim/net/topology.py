"""Which link lies between two actors, and what do the scenario's network rules make of it?

Hosts are machines by name; every actor of the control plane sits on the host `CONTROL_PLANE`.  A node has two links,
towards the control plane and back; inside the control plane there is one link of constant latency, which no rule
changes.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import attrs

from nodesim.net.links import Link

CONTROL_PLANE: Final = "control-plane"

Way: TypeAlias = Literal["to-control-plane", "from-control-plane"]
WAYS: Final[tuple[Way, Way]] = ("to-control-plane", "from-control-plane")


@attrs.frozen
class LinkChange:
    """From now on, on these hosts' links of these ways, the set values hold; None leaves a value as it is."""

    hosts: tuple[str, ...]
    ways: tuple[Way, ...]
    latency_us: int | None = None
    jitter_us: int | None = None
    loss_ppm: int | None = None
    duplicate_ppm: int | None = None
    cut: Literal["", "drop", "refuse"] | None = None
    hold: bool | None = None


class Topology:
    """All links, as they are now."""

    def __init__(self, default: Link, inside: Link) -> None:
        self._default = default
        self._inside = inside
        self._links: dict[tuple[str, Way], Link] = {}

    def link(self, source: str, destination: str) -> Link:
        """The link from one host to another; the same object at every call, so that it may be kept."""
        if source == destination:
            return self._inside
        if destination == CONTROL_PLANE:
            return self._of(source, "to-control-plane")
        if source == CONTROL_PLANE:
            return self._of(destination, "from-control-plane")
        msg = f"no link between {source} and {destination}: nodes talk to the control plane only"
        raise ValueError(msg)

    def apply(self, change: LinkChange) -> None:
        """Change the links of some hosts."""
        values = {
            name: value
            for name in ("latency_us", "jitter_us", "loss_ppm", "duplicate_ppm", "cut", "hold")
            if (value := getattr(change, name)) is not None
        }
        for host in change.hosts:
            for way in change.ways:
                link = self._of(host, way)
                for name, value in values.items():
                    setattr(link, name, value)
                link.settle()

    def _of(self, host: str, way: Way) -> Link:
        found = self._links.get((host, way))
        if found is None:
            found = self._links[host, way] = attrs.evolve(self._default)
        return found


def host_of(actor: str) -> str:
    """The machine on which an actor runs: `node/NAME` on NAME, all others on the control plane."""
    return actor[5:] if actor.startswith("node/") else CONTROL_PLANE
