"""What does the ledger list of pods, and how is it written down?"""

import json
from typing import Any

import pytest

from nodesim.ledger import Ledger, PodLife, ledger_of
from tests.ledger.build import RS, ledger_in
from tests.trace.script import Script, us


def test_pods_are_listed_by_name_with_both_truths() -> None:
    """Re-created ones follow each other; what did not happen is None; a running container has not stopped."""
    script = Script()
    script.pod(1, "b", "u1", "n1")
    script.start(2, "n1", "b", "u1")
    script.stop(9, "n1", "b", "u1", "exited")
    script.start(10, "n1", "b", "u1", attempt=1)
    script.stop(20, "n1", "b", "u1")
    script.gone(21, "Pod/default/b", "u1")
    script.pod(22, "b", "u0")
    script.pod(3, "a", "u2", "n1")
    script.start(4, "n1", "a", "u2", "c")
    script.start(5, "n1", "a", "u2", "d")
    script.stop(6, "n1", "a", "u2", "exited", "c")
    script.start(7, "n2", "stray", "u3")
    script.end(30)
    rows = [
        (p.name, p.node, p.started_us, p.stopped_us, p.api_created_us, p.api_deleted_us) for p in ledger_in(script).pods
    ]
    assert rows == [
        ("default/a", "n1", us(4), None, us(3), None),
        ("default/b", "n1", us(2), us(20), us(1), us(21)),
        ("default/b", None, None, None, us(22), None),
        ("default/stray", "n2", us(7), None, None, None),
    ]


def test_the_document_has_exactly_its_keys_in_seconds() -> None:
    """Whole seconds are ints, others have at most six decimals, nothing else is a float."""
    ledger = Ledger(
        detection_us={"n1": [50_250_000, None, 0]},
        false_unknowns={"n1": 2},
        eviction_us={"default/a": 350_000_001},
        replacement_us={"default/a": 3_000_000},
        ghost_pod_us=70_000_000,
        double_run_us={"default/db-0": 333_333},
        unavailable_us={RS: 7_000_000},
        pods=[PodLife("default/a", "n1", 2_500_000, None, 1, None)],
    )
    assert json.dumps(ledger.to_json()) == json.dumps(
        {
            "detection_seconds": {"n1": [50.25, None, 0]},
            "false_unknowns": {"n1": 2},
            "eviction_seconds": {"default/a": 350.000001},
            "replacement_seconds": {"default/a": 3},
            "ghost_pod_seconds": 70,
            "double_run_seconds": {"default/db-0": 0.333333},
            "unavailable_seconds": {RS: 7},
            "pods": [
                {
                    "name": "default/a",
                    "node": "n1",
                    "started": 2.5,
                    "stopped": None,
                    "api_created": 0.000001,
                    "api_deleted": None,
                }
            ],
        }
    )


@pytest.mark.parametrize("records", [[], Script().records])
def test_an_empty_trace_has_an_empty_ledger(records: list[Any]) -> None:
    """Nothing happened; nothing breaks."""
    assert ledger_of(records) == Ledger()


def test_maps_are_sorted_whatever_the_order_of_events() -> None:
    """Later in the alphabet, earlier in time."""
    script = Script()
    for name, uid in (("b", "u1"), ("a", "u2")):
        script.pod(1, name, uid, "n1")
    script.node(1, "n2")
    script.node(1, "n1")
    for node in ("n2", "n1"):
        script.cut(10 if node == "n2" else 20, node)
    script.delete(30, "b", "u1", "operator")
    script.delete(40, "a", "u2", "operator")
    script.end(100)
    ledger = ledger_in(script)
    assert list(ledger.eviction_us) == ["default/a", "default/b"]
    assert list(ledger.detection_us) == ["n1", "n2"]


def test_what_was_planned_for_after_the_end_does_not_count() -> None:
    """A cut after the run's end never happened."""
    script = Script()
    script.node(0, "n1")
    script.end(100)
    script.cut(150, "n1")
    assert ledger_in(script).detection_us == {}
    assert ledger_of(script.records, duration_us=us(200)).detection_us == {"n1": [None]}
