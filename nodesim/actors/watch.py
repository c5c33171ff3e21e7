"""What does a user see of a watch: a cache of objects, and the events that change it?"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Literal, Self

from nodesim.actors.waiter import Waiter
from nodesim.machine import Changed, ProgramEvent, Synced
from nodesim.objects import Document
from nodesim.values import value


@value
class Event:
    """An object appeared (`ADDED`), changed (`MODIFIED`) or went (`DELETED`, then `object` is its last state)."""

    type: Literal["ADDED", "MODIFIED", "DELETED"]
    object: Document
    old: Document | None
    """What it was before; None for `ADDED`."""

    @property
    def name(self) -> str:
        """The object's name."""
        name: str = self.object["metadata"]["name"]
        return name


class Watch:
    """A list of objects that is kept up to date, like a client-go informer.

    Iterate over it for the events (`async for event in watch`), or read `objects`.  It lists first: what is there
    already comes as `ADDED`.  It survives lost connections: it lists again and tells the differences.  The documents
    are the cache itself: copy one before you change it.  `close()` (or `async with`) ends it.  Events wait until
    somebody iterates; where only `objects` is wanted, `api.cache` keeps none.
    """

    def __init__(self, resource: str, label: str, close: Callable[[], None], *, tells: bool = True) -> None:
        self.resource = resource
        self.label = label
        self.closed = False
        self._close = close
        self._tells = tells
        self._objects: dict[str, Document] = {}
        self._told: deque[Event] = deque()
        self._heard: list[tuple[ProgramEvent, str]] = []
        self._synced = False
        self._waiters: list[Waiter[None]] = []

    @property
    def objects(self) -> Mapping[str, Document]:
        """The objects by `namespace/name`, or `name` for those without a namespace."""
        return self._objects

    def get(self, name: str, namespace: str = "default") -> Document | None:
        """The cached object, None if there is none."""
        return self._objects.get(f"{namespace}/{name}") or self._objects.get(name)

    def __iter__(self) -> Iterator[Document]:
        """The cached objects in order of their names."""
        return iter([self._objects[key] for key in sorted(self._objects)])

    def __len__(self) -> int:
        return len(self._objects)

    async def synced(self) -> None:
        """Wait until the first list is in the cache."""
        while not self._synced and not self.closed:
            await self._wait()

    def __aiter__(self) -> Self:
        if not self._tells:
            msg = f"a cache of {self.resource} tells no events; use api.watch"
            raise TypeError(msg)
        return self

    async def __anext__(self) -> Event:
        while not self._told:
            if self.closed:
                raise StopAsyncIteration
            await self._wait()
        return self._told.popleft()

    def close(self) -> None:
        """End it: no more events come."""
        if not self.closed:
            self.closed = True
            self._close()
            self._wake()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    # --- from the machine -------------------------------------------------------------------------------------------

    def hear(self, event: Changed | Synced, cause: str) -> bool:
        """The machine heard of a change; True: nothing else waits to be shown."""
        self._heard.append((event, cause))
        return len(self._heard) == 1

    def show(self) -> tuple[bool, str]:
        """Let the user see what was heard; did that wake a task, and what was the cause of the last of it?"""
        heard, self._heard = self._heard, []
        for event, _ in heard:
            if isinstance(event, Synced):
                self._synced = True
            elif not self.closed:
                assert isinstance(event, Changed)
                self._change(event)
        return self._wake(), heard[-1][1]

    def _change(self, event: Changed) -> None:
        if event.new is None:
            self._objects.pop(event.key, None)
            told = Event("DELETED", event.old, event.old)
        else:
            self._objects[event.key] = event.new
            told = Event("ADDED" if event.old is None else "MODIFIED", event.new, event.old)
        if self._tells:
            self._told.append(told)

    async def _wait(self) -> None:
        waiter: Waiter[None] = Waiter()
        self._waiters.append(waiter)
        await waiter.wait(lambda: self._waiters.remove(waiter))

    def _wake(self) -> bool:
        waiters, self._waiters = self._waiters, []
        woken = [waiter.resolve(None) for waiter in waiters]
        return any(woken)
