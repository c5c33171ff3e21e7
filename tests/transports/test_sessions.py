"""The protocol between hub and agents, without any socket: frames and instants in, frames and events out."""

from __future__ import annotations

import contextlib

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodesim.errors import FrameError
from nodesim.units import SECOND
from nodesim.world.transport import HUB, Joined, Left, Received
from transports.zeromq import frames
from transports.zeromq.agent_session import AgentSession
from transports.zeromq.hub_sessions import NAME_LEN_MAX, PEERS_MAX, HubSessions
from transports.zeromq.outbox import Outbox
from transports.zeromq.timing import CONTEST_US, SILENT_US, STALE_US


class Wire:
    """A hub and agents with a clock and a wire of the test's own; what is cut off is lost."""

    def __init__(self, *, with_keys: bool = False) -> None:
        self.now_us = 1_000
        self.hub = HubSessions(1, watch_silence=True, with_keys=with_keys, now_us=lambda: self.now_us)
        self.agents: dict[bytes, AgentSession] = {}
        self.lost: set[bytes] = set()
        self.held: list[tuple[bytes, bytes]] = []
        """(identity, frame) towards the hub, while `hold` is set."""
        self.hold = False

    def agent(self, name: str, epoch: int) -> tuple[bytes, AgentSession]:
        """A new process."""
        identity = f"{name}#{epoch}".encode()
        made = AgentSession(name, epoch, watch_silence=True, now_us=lambda: self.now_us)
        self.agents[identity] = made
        return identity, made

    def exchange(self) -> None:
        """Carry all there is, until nothing is left."""
        while self._to_hub() | self._to_agents():
            pass

    def _to_hub(self) -> bool:
        some = False
        for identity, agent in self.agents.items():
            sent = list(agent.control)
            agent.control.clear()
            while (made := agent.next_frame()) is not None:
                sent.append(made[0])
            for frame in sent:
                some = True
                if self.hold:
                    self.held.append((identity, frame))
                elif identity not in self.lost:
                    self.hub.heard(identity, "", frame)
        return some

    def _to_agents(self) -> bool:
        sent = list(self.hub.answers)
        self.hub.answers.clear()
        for peer in list(self.hub.due.values()):
            sent += [(peer.identity, frame) for frame in peer.control]
            peer.control.clear()
            while (made := self.hub.next_frame(peer)) is not None:
                sent.append((peer.identity, made[0]))
        self.hub.due.clear()
        for identity, frame in sent:
            if identity in self.lost:
                self.hub.unreachable(identity)
            elif identity in self.agents:
                self.agents[identity].heard(frame)
        return bool(sent)

    def pass_time(self, us: int) -> None:
        """Time passes, with ticks."""
        for _ in range(us // 100_000):
            self.now_us += 100_000
            self.hub.tick()
            for identity, agent in self.agents.items():
                if identity not in self.lost:
                    agent.tick()
            self.exchange()


def joined(name: str = "a", epoch: int = 10) -> tuple[Wire, bytes, AgentSession]:
    """A hub and an agent that was welcomed."""
    wire = Wire()
    identity, agent = wire.agent(name, epoch)
    agent.connected()
    wire.exchange()
    assert agent.events == [Joined(HUB, 1)]
    assert wire.hub.events == [Joined(name, epoch)]
    agent.events.clear()
    wire.hub.events.clear()
    return wire, identity, agent


def test_when_the_link_goes_down_what_waits_is_dropped_and_counted() -> None:
    """And what is posted before the next welcome is refused."""
    _, _, agent = joined()
    for n in range(5):
        assert agent.post(b"%d" % n, "")
    agent.disconnected("the link is gone")
    assert agent.events == [Left(HUB, "the link is gone", 5)]
    assert not agent.post(b"late", "")
    assert agent.counts["lost"] == 5
    assert agent.next_frame() is None


def test_a_hub_that_ends_hears_that_all_have_heard_it_and_welcomes_nobody_any_more() -> None:
    """So that it can close its socket when nothing is left to be read."""
    wire, _, agent = joined()
    wire.hub.bye("the hub has ended")
    wire.hub.due.update(wire.hub.peers)
    wire.exchange()
    assert agent.events == [Left(HUB, "the hub has ended", 0)]
    assert not wire.hub.peers
    wire.pass_time(2 * SECOND)
    assert agent.events[1:] == []


def test_frames_of_an_older_connection_are_dropped() -> None:
    """A frame that was on its way when the link was made anew does not reach anybody."""
    wire, _identity, agent = joined()
    agent.post(b"old", "")
    wire.hold = True
    wire.exchange()
    wire.hold = False
    agent.disconnected("gone")
    agent.connected()
    wire.exchange()
    assert [type(event) for event in wire.hub.events] == [Left, Joined]
    for late_identity, frame in wire.held:
        wire.hub.heard(late_identity, "", frame)
    assert not any(isinstance(event, Received) for event in wire.hub.events)
    assert wire.hub.counts["epoch"] == 1
    assert wire.hub.post("a", b"new", "")
    wire.exchange()
    assert Received(HUB, b"new") in agent.events


def test_a_heartbeat_that_is_late_is_not_told_and_everything_else_is() -> None:
    """Late is what took longer than the fastest frame by more than the limit."""
    wire, identity, agent = joined()
    agent.post(b"beat", "beat")
    agent.post(b"word", "")
    wire.hold = True
    wire.exchange()
    wire.now_us += STALE_US + 1
    for _, frame in wire.held:
        wire.hub.heard(identity, "", frame)
    assert wire.hub.events == [Received("a", b"word")]
    assert wire.hub.counts["stale"] == 1


def test_clocks_of_two_hosts_may_differ_by_years() -> None:
    """Only differences of differences count."""
    wire, identity, _agent = joined()
    frame = frames.pack(frames.DATA, 10, 1, 1, 10**15, ["beat", b"one"])
    wire.hub.heard(identity, "", frame)
    assert wire.hub.events == [Received("a", b"one")]
    wire.hub.heard(identity, "", frames.pack(frames.DATA, 10, 1, 1, 10**15 - STALE_US - 1, ["beat", b"two"]))
    assert wire.hub.counts["stale"] == 1


def test_who_is_silent_is_gone_and_comes_back_anew() -> None:
    """Neither end was told: each finds out by itself, and they meet again."""
    wire, identity, agent = joined()
    wire.lost.add(identity)
    wire.hub.due.clear()
    for _ in range(SILENT_US // 100_000 + 2):
        wire.now_us += 100_000
        wire.hub.tick()
        wire.hub.due.clear()  # What it sends is swallowed.
    assert wire.hub.events == [Left("a", "nothing was heard of it", 0)]
    wire.lost.clear()
    wire.pass_time(2 * SECOND)
    assert wire.hub.events[-1] == Joined("a", 10)
    assert agent.events[-1] == Joined(HUB, 1)


def test_a_second_agent_of_the_name_is_refused_while_the_first_answers() -> None:
    """The first one hears nothing of it."""
    wire, _, first = joined()
    _, second = wire.agent("a", 20)
    second.connected()
    wire.exchange()
    assert second.refused is not None
    assert "is here already" in str(second.refused)
    assert first.events == []
    assert wire.hub.events == []


def test_a_second_agent_takes_the_place_of_one_that_is_dead_or_deaf() -> None:
    """At once if ZeroMQ knows that it is gone, else after the time it has to answer."""
    wire, identity, _ = joined()
    wire.lost.add(identity)
    _, second = wire.agent("a", 20)
    second.connected()
    wire.exchange()
    assert second.events == [Joined(HUB, 1)]
    assert wire.hub.events == [Left("a", "the link is gone", 0), Joined("a", 20)]

    wire, identity, first = joined()
    del wire.agents[identity]
    _, second = wire.agent("a", 20)
    second.connected()
    wire.exchange()
    assert second.events == []
    wire.pass_time(CONTEST_US + 200_000)
    assert second.events == [Joined(HUB, 1)]
    wire.agents[identity] = first
    first.post(b"I am back", "")
    wire.exchange()
    assert [type(event) for event in first.events] == [Left]
    wire.pass_time(SECOND)
    assert first.refused is not None
    assert second.events == [Joined(HUB, 1)]


def test_with_keys_the_name_must_be_that_of_the_key() -> None:
    """On hello, and on every frame after it."""
    wire = Wire(with_keys=True)
    hello = frames.pack(frames.HELLO, 10, 0, 1, 0, "a")
    wire.hub.heard(b"id", "mallory", hello)
    assert wire.hub.events == []
    ((_, refusal),) = wire.hub.answers
    assert "this key belongs to mallory, not to a" in frames.unpack(refusal).rest
    wire.hub.heard(b"id", "a", hello)
    assert wire.hub.events == [Joined("a", 10)]
    data = frames.pack(frames.DATA, 10, 1, 1, 0, ["", b"x"])
    wire.hub.heard(b"id", "mallory", data)
    assert wire.hub.events == [Joined("a", 10)]
    wire.hub.heard(b"id", "a", data)
    assert wire.hub.events[-1] == Received("a", b"x")


def test_the_hub_has_room_for_so_many_and_for_no_strange_names() -> None:
    """Who is too much or calls itself hub is refused, with the reason."""
    wire = Wire()
    for n in range(PEERS_MAX):
        wire.hub.heard(b"%d" % n, "", frames.pack(frames.HELLO, n + 1, 0, 1, 0, f"a{n}"))
    assert len(wire.hub.peers) == PEERS_MAX
    for name in ("one-more", HUB, "x" * (NAME_LEN_MAX + 1)):
        wire.hub.answers.clear()
        wire.hub.heard(b"other", "", frames.pack(frames.HELLO, 5_000, 0, 1, 0, name))
        ((_, refusal),) = wire.hub.answers
        assert frames.unpack(refusal).kind == frames.REFUSED
    assert len(wire.hub.peers) == PEERS_MAX


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\xc1",
        b"GET / HTTP/1.1\r\n\r\n",
        msgpack.packb([1, 2, 3]),
        msgpack.packb([9, frames.PING, 1, 1, 1, 1]),
        msgpack.packb([1, 99, 1, 1, 1, 1]),
        msgpack.packb([1, frames.PING, 1, 1, 1, 1, "more"]),
        msgpack.packb([1, frames.HELLO, 1, 1, 1, 1, 7]),
        msgpack.packb([1, frames.HELLO, 1, 1, 1, 1, ""]),
        msgpack.packb([1, frames.HELLO, 1, 1, 1, 1, "x" * 2_000]),
        msgpack.packb([1, frames.DATA, 1, 1, 1, 1, [b"x"]]),
        msgpack.packb([1, frames.DATA, 1, 1, 1, 1, ["k", "text"]]),
        msgpack.packb([1, frames.DATA, 1, 1, 1, True, []]),
        msgpack.packb([1, frames.DATA, 1, 1, 1, 1, {}]),
    ],
)
def test_a_frame_that_is_none_is_counted_and_disturbs_nobody(frame: bytes) -> None:
    """At both ends."""
    wire, identity, agent = joined()
    wire.hub.heard(identity, "", frame)
    agent.heard(frame)
    assert (wire.hub.counts["broken"], agent.counts["broken"]) == (1, 1)
    assert wire.hub.events == agent.events == []
    assert agent.up


@given(st.binary(max_size=60))
def test_any_bytes_are_a_frame_or_a_frame_error(frame: bytes) -> None:
    """Nothing else escapes."""
    with contextlib.suppress(FrameError):
        frames.unpack(frame)


class TestOutbox:
    """What waits for one peer."""

    def test_of_one_key_the_newest_waits_at_its_own_place(self) -> None:
        """It does not jump ahead to where the older one stood."""
        outbox = Outbox()
        for payload, key in ((b"b1", "b"), (b"x", ""), (b"b2", "b"), (b"y", ""), (b"c1", "c"), (b"b3", "b")):
            assert outbox.put(payload, key)
        assert outbox.take(1_000) == ["", b"x", "", b"y", "c", b"c1", "b", b"b3"]
        assert len(outbox) == outbox.bytes == 0

    def test_it_is_bounded_in_number_and_takes_again_once_there_is_room(self) -> None:
        """What is refused is not in it."""
        outbox = Outbox(entries_max=3)
        assert [outbox.put(b"%d" % n) for n in range(5)] == [True, True, True, False, False]
        assert outbox.take(1) == ["", b"0"]
        assert outbox.put(b"5")
        assert outbox.clear() == 3

    def test_a_frame_holds_at_least_one_payload_and_no_more_than_fits(self) -> None:
        """A large one goes alone."""
        outbox = Outbox()
        for size in (10, 10, 5_000, 10):
            assert outbox.put(bytes(size))
        assert [len(part) for part in outbox.take(100)[1::2]] == [10, 10]
        assert [len(part) for part in outbox.take(100)[1::2]] == [5_000]
        assert [len(part) for part in outbox.take(100)[1::2]] == [10]

    @given(st.lists(st.tuples(st.sampled_from(["", "a", "b"]), st.binary(max_size=8)), max_size=40))
    def test_it_is_what_a_plain_list_would_be(self, puts: list[tuple[str, bytes]]) -> None:
        """Against a model: a list from which older entries of the key are taken out."""
        outbox, model = Outbox(), list[tuple[str, bytes]]()
        for key, payload in puts:
            outbox.put(payload, key)
            model = [entry for entry in model if not key or entry[0] != key] + [(key, payload)]
        assert len(outbox) == len(model)
        assert outbox.bytes == sum(len(payload) for _, payload in model)
        assert outbox.take(10**9) == [part for entry in model for part in entry]
