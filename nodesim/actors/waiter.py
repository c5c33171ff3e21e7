"""How does a user's task wait for something that the world brings it?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import outcome
import trio

T = TypeVar("T")


class Waiter(Generic[T]):
    """One task that waits for one value."""

    __slots__ = ("_task",)

    def __init__(self) -> None:
        self._task: trio.lowlevel.Task | None = None

    async def wait(self, given_up: Callable[[], object]) -> T:
        """Wait for the value; `given_up` is called when the wait is cancelled."""
        self._task = trio.lowlevel.current_task()

        def abort(_: Any) -> trio.lowlevel.Abort:
            self._task = None
            given_up()
            return trio.lowlevel.Abort.SUCCEEDED

        value: T = await trio.lowlevel.wait_task_rescheduled(abort)
        return value

    def resolve(self, value: T) -> bool:
        """Hand the value over; False: nobody waits any more."""
        task, self._task = self._task, None
        if task is None:
            return False
        trio.lowlevel.reschedule(task, outcome.Value(value))
        return True
