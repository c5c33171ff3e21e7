"""Which pods (or ReplicaSets) may concern which workload?

A cache of objects by their controller's UID, and of those without a controller by namespace: what a claim looks at.
Source: pkg/controller/controller_utils.go `AddPodControllerIndexer` (`FilterPodsByOwner`).
"""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

from nodesim.controllers.workload.claims import Claimable
from nodesim.controllers.workload.ownership import Parent


class Owned(Claimable, Protocol):
    """What the cache asks of an object."""

    @property
    def namespace(self) -> str:
        """Its namespace."""
        ...

    @property
    def labels(self) -> dict[str, str]:
        """Its labels."""
        ...


Item = TypeVar("Item", bound=Owned)
View = TypeVar("View")


def keep(cache: dict[str, View], key: str, new: View | None) -> None:
    """Take a change into a cache; None: it went."""
    if new is None:
        cache.pop(key, None)
    else:
        cache[key] = new


class OwnedCache(Generic[Item]):
    """Objects by their controller's UID and their own key, and those without a controller by namespace and key."""

    def __init__(self) -> None:
        self._owned: dict[str, dict[str, Item]] = {}
        self._orphans: dict[str, dict[str, Item]] = {}

    def replace(self, old: Item | None, new: Item | None) -> None:
        """An object changed, appeared or went."""
        if old is not None:
            self._place(old).pop(old.key, None)
        if new is not None:
            self._place(new)[new.key] = new

    def _place(self, item: Item) -> dict[str, Item]:
        owner = item.owner
        if owner is not None:
            return self._owned.setdefault(owner.uid, {})
        return self._orphans.setdefault(item.namespace, {})

    def owned_by(self, uid: str) -> list[Item]:
        """What says that this is its controller, by key."""
        held = self._owned.get(uid, {})
        return [held[key] for key in sorted(held)]

    def candidates(self, parent: Parent) -> list[Item]:
        """Its own and those without a controller in its namespace, by key."""
        held = {**self._owned.get(parent.uid, {}), **self._orphans.get(parent.namespace, {})}
        return [held[key] for key in sorted(held)]

    def everything(self) -> list[Item]:
        """All of them, by owner in the order in which these were first seen."""
        return [item for held in (*self._owned.values(), *self._orphans.values()) for item in held.values()]
