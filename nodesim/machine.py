"""What goes into a machine, and what comes out?

A machine is a decision without hands: `handle(event, now_us) -> effects`.  It owns its private state (plain data),
reads no clock, awaits nothing and draws only from the streams it was handed.  There are two layers of them:

* A **machine** talks in frames: it gets `Frame`, `TimerFired`, `Told` and answers with `Send`, `SetTimer`,
  `CancelTimer`, `Record`.  The API server is one, and so is the client side of a connection.
* A **program** (a controller, the scheduler, a kubelet's parts) talks to the API: it gets `Started`, `Changed`,
  `Synced`, `Answered`, `TimerFired`, `Told` and answers with `Call`, `SetTimer`, `CancelTimer`, `Record`.
  `nodesim.client` turns the one into the other: connection, watches, caches, retries.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Protocol, TypeAlias

from nodesim.messages import Frame, Message, Request
from nodesim.objects.documents import Document
from nodesim.values import value

TimerKey: TypeAlias = Hashable
"""Names a timer inside its machine: a str or a tuple of str and int.  Setting a key again moves its timer."""

Fields: TypeAlias = dict[str, Any]
"""What a record says: JSON values without floats."""


# --- events ---------------------------------------------------------------------------------------------------------


@value
class Started:
    """The actor begins (or its process starts again).  The first event a program gets."""


@value
class TimerFired:
    """A timer set by `SetTimer(key, at_us)` is due; `now_us` is its exact instant."""

    key: TimerKey


@value
class Told:
    """The scenario does something to this actor (a step of the scenario, not a message of the cluster)."""

    step: object


@value
class Undelivered:
    """What was sent on a connection met a refusal (RST): the connection is gone."""

    destination: str
    connection: int


@value
class Changed:
    """An object in this program's cache changed: `old is None`, it appeared; `new is None`, it went.

    `key` is `name` or `namespace/name`; `old` and `new` are what the watch's `view` made of the documents.
    """

    resource: str
    key: str
    old: Any
    new: Any


@value
class Synced:
    """The first list of a watched resource is in the cache; its `Changed` events came before this."""

    resource: str


@value
class Answered:
    """The answer to a `Call`.

    `code` is the HTTP status (200, 201, 404, 409, 410, 422, ...), or 0 when no answer came: then `reason` is `Timeout`,
    `ConnectionRefused` or `ConnectionLost`, and nobody knows whether the server acted (not for a refused connection).
    `document` is the object, or None on errors; of a `List` the items stand in `documents`.
    """

    tag: Hashable
    code: int
    reason: str = ""
    message: str = ""
    document: Document | None = None
    documents: tuple[Document, ...] = ()
    resource_version: str = ""
    retry_after_seconds: int = 0
    cause: str = ""
    """The reason of the cause in the Status' details."""

    @property
    def ok(self) -> bool:
        """The server did it."""
        return 200 <= self.code < 300


ProgramEvent: TypeAlias = Started | Changed | Synced | Answered | TimerFired | Told
MachineEvent: TypeAlias = Started | Frame | Undelivered | TimerFired | Told


# --- effects --------------------------------------------------------------------------------------------------------


@value
class Send:
    """Send a message to an actor.  `id` is the sender's own number for it (0: no answer is expected)."""

    destination: str
    message: Message
    id: int = 0
    in_reply_to: int = 0
    connection: int = 0


@value
class SetTimer:
    """Wake this machine with `TimerFired(key)` at an instant (us, not before now); replaces the key's older timer.

    What the timer leads to has no cause, as befits a rhythm, unless this effect follows directly on a `Record` (then
    that record is the cause) or `caused` is set (then this turn's cause goes on).  With `caused` None it has none even
    then.
    """

    key: TimerKey
    at_us: int
    caused: bool | None = False


@value
class CancelTimer:
    """Forget a timer; no effect when there is none."""

    key: TimerKey


@value
class CancelAllTimers:
    """A process dies: forget all timers of this actor, but those whose key is a tuple that begins with `spare`."""

    spare: str = ""


@value
class LoseUnsent:
    """The power goes: what this host's kernel had not sent yet is gone."""


@value
class Signal:
    """Tell another actor of the same process something (a step, as `Told`), in memory: no network lies between."""

    actor: str
    step: object


@value
class Record:
    """Write a record into the trace.

    `object` is `Kind/name` or `Kind/namespace/name`, or "" when it concerns none.  `cause` overrides the record that
    led here (`actor#n`); left empty it is this turn's last record about the same object, else the cause that the event
    came with.  What is sent behind a record has that record as its cause.
    """

    kind: str
    object: str = ""
    fields: Fields = {}
    cause: str = ""


@value
class Call:
    """Ask the API server for something; the answer comes as `Answered(tag)`.  `timeout_us` None: waits for ever.

    `record` is written when the request goes out on a connection, not when it waits for one, and is its cause.
    `if_missing` is asked for instead where the answer is 404; then the answer to that one is told.
    """

    tag: Hashable
    request: Request
    timeout_us: int | None = None
    record: Record | None = None
    if_missing: Request | None = None


ProgramEffect: TypeAlias = Call | SetTimer | CancelTimer | Record
MachineEffect: TypeAlias = Send | SetTimer | CancelTimer | CancelAllTimers | LoseUnsent | Signal | Record


class Program(Protocol):
    """A user of the API: decides on what it sees in its caches and on answers to its calls.

    It is `Started` once: a process that starts again is a new object, so that nothing outlives its process.
    """

    def handle(self, event: ProgramEvent, now_us: int) -> list[ProgramEffect]:
        """One event in, the orders that follow from it out."""
        ...


class Machine(Protocol):
    """Anything that can be an actor: decides on frames, timers and steps."""

    def handle(self, event: MachineEvent, now_us: int) -> list[MachineEffect]:
        """One event in, the orders that follow from it out."""
        ...


__all__ = [
    "Answered",
    "Call",
    "CancelAllTimers",
    "CancelTimer",
    "Changed",
    "Fields",
    "Frame",
    "LoseUnsent",
    "Machine",
    "MachineEffect",
    "MachineEvent",
    "Program",
    "ProgramEffect",
    "ProgramEvent",
    "Record",
    "Send",
    "SetTimer",
    "Signal",
    "Started",
    "Synced",
    "TimerFired",
    "TimerKey",
    "Told",
    "Undelivered",
]
