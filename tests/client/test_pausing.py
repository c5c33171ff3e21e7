"""A process that is stopped for a while: what waits, what fires, and what is lost if it is killed meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from nodesim.client.pausing import Pausable, Pause, Resume
from nodesim.client.process import Crash
from nodesim.machine import (
    CancelAllTimers,
    CancelTimer,
    MachineEffect,
    MachineEvent,
    Record,
    SetTimer,
    TimerFired,
    Told,
)
from tests.play import play


class Inner:
    """Records what it hears, and answers some of it with effects."""

    def __init__(self, answers: dict[Any, list[MachineEffect]] | None = None, *, running: bool = True) -> None:
        self.running = running
        self.heard: list[tuple[int, Any]] = []
        self._answers = answers or {}

    def handle(self, event: MachineEvent, now_us: int) -> list[MachineEffect]:
        """Note it."""
        what = event.key if isinstance(event, TimerFired) else event.step if isinstance(event, Told) else event
        self.heard.append((now_us, what))
        return self._answers.get(what, []) if isinstance(what, str) else []


PAUSED, RESUMED = "ComponentPaused", "ComponentResumed"


def kinds(effects: list[tuple[int, Any]]) -> list[tuple[int, str]]:
    """The records among some effects."""
    return [(now_us, effect.kind) for now_us, effect in effects if isinstance(effect, Record)]


def test_what_comes_while_it_is_paused_is_heard_in_order_when_it_goes_on() -> None:
    """At that instant, and never again; a second pause or resume does nothing."""
    inner = Inner()
    script = [
        (1, Told("a")),
        (2, Told(Pause())),
        (3, Told("b")),
        (4, Told(Pause())),
        (5, TimerFired("t")),
        (6, Told("c")),
        (7, Told(Resume())),
        (8, Told(Resume())),
        (9, Told("d")),
    ]
    assert kinds(play(Pausable("x", inner), script)) == [(2, PAUSED), (7, RESUMED)]
    assert inner.heard == [(1, "a"), (7, "b"), (7, "t"), (7, "c"), (9, "d")]


@pytest.mark.parametrize(
    ("effect", "fires"),
    [
        (CancelTimer("t"), []),
        (SetTimer("t", 99), []),
        (CancelAllTimers(), []),
        (CancelTimer("other"), ["t"]),
        (SetTimer("other", 99), ["t"]),
    ],
)
def test_a_timer_that_was_undone_before_its_turn_does_not_fire(effect: MachineEffect, fires: list[str]) -> None:
    """What came before it is heard before it, and may cancel or move it."""
    inner = Inner({"first": [effect]})
    play(Pausable("x", inner), [(1, Told(Pause())), (2, Told("first")), (3, TimerFired("t")), (4, Told(Resume()))])
    assert [what for _, what in inner.heard] == ["first", *fires]


def test_timers_that_outlive_a_process_are_spared() -> None:
    """Those whose key begins with the word that `CancelAllTimers` names."""
    inner = Inner({"first": [CancelAllTimers(spare="process")]})
    fired = [TimerFired(("process", "restart")), TimerFired(("sync", "web"))]
    script = [(1, Told(Pause())), (2, Told("first")), *((3, event) for event in fired), (4, Told(Resume()))]
    play(Pausable("x", inner), script)
    assert [what for _, what in inner.heard] == ["first", ("process", "restart")]


def test_a_paused_process_that_is_killed_hears_nothing_of_what_waited() -> None:
    """The kill is heard at once."""
    inner = Inner()
    crash = Crash()
    script = [(1, Told(Pause())), (2, Told("lost")), (3, Told(crash)), (4, Told("heard")), (5, Told(Resume()))]
    assert kinds(play(Pausable("x", inner), script)) == [(1, PAUSED)]
    assert inner.heard == [(3, crash), (4, "heard")]


def test_where_nothing_runs_there_is_nothing_to_pause() -> None:
    """A pause of a dead process does not hold its start back."""
    inner = Inner(running=False)
    assert play(Pausable("x", inner), [(1, Told(Pause())), (2, Told("start"))]) == []
    assert inner.heard == [(2, "start")]
