"""How do frames travel between worlds of one process?

Each world has a box; what another posts for one of its actors lies there until it is fetched.
"""

from __future__ import annotations

from collections.abc import Sequence

from nodesim.errors import NotRunnable
from nodesim.world import Parcel


class MemoryTransport:
    """Couples worlds of one process."""

    def __init__(self) -> None:
        self._boxes: dict[int, list[Parcel]] = {}
        self._where: dict[str, int] = {}

    def join(self, place: int, actors: Sequence[str]) -> None:
        """A world with these actors takes part.

        Raises:
            NotRunnable: an actor of this name lives elsewhere already.
        """
        for actor in actors:
            if self._where.setdefault(actor, place) != place:
                msg = f"actor {actor} lives in two worlds"
                raise NotRunnable(msg)
        self._boxes[place] = []

    def post(self, place: int, parcels: Sequence[Parcel]) -> None:
        """Frames that left a world.

        Raises:
            NotRunnable: one is for an actor that lives nowhere.
        """
        for parcel in parcels:
            home = self._where.get(parcel.destination)
            if home is None:
                msg = f"{parcel.origin} wrote to {parcel.destination}, which does not exist"
                raise NotRunnable(msg)
            self._boxes[home].append(parcel)

    def fetch(self, place: int) -> list[Parcel]:
        """Frames that came for a world since the last call."""
        parcels, self._boxes[place] = self._boxes[place], []
        return parcels
