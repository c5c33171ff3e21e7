"""In which order did a recording take what has none?  Go maps, indexes of caches and timers of equal length.

Where `inputs.yaml` lists such an order as a race, the recorded one is an input of the replay.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

import attrs
import pytest

from nodesim.controllers.unordered import in_any_order
from tests.recorded.aliases import in_replay
from tests.recorded.inputs import Entry, Recording
from tests.recorded.names import Names, pod_names

EARLY_SECONDS: Final = 1.0
"""A replay may be that much behind its recording."""

_TAKERS: Final = {
    "nodesim.controllers.podgc.controller": ("pod-garbage-collector", r"DELETE (\S+)"),
    "nodesim.controllers.tainteviction.controller": ("node-controller", r"DELETE (\S+)"),
    "nodesim.controllers.nodelifecycle.caches": ("", r"(\S+) Ready=False"),
}
"""Who takes pods in any order: its module, and the actor (`by`) and wording of its races."""


@attrs.frozen
class _Race:
    """Pods in the order in which one controller took them, by shared names, and when it took the first."""

    pods: list[str]
    at: float


def force_orders(
    recording: Recording,
    recorded_names: Names,
    now: Callable[[], float],
    ours: Callable[[], list[Entry]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Let the recording say what is taken first; `ours` are the facts that the replay's observer has seen by `now`."""
    for module, (by, wording) in _TAKERS.items():
        races = _races(recording, recorded_names, by, wording)

        def taken(keys: Iterable[str], races: list[_Race] = races) -> list[str]:
            ordered = in_any_order(keys)
            coming = [race for race in races if race.at >= now() - EARLY_SECONDS]
            if not coming or not ordered:
                return ordered
            names = pod_names(ours())
            shared = {key: names.get(key.partition("/")[2], key) for key in ordered}
            return sorted(ordered, key=lambda key: _rank(shared[key], coming))

        monkeypatch.setattr(f"{module}.in_any_order", taken)


def _rank(pod: str, races: list[_Race]) -> int:
    """Its place in the first race to come that it is in; after those who race."""
    return next((race.pods.index(pod) for race in races if pod in race.pods), 1_000_000)


def _races(recording: Recording, recorded_names: Names, by: str, wording: str) -> list[_Race]:
    found = []
    for race in recording.inputs.get("races") or ():
        matches = [re.fullmatch(wording, each) for each in race["between"]]
        if race.get("observed_at") and all(matches) and (not by or by in race.get("by", ())):
            names = [match[1] for match in matches if match is not None]
            at = min(race["observed_at"])
            pods = [in_replay(_alive(name, at, recording, recorded_names), recording.name) for name in names]
            found.append(_Race(list(dict.fromkeys(pods)), at))
    return sorted(found, key=lambda race: race.at)


def _alive(name: str, at: float, recording: Recording, recorded_names: Names) -> str:
    """The shared name of the pod that had a name then."""
    uids = [
        entry["c"]["uid"]
        for entry in recording.timeline
        if entry["k"] == "pod" and entry["ev"] == "A" and entry["n"] == name and entry["t"] <= at
    ]
    return recorded_names[f"{name}/{uids[-1]}"]
