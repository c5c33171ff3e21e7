"""Who takes the lease, who keeps it, and who has lost it: the election of one instance against a lease by hand."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from nodesim.clocks import TRUE_CLOCK, Clock, Stretch
from nodesim.controllers.leaderelection import LeaderElection
from nodesim.machine import Answered, Call, ProgramEffect, Started, TimerFired
from nodesim.messages import Create, Get, Update
from nodesim.objects import Document, decode_document
from nodesim.streams import Streams
from nodesim.units import HOUR, MILLISECOND, SECOND

HOP: int = MILLISECOND


class Bench:
    """One instance, its timers, and an API server with one lease; `down` answers nothing (requests time out)."""

    def __init__(self, *, clock: Clock = TRUE_CLOCK) -> None:
        self.election = LeaderElection("manager", "me", 1, Streams(1).stream("pauses"), clock)
        self.lease: Document | None = None
        self.version = 0
        self.down = False
        self.now_us = 0
        self.journal: list[tuple[int, str, int]] = []
        """(ms, verb, code) of each request."""
        self._timers: dict[Any, int] = {}
        self._answers: dict[int, Answered] = {}

    def write(self, holder: str, **more: Any) -> None:
        """Somebody writes the lease now."""
        self.version += 1
        spec = {"holderIdentity": holder, "leaseDurationSeconds": 15, "renewTime": self.now_us, "leaseTransitions": 4}
        self.lease = {"metadata": {"name": "manager", "resourceVersion": str(self.version)}, "spec": spec | more}

    def start(self) -> None:
        """The process begins."""
        self._feed(Started())

    def run(self, until_us: int) -> None:
        """Let time pass."""
        while self._timers:
            key, at_us = min(self._timers.items(), key=lambda item: (item[1], str(item[0])))
            if at_us > until_us:
                break
            del self._timers[key]
            self.now_us = at_us
            self._feed(self._answers.pop(key[1]) if isinstance(key, tuple) else TimerFired(key))
        self.now_us = until_us

    def verbs(self) -> list[str]:
        """What it asked for, in order."""
        return [verb for _, verb, _ in self.journal]

    def _feed(self, event: Any) -> None:
        for effect in self.election.handle(event, self.now_us):
            self._perform(effect)

    def _perform(self, effect: ProgramEffect) -> None:
        if isinstance(effect, Call):
            assert isinstance(effect.tag, tuple)
            if effect.tag[0] != "event":
                answer, after_us = self._serve(effect)
                self._answers[len(self.journal)] = answer
                self._timers["answer", len(self.journal)] = self.now_us + after_us
        elif hasattr(effect, "at_us"):
            self._timers[effect.key] = effect.at_us

    def _serve(self, call: Call) -> tuple[Answered, int]:
        request, code = call.request, 200
        if self.down:
            assert call.timeout_us is not None
            self.journal.append((self.now_us // MILLISECOND, type(request).__name__, 0))
            return Answered(call.tag, 0, "Timeout"), call.timeout_us
        if self.lease is None:
            code = 201 if isinstance(request, Create) else 404
        elif isinstance(request, Create):
            code = 409
        elif isinstance(request, Update):
            sent = decode_document(request.document)["metadata"]["resourceVersion"]
            code = 200 if sent == self.lease["metadata"]["resourceVersion"] else 409
        if code < 300 and not isinstance(request, Get):
            self.version += 1
            self.lease = decode_document(request.document)
            self.lease["metadata"]["resourceVersion"] = str(self.version)
        self.journal.append((self.now_us // MILLISECOND, type(request).__name__, code))
        return Answered(call.tag, code, document=self.lease if code < 300 else None), HOP


@pytest.mark.parametrize("holder", ["", "me_1"])
def test_a_lease_that_nobody_else_holds_is_taken_at_once(holder: str) -> None:
    """Also its own; then it is renewed at once, and every 2 s."""
    bench = Bench()
    bench.write(holder)
    bench.start()
    bench.run(6 * SECOND)
    assert bench.election.leading
    assert bench.journal[:2] == [(0, "Get", 200), (1, "Update", 200)]
    assert [at_ms for at_ms, _, _ in bench.journal[2:]] == [2, 2003, 4004]
    assert bench.lease is not None
    assert bench.lease["spec"]["leaseTransitions"] == (5 if not holder else 4)


def test_a_lease_that_is_not_there_is_made() -> None:
    """GET, 404, POST."""
    bench = Bench()
    bench.start()
    bench.run(SECOND)
    assert bench.verbs()[:2] == ["Get", "Create"]
    assert bench.lease is not None
    assert bench.lease["spec"]["leaseTransitions"] == 0


@pytest.mark.parametrize("ahead_us", [-HOUR, 0, HOUR])
def test_who_waits_goes_by_what_it_saw_and_not_by_dates(ahead_us: int) -> None:
    """Its clock may be an hour off: the lease is its own 15 s after it last saw it change, at its next look."""
    bench = Bench(clock=TRUE_CLOCK.then(Stretch(0, ahead_us)))
    bench.write("other")
    bench.start()
    for second in range(2, 22, 2):
        bench.run(second * SECOND)
        bench.write("other")
    assert not bench.election.leading
    looks = [at_ms for at_ms, verb, _ in bench.journal if verb == "Get"]
    assert all(2000 < late - early <= 4402 for early, late in pairwise(looks))
    bench.run(50 * SECOND)
    (taken_ms, *_) = [at_ms for at_ms, verb, _ in bench.journal if verb == "Update"]
    assert 20_000 + 15_000 <= taken_ms <= 20_000 + 15_000 + 2 * 4402
    assert bench.lease is not None
    assert (bench.lease["spec"]["acquireTime"] - ahead_us) // MILLISECOND == taken_ms
    assert bench.lease["spec"]["leaseTransitions"] == 5


def test_who_cannot_renew_for_ten_seconds_has_lost() -> None:
    """The round began 2 s after the last renewal; a request may take 5 s, and the last one ends with the deadline."""
    bench = Bench()
    bench.start()
    bench.run(SECOND)
    renewed_ms = bench.journal[-1][0] + 1
    bench.down = True
    bench.run((renewed_ms + 12_000) * MILLISECOND - 1)
    assert not bench.election.lost
    assert bench.journal[-2:] == [(renewed_ms + 2000, "Update", 0), (renewed_ms + 7000, "Get", 0)]
    bench.run((renewed_ms + 12_000) * MILLISECOND)
    assert bench.election.lost


def test_a_renewal_that_meets_a_conflict_reads_and_goes_on() -> None:
    """Its own lease with another version: GET, PUT, and it still leads."""
    bench = Bench()
    bench.start()
    bench.run(SECOND)
    bench.write("me_1")
    bench.run(3 * SECOND)
    assert bench.journal[-3:] == [(2003, "Update", 409), (2004, "Get", 200), (2005, "Update", 200)]
    bench.run(30 * SECOND)
    assert bench.election.leading
    assert not bench.election.lost


def test_a_leader_whose_lease_is_another_s_tries_until_its_deadline() -> None:
    """Every 2 s; nothing that it asks for succeeds, so it has lost after 10 s."""
    bench = Bench()
    bench.start()
    bench.run(SECOND)
    bench.write("other")
    bench.run(11 * SECOND)
    looks = [at_ms for at_ms, verb, _ in bench.journal if verb == "Get" and at_ms > 1000]
    assert [round(at_ms / 1000) for at_ms in looks] == [2, 4, 6, 8, 10]
    assert not bench.election.lost
    bench.run(13 * SECOND)
    assert bench.election.lost
