"""What does a link do to a message: when does it arrive, or why does it not?

A link is one direction between two ends.  `judge` answers for one try to send one message, from the link's state, the
time and one draw; it changes nothing.

TCP carries everything here, so a lost packet is not a lost message but a late one: it is sent again after 200 ms, then
after 400 ms, and so on (Linux' least retransmission timeout, doubled).  Each try meets the link as it is then.  Only
what opens a connection can be lost for good.
"""

from __future__ import annotations

from typing import Final, Literal

import attrs

from nodesim.units import MILLISECOND, SECOND

RETRANSMIT_US: Final = 200 * MILLISECOND
"""TCP_RTO_MIN of Linux; each further try waits twice as long."""
RETRANSMIT_MAX_US: Final = 120 * SECOND
"""TCP_RTO_MAX of Linux."""
PER_MILLION: Final = 1_000_000

HELD: Final = -1
"""Verdict: nothing passes in this direction; TCP keeps the bytes and tries again."""
REFUSED: Final = -2
"""Verdict: the other end (or a firewall before it) answers with RST."""
LOST: Final = -3
"""Verdict: this packet is lost; TCP sends it again."""

CERTAIN: Final = 1 << 32
"""The chance of a message that was not tried yet, in parts of 2**32."""


@attrs.define
class Link:
    """The state of one direction.  Times in us; losses and duplicates per million packets."""

    latency_us: int = MILLISECOND
    jitter_us: int = 0
    loss_ppm: int = 0
    duplicate_ppm: int = 0
    cut: Literal["", "drop", "refuse"] = ""
    hold: bool = False
    """What passes the rest of the link is kept back at its end until it is released."""
    chancy: bool = attrs.field(init=False)
    """Does a message's time depend on a draw?"""
    plain: bool = attrs.field(init=False)
    """Does every message take just the latency?"""
    stop: int = attrs.field(init=False)
    """`HELD` or `REFUSED` where every message is; 0 where messages pass, if perhaps not at the first try."""

    def __attrs_post_init__(self) -> None:
        """Work out what follows from the rest."""
        self.settle()

    def settle(self) -> None:
        """To be called when a value was changed."""
        total = self.loss_ppm >= PER_MILLION
        self.stop = HELD if total or self.cut == "drop" else REFUSED if self.cut else 0
        self.chancy = self.jitter_us > 0 or (self.loss_ppm > 0 and not total)
        self.plain = not (self.chancy or self.stop or self.hold or self.duplicate_ppm)


def judge(link: Link, now_us: int, draw: int, chance: int = CERTAIN) -> int:
    """The instant (us) at which a message that is sent now arrives, or `HELD`, `REFUSED`, `LOST`.

    `draw` is the message's 64 random bits (0 where the link is not `chancy`): the low half decides the jitter, the high
    half whether this try is lost.  `chance` is what `after_loss` made of the tries before: one draw decides them all.
    """
    if link.stop:
        return link.stop
    if link.loss_ppm and draw >> 32 < after_loss(link, chance):
        return LOST
    if link.jitter_us:
        return now_us + link.latency_us + (((draw & 0xFFFFFFFF) * (link.jitter_us + 1)) >> 32)
    return now_us + link.latency_us


def after_loss(link: Link, chance: int) -> int:
    """The part of 2**32 draws with which one more try is lost, given that with `chance` all before were.

    So a packet is lost k times in a row with probability loss**k, and a loss that changes between two tries counts.
    """
    return chance * link.loss_ppm // PER_MILLION


def retransmit_at(sent_us: int, passable_us: int) -> int:
    """When TCP's next try comes, at or after an instant.

    It tries 200 ms after the frame was sent, then after twice the wait each time, at most every 120 s.
    """
    wait_us = RETRANSMIT_US
    at_us = sent_us
    while at_us < passable_us:
        at_us += wait_us
        wait_us = min(wait_us * 2, RETRANSMIT_MAX_US)
    return at_us
