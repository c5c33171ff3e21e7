"""Does an unhealthy node get pods?  Not from the scheduler while its taints say so; who names it comes there anyway."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from nodesim.profiles import PROFILES
from nodesim.scenario.load import load_scenario
from nodesim.scenario.result import RunResult
from nodesim.scenario.runner import run_scenario
from nodesim.units import MINUTE, SECOND

HEAD: Final = """\
apiVersion: nodesim.dev/v1alpha1
kind: Scenario
metadata: {name: unhealthy}
spec:
  duration: 8m
"""
SILENT: Final = """\
  nodes: [{name: good}, {name: silent, capacity: {cpu: "64"}}]
  steps:
    - {at: 1m, cut: {nodes: [silent]}}
    - at: 3m
      apply:
        manifests:
          - apiVersion: v1
            kind: Pod
            metadata: {name: chosen}
            spec: {containers: [{name: c, image: a}]}
          - apiVersion: v1
            kind: Pod
            metadata: {name: big}
            spec: {containers: [{name: c, image: a, resources: {requests: {cpu: "32"}}}]}
          - apiVersion: v1
            kind: Pod
            metadata: {name: named}
            spec: {nodeName: silent, containers: [{name: c, image: a}]}
    - {at: 5m, heal: {nodes: [silent]}}
"""
BARE: Final = """\
  nodes: []
  manifests:
    - apiVersion: v1
      kind: Node
      metadata: {name: bare}
      status:
        allocatable: {cpu: "4", memory: 8Gi, pods: "110"}
        conditions: [{type: Ready, status: "False"}]
    - apiVersion: v1
      kind: Pod
      metadata: {name: chosen}
      spec: {tolerations: [{operator: Exists}], containers: [{name: c, image: a}]}
"""


def played(text: str, folder: Path, profile: str = "v1.36") -> RunResult:
    """The run of a scenario."""
    path = folder / "scenario.yaml"
    path.write_text(HEAD + text)
    return run_scenario(load_scenario(path, profile=profile))


def bound(result: RunResult) -> dict[str, tuple[str, int]]:
    """Pod -> (node, when it was bound)."""
    found: dict[str, tuple[str, int]] = {}
    for record in result.records:
        node = record.fields.get("state", {}).get("node") if record.kind.startswith("Object") else None
        if node and record.object.startswith("Pod/"):
            found.setdefault(record.object.removeprefix("Pod/default/"), (node, record.t_us))
    return found


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_a_node_that_is_not_well_gets_no_pods_but_those_that_name_it(profile: str, tmp_path: Path) -> None:
    """The node that is Unknown is by far the emptiest, and nobody is put there until it is back; `named` is there."""
    places = bound(played(SILENT, tmp_path, profile))
    assert places["chosen"][0] == "good"
    assert places["named"][0] == "silent"
    assert places["named"][1] < 3 * MINUTE + SECOND
    assert places["big"][0] == "silent"
    assert 5 * MINUTE < places["big"][1] < 6 * MINUTE


def test_ready_alone_keeps_nobody_away(tmp_path: Path) -> None:
    """The scheduler reads taints: a pod that tolerates all of them goes to a node that is not Ready."""
    assert bound(played(BARE, tmp_path))["chosen"][0] == "bare"
