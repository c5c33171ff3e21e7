"""How is one sync of one object written down?

A **script** is a generator that yields what it orders, one order after another, as Kubernetes' controllers send one
request after another.  A record or a call (an event) goes out as it is.  An `Ask` sends its requests at once; the
script goes on with their answers, in the order of the requests, when the last one is in.  A script decides nothing by
itself: it calls the rules of its controller, which are plain functions, and puts their requests in order.  What a
restart of the controller loses is dropped with the generator.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Protocol, TypeAlias

from nodesim.machine import Answered, Call, Record
from nodesim.messages import NAMESPACE_TERMINATING, Request
from nodesim.values import value

Then: TypeAlias = Callable[[int, Answered], "list[Call | Record]"]
"""What follows at once from the answer to the n-th request, before the others are answered."""


@value
class Ask:
    """Requests that are sent at once, in this order."""

    requests: tuple[Request, ...]
    then: Then | None = None


@value
class Outcome:
    """How a sync ended."""

    error: str = ""
    """Why it has to be tried again, "" where it need not be."""
    again_us: int | None = None
    """When to look again although nothing changed."""


Order: TypeAlias = Ask | Call | Record
Answers: TypeAlias = tuple[Answered, ...]
Script: TypeAlias = Generator[Order, Answers, Outcome]


class Sync(Protocol):
    """One sync; its queue keeps `now_us` up to date."""

    now_us: int

    def run(self) -> Script:
        """The script."""
        ...


def ask(request: Request) -> Generator[Order, Answers, Answered]:
    """One request; gives its answer to `yield from`."""
    (answer,) = yield Ask((request,))
    return answer


def namespace_terminates(answer: Answered) -> bool:
    """A create was refused because its namespace goes: no other would be granted, and nobody is told."""
    return answer.cause == NAMESPACE_TERMINATING


def why(answer: Answered) -> str:
    """What a refused request failed with, as Kubernetes' errors print it."""
    return answer.message or answer.reason
