"""What runs, and for how long?"""

from __future__ import annotations

from typing import Any

import pytest

from nodesim.kubelet import Runtime
from nodesim.kubelet.behaviour import behaviour_of
from nodesim.machine import CancelTimer, Record, SetTimer
from nodesim.spec import ContainerRule
from nodesim.units import SECOND
from tests.kubelet.bench import pod

POD = pod("a", uid="u")
KEY = ("runtime", "u", "c")


def started(rule: ContainerRule) -> Runtime:
    """A runtime whose container runs since 0."""
    runtime = Runtime((rule,))
    assert runtime.start(POD, "c", "app", 0) == [SetTimer(KEY, rule.start_after_us)]
    runtime.fired("u", "c", rule.start_after_us)
    return runtime


STOPS = [
    # stop after, grace, exits after, code, why
    (2 * SECOND, 30 * SECOND, 2 * SECOND, 143, "stopped"),
    (None, 30 * SECOND, 30 * SECOND, 137, "killed"),
    (40 * SECOND, 30 * SECOND, 30 * SECOND, 137, "killed"),
]


@pytest.mark.parametrize(("stop_after_us", "grace_us", "after_us", "code", "why"), STOPS)
def test_a_stop_ends_by_itself_or_with_the_grace(
    stop_after_us: int | None, grace_us: int, after_us: int, code: int, why: str
) -> None:
    """SIGTERM and `stopAfter`, or SIGKILL when the grace is over first."""
    runtime = started(ContainerRule(start_after_us=0, stop_after_us=stop_after_us))
    assert runtime.stop("u", "c", grace_us, 5 * SECOND) == [SetTimer(KEY, 5 * SECOND + after_us)]
    assert runtime.stop("u", "c", 1, 6 * SECOND) == []
    [stopped] = runtime.fired("u", "c", 5 * SECOND + after_us)
    fields = {"container": "c", "uid": "u", "attempt": 0, "exit_code": code, "why": why}
    assert stopped == Record("ContainerStopped", "Pod/default/a", fields)


def test_a_container_that_exits_during_its_stop_exits_by_itself() -> None:
    """The earlier end counts."""
    runtime = started(ContainerRule(start_after_us=0, stop_after_us=None, exits=((6 * SECOND, 7),)))
    assert runtime.stop("u", "c", 30 * SECOND, 5 * SECOND) == [SetTimer(KEY, 6 * SECOND)]
    [stopped] = runtime.fired("u", "c", 6 * SECOND)
    assert isinstance(stopped, Record)
    assert (stopped.fields["exit_code"], stopped.fields["why"]) == (7, "exited")


def test_runs_end_as_the_list_of_exits_says_and_its_last_entry_repeats() -> None:
    """First run 1 s with code 1, all others 3 s with code 0."""
    runtime = started(ContainerRule(start_after_us=0, exits=((SECOND, 1), (3 * SECOND, 0))))
    now_us, seen = 0, []
    for after_us in (SECOND, 3 * SECOND, 3 * SECOND):
        now_us += after_us
        [stopped] = runtime.fired("u", "c", now_us)
        assert isinstance(stopped, Record)
        seen.append((stopped.fields["attempt"], stopped.fields["exit_code"]))
        runtime.start(POD, "c", "app", now_us)
        runtime.fired("u", "c", now_us)
    assert seen == [(0, 1), (1, 0), (2, 0)]


def test_a_power_off_ends_everything_and_attempts_count_on() -> None:
    """Running containers stop with the power, starting ones never were; the next start is attempt 1."""
    runtime = started(ContainerRule(start_after_us=0))
    runtime.start(pod("b", uid="v"), "c", "app", SECOND)
    effects = runtime.power_off(SECOND)
    assert CancelTimer(KEY) in effects
    assert CancelTimer(("runtime", "v", "c")) in effects
    [stopped] = [effect for effect in effects if isinstance(effect, Record)]
    assert (stopped.fields["why"], stopped.fields["exit_code"]) == ("power-off", 255)
    runtime.start(POD, "c", "app", 2 * SECOND)
    effect = runtime.fired("u", "c", 2 * SECOND)[0]
    assert isinstance(effect, Record)
    assert effect.fields["attempt"] == 1


BEHAVIOURS: list[tuple[str, dict[str, str], dict[str, str], dict[str, Any]]] = [
    ("db:1", {}, {}, {"start_after_us": 1}),
    ("web:1", {"tier": "x"}, {}, {"start_after_us": 2}),
    ("web:1", {}, {}, {"start_after_us": 300_000}),
    ("db:1", {}, {"nodesim.dev/stop-after": "never"}, {"start_after_us": 1, "stop_after_us": None}),
    ("db:1", {}, {"nodesim.dev/stop-after": "7s", "other/x": "1"}, {"stop_after_us": 7 * SECOND}),
    ("db:1", {}, {"nodesim.dev/exit": '[{"after": "5s", "code": 1}]'}, {"exits": ((5 * SECOND, 1),)}),
    (
        "db:1",
        {},
        {"nodesim.dev/exit": "nonsense", "nodesim.dev/ready-after": "soon"},
        {"exits": (), "ready_after_us": 0},
    ),
]


@pytest.mark.parametrize(("image", "labels", "annotations", "expected"), BEHAVIOURS)
def test_the_first_matching_rule_counts_and_annotations_change_it(
    image: str, labels: dict[str, str], annotations: dict[str, str], expected: dict[str, Any]
) -> None:
    """Image pattern and labels choose the rule; what cannot be read in an annotation is left out."""
    rules = (
        ContainerRule(image="db*", start_after_us=1),
        ContainerRule(image="*", labels={"tier": "x"}, start_after_us=2),
    )
    found = behaviour_of(rules, image, labels, annotations)
    assert {key: getattr(found, key) for key in expected} == expected
