"""Which agents does the hub know, and which frames belong to their connections?

How it works.  An agent is known by its name, its connection by ZeroMQ's routing id (a name and a number drawn by the
process, so that two agents of one name do not steal each other's frames).  When a second one claims a name, the first
is asked whether it lives: if it answers, the second is refused; if ZeroMQ or its silence says that it is gone, the
second takes its place.  With keys, the key's name must be the claimed one, on every frame.  No sockets here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs

from nodesim.errors import FrameError
from nodesim.world.transport import HUB, Joined, Left, Refused, TransportEvent
from transports.zeromq import frames
from transports.zeromq.agent_session import receive
from transports.zeromq.outbox import Outbox
from transports.zeromq.timing import CONTEST_US, PING_EVERY_US, SILENT_US, Freshness

PEERS_MAX: Final = 1_000
"""Agents that may be connected at once."""
NAME_LEN_MAX: Final = 100


@attrs.define
class Peer:
    """An agent that was welcomed."""

    name: str
    identity: bytes
    epoch: int
    attempt: int
    heard_us: int
    freshness: Freshness
    outbox: Outbox = attrs.Factory(Outbox)
    control: list[bytes] = attrs.Factory(list)
    unsent: tuple[bytes, int] | None = None
    """A frame that the socket has not taken yet, and the payloads in it."""
    pinged_us: int = 0


@attrs.define
class _Claim:
    """Somebody who says hello under a name that is taken; until when its owner may answer."""

    identity: bytes
    head: frames.Head
    until_us: int


class HubSessions:
    """The hub's side.  `answers` and `events` are for the caller to empty."""

    def __init__(self, epoch: int, *, watch_silence: bool, with_keys: bool, now_us: Callable[[], int]) -> None:
        self.epoch = epoch
        self.peers: dict[str, Peer] = {}
        self.by_identity: dict[bytes, Peer] = {}
        self.due: dict[str, Peer] = {}
        """Those for whom something may wait; for the caller to empty."""
        self.answers: list[tuple[bytes, bytes]] = []
        """(identity, frame) for those who are not welcome (yet)."""
        self.events: list[TransportEvent] = []
        self.refused: Refused | None = None  # The hub is refused by nobody.
        self.counts = {"stale": 0, "epoch": 0, "broken": 0, "full": 0, "lost": 0}
        self._claims: dict[str, _Claim] = {}
        self._ending = False
        self._watch_silence = watch_silence
        self._with_keys = with_keys
        self._now_us = now_us

    # --- frames -----------------------------------------------------------------------------------------------------

    def heard(self, identity: bytes, key_name: str, frame: bytes) -> None:
        """A frame came; `key_name` is the name under which the sender's key is known, "" without keys."""
        try:
            head = frames.unpack(frame)
        except FrameError:
            self.counts["broken"] += 1
            return
        if head.kind == frames.HELLO:
            self._hello(identity, key_name, head)
            return
        peer = self.by_identity.get(identity)
        if peer is None or (head.from_epoch, head.to_epoch, head.attempt) != (peer.epoch, self.epoch, peer.attempt):
            self.counts["epoch"] += 1
            if peer is None and head.kind != frames.BYE:
                self._answer(frames.BYE, identity, head, "the hub does not know this connection any more")
            return
        if self._with_keys and key_name != peer.name:
            self.counts["broken"] += 1
            return
        peer.heard_us = self._now_us()
        claim = self._claims.pop(peer.name, None)
        if claim is not None:
            self._refuse(claim.identity, claim.head, f"an agent named {peer.name} is here already")
        age_us = peer.freshness.age_us(head.sent_us, peer.heard_us)
        if head.kind == frames.DATA:
            receive(peer.name, head, age_us, self.events, self.counts)
        elif head.kind == frames.BYE:
            self._leave(peer, head.rest)
        elif head.kind != frames.PONG:
            self.counts["broken"] += 1

    def unreachable(self, identity: bytes) -> None:
        """ZeroMQ has no connection to this one any more."""
        peer = self.by_identity.get(identity)
        if peer is not None:
            self._leave(peer, "the link is gone")

    def tick(self) -> None:
        """To be called now and then."""
        now_us = self._now_us()
        for name in sorted(self._claims):
            if now_us >= self._claims[name].until_us:
                self._leave(self.peers[name], "another agent took its name, and it did not answer")
        if self._watch_silence:
            for peer in list(self.peers.values()):
                if now_us - peer.heard_us > SILENT_US:
                    self._leave(peer, "nothing was heard of it")
                elif now_us - peer.pinged_us >= PING_EVERY_US:
                    self.ping(peer)

    def ping(self, peer: Peer) -> None:
        """Ask an agent for a sign of life; trying to is also how one hears that the link is gone."""
        peer.pinged_us = self._now_us()
        self._say(peer, frames.PING)

    # --- payloads ---------------------------------------------------------------------------------------------------

    def post(self, name: str, payload: bytes, key: str) -> bool:
        """Queue a payload for an agent."""
        peer = self.peers.get(name)
        if peer is None:
            return False
        self.due[name] = peer
        if peer.outbox.put(payload, key):
            return True
        self.counts["full"] += 1
        return False

    def next_frame(self, peer: Peer) -> tuple[bytes, int] | None:
        """The next frame of payloads for an agent, and how many are in it."""
        taken = peer.outbox.take(frames.FLUSH_BYTES)
        return (self._pack(peer, frames.DATA, taken), len(taken) // 2) if taken else None

    def refuse(self, name: str, why: str) -> None:
        """Send an agent away for good."""
        peer = self.peers.get(name)
        if peer is not None:
            self.answers.append((peer.identity, self._pack(peer, frames.REFUSED, why)))
            self._leave(peer, f"refused: {why}")

    def bye(self, why: str) -> None:
        """Tell all agents that the hub ends; from now on nobody is welcome."""
        self._ending = True
        for peer in self.peers.values():
            self._say(peer, frames.BYE, why)

    # --- who is here ------------------------------------------------------------------------------------------------

    def _hello(self, identity: bytes, key_name: str, head: frames.Head) -> None:
        if self._ending:
            return
        name = head.rest
        if self._with_keys and key_name != name:
            self._refuse(identity, head, f"this key belongs to {key_name}, not to {name}")
            return
        if name == HUB or len(name) > NAME_LEN_MAX:
            self._refuse(identity, head, f"no agent can be named {name!r:.80}")
            return
        peer = self.peers.get(name)
        if peer is not None and peer.epoch == head.from_epoch:
            if peer.attempt == head.attempt:
                self._say(peer, frames.WELCOME)
                return
            if head.attempt < peer.attempt:
                self.counts["epoch"] += 1
                return
            self._leave(peer, "it connected anew")
        elif peer is not None:
            claim = self._claims.get(name)
            if claim is None:
                self._claims[name] = _Claim(identity, head, self._now_us() + CONTEST_US)
                self.ping(peer)
            elif claim.identity == identity:
                claim.head = head
            else:
                self._refuse(identity, head, f"an agent named {name} is here already")
            return
        self._welcome(identity, head)

    def _welcome(self, identity: bytes, head: frames.Head) -> None:
        if len(self.peers) >= PEERS_MAX:
            self._refuse(identity, head, f"{PEERS_MAX} agents are connected already")
            return
        now_us = self._now_us()
        peer = Peer(head.rest, identity, head.from_epoch, head.attempt, now_us, Freshness(), pinged_us=now_us)
        peer.freshness.age_us(head.sent_us, now_us)
        self.peers[peer.name] = self.by_identity[identity] = peer
        self._say(peer, frames.WELCOME)
        self.events.append(Joined(peer.name, peer.epoch))

    def _refuse(self, identity: bytes, head: frames.Head, why: str) -> None:
        self._answer(frames.REFUSED, identity, head, why)

    def _answer(self, kind: int, identity: bytes, head: frames.Head, why: str) -> None:
        frame = frames.pack(kind, self.epoch, head.from_epoch, head.attempt, self._now_us(), why)
        self.answers.append((identity, frame))

    def _leave(self, peer: Peer, why: str) -> None:
        del self.peers[peer.name]
        del self.by_identity[peer.identity]
        self.due.pop(peer.name, None)
        lost = peer.outbox.clear() + (peer.unsent[1] if peer.unsent is not None else 0)
        self.counts["lost"] += lost
        self.events.append(Left(peer.name, why, lost))
        claim = self._claims.pop(peer.name, None)
        if claim is not None:
            self._welcome(claim.identity, claim.head)

    def _say(self, peer: Peer, kind: int, *rest: object) -> None:
        peer.control.append(self._pack(peer, kind, *rest))
        self.due[peer.name] = peer

    def _pack(self, peer: Peer, kind: int, *rest: object) -> bytes:
        return frames.pack(kind, self.epoch, peer.epoch, peer.attempt, self._now_us(), *rest)
