"""What does a link do to a message: when does it arrive, or why does it not?

A link is one direction between two ends.  `judge` answers for one message, from the link's state, the time and one
draw; it changes nothing.

TCP carries everything here, so a lost packet is not a lost message but a late one: it is sent again after 200 ms, then
after 400 ms, and so on (Linux' least retransmission timeout, doubled).  Only what opens a connection can be lost.
"""

from __future__ import annotations

from typing import Final, Literal

import attrs

from nodesim.units import MILLISECOND, SECOND

RETRANSMIT_US: Final = 200 * MILLISECOND
"""TCP_RTO_MIN of Linux; each further try waits twice as long."""
RETRANSMIT_MAX_US: Final = 120 * SECOND
"""TCP_RTO_MAX of Linux."""
RETRANSMITS_MAX: Final = 9
"""How often in a row one packet can be lost; it is 102 s late then."""
PER_MILLION: Final = 1_000_000

HELD: Final = -1
"""Verdict: nothing passes in this direction; TCP keeps the bytes and tries again."""
REFUSED: Final = -2
"""Verdict: the other end (or a firewall before it) answers with RST."""


@attrs.define
class Link:
    """The state of one direction.  Times in us; `loss_ppm` is per million packets."""

    latency_us: int = MILLISECOND
    jitter_us: int = 0
    loss_ppm: int = 0
    cut: Literal["", "drop", "refuse"] = ""
    chancy: bool = attrs.field(init=False)
    """Does a message's time depend on a draw?"""
    plain: bool = attrs.field(init=False)
    """Does every message take just the latency?"""

    def __attrs_post_init__(self) -> None:
        """Work out what follows from the rest."""
        self.settle()

    def settle(self) -> None:
        """To be called when a value was changed."""
        self.chancy = self.jitter_us > 0 or self.loss_ppm > 0
        self.plain = not self.chancy and not self.cut


def judge(link: Link, now_us: int, draw: int) -> int:
    """The instant (us) at which a message sent now arrives, or `HELD`, or `REFUSED`.

    `draw` is 64 random bits (0 where the link is not `chancy`): the low half decides the jitter, the high half how
    often the packet is lost.
    """
    if link.cut:
        return REFUSED if link.cut == "refuse" else HELD
    at_us = now_us + link.latency_us
    if link.jitter_us:
        at_us += ((draw & 0xFFFFFFFF) * (link.jitter_us + 1)) >> 32
    if link.loss_ppm:
        at_us += RETRANSMIT_US * ((1 << losses(link.loss_ppm, draw)) - 1)
    return at_us


def losses(loss_ppm: int, draw: int) -> int:
    """How often in a row this packet is lost: k times with probability loss**k."""
    high = draw >> 32
    limit = (loss_ppm << 32) // PER_MILLION
    count = 0
    while high < limit and count < RETRANSMITS_MAX:
        count += 1
        limit = limit * loss_ppm // PER_MILLION
    return count


def retransmit_at(sent_us: int, passable_us: int) -> int:
    """When TCP's next try comes after the link passes again.

    It tries 200 ms after the frame was sent, then after twice the wait each time, at most every 120 s.
    """
    wait_us = RETRANSMIT_US
    at_us = sent_us
    while at_us < passable_us:
        at_us += wait_us
        wait_us = min(wait_us * 2, RETRANSMIT_MAX_US)
    return at_us
