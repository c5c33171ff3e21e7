"""How long is long, on the wire?  Wall time in microseconds, unless a name says otherwise."""

from __future__ import annotations

from typing import Final

from nodesim.units import MILLISECOND, SECOND

HELLO_EVERY_US: Final = 500 * MILLISECOND
"""An agent that is not welcome yet says hello again."""
PING_EVERY_US: Final = 1 * SECOND
"""The hub asks each agent whether its program is alive; ZeroMQ's own heartbeat is answered by a thread of its own."""
SILENT_US: Final = 5 * SECOND
"""In real time, who was not heard for so long is gone."""
CONTEST_US: Final = 2 * SECOND
"""How long an agent has to answer when another claims its name."""
STALE_US: Final = 2 * SECOND
"""A heartbeat that took longer than the fastest frame of its connection by so much is not told any more."""
TICK_S: Final = 0.05
"""Seconds after which an end looks up even if nothing comes."""


class Freshness:
    """How late are frames?  Clocks of two hosts differ; the fastest frame so far says by how much."""

    __slots__ = ("_fastest_us",)

    def __init__(self) -> None:
        self._fastest_us: int | None = None

    def age_us(self, sent_us: int, heard_us: int) -> int:
        """How much longer than the fastest frame this one took."""
        took_us = heard_us - sent_us
        if self._fastest_us is None or took_us < self._fastest_us:
            self._fastest_us = took_us
        return took_us - self._fastest_us

    @staticmethod
    def late(age_us: int) -> bool:
        """Is this too late for a heartbeat?"""
        return age_us > STALE_US
