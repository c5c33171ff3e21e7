"""Which link lies between two actors, and what do the scenario's network rules make of it?

Hosts are machines by name; every actor of the control plane sits on the host `CONTROL_PLANE`.  A node has two links,
towards the control plane and back; inside the control plane there is one link of constant latency, which no rule
changes.  An actor that stands **apart** has links of its own: those of the host where it sits, until rules for itself
say otherwise.  So a single component can be cut off, and a user's actor can sit on a node.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

import attrs

from nodesim.net.links import Link

CONTROL_PLANE: Final = "control-plane"

Way: TypeAlias = Literal["to-control-plane", "from-control-plane"]
WAYS: Final[tuple[Way, Way]] = ("to-control-plane", "from-control-plane")


@attrs.frozen
class LinkChange:
    """From now on, on these hosts' links of these ways, the set values hold; None leaves a value as it is.

    A host is a node, or an actor that stands apart, as `apart(NAME)`.
    """

    hosts: tuple[str, ...]
    ways: tuple[Way, ...]
    latency_us: int | None = None
    jitter_us: int | None = None
    loss_ppm: int | None = None
    duplicate_ppm: int | None = None
    cut: Literal["", "drop", "refuse"] | None = None
    hold: bool | None = None


_VALUES: Final = ("latency_us", "jitter_us", "loss_ppm", "duplicate_ppm", "cut", "hold")


class Topology:
    """All links, as they are now.  `alone` are the actors that stand apart, with the host where each sits."""

    def __init__(self, default: Link, inside: Link, alone: Mapping[str, str] | None = None) -> None:
        self._default = default
        self._inside = inside
        self._links: dict[tuple[str, Way], Link] = {}
        self._alone = {apart(actor): host for actor, host in (alone or {}).items()}
        self._own: dict[tuple[str, Way], dict[str, Any]] = {}
        """What rules for an actor that stands apart say of its links."""

    def host_of(self, actor: str) -> str:
        """The host of an actor, or itself where it stands apart."""
        own = apart(actor)
        return own if own in self._alone else host_of(actor)

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
        values = {name: value for name in _VALUES if (value := getattr(change, name)) is not None}
        for host in change.hosts:
            for way in change.ways:
                if host in self._alone:
                    self._own.setdefault((host, way), {}).update(values)
                    self._renew(host, way)
                    continue
                link = self._of(host, way)
                for name, value in values.items():
                    setattr(link, name, value)
                link.settle()
                for actor, sits_on in self._alone.items():
                    if sits_on == host:
                        self._renew(actor, way)

    def _renew(self, actor: str, way: Way) -> None:
        """Work out the link of an actor that stands apart: its host's, with what says otherwise and is not over."""
        link, base = self._of(actor, way), self._base(actor, way)
        for name in _VALUES:
            own = self._own.get((actor, way), {}).get(name)
            setattr(link, name, own or getattr(base, name))
        link.settle()

    def _base(self, host: str, way: Way) -> Link:
        """The link that a new one is like."""
        sits_on = self._alone.get(host)
        if sits_on is None:
            return self._default
        return self._inside if sits_on == CONTROL_PLANE else self._of(sits_on, way)

    def _of(self, host: str, way: Way) -> Link:
        found = self._links.get((host, way))
        if found is None:
            found = self._links[host, way] = attrs.evolve(self._base(host, way))
        return found


def apart(actor: str) -> str:
    """How rules name an actor that stands apart; no node is called so."""
    return f"component/{actor}"


def host_of(actor: str) -> str:
    """The machine on which an actor runs: `node/NAME` on NAME, all others on the control plane."""
    return actor[5:] if actor.startswith("node/") else CONTROL_PLANE
