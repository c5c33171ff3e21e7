"""A node is cut off: a Job makes new pods, a DaemonSet's pod stays.  Containers that end by themselves end a Job."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from nodesim.scenario.load import load_scenario
from nodesim.scenario.result import RunResult
from nodesim.scenario.runner import run_scenario
from tests.scenario.test_switches import parting

pytestmark = pytest.mark.slow

CUT_OFF: Final = (Path(__file__).parent.parent.parent / "scenarios" / "job-under-partition.yaml").read_text()

ENDING: Final = """\
apiVersion: nodesim.dev/v1alpha1
kind: Scenario
metadata: {name: ending}
spec:
  duration: 5m
  nodes: [{name: w, count: 2}]
  containers:
    - {image: good, exit: [{after: 20s, code: 0}]}
    - {image: bad, exit: [{after: 5s, code: 1}]}
  manifests:
    - apiVersion: batch/v1
      kind: Job
      metadata: {name: good}
      spec:
        parallelism: 2
        completions: 5
        template: {spec: {restartPolicy: Never, containers: [{name: c, image: good}]}}
    - apiVersion: batch/v1
      kind: Job
      metadata: {name: bad}
      spec:
        backoffLimit: 2
        template: {spec: {restartPolicy: Never, containers: [{name: c, image: bad}]}}
  expect:
    - {workload: Job/good, shows: {finished: Complete, succeeded: 5}, within: [60s, 80s]}
    - {workload: Job/bad, shows: {finished: Failed, failed: 3}, within: [40s, 70s]}
    - {event: {reason: BackoffLimitExceeded, object: Job/default/bad}, at: 5m}
    - {event: {reason: Completed, object: Job/default/good}, at: 5m}
"""


def played(folder: Path, text: str, profile: str) -> RunResult:
    """A run of a scenario written here."""
    path = folder / "scenario.yaml"
    path.write_text(text)
    return run_scenario(load_scenario(path, profile=profile))


@pytest.mark.parametrize("profile", ["v1.24", "v1.36"])
def test_the_story_is_so(tmp_path: Path, profile: str) -> None:
    """Each expectation of it holds, in both profiles."""
    result = played(tmp_path, ENDING, profile)
    assert [verdict for verdict in result.verdicts if not verdict.ok] == []


def test_no_daemons_pod_is_asked_to_go(tmp_path: Path) -> None:
    """Nobody writes a deletionTimestamp into one, and no eviction is told of one."""
    result = played(tmp_path, CUT_OFF, "v1.36")
    told = [record for record in result.records if record.object.startswith("Pod/default/agent-")]
    assert told
    assert not [
        record for record in told if record.kind in ("TaintManagerEviction", "PodDeletionSeen", "ObjectDeleted")
    ]


def test_one_switch_is_the_first_difference(tmp_path: Path) -> None:
    """Up to the first thing that the switch concerns, two traces are the same."""
    path = tmp_path / "scenario.yaml"
    path.write_text(CUT_OFF)
    found = parting(load_scenario(path), "jobLabelPrefix")
    firsts = [records[0] for records in (found.first, found.second) if records]
    assert any(record.kind == "ObjectCreated" and record.object.startswith("Pod/default/work-") for record in firsts), (
        firsts
    )
