"""In which order does everything happen?

In the order of one queue: `(time, origin, n)`, where the origin is the actor that scheduled the entry and n that
actor's own count.  No counter is shared between actors and nothing but frames passes between them (and signals, within
one process of the control plane), so the order is the same in one process and in several, and with one node more.

How it works.  Starts, frames, timers and steps are entries of one queue.  Popping one sets the time and gives its
actor one turn; the effects of the turn become new entries and records.  A frame to an actor that is not at home here
goes to the outbox as a `Parcel`, from where a transport takes it to the world where that actor lives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from typing import TypeAlias

from nodesim.errors import ActorCrash, FrameError
from nodesim.machine import (
    CancelAllTimers,
    CancelTimer,
    LoseUnsent,
    Machine,
    MachineEffect,
    MachineEvent,
    Record,
    Send,
    SetTimer,
    Signal,
    TimerFired,
    Told,
)
from nodesim.messages import ENCODERS, decode
from nodesim.net import LinkChange, Topology
from nodesim.streams import Streams
from nodesim.trace.records import TraceRecord
from nodesim.values import value
from nodesim.world.carrier import Carrier
from nodesim.world.channel import Channel
from nodesim.world.home import Home
from nodesim.world.queue import EVENT, FRAME, RULE, SLOT_BITS, TIMER, Entry, Payload, Queue

Take: TypeAlias = Callable[[Home, MachineEvent, str], None]
"""Takes a turn: whose, what happened, and its cause."""


@value
class Parcel:
    """A frame on its way to another world: its place in the queue there, whom it is for, and its bytes."""

    at_us: int
    origin: str
    n: int
    destination: str
    frame: bytes


class _Nobody:
    """Stands where an entry of the queue is no actor's turn."""

    def handle(self, event: MachineEvent, now_us: int) -> list[MachineEffect]:
        """Nothing follows."""
        return []


class World:
    """One queue and the actors that are at home in it."""

    def __init__(self, topology: Topology, streams: Streams) -> None:
        self.now_us = 0
        self.streams = streams
        self.homes: dict[str, Home] = {}
        self.records: list[TraceRecord] = []
        self.outbox: list[Parcel] = []
        self.messages = 0
        """Frames sent."""
        self.bytes = 0
        """Their size."""
        self.dropped = 0
        """Frames that the codec refused, that nobody is there to take, or that a cut swallowed for good."""
        self.late = False
        """In real time: are actors handed later instants than those for which their turns were due?  Then a timer that
        was due before, and is set again, is due at once."""
        self._topology = topology
        self._carrier = Carrier(self, topology)
        self._queue = Queue()
        self._near, self._push = self._queue.near, self._queue.push
        self._rules = 0
        self._network = Home("", _Nobody(), self)
        self._refusals: set[tuple[str, str]] = set()

    def host_of(self, actor: str) -> str:
        """Where in the network an actor is."""
        return self._topology.host_of(actor)

    # --- setting up -------------------------------------------------------------------------------------------------

    def add(self, name: str, machine: Machine) -> Home:
        """Give an actor its home."""
        if name in self.homes:
            msg = f"two actors named {name}"
            raise ValueError(msg)
        home = self.homes[name] = Home(name, machine, self)
        return home

    def schedule(self, at_us: int, origin: str, n: int, actor: str, event: MachineEvent, cause: str = "") -> None:
        """Put an event for an actor into the queue, at a place that the caller chose."""
        self._queue.push((at_us, origin, n, self.homes[actor], EVENT, event, cause))

    def schedule_rule(self, at_us: int, change: LinkChange) -> None:
        """Change links at an instant, before anything else happens then."""
        self._rules += 1
        self._queue.push((at_us, "", self._rules, self._network, RULE, change, ""))

    def skip_to(self, now_us: int, changes: Iterable[LinkChange]) -> None:
        """Begin in the middle of a run: this is what has become of the links."""
        self.now_us = now_us
        for change in changes:
            self._carrier.change(change, now_us)

    def is_cut(self, source: str, destination: str) -> bool:
        """Does nothing pass from one actor to another?"""
        return bool(self._topology.link(self.host_of(source), self.host_of(destination)).stop)

    def take_in(self, parcel: Parcel) -> None:
        """Take a frame from another world."""
        home = self.homes[parcel.destination]
        self._queue.push((parcel.at_us, parcel.origin, parcel.n, home, FRAME, parcel.frame, ""))

    def next_turn(self) -> str:
        """Who is next, for people."""
        entry = self._queue.head()
        if entry is None:
            return "nobody"
        return f"{entry[3].name or 'the network'} ({entry[5]!r:.120})"

    # --- running ----------------------------------------------------------------------------------------------------

    def next_us(self) -> int | None:
        """When the next entry is due; None when there is none."""
        entry = self._queue.head()
        return None if entry is None else entry[0]

    def run(self, until_us: int, turns_max: int, take: Take | None = None) -> bool:
        """Take turns in place up to and including an instant; False when `turns_max` ended it before.

        With `take`, turns are handed to it instead of being taken here.
        """
        due, near, settle, perform = self._queue.due, self._queue.near, self._queue.settle, self.perform
        event: MachineEvent
        for _ in range(turns_max):
            if near and not (due and due[-1] < near[0]):
                entry = heappop(near)
            elif due or settle():
                entry = due.pop()
            else:
                return True
            now_us, origin, n, home, kind, payload, cause = entry
            if now_us > until_us:
                heappush(near, entry)  # It stays the next one.
                return True
            self.now_us = now_us
            if kind == FRAME:
                try:
                    event = decode(payload)
                except FrameError as refused:
                    self._refuse(home, origin, refused)
                    continue
                cause = event.cause
            elif kind == TIMER:
                timers = home.timers
                if timers.get(payload) != n:
                    continue  # It was cancelled or moved.
                del timers[payload]
                event = TimerFired(payload)
            elif kind == EVENT:
                event = payload
            else:
                self._move_network(kind, home, n, payload)
                continue
            if take is not None:
                take(home, event, cause)
                continue
            try:
                effects = home.machine.handle(event, now_us)
            except Exception as broken:
                raise ActorCrash(home.name, now_us, event) from broken
            if effects:
                perform(home, effects, cause, now_us)
        head_us = self.next_us()
        return head_us is None or head_us > until_us

    async def run_in_tasks(self, until_us: int, turns_max: int) -> bool:
        """As `run`, but each turn is taken by its actor's own trio task."""
        turns: list[tuple[Home, MachineEvent, str]] = []

        def take(home: Home, event: MachineEvent, cause: str) -> None:
            turns.append((home, event, cause))

        for _ in range(turns_max):
            done = self.run(until_us, 1, take)
            for home, event, cause in turns:
                await home.take_in_task(event, cause, self.now_us)
            if done and not turns:
                return True
            turns.clear()
        return False

    def _move_network(self, kind: int, home: Home, n: int, payload: Payload) -> None:
        """What is no actor's turn: links change, or TCP tries again."""
        if kind == RULE:
            assert isinstance(payload, LinkChange)
            self._carrier.change(payload, self.now_us)
        else:
            channel, connection = payload
            self._carrier.retry(home, channel, connection, n, self.now_us)

    # --- effects ----------------------------------------------------------------------------------------------------

    def perform(self, home: Home, effects: list[MachineEffect], cause: str, now_us: int) -> None:
        """Do what a turn ordered, in its order."""
        fresh = ""  # The record that the effect before this one wrote.
        came_with = cause
        told: dict[str, str] | None = None  # What this turn recorded, by object; most turns record nothing.
        for effect in effects:
            if type(effect) is Send:
                self._send(home, effect, cause, now_us)
                fresh = ""
            elif type(effect) is SetTimer:
                led_here = cause if effect.caused else fresh
                if led_here and effect.caused is None:
                    led_here = ""
                home.count = count = home.count + 1
                key, at_us = effect.key, effect.at_us
                if at_us < now_us:
                    assert self.late, f"{home.name} sets {key} into the past"
                    at_us = now_us
                timers = home.timers
                # Set anew before it fired: from now on it stands in its home, as `queue` tells.
                if key in timers and home.moved is None:
                    home.moved = key
                timers[key] = count
                if key != home.moved or led_here or at_us < self._queue.near_until_us:
                    self._push((at_us, home.name, count, home, TIMER, key, led_here))
                else:
                    home.moved_us, home.moved_count = at_us, count
                    if at_us >> SLOT_BITS < home.slot:
                        self._queue.wait(home, at_us >> SLOT_BITS)
            elif type(effect) is CancelTimer:
                home.timers.pop(effect.key, None)
            elif type(effect) is Record:
                home.recorded += 1
                about = effect.object
                if told is None:
                    told = {}
                # Of one turn only records about one object follow from each other; others are siblings.
                led_here = effect.cause or told.get(about) or came_with
                record = TraceRecord(now_us, home.name, home.recorded, effect.kind, about, effect.fields, led_here)
                self.records.append(record)
                cause = fresh = record.id
                if about:
                    told[about] = fresh
            else:
                self._perform_rare(home, effect, cause, now_us)

    def _perform_rare(self, home: Home, effect: MachineEffect, cause: str, now_us: int) -> None:
        """Do what few turns order."""
        if type(effect) is CancelAllTimers:
            home.forget_timers(effect.spare)
        elif type(effect) is Signal:
            home.count = count = home.count + 1
            # Behind everything of this instant, as what is sent over the shortest link.
            self._push((now_us + 1, home.name, count, self.homes[effect.actor], EVENT, Told(effect.step), cause))
        else:
            assert type(effect) is LoseUnsent
            self._carrier.forget(home)

    def _send(self, home: Home, effect: Send, cause: str, now_us: int) -> None:
        """Encode a message and put it on its way; what the plain case does is the path of every heartbeat."""
        destination, message, connection = effect.destination, effect.message, effect.connection
        kind = type(message)
        frame = ENCODERS[kind](home.name, destination, effect.id, effect.in_reply_to, connection, cause, message)
        self.messages += 1
        self.bytes += len(frame)
        channel = home.channels.get(destination) or self._open_channel(home, destination)
        link = channel.link
        if link.plain and channel.connection == connection and not channel.backlogs:
            at_us, receiver = now_us + link.latency_us, channel.receiver
            if receiver is None or at_us < channel.last_us or at_us >= self._queue.near_until_us:
                self.post(home, channel, at_us, frame)
                return
            # As `post` does it, without the call.
            channel.last_us = at_us
            home.count = count = home.count + 1
            heappush(self._near, (at_us, home.name, count, receiver, FRAME, frame, ""))
        else:
            self._carrier.send(home, channel, connection, kind, frame, now_us)

    def _open_channel(self, home: Home, destination: str) -> Channel:
        link = self._topology.link(home.host, self.host_of(destination))
        receiver = self.homes.get(destination)
        channel = home.channels[destination] = Channel(home.name, destination, receiver, link, self.streams)
        return channel

    def post(self, home: Home, channel: Channel, at_us: int, frame: bytes) -> None:
        """Put a frame into the receiver's queue, behind what is on its way on the channel's connection."""
        if at_us < channel.last_us:
            at_us = channel.last_us
        channel.last_us = at_us
        home.count = count = home.count + 1
        receiver = channel.receiver
        if receiver is None:
            self.outbox.append(Parcel(at_us, home.name, count, channel.destination, frame))
        else:
            self._push((at_us, home.name, count, receiver, FRAME, frame, ""))

    def push(self, entry: Entry) -> None:
        """Put an entry into the queue as it is."""
        self._push(entry)

    def _refuse(self, home: Home, origin: str, refused: FrameError) -> None:
        """A frame that is none: counted, recorded once for its sender and receiver, dropped."""
        self.dropped += 1
        if (home.name, origin) not in self._refusals:
            self._refusals.add((home.name, origin))
            self.perform(home, [Record("FrameDropped", "", {"source": origin, "why": str(refused)})], "", self.now_us)
