"""When does a client's connection open, and when does it give it up?

How it works.  A connection opens with a `Dial` that the server answers with `Accept`; the dial is repeated as TCP
repeats a SYN (after 1, 2, 4, 8 s) and given up after 30 s.  On an open connection every received frame restarts a 30 s
timer; when it ends a `Ping` is sent, and if no `Pong` comes within 15 s, the connection is dead, with all requests and
watches on it.  Nothing else closes a silent connection: a request's own timeout does not.

Sources: golang.org/x/net http2 `ReadIdleTimeout`, `PingTimeout` (apimachinery pkg/util/net/http.go: 30 s, 15 s),
client-go transport/cache.go (dial 30 s), Linux tcp(7) for the SYN's repeats.
"""

from __future__ import annotations

from typing import Final

import attrs

from nodesim.units import SECOND

DIAL_AT_US: Final = (0, 1 * SECOND, 3 * SECOND, 7 * SECOND, 15 * SECOND)
"""When the SYN is sent, counted from the dial."""
DIAL_TIMEOUT_US: Final = 30 * SECOND
READ_IDLE_US: Final = 30 * SECOND
PING_TIMEOUT_US: Final = 15 * SECOND


@attrs.define
class Connection:
    """The client's end of the connection to one server."""

    number: int = 0
    """Counts this client's connections; frames of older ones are stale."""
    dialing: bool = False
    open: bool = False
    dial_began_us: int = 0
    dials: int = 0
    heard_us: int = 0
    """When the last frame came."""
    ping_sent_us: int | None = None

    def dial(self, now_us: int) -> None:
        """Begin to open a new connection."""
        self.number += 1
        self.dialing, self.open = True, False
        self.dial_began_us, self.dials = now_us, 1

    def next_dial_us(self) -> int:
        """When to repeat the dial or, after the last repeat, to give up."""
        offset_us = DIAL_AT_US[self.dials] if self.dials < len(DIAL_AT_US) else DIAL_TIMEOUT_US
        return self.dial_began_us + offset_us

    def dial_timed_out(self, now_us: int) -> bool:
        """Is the dial to be given up?"""
        return now_us - self.dial_began_us >= DIAL_TIMEOUT_US

    def accepted(self, now_us: int) -> None:
        """The server accepted."""
        self.dialing, self.open = False, True
        self.heard_us, self.ping_sent_us = now_us, None

    def lost(self) -> None:
        """The connection is gone, or the dial failed."""
        self.dialing = self.open = False
        self.ping_sent_us = None

    def next_check_us(self) -> int:
        """When to look at the connection's health next."""
        if self.ping_sent_us is not None:
            return self.ping_sent_us + PING_TIMEOUT_US
        return self.heard_us + READ_IDLE_US
