"""How does a frame cross a link that is not plain, and what becomes of what waits when the link changes?

How it works.  A frame passes three places, in this order:

1. The sender's TCP.  What the link loses or does not let pass stays in the connection's backlog with all that follows
   it.  TCP tries the first of them again after 200 ms, then after twice the wait each time; when it gets through, those
   behind it follow, and the waits begin anew.  While nothing passes (a cut, a loss of 100 %) no try is made; the next
   one after that comes when TCP's clock says so.  Every try meets the link as it is then.
2. The wire.  What was sent and not lost arrives, whatever happens to the link behind it.
3. A held link's end, which keeps every frame back, in order, until it is released.

What opens a connection, and a reset, is one packet that nobody but its sender repeats: it is lost for good.  A client
that closes a connection gives up what is in its backlog, not what is on the wire or kept back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nodesim.machine import MachineEvent, Undelivered
from nodesim.messages import Accept, Close, Dial, Message, Reset
from nodesim.net import HELD, LOST, REFUSED, LinkChange, Topology, after_loss, judge, retransmit_at
from nodesim.world.channel import KEPT_MAX, UNSENT_MAX, Backlog, Channel, Kept, Unsent
from nodesim.world.queue import EVENT, RETRY

if TYPE_CHECKING:
    from nodesim.world.home import Home
    from nodesim.world.world import World

_ENDINGS: Final = frozenset({Close, Reset})
_ONCE: Final = frozenset({Dial, Accept, Reset})
"""Single packets outside of a connection's stream."""


class Carrier:
    """Sends what cannot simply be posted."""

    def __init__(self, world: World, topology: Topology) -> None:
        self._world = world
        self._topology = topology
        self._waiting: dict[tuple[str, str], tuple[Home, Channel]] = {}
        """The channels that may have a backlog or keep something, by their ends."""

    def send(
        self, home: Home, channel: Channel, connection: int, kind: type[Message], frame: bytes, now_us: int
    ) -> None:
        """Send one frame."""
        if kind in _ENDINGS:
            channel.backlogs.pop(connection, None)
        unsent = Unsent(frame)
        at_us = self._try(channel, unsent, now_us)
        backlog = None if kind in _ONCE else channel.backlogs.get(connection)
        if at_us == REFUSED:
            channel.backlogs.pop(connection, None)
            self._refused(home, channel, connection, now_us)
        elif kind in _ONCE or (kind is Close and at_us == HELD):
            if at_us >= 0:
                self._deliver(home, channel, connection, at_us, frame, now_us)
            else:
                self._world.dropped += 1
        elif backlog is not None:
            unsent.through_us = at_us if at_us >= 0 else None
            if len(backlog.frames) < UNSENT_MAX:
                backlog.frames.append(unsent)
            else:
                del channel.backlogs[connection]
                self._refused(home, channel, connection, now_us)
        elif at_us >= 0:
            self._deliver(home, channel, connection, at_us, frame, now_us)
        else:
            backlog = channel.backlogs[connection] = Backlog(now_us)
            backlog.frames.append(unsent)
            self._waiting[channel.source, channel.destination] = (home, channel)
            self._arm(home, channel, connection, backlog, now_us + 1)

    def retry(self, home: Home, channel: Channel, connection: int, due: int, now_us: int) -> None:
        """TCP tries the first of a backlog again; what gets through takes those behind it along."""
        backlog = channel.backlogs.get(connection)
        if backlog is None or backlog.due != due:
            return  # The connection was closed.
        backlog.due = 0
        while backlog.frames:
            first = backlog.frames[0]
            at_us = first.through_us
            if at_us is None:
                at_us = self._try(channel, first, now_us)
            if at_us == REFUSED:
                del channel.backlogs[connection]
                self._world.dropped += len(backlog.frames) - 1
                self._refused(home, channel, connection, now_us)
                return
            if at_us < 0:
                self._arm(home, channel, connection, backlog, now_us + 1)
                return
            self._deliver(home, channel, connection, at_us, backlog.frames.popleft().frame, now_us)
            backlog.since_us = now_us
        del channel.backlogs[connection]

    def change(self, change: LinkChange, now_us: int) -> None:
        """Links change: what they keep back may be released, and TCP may have to try again what waits."""
        self._topology.apply(change)
        for ends in sorted(self._waiting):
            home, channel = self._waiting[ends]
            if channel.kept and not channel.link.hold:
                self._release(home, channel, now_us)
            for connection in sorted(channel.backlogs):
                backlog = channel.backlogs[connection]
                if not backlog.due:
                    self._arm(home, channel, connection, backlog, now_us)
            if not channel.backlogs and not channel.kept:
                del self._waiting[ends]

    def forget(self, home: Home) -> None:
        """A machine loses its power: what it had not sent is gone."""
        for channel in home.channels.values():
            channel.backlogs.clear()

    # --- inside -----------------------------------------------------------------------------------------------------

    def _try(self, channel: Channel, unsent: Unsent, now_us: int) -> int:
        """One try to send a frame: the verdict."""
        link = channel.link
        if unsent.draw is None and link.chancy:
            unsent.draw = channel.draw()
        at_us = judge(link, now_us, unsent.draw or 0, unsent.chance)
        if at_us == LOST:
            unsent.chance = after_loss(link, unsent.chance)
        return at_us

    def _arm(self, home: Home, channel: Channel, connection: int, backlog: Backlog, from_us: int) -> None:
        """Set TCP's next try at or after an instant, unless nothing passes."""
        if channel.link.stop == HELD:
            return
        home.count += 1
        backlog.due = home.count
        at_us = retransmit_at(backlog.since_us, from_us)
        self._world.push((at_us, home.name, home.count, home, RETRY, (channel, connection), ""))

    def _deliver(self, home: Home, channel: Channel, connection: int, at_us: int, frame: bytes, now_us: int) -> None:
        """A frame is on the wire; at the end of a held link it waits."""
        for _ in range(2 if channel.doubles() else 1):
            if not channel.link.hold:
                channel.turn_to(connection, now_us)
                self._world.post(home, channel, at_us, frame)
            elif len(channel.kept) < KEPT_MAX:
                channel.kept.append(Kept(connection, at_us, frame))
                self._waiting[channel.source, channel.destination] = (home, channel)
            else:
                self._refused(home, channel, connection, now_us)

    def _release(self, home: Home, channel: Channel, now_us: int) -> None:
        """All that was kept back arrives, in order, after the link's latency."""
        kept, channel.kept = channel.kept, []
        first_us = now_us + channel.link.latency_us
        for each in kept:
            channel.turn_to(each.connection, now_us)
            self._world.post(home, channel, max(each.at_us, first_us), each.frame)

    def _refused(self, home: Home, channel: Channel, connection: int, now_us: int) -> None:
        """The sender hears of a refusal after a round trip."""
        self._world.dropped += 1
        home.count += 1
        at_us = now_us + 2 * channel.link.latency_us
        event: MachineEvent = Undelivered(channel.destination, connection)
        self._world.push((at_us, home.name, home.count, home, EVENT, event, ""))
