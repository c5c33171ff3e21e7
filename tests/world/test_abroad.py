"""Frames to and from actors of other processes: in order, bounded, and where one is missing, a connection breaks."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from nodesim.errors import NotRunnable
from nodesim.machine import Frame, Send, Undelivered
from nodesim.messages import Close, Dial, Done, Get, Message, Ping, Renew, Reset, encode, kind_of
from nodesim.net import CONTROL_PLANE, Link, LinkChange, Topology
from nodesim.streams import Streams
from nodesim.units import SECOND
from nodesim.world import Live, Parcel, World
from nodesim.world.abroad import CUT_OFF_MAX, Abroad
from nodesim.world.transport import TransportEvent
from nodesim.world.words import Parcels, decode_word

STALE_US = 2 * SECOND
RENEW = Renew("kube-node-lease", "a", "uid", "1", 5)


@attrs.define
class Noting:
    """A machine that notes what it gets."""

    seen: list[Any] = attrs.Factory(list)

    def handle(self, event: Any, now_us: int) -> list[Any]:
        """Note it."""
        self.seen.append(event.message if isinstance(event, Frame) else event)
        return []


@attrs.define
class HandClock:
    """A clock that the test sets."""

    now_us: int = 0

    def deadline(self, at_us: int) -> float:
        """Nobody waits here."""
        return at_us / SECOND


@attrs.define
class Line:
    """An end whose peer takes `room` more payloads."""

    room: int = 1_000
    sent: list[tuple[str, bytes, str]] = attrs.Factory(list)
    address: str = ""
    counts: dict[str, int] = attrs.Factory(dict)

    def post(self, peer: str, payload: bytes, newest: str = "") -> bool:
        """Take it, while there is room."""
        if not self.room or not peer:
            return False
        self.room -= 1
        self.sent.append((peer, payload, newest))
        return True

    def fetch(self) -> list[TransportEvent]:
        """Nothing."""
        return []

    async def wait(self) -> None:
        """Not here."""

    def refuse(self, peer: str, why: str) -> None:
        """Not here."""


@attrs.define
class Side:
    """One side of a link: its actor, and the way to the other."""

    actor: str
    where: dict[str, str]
    machine: Noting = attrs.Factory(Noting)
    clock: HandClock = attrs.Factory(HandClock)
    line: Line = attrs.Factory(Line)
    world: World = attrs.field(init=False)
    abroad: Abroad = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Build its world."""
        self.world = World(Topology(Link(1_000), Link(1_000)), Streams(1))
        self.world.add(self.actor, self.machine)
        self.abroad = Abroad(self.line, self.where.get, STALE_US)
        self.abroad.settle(Live(self.world, self.clock, slack_us=SECOND))

    def parcel(self, message: Message, destination: str, connection: int = 1, at_us: int = 0) -> Parcel:
        """A frame of this side's actor."""
        frame = encode(self.actor, destination, message, connection=connection)
        return Parcel(at_us, self.actor, 1, destination, frame)

    def seen(self) -> list[Any]:
        """What its actor has got up to now."""
        self.world.run(self.clock.now_us + SECOND, 1_000_000)
        return self.machine.seen


@pytest.fixture(name="hub")
def _hub() -> Side:
    return Side("apiserver", {"node/a": "a1", "node/b": "a2"})


@pytest.fixture(name="agent")
def _agent() -> Side:
    return Side("node/a", {"apiserver": "hub"})


def sent(side: Side) -> list[tuple[str, list[type | None], str]]:
    """What the side's end was given: to whom, messages of which kinds, and the key of a heartbeat."""
    made = []
    for peer, payload, newest in side.line.sent:
        word = decode_word(payload)
        assert isinstance(word, Parcels)
        made.append((peer, [kind_of(parcel.frame) for parcel in word.parcels], newest))
    return made


def test_frames_go_together_and_a_heartbeat_for_itself_without_overtaking(agent: Side) -> None:
    """A newer one may take its place while it waits; what was sent before it stays before it."""
    messages: list[Message] = [Ping(), Get("nodes", "", "a"), RENEW, Ping()]
    agent.abroad.send([agent.parcel(message, "apiserver") for message in messages])
    assert sent(agent) == [("hub", [Ping, Get], ""), ("hub", [Renew], "node/a"), ("hub", [Ping], "")]


def test_each_agent_gets_its_own(hub: Side) -> None:
    """In the order in which they were sent."""
    to = ("node/a", "node/b", "node/a")
    hub.abroad.send([hub.parcel(Done(200, b"", str(n)), name) for n, name in enumerate(to)])
    assert sent(hub) == [("a1", [Done, Done], ""), ("a2", [Done], "")]


def test_an_actor_that_lives_nowhere_ends_the_run(hub: Side) -> None:
    """It is a fault of nodesim's, or of a transport's."""
    with pytest.raises(NotRunnable, match="node/c, which does not exist"):
        hub.abroad.send([hub.parcel(Ping(), "node/c")])


def test_where_nothing_more_can_be_sent_the_senders_connection_breaks(hub: Side) -> None:
    """But for single packets, which nobody is told of."""
    hub.line.room = 0
    hub.abroad.send([hub.parcel(Done(200, b"", "1"), "node/a", 7), hub.parcel(Reset(), "node/b", 8)])
    assert hub.seen() == [Undelivered("node/a", 7)]
    assert hub.abroad.counts["undelivered"] == 2


def test_a_heartbeat_that_was_due_long_ago_is_dropped_and_nothing_else_is(hub: Side, agent: Side) -> None:
    """By its own instant, however it came to be late."""
    hub.clock.now_us = 100 * SECOND
    late_us, fresh_us = hub.clock.now_us - STALE_US - 1, hub.clock.now_us - STALE_US
    newer = attrs.evolve(RENEW, renew_us=6)
    messages = ((RENEW, late_us), (newer, fresh_us), (Ping(), late_us))
    hub.abroad.came([agent.parcel(message, "apiserver", at_us=at_us) for message, at_us in messages])
    assert hub.seen() == [newer, Ping()]
    assert hub.abroad.counts["stale"] == 1


def test_what_comes_over_a_link_that_is_cut_here_waits_until_it_is_healed(hub: Side, agent: Side) -> None:
    """In order, and with it all that comes behind it; the other direction is not meant."""
    cut = LinkChange(("a",), ("to-control-plane",), cut="drop")
    hub.world.skip_to(1, [cut])
    hub.abroad.came([agent.parcel(Ping(), "apiserver")])
    hub.abroad.look()
    assert hub.seen() == []
    hub.world.skip_to(2, [attrs.evolve(cut, cut="")])
    hub.abroad.came([agent.parcel(Close(), "apiserver")])
    assert hub.seen() == []
    for _ in range(2):
        hub.abroad.look()
    assert hub.seen() == [Ping(), Close()]
    assert hub.abroad.counts["waited"] == 2
    assert hub.world.is_cut("node/a", "apiserver") is hub.world.is_cut(CONTROL_PLANE, "node/a") is False


def test_no_more_than_so_much_waits_for_a_cut(hub: Side, agent: Side) -> None:
    """Then the connection breaks at the receiver's end."""
    hub.world.skip_to(1, [LinkChange(("a",), ("to-control-plane",), cut="drop")])
    ping = agent.parcel(Ping(), "apiserver", 3)
    hub.abroad.came([ping] * (CUT_OFF_MAX + 1))
    assert hub.seen() == [Undelivered("node/a", 3)]


def test_when_the_link_ends_the_connections_across_it_break_and_no_others(hub: Side, agent: Side) -> None:
    """Each actor here is reset by the one there; what waited for a cut from there is gone."""
    for name, number in (("node/a", 4), ("node/b", 5)):
        hub.world.perform(hub.world.homes["apiserver"], [_done_to(name, number)], "", 0)
    hub.world.outbox.clear()
    hub.world.skip_to(1, [LinkChange(("a",), ("to-control-plane",), cut="drop")])
    hub.abroad.came([agent.parcel(Ping(), "apiserver")])
    hub.abroad.lost(["node/a"])
    hub.world.skip_to(2, [LinkChange(("a",), ("to-control-plane",), cut="")])
    hub.abroad.look()
    assert hub.seen() == [Reset()]


def _done_to(name: str, number: int) -> Send:
    return Send(name, Done(200, b"", "1"), connection=number)


def test_frames_for_nobody_are_dropped_and_counted(hub: Side, agent: Side) -> None:
    """Whoever sends them."""
    hub.abroad.came([agent.parcel(Dial(), "scheduler")])
    assert hub.world.dropped == 1
    assert hub.seen() == []


@pytest.mark.parametrize("frame", [b"", b"\x90", b"\x9d\x02\x01", b"\x9d\x01\x7f", b"\xdc\x00\x20\x01", b"junk"])
def test_what_is_no_frame_has_no_kind(frame: bytes) -> None:
    """Of another version, of a kind that nobody knows, or too short."""
    assert kind_of(frame) is None


@pytest.mark.parametrize("message", [Ping(), RENEW, Get("nodes", "", "a")], ids=lambda message: type(message).__name__)
def test_the_kind_of_a_frame_is_that_of_its_message(message: Message) -> None:
    """However many fields it has."""
    assert kind_of(encode("node/a", "apiserver", message)) is type(message)
