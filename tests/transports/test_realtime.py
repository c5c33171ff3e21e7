"""In real time over agents: what a run shows, and what becomes of it when processes die, stall and come back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.transports.processes import FLAGSHIP, start

pytestmark = pytest.mark.slow


def test_the_flagship_holds_in_real_time_with_agents_as_processes(tmp_path: Path) -> None:
    """All expectations, widened by the slack; the nodes of two agents are cut off and evicted as in one process.

    The ReplicaSet comes when all nodes are there: how many are when the first pod is placed is chance, at this speed.
    """
    path = tmp_path / FLAGSHIP.name
    later = "  steps:\n    - {at: 20s, apply: {manifests: [web-replicaset.yaml]}}\n"
    text = FLAGSHIP.read_text().replace("    - web-replicaset.yaml\n", "").replace("  steps:\n", later)
    path.write_text(text)
    shutil.copy(FLAGSHIP.parent / "web-replicaset.yaml", tmp_path)
    shorter = ("--set", "spec.duration=15m", "--set", "spec.realtimeSlack=150ms")
    run = start("run", path, *shorter, "--transport", "zeromq", "--agents", 2, "--realtime", 75, "--json")
    document: dict[str, Any] = json.loads(run.ended())
    assert document["ok"], document["expectations"]
    assert {expectation["ok"] for expectation in document["expectations"]} == {True}
    assert document["realtime"]["in_time"]
    assert "Traceback" not in run.stderr
