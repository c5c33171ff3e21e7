"""Which connection does each client have open, as the server sees it?

A client has at most one; it numbers them, and a higher number is a newer one.  A `Dial` that is repeated (as TCP
repeats a SYN) opens nothing twice.  A connection that was used and is gone does not come back: its client would go on
waiting for watches that are no more.
"""

from __future__ import annotations


class Connections:
    """The server's ends."""

    __slots__ = ("_newest", "open", "unheard")

    def __init__(self) -> None:
        self.open: dict[str, int] = {}
        """Client -> number of its open connection."""
        self.unheard: set[str] = set()
        """Clients of whose newest connection nothing but dials was heard."""
        self._newest: dict[str, int] = {}

    def dial(self, client: str, number: int) -> bool:
        """A dial arrived for a connection that is not open; was it opened?  Then the client's older one is closed."""
        assert self.open.get(client) != number
        newest = self._newest.get(client, 0)
        if number <= 0 or number < newest or (number == newest and client not in self.unheard):
            return False
        self.open[client] = self._newest[client] = number
        self.unheard.add(client)
        return True

    def forget(self, client: str, number: int) -> bool:
        """A connection ended; was it the open one?"""
        if self.open.get(client) != number:
            return False
        del self.open[client]
        return True

    def newest(self, client: str) -> int:
        """The highest number of a client's connections so far; 0: it had none."""
        return self._newest.get(client, 0)
