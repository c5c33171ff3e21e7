"""What is on its way from one actor to another?

A channel is one direction of the talk between two actors: the link below it, its streams of draws, and per connection
the order in which frames arrive (first in, first out) and the frames that TCP must send again.  Connections do not
wait for each other.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

import attrs

from nodesim.net import CERTAIN, PER_MILLION, Link
from nodesim.streams import Stream, Streams

if TYPE_CHECKING:
    from nodesim.world.home import Home

UNSENT_MAX: Final = 10_000
"""Frames of one connection that may wait in its send buffer; beyond it the connection breaks."""
KEPT_MAX: Final = 10_000
"""Frames that a held link keeps back for one channel; a connection whose frame finds no room breaks."""


@attrs.define
class Unsent:
    """A frame that did not get through yet, or waits behind one that did not."""

    frame: bytes
    draw: int | None = None
    """None as long as nothing depended on it."""
    chance: int = CERTAIN
    """What is left of it after the tries that were lost."""
    through_us: int | None = None
    """When it arrived at the other end, where it waits for those before it."""


@attrs.define
class Backlog:
    """The frames of one connection behind a lost one, in order.  The first of them is not through."""

    since_us: int
    """From when TCP's tries are counted: when the first was sent, or when one last got through."""
    frames: deque[Unsent] = attrs.Factory(deque)
    due: int = 0
    """The number of the queue's entry for the next try; 0: none is due while nothing passes."""


@attrs.define
class Kept:
    """A frame that a held link keeps back: when it would have arrived."""

    connection: int
    at_us: int
    frame: bytes


class Channel:
    """One direction between two actors."""

    __slots__ = (
        "_older",
        "_streams",
        "backlogs",
        "connection",
        "destination",
        "kept",
        "last_us",
        "link",
        "receiver",
        "source",
        "stream",
    )

    def __init__(self, source: str, destination: str, receiver: Home | None, link: Link, streams: Streams) -> None:
        self.source = source
        self.destination = destination
        self.receiver = receiver
        """The destination's home; None where it lives in another world."""
        self.link = link
        self._streams = streams
        self.stream: Stream | None = None
        self.connection = 0
        """The connection on which the last frame went out."""
        self.last_us = 0
        """When that connection's last frame arrives; the next one does not overtake it."""
        self._older: dict[int, int] = {}
        """The same of the other connections that have frames on their way."""
        self.backlogs: dict[int, Backlog] = {}
        """By connection, those that have something to send again."""
        self.kept: list[Kept] = []
        """What a held link keeps back, in order."""

    def turn_to(self, connection: int, now_us: int) -> None:
        """Make `last_us` that of a connection."""
        if connection == self.connection:
            return
        self._older[self.connection] = self.last_us
        self.last_us = self._older.pop(connection, 0)
        self._older = {number: last_us for number, last_us in self._older.items() if last_us > now_us}
        self.connection = connection

    def draw(self) -> int:
        """The draw of the next message: one a message on a link with jitter or loss, none (0) on others."""
        if not self.link.chancy:
            return 0
        if self.stream is None:
            self.stream = self._streams.stream(f"link/{self.source}->{self.destination}")
        return self.stream.draw()

    def doubles(self) -> bool:
        """Is the next message delivered twice?  One draw a message on a link that duplicates, from its own stream."""
        ppm = self.link.duplicate_ppm
        if not ppm:
            return False
        stream = self._streams.stream(f"duplicate/{self.source}->{self.destination}")
        return stream.below(PER_MILLION) < ppm

    def __repr__(self) -> str:
        """Both ends and what waits between them."""
        waiting = sum(len(backlog.frames) for backlog in self.backlogs.values())
        return f"<Channel {self.source}->{self.destination}: {waiting} unsent, {len(self.kept)} kept>"
