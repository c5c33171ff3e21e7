"""In which order did a recording take what has none?  Where Kubernetes goes over a Go map or an index of a cache.

`inputs.yaml` lists such orders as races ("order of pods on one node comes from an unordered index", "one serial loop
over an unordered list", "queued in the same pass: which node gets which token is not fixed").  The recorded one is an
input of the replay: what the recording told of first is taken first.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import pytest

from nodesim.controllers.unordered import in_any_order
from tests.recorded.facts import Fact
from tests.recorded.inputs import Entry
from tests.recorded.names import Names, pod_names

EARLY_SECONDS: Final = 1.0
"""A replay may be that much behind its recording."""
NEVER: Final = float("inf")

_CONTROLLERS: Final = "nodesim.controllers"
_TAKERS: Final = {
    f"{_CONTROLLERS}.podgc.controller": (r"pod/(.+) del set",),
    f"{_CONTROLLERS}.tainteviction.controller": (r"event/Pod/(.+) TaintManagerEviction: .+",),
    f"{_CONTROLLERS}.nodelifecycle.caches": (r"pod/(.+) c\.Ready False",),
    f"{_CONTROLLERS}.nodelifecycle.monitor": (
        r"event/Node/(.+) (?:Registered|Removing)Node: .+",
        r"node/(.+) taint \S+:NoExecute on",
        r"node/(.+) c\.Ready Unknown .+",
    ),
    f"{_CONTROLLERS}.daemonset.controller": (r"pod/.+@(.+)#\d+ made .*",),
}
"""Who takes pods or nodes in any order, and the facts that tell when it came to each: the first kind counts most."""


def force_orders(
    recorded: Sequence[Fact],
    now: Callable[[], float],
    ours: Callable[[], list[Entry]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Let the recording say what is taken first; `ours` are the facts that the replay's observer has seen by `now`."""
    for module, patterns in _TAKERS.items():
        told = [_told(recorded, pattern) for pattern in patterns]

        def taken(keys: Iterable[str], told: list[dict[str, list[float]]] = told) -> list[str]:
            ordered = in_any_order(keys)
            if len(ordered) < 2:
                return ordered
            since = now() - EARLY_SECONDS
            names = pod_names(ours())
            return sorted(ordered, key=lambda key: [_next(each, _called(key, names), since) for each in told])

        monkeypatch.setattr(f"{module}.in_any_order", taken)


def _told(recorded: Sequence[Fact], pattern: str) -> dict[str, list[float]]:
    """The instants at which a kind of fact was told of each object."""
    found: dict[str, list[float]] = defaultdict(list)
    for fact in sorted(recorded):
        match = re.fullmatch(pattern, f"{fact.about} {fact.what} {fact.value}")
        if match:
            found[match[1]].append(fact.t)
    return found


def _called(key: str, names: Names) -> tuple[str, str]:
    """What facts call an object: by the name that both sides share, or by its own where that stays (in events)."""
    own = key.rpartition("/")[2]
    return names.get(own, own), own


def _next(told: dict[str, list[float]], called: tuple[str, str], since: float) -> float:
    return min((t for name in called for t in told.get(name, ()) if t >= since), default=NEVER)
