"""How long was an outage not noticed, and which marks were false?"""

from tests.ledger.build import ledger_in
from tests.trace.script import Script, us


def test_detection_counts_from_the_outage_to_ready_not_true() -> None:
    """One figure per outage: noticed after 50.25 s, not noticed (healed first), noticed as Ready=False after 10 s."""
    script = Script()
    script.node(0, "n1")
    script.cut(100, "n1")
    script.ready(150.25, "n1", "Unknown")
    script.heal(200, "n1")
    script.ready(205, "n1", "True")
    script.cut(300, "n1")
    script.heal(320, "n1")
    script.cut(400, "n1")
    script.ready(410, "n1", "False")
    script.end(500)
    assert ledger_in(script).detection_us == {"n1": [us(50.25), None, us(10)]}


def test_detection_is_zero_while_the_last_outage_is_not_forgotten() -> None:
    """Ready is still Unknown when the second outage begins: nothing is left to detect."""
    script = Script()
    script.node(0, "n1")
    script.cut(100, "n1")
    script.ready(150, "n1", "Unknown")
    script.heal(151, "n1")
    script.cut(152, "n1")
    script.ready(152, "n1", "Unknown")
    script.end(500)
    assert ledger_in(script).detection_us == {"n1": [us(50), 0]}


def test_overlapping_reasons_are_detected_once() -> None:
    """A cut and a dead kubelet at the same time are one outage, from the first of them."""
    script = Script()
    script.node(0, "n1")
    script.switch(100, "n1", "KubeletStopped")
    script.cut(120, "n1")
    script.switch(130, "n1", "KubeletStarted")
    script.ready(160, "n1", "Unknown")
    script.end(200)
    assert ledger_in(script).detection_us == {"n1": [us(60)]}


def test_a_detection_at_the_very_end_of_the_run_counts_and_one_at_the_healing_does_not() -> None:
    """An open outage includes the last instant; a healed one ends before its healing, and then it is a false alarm."""
    script = Script()
    script.node(0, "n1")
    script.switch(0, "n2", "KubeletStarted")
    script.node(0, "n2")
    script.cut(100, "n1")
    script.cut(100, "n2")
    script.heal(150, "n2")
    script.ready(150, "n2", "Unknown")
    script.ready(200, "n1", "Unknown")
    script.end(200)
    ledger = ledger_in(script)
    assert ledger.detection_us == {"n1": [us(100)], "n2": [None]}
    assert ledger.false_unknowns == {"n2": 1}


def test_false_unknowns_count_only_outside_of_outages_and_only_nodes_with_a_kubelet() -> None:
    """Twice marked without a reason, once with one; staying Unknown is not marked again; a bare Node never counts."""
    script = Script()
    for name in ("n1", "bare"):
        script.node(1, name)
    script.switch(1, "n1", "KubeletStarted")
    script.ready(10, "n1", "Unknown")
    script.taints(11, "n1", "x:NoSchedule")
    script.ready(20, "n1", "True")
    script.ready(30, "n1", "Unknown")
    script.ready(40, "n1", "True")
    script.cut(50, "n1")
    script.ready(60, "n1", "Unknown")
    script.heal(70, "n1")
    script.ready(80, "n1", "False")
    script.ready(61, "bare", "Unknown")
    script.end(100)
    assert ledger_in(script).false_unknowns == {"n1": 2}


def test_a_node_that_was_unknown_before_its_kubelet_ran_is_no_false_alarm() -> None:
    """The kubelet did not run yet."""
    script = Script()
    script.node(1, "n1")
    script.ready(60, "n1", "Unknown")
    script.switch(70, "n1", "KubeletStarted")
    script.end(100)
    assert ledger_in(script).false_unknowns == {}
