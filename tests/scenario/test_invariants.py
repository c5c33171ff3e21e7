"""What must hold in every run does in the scenarios of the project, and in a story in which much goes wrong at once."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from nodesim.cli.files import scenario_files
from nodesim.expect import INVARIANTS
from nodesim.profiles import PROFILES
from nodesim.scenario.load import load_scenario
from nodesim.scenario.result import RunResult
from nodesim.scenario.runner import run_scenario

FOLDER: Final = Path(__file__).parent.parent.parent / "scenarios"

FORCED: Final = {"statefulset-at-most-one": {"at-most-one-per-identity"}}
"""Where a person breaks an invariant on purpose: a pod deleted by force while its kubelet is cut off."""

A_BAD_DAY: Final = """\
apiVersion: nodesim.dev/v1alpha1
kind: Scenario
metadata: {name: a-bad-day}
spec:
  duration: 30m
  nodes:
    - {name: a, count: 3, labels: {topology.kubernetes.io/zone: a}}
    - {name: b, count: 2, labels: {topology.kubernetes.io/zone: b}}
  containers:
    - {image: "stubborn:*", stopAfter: never}
    - {image: "crashing:*", exit: [{after: 40s, code: 1}]}
    - {image: "done:*", exit: [{after: 90s, code: 0}]}
  manifests:
    - apiVersion: apps/v1
      kind: StatefulSet
      metadata: {name: db}
      spec:
        replicas: 3
        selector: {matchLabels: {app: db}}
        template:
          metadata: {labels: {app: db}}
          spec: {containers: [{name: db, image: "stubborn:1"}]}
    - apiVersion: apps/v1
      kind: StatefulSet
      metadata: {name: cache}
      spec:
        replicas: 4
        podManagementPolicy: Parallel
        selector: {matchLabels: {app: cache}}
        template:
          metadata: {labels: {app: cache}}
          spec: {containers: [{name: cache, image: "cache:1"}]}
    - apiVersion: apps/v1
      kind: Deployment
      metadata: {name: web}
      spec:
        replicas: 4
        selector: {matchLabels: {app: web}}
        template:
          metadata: {labels: {app: web}}
          spec: {containers: [{name: web, image: "web:1"}]}
    - apiVersion: v1
      kind: Pod
      metadata: {name: crashing}
      spec: {nodeName: a-0, containers: [{name: c, image: "crashing:1"}]}
    - apiVersion: v1
      kind: Pod
      metadata: {name: done}
      spec: {nodeName: a-1, restartPolicy: Never, containers: [{name: c, image: "done:1"}]}
    - apiVersion: v1
      kind: Pod
      metadata: {name: stubborn}
      spec: {nodeName: b-0, terminationGracePeriodSeconds: 60, containers: [{name: c, image: "stubborn:1"}]}
  steps:
    - {at: 1m, kill-kubelet: {nodes: [a-0]}}
    - {at: 1m20s, start-kubelet: {nodes: [a-0]}}
    - {at: 2m, cut: {nodes: [a-1, b-1]}}
    - {at: 3m, kill-kubelet: {nodes: [a-1]}}       # It starts again behind the cut, and knows nothing.
    - {at: 3m10s, start-kubelet: {nodes: [a-1]}}
    - {at: 4m, delete: {pod: {name: stubborn}}}
    - {at: 4m10s, kill-kubelet: {nodes: [b-0]}}    # While it stops a pod.
    - {at: 4m20s, start-kubelet: {nodes: [b-0]}}
    - {at: 6m, crash: {component: node-controller, restartAfter: 5s}}
    - {at: 8m, scale: {statefulset: {name: db}, replicas: 2}}
    - {at: 9m, scale: {statefulset: {name: db}, replicas: 3}}
    - {at: 10m, crash: {component: statefulset-controller, restartAfter: 5s}}
    - {at: 14m, heal: {nodes: [a-1, b-1]}}
    - {at: 16m, crash: {component: apiserver, restartAfter: 20s}}
    - {at: 18m, power-off: {nodes: [a-2]}}
    - {at: 20m, delete: {pod: {name: crashing}, gracePeriodSeconds: 5}}
    - {at: 21m, power-on: {nodes: [a-2]}}
    - {at: 22m, cordon: {nodes: [a-0]}}
    - {at: 22m10s, taint: {nodes: [a-0], taint: "work:NoExecute"}}
    - {at: 25m, loss: {nodes: [b-0], loss: 30%}}
"""


def broken(result: RunResult) -> dict[str, list[str]]:
    """The violations of a run by invariant."""
    found = {name: [each.text for each in item.check(result.records)] for name, item in INVARIANTS.items()}
    return {name: texts for name, texts in found.items() if texts}


@pytest.mark.slow
@pytest.mark.parametrize("path", scenario_files([FOLDER]), ids=lambda path: path.stem)
def test_every_invariant_holds_in_a_scenario(path: Path) -> None:
    """None is broken, but for the one that the scenario is about."""
    assert set(broken(run_scenario(load_scenario(path)))) == FORCED.get(path.stem, set())


@pytest.mark.slow
@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_every_invariant_holds_on_a_bad_day(profile: str, tmp_path: Path) -> None:
    """Kubelets die and start behind cuts, controllers crash, machines lose power; nobody deletes by force."""
    path = tmp_path / "a-bad-day.yaml"
    path.write_text(A_BAD_DAY)
    result = run_scenario(load_scenario(path, profile=profile))
    stopped = {record.fields["why"] for record in result.records if record.kind == "ContainerStopped"}
    assert stopped == {"exited", "stopped", "killed", "power-off"}, "the day is not bad enough"
    assert broken(result) == {}
