"""Is a node still heard from, and what is written when it is not?"""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from nodesim.controllers.nodelifecycle.health import (
    SavedHealth,
    look,
    status_document,
    unknown_conditions,
    write_succeeded,
)
from nodesim.objects import NodeView, node_view
from nodesim.units import SECOND
from tests.controllers.nodelifecycle.cluster import node
from tests.upstream import table

GRACE = 50 * SECOND
STARTUP = 60 * SECOND
T = 1000 * SECOND


def view(ready: str | None = "True", heartbeat_us: int = 0, **more: Any) -> NodeView:
    """The view of a node."""
    document = node("n1", ready, heartbeat_us, **more)
    document["metadata"]["resourceVersion"] = "1"
    return node_view(document)


SAVED = SavedHealth(probe_us=T, ready="True", heartbeat_us=0, lease_us=5)
"""Seen at T with heartbeat 0 and lease 5."""
LATER = T + 10 * SECOND


def heard(health: SavedHealth) -> tuple[int, str | None, int | None, int | None]:
    """What it remembers of signs of life."""
    return health.probe_us, health.ready, health.heartbeat_us, health.lease_us


# (what, saved, node, lease, now) -> (probe, ready, heartbeat, lease) remembered
REMEMBERED: dict[str, tuple[SavedHealth | None, NodeView, int | None, int, SavedHealth]] = {
    "1.3.4 first look with Ready: probe is now": (None, view("False"), None, T, SavedHealth(T, "False", 0, None)),
    "1.3.4 first look, lease seen": (None, view(), 7, T, SavedHealth(T, "True", 0, 7)),
    "1.3.2 first look without Ready: probe is creation": (
        None, view(None, created_us=3), None, T, SavedHealth(3, None, None, None),
    ),
    "1.3.11 first look without Ready, but with lease: probe is now": (
        None, view(None, created_us=3), 7, T, SavedHealth(T, None, None, 7),
    ),
    "1.3.5 Ready appeared": (
        SavedHealth(3, None, None, None), view(), None, LATER, SavedHealth(LATER, "True", 0, None),
    ),
    "1.3.6 younger heartbeat": (SAVED, view(heartbeat_us=1), 6, LATER, SavedHealth(LATER, "True", 1, 6)),
    "1.3.6 older heartbeat counts, too": (SAVED, view(heartbeat_us=-1), 6, LATER, SavedHealth(LATER, "True", -1, 6)),
    "1.3.7 same heartbeat: nothing, even with another status": (SAVED, view("False"), 5, LATER, SAVED),
    "1.3.9 younger lease": (SAVED, view(), 6, LATER, SavedHealth(LATER, "True", 0, 6)),
    "1.3.9 older lease": (SAVED, view(), 4, LATER, SAVED),
    "1.3.9 no lease": (SAVED, view(), None, LATER, SAVED),
    "1.3.10 heartbeat without renewal loses the lease": (
        SAVED, view(heartbeat_us=1), 5, LATER, SavedHealth(LATER, "True", 1, None),
    ),
    "1.3.10 and the next pass takes it for new": (
        SavedHealth(LATER, "True", 1, None), view(heartbeat_us=1), 5, LATER + 5, SavedHealth(LATER + 5, "True", 1, 5),
    ),
    "1.3.8 Ready removed: the probe stays": (SAVED, view(None), 5, LATER, SavedHealth(T, None, None, 5)),
}  # fmt: skip


@pytest.mark.parametrize("what", REMEMBERED)
def test_what_a_look_remembers(what: str) -> None:
    """Signs of life move the probe time; nothing trips within the grace."""
    saved, node_, lease_us, now_us, remembered = REMEMBERED[what]
    found = look(attrs.evolve(saved) if saved else None, node_, lease_us, now_us, GRACE, 10 * T)
    assert heard(found.health) == heard(remembered)
    assert found.conditions == ()
    assert found.current == (node_.ready.status if node_.ready else None)
    assert found.observed == (found.current or "Unknown")


@pytest.mark.parametrize(
    ("ready", "silent_us", "trips"),
    [
        ("True", GRACE - 1, False),
        ("True", GRACE, True),
        ("False", GRACE, True),
        ("Unknown", 100 * GRACE, False),
        (None, GRACE, False),
        (None, STARTUP - 1, False),
        (None, STARTUP, True),
    ],
)
def test_when_a_look_trips(ready: str | None, silent_us: int, trips: bool) -> None:
    """Silence as long as the grace (start-up grace without Ready) asks for Unknown; an Unknown node is left alone."""
    saved = SavedHealth(T, ready, None if ready is None else 0, 5)
    found = look(saved, view(ready), 5, T + silent_us, GRACE, STARTUP)
    assert bool(found.conditions) is trips
    assert found.current == ("Unknown" if trips else ready)
    assert found.observed == (ready or "Unknown")
    assert found.grace_us == (STARTUP if ready is None else GRACE)
    assert found.health.probe_us == T


def test_a_recreated_node_without_status_inherits_the_old_probe_time() -> None:
    """1.2.6: without Ready and with no younger lease it is marked at once; with another heartbeat it is not."""
    now_us = T + STARTUP
    bare = look(attrs.evolve(SAVED), view(None, created_us=now_us), 5, now_us, GRACE, STARTUP)
    assert [item.reason for item in bare.conditions] == ["NodeStatusNeverUpdated"] * 4
    posted = look(attrs.evolve(SAVED), view(heartbeat_us=9), 5, now_us, GRACE, STARTUP)
    assert (posted.conditions, posted.health.probe_us) == ((), now_us)


def test_ready_removed_trips_sixty_seconds_after_the_old_probe() -> None:
    """1.3.8: Ready gets NodeStatusNeverUpdated with the creation as heartbeat, what was there NodeStatusUnknown."""
    node_ = view(None, created_us=2 * SECOND, conditions={"MemoryPressure": "False"})
    now_us = T + STARTUP + 1
    found = look(attrs.evolve(SAVED), node_, 5, now_us, GRACE, STARTUP)
    assert {item.type: item.reason for item in found.conditions} == {
        "Ready": "NodeStatusNeverUpdated",
        "MemoryPressure": "NodeStatusUnknown",
        "DiskPressure": "NodeStatusNeverUpdated",
        "PIDPressure": "NodeStatusNeverUpdated",
    }
    ready = found.conditions[0]
    assert (ready.heartbeat_us, ready.transition_us) == (2 * SECOND, T + STARTUP)
    assert found.health == SavedHealth(T, "Unknown", 2 * SECOND, 5), "kept even if the write fails"


def test_conditions_become_unknown_in_order_and_keep_their_heartbeat() -> None:
    """1.3.14-16: four conditions; an Unknown one is untouched, NetworkUnavailable never."""
    node_ = view("True", 7 * SECOND, conditions={"DiskPressure": "Unknown", "NetworkUnavailable": "False"})
    changed = unknown_conditions(node_, T + 1)
    assert [(item.type, item.reason, item.heartbeat_us, item.transition_us) for item in changed] == [
        ("Ready", "NodeStatusUnknown", 7 * SECOND, T),
        ("MemoryPressure", "NodeStatusNeverUpdated", 0, T),
        ("PIDPressure", "NodeStatusNeverUpdated", 0, T),
    ]
    assert changed[0].message == "Kubelet stopped posting node status."
    assert changed[1].message == "Kubelet never posted node status."


@pytest.mark.parametrize(("ready", "heartbeat_us"), [("True", 7), (None, 3)])
def test_after_the_write_the_written_status_and_the_seen_lease_are_remembered(
    ready: str | None, heartbeat_us: int
) -> None:
    """1.3.19: the probe time stays; a lease that is gone by now is forgotten, too."""
    node_ = view(ready, 7, created_us=3)
    saved = SavedHealth(T, ready, 7 if ready else None, 5)
    found = look(saved, node_, None, T + STARTUP, GRACE, STARTUP)
    write_succeeded(found, node_, None, T + STARTUP + 2)
    assert heard(found.health) == (T, "Unknown", heartbeat_us, None)
    assert (found.health.transition_us, found.health.since_us) == (T + STARTUP, T + STARTUP + 2)


@pytest.mark.parametrize(
    ("saved", "heartbeat_us", "transition_us", "since_us"),
    [
        (None, 0, 7, LATER),
        (SavedHealth(3), 0, 7, LATER),
        (SavedHealth(T, "True", 0, None, 7, 5), 0, 7, 5),
        (SavedHealth(T, "True", 0, None, 7, 5), 1, 7, 5),
        (SavedHealth(T, "True", 0, None, 7, 5), 0, 8, 5),
        (SavedHealth(T, "True", 0, None, 7, 5), 1, 8, LATER),
    ],
)
def test_since_when_ready_is_as_it_is(
    saved: SavedHealth | None, heartbeat_us: int, transition_us: int, since_us: int
) -> None:
    """By the controller's clock: when it first sees the condition, and when a post brings another transition time."""
    node_ = view("False", heartbeat_us)
    ready = attrs.evolve(node_.conditions["Ready"], transition_us=transition_us)
    node_ = attrs.evolve(node_, conditions={"Ready": ready})
    assert look(saved, node_, None, LATER, GRACE, STARTUP).health.since_us == since_us


def test_a_status_document_keeps_places_and_what_it_does_not_know() -> None:
    """Changed conditions stand where they stood, with fields of others; new ones at the end; the rest is as cached."""
    document = node("n1", "True", 7 * SECOND, conditions={"NetworkUnavailable": "False"})
    document["status"]["conditions"][0]["extra"] = "kept"
    document["status"]["images"] = ["i"]
    changed = status_document(document, unknown_conditions(node_view(document), T))
    assert changed["metadata"] is document["metadata"]
    assert changed["status"]["images"] == ["i"]
    conditions = changed["status"]["conditions"]
    assert [item["type"] for item in conditions] == [
        "Ready", "NetworkUnavailable", "MemoryPressure", "DiskPressure", "PIDPressure",
    ]  # fmt: skip
    assert conditions[0] == {
        "type": "Ready",
        "status": "Unknown",
        "reason": "NodeStatusUnknown",
        "message": "Kubelet stopped posting node status.",
        "lastHeartbeatTime": 7 * SECOND,
        "lastTransitionTime": T,
        "extra": "kept",
    }
    assert conditions[1]["status"] == "False"
    assert document["status"]["conditions"][0]["status"] == "True"


def test_a_node_without_status_gets_one() -> None:
    """A bare Node document has no status map at all."""
    bare = {"metadata": {"name": "n1"}}
    assert len(status_document(bare, unknown_conditions(node_view(bare), T))["status"]["conditions"]) == 4


@table("try_update_node_health", "cases")
def test_the_status_found_is_the_status_saved_as_upstream(case: dict[str, Any]) -> None:
    """Upstream's cases, probed at their creation: last year's nodes become Unknown; what is found is remembered."""
    created_us = T if case["creation"] == "T17" else T - 10 * STARTUP
    ready = None if case["ready"] == "none" else case["ready"]
    node_ = view(ready, created_us, created_us=created_us)
    found = look(SavedHealth(created_us, ready, created_us if ready else None), node_, None, T, GRACE, STARTUP)
    if found.conditions:
        write_succeeded(found, node_, None, 0)
    assert (found.current or "none") == case["then"]
    assert found.health.ready == found.current
