"""When does each step happen, and to whom, once seed and repeats are worked out?

A **turn** is one time of a step, or the end of one that has a `for`.

`percent` takes the first part of the nodes in an order that is drawn from the seed, one draw a node from its own stream
`percent/NODE`.  The order is the same for the whole run, so `heal: {percent: 30}` means the nodes that
`cut: {percent: 30}` meant, and those of 20 % are among those of 30 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Final, cast

import attrs

from nodesim.net import PER_MILLION
from nodesim.scenario.verbs import VERBS
from nodesim.spec import Step, StepVerb
from nodesim.streams import Streams
from nodesim.values import value

_ORDER: Final = attrgetter("at_us", "begins", "index", "number")


@value
class Turn:
    """At `at_us` a step is done; `index` counts the file's steps from 0, `number` the times of one from 1."""

    at_us: int
    begins: bool
    """False: it is undone, and `step` is its opposite."""
    index: int
    number: int
    step: Step


class Chooser:
    """Takes a part of some nodes; always the same part in one run."""

    def __init__(self, seed: int) -> None:
        self._streams = Streams(seed)
        self._rank: dict[str, tuple[int, str]] = {}

    def part(self, nodes: Sequence[str], percent_ppm: int | None) -> tuple[str, ...]:
        """That part of the nodes, in their order: rounded to the nearest whole node, halves up, at least one."""
        if percent_ppm is None:
            return tuple(nodes)
        for node in nodes:
            if node not in self._rank:
                self._rank[node] = (self._streams.stream(f"percent/{node}").draw(), node)
        count = max(1, (len(nodes) * percent_ppm + PER_MILLION // 2) // PER_MILLION)
        meant = dict.fromkeys(sorted(nodes, key=self._rank.__getitem__)[:count])
        return tuple(node for node in nodes if node in meant)


def turns_of(steps: Sequence[Step], seed: int) -> list[Turn]:
    """All turns in order of time; at one instant the ends come first, then in the file's order."""
    chooser = Chooser(seed)
    turns = []
    for index, written in enumerate(steps):
        step = attrs.evolve(written, nodes=chooser.part(written.nodes, written.percent_ppm), percent_ppm=None)
        back = opposite(step) if step.for_us else None
        for number in range(step.times):
            at_us = step.at_us + number * step.every_us
            turns.append(Turn(at_us, True, index, number + 1, step))
            if back is not None:
                turns.append(Turn(at_us + step.for_us, False, index, number + 1, back))
    return sorted(turns, key=_ORDER)


def opposite(step: Step) -> Step:
    """The step that undoes one; of `latency` and its kind the plan knows the values from before."""
    verb, arguments = VERBS[step.verb].opposite, step.arguments
    assert verb, step.verb
    if step.verb == "taint":
        arguments = {**arguments, "remove": not arguments["remove"]}
    elif verb == "cut":
        arguments = {**arguments, "mode": "drop"}
    elif step.verb == "lag":
        arguments = {"by_us": 0}
    elif step.component and verb in ("start", "stop"):
        arguments = {}
    elif verb == "heal":
        arguments = {"direction": arguments["direction"]}
    return attrs.evolve(step, verb=cast(StepVerb, verb), arguments=arguments)
