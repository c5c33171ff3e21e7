"""When does an agent have a connection to its hub, and which frames belong to it?

How it works.  ZeroMQ says when its handshake succeeded; then the agent says hello until the hub welcomes it, and only
then is there a connection.  It ends when ZeroMQ's does, when the hub says bye or, in real time, is silent for long.
Every further try has a higher number, and what belongs to an older one is dropped.  No sockets here: frames and
instants (us, of any clock) go in, frames and events come out.
"""

from __future__ import annotations

from collections.abc import Callable

from nodesim.errors import FrameError
from nodesim.world.transport import HUB, Joined, Left, Received, Refused, TransportEvent
from transports.zeromq import frames
from transports.zeromq.outbox import Outbox
from transports.zeromq.timing import HELLO_EVERY_US, SILENT_US, Freshness


class AgentSession:
    """An agent's side.  `control` and `events` are for the caller to empty."""

    def __init__(self, name: str, epoch: int, *, watch_silence: bool, now_us: Callable[[], int]) -> None:
        self.name = name
        self.epoch = epoch
        self.outbox = Outbox()
        self.control: list[bytes] = []
        """Frames to be sent before all others; they are worth nothing later."""
        self.events: list[TransportEvent] = []
        self.refused: Refused | None = None
        self.counts = {"stale": 0, "epoch": 0, "broken": 0, "full": 0, "lost": 0}
        self.unsent: tuple[bytes, int] | None = None
        """A frame that the socket has not taken yet, and the payloads in it."""
        self._now_us = now_us
        self._watch_silence = watch_silence
        self._connected = False
        self._attempt = 0
        self._hub_epoch = 0
        """0: not welcome yet."""
        self._hello_us = 0
        self._heard_us = 0
        self._freshness = Freshness()

    @property
    def up(self) -> bool:
        """Is there a connection?"""
        return self._hub_epoch != 0

    def connected(self) -> None:
        """ZeroMQ shook hands with something."""
        self.disconnected("the link was made anew")
        self._connected = True
        self._attempt += 1
        self._say_hello()

    def disconnected(self, why: str) -> None:
        """The connection has ended; what waits for it is dropped."""
        self._connected = False
        self._leave(why)

    def post(self, payload: bytes, key: str) -> bool:
        """Queue a payload for the hub."""
        if not self.up:
            return False
        if self.outbox.put(payload, key):
            return True
        self.counts["full"] += 1
        return False

    def next_frame(self) -> tuple[bytes, int] | None:
        """The next frame of payloads, and how many are in it."""
        taken = self.outbox.take(frames.FLUSH_BYTES)
        return (self._pack(frames.DATA, taken), len(taken) // 2) if taken else None

    def heard(self, frame: bytes) -> None:
        """A frame came."""
        try:
            head = frames.unpack(frame)
        except FrameError:
            self.counts["broken"] += 1
            return
        if head.to_epoch != self.epoch or head.attempt != self._attempt:
            self.counts["epoch"] += 1
            return
        if head.kind == frames.REFUSED:
            self.refused = Refused(head.rest)
            self._leave(head.rest)
            return
        if head.kind == frames.WELCOME:
            self._welcomed(head)
            return
        if head.from_epoch != self._hub_epoch:
            self.counts["epoch"] += 1
            return
        self._heard_us = self._now_us()
        age_us = self._freshness.age_us(head.sent_us, self._heard_us)
        if head.kind == frames.DATA:
            receive(HUB, head, age_us, self.events, self.counts)
        elif head.kind == frames.PING:
            self.control.append(self._pack(frames.PONG))
        elif head.kind == frames.BYE:
            self.bye("so does this agent")  # The hub waits for it.
            self._leave(head.rest)
        elif head.kind != frames.PONG:
            self.counts["broken"] += 1

    def tick(self) -> None:
        """To be called now and then: says hello again, and ends what is silent for too long."""
        now_us = self._now_us()
        if self._watch_silence and self.up and now_us - self._heard_us > SILENT_US:
            self._leave("nothing was heard of it")
        if self._connected and not self.up and self.refused is None and now_us - self._hello_us >= HELLO_EVERY_US:
            self._say_hello()

    def bye(self, why: str) -> None:
        """Tell the hub that this agent ends."""
        if self.up:
            self.control.append(self._pack(frames.BYE, why))

    def _welcomed(self, head: frames.Head) -> None:
        if self.up:
            if head.from_epoch != self._hub_epoch:
                self.counts["epoch"] += 1
            return  # A hello was repeated, and so was its answer.
        self._hub_epoch = head.from_epoch
        self._heard_us = self._now_us()
        self._freshness = Freshness()
        self._freshness.age_us(head.sent_us, self._heard_us)
        self.events.append(Joined(HUB, self._hub_epoch))

    def _say_hello(self) -> None:
        self._hello_us = self._now_us()
        self.control.append(self._pack(frames.HELLO, self.name))

    def _leave(self, why: str) -> None:
        if not self.up:
            return
        lost = self.outbox.clear() + (self.unsent[1] if self.unsent is not None else 0)
        self.unsent = None
        self.counts["lost"] += lost
        self._hub_epoch = 0
        self._attempt += 1
        self.events.append(Left(HUB, why, lost))

    def _pack(self, kind: int, *rest: object) -> bytes:
        return frames.pack(kind, self.epoch, self._hub_epoch, self._attempt, self._now_us(), *rest)


def receive(peer: str, head: frames.Head, age_us: int, events: list[TransportEvent], counts: dict[str, int]) -> None:
    """The payloads of a frame become events, but for heartbeats that come late."""
    rest = head.rest
    if not Freshness.late(age_us):
        events += [Received(peer, payload) for payload in rest[1::2]]
        return
    fresh = [Received(peer, payload) for key, payload in zip(rest[::2], rest[1::2]) if not key]
    counts["stale"] += len(rest) // 2 - len(fresh)
    events += fresh
