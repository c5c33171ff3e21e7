"""Did each expectation come true, and if not, what happened instead?

How it works.  The subject becomes a timeline (`nodesim.expect.timelines`), the `when` a question to it.  A question
that the run's end leaves open is undecided (`ok` None).  Slack, for runs in real time, widens what is allowed: windows
grow, and what must hold always need not hold at its first and last moments.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Final

from nodesim.expect.figures import figure_holds
from nodesim.expect.timelines import Moment, Timeline, about_nobody, timeline_of
from nodesim.ledger import Ledger
from nodesim.profiles import Settings
from nodesim.spec import Expectation, Subject
from nodesim.trace.evidence import Evidence
from nodesim.trace.records import TraceRecord
from nodesim.trace.sentences import instant
from nodesim.units import format_duration
from nodesim.values import value

_INSTANT: Final = attrgetter("t_us")


@value
class Verdict:
    """What became of one expectation.

    `ok` None: undecided, the run ended first.  `at_us`: when it became true or was violated; None: neither.  `why` is
    one sentence, `record` the record that it rests on ("": none), the head of the chain of causes.
    """

    text: str
    ok: bool | None
    at_us: int | None
    why: str
    record: str


@value
class _Question:
    """One expectation with its times counted from the run's beginning, slack included."""

    text: str
    timeline: Timeline
    duration_us: int
    from_us: int
    until_us: int
    """The end of the window, also where it lies after the run's end."""
    at_us: int
    stable_us: int
    slack_us: int

    @property
    def end_us(self) -> int:
        """The last instant that can be looked at."""
        return min(self.until_us, self.duration_us)

    @property
    def open(self) -> bool:
        """Does the window go on after the run's end?"""
        return self.until_us > self.duration_us

    def at(self, t_us: int) -> Moment:
        """How things stood after all events of an instant."""
        return self.timeline[max(0, bisect_right(self.timeline, t_us, key=_INSTANT) - 1)]

    def first(self, from_us: int, until_us: int, *, true: bool = True) -> tuple[int, Moment] | None:
        """The first instant of [from, until] at which the subject was true (or was not), and how things stood."""
        if from_us > until_us:
            return None
        place = max(0, bisect_right(self.timeline, from_us, key=_INSTANT) - 1)
        for moment in self.timeline[place:]:
            if moment.t_us > until_us:
                return None
            if moment.true is true:
                return max(from_us, moment.t_us), moment
        return None

    def verdict(self, ok: bool | None, at_us: int | None, why: str, moment: Moment | None = None) -> Verdict:
        """The answer; the moment's record is what it rests on."""
        return Verdict(self.text, ok, at_us, why, moment.record if moment is not None else "")

    def undecided(self, what: str) -> Verdict:
        """The answer that the run's end left open."""
        return Verdict(self.text, None, None, f"{what}; the run ended at {instant(self.duration_us)}", "")


def judge(
    expectations: Iterable[Expectation],
    records: Sequence[TraceRecord],
    *,
    profile: str,
    duration_us: int,
    ledger: Ledger,
    settings: Settings | None = None,
    slack_us: int = 0,
    evidence: Evidence | None = None,
) -> list[Verdict]:
    """The verdicts on a run's expectations, in their order; those for other profiles or settings are left out.

    `slack_us` widens what is allowed, at both ends; `evidence` saves folding the records again.
    """
    known = evidence or Evidence(records, duration_us)
    timelines: dict[str, Timeline] = {}

    def timeline(subject: Subject) -> Timeline:
        key = repr(subject)
        if key not in timelines:
            timelines[key] = timeline_of(subject, known)
        return timelines[key]

    verdicts: list[Verdict] = []
    for expectation in expectations:
        if expectation.profiles and profile not in expectation.profiles:
            continue
        if any(getattr(settings, option) != wanted for option, wanted in expectation.settings.items()):
            continue
        if expectation.subject.kind == "ledger":
            verdicts.append(_judge_figure(expectation, ledger, duration_us))
            continue
        base_us = 0
        subjects = [subject for subject in (expectation.after, expectation.subject) if subject is not None]
        nobody = next(filter(None, (about_nobody(subject, known) for subject in subjects)), "")
        if nobody:
            # Else `phase: Gone` would hold of every slip of the pen.
            verdicts.append(Verdict(expectation.text, False, None, nobody, ""))
            continue
        if expectation.after is not None:
            begun = next((moment for moment in timeline(expectation.after) if moment.true), None)
            if begun is None or begun.t_us > duration_us:
                last = timeline(expectation.after)[-1]
                why = f"what it comes after never came true: {_since(last)}"
                verdicts.append(Verdict(expectation.text, False, None, why, last.record))
                continue
            base_us = begun.t_us
        question = _question(expectation, timeline(expectation.subject), base_us, duration_us, slack_us)
        verdicts.append(_JUDGES[expectation.when](question))
    return verdicts


def _question(expectation: Expectation, timeline: Timeline, base_us: int, duration_us: int, slack_us: int) -> _Question:
    # What must hold throughout gets a shorter window from slack, what must happen once a longer one.
    slack = -slack_us if expectation.when in ("always", "never") else slack_us
    return _Question(
        expectation.text,
        timeline,
        duration_us,
        from_us=max(0, base_us + expectation.from_us - slack),
        until_us=base_us + expectation.until_us + slack if expectation.until_us is not None else duration_us,
        at_us=base_us + expectation.at_us,
        stable_us=max(0, expectation.stable_us - slack_us),
        slack_us=slack_us,
    )


def _judge_figure(expectation: Expectation, ledger: Ledger, duration_us: int) -> Verdict:
    """A figure is known at the run's end, whatever the `when` says; `never` turns it round."""
    comparison = expectation.subject.comparison
    assert comparison is not None, "the loader gives every ledger expectation a comparison"
    holds, why = figure_holds(expectation.subject.value, comparison, ledger)
    return Verdict(expectation.text, holds is not (expectation.when == "never"), duration_us, why, "")


def _at(question: _Question) -> Verdict:
    from_us, until_us = max(0, question.at_us - question.slack_us), question.at_us + question.slack_us
    found = question.first(from_us, min(until_us, question.duration_us))
    if found is not None:
        return question.verdict(True, found[0], _since(found[1]), found[1])
    if until_us > question.duration_us:
        return question.undecided(f"{instant(question.at_us)} was not reached")
    moment = question.at(question.at_us)
    return question.verdict(False, question.at_us, f"at {instant(question.at_us)} {_since(moment)}", moment)


def _within(question: _Question) -> Verdict:
    window = f"[{instant(question.from_us)}, {instant(question.until_us)}]"
    before_us = question.from_us - 1
    if 0 <= before_us <= question.duration_us:
        before = question.at(before_us)
        if before.true:
            why = f"true too early, before {window}: {_since(before)}"
            return question.verdict(False, before.t_us, why, before)
    return _in_time(question, "its window ends at", f"in {window}")


def _by(question: _Question) -> Verdict:
    return _in_time(question, "it has until", f"by {instant(question.until_us)}")


def _in_time(question: _Question, ends: str, when: str) -> Verdict:
    """Is it true at some instant of its window?"""
    found = question.first(question.from_us, question.end_us)
    if found is not None:
        return question.verdict(True, found[0], _since(found[1]), found[1])
    if question.open:
        return question.undecided(f"not true yet, and {ends} {instant(question.until_us)}")
    return _missed(question, f"not {when}")


def _missed(question: _Question, when: str) -> Verdict:
    """Not true in time; tells what was instead, and when it came true after all."""
    moment = question.at(question.end_us)
    late = question.first(question.until_us + 1, question.duration_us)
    if late is not None:
        return question.verdict(False, late[0], f"{when}, only later: {_since(late[1])}", late[1])
    return question.verdict(False, None, f"{when}: {_since(moment)}", moment)


def _always(question: _Question) -> Verdict:
    return _throughout(question, true=True)


def _never(question: _Question) -> Verdict:
    return _throughout(question, true=False)


def _throughout(question: _Question, *, true: bool) -> Verdict:
    broken = question.first(question.from_us, question.end_us, true=not true)
    if broken is not None:
        return question.verdict(False, broken[0], f"at {instant(broken[0])} {_since(broken[1])}", broken[1])
    if question.open or question.from_us > question.duration_us:
        until_us = max(question.until_us, question.from_us)
        return question.undecided(f"not broken so far, and it goes on until {instant(until_us)}")
    moment = question.at(question.end_us)
    return question.verdict(True, None, _since(moment), moment)


def _eventually(question: _Question) -> Verdict:
    last = question.at(question.duration_us)
    if last.true:
        begun = _begin(question, last)
        return question.verdict(True, begun.t_us, _since(begun), begun)
    was = [moment for moment in question.timeline if moment.true and moment.t_us <= question.duration_us]
    if was:
        return question.verdict(False, last.t_us, f"was true, but no longer at the run's end: {_since(last)}", last)
    return question.verdict(False, None, f"never came true: {_since(last)}", last)


def _begin(question: _Question, last: Moment) -> Moment:
    """The first of the true moments that lead up to this one."""
    place = question.timeline.index(last)
    while place > 0 and question.timeline[place - 1].true:
        place -= 1
    return question.timeline[place]


def _stable(question: _Question) -> Verdict:
    wanted = format_duration(question.stable_us)
    longest_us, begun_us = 0, question.from_us
    best: Moment | None = None
    at_us = question.from_us
    while (found := question.first(at_us, question.end_us)) is not None:
        lost = question.first(found[0], question.end_us, true=False)
        # At the end of the window it was still true: the stretch reaches up to there.
        lasted_us = (question.end_us if lost is None else lost[0]) - found[0]
        if lasted_us >= question.stable_us:
            return question.verdict(True, found[0], f"{_since(found[1])}, for at least {wanted}", found[1])
        if best is None or lasted_us > longest_us:
            longest_us, (begun_us, best) = lasted_us, found
        if lost is None:
            if question.until_us >= question.duration_us:
                return question.undecided(f"true for {format_duration(lasted_us)} of {wanted} so far")
            break
        at_us = lost[0]
    if question.open:
        return question.undecided(f"not yet true for {wanted}")
    if best is None:
        return _missed(question, f"never true for {wanted}")
    why = f"true for {format_duration(longest_us)} at most, not for {wanted}: {_since(best)}"
    return question.verdict(False, begun_us, why, best)


def _since(moment: Moment) -> str:
    """`Ready of n1 is Unknown since 2m40s (apiserver#17)`; at 0 there may be nothing on record yet."""
    since = f" since {instant(moment.t_us)}" if moment.t_us or moment.record else ""
    return f"{moment.said}{since}{f' ({moment.record})' if moment.record else ''}"


_JUDGES: Final[dict[str, Callable[[_Question], Verdict]]] = {
    "at": _at,
    "within": _within,
    "by": _by,
    "always": _always,
    "never": _never,
    "eventually": _eventually,
    "stable": _stable,
}
