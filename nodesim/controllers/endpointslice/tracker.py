"""Does the cache of slices lag behind the controller's own writes, and was a change of a slice another hand's?

Source: staging endpointslice/util/endpointslice_tracker.go (`StaleSlices`, `ShouldSync`, `HandleDeletion`).  Versions
stand for generations here, which no change of annotations raises.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import attrs

from nodesim.controllers.endpointslice.views import SliceView

_GONE: Final = -1
"""Instead of a version: deleted by the controller itself."""


@attrs.define
class SliceTracker:
    """What answers to the controller's writes said, by Service (`namespace/name`) and name of slice."""

    _versions: dict[str, dict[str, int]] = attrs.field(factory=dict, init=False)

    def wrote(self, slice_: SliceView) -> None:
        """A create or an update was answered with this."""
        self._versions.setdefault(slice_.service, {})[slice_.name] = slice_.version

    def deleted(self, service: str, name: str) -> None:
        """A delete was answered."""
        self._versions.setdefault(service, {})[name] = _GONE

    def forget(self, service: str) -> None:
        """The Service is gone."""
        self._versions.pop(service, None)

    def is_stale(self, service: str, cached: Iterable[SliceView]) -> bool:
        """Is one of the cached slices older than written or one that was deleted, or is a written one missing?"""
        versions = self._versions.get(service)
        if versions is None:
            return False
        seen = {each.name: each.version for each in cached}
        return any(
            name in seen if version == _GONE else seen.get(name, _GONE) < version for name, version in versions.items()
        )

    def is_news(self, slice_: SliceView) -> bool:
        """Does the watch tell of more than the answers did?  Then the Service is synced again."""
        return slice_.version > self._versions.get(slice_.service, {}).get(slice_.name, _GONE)

    def is_loss(self, slice_: SliceView) -> bool:
        """The watch tells that a slice is gone: one that the controller wrote, and did not delete?"""
        return self._versions.get(slice_.service, {}).pop(slice_.name, _GONE) != _GONE
