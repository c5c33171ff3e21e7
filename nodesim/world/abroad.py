"""How do frames reach actors that live in another process, in real time, and what becomes of those that do not?

How it works.  What leaves this world is handed to the transport at once, a list of parcels a peer; a heartbeat goes for
itself, so that a newer one can take its place while it waits.  A connection between two actors is TCP's: nothing in it
may be missing.  So where the transport takes a frame no more, its sender's connection breaks; and where the link to a
peer ends, all connections across it break, on both sides.  Heartbeats alone may go missing: they are asked again.

What arrives meets the links as they are here: while one is cut, what comes over it waits for it to heal, as TCP's
packets would, whoever was late in hearing of the cut.  A heartbeat that was due long ago is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from nodesim.errors import FrameError, NotRunnable
from nodesim.machine import Undelivered
from nodesim.messages import Accept, Close, Dial, Renew, Reset, decode, kind_of
from nodesim.world.live import Live
from nodesim.world.transport import End
from nodesim.world.words import Parcels, encode_word, parcel_chunks
from nodesim.world.world import Parcel

STALE_S: Final = 2.0
"""Real seconds after which a heartbeat is worth nothing."""
CUT_OFF_MAX: Final = 10_000
"""Frames between two actors that wait for a cut to heal; what comes beyond it is dropped, and its connection breaks."""
_SINGLE: Final = (Dial, Accept, Reset, Close)
"""Whoever sends one of these is not on a connection that could break."""


class Abroad:
    """The way to actors elsewhere.

    Args:
        end: of the transport.
        where: the peer at which an actor lives; None: nowhere.
        stale_us: heartbeats that were due this long ago (us of the run) are dropped.
    """

    def __init__(self, end: End, where: Callable[[str], str | None], stale_us: int) -> None:
        self.counts = {"stale": 0, "undelivered": 0, "waited": 0}
        """Heartbeats that came too late, frames that could not be sent, frames that waited for a cut to heal."""
        self._end = end
        self._where = where
        self._stale_us = stale_us
        self._live: Live | None = None
        self._cut_off: dict[tuple[str, str], list[Parcel]] = {}
        """What waits for a cut to heal, by its two actors."""

    def settle(self, live: Live) -> None:
        """Take this for the world on this side."""
        self._live = live

    @property
    def live(self) -> Live:
        """The world on this side."""
        assert self._live is not None, "frames move while the world lives"
        return self._live

    # --- out --------------------------------------------------------------------------------------------------------

    def send(self, parcels: Sequence[Parcel]) -> None:
        """Frames for actors elsewhere; never waits.

        Raises:
            NotRunnable: an actor lives nowhere.
        """
        together: dict[str, list[Parcel]] = {}
        for parcel in parcels:
            peer = self._where(parcel.destination)
            if peer is None:
                msg = f"{parcel.origin} wrote to {parcel.destination}, which does not exist"
                raise NotRunnable(msg)
            if kind_of(parcel.frame) is Renew:
                self._flush(peer, together.pop(peer, []))
                if not self._end.post(peer, encode_word(Parcels((parcel,))), newest=parcel.origin):
                    self._undelivered([parcel])
            else:
                together.setdefault(peer, []).append(parcel)
        for peer, rest in together.items():
            self._flush(peer, rest)

    def _flush(self, peer: str, parcels: list[Parcel]) -> None:
        sent = 0
        for chunk in parcel_chunks(parcels):
            if not self._end.post(peer, encode_word(Parcels(chunk))):
                self._undelivered(parcels[sent:])
                return
            sent += len(chunk)

    def _undelivered(self, parcels: Sequence[Parcel]) -> None:
        """Nothing of this will arrive: the senders' connections break."""
        self.counts["undelivered"] += len(parcels)
        for parcel in parcels:
            if kind_of(parcel.frame) not in _SINGLE and parcel.origin in self.live.world.homes:
                event = Undelivered(parcel.destination, decode(parcel.frame).connection)
                self.live.tell(parcel.origin, event, parcel.destination)

    # --- in ---------------------------------------------------------------------------------------------------------

    def came(self, parcels: Sequence[Parcel]) -> None:
        """Frames from actors elsewhere."""
        live, fine = self.live, []
        for parcel in parcels:
            if parcel.destination not in live.world.homes:
                live.world.dropped += 1
            elif live.clock.now_us - parcel.at_us > self._stale_us and kind_of(parcel.frame) is Renew:
                self.counts["stale"] += 1
            elif self._blocked(parcel):
                self._wait(parcel)
            else:
                fine.append(parcel)
        live.post(fine)

    def look(self) -> None:
        """To be called now and then: what waited for a cut goes on when that has healed."""
        for ends in [ends for ends in self._cut_off if not self.live.world.is_cut(*ends)]:
            self.came(self._cut_off.pop(ends))

    def lost(self, actors: Sequence[str]) -> None:
        """The link to where these live has ended."""
        gone = frozenset(actors)
        self._cut_off = {ends: parcels for ends, parcels in self._cut_off.items() if ends[0] not in gone}
        self.live.part(gone)

    def _blocked(self, parcel: Parcel) -> bool:
        """Is the link cut here, or does a frame of the same two actors wait already?"""
        ends = (parcel.origin, parcel.destination)
        return ends in self._cut_off or self.live.world.is_cut(*ends)

    def _wait(self, parcel: Parcel) -> None:
        waiting = self._cut_off.setdefault((parcel.origin, parcel.destination), [])
        if len(waiting) < CUT_OFF_MAX:
            self.counts["waited"] += 1
            waiting.append(parcel)
            return
        self.live.world.dropped += 1
        try:
            connection = decode(parcel.frame).connection
        except FrameError:
            return
        self.live.tell(parcel.destination, Undelivered(parcel.origin, connection), parcel.origin)
