"""A scenario brings kinds that nothing models: they are there, and the run says once that nobody acts on them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from nodesim.scenario.load import load_scenario
from nodesim.scenario.result import RunResult
from nodesim.scenario.runner import run_scenario
from nodesim.trace.story import story
from nodesim.units import SECOND

TEXT: Final = """\
apiVersion: nodesim.dev/v1alpha1
kind: Scenario
metadata: {name: strange}
spec:
  duration: 20s
  manifests:
    - {apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {k: v}}
    - {apiVersion: v1, kind: ConfigMap, metadata: {name: b}}
    - {apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: c, image: i}]}}
    - {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: r}}
  steps:
    - at: 10s
      apply:
        manifests:
          - {apiVersion: v1, kind: ConfigMap, metadata: {name: a, labels: {app: web}}}
          - {apiVersion: example.com/v1, kind: Widget, metadata: {name: w}}
"""


@pytest.fixture
def result(tmp_path: Path) -> RunResult:
    """The run."""
    path = tmp_path / "strange.yaml"
    path.write_text(TEXT)
    return run_scenario(load_scenario(path))


def test_each_kind_is_warned_of_once_when_it_first_comes(result: RunResult) -> None:
    """By the scenario; a later one by the step that applies it."""
    warnings = [record for record in result.records if record.kind == "KindNotModelled"]
    assert [(w.t_us, w.actor, w.fields["resource"], w.fields["namespaced"], w.cause) for w in warnings] == [
        (0, "scenario", "configmaps", True, ""),
        (0, "scenario", "clusterroles.rbac.authorization.k8s.io", False, ""),
        (10 * SECOND, "scenario", "widgets.example.com", True, "scenario#3"),
    ]


def test_the_story_warns(result: RunResult) -> None:
    """One row a kind."""
    rows = [row.what for row in story(result.records) if "nothing models" in row.what]
    assert rows == [
        "nothing models ClusterRole (rbac.authorization.k8s.io/v1): its objects are kept as written",
        "nothing models ConfigMap (v1): its objects are kept as written",
        "nothing models Widget (example.com/v1): its objects are kept as written",
    ]


def test_their_objects_are_made_and_changed(result: RunResult) -> None:
    """No request fails."""
    assert [record.fields for record in result.records if record.kind == "RequestFailed"] == []
    belief = result.evidence.belief
    for name in ("ConfigMap/default/a", "ConfigMap/default/b", "ClusterRole/r", "Widget/default/w"):
        assert belief.state_at(name, 20 * SECOND) is not None, name
    changed = belief.state_at("ConfigMap/default/a", 20 * SECOND)
    assert changed is not None
    assert changed["labels"] == {"app": "web"}
