"""Which nodes must a monitor pass look at, so that leaving the others out changes nothing?

How it works.  A look is a function of the saved health, the cached node, its lease and the time.  After a look a node
is QUIET when the same look again, any time before its grace ends, would change nothing and cause nothing: Ready is
True, none of the controller's NoExecute taints is on it, no pods wait to be marked, the saved lease is no older than
the seen one, and what was looked at is the cached object itself.  So a quiet node needs a look only when

* its Node changed: the next pass looks;
* its lease changed: a younger renewTime moves the probe time, which is all that such a look would do;
* its grace may be over: each quiet node has one wake-up, and if its probe moved meanwhile the wake-up moves with it.

All others are LOUD: every pass looks at them.  `skip_quiet=False` looks at every node in every pass; a test holds that
both give the same effects at the same instants.
"""

from __future__ import annotations

import heapq

import attrs

from nodesim.controllers.nodelifecycle.health import SavedHealth


@attrs.define
class Attention:
    """Sorts the nodes into quiet and loud ones."""

    grace_us: int
    """The grace of nodes with a Ready condition; others are never quiet."""
    _quiet: dict[str, SavedHealth] = attrs.field(factory=dict, init=False)
    _loud: set[str] = attrs.field(factory=set, init=False)
    _wake_ups: list[tuple[int, str]] = attrs.field(factory=list, init=False)
    _waking: set[str] = attrs.field(factory=set, init=False)
    """Names that have a wake-up."""

    def changed(self, name: str) -> None:
        """A node appeared, changed or went."""
        self._quiet.pop(name, None)
        self._loud.add(name)

    def gone(self, name: str) -> None:
        """A pass did not find this node."""
        self._quiet.pop(name, None)
        self._loud.discard(name)

    def settle(self, name: str, health: SavedHealth | None) -> None:
        """A look is over: quiet with its health, or loud with None."""
        if health is None:
            self.changed(name)
            return
        self._loud.discard(name)
        self._quiet[name] = health
        if name not in self._waking:
            self._waking.add(name)
            heapq.heappush(self._wake_ups, (health.probe_us + self.grace_us, name))

    def hear(self, renewed: dict[str, int], now_us: int) -> None:
        """Do for the quiet nodes among these what a look would do: a younger lease is a sign of life.

        Their order decides nothing.  This is the path of every heartbeat: no allocation, no call.
        """
        quiet = self._quiet
        for name, renew_us in renewed.items():
            health = quiet.get(name)
            if health is not None:
                saved_us = health.lease_us
                if saved_us is None or saved_us < renew_us:
                    health.lease_us = renew_us
                    health.probe_us = now_us

    def names(self, now_us: int) -> set[str]:
        """The nodes to look at now; call `hear` before."""
        due = []
        while self._wake_ups and self._wake_ups[0][0] <= now_us:
            _, name = heapq.heappop(self._wake_ups)
            health = self._quiet.get(name)
            if health is None:
                self._waking.discard(name)  # The next look that finds it quiet gives it a new one.
            elif health.probe_us + self.grace_us > now_us:
                heapq.heappush(self._wake_ups, (health.probe_us + self.grace_us, name))
            else:
                self._waking.discard(name)
                due.append(name)
        return self._loud.union(due)
