"""Has the cache caught up with what was created and deleted last?

A workload is scaled again only when every pod that its last scaling made or deleted has been seen in the cache, or
five minutes after it.  Nothing wakes the controller at the end of those five minutes: the next event does.
Source: pkg/controller/controller_utils.go `ControllerExpectations`, `UIDTrackingControllerExpectations`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import attrs

from nodesim.units import MINUTE

EXPECTATIONS_TIMEOUT_US: Final = 5 * MINUTE


@attrs.define
class _Expectation:
    creations: int
    deletions: dict[str, None]
    since_us: int


class Expectations:
    """What is still to be seen, by key of the workload.  Pods to be deleted are known by key, so none counts twice."""

    def __init__(self) -> None:
        self._awaited: dict[str, _Expectation] = {}

    def expect(self, key: str, creations: int, deletions: Iterable[str], now_us: int) -> None:
        """So many pods are about to be created, and these to be deleted."""
        self._awaited[key] = _Expectation(creations, dict.fromkeys(deletions), now_us)

    def creation_observed(self, key: str, count: int = 1) -> None:
        """`count` pods appeared, or will not be created after all."""
        if key in self._awaited:
            self._awaited[key].creations -= count

    def deletion_observed(self, key: str, pod: str) -> None:
        """The pod went, or got its deletionTimestamp, or could not be deleted."""
        if key in self._awaited:
            self._awaited[key].deletions.pop(pod, None)

    def satisfied(self, key: str, now_us: int) -> bool:
        """May the workload be scaled?"""
        awaited = self._awaited.get(key)
        if awaited is None or (awaited.creations <= 0 and not awaited.deletions):
            return True
        return now_us - awaited.since_us > EXPECTATIONS_TIMEOUT_US

    def forget(self, key: str) -> None:
        """The workload is gone."""
        self._awaited.pop(key, None)
