"""Who works on what, when several workers share one queue?

A name waits at most once; one that is added while a worker has it waits again when that worker is done, so that no two
workers have the same one and no change is missed.  Source: client-go util/workqueue/queue.go.
"""

from __future__ import annotations

from collections import deque

import attrs


@attrs.define
class WorkQueue:
    """Names to be worked on by so many workers, first come, first served."""

    workers: int
    _waiting: deque[str] = attrs.field(factory=deque, init=False)
    _dirty: set[str] = attrs.field(factory=set, init=False)
    _working: set[str] = attrs.field(factory=set, init=False)

    def add(self, name: str) -> None:
        """Something about this name changed."""
        if name in self._dirty:
            return
        self._dirty.add(name)
        if name not in self._working:
            self._waiting.append(name)

    def take(self) -> str | None:
        """The next name, if one waits and a worker is free; call `done` when it is dealt with."""
        if not self._waiting or len(self._working) >= self.workers:
            return None
        name = self._waiting.popleft()
        self._dirty.remove(name)
        self._working.add(name)
        return name

    def done(self, name: str) -> None:
        """The worker is free; the name waits again if it was added meanwhile."""
        self._working.remove(name)
        if name in self._dirty:
            self._waiting.append(name)
