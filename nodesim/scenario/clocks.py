"""Which clock has each component and each machine, all through a run?

Templates say how the clocks of their machines begin, steps change them.  A step that lasts (`for`) is undone by going
on as if it had never been.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nodesim.clocks import TRUE_CLOCK, Clock, Stretch
from nodesim.scenario.components import parts_of
from nodesim.scenario.turns import Turn
from nodesim.spec import NodeSpec


class Clocks:
    """The clocks that are not right, by actor (`node/NAME` or a component), as turns of steps set them."""

    def __init__(self, nodes: Iterable[NodeSpec], *, elected: bool) -> None:
        self._elected = elected
        self.by_actor: dict[str, Clock] = {}
        self._before: dict[int, dict[str, Stretch]] = {}
        """Index of a step -> what each clock did before it began."""
        for node in nodes:
            if node.clock_offset_us or node.clock_drift_ppm:
                stretch = Stretch(0, node.clock_offset_us, node.clock_drift_ppm)
                self.by_actor[f"node/{node.name}"] = TRUE_CLOCK.then(stretch)

    def turn(self, turn: Turn) -> dict[str, Stretch]:
        """Set the clocks that a turn of a `clock` step means: what each of them does from now on."""
        step = turn.step
        actors = tuple(f"node/{node}" for node in step.nodes)
        if step.component:
            actors = parts_of(step.component, elected=self._elected)
        if turn.begins:
            held = {actor: self._clock(actor).stretch(turn.at_us) for actor in actors}
            self._before[turn.index] = held
            made = {actor: _changed(before, step.arguments, turn.at_us) for actor, before in held.items()}
        else:
            before = self._before.pop(turn.index)
            made = {actor: _at(stretch, turn.at_us) for actor, stretch in before.items()}
        for actor, stretch in made.items():
            self.by_actor[actor] = self._clock(actor).then(stretch)
        return made

    def _clock(self, actor: str) -> Clock:
        return self.by_actor.get(actor, TRUE_CLOCK)


def _at(stretch: Stretch, now_us: int) -> Stretch:
    """The same, counted from a later instant."""
    return Stretch(now_us, stretch.offset_at_us(now_us), stretch.drift_ppm)


def _changed(before: Stretch, arguments: dict[str, Any], now_us: int) -> Stretch:
    """What a clock does after a step: set, stepped, or with another drift; what the step does not name goes on."""
    goes_on = _at(before, now_us)
    offset_us, step_us, drift_ppm = (arguments[name] for name in ("offset_us", "step_us", "drift_ppm"))
    offset_us = goes_on.offset_us + (step_us or 0) if offset_us is None else offset_us
    return Stretch(now_us, offset_us, goes_on.drift_ppm if drift_ppm is None else drift_ppm)
