"""A real API server in a real world with a few controllers, and a hand that writes what a test wants, when it wants."""

from __future__ import annotations

from typing import Any

import trio

from nodesim.client import SERVER, ClientMachine
from nodesim.machine import Answered, Call, ProgramEffect, ProgramEvent, SetTimer, Started, TimerFired
from nodesim.messages import Request
from nodesim.net import Link, Topology
from nodesim.profiles import V1_36, Profile, Settings
from nodesim.streams import Streams
from nodesim.trace.records import TraceRecord
from nodesim.units import MILLISECOND, SECOND
from nodesim.world import VirtualClock, World, driving
from tests.apiserver.cluster import Cluster


class _Hand:
    """Sends the test's requests at their instants and keeps the answers."""

    watches = ()

    def __init__(self, writes: list[tuple[int, Request]]) -> None:
        self._writes = writes
        self.answers: list[Answered] = []

    def handle(self, event: ProgramEvent, now_us: int) -> list[ProgramEffect]:
        """One request a timer."""
        if isinstance(event, Started):
            return [SetTimer(("write", place), at_us) for place, (at_us, _) in enumerate(self._writes)]
        if isinstance(event, TimerFired) and isinstance(event.key, tuple):
            return [Call(event.key, self._writes[int(str(event.key[1]))][1])]
        if isinstance(event, Answered):
            self.answers.append(event)
        return []


class House:
    """`at` plans a write, `run` plays up to an instant; then look into `server`, `records` and `answers`."""

    def __init__(self, programs: dict[str, Any], profile: Profile = V1_36) -> None:
        self.server = Cluster(profile, Settings.of(profile))
        self._programs = programs
        self._writes: list[tuple[int, Request]] = []
        self.records: list[TraceRecord] = []
        self.answers: list[Answered] = []

    def at(self, seconds: float, request: Request) -> None:
        """Plan a write."""
        self._writes.append((round(seconds * SECOND), request))

    def run(self, seconds: float) -> House:
        """Play all of it."""
        streams, hand = Streams(0), _Hand(self._writes)
        world = World(Topology(Link(MILLISECOND), Link(MILLISECOND)), streams)
        world.add(SERVER, self.server.server)
        for name, program in {**self._programs, "operator": hand}.items():
            world.add(name, ClientMachine(name, program, program.watches, streams))
        for name in world.homes:
            world.schedule(0, name, 0, name, Started())

        async def main() -> None:
            async with driving([world], VirtualClock()) as advance:
                await advance(round(seconds * SECOND))

        trio.run(main)
        self.records, self.answers = world.records, hand.answers
        self.server.now_us = world.now_us + SECOND
        return self

    def events(self, reason: str) -> list[tuple[float, str, str]]:
        """(seconds, object, message) of the Events with this reason."""
        return [
            (record.t_us / SECOND, record.object, record.fields["message"])
            for record in self.records
            if record.kind == reason and "component" in record.fields
        ]
