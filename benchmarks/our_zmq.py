"""The same exchange through our transport: words, outboxes, sessions and pumps, in real time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from benchmarks.exchange import NAMES, SENDERS, Waiting, answers_to, read_answers, request_payload
from nodesim.world.transport import HUB, End, Joined, Received
from transports.zeromq import ZeroMqTransport


def serve(keys: Path | None, tell: Callable[[str], None]) -> None:
    """Answer for ever; `tell` is told the address."""
    trio.run(_serve, keys, tell)


async def _serve(keys: Path | None, tell: Callable[[str], None]) -> None:
    async with ZeroMqTransport(keys=keys, in_turns=False).hub("tcp://127.0.0.1:*") as end:
        tell(end.address)
        while True:
            await end.wait()
            asked: dict[str, list[bytes]] = {}
            for event in end.fetch():
                if isinstance(event, Received):
                    asked.setdefault(event.peer, []).append(event.payload)
            for peer, payloads in asked.items():
                assert end.post(peer, answers_to(payloads))


@asynccontextmanager
async def client(address: str, keys: Path | None) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """Makes so many requests when called."""
    async with ZeroMqTransport(keys=keys, in_turns=False).agent(address, "a1") as end:
        await end.wait()
        assert isinstance(end.fetch()[0], Joined)

        async def flow(requests: int) -> None:
            for sender in range(SENDERS):
                _post(end, (sender, "0"))
            sent, answered = SENDERS, 0
            while answered < requests:
                await end.wait()
                for event in end.fetch():
                    assert isinstance(event, Received), event
                    waiting = read_answers(event.payload)
                    answered += len(waiting)
                    if sent < requests:
                        sent += len(waiting)
                        for sender in waiting:
                            _post(end, sender)

        yield flow


def _post(end: End, waiting: Waiting) -> None:
    assert end.post(HUB, request_payload(waiting), newest=NAMES[waiting[0]])
