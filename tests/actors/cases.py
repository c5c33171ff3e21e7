"""Actors of users for the tests, and runs with them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nodesim.actors.process import Actor
from nodesim.scenario.load import load_scenario
from nodesim.scenario.options import RunOptions
from nodesim.scenario.result import RunResult
from nodesim.scenario.runner import run_scenario
from nodesim.spec import Scenario

HEAD = """\
apiVersion: nodesim.dev/v1alpha1
kind: Scenario
metadata: {name: actors}
spec:
"""


def scenario_of(folder: Path, spec: str = "") -> Scenario:
    """A small scenario: two nodes and what the test adds, 2 minutes."""
    path = folder / "actors.yaml"
    path.write_text(f"{HEAD}  duration: 2m\n  nodes: [{{name: w, count: 2}}]\n{spec}")
    return load_scenario(path)


def run(folder: Path, actors: Mapping[str, Actor], spec: str = "", options: RunOptions | None = None) -> RunResult:
    """A run of the small scenario with these actors."""
    return run_scenario(scenario_of(folder, spec), options, actors=actors)


def pod(name: str, **metadata: Any) -> dict[str, Any]:
    """A pod of one container."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, **metadata},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    }


def own(result: RunResult, actor: str) -> list[tuple[int, str, dict[str, Any]]]:
    """(us, kind, fields) of what an actor itself recorded."""
    kinds = ("ConnectionOpened", "ConnectionLost", "ComponentStarted", "ComponentStopped")
    return [
        (record.t_us, record.kind, record.fields)
        for record in result.records
        if record.actor == actor and record.kind not in kinds
    ]
