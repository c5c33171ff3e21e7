"""How disrupted is each zone, and how fast may its nodes be tainted?

Source: pkg/controller/nodelifecycle/node_lifecycle_controller.go `ComputeZoneState`, `handleDisruption`,
`setLimiterInZone`, `ReducedQPSFunc`.  When all zones are fully disrupted, the fault is more likely the controller's own
(master disruption): then no node is tainted, and every NoExecute taint it had added goes.
"""

from __future__ import annotations

from typing import Final

import attrs

from nodesim.profiles import Settings
from nodesim.values import value

INITIAL: Final = "Initial"
NORMAL: Final = "Normal"
PARTIAL: Final = "PartialDisruption"
FULL: Final = "FullDisruption"

PARTIAL_NOT_READY_MIN: Final = 3
"""A zone with fewer not-ready nodes is never partially disrupted."""


@value
class ZoneChange:
    """A zone whose limiter is set anew; `rate_milli` in thousandths of a node per second."""

    zone: str
    old: str
    new: str
    ready: int
    not_ready: int
    rate_milli: int


@value
class Disruption:
    """What follows from the zones' states: `entered` and `left` tell of master disruption."""

    entered: bool
    left: bool
    changes: tuple[ZoneChange, ...]


def compute_zone_state(ready: int, not_ready: int, threshold_percent: int) -> str:
    """The state of a zone with so many counted nodes.

    Kubernetes divides 32-bit floats; with fewer than a million nodes comparing the products gives the same.
    """
    if not ready and not_ready:
        return FULL
    if not_ready >= PARTIAL_NOT_READY_MIN and 100 * not_ready >= threshold_percent * (ready + not_ready):
        return PARTIAL
    return NORMAL


def rate_milli(state: str, size: int, settings: Settings) -> int:
    """The tainting rate of a zone that is not part of a master disruption; `size` counts the ZONE's nodes."""
    if state != PARTIAL:
        return settings.node_eviction_rate_milli
    return settings.secondary_node_eviction_rate_milli if size > settings.large_cluster_size_threshold else 0


@attrs.define
class Zones:
    """The zones' states, and which node counts how in which zone."""

    settings: Settings
    states: dict[str, str] = attrs.field(factory=dict, init=False)
    _counted: dict[str, tuple[str, bool]] = attrs.field(factory=dict, init=False)
    """node -> (zone, ready)"""
    _counts: dict[str, list[int]] = attrs.field(factory=dict, init=False)
    """zone -> [not ready, ready]"""

    def ensure(self, zone: str) -> bool:
        """Begin a zone as Initial; False if it is known."""
        if zone in self.states:
            return False
        self.states[zone] = INITIAL
        return True

    def count(self, node: str, zone: str, ready: bool) -> None:
        """A node counts in this zone, and nowhere else; a missing Ready condition is not ready."""
        old = self._counted.get(node)
        if old == (zone, ready):
            return
        self.drop(node)
        self._counted[node] = (zone, ready)
        self._counts.setdefault(zone, [0, 0])[ready] += 1

    def drop(self, node: str) -> None:
        """A node counts nowhere: it is gone, excluded, or could not be judged."""
        old = self._counted.pop(node, None)
        if old is not None:
            counts = self._counts[old[0]]
            counts[old[1]] -= 1
            if counts == [0, 0]:
                del self._counts[old[0]]

    def recount(self) -> None:
        """Forget all counts, for a pass that looks at every node."""
        self._counted.clear()
        self._counts.clear()

    def judge(self) -> Disruption:
        """Take the new states from the counts; tells which limiters follow.

        A zone where no node counts (none is left, or all are excluded) is forgotten, and begins anew with a fresh
        queue when a pass finds a node of it, but only if the walk over the old states comes to it: the walk stops at
        the first zone that was not Full.  Kubernetes walks a map, in random order; here it comes to such zones last.
        So a zone of excluded nodes keeps its queue while any zone works, as it mostly does in a real cluster with few
        zones (recorded: in seven passes of eight), and its nodes are tainted at the normal rate.
        """
        new = {
            zone: compute_zone_state(ready, not_ready, self.settings.unhealthy_zone_threshold_percent)
            for zone, (not_ready, ready) in sorted(self._counts.items())
        }
        for zone in new:
            self.ensure(zone)
        all_full_now = all(state == FULL for state in new.values())
        all_full_before = all(self.states[zone] == FULL for zone in new)
        if all_full_before:
            self.states = {zone: state for zone, state in self.states.items() if zone in new}
        entered = all_full_now and not all_full_before
        left = all_full_before and not all_full_now
        if entered:
            after = dict.fromkeys(sorted(self.states), FULL)
        else:
            after = {zone: new.get(zone, "") for zone in sorted(self.states)}
        changes = tuple(
            self._change(zone, state, stopped=entered)
            for zone, state in after.items()
            # Without a state there is no rate to set: the limiter stays as it is.
            if state and (entered or left or state != self.states[zone])
        )
        self.states = after
        return Disruption(entered, left, changes)

    def _change(self, zone: str, new: str, *, stopped: bool) -> ZoneChange:
        not_ready, ready = self._counts.get(zone, (0, 0))
        rate = 0 if stopped else rate_milli(new, ready + not_ready, self.settings)
        return ZoneChange(zone, self.states[zone], new, ready, not_ready, rate)
