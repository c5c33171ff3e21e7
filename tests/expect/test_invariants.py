"""Invariants that hold, and that break."""

import pytest

from nodesim.expect import INVARIANTS, Violation
from tests.trace.script import Script, us


def _check(name: str, script: Script) -> list[tuple[int, str]]:
    return [(violation.t_us, violation.record) for violation in INVARIANTS[name].check(script.records)]


def test_every_invariant_has_a_name_and_a_sentence_and_holds_where_nothing_happened() -> None:
    """The registry is what the loader and the documentation show."""
    assert list(INVARIANTS) == sorted(INVARIANTS)
    for name, invariant in INVARIANTS.items():
        assert invariant.name == name
        assert invariant.text.endswith(".") or ";" in invariant.text
        assert invariant.check([]) == []


def test_an_ordinary_life_breaks_no_invariant() -> None:
    """Created, bound, run, deleted, stopped, confirmed; then again on another node."""
    script = Script()
    script.pod(1, "db-0", "u1")
    for uid, node, at in (("u1", "n1", 2), ("u2", "n2", 22)):
        bound = script.pod_is(at, "db-0", uid, "scheduler", node=node)
        script.start(at + 1, node, "db-0", uid)
        script.delete(at + 5, "db-0", uid, "operator", cause=bound)
        script.seen(at + 5.5, node, "db-0", uid)
        script.stop(at + 7, node, "db-0", uid)
        script.gone(at + 7.5, "Pod/default/db-0", uid, f"node/{node}")
        script.pod(at + 8, "db-0", "u2" if uid == "u1" else "u3")
    script.end(100)
    assert {name: found for name in INVARIANTS if (found := _check(name, script))} == {}


def test_two_nodes_at_once_break_at_most_one() -> None:
    """From the second start to the first stop; touching, and two containers on one node, do not."""
    script = Script()
    script.start(1, "n1", "db-0", "u1")
    second = script.start(10, "n2", "db-0", "u2", "c")
    script.start(12, "n2", "db-0", "u2", "d")
    script.stop(20, "n1", "db-0", "u1")
    script.start(1, "n1", "db-1", "u3", "c")
    script.start(1, "n1", "db-1", "u3", "d")
    script.stop(30, "n1", "db-1", "u3", container="c")
    script.stop(30, "n1", "db-1", "u3", container="d")
    script.start(30, "n2", "db-1", "u4")
    script.end(100)
    text = "Pod/default/db-0 runs on n1 and on n2 at once"
    assert INVARIANTS["at-most-one-per-identity"].check(script.records) == [
        Violation(us(10), text, second, us(20)),
    ]


def test_a_double_run_that_nobody_ends_lasts_beyond_the_run() -> None:
    """So an `always` up to the last instant sees it."""
    script = Script()
    script.start(1, "n1", "db-0", "u1")
    script.start(10, "n2", "db-0", "u2")
    script.end(100)
    (violation,) = INVARIANTS["at-most-one-per-identity"].check(script.records)
    assert (violation.t_us, violation.until_us) == (us(10), us(100) + 1)


@pytest.mark.parametrize("why", ["stopped", "killed"])
def test_a_living_pods_container_must_not_be_stopped(why: str) -> None:
    """The kubelet saw no deletion, and the object lives."""
    script = Script()
    script.pod(1, "a", "u1", "n1", phase="Running")
    script.start(2, "n1", "a", "u1")
    stop = script.stop(5, "n1", "a", "u1", why)
    script.seen(6, "n1", "a", "u1")
    assert _check("deleted-only-when-asked", script) == [(us(5), stop)]


def test_containers_may_end_for_many_reasons() -> None:
    """Own exit, power, a deletion that was seen, an object gone or unknown, a pod that failed."""
    script = Script()
    for number, name in enumerate("abcdef"):
        script.pod(1, name, f"u{number}", "n1", phase="Running")
        script.start(2, "n1", name, f"u{number}")
    script.start(2, "n1", "unknown", "u9")
    script.stop(5, "n1", "a", "u0", "exited")
    script.stop(5, "n1", "b", "u1", "power-off")
    script.seen(4, "n1", "c", "u2")
    script.stop(5, "n1", "c", "u2")
    script.gone(4, "Pod/default/d", "u3")
    script.stop(5, "n1", "d", "u3", "killed")
    script.pod_is(4, "e", "u4", phase="Failed", reason="Evicted")
    script.stop(5, "n1", "e", "u4")
    script.stop(5, "n1", "unknown", "u9")
    assert _check("deleted-only-when-asked", script) == []


def test_a_container_runs_only_where_its_pod_is_bound() -> None:
    """On another node, before the binding, and without any object: three violations; bound first: none."""
    script = Script()
    script.pod(1, "a", "u1", "n1")
    wrong = script.start(2, "n2", "a", "u1")
    script.pod(1, "b", "u2")
    early = script.start(3, "n1", "b", "u2")
    script.pod_is(4, "b", "u2", node="n1")
    stray = script.start(4, "n1", "c", "u3")
    script.start(5, "n1", "b", "u2", "second")
    script.start(5, "n1", "a", "u1")
    assert _check("runs-only-where-bound", script) == [(us(2), wrong), (us(3), early), (us(4), stray)]


def test_a_kubelet_confirms_only_what_has_stopped() -> None:
    """Its own container still runs: a violation; another node's, or a deletion by somebody else, is none."""
    script = Script()
    for name, uid in (("a", "u1"), ("b", "u2"), ("c", "u3"), ("d", "u4")):
        script.pod(1, name, uid, "n1")
        script.start(2, "n1", name, uid)
    script.stop(5, "n1", "b", "u2")
    bad = script.gone(5, "Pod/default/a", "u1", "node/n1")
    script.gone(5, "Pod/default/b", "u2", "node/n1")
    script.gone(5, "Pod/default/c", "u3", "operator")
    script.gone(5, "Pod/default/d", "u4", "node/n2")
    assert _check("confirmed-only-when-stopped", script) == [(us(5), bad)]


def test_causes_must_exist_and_come_first() -> None:
    """Within one instant another actor's record may stand later; one's own may not."""
    script = Script()
    step = script.step(1, "cut")
    script.write(1, "node/n1", "K", cause=step)
    nowhere = script.write(2, "a", "K", cause="b#7")
    own = script.write(3, "a", "K", cause="a#3")
    script.write(3, "a", "K")
    early = script.write(4, "a", "K", cause="z#1")
    script.write(5, "z", "K")
    assert _check("records-have-causes", script) == [(us(2), nowhere), (us(3), own), (us(4), early)]
    texts = [violation.text for violation in INVARIANTS["records-have-causes"].check(script.records)]
    assert texts[0] == "a#1 names the cause b#7, which is nowhere"
    assert texts[2] == "a#4 comes before its cause z#1"
