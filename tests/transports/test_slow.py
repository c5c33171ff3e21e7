"""A slow network: what is lost on it, what is not, and what waits for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

import pytest
import trio

from nodesim.world import wall
from nodesim.world.transport import HUB, End, Joined, Left, Received, TransportEvent
from transports.zeromq import ZeroMqTransport, frames
from transports.zeromq.agent_session import AgentSession
from transports.zeromq.outbox import BYTES_MAX

CHUNK: Final = 4_096
"""Bytes that the line takes at once."""
WORD: Final = bytes(3_000)
WORDS: Final = 300
SENDERS: Final = 200


@asynccontextmanager
async def slow_line(address: str, bytes_a_second: int, delay_s: float) -> AsyncIterator[str]:
    """A line to an address that carries so much in each direction, with a delay; where it begins."""
    host, port = address.removeprefix("tcp://").split(":")
    socket = trio.socket.socket()
    socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, CHUNK)
    await socket.bind(("127.0.0.1", 0))
    socket.listen()

    async def carry(source: trio.SocketStream, sink: trio.SocketStream, over: trio.CancelScope) -> None:
        await trio.sleep(delay_s)
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while data := await source.receive_some(CHUNK):
                await trio.sleep(len(data) / bytes_a_second)
                await sink.send_all(data)
        over.cancel()

    async def serve(near: trio.SocketStream) -> None:
        far = await trio.open_tcp_stream(host, int(port))
        async with near, far, trio.open_nursery() as nursery:
            nursery.start_soon(carry, near, far, nursery.cancel_scope)
            nursery.start_soon(carry, far, near, nursery.cancel_scope)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, serve, [trio.SocketListener(socket)])
        yield f"tcp://127.0.0.1:{socket.getsockname()[1]}"
        nursery.cancel_scope.cancel()


class Ends:
    """What the ends have heard."""

    def __init__(self) -> None:
        self.heard: dict[str, list[TransportEvent]] = {}

    async def listen(self, name: str, end: End) -> None:
        """Write down all that comes to an end."""
        events = self.heard[name] = []
        while True:
            await end.wait()
            events += end.fetch()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something."""
        with trio.fail_after(wall(20)):
            while not condition():
                await trio.sleep(0.02)

    def payloads(self, name: str, peer: str) -> list[bytes]:
        """What came from a peer."""
        return [event.payload for event in self.heard[name] if isinstance(event, Received) and event.peer == peer]


@pytest.mark.slow
def test_a_slow_line_delays_words_and_drops_heartbeats_and_nobody_else_waits() -> None:
    """Not lost: any word, or the link.  Lost: heartbeats to which there is a newer one, or that come late.

    On a line that takes a second for a frame, words come one by one, and it is not taken for dead.
    """

    async def story() -> None:
        transport, ends = ZeroMqTransport(in_turns=False), Ends()
        async with (
            transport.hub("tcp://127.0.0.1:*") as hub,
            slow_line(hub.address, 400_000, 0.05) as line,
            transport.agent(line, "slow") as slow,
            slow_line(hub.address, 20_000, 0.05) as slower_line,
            transport.agent(slower_line, "slower") as slower,
            transport.agent(hub.address, "good") as good,
            trio.open_nursery() as nursery,
        ):
            for name, end in (("hub", hub), ("slow", slow), ("slower", slower), ("good", good)):
                nursery.start_soon(ends.listen, name, end)
            await ends.until(lambda: len(ends.heard) == 4 and all(ends.heard.values()) and len(ends.heard["hub"]) == 3)
            for number in range(WORDS):
                assert slower.post(HUB, b"word %06d" % number + WORD)
                assert hub.post("slower", b"word %06d" % number + WORD)
                assert slow.post(HUB, b"word %06d" % number + WORD)
                assert hub.post("slow", b"word %06d" % number + WORD)
                beat(slow, number)
                if number % 10 == 0:
                    await trio.sleep(0.02)
            began = trio.current_time()
            assert hub.post("good", b"quick")
            assert good.post(HUB, b"quick")
            await ends.until(lambda: bool(ends.payloads("hub", "good") and ends.payloads("good", HUB)))
            assert trio.current_time() - began < 1
            assert len(ends.payloads("slow", HUB)) < WORDS
            await ends.until(lambda: len(words(ends, "slow", HUB)) == len(words(ends, "hub", "slow")) == WORDS)
            assert words(ends, "slow", HUB) == words(ends, "hub", "slow") == list(range(WORDS))
            await ends.until(lambda: bool(words(ends, "slower", HUB) and words(ends, "hub", "slower")))
            assert sum(isinstance(event, Joined) for event in ends.heard["hub"]) == 3
            assert not any(isinstance(event, Left) for event in ends.heard["hub"])
            beat(slow, WORDS)  # The line is free again.
            await ends.until(lambda: ends.payloads("hub", "slow")[-1] == b"beat %03d %06d" % (SENDERS - 1, WORDS))
            came = [payload.split() for payload in ends.payloads("hub", "slow") if payload.startswith(b"beat")]
            assert len(came) < WORDS * SENDERS // 4, "heartbeats waited for a line that cannot carry them"
            for sender in range(SENDERS):
                numbers = [int(number) for _, name, number in came if int(name) == sender]
                assert numbers == sorted(set(numbers))
            assert hub.counts["lost"] == slow.counts["lost"] == slow.counts["full"] == 0
            nursery.cancel_scope.cancel()

    trio.run(story)


def beat(end: End, number: int) -> None:
    """All senders' heartbeats of this number."""
    for sender in range(SENDERS):
        assert end.post(HUB, b"beat %03d %06d" % (sender, number), newest=f"{sender}")


def words(ends: Ends, name: str, peer: str) -> list[int]:
    """The numbers of the words that came."""
    return [int(payload[5:11]) for payload in ends.payloads(name, peer) if payload.startswith(b"word")]


def test_what_waits_for_a_line_that_takes_nothing_is_bounded() -> None:
    """Heartbeats by the number of their senders, words by their size; what finds no room is refused and counted."""
    agent = AgentSession("a", 10, watch_silence=False, now_us=lambda: 0)
    agent.connected()
    agent.heard(frames.pack(frames.WELCOME, 1, 10, 1, 0))
    for number in range(50):
        for sender in range(1_000):
            assert agent.post(b"%06d" % number, f"node/{sender}")
    assert (len(agent.outbox), agent.outbox.bytes) == (1_000, 6_000)
    large = bytes(1024 * 1024)
    taken = 0
    while agent.post(large, ""):
        taken += 1
        assert taken * len(large) <= BYTES_MAX
    assert agent.outbox.bytes <= BYTES_MAX
    assert agent.counts["full"] == 1
    assert agent.post(b"000050", "node/7"), "a newer heartbeat needs no more room than the older"
    assert len(agent.outbox) == 1_000 + taken
    agent.disconnected("the link is gone")
    assert (len(agent.outbox), agent.outbox.bytes) == (0, 0)
