"""Which answers and watches came late?  Where that decided what a controller did next, the recorded delay is an input.

Of a write there are an answer and a watch event, and which of the two its writer hears first nobody fixes; nor which of
two requests arrives first that two controllers send at the same change.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

import attrs

from nodesim.client.process import LagBehind
from nodesim.machine import Answered, Call, ProgramEffect, ProgramEvent, SetTimer, TimerFired
from nodesim.messages import Patch, Update
from nodesim.scenario.components import WatchingProgram
from tests.recorded.inputs import Recording


@attrs.frozen
class Late:
    """An answer: to whose request, for what, of an object whose name begins how, from when on, how late (us).

    Of several such requests the `nth` is meant.
    """

    component: str
    kind: type[Patch | Update]
    name: str
    since: float
    by_us: int
    nth: int = 1


LATE: Final = {
    # PodGC and the StatefulSet controller delete db-0 at the same time, as soon as its phase is Failed: PodGC's request
    # was there 1.7 ms after the other's, and was told that it is gone (`races`: "DELETE db-0" twice).
    "f-node-deleted": (Late("pod-garbage-collector", Patch, "db-0", 79.5, 1_700),),
    "i-kubectl": (
        # The watch told of db's slice before the answer came: the Service was synced again a second after the watch, at
        # 75.889.  How much later the answer came nobody knows.
        Late("endpointslice-controller", Update, "db-", 74.5, 1_000),
        # PodGC went on 48 ms after it had sent its second patch (16 ms here), so that a second began between the
        # deletionTimestamps of two Job pods.
        Late("pod-garbage-collector", Patch, "work-", 79.0, 32_000, nth=2),
    ),
    # db-0 of n2 was marked 3 ms before db-1 of n1, by two workers: the one of n1 went on 17 ms after it had sent the
    # update of its first pod, the one of n2 13 ms after (6 ms here).
    "v133-kcm-one-of-three": (
        Late("node-controller", Update, "agent-", 184.5, 11_000),
        Late("node-controller", Update, "web-", 184.5, 7_000),
    ),
}

LAGS: Final = {
    # A sync that followed right on the write of db's slice found it missing in the cache, and was tried again a second
    # later, at 185.98.  How long the watch took longer than the answer nobody knows; the whole write took 10 ms.
    "v133-kcm-one-of-three": (("endpointslice-controller", 184.5, 5_000), ("endpointslice-controller", 185.5, 0)),
}
"""Component, instant, and how late (us) it hears from then on of what its watches tell."""


def lags(recording: Recording) -> list[tuple[int, str, LagBehind]]:
    """The lags of a recording: instant (us), component, step."""
    return [(recording.axis.us(at), name, LagBehind(by_us)) for name, at, by_us in LAGS.get(recording.name, ())]


def held_up(component: str, program: WatchingProgram, recording: Recording) -> WatchingProgram:
    """A component of a recording, with its late answers."""
    late = [each for each in LATE.get(recording.name, ()) if each.component == component]
    return HeldUp(program, late, recording) if late else program


class HeldUp:
    """A program some of whose answers are late."""

    def __init__(self, program: WatchingProgram, late: list[Late], recording: Recording) -> None:
        self.watches = program.watches
        self._program = program
        self._late = [(each, recording.axis.us(each.since)) for each in late]
        self._seen = [0] * len(late)
        self._waited_for: dict[Hashable, int] = {}
        self._held: dict[int, Answered] = {}

    def handle(self, event: ProgramEvent, now_us: int) -> list[ProgramEffect]:
        """Hold an answer back, or let the program handle what comes, and look at its calls."""
        if isinstance(event, Answered) and event.tag in self._waited_for:
            number = len(self._held)
            self._held[number] = event
            return [SetTimer(("late", number), now_us + self._waited_for.pop(event.tag), caused=True)]
        if isinstance(event, TimerFired):
            match event.key:
                case ("late", int(number)):
                    event = self._held[number]
                case _:
                    pass
        effects = self._program.handle(event, now_us)
        for effect in effects:
            if isinstance(effect, Call):
                self._look_at(effect, now_us)
        return effects

    def _look_at(self, call: Call, now_us: int) -> None:
        request = call.request
        for place, (late, since_us) in enumerate(self._late):
            if type(request) is late.kind and now_us >= since_us and request.name.startswith(late.name):
                self._seen[place] += 1
                if self._seen[place] == late.nth:
                    self._waited_for[call.tag] = late.by_us
