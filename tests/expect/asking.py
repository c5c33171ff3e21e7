"""Asks for one verdict on records written by hand; times in seconds."""

from __future__ import annotations

from typing import Any

from nodesim.expect import Verdict, judge
from nodesim.ledger import ledger_of
from nodesim.spec import Comparison, Expectation, Subject
from tests.trace.script import Script, us

UNKNOWN = Subject(kind="condition", node="n1", condition="Ready", value="Unknown")


def comparison(text: str) -> Comparison:
    """`>= 2`."""
    parts: list[Any] = text.split()
    return Comparison(operator=parts[0], value=int(parts[1]))


def ask(script: Script, subject: Subject, when: Any, *, slack: float = 0, **times: Any) -> Verdict:
    """The verdict; `at`, `start`, `until`, `stable` in seconds, `after` a subject; the script has the run's end."""
    (verdict,) = ask_all(script, [expectation(subject, when, **times)], slack=slack)
    return verdict


def expectation(
    subject: Subject,
    when: Any,
    *,
    at: float = 0,
    start: float = 0,
    until: float | None = None,
    stable: float = 0,
    after: Subject | None = None,
    profiles: tuple[str, ...] = (),
) -> Expectation:
    """An expectation with its times in seconds."""
    return Expectation(
        subject=subject,
        when=when,
        text="the text",
        at_us=us(at),
        from_us=us(start),
        until_us=None if until is None else us(until),
        stable_us=us(stable),
        after=after,
        profiles=profiles,
    )


def ask_all(
    script: Script, expectations: list[Expectation], *, profile: str = "v1.36", slack: float = 0
) -> list[Verdict]:
    """The verdicts on several."""
    records = script.records
    (end_us,) = (record.t_us for record in records if record.kind == "RunEnded")
    return judge(
        expectations, records, profile=profile, duration_us=end_us, ledger=ledger_of(records), slack_us=us(slack)
    )
