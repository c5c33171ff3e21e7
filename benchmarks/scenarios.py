"""How many scenarios does one process play in a second?

Five nodes, twenty minutes, one of them cut off for ten: from the loaded scenario to its verdicts.  Beside it the bare
loop over the renewals alone that five nodes make in twenty minutes: the least that any emulation of it could cost.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Final

import attrs

from benchmarks.bare import BareLoop
from nodesim.scenario.load import load_scenario
from nodesim.scenario.runner import run_scenario
from nodesim.units import SECOND
from nodesim.world import spare_the_collector

RUNS: Final = 30
TEXT: Final = """\
apiVersion: nodesim.dev/v1alpha1
kind: Scenario
metadata: {name: five-nodes}
spec:
  duration: 20m
  nodes: [{name: worker, count: 5}]
  manifests:
    - apiVersion: apps/v1
      kind: ReplicaSet
      metadata: {name: web}
      spec:
        replicas: 5
        selector: {matchLabels: {app: web}}
        template:
          metadata: {labels: {app: web}}
          spec: {containers: [{name: web, image: nginx}]}
  steps:
    - {at: 2m, cut: {nodes: [worker-1]}}
    - {at: 12m, heal: {nodes: [worker-1]}}
  expect:
    - {node: worker-1, condition: {Ready: Unknown}, within: [2m39s, 2m56s]}
    - {pods: {labels: {app: web}}, ready: ">= 4", always: true, from: 1m}
    - {pods: {labels: {app: web}}, count: 5, at: 19m}
"""


def report() -> None:
    """Print scenarios a second, how much faster than the clock that is, and the bare loop beside it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "five-nodes.yaml"
        path.write_text(TEXT)
        scenario = load_scenario(path)
    run_scenario(scenario)
    spare_the_collector()
    full = bare = 0.0
    for seed in range(RUNS):
        began = time.perf_counter()
        result = run_scenario(attrs.evolve(scenario, seed=seed))
        full += time.perf_counter() - began
        assert all(verdict.ok for verdict in result.verdicts), [verdict.why for verdict in result.verdicts]
        bare += BareLoop(len(scenario.nodes)).run(scenario.duration_us)
    virtual = RUNS * scenario.duration_us / SECOND
    print("Scenarios of 5 nodes and 20 minutes, from the loaded file to the verdicts, in one process")
    print(f"{RUNS / full:.1f} a second, {virtual / full:,.0f} times as fast as the clock")
    print(f"{full / bare:.1f} times the bare loop over the renewals alone")
