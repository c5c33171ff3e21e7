"""What are a node's conditions after one pass?"""

from __future__ import annotations

from typing import Any

import pytest

from nodesim.kubelet.conditions import NodeTruth, aggregate, capacity_errors, conditions_differ, next_conditions
from nodesim.units import SECOND

PRESSURES = [
    ("MemoryPressure", True, "KubeletHasInsufficientMemory", "NodeHasInsufficientMemory"),
    ("MemoryPressure", False, "KubeletHasSufficientMemory", "NodeHasSufficientMemory"),
    ("DiskPressure", True, "KubeletHasDiskPressure", "NodeHasDiskPressure"),
    ("DiskPressure", False, "KubeletHasNoDiskPressure", "NodeHasNoDiskPressure"),
    ("PIDPressure", True, "KubeletHasInsufficientPID", "NodeHasInsufficientPID"),
    ("PIDPressure", False, "KubeletHasSufficientPID", "NodeHasSufficientPID"),
]


def condition(type_: str, status: str, reason: str = "r", since_us: int = 1 * SECOND) -> dict[str, Any]:
    """A condition that somebody wrote at 1 s."""
    times = {"lastHeartbeatTime": 1 * SECOND, "lastTransitionTime": since_us}
    return {"type": type_, "status": status, **times, "reason": reason, "message": "m"}


def by_type(conditions: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Conditions by type."""
    return {item["type"]: item for item in conditions}


@pytest.mark.parametrize(("type_", "under", "reason", "event"), PRESSURES)
@pytest.mark.parametrize("before", ["True", "False", "Unknown"])
def test_a_pressure_condition_changes_only_when_its_status_does(
    type_: str, under: bool, reason: str, event: str, before: str
) -> None:
    """Also Unknown -> False is a flip: what the node controller wrote vanishes with the next pass."""
    after, events = next_conditions([condition(type_, before)], NodeTruth({type_: under}), 9 * SECOND + 5)
    made = by_type(after)[type_]
    assert made["status"] == str(under)
    assert made["lastHeartbeatTime"] == 9 * SECOND
    if before == str(under):
        assert (made["reason"], made["lastTransitionTime"]) == ("r", 1 * SECOND)
        assert event not in events
    else:
        assert (made["reason"], made["lastTransitionTime"]) == (reason, 9 * SECOND)
        assert event in events


def test_a_fresh_node_has_four_conditions_in_order_and_no_events() -> None:
    """Ready comes last; the first pass emits no events."""
    after, events = next_conditions([], NodeTruth(), 0)
    assert [item["type"] for item in after] == ["MemoryPressure", "DiskPressure", "PIDPressure", "Ready"]
    assert events == []


READY = [
    # before, errors, status, reason, keeps its transition time, event
    ("True", [], "True", "KubeletReady", True, None),
    ("Unknown", [], "True", "KubeletReady", False, "NodeReady"),
    ("False", ["e"], "False", "KubeletNotReady", True, None),
    ("True", ["e"], "False", "KubeletNotReady", False, "NodeNotReady"),
]


@pytest.mark.parametrize(("before", "errors", "status", "reason", "keeps", "event"), READY)
def test_ready_is_rebuilt_and_keeps_its_transition_time_while_its_status_stays(
    before: str, errors: list[str], status: str, reason: str, keeps: bool, event: str | None
) -> None:
    """Reason and message are always the kubelet's own."""
    after, events = next_conditions([condition("Ready", before)], NodeTruth(errors=errors), 9 * SECOND)
    made = by_type(after)["Ready"]
    assert (made["status"], made["reason"]) == (status, reason)
    assert made["lastTransitionTime"] == (1 * SECOND if keeps else 9 * SECOND)
    assert [reason for reason in events if reason.startswith("Node") and "Has" not in reason] == (
        [event] if event else []
    )


def test_conditions_of_others_stay() -> None:
    """NetworkUnavailable is not the kubelet's."""
    other = condition("NetworkUnavailable", "True")
    after, _ = next_conditions([other], NodeTruth(), 0)
    assert after[0] == other


def test_the_message_joins_different_errors() -> None:
    """One error stands alone, several in brackets, each once."""
    assert aggregate(["a"]) == "a"
    assert aggregate(["a", "b", "a"]) == "[a, b]"
    assert capacity_errors({"pods": "1"}) == ["missing node capacity for resources: cpu, memory"]
    assert capacity_errors({"pods": "1", "cpu": "1", "memory": "1"}) == []


def test_heartbeat_times_and_order_do_not_count_as_a_change() -> None:
    """Everything else of a condition does, its transition time too."""
    one, two = condition("A", "True"), condition("B", "True")
    assert not conditions_differ([one, two], [{**two, "lastHeartbeatTime": 7}, one])
    assert conditions_differ([one], [{**one, "lastTransitionTime": 7}])
    assert conditions_differ([one], [{**one, "reason": "other"}])
    assert conditions_differ([one], [one, two])
