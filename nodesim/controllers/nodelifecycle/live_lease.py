"""Is a node silent, or is only the controller's copy of its lease old?

From 1.37 a node is not marked upon the cache alone: its lease is read from the API server first.  If that is younger
than the one remembered, the node lives, and the cache is behind: until it has seen what was read, no lease in it is
trusted, and nodes that would be marked are left for a later pass.

Source: kubernetes#138698 (pkg/controller/nodelifecycle `tryUpdateNodeHealth`, KEP 5647), of which only the thread was
read.  Known difference: a cache has caught up when it holds a renewTime as young as the one that was read, which stands
for the resourceVersion; nodes that are Unknown already are not read again.
"""

from __future__ import annotations

import attrs

from nodesim.controllers.nodelifecycle.caches import Caches
from nodesim.machine import Answered
from nodesim.objects import lease_view


@attrs.define
class LiveLeases:
    """What was read past the cache, and whether the cache has seen it."""

    caches: Caches
    _awaited: dict[str, int] = attrs.field(factory=dict, init=False)
    """node -> renewTime of the lease that was read live."""

    def behind(self) -> bool:
        """Does the cache still lack what was read live?  A lease that it does not have at all is not waited for."""
        for name, read_us in list(self._awaited.items()):
            cached_us = self.caches.lease_us(name)
            if cached_us is None or cached_us >= read_us:
                del self._awaited[name]
        return bool(self._awaited)

    def younger_us(self, name: str, remembered_us: int | None, answer: Answered) -> int | None:
        """The renewTime that was read if it is younger than the remembered one; then the cache must catch up with it.

        None: the node is as silent as the cache says, or the lease could not be read.
        """
        if not answer.ok or answer.document is None:
            return None
        read_us = lease_view(answer.document).renew_us
        if remembered_us is not None and remembered_us >= read_us:
            return None
        self._awaited[name] = read_us
        return read_us
