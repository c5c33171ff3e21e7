"""What can go wrong, and with which exit code does the command end?

One registry of exit codes; `nodesim --help` prints it.  Errors that a user can cause carry a text that says what was
wrong, where, and what to do; everything else is a bug and ends with 70.
"""

from __future__ import annotations

import enum
from typing import Final


class ExitCode(enum.IntEnum):
    """Exit codes of the `nodesim` command."""

    HELD = 0
    """Every expectation held."""
    FAILED = 1
    """An expectation did not hold."""
    BAD_INPUT = 2
    """Wrong usage, or a scenario file with faults."""
    UNDECIDED = 3
    """The run ended before a window of an expectation did."""
    NOT_RUN = 4
    """The run could not be made or finished: port taken, peer lost, disk full, a user's actor raised."""
    BUG = 70
    """A bug in nodesim."""
    INTERRUPTED = 130
    """Ctrl-C."""


WORST_FIRST: Final = (
    ExitCode.BUG,
    ExitCode.BAD_INPUT,
    ExitCode.NOT_RUN,
    ExitCode.FAILED,
    ExitCode.UNDECIDED,
    ExitCode.HELD,
)
"""Of several runs the command reports the worst, in this order."""


class NodesimError(Exception):
    """Base of all errors that end a run on purpose; `exit_code` says how."""

    exit_code: ExitCode = ExitCode.BUG


class FrameError(NodesimError, ValueError):
    """A frame on the wire, or a document inside one, is not what the protocol allows.  Counted, recorded, dropped."""


class NotRunnable(NodesimError):
    """The run could not be made for a reason outside nodesim."""

    exit_code = ExitCode.NOT_RUN


class ActorCrash(NodesimError):
    """An actor's machine raised: names the actor, the instant (us) and the event that it was given."""

    def __init__(self, actor: str, now_us: int, event: object) -> None:
        self.actor = actor
        self.now_us = now_us
        self.event = event
        super().__init__(f"actor {actor} crashed at {now_us / 1e6:.6f} s on {event!r:.400}")


class ActorFailed(NotRunnable):
    """A user's actor raised: names it, the instant (us) and what it was doing.  Its own error is the cause."""

    def __init__(self, actor: str, now_us: int, doing: str, why: str) -> None:
        self.actor = actor
        self.now_us = now_us
        super().__init__(f"your actor {actor} raised at {now_us / 1e6:.6f} s {doing}: {why}")


class ActorStuck(NotRunnable):
    """A user's actor keeps running without ever waiting, so that time cannot go on."""

    def __init__(self, actor: str, now_us: int) -> None:
        super().__init__(
            f"time stands still at {now_us / 1e6:.6f} s: your actor {actor} never waits for anything that takes time"
        )


class TimeStandsStill(NodesimError):
    """Actors keep waking each other without the clock moving; names the last of them."""


def single_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What a nursery wrapped: one error inside, KeyboardInterrupt and then our own before all others."""
    errors: list[BaseException] = []
    pending: list[BaseException] = [group]
    while pending:
        error = pending.pop()
        if isinstance(error, BaseExceptionGroup):
            pending.extend(error.exceptions)
        else:
            errors.append(error)
    for wanted in (KeyboardInterrupt, NodesimError):
        for error in errors:
            if isinstance(error, wanted):
                return error
    return errors[0]
