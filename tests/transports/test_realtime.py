"""In real time over agents: what a run shows, and what becomes of it when processes die, stall and come back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.transports.processes import FLAGSHIP, start

pytestmark = pytest.mark.slow


def test_the_flagship_holds_in_real_time_with_agents_as_processes() -> None:
    """All expectations, widened by the slack; the nodes of two agents are cut off and evicted as in one process."""
    run = start("run", FLAGSHIP, "--transport", "zeromq", "--agents", 2, "--realtime", 100, "--json")
    document: dict[str, Any] = json.loads(run.ended())
    assert document["ok"], document["expectations"]
    assert {expectation["ok"] for expectation in document["expectations"]} == {True}
    assert document["realtime"]["in_time"]
    assert "Traceback" not in run.stderr
