"""What does a link do to a message: when does it arrive, or why does it not?

A link is one direction between two ends.  `judge` answers for one message, from the link's state, the time and one
draw; it changes nothing.

TCP carries everything here, so a lost packet is not a lost message but a late one: it is sent again after 200 ms, then
after 400 ms, and so on (Linux' least retransmission timeout, doubled).  Only what opens a connection can be lost.
"""

from __future__ import annotations

from typing import Final, Literal

import attrs

from nodesim.units import MILLISECOND

RETRANSMIT_US: Final = 200 * MILLISECOND
"""TCP_RTO_MIN of Linux; each further try waits twice as long."""
RETRANSMITS_MAX: Final = 15
"""Linux' tcp_retries2; the last waits are longer than any run."""
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

    @property
    def chancy(self) -> bool:
        """Does a message's time depend on a draw?"""
        return self.jitter_us > 0 or self.loss_ppm > 0


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
    """When TCP's next try comes after the link passes again: the first of sent + 200 ms * (2**k - 1) from then on."""
    wait_us = RETRANSMIT_US
    at_us = sent_us
    while at_us < passable_us:
        at_us += wait_us
        wait_us *= 2
    return at_us
