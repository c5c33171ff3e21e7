"""On which node did each recorded pod land?

Kubernetes draws among nodes of equal score, so the draws of a recording have to be forced: the n-th pod of an owner
that the scheduler places goes where the n-th of the recording went.  A node that a filter refused is never forced.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from tests.recorded.inputs import Entry
from tests.recorded.names import Names


class Placements:
    """Answers once for each pod, in the order in which pods come."""

    def __init__(self, placements: Sequence[Entry], names: Names) -> None:
        self._nodes: dict[str, list[str]] = defaultdict(list)
        ordered = sorted((*_split(names[entry["pod"]]), float(entry["at"]), entry["node"]) for entry in placements)
        for group, _, _, node in ordered:
            self._nodes[group].append(node)
        self._seen: dict[str, str | None] = {}
        self._counts: Counter[str] = Counter()
        self.unfit: list[str] = []
        """Pods whose recorded node the filters refused."""

    def choose(self, pod: Any, feasible: Sequence[Any]) -> str | None:
        """The node of this pod; None where the recording does not say, or the filters do not let it."""
        if pod.uid not in self._seen:
            self._seen[pod.uid] = self._next(pod.name)
        node = self._seen[pod.uid]
        if node is None or node in [room.name for room in feasible]:
            return node
        self.unfit.append(f"{pod.name} on {node}")
        return None

    def _next(self, name: str) -> str | None:
        for group in (name, name.rsplit("-", 1)[0], name.rsplit("-", 2)[0]):
            if group in self._nodes:
                self._counts[group] += 1
                place = self._counts[group] - 1
                return self._nodes[group][place] if place < len(self._nodes[group]) else None
        return None


def _split(shared: str) -> tuple[str, int]:
    group, _, number = shared.partition("#")
    return group, int(number)
