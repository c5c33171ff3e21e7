"""How many pods were there, ready or running, at each instant?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from nodesim.objects import Selector
from nodesim.trace.evidence import Evidence

Figures: TypeAlias = list[tuple[int, int, str]]
"""(instant us, how many from then on, the record that made it so), the first at 0; of one instant only the last."""


def ready_figures(evidence: Evidence, namespace: str, selector: Selector, *, only_ready: bool) -> Figures:
    """How many pods with these labels the cluster believed to be there, or to be Ready."""
    edges: list[tuple[int, int, str]] = []
    for pod in evidence.belief.of_kind("Pod"):
        if pod.object.split("/")[1] != namespace:
            continue
        counted = False
        for sight in pod.sights:
            state = sight.state
            counts = (
                state is not None
                and (not only_ready or bool(state.get("ready")))
                and selector.matches(state.get("labels") or {})
            )
            if counts is not counted:
                edges.append((sight.t_us, 1 if counts else -1, sight.record))
                counted = counts
    return _summed(edges)


def running_figures(evidence: Evidence, namespace: str, selector: Selector) -> Figures:
    """How many pods with these labels had a running container, by the nodes' truth.

    A pod whose object is gone keeps the labels that it had; a pod counts once, however many containers it has.
    """
    edges: list[tuple[int, int, str]] = []
    for (object_, uid), runs in evidence.truth.runs_of.items():
        pod = evidence.belief.find(object_, uid)
        labels = pod.last_state.get("labels") or {} if pod is not None else {}
        if object_.split("/")[1] != namespace or not selector.matches(labels):
            continue
        running = 0
        changes = [(run.started_us, 1, run.started) for run in runs]
        changes += [(run.stopped_us, -1, run.stopped) for run in runs if run.stopped_us is not None]
        for t_us, change, record in sorted(changes):
            before, running = running, running + change
            if (before > 0) is not (running > 0):
                edges.append((t_us, 1 if running else -1, record))
    return _summed(edges)


def _summed(edges: Iterable[tuple[int, int, str]]) -> Figures:
    figures: Figures = [(0, 0, "")]
    total = 0
    for t_us, change, record in sorted(edges):
        total += change
        if figures[-1][0] == t_us:
            figures.pop()
        figures.append((t_us, total, record))
    return figures
