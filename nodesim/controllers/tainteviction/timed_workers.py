"""Which evictions wait for their time, and which names are taken?

How it works.  A worker is keyed by `namespace/name`, not by UID.  While a key is taken, a second `add` for it does
nothing.  Work that is due at once never has a timer: its key maps to None.  A worker whose timer fired stays under its
key while its deletion runs.  When a deletion ends,

* from 1.33 its key is freed;
* before, only a failed one frees it; a finished one leaves None behind, so that no second timer starts for that name
  until somebody cancels it (the pod's removal does).

Both act on whatever the key holds by then.  A replacement that was added meanwhile therefore loses its place: its timer
still fires, but nobody can find it to cancel it any more.

Source: pkg/controller/tainteviction/timed_workers.go `AddWork`, `CancelWork`, `getWrappedWorkerFunc`, `createWorker`.
"""

from __future__ import annotations

import enum

import attrs


@attrs.define
class TimedWorker:
    """Work with a timer.  Times in us."""

    node: str
    created_us: int
    fire_us: int
    running: bool = False
    """Its timer fired and its deletion has not ended."""


class Added(enum.Enum):
    """What became of an `add`."""

    IGNORED = "ignored"
    TIMER = "timer"
    RUN = "run"


class TimedWorkerQueue:
    """The workers by key; `frees_key` is the profile's `eviction_frees_key`."""

    def __init__(self, *, frees_key: bool) -> None:
        self._frees_key = frees_key
        self._workers: dict[str, TimedWorker | None] = {}
        self._loose: dict[str, TimedWorker] = {}

    def add(self, key: str, node: str, created_us: int, fire_us: int) -> Added:
        """Take the key for work due at `fire_us`: RUN it now, set a TIMER, or IGNORED because the key is taken."""
        if key in self._workers:
            return Added.IGNORED
        if fire_us <= created_us:
            self._workers[key] = None
            return Added.RUN
        self._workers[key] = TimedWorker(node, created_us, fire_us)
        # Timers are named by key, so a loose timer of the same name gives way to the new one.
        self._loose.pop(key, None)
        return Added.TIMER

    def cancel(self, key: str) -> bool:
        """Free the key; True where it held a timer, even one that fired and whose deletion still runs."""
        return self._workers.pop(key, None) is not None

    def taken(self, key: str) -> bool:
        """Would an `add` for this key be ignored?"""
        return key in self._workers

    def find(self, key: str) -> TimedWorker | None:
        """The worker with a timer under this key."""
        return self._workers.get(key)

    def fire(self, key: str) -> TimedWorker | None:
        """The worker whose timer is due; None where it was cancelled or has run."""
        loose = self._loose.pop(key, None)
        if loose is not None:
            return loose
        worker = self._workers.get(key)
        if worker is None or worker.running:
            return None
        worker.running = True
        return worker

    def finish(self, key: str, *, ok: bool) -> None:
        """A deletion that began under this key has ended."""
        worker = self._workers.pop(key, None)
        if worker is not None and not worker.running:
            self._loose[key] = worker
        if ok and not self._frees_key:
            self._workers[key] = None
