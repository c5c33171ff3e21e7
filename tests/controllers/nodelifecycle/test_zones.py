"""How disrupted is each zone, and how fast may its nodes be tainted?"""

from __future__ import annotations

from typing import Any

import pytest

from nodesim.controllers.nodelifecycle.views import node_object
from nodesim.controllers.nodelifecycle.zones import (
    FULL,
    INITIAL,
    NORMAL,
    PARTIAL,
    Zones,
    compute_zone_state,
    rate_milli,
)
from nodesim.profiles import Settings
from tests.controllers.nodelifecycle.cluster import node
from tests.upstream import table


def counted(zones: Zones, **counts: tuple[int, int]) -> Zones:
    """Count so many (ready, not ready) nodes in each zone, and none elsewhere."""
    zones.recount()
    for zone, (ready, not_ready) in counts.items():
        for n in range(ready + not_ready):
            zones.count(f"{zone}-{n}", zone, n < ready)
    return zones


def in_states(**states: str) -> Zones:
    """Zones that were in these states after the pass before."""
    zones = Zones(Settings())
    zones.states = dict(states)
    return zones


@pytest.mark.parametrize(
    ("ready", "not_ready", "state"),
    [
        (0, 0, NORMAL),
        (1, 0, NORMAL),
        (0, 1, FULL),
        (0, 10, FULL),
        (1, 2, NORMAL),
        (2, 3, PARTIAL),
        (4, 3, NORMAL),
        (9, 11, PARTIAL),
        (21, 30, PARTIAL),
        (23, 28, NORMAL),
        (1, 99, PARTIAL),
    ],
)
def test_the_state_of_a_zone(ready: int, not_ready: int, state: str) -> None:
    """No Ready node: Full; at least 3 and at least 55 % not ready: Partial; else Normal."""
    assert compute_zone_state(ready, not_ready, 55) == state


@table("derived", "qps_by_state")
def test_the_rate_by_state(case: dict[str, Any]) -> None:
    """Normal and Full taint at the normal rate, Partial at the secondary one in zones above 50 nodes, else not."""
    milli = round(case["qps"] * 1000)
    if case.get("all_zones_full"):
        zones = counted(in_states(a=NORMAL), a=(0, 4))
        assert [change.rate_milli for change in zones.judge().changes] == [milli]
    else:
        size = case["zone_size"] if case["zone_size"] != "any" else 7
        assert rate_milli(case["state"], size, Settings()) == milli


# what -> (states before, counts now) -> (entered, left, [(zone, old, new, rate)], states after)
Verdict = tuple[dict[str, str], dict[str, tuple[int, int]], bool, bool, list[tuple[str, str, str, int]]]
VERDICTS: dict[str, Verdict] = {
    "a new zone becomes Normal": ({}, {"a": (1, 0)}, False, False, [("a", INITIAL, NORMAL, 100)]),
    "no change, nothing": ({"a": NORMAL}, {"a": (3, 1)}, False, False, []),
    "only what changed gets a limiter": (
        {"a": NORMAL, "b": NORMAL}, {"a": (2, 3), "b": (3, 1)}, False, False, [("a", NORMAL, PARTIAL, 0)],
    ),
    "1.7.6 a full zone beside a good one keeps the normal rate": (
        {"a": NORMAL, "b": NORMAL}, {"a": (0, 10), "b": (10, 0)}, False, False, [("a", NORMAL, FULL, 100)],
    ),
    "1.7.8 all full: stop everywhere, also where the state stays": (
        {"a": FULL, "b": NORMAL}, {"a": (0, 10), "b": (0, 10)}, True, False,
        [("a", FULL, FULL, 0), ("b", NORMAL, FULL, 0)],
    ),
    "1.7.9 still all full: nothing": ({"a": FULL}, {"a": (0, 10)}, False, False, []),
    "1.7.10 one node back: every zone anew": (
        {"a": FULL, "b": FULL}, {"a": (0, 10), "b": (1, 9)}, False, True,
        [("a", FULL, FULL, 100), ("b", FULL, PARTIAL, 0)],
    ),
    "1.7.14 a new full zone during master disruption enters it again": (
        {"a": FULL}, {"a": (0, 3), "b": (0, 1)}, True, False, [("a", FULL, FULL, 0), ("b", INITIAL, FULL, 0)],
    ),
    "1.7.14 a cluster's first node begins in master disruption": (
        {"a": INITIAL}, {"a": (0, 1)}, True, False, [("a", INITIAL, FULL, 0)],
    ),
    "1.7.15 a vanished zone is forgotten when all others were Full": (
        {"a": FULL, "z": NORMAL}, {"a": (0, 3)}, False, False, [],
    ),
    "no nodes at all: nothing": ({"a": NORMAL}, {}, False, False, []),
}  # fmt: skip


@pytest.mark.parametrize("what", VERDICTS)
def test_what_follows_from_the_zones(what: str) -> None:
    """Entering and leaving master disruption, and the limiters to set."""
    states, counts, entered, left, changes = VERDICTS[what]
    zones = counted(in_states(**states), **counts)
    verdict = zones.judge()
    assert (verdict.entered, verdict.left) == (entered, left)
    assert [(item.zone, item.old, item.new, item.rate_milli) for item in verdict.changes] == changes
    assert sorted(zones.states) == sorted(counts)
    assert all((item.ready, item.not_ready) == counts[item.zone] for item in verdict.changes)


# what -> (states before, counts now) -> ([(zone, old, new, rate)], states after): zones "e" and "x" count no node
LINGERING: dict[
    str, tuple[dict[str, str], dict[str, tuple[int, int]], list[tuple[str, str, str, int]], dict[str, str]]
] = {
    "it stays, without state and rate, while a zone works": (
        {"a": NORMAL, "e": INITIAL, "x": PARTIAL}, {"a": (3, 0)}, [], {"a": NORMAL, "e": "", "x": ""},
    ),
    "its name does not matter": ({"e": "", "f": NORMAL}, {"f": (3, 0)}, [], {"e": "", "f": NORMAL}),
    "a zone that is Full now, but was not, keeps it": (
        {"a": NORMAL, "b": NORMAL, "x": ""}, {"a": (0, 3), "b": (3, 0)},
        [("a", NORMAL, FULL, 100)], {"a": FULL, "b": NORMAL, "x": ""},
    ),
    "where all others become Full it is stopped with them": (
        {"a": NORMAL, "x": ""}, {"a": (0, 3)}, [("a", NORMAL, FULL, 0), ("x", "", FULL, 0)], {"a": FULL, "x": FULL},
    ),
    "where all others were Full it is forgotten": ({"a": FULL, "x": FULL}, {"a": (0, 3)}, [], {"a": FULL}),
    "also when they come back": (
        {"a": FULL, "x": FULL}, {"a": (3, 0)}, [("a", FULL, NORMAL, 100)], {"a": NORMAL},
    ),
    "alone it is forgotten": ({"x": INITIAL}, {}, [], {}),
    "its first node that counts sets its rate": (
        {"a": NORMAL, "x": ""}, {"a": (3, 0), "x": (1, 0)}, [("x", "", NORMAL, 100)], {"a": NORMAL, "x": NORMAL},
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", LINGERING)
def test_1_7_15_a_zone_where_no_node_counts(what: str) -> None:
    """It is forgotten only when the walk over the old states does not stop before it."""
    states, counts, changes, after = LINGERING[what]
    zones = counted(in_states(**states), **counts)
    verdict = zones.judge()
    assert [(item.zone, item.old, item.new, item.rate_milli) for item in verdict.changes] == changes
    assert zones.states == after


def test_a_node_counts_in_one_zone_only() -> None:
    """Moving, turning, being dropped and coming back leave exact counts."""
    zones = in_states()
    for zone, ready in (("a", True), ("a", True), ("b", True), ("b", False)):
        zones.count("n1", zone, ready)
    zones.count("n2", "b", True)
    zones.drop("n2")
    zones.drop("n2")
    zones.drop("never-there")
    change = zones.judge().changes[0]
    assert (change.zone, change.ready, change.not_ready) == ("b", 0, 1)
    assert list(zones.states) == ["b"]


def test_a_zone_begins_once() -> None:
    """`ensure` says whether the zone is new."""
    zones = in_states(a=PARTIAL)
    assert (zones.ensure("a"), zones.ensure("b")) == (False, True)
    assert zones.states == {"a": PARTIAL, "b": INITIAL}


@table("excluded_from_disruption")
def test_who_is_excluded_from_disruption(case: dict[str, Any]) -> None:
    """Only the label counts, with any value; a name like a master's does not."""
    document = node(case.get("name", "n1"), labels=case["labels"])
    assert node_object(document).excluded is case["excluded"]
