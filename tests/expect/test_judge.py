"""Every `when`, with its edges, and what a person is told."""

import pytest

from nodesim.expect import Verdict
from nodesim.spec import Subject
from tests.expect.asking import UNKNOWN, ask, ask_all, comparison, expectation
from tests.trace.script import Script, us


@pytest.fixture
def script() -> Script:
    """n1 is Unknown from 50 s to 70 s and from 90 s on; the run ends at 100 s."""
    script = Script()
    script.node(1, "n1")
    script.ready(50, "n1", "Unknown")
    script.ready(70, "n1", "True")
    script.ready(90, "n1", "Unknown")
    script.end(100)
    return script


@pytest.mark.parametrize(
    ("at", "ok"),
    [(0, False), (49.999999, False), (50, True), (69.999999, True), (70, False), (90, True), (100, True), (101, None)],
)
def test_at_looks_after_all_events_of_the_instant(script: Script, at: float, ok: bool | None) -> None:
    """The change at 50 s counts at 50 s, not a microsecond before; beyond the run's end nothing can be said."""
    verdict = ask(script, UNKNOWN, "at", at=at)
    assert (verdict.ok, verdict.at_us) == (ok, None if ok is None else us(at))


def test_at_says_how_things_stood(script: Script) -> None:
    """With the record that made them so."""
    assert ask(script, UNKNOWN, "at", at=80) == Verdict(
        "the text", False, us(80), "at 1m20s Ready of n1 is True since 1m10s (apiserver#3)", "apiserver#3"
    )
    assert ask(script, UNKNOWN, "at", at=0).why == "at 0s there is no node n1"
    assert ask(script, UNKNOWN, "at", at=200).why == "3m20s was not reached; the run ended at 1m40s"


def test_of_several_changes_in_one_instant_the_last_counts() -> None:
    """Unknown and True again within one microsecond was never Unknown."""
    script = Script()
    script.node(1, "n1")
    script.ready(50, "n1", "Unknown")
    script.ready(50, "n1", "True")
    script.end(100)
    assert ask(script, UNKNOWN, "at", at=50).ok is False
    assert ask(script, UNKNOWN, "never").ok is True


@pytest.mark.parametrize(
    ("start", "until", "ok", "at"),
    [
        (0, 100, True, 50),
        (50, 60, True, 50),
        (40, 50, True, 50),
        (50, 50, True, 50),
        (50.000001, 60, False, 50),  # was true a microsecond before the window
        (40, 49.999999, False, 50),  # true, but later
        (60, 95, False, 50),
        (70, 89, False, 50),  # the last instant before was still true
        (70.000001, 89, False, 90),  # not true before, and again only after
        (71, 100, True, 90),
        (71, 89, False, 90),
        (95, 200, False, 90),
        (10, 20, False, 50),
    ],
)
def test_within_includes_its_borders_and_excludes_what_was_true_before(
    script: Script, start: float, until: float, ok: bool, at: float
) -> None:
    """Both ends of the window belong to it; `at_us` tells when the subject became true, early, in time or late."""
    verdict = ask(script, UNKNOWN, "within", start=start, until=until)
    assert (verdict.ok, verdict.at_us) == (ok, us(at))


def test_within_tells_early_from_late_from_never(script: Script) -> None:
    """Three ways to fail, three sentences."""
    early = ask(script, UNKNOWN, "within", start=55, until=60).why
    assert early == "true too early, before [55s, 1m]: Ready of n1 is Unknown since 50s (apiserver#2)"
    late = ask(script, UNKNOWN, "within", start=10, until=20).why
    assert late == "not in [10s, 20s], only later: Ready of n1 is Unknown since 50s (apiserver#2)"
    never = ask(script, Subject(kind="taint", node="n1", value="k:NoExecute"), "within", start=10, until=20)
    assert never.why == "not in [10s, 20s]: n1 does not have k:NoExecute since 1s (apiserver#1)"
    assert never.at_us is None


def test_within_is_undecided_when_the_run_ends_before_its_window() -> None:
    """Not true yet, and it might have become true; what was true too early has failed already."""
    script = Script()
    script.node(1, "n1")
    script.end(100)
    verdict = ask(script, UNKNOWN, "within", start=90, until=100.000001)
    assert (verdict.ok, verdict.at_us, verdict.record) == (None, None, "")
    assert verdict.why.startswith("not true yet, and its window ends at 1m40s; the run ended at 1m40s")
    assert ask(script, UNKNOWN, "within", start=90, until=100).ok is False
    assert ask(script, UNKNOWN, "within", start=150, until=200).ok is None
    is_true = Subject(kind="condition", node="n1", condition="Ready", value="True")
    assert ask(script, is_true, "within", start=50, until=200).ok is False
    assert ask(script, is_true, "within", start=150, until=200).ok is None


@pytest.mark.parametrize(
    ("until", "ok", "at"),
    [(49.999999, False, 50), (50, True, 50), (100, True, 50), (200, True, 50)],
)
def test_by_needs_one_instant_up_to_its_end(script: Script, until: float, ok: bool, at: float) -> None:
    """The border belongs to it, and what is true in time is decided although the run ended."""
    verdict = ask(script, UNKNOWN, "by", until=until)
    assert (verdict.ok, verdict.at_us) == (ok, us(at))


def test_by_is_undecided_when_the_run_ends_first(script: Script) -> None:
    """There would have been time left."""
    false = Subject(kind="condition", node="n1", condition="Ready", value="False")
    assert ask(script, false, "by", until=101).ok is None
    assert ask(script, false, "by", until=100).ok is False


@pytest.mark.parametrize(
    ("start", "until", "always", "never"),
    [
        (0, None, 0, 50),
        (50, 69.999999, True, 50),
        (50, 70, 70, 50),
        (70, 89.999999, 70, True),
        (70, 90, 70, 90),
        (90, None, True, 90),
        (100, None, True, 100),
        (90, 101, None, 90),
        (75, 80, 75, True),
        (101, None, None, None),
    ],
)
def test_always_and_never_include_both_borders(
    script: Script, start: float, until: float | None, always: float | bool | None, never: float | bool | None
) -> None:
    """Numbers are the instant of the violation; a violation decides also when the run ended early."""
    for when, wanted in (("always", always), ("never", never)):
        verdict = ask(script, UNKNOWN, when, start=start, until=until)
        if wanted is True or wanted is None:
            assert (verdict.ok, verdict.at_us) == (wanted, None), when
        else:
            assert (verdict.ok, verdict.at_us) == (False, us(wanted)), when


def test_a_violation_is_told_with_its_record(script: Script) -> None:
    """When it was broken first, how things stood, and since when."""
    verdict = ask(script, UNKNOWN, "always", start=60)
    assert (verdict.why, verdict.record) == ("at 1m10s Ready of n1 is True since 1m10s (apiserver#3)", "apiserver#3")
    never = ask(script, UNKNOWN, "never", start=60)
    assert never.why == "at 1m Ready of n1 is Unknown since 50s (apiserver#2)"
    assert ask(script, UNKNOWN, "never", start=75, until=150).why == (
        "at 1m30s Ready of n1 is Unknown since 1m30s (apiserver#4)"
    )
    assert ask(script, UNKNOWN, "always", start=95, until=150).why == (
        "not broken so far, and it goes on until 2m30s; the run ended at 1m40s"
    )


def test_eventually_must_be_true_at_the_end(script: Script) -> None:
    """Once true and lost again is not enough; `at_us` is the beginning of the last stretch."""
    held = ask(script, UNKNOWN, "eventually")
    assert (held.ok, held.at_us, held.record) == (True, us(90), "apiserver#4")
    lost = ask(script, Subject(kind="condition", node="n1", condition="Ready", value="True"), "eventually")
    assert (lost.ok, lost.at_us) == (False, us(90))
    assert lost.why.startswith("was true, but no longer at the run's end: Ready of n1 is Unknown")
    none = ask(script, Subject(kind="condition", node="n2", condition="Ready", value="True"), "eventually")
    assert (none.ok, none.at_us, none.why) == (False, None, "never came true: there is no node n2")


def test_eventually_goes_back_over_changes_that_left_it_true() -> None:
    """Three pods, then four: at least three since the third."""
    script = Script()
    for n in range(4):
        script.pod(10 * n, f"p{n}", f"u{n}", ready=True)
    script.end(100)
    verdict = ask(script, Subject(kind="ready", labels={"app": "web"}, comparison=comparison(">= 3")), "eventually")
    assert (verdict.ok, verdict.at_us) == (True, us(20))


@pytest.mark.parametrize(
    ("stable", "ok", "at"),
    [(10, True, 50), (20, True, 50), (20.000001, None, None)],
)
def test_stable_needs_one_stretch_without_a_break(script: Script, stable: float, ok: bool | None, at: float) -> None:
    """Unknown for 20 s, then True, then Unknown for the last 10 s, which might have gone on."""
    verdict = ask(script, UNKNOWN, "stable", stable=stable)
    assert (verdict.ok, verdict.at_us) == (ok, None if at is None else us(at))


def test_stable_fails_when_it_was_lost_for_good_or_never_there(script: Script) -> None:
    """The longest stretch is told; at the run's end it is not true, so nothing is open."""
    is_true = Subject(kind="condition", node="n1", condition="Ready", value="True")
    verdict = ask(script, is_true, "stable", stable=60)
    assert (verdict.ok, verdict.at_us) == (False, us(1))
    assert verdict.why == "true for 49s at most, not for 1m: Ready of n1 is True since 1s (apiserver#1)"
    never = ask(script, Subject(kind="condition", node="n2", condition="Ready", value="True"), "stable", stable=60)
    assert (never.ok, never.why) == (False, "never true for 1m: there is no node n2")
    assert ask(script, is_true, "stable", stable=60, until=150).ok is None
    assert ask(script, UNKNOWN, "stable", stable=15, start=60, until=80).ok is False
    assert ask(script, UNKNOWN, "stable", stable=15, start=60, until=95).why.startswith("true for 10s at most")
    assert ask(script, UNKNOWN, "stable", stable=10, start=60, until=70).at_us == us(60)


TAINTED = Subject(kind="taint", node="n1", value="k:NoExecute")


def test_after_counts_from_the_first_instant_of_the_other_subject() -> None:
    """Unknown at 50 s, the taint 0.25 s later; a second Unknown does not move the window."""
    script = Script()
    script.node(1, "n1")
    script.ready(50, "n1", "Unknown")
    script.taints(50.25, "n1", "k:NoExecute")
    script.taints(60, "n1")
    script.ready(70, "n1", "True")
    script.ready(80, "n1", "Unknown")
    script.end(100)
    assert ask(script, TAINTED, "within", start=0, until=0.25, after=UNKNOWN).at_us == us(50.25)
    assert ask(script, TAINTED, "within", start=0, until=0.249999, after=UNKNOWN).ok is False
    assert ask(script, TAINTED, "within", start=0.250001, until=5, after=UNKNOWN).ok is False
    assert ask(script, TAINTED, "at", at=10, after=UNKNOWN).ok is False
    assert ask(script, TAINTED, "at", at=9.999999, after=UNKNOWN).ok is True
    assert ask(script, TAINTED, "by", until=1, after=UNKNOWN).ok is True
    assert ask(script, TAINTED, "always", start=1, until=9, after=UNKNOWN).ok is True
    assert ask(script, TAINTED, "never", start=10, after=UNKNOWN).ok is True
    assert ask(script, TAINTED, "never", start=10, until=51, after=UNKNOWN).ok is None
    assert ask(script, TAINTED, "stable", stable=9.000001, start=1, after=UNKNOWN).ok is False
    assert ask(script, UNKNOWN, "within", start=0, until=1, after=TAINTED).why.startswith("true too early")


def test_after_something_that_never_came_true_fails() -> None:
    """And says so, with how things stood."""
    script = Script()
    script.node(1, "n1")
    script.end(100)
    verdict = ask(script, TAINTED, "within", start=0, until=1, after=UNKNOWN)
    assert (verdict.ok, verdict.at_us, verdict.record) == (False, None, "apiserver#1")
    assert verdict.why == "what it comes after never came true: Ready of n1 is True since 1s (apiserver#1)"


def test_expectations_for_other_profiles_are_left_out(script: Script) -> None:
    """Those without a list are for all."""
    wanted = [
        expectation(UNKNOWN, "at", at=50, profiles=("v1.24",)),
        expectation(UNKNOWN, "at", at=51, profiles=("v1.36", "v1.24")),
        expectation(UNKNOWN, "at", at=52),
        expectation(UNKNOWN, "at", at=53, profiles=("v1.36",)),
    ]
    assert [verdict.at_us for verdict in ask_all(script, wanted)] == [us(51), us(52), us(53)]
    assert [verdict.at_us for verdict in ask_all(script, wanted, profile="v1.24")] == [us(50), us(51), us(52)]


def test_slack_widens_what_is_allowed(script: Script) -> None:
    """Two seconds early or late pass, three do not; what holds always may fail at the borders only."""
    assert ask(script, UNKNOWN, "at", at=48, slack=2).at_us == us(50)
    assert ask(script, UNKNOWN, "at", at=47, slack=2).ok is False
    assert ask(script, UNKNOWN, "within", start=52, until=60, slack=2).ok is True
    assert ask(script, UNKNOWN, "within", start=53, until=60, slack=2).ok is False
    assert ask(script, UNKNOWN, "within", start=40, until=48, slack=2).ok is True
    assert ask(script, UNKNOWN, "by", until=48, slack=2).ok is True
    assert ask(script, UNKNOWN, "always", start=48, until=71, slack=2).ok is True
    assert ask(script, UNKNOWN, "always", start=47, until=71, slack=2).ok is False
    assert ask(script, UNKNOWN, "never", start=69, until=91, slack=2).ok is True
    assert ask(script, UNKNOWN, "stable", stable=22, slack=2).ok is True


def test_verdicts_come_in_the_order_of_the_file(script: Script) -> None:
    """Whatever their kinds; nothing is asked, nothing is answered."""
    wanted = [expectation(UNKNOWN, "at", at=80), expectation(UNKNOWN, "eventually"), expectation(UNKNOWN, "at", at=50)]
    assert [verdict.at_us for verdict in ask_all(script, wanted)] == [us(80), us(90), us(50)]
    assert ask_all(script, []) == []


@pytest.mark.parametrize(
    "subject",
    [
        Subject(kind="phase", name="lonly", value="Gone"),
        Subject(kind="running", name="lonly", present=False),
        Subject(kind="pod-ready", name="lonly", present=False),
        Subject(kind="phase", name="lonly", value="Running"),
    ],
    ids=lambda subject: f"{subject.kind} {subject.value}",
)
@pytest.mark.parametrize("when", ["at", "always", "never", "eventually"])
def test_a_claim_about_a_pod_that_never_was_fails_and_says_so(subject: Subject, when: str) -> None:
    """`Gone`, not running and not ready would hold of every slip of the pen."""
    script = Script()
    script.pod(1, "lonely", "u")
    script.end(60)
    said = "there never was a pod default/lonly in this run, so nothing can be said of it; did you mean default/lonely?"
    verdict = ask(script, subject, when, at=30)
    assert (verdict.ok, verdict.why) == (False, said)
    other = ask(script, UNKNOWN, "by", until=30, after=subject)
    assert (other.ok, other.why) == (False, said)


def test_a_pod_that_is_gone_or_ran_without_an_object_is_no_such_case() -> None:
    """Gone after it was there holds; a container alone, too, is something of which a claim can be made."""
    script = Script()
    script.pod(1, "lonely", "u")
    script.gone(5, "Pod/default/lonely", "u")
    script.write(6, "node/n1", "ContainerStarted", "Pod/default/stray", container="c", uid="s", attempt=0)
    script.end(60)
    assert ask(script, Subject(kind="phase", name="lonely", value="Gone"), "at", at=30).ok is True
    assert ask(script, Subject(kind="phase", name="stray", value="Gone"), "at", at=30).ok is True
    assert ask(script, Subject(kind="running", name="stray", present=False), "at", at=30).ok is False
