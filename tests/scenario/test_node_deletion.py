"""A Node object is deleted: what the control plane does in which order, and what the machine does.

Held against a recording of a real control plane (v1.34.9): the Lease goes within 20 ms of its Node, the event
RemovingNode comes with the next monitor pass, pods are set Failed and deleted 40 to 60 s later, one after another.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import pytest

from nodesim.scenario.options import RunOptions
from nodesim.scenario.runner import run_scenario
from nodesim.spec import ContainerRule, NodeSpec, Scenario
from nodesim.units import MINUTE, SECOND
from tests.scenario.timeline import Timeline, delete_node, step

DELETED_US: Final = 2 * MINUTE
HEALED_US: Final = 5 * MINUTE
PROFILES: Final = ("v1.24", "v1.36")
STOP_AFTER_US: Final = 3 * SECOND

pytestmark = pytest.mark.slow


def _pod(name: str, node: str, **spec: Any) -> dict[str, Any]:
    containers = [{"name": "c", "image": "busybox"}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"nodeName": node, "containers": containers, **spec},
    }


@cache
def story(profile: str, *, cut: bool) -> Timeline:
    """Two pods on n1, whose Node is deleted at 2 min; with `cut` its machine hears nothing from 1 min to 5 min."""
    steps = [delete_node(DELETED_US, "n1")]
    if cut:
        steps = [step(MINUTE, "cut", ["n1"]), *steps, step(HEALED_US, "heal", ["n1"])]
    scenario = Scenario(
        name="node-deletion",
        seed=4,
        duration_us=8 * MINUTE,
        profile=profile,
        nodes=(NodeSpec(name="n1"), NodeSpec(name="n2")),
        manifests=(_pod("a", "n1"), _pod("b", "n1", terminationGracePeriodSeconds=90)),
        containers=(ContainerRule(stop_after_us=None),),
        steps=tuple(steps),
    )
    return Timeline(run_scenario(scenario, RunOptions(record_heartbeats=True)))


def stopped(timeline: Timeline) -> dict[str, int]:
    """Pod -> when its container stopped."""
    records = timeline.of("ContainerStopped")
    return {record.object.rpartition("/")[2]: record.t_us for record in records}


def gone(timeline: Timeline) -> dict[str, int]:
    """Pod -> when its object went."""
    records = [record for record in timeline.of("ObjectDeleted") if record.object.startswith("Pod/")]
    return {record.object.rpartition("/")[2]: record.t_us for record in records}


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("cut", [False, True], ids=["connected", "cut off"])
def test_the_lease_goes_with_its_node(profile: str, cut: bool) -> None:
    """The garbage collector deletes it at once.

    From 1.29 on a kubelet without a Node makes no Lease.  Before, one that is connected made it anew, without an owner,
    so that nobody ever collects it.
    """
    timeline = story(profile, cut=cut)
    (collected,) = timeline.of("DependentCollected")
    assert (collected.object, collected.fields["owners"]) == ("Lease/kube-node-lease/n1", ["Node/n1"])
    assert 0 <= collected.t_us - DELETED_US < SECOND // 50
    again = timeline.of("LeaseRenewed", "Lease/kube-node-lease/n1", since_us=collected.t_us + SECOND // 50)
    if profile == "v1.36":
        assert again == []
    elif not cut:
        assert again[0].t_us - DELETED_US < 11 * SECOND
        assert len(again) > 20
    assert len(timeline.of("LeaseRenewed", "Lease/kube-node-lease/n2", since_us=collected.t_us)) > 20


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("cut", [False, True], ids=["connected", "cut off"])
def test_no_kubelet_registers_twice(profile: str, cut: bool) -> None:
    """Node n1 was made once and stays away; the other one is untouched."""
    timeline = story(profile, cut=cut)
    made = [record.object for record in timeline.of("ObjectCreated") if record.object.startswith("Node/")]
    assert sorted(made) == ["Node/n1", "Node/n2"]
    (deleted,) = [record for record in timeline.of("ObjectDeleted") if record.object == "Node/n1"]
    assert deleted.fields["by"] == "operator"
    (removing,) = timeline.of("RemovingNode")
    assert removing.t_us == timeline.pass_after(deleted.t_us + 1000) + 1000
    assert removing.fields["message"] == "Node n1 event: Removing Node n1 from Controller"


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("cut", [False, True], ids=["connected", "cut off"])
def test_pods_are_collected_in_the_third_run(profile: str, cut: bool) -> None:
    """40 to 60 s after the deletion, one after another; v1.36 sets them Failed first."""
    timeline = story(profile, cut=cut)
    (waiting,) = timeline.of("NodeQuarantined", since_us=DELETED_US)[:1]
    assert 0 <= waiting.t_us - DELETED_US <= 20 * SECOND
    collected = timeline.of("PodCollected")
    assert [record.object for record in collected] == ["Pod/default/a", "Pod/default/b"]
    assert 0 <= collected[0].t_us - waiting.fields["until_us"] < SECOND // 50
    assert collected[1].t_us >= gone(timeline)["a"]
    collector = [
        (record.object.rpartition("/")[2], record.fields["verb"], record.fields["state"].get("phase"))
        for record in timeline.of("ObjectModified")
        if record.fields["by"] == "pod-garbage-collector"
    ]
    marks = {
        "v1.24": [("a", "delete", None), ("b", "delete", None)],
        "v1.36": [("a", "patch", "Failed"), ("a", "delete", None), ("b", "patch", "Failed"), ("b", "delete", None)],
    }
    assert collector == marks[profile]


@pytest.mark.parametrize(("profile", "graces"), [("v1.24", (2, 2)), ("v1.36", (30, 90))])
def test_a_kubelet_that_hears_it_stops_the_pods(profile: str, graces: tuple[int, int]) -> None:
    """v1.24: the forced delete is all that it sees, so 1 s, of which the runtime makes 2 s.

    v1.36: phase Failed comes first, and a stop that is under way is not shortened: each pod has its own grace period.
    """
    timeline = story(profile, cut=False)
    ends, objects = stopped(timeline), gone(timeline)
    for name, grace in zip(("a", "b"), graces, strict=True):
        assert 0 <= ends[name] - objects[name] - grace * SECOND + SECOND // 50 < SECOND // 25


@pytest.mark.parametrize("profile", PROFILES)
def test_a_kubelet_that_missed_it_gives_each_pod_its_own_time(profile: str) -> None:
    """It lists its pods when it is back, and finds them gone: nothing says that they were forced."""
    timeline = story(profile, cut=True)
    ends = stopped(timeline)
    (opened, *_) = [
        record for record in timeline.of("ConnectionOpened", since_us=HEALED_US) if record.actor == "node/n1"
    ]
    seen = {record.object.rpartition("/")[2]: record.t_us for record in timeline.of("PodDeletionSeen")}
    for name, grace in (("a", 30), ("b", 90)):
        assert opened.t_us <= seen[name] <= opened.t_us + 61 * SECOND
        assert ends[name] == seen[name] + grace * SECOND


@pytest.mark.parametrize("profile", PROFILES)
def test_status_reports_go_unheard(profile: str) -> None:
    """A kubelet without a Node posts nothing any more; nothing of it is left in the store."""
    timeline = story(profile, cut=False)
    later = [record for record in timeline.result.records if record.t_us > DELETED_US + SECOND]
    assert [record for record in later if record.object == "Node/n1" and record.kind.startswith("Object")] == []
