"""What is on its way from one actor to another?

A channel is one direction of the talk between two actors: the link below it, its stream of draws, the order in which
frames arrive (first in, first out), and the frames that TCP holds because the link is cut.  What is held on one
connection does not hold back another.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

import attrs

from nodesim.net import Link
from nodesim.streams import Stream, Streams

if TYPE_CHECKING:
    from nodesim.world.home import Home

HELD_MAX: Final = 10_000
"""Frames that may wait on one channel; beyond it the connection breaks, as a full send buffer would break it."""


@attrs.define
class HeldFrame:
    """A frame that waits for its link: when it was sent, and the draw it was given."""

    sent_us: int
    draw: int
    frame: bytes


class Channel:
    """One direction between two actors."""

    __slots__ = ("_streams", "destination", "held", "last_us", "link", "receiver", "source", "stream")

    def __init__(self, source: str, destination: str, receiver: Home | None, link: Link, streams: Streams) -> None:
        self.source = source
        self.destination = destination
        self.receiver = receiver
        """The destination's home; None where it lives in another world."""
        self.link = link
        self._streams = streams
        self.stream: Stream | None = None
        self.last_us = 0
        """When the last frame arrives; the next one does not overtake it."""
        self.held: dict[int, deque[HeldFrame]] = {}
        """By connection, those that hold anything."""

    def draw(self) -> int:
        """The draw of the next message: one a message on a link with jitter or loss, none (0) on others."""
        if not self.link.chancy:
            return 0
        if self.stream is None:
            self.stream = self._streams.stream(f"link/{self.source}->{self.destination}")
        return self.stream.draw()

    def hold(self, connection: int, frame: HeldFrame) -> bool:
        """Keep a frame behind those that wait on its connection; False: there is no room, and all of them are lost."""
        waiting = self.held.setdefault(connection, deque())
        if len(waiting) >= HELD_MAX:
            del self.held[connection]
            return False
        waiting.append(frame)
        return True

    def forget(self, connection: int) -> None:
        """The sender closed a connection: what was held on it will not be sent."""
        self.held.pop(connection, None)
