"""What went into a recording from outside?  `inputs.yaml`, read once, with its instants on the axis of a world."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

import attrs
import yaml

from nodesim.units import SECOND

DATA: Final = Path(__file__).parents[1] / "data" / "recorded"
LEAD_SECONDS: Final = 2
"""What a recording calls 0 lies about this much after the start of the world, so that all that came before fits in."""

PACE: Final = {
    "a-forgood30": (14_300, 5_002_000),
    "b-heal-before-eviction": (8_600, 5_014_500),
    "c-three-of-five": (5_900, 5_002_000),
    "c-two-of-three": (11_000, 5_002_000),
    "d-notready-posted": (9_100, 5_010_600),
    "f-node-deleted": (2_700, 5_002_000),
    "g-new-node": (4_600, 5_002_000),
    "h-cidr": (8_800, 5_003_000),
    "i-kubectl": (8_000, 5_002_000),
    "te-taint-eviction": (4_600, 5_001_000),
    "v133-kcm-one-of-three": (2_900, 5_003_000),
    "w-workloads": (4_900, 5_002_000),
}
"""How slow each recording's machine was (us): half of what the node controller's requests took on average, as its audit
log tells, and the time between two of its passes, as `monitor_pass_marks` tell.  Two runs had longer passes: by the
audit log the fifteenth of b-heal-before-eviction began at 79.816, the eighteenth of d-notready-posted at 94.483."""

HELD_UP: Final = {("h-cidr", "p1"): 54.942}
"""Registrations that the API server took up long after they reached it: of three that were sent together p1's took
124 ms, and p2's, sent later, was through before it."""

Entry: TypeAlias = dict[str, Any]


@attrs.frozen
class Axis:
    """Seconds of a recording to microseconds of a world, so that both have their whole seconds at the same instants."""

    offset_us: int

    def us(self, seconds: float) -> int:
        """The world's instant."""
        return round(seconds * SECOND) + self.offset_us

    def seconds(self, us: int) -> float:
        """The recording's instant."""
        return (us - self.offset_us) / SECOND


@attrs.frozen
class Recording:
    """One run: its inputs as they stand in the file, its timeline, and its axis."""

    name: str
    inputs: Entry
    timeline: list[Entry]
    axis: Axis

    @property
    def nodes(self) -> list[Entry]:
        """One entry per registration."""
        found: list[Entry] = self.inputs["nodes"]
        return found

    @property
    def actions(self) -> list[Entry]:
        """Everything else from outside, but notes."""
        return [action for action in self.inputs["actions"] if action["do"] != "note"]

    @property
    def hop_us(self) -> int:
        """How long a message takes from one process of the control plane to another."""
        return PACE[self.name][0]

    @property
    def monitor_period_us(self) -> int:
        """Between two passes of the node controller: 5 s, and what a pass took (5.002 to 5.02 s)."""
        return PACE[self.name][1]

    @property
    def length_us(self) -> int:
        """The world's instant at which the recording ends."""
        return self.axis.us(self.inputs["length_seconds"])


@cache
def _all_inputs() -> Entry:
    loaded: Entry = yaml.load((DATA / "inputs.yaml").read_text(), yaml.CSafeLoader)
    return loaded


@cache
def _timeline(name: str) -> list[Entry]:
    return [json.loads(line) for line in (DATA / f"timeline-{name}.jsonl").read_text().splitlines()]


def model() -> Entry:
    """The fake kubelets' ways."""
    found: Entry = _all_inputs()["defaults"]["kubelet_model"]
    return found


def recording(name: str) -> Recording:
    """One of them."""
    (inputs,) = (run for run in _all_inputs()["runs"] if run["run"] == name)
    for (run, node), at in HELD_UP.items():
        if run == name:
            inputs = {
                **inputs,
                "nodes": [{**each, "registered_at": at} if each["name"] == node else each for each in inputs["nodes"]],
            }
    timeline = _timeline(name)
    return Recording(name, inputs, timeline, Axis(_offset_us(timeline)))


def _offset_us(timeline: list[Entry]) -> int:
    """A time stamp of the API lies on a whole second; the first node's conditions carry one."""
    first = next(fact for fact in timeline if fact["k"] == "node" and "c.Ready" in fact["c"])
    stamp_us = round(first["c"]["c.Ready"][3] * SECOND)
    return LEAD_SECONDS * SECOND - stamp_us % SECOND
