"""Expectations on the ledger's figures."""

import pytest

from nodesim.expect.figures import LEDGER_KEYS, figure_holds
from nodesim.ledger import Ledger
from nodesim.spec import Subject
from tests.expect.asking import ask, comparison
from tests.trace.script import Script, us

LEDGER = Ledger(
    detection_us={"n1": [us(50.25), None], "n.2": [us(40)]},
    false_unknowns={"n1": 2},
    eviction_us={"default/a": us(350), "default/b": us(360)},
    ghost_pod_us=us(70.5),
    unavailable_us={"ReplicaSet/default/web": 0},
)


@pytest.mark.parametrize(
    ("key", "wanted", "holds", "why"),
    [
        ("ghost_pod_seconds", "<= 70500", True, "ghost_pod_seconds is 1m10.5s"),
        ("ghost_pod_seconds", "< 70500", False, "ghost_pod_seconds is 1m10.5s"),
        ("eviction_seconds.default/a", "== 350000", True, "eviction_seconds.default/a is 5m50s"),
        ("eviction_seconds", "<= 360000", True, "eviction_seconds.default/a is 5m50s (and 1 more)"),
        ("eviction_seconds", "<= 355000", False, "eviction_seconds.default/b is 6m"),
        ("eviction_seconds", "<= 1", False, "eviction_seconds.default/a is 5m50s (and 1 more)"),
        (
            "eviction_seconds.default/c",
            "<= 355000",
            False,
            "the ledger has no eviction_seconds.default/c: it did not happen",
        ),
        ("replacement_seconds", ">= 0", False, "the ledger has no replacement_seconds: it did not happen"),
        ("detection_seconds.n1", "<= 99000", False, "detection_seconds.n1 is null: it was not noticed"),
        ("detection_seconds.n1.0", "<= 50250", True, "detection_seconds.n1.0 is 50.25s"),
        ("detection_seconds.n1.1", "<= 99000", False, "detection_seconds.n1.1 is null: it was not noticed"),
        ("detection_seconds.n1.2", "<= 99000", False, "the ledger has no detection_seconds.n1.2: it did not happen"),
        ("detection_seconds.n.2", "== 40000", True, "detection_seconds.n.2 is 40s"),
        ("false_unknowns", "== 2000", True, "false_unknowns.n1 is 2"),
        ("false_unknowns.n1", "<= 1000", False, "false_unknowns.n1 is 2"),
        ("false_unknowns.n9", "== 0", True, "false_unknowns.n9 is 0"),
        ("double_run_seconds", "== 0", True, "double_run_seconds is 0s"),
        ("double_run_seconds", "> 0", False, "double_run_seconds is 0s"),
        (
            "unavailable_seconds.ReplicaSet/default/web",
            "== 0",
            True,
            "unavailable_seconds.ReplicaSet/default/web is 0s",
        ),
        (
            "unavailable_seconds.ReplicaSet/default/wbe",
            "== 0",
            False,
            "the ledger has no unavailable_seconds.ReplicaSet/default/wbe: it did not happen",
        ),
        ("pods", "== 0", False, f"the ledger has no pods; it has {', '.join(LEDGER_KEYS)}"),
    ],
)
def test_a_figure_is_compared_in_thousandths(key: str, wanted: str, holds: bool, why: str) -> None:
    """One entry or all; zeros that the ledger leaves out are zeros, times of what did not happen are no figures."""
    assert figure_holds(key, comparison(wanted), LEDGER) == (holds, why)


def test_keys_are_those_of_the_document() -> None:
    """All but the list of pods, which is no figure."""
    assert sorted({*Ledger().to_json()} - {"pods"}) == list(LEDGER_KEYS)


def test_a_ledger_expectation_is_judged_at_the_end_of_the_run() -> None:
    """Whatever its `when`; `never` turns it round."""
    script = Script()
    script.pod(1, "a", "u1", "n1")
    script.start(2, "n1", "a", "u1")
    script.gone(10, "Pod/default/a", "u1")
    script.end(20)
    ten = Subject(kind="ledger", value="ghost_pod_seconds", comparison=comparison("== 10000"))
    for when in ("always", "eventually", "by"):
        verdict = ask(script, ten, when)
        assert (verdict.ok, verdict.at_us, verdict.why) == (True, us(20), "ghost_pod_seconds is 10s"), when
    assert ask(script, ten, "never").ok is False
