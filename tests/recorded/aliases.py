"""Which nodes change their names for a replay?

Of nodes that a pass queues together, or for which a DaemonSet makes pods, nodesim takes the first by name; Kubernetes
takes any (a Go map's order).  Where a recording had it the other way round, the two nodes play under each other's name.
"""

from __future__ import annotations

import re
from typing import Any, Final

import attrs

from tests.recorded.facts import Fact
from tests.recorded.inputs import Recording

SWAPPED: Final[dict[str, tuple[str, str]]] = {
    "a-forgood30": ("n1", "n3"),
    "c-two-of-three": ("n1", "n2"),
    "g-new-node": ("g-bare", "g-status-nolease"),
}


def renamed(recording: Recording) -> Recording:
    """The recording's inputs with the swap; its timeline stays."""
    if recording.name not in SWAPPED:
        return recording
    return attrs.evolve(recording, inputs=_walk(recording.inputs, recording.name))


def named_back(facts: list[Fact], recording: str) -> list[Fact]:
    """What came out, with the swap undone."""
    if recording not in SWAPPED:
        return facts
    return [
        Fact(fact.t, _swap(fact.about, recording), _swap(fact.what, recording), _swap(fact.value, recording))
        for fact in facts
    ]


def in_replay(text: str, recording: str) -> str:
    """What a replay calls what the recording calls so."""
    return _swap(text, recording) if recording in SWAPPED else text


def _walk(item: Any, recording: str) -> Any:
    if isinstance(item, str):
        return _swap(item, recording)
    if isinstance(item, dict):
        return {key: _walk(each, recording) for key, each in item.items()}
    return [_walk(each, recording) for each in item] if isinstance(item, list) else item


def _swap(text: str, recording: str) -> str:
    one, other = SWAPPED[recording]
    pattern = rf"(?<![\w-])({re.escape(one)}|{re.escape(other)})(?![\w-])"
    return re.sub(pattern, lambda match: other if match[0] == one else one, text)
