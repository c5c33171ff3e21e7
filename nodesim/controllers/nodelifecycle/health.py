"""Is a node still heard from, and what is written when it is not?

How it works.  The controller measures silence with its own clock: `probe_us` is the instant at which a pass SAW a sign
of life, that is another heartbeat time in the Ready condition or a younger lease.  A node's own times are compared with
each other only, so that skewed clocks do no harm; a clock that steps back does, since leases are then older than the
saved one.  `probe_us` stays in memory, where Go keeps a monotonic reading beside the date, so that no step of the
controller's own clock moves it.  One is a date from the API: the creationTimestamp of a node that never posted
(`by_date`), which is compared with what the controller's clock shows.  When the silence is as long as the grace, the
four conditions that the kubelet owns become Unknown.

Source: pkg/controller/nodelifecycle/node_lifecycle_controller.go `tryUpdateNodeHealth`.  Two of its habits look like
mistakes and are kept, as real clusters show them:

* A changed heartbeat makes it forget the saved lease.  Unless the lease is younger, too, the next pass takes the same
  old lease for new and counts the silence from there: one more period.
* A Ready condition that vanishes does not refresh the probe time; only the grace becomes the start-up grace.
"""

from __future__ import annotations

from typing import Any, Final

import attrs

from nodesim.clocks import TRUE_CLOCK, Clock
from nodesim.objects import Condition, Document, NodeView, condition_document, whole_second
from nodesim.values import value

JUDGED_CONDITIONS: Final = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")
"""What the kubelet owns, in the order in which it is judged; NetworkUnavailable belongs to others."""

NEVER_UPDATED: Final = ("NodeStatusNeverUpdated", "Kubelet never posted node status.")
STOPPED: Final = ("NodeStatusUnknown", "Kubelet stopped posting node status.")


@attrs.define
class SavedHealth:
    """What the controller remembers of a node between two passes; kept when the node is deleted.  Times in us."""

    probe_us: int
    """When a pass last saw a sign of life."""
    ready: str | None = None
    """Status of the remembered Ready condition, None if there was none."""
    heartbeat_us: int | None = None
    """Its lastHeartbeatTime."""
    lease_us: int | None = None
    """renewTime of the remembered lease, None if none is remembered."""
    transition_us: int | None = None
    """lastTransitionTime of the remembered Ready condition."""
    since_us: int = 0
    """When it saw Ready take its present status (upstream's readyTransitionTimestamp)."""
    by_date: bool = False
    """`probe_us` is the node's creationTimestamp, a date by the API server's clock."""

    def silent_us(self, now_us: int, clock: Clock) -> int:
        """For how long it has been silent; `clock` is the controller's."""
        return (clock.wall_us(now_us) if self.by_date else now_us) - self.probe_us

    def seen(self, now_us: int) -> None:
        """A sign of life."""
        self.probe_us, self.by_date = now_us, False


@value
class Look:
    """What one look at a node found."""

    health: SavedHealth
    observed: str
    """Status of Ready before this look's change; a missing condition counts as Unknown."""
    current: str | None
    """Status of Ready after it, None where there is no such condition."""
    grace_us: int
    conditions: tuple[Condition, ...] = ()
    """What has to be written, or nothing."""


def look(
    health: SavedHealth | None,
    node: NodeView,
    lease_us: int | None,
    now_us: int,
    grace_us: int,
    startup_grace_us: int,
    clock: Clock = TRUE_CLOCK,
) -> Look:
    """Judge a node by its cached object and lease (renewTime, None without one); changes `health` in place.

    The conditions to write, if any, take effect with `write_succeeded`.
    """
    ready = node.conditions.get("Ready")
    if ready is None:
        return _look_without_ready(health, node, lease_us, now_us, startup_grace_us, clock)
    if health is None:
        health = SavedHealth(now_us, ready.status, ready.heartbeat_us, None, ready.transition_us, now_us)
        saved_lease_us = None
    else:
        saved_lease_us = health.lease_us
        if health.ready is None or health.heartbeat_us != ready.heartbeat_us:
            if health.ready is None or health.transition_us != ready.transition_us:
                health.transition_us, health.since_us = ready.transition_us, now_us
            health.ready, health.heartbeat_us = ready.status, ready.heartbeat_us
            health.seen(now_us)
            health.lease_us = None
    _hear_lease(health, saved_lease_us, lease_us, now_us)
    # Kubernetes trips when now is strictly after probe + grace.  Its passes take some milliseconds, so that this is
    # always the tenth pass of 5 s for 50 s; here passes may take no time at all, so equality counts.
    if health.silent_us(now_us, clock) < grace_us or ready.status == "Unknown":
        # Only a changed Ready makes it write: once Ready is Unknown, the other three stay as they are.
        return Look(health, ready.status, ready.status, grace_us)
    return Look(health, ready.status, "Unknown", grace_us, unknown_conditions(node, clock.wall_us(now_us)))


def _look_without_ready(
    health: SavedHealth | None, node: NodeView, lease_us: int | None, now_us: int, grace_us: int, clock: Clock
) -> Look:
    """A node whose kubelet never posted, or whose Ready was taken away: its silence began with its creation, or with
    the last probe.
    """
    if health is None:
        # The one instant that is not the controller's own: creationTimestamp, cut to whole seconds by the API server.
        health = SavedHealth(node.created_us, since_us=node.created_us, by_date=True)
    health.ready = health.heartbeat_us = None
    _hear_lease(health, health.lease_us, lease_us, now_us)
    if health.silent_us(now_us, clock) < grace_us:
        return Look(health, "Unknown", None, grace_us)
    # The saved status is the very object that gets the new conditions, so it has them even if the write then fails.
    health.ready, health.heartbeat_us = "Unknown", node.created_us
    return Look(health, "Unknown", "Unknown", grace_us, unknown_conditions(node, clock.wall_us(now_us)))


def _hear_lease(health: SavedHealth, saved_us: int | None, lease_us: int | None, now_us: int) -> None:
    """A lease younger than the saved one is a sign of life; a missing or older one changes nothing."""
    if lease_us is not None and (saved_us is None or saved_us < lease_us):
        health.lease_us = lease_us
        health.seen(now_us)


def heard(found: Look, node: NodeView, lease_us: int, now_us: int) -> Look:
    """A look that asked for conditions, when the lease turned out to be younger after all: nothing is written."""
    ready = node.conditions.get("Ready")
    health = found.health
    health.lease_us = lease_us
    health.seen(now_us)
    if ready is None:
        health.ready = health.heartbeat_us = None
    return Look(health, found.observed, ready.status if ready else None, found.grace_us)


def write_succeeded(found: Look, node: NodeView, lease_us: int | None, now_us: int) -> None:
    """The conditions of a look are in the API: remember them, and the lease that was seen then."""
    ready = node.conditions.get("Ready")
    found.health.ready = "Unknown"
    found.health.heartbeat_us = ready.heartbeat_us if ready else node.created_us
    found.health.lease_us = lease_us
    found.health.transition_us = next((item.transition_us for item in found.conditions if item.type == "Ready"), None)
    found.health.since_us = now_us


def unknown_conditions(node: NodeView, wall_us: int) -> tuple[Condition, ...]:
    """The judged conditions that become Unknown.  A present one keeps its heartbeat, and stays if it is Unknown.

    `wall_us` is what the controller's clock shows.
    """
    changed = []
    now_s = whole_second(wall_us)
    for type_ in JUDGED_CONDITIONS:
        condition = node.conditions.get(type_)
        if condition is None:
            changed.append(Condition(type_, "Unknown", *NEVER_UPDATED, node.created_us, now_s))
        elif condition.status != "Unknown":
            changed.append(Condition(type_, "Unknown", *STOPPED, condition.heartbeat_us, now_s))
    return tuple(changed)


def status_document(document: Document, conditions: tuple[Condition, ...]) -> Document:
    """A Node document with these conditions in place of those of the same type; new ones stand at the end."""
    status: dict[str, Any] = document.get("status") or {}
    changed = {condition.type: condition_document(condition) for condition in conditions}
    kept = [{**item, **changed.pop(item["type"], {})} for item in status.get("conditions") or ()]
    return {**document, "status": {**status, "conditions": [*kept, *changed.values()]}}
