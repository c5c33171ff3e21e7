"""What must every transport do?

A suite of tests for whoever writes a transport.  It needs pytest only to be found:

    from transports.conformance import TransportConformance

    class TestMyTransport(TransportConformance):
        def transport(self, *, in_turns):
            return MyTransport(in_turns=in_turns)

        def address(self):
            return "my://somewhere-new"       # one at which nobody listens yet; `hub` may choose the rest

Each test is played twice, with ends that take turns (virtual time) and with ends in real time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final, TypeVar

import trio

from nodesim.world.transport import (
    HUB,
    PAYLOAD_BYTES_MAX,
    End,
    Joined,
    Left,
    Received,
    Refused,
    Transport,
    TransportEvent,
)

PATIENCE_S: Final = 10
"""What does not come within so many seconds does not come."""
MODES: Final = (True, False)

E = TypeVar("E", bound=TransportEvent)


class Hearing:
    """Waits at several ends at once, in turns, so that it works in one task for every kind of end."""

    def __init__(self) -> None:
        self.ends: list[End] = []
        self.heard: dict[int, list[TransportEvent]] = {}

    def of(self, end: End) -> list[TransportEvent]:
        """What an end has heard so far."""
        return self.heard.setdefault(id(end), [])

    async def look(self) -> None:
        """Give every end a short time."""
        for end in self.ends:
            with trio.move_on_after(0.002):
                await end.wait()
                self.of(end).extend(end.fetch())

    async def until(self, condition: Callable[[], bool]) -> None:
        """Look until the condition holds."""
        with trio.fail_after(PATIENCE_S):
            while not condition():
                await self.look()

    def payloads(self, end: End, peer: str) -> list[bytes]:
        """What an end received from a peer, in order."""
        return [event.payload for event in self.of(end) if isinstance(event, Received) and event.peer == peer]

    def some(self, end: End, kind: type[E], peer: str) -> list[E]:
        """The events of one kind about one peer."""
        return [event for event in self.of(end) if isinstance(event, kind) and event.peer == peer]


class TransportConformance:
    """Subclass it; the methods that are not named `test_` are yours."""

    def transport(self, *, in_turns: bool) -> Transport:
        """A new transport."""
        raise NotImplementedError

    def address(self) -> str:
        """An address at which no hub listens yet."""
        raise NotImplementedError

    # --- stage ------------------------------------------------------------------------------------------------------

    def _play(self, story: Callable[[Transport, Hearing], Awaitable[None]]) -> None:
        for in_turns in MODES:
            trio.run(story, self.transport(in_turns=in_turns), Hearing())

    @asynccontextmanager
    async def _together(self, transport: Transport, hearing: Hearing, *names: str) -> AsyncIterator[list[End]]:
        """A hub and agents that have joined."""
        async with AsyncExitStack() as stack:
            hub = await stack.enter_async_context(transport.hub(self.address()))
            hearing.ends.append(hub)
            agents = [await stack.enter_async_context(transport.agent(hub.address, name)) for name in names]
            hearing.ends += agents
            await hearing.until(lambda: all(hearing.some(agent, Joined, HUB) for agent in agents))
            await hearing.until(lambda: all(hearing.some(hub, Joined, name) for name in names))
            yield [hub, *agents]

    # --- what it must do --------------------------------------------------------------------------------------------

    def test_both_ends_hear_of_each_other(self) -> None:
        """Each process has an epoch of its own."""

        async def story(transport: Transport, hearing: Hearing) -> None:
            async with self._together(transport, hearing, "a", "b") as (hub, a, b):
                epochs = [hearing.some(hub, Joined, name)[0].epoch for name in "ab"]
                assert len(set(epochs)) == 2
                assert hearing.some(a, Joined, HUB)[0].epoch == hearing.some(b, Joined, HUB)[0].epoch

        self._play(story)

    def test_payloads_arrive_once_and_in_order(self) -> None:
        """Both ways, of all sizes, from several agents at once."""

        async def story(transport: Transport, hearing: Hearing) -> None:
            async with self._together(transport, hearing, "a", "b") as (hub, a, b):
                sent = [bytes([n % 251]) * (n * 7 % 3000) + b"%d" % n for n in range(2_000)]
                sent.insert(500, b"x" * 3_000_000)
                for payload in sent:
                    assert a.post(HUB, payload)
                    assert b.post(HUB, payload)
                    assert hub.post("a", payload)
                await hearing.until(
                    lambda: (
                        len(hearing.payloads(hub, "a"))
                        == len(hearing.payloads(hub, "b"))
                        == len(hearing.payloads(a, HUB))
                        == len(sent)
                    )
                )
                await hearing.look()
                assert hearing.payloads(hub, "a") == hearing.payloads(hub, "b") == hearing.payloads(a, HUB) == sent
                assert hearing.payloads(b, HUB) == []

        self._play(story)

    def test_nobody_is_there(self) -> None:
        """A post to somebody unknown is refused at once, and so is one of an agent without a hub."""

        async def story(transport: Transport, hearing: Hearing) -> None:
            async with transport.hub(self.address()) as hub:
                assert not hub.post("nobody", b"x")
            async with transport.agent(hub.address, "a") as agent:
                assert not agent.post(HUB, b"x")

        self._play(story)

    def test_what_is_too_large_is_refused(self) -> None:
        """The largest payload passes, one byte more is the caller's fault."""

        async def story(transport: Transport, hearing: Hearing) -> None:
            async with self._together(transport, hearing, "a") as (hub, a):
                for end, peer in ((hub, "a"), (a, HUB)):
                    try:
                        end.post(peer, bytes(PAYLOAD_BYTES_MAX + 1))
                    except ValueError:
                        continue
                    raise AssertionError("it was taken")
                assert a.post(HUB, bytes(PAYLOAD_BYTES_MAX))
                await hearing.until(lambda: bool(hearing.payloads(hub, "a")))
                assert len(hearing.payloads(hub, "a")[0]) == PAYLOAD_BYTES_MAX

        self._play(story)

    def test_an_agent_that_ends_has_left(self) -> None:
        """The hub hears of it; what it posts from then on is refused; a new process of that name is another one."""

        async def story(transport: Transport, hearing: Hearing) -> None:
            async with self._together(transport, hearing, "other") as (hub, other):
                async with transport.agent(hub.address, "a") as first:
                    hearing.ends.append(first)
                    await hearing.until(lambda: bool(hearing.some(first, Joined, HUB)))
                    assert hub.post("a", b"for the first")
                    hearing.ends.remove(first)
                await hearing.until(lambda: bool(hearing.some(hub, Left, "a")))
                assert not hub.post("a", b"for nobody")
                async with transport.agent(hub.address, "a") as second:
                    hearing.ends.append(second)
                    await hearing.until(lambda: len(hearing.some(hub, Joined, "a")) == 2)
                    one, two = hearing.some(hub, Joined, "a")
                    assert one.epoch != two.epoch
                    assert hub.post("a", b"for the second")
                    await hearing.until(lambda: bool(hearing.payloads(second, HUB)))
                    assert hearing.payloads(second, HUB) == [b"for the second"]
                    assert hub.post("other", b"still here")
                    await hearing.until(lambda: bool(hearing.payloads(other, HUB)))
                    assert not hearing.some(other, Left, HUB)

        self._play(story)

    def test_a_new_hub_is_another_one(self) -> None:
        """Agents hear that the hub has ended, then of the new one, with its own epoch; nothing old reaches it."""

        async def story(transport: Transport, hearing: Hearing) -> None:
            async with transport.hub(self.address()) as hub:
                address = hub.address
            async with transport.agent(address, "a") as agent:
                hearing.ends.append(agent)
                async with transport.hub(address) as first:
                    hearing.ends.append(first)
                    await hearing.until(lambda: bool(hearing.some(agent, Joined, HUB)))
                    hearing.ends.remove(first)
                await hearing.until(lambda: bool(hearing.some(agent, Left, HUB)))
                assert not agent.post(HUB, b"for nobody")
                async with transport.hub(address) as second:
                    hearing.ends.append(second)
                    await hearing.until(lambda: len(hearing.some(agent, Joined, HUB)) == 2)
                    one, two = hearing.some(agent, Joined, HUB)
                    assert one.epoch != two.epoch
                    assert agent.post(HUB, b"hello again")
                    await hearing.until(lambda: bool(hearing.payloads(second, "a")))
                    assert hearing.payloads(second, "a") == [b"hello again"]

        self._play(story)

    def test_a_second_agent_of_one_name_is_refused(self) -> None:
        """It is told so; the first is not disturbed."""

        async def story(transport: Transport, hearing: Hearing) -> None:
            async with self._together(transport, hearing, "a") as (hub, first):
                async with transport.agent(hub.address, "a") as second:
                    await self._refused(hearing, second, "is here already")
                assert hub.post("a", b"for the first")
                await hearing.until(lambda: bool(hearing.payloads(first, HUB)))
                assert not hearing.some(first, Left, HUB)
                assert len(hearing.some(hub, Joined, "a")) == 1

        self._play(story)

    def test_the_hub_sends_an_agent_away(self) -> None:
        """For good, with its reason."""

        async def story(transport: Transport, hearing: Hearing) -> None:
            async with self._together(transport, hearing, "a", "b") as (hub, a, b):
                hearing.ends.remove(a)
                hub.refuse("a", "no room for a")
                await self._refused(hearing, a, "no room for a")
                await hearing.until(lambda: bool(hearing.some(hub, Left, "a")))
                assert not hub.post("a", b"x")
                assert hub.post("b", b"x")
                await hearing.until(lambda: bool(hearing.payloads(b, HUB)))

        self._play(story)

    def test_of_heartbeats_the_newest_arrives(self) -> None:
        """Older ones may be left out; what arrives keeps its order, and other payloads are all there."""

        async def story(transport: Transport, hearing: Hearing) -> None:
            async with self._together(transport, hearing, "a") as (hub, a):
                for n in range(500):
                    assert a.post(HUB, b"beat %03d" % n, newest="beat")
                    assert a.post(HUB, b"word %03d" % n)
                await hearing.until(lambda: b"word 499" in hearing.payloads(hub, "a"))
                got = hearing.payloads(hub, "a")
                beats = [payload for payload in got if payload.startswith(b"beat")]
                assert beats == sorted(set(beats))
                assert beats[-1] == b"beat 499"
                assert [payload for payload in got if payload.startswith(b"word")] == [
                    b"word %03d" % n for n in range(500)
                ]

        self._play(story)

    def test_a_peer_that_does_not_fetch_fills_up_and_holds_up_nobody(self) -> None:
        """At some point posts to it fail; others are served; what was taken arrives once it fetches again."""

        async def story(transport: Transport, hearing: Hearing) -> None:
            async with self._together(transport, hearing, "deaf", "good") as (hub, deaf, good):
                hearing.ends.remove(deaf)
                payload = bytes(100)
                taken = 0
                while hub.post("deaf", b"%d:" % taken + payload):
                    taken += 1
                    assert taken <= 1_000_000, "nothing limits what waits"
                    if taken % 20_000 == 0:
                        await hearing.look()
                assert hub.counts["full"] >= 1
                assert hub.post("good", b"still here")
                await hearing.until(lambda: bool(hearing.payloads(good, HUB)))
                hearing.ends.append(deaf)
                await hearing.until(lambda: len(hearing.payloads(deaf, HUB)) >= taken)
                numbers = [int(got.partition(b":")[0]) for got in hearing.payloads(deaf, HUB)]
                assert numbers == list(range(taken))

        self._play(story)

    def test_a_wait_that_is_cancelled_loses_nothing(self) -> None:
        """Cancel it as often as you like."""

        async def story(transport: Transport, hearing: Hearing) -> None:
            async with self._together(transport, hearing, "a") as (hub, a):
                got: list[bytes] = []
                for n in range(200):
                    with trio.CancelScope() as scope:
                        scope.cancel()
                        await hub.wait()
                    assert a.post(HUB, b"%d" % n)
                with trio.fail_after(PATIENCE_S):
                    while len(got) < 200:
                        await hearing.look()
                        got = hearing.payloads(hub, "a")
                assert got == [b"%d" % n for n in range(200)]

        self._play(story)

    async def _refused(self, hearing: Hearing, end: End, why: str) -> None:
        with trio.fail_after(PATIENCE_S):
            while True:
                await hearing.look()
                with trio.move_on_after(0.01):
                    await end.wait()
                try:
                    end.fetch()
                except Refused as refused:
                    assert why in str(refused), refused
                    return
