"""The tables of Kubernetes' own tests of this controller (pkg/controller/podgc/gc_controller_test.go)."""

from __future__ import annotations

from typing import Any, Final

from tests.controllers.podgc.cluster import Collected
from tests.upstream import section, table

QUARANTINE_SECONDS: Final = 40


def made(cluster: Collected, pods: dict[str, str]) -> None:
    """Make the pods of a case: `F reason=Evicted`, `R del nodeless`, `deleted/F`, `del on worker-0`; oldest first."""
    for name, text in pods.items():
        node, slash, rest = text.rpartition("/")
        words = rest.split()
        if not slash:
            node = words[words.index("on") + 1] if "on" in words else ""
        reason = "Evicted" if "reason=Evicted" in words else ""
        phase = words[0] if len(words[0]) == 1 else "R"
        cluster.pod(name, phase, node, terminating="del" in words, reason=reason)
        cluster.live.run(1)  # Creation times differ by whole seconds.


@table("pod_gc", "terminated")
def test_terminated_pods_beyond_the_threshold_go(case: dict[str, Any]) -> None:
    """Evicted ones first, then the oldest."""
    cluster = Collected(threshold=case["threshold"])
    made(cluster, case["pods"])
    cluster.start()
    assert cluster.deleted() == case["deleted"]
    assert cluster.patches() == {}


@table("pod_gc", "orphaned")
def test_pods_of_a_missing_node_go_after_its_quarantine(case: dict[str, Any]) -> None:
    """All of them, those that have not ended are set Failed; none before 40 s are over."""
    cluster = Collected()
    for name in case.get("lister", []):
        cluster.node(name)
    made(cluster, case["pods"])
    cluster.start()
    assert cluster.deleted() == []
    seconds = float(case["delay"].removesuffix("q")) * QUARANTINE_SECONDS
    cluster.live.run(seconds)
    assert cluster.deleted() == case["deleted"]
    assert sorted(cluster.patches()) == case.get("patched", [])
    assert len({name for _, name in cluster.asked_for()}) == case["queue_items"]


@table("pod_gc", "unscheduled_terminating")
def test_terminating_pods_that_no_node_has_go(case: dict[str, Any]) -> None:
    """Of whatever phase; others stay."""
    cluster = Collected()
    cluster.node("node")
    made(cluster, case["pods"])
    cluster.start()
    assert cluster.deleted() == case["deleted"]
    assert sorted(cluster.patches()) == case.get("patched", [])
    assert all("conditions" not in patch["status"] for patch in cluster.patches().values())


def _nodes(cluster: Collected, nodes: dict[str, str]) -> None:
    for name, text in nodes.items():
        state, _, taint = text.partition(", out-of-service")
        effect = taint.removeprefix("=").removeprefix(":") if taint else ""
        cluster.node(name, ready=state == "ready", out_of_service=effect)


@table("pod_gc", "terminating_out_of_service")
def test_terminating_pods_on_nodes_out_of_service_go(case: dict[str, Any]) -> None:
    """Where the node is not Ready and has the taint, with any value and effect; no condition is given."""
    cluster = Collected()
    _nodes(cluster, case["nodes"])
    if isinstance(case["pods"], dict):
        only = next(iter(case["nodes"]))
        made(cluster, {name: text if " on " in text else f"{text} on {only}" for name, text in case["pods"].items()})
    else:
        for number, name in enumerate(case["nodes"], 1):
            cluster.pod(f"b{number}", "R", name, terminating=True)
            for phase in ("", "P", "R", "U"):
                # Kubernetes' case has an empty phase here, with the threshold off.
                cluster.pod(f"a{number}{phase.lower()}", phase, name)
    cluster.start()
    assert sorted(cluster.deleted()) == case["deleted"]
    assert sorted(cluster.patches()) == case.get("patched", [])
    assert all(patch["status"] == {"phase": "Failed"} for patch in cluster.patches().values())


def test_an_orphan_is_marked_before_it_goes() -> None:
    """Phase Failed and DisruptionTarget beside the condition that it has; then DELETE with grace 0."""
    case = section("pod_gc", "orphan_patch")
    cluster = Collected()
    cluster.pod("a", "R", "deletedNode")
    cluster.start()
    before = cluster.live.get("pods", "a", "default")
    assert before is not None
    cluster.live.run(QUARANTINE_SECONDS)
    (patch,) = cluster.patches().values()
    assert patch["metadata"] == {"uid": before["metadata"]["uid"]}
    assert patch["status"]["phase"] == case["patched_phase"]
    (condition,) = patch["status"]["conditions"]
    assert {key: condition[key] for key in case["added_condition"]} == case["added_condition"]
    assert case["kept_condition"] == "Ready=True"
    *_, written = cluster.live.records("ObjectModified")[:-1]
    assert (written.fields["verb"], written.fields["state"]) == ("patch", {"phase": "Failed"}), "Ready stayed"
    assert cluster.deleted() == ["a"]
