"""How are many pods created without flooding the API server when the first already fails?

In batches of 1, 2, 4, ..., the next one only when all of the last succeeded.
Source: pkg/controller/replicaset/replica_set.go `slowStartBatch` (and its copies for StatefulSets, DaemonSets, Jobs).
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

from nodesim.controllers.workload.script import Answers, Ask, Order, Then, namespace_terminates, why
from nodesim.machine import Answered, Call, Record
from nodesim.messages import Request
from nodesim.values import value


@value
class Started:
    """How far it came: the first error, or "", how many requests were never sent, and how many did not fail."""

    error: str
    skipped: int
    made: int


def slow_start(requests: Sequence[Request], then: Then) -> Generator[Order, Answers, Started]:
    """Send them in batches that double; `then` hears each answer with the place of its request among all.

    That the namespace goes is no error: the rest is sent, and refused as well.
    """
    sent, size, made = 0, 1, 0
    while sent < len(requests):
        batch = tuple(requests[sent : sent + size])
        answers = yield Ask(batch, _shifted(then, sent))
        sent += len(batch)
        made += sum(answer.ok or namespace_terminates(answer) for answer in answers)
        size *= 2
        error = next((why(answer) for answer in answers if not answer.ok and not namespace_terminates(answer)), "")
        if error:
            return Started(error, len(requests) - sent, made)
    return Started("", 0, made)


def _shifted(then: Then, by: int) -> Then:
    def shifted(place: int, answer: Answered) -> list[Call | Record]:
        return then(by + place, answer)

    return shifted
