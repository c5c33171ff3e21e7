"""What a person's requests that fail leave behind: a record about the object, by its kind, and words in the story."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from nodesim.scenario.load import load_scenario
from nodesim.scenario.runner import run_scenario
from nodesim.trace.story import story

SCENARIO: Final = """\
apiVersion: nodesim.dev/v1alpha1
kind: Scenario
metadata: {name: in-vain}
spec:
  duration: 1m
  nodes: [{name: w}]
  steps:
    - {at: 10s, scale: {deployment: {name: web, namespace: kube-system}, replicas: 2}}
    - {at: 20s, delete: {namespace: {name: default}}}
    - {at: 30s, crash: {component: apiserver, restartAfter: 10s}}
    - {at: 35s, delete: {pod: {name: p}}}
    - {at: 50s, delete: {pod: {name: p}}}
"""


def test_what_fails_is_told_about_the_object_and_why(tmp_path: Path) -> None:
    """Refused, not there, and no answer at all; after the API server's restart there is one again."""
    path = tmp_path / "in-vain.yaml"
    path.write_text(SCENARIO)
    result = run_scenario(load_scenario(path))
    failed = [record for record in result.records if record.kind == "RequestFailed"]
    assert [(record.object, record.fields["verb"], record.fields["code"]) for record in failed] == [
        ("Deployment/kube-system/web", "scale", 404),
        ("Namespace/default", "delete", 403),
        ("Pod/default/p", "delete", 0),
        ("Pod/default/p", "delete", 404),
    ]
    assert [row.why for row in story(result.records) if row.what.endswith(" failed")] == [
        '404 NotFound: deployments.apps "web" not found',
        '403 Forbidden: namespaces "default" is forbidden: this namespace may not be deleted',
        "no answer: ConnectionRefused",
        '404 NotFound: pods "p" not found',
    ]
