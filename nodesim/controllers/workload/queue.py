"""Which objects are synced now, which again, and which later?

One sync runs per object; what changes meanwhile starts another one after it, once everything of that instant has
arrived (the watch tells of a write right behind its answer).  A failed sync is tried again after a pause that doubles;
of several waits for one object the earliest counts.  A look that is only due later has no cause: a rhythm is nobody's
consequence.

Known difference: Kubernetes syncs a handful of objects side by side and sends at most 20 requests a second.
Source: client-go util/workqueue (queue, delaying queue `insert`, `DefaultTypedControllerRateLimiter`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import attrs

from nodesim.client.watches import WatchSpec
from nodesim.controllers.workload.script import Answers, Ask, Order, Script, Sync
from nodesim.machine import Answered, Call, ProgramEffect, SetTimer, Synced, TimerFired
from nodesim.units import MILLISECOND, SECOND
from nodesim.values import value

_DOUBLINGS_MAX: Final = 30
"""More need not be computed: the longest pause is reached long before."""


@value
class Backoff:
    """Pauses after failures: `first_us`, doubled each time, at most `max_us`; after `tries_max` no more."""

    first_us: int = 5 * MILLISECOND
    max_us: int = 1000 * SECOND
    tries_max: int | None = None

    def pause_us(self, failures: int) -> int:
        """The pause after so many failures before this one."""
        return min(self.first_us << min(failures, _DOUBLINGS_MAX), self.max_us)


@attrs.define
class _Running:
    number: int
    key: str
    sync: Sync
    script: Script
    asked: Ask = attrs.field(factory=lambda: Ask(()))
    answers: list[Answered | None] = attrs.field(factory=list)
    waiting: int = 0


class SyncQueue:
    """The objects of one controller, by key.  `begin` makes the sync of one, or None where the object is gone.

    Nothing is synced before the first list of each of the `watches` is known.  Calls carry the tag
    `("sync", number, place)`, timers the keys `("sync", object's key)` and `("sync again", ...)`.
    """

    def __init__(
        self,
        begin: Callable[[str, int], Sync | None],
        watches: Iterable[WatchSpec] = (),
        backoff: Backoff | None = None,
    ) -> None:
        self._begin = begin
        self._unknown = dict.fromkeys(watch.resource for watch in watches)
        self._backoff = backoff or Backoff()
        self.syncs_made = 0
        self._running: dict[str, _Running] = {}
        self._keys: dict[int, str] = {}
        self._again: dict[str, None] = {}
        """Changed while their sync runs, or about to be synced again at this instant."""
        self._failures: dict[str, int] = {}
        self._later: dict[str, int] = {}

    @property
    def running(self) -> list[str]:
        """The objects whose sync runs."""
        return sorted(self._running)

    @property
    def ready(self) -> bool:
        """Are all first lists known?"""
        return not self._unknown

    def handle(
        self, event: Answered | TimerFired | Synced, everything: Iterable[str], now_us: int
    ) -> list[ProgramEffect]:
        """What every such controller does with an answer, a timer and a first list; `everything` are all objects."""
        if isinstance(event, Answered):
            return self.answered(event, now_us)
        if isinstance(event, TimerFired):
            return self.fired(event, now_us)
        if event.resource not in self._unknown:
            return []
        del self._unknown[event.resource]
        return self.add(sorted(everything), now_us)

    def add(self, keys: Iterable[str], now_us: int) -> list[ProgramEffect]:
        """Sync these now, or after their running sync."""
        if self._unknown:
            return []
        effects: list[ProgramEffect] = []
        for key in dict.fromkeys(keys):
            if key in self._running or key in self._again:
                self._again[key] = None
                continue
            sync = self._begin(key, now_us)
            if sync is None:
                self._failures.pop(key, None)
                continue
            self.syncs_made += 1
            run = self._running[key] = _Running(self.syncs_made, key, sync, sync.run())
            self._keys[run.number] = key
            effects += self._go_on(run, None, now_us)
        return effects

    def add_at(self, key: str, at_us: int) -> list[ProgramEffect]:
        """Sync this one at an instant, unless it is to be looked at before."""
        if self._later.get(key, at_us + 1) <= at_us:
            return []
        self._later[key] = at_us
        return [SetTimer(("sync", key), at_us)]

    def fired(self, event: TimerFired, now_us: int) -> list[ProgramEffect]:
        """A timer of `add_at` is due; others are not ours."""
        match event.key:
            case ("sync", str(key)) if key in self._later:
                del self._later[key]
                return self.add([key], now_us)
            case ("sync again", str(key)) if key in self._again:
                del self._again[key]
                return self.add([key], now_us)
            case _:
                return []

    def answered(self, answer: Answered, now_us: int) -> list[ProgramEffect]:
        """An answer to a request of a running sync; others are not ours."""
        match answer.tag:
            case ("sync", int(number), int(place)) if number in self._keys:
                run = self._running[self._keys[number]]
            case _:
                return []
        run.answers[place] = answer
        run.waiting -= 1
        run.sync.now_us = now_us
        effects: list[ProgramEffect] = list(run.asked.then(place, answer)) if run.asked.then else []
        if run.waiting:
            return effects
        answers = tuple(each for each in run.answers if each is not None)
        return [*effects, *self._go_on(run, answers, now_us)]

    def _go_on(self, run: _Running, answers: Answers | None, now_us: int) -> list[ProgramEffect]:
        """Let a script order until it waits for answers or ends; None starts it."""
        run.sync.now_us = now_us
        effects: list[ProgramEffect] = []
        try:
            order: Order = next(run.script) if answers is None else run.script.send(answers)
            while not isinstance(order, Ask) or not order.requests:
                if not isinstance(order, Ask):
                    effects.append(order)
                order = run.script.send(())
        except StopIteration as ended:
            return [*effects, *self._end(run, ended.value.error, ended.value.again_us, now_us)]
        run.asked, run.waiting = order, len(order.requests)
        run.answers = [None] * run.waiting
        effects += [Call(("sync", run.number, place), request) for place, request in enumerate(order.requests)]
        return effects

    def _end(self, run: _Running, error: str, again_us: int | None, now_us: int) -> list[ProgramEffect]:
        """Plan the next sync, and start it if something changed meanwhile."""
        key = run.key
        del self._running[key], self._keys[run.number]
        effects: list[ProgramEffect] = []
        failures = self._failures.pop(key, 0)
        if error and (self._backoff.tries_max is None or failures < self._backoff.tries_max):
            self._failures[key] = failures + 1
            effects += self.add_at(key, now_us + self._backoff.pause_us(failures))
        if again_us is not None:
            effects += self.add_at(key, again_us)
        if key in self._again:
            effects.append(SetTimer(("sync again", key), now_us, caused=True))
        return effects
