"""Two versions of Kubernetes on one seed, one difference at a time."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import attrs
import pytest

from nodesim.profiles import PROFILES, SWITCH_NAMES, switched
from nodesim.scenario.load import load_scenario
from nodesim.scenario.result import RunResult
from nodesim.scenario.runner import run_scenario
from nodesim.spec import Scenario
from nodesim.trace.difference import Parting, compare_headers, compare_records
from nodesim.units import MINUTE, SECOND

SCENARIOS = Path(__file__).parent.parent.parent / "scenarios"


def parting(scenario: Scenario, switch: str) -> Parting:
    """Where the traces part that differ in one switch only, as `nodesim diff` finds it."""
    attribute = SWITCH_NAMES[switch]
    turned = not getattr(PROFILES[scenario.profile], attribute)
    one, other = run_scenario(scenario), run_scenario(attrs.evolve(scenario, switches={attribute: turned}))
    assert compare_headers(one.header, other.header) == [("switches", None, {attribute: turned})]
    found = compare_records(one.records, other.records)
    assert found.parting is not None
    return found.parting


@pytest.mark.slow
@pytest.mark.parametrize(
    ("switch", "file", "kind", "about"),
    [
        ("noExecuteOnObservedCondition", "partition-evicts", "TaintQueued", "Node/worker-1"),
        ("disruptionTarget", "partition-evicts", "ObjectModified", "Pod/default/lonely"),
        ("statusFastPath", "clock-steps-back", "NodeStatusPosted", "Node/"),
        ("statusReportJitter", "control-plane-restarts", "NodeStatusPosted", "Node/"),
        ("terminalPhaseBeforeDelete", "deployment-rollout-under-partition", "Object", "Pod/default/web"),
        ("scalingEventSaysFrom", "deployment-rollout-under-partition", "ScalingReplicaSet", "Deployment/default/web"),
        ("taintMessageWithoutKey", "statefulset-at-most-one", "PodUnschedulable", "Pod/default/"),
        ("preemptionAsync", "replacement-pending", "PodUnschedulable", "Pod/default/urgent"),
        ("preemptorInEvent", "replacement-pending", "Preempted", "Pod/default/web"),
        ("statefulsetPodIndexLabel", "statefulset-at-most-one", "ObjectCreated", "Pod/default/"),
    ],
)
def test_one_switch_is_the_first_difference(switch: str, file: str, kind: str, about: str) -> None:
    """Up to the first thing that the switch concerns, the two traces are the same."""
    found = parting(load_scenario(SCENARIOS / f"{file}.yaml"), switch)
    firsts = [records[0] for records in (found.first, found.second) if records]
    assert any(record.kind.startswith(kind) and record.object.startswith(about) for record in firsts), firsts


def test_the_rest_of_a_profile_stays() -> None:
    """A switch turns itself and nothing else."""
    turned = switched("v1.36", {"live_lease_check": True})
    assert attrs.evolve(turned, live_lease_check=False) == PROFILES["v1.36"]


LAGGED = """\
apiVersion: nodesim.dev/v1alpha1
kind: Scenario
metadata: {name: lag}
spec:
  duration: 6m
  nodes: [{name: w, count: 4}]
  switches: {liveLeaseCheck: %s}
  steps:
    - {at: 1m, lag: {component: node-controller, by: 70s}}
    - {at: 3m, cut: {nodes: [w-0]}}
    - {at: 4m, lag: {component: node-controller, by: 0s}}
"""


def lagged(folder: Path, seed: int, profile: str, *, check: bool) -> RunResult:
    """The controller's watches are 70 s behind for three minutes; within them a node is really cut off."""
    path = folder / "lag.yaml"
    path.write_text(LAGGED % str(check).lower())
    return run_scenario(load_scenario(path, seed=seed, profile=profile))


@pytest.mark.parametrize("profile", sorted(PROFILES))
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_live_lease_saves_nodes_from_a_stale_cache(tmp_path: Path, seed: int, profile: str) -> None:
    """Without the check every node is marked upon old copies of leases; with it only the one that is cut, and only
    when the cache has caught up.  Source: kubernetes#138698.
    """
    stale = lagged(tmp_path, seed, profile, check=False)
    assert stale.ledger.false_unknowns == {f"w-{n}": 1 for n in range(4)}
    live = lagged(tmp_path, seed, profile, check=True)
    assert live.ledger.false_unknowns == {}
    (mark,) = [record for record in live.records if record.kind == "NodeStatusUnknown"]
    assert mark.object == "Node/w-0"
    assert 4 * MINUTE < mark.t_us <= 4 * MINUTE + 55 * SECOND
    # One lease was read in vain, or some at once; nobody else was looked at before the cache had seen them.
    found = [record.t_us for record in live.records if record.kind == "LeaseFoundFresh"]
    assert 1 <= len(found) <= 8
    assert all(late - early < SECOND or late - early > 60 * SECOND for early, late in pairwise(found))
