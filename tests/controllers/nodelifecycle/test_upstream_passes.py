"""Do whole passes do what upstream's own tests of the controller say?

As there, a pass is run at a frozen clock: the API answers at once, and the clock jumps.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from nodesim.messages import Create, Update
from nodesim.objects import decode_document
from nodesim.profiles import V1_24, V1_36, Profile, Settings
from nodesim.units import MILLISECOND, SECOND
from tests.controllers.nodelifecycle.cluster import Cluster, lease, node, pod, zone_labels
from tests.upstream import section, table

UNLIMITED = Settings(
    node_eviction_rate_milli=10**8, secondary_node_eviction_rate_milli=10**8, large_cluster_size_threshold=20
)
ORIGIN = datetime(2015, 1, 1, 12, tzinfo=UTC)
NEVER = section("update_status", "never")
HOUR = 3600 * SECOND


def instant(text: str) -> int:
    """`T15`, `T15+1h` or an ISO date, in us since T15."""
    name, _, more = text.partition("+")
    moment = datetime.fromisoformat(section("meta").get(name, name))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    units = {"h": HOUR, "m": 60 * SECOND, "s": SECOND}
    added_us = int(more[:-1]) * units[more[-1]] if more else 0
    return (moment - ORIGIN) // timedelta(microseconds=1) + added_us


def frozen(**more: Any) -> Cluster:
    """A cluster whose API answers at once."""
    return Cluster(latency_us=0, settings=more.pop("settings", UNLIMITED), **more)


def expect_never_updated(cluster: Cluster, heartbeat_us: int, transition_us: int) -> None:
    """The four conditions are Unknown because the kubelet never posted."""
    (_, update), *more = cluster.status_updates()
    assert not more
    assert decode_document(update.document)["status"]["conditions"] == [
        {"type": type_, **NEVER, "lastHeartbeatTime": heartbeat_us, "lastTransitionTime": transition_us}
        for type_ in ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")
    ]


@table("zone_disruption", "cases")
def test_zone_disruption(case: dict[str, Any]) -> None:
    """The zones' states after the first pass, and an hour later after the second."""
    cluster = frozen()
    for which, now_us in (("p1", 0), ("p2", HOUR)):
        cluster.now_us = now_us
        for name, item in case["nodes"].items():
            labels = dict(item.get("labels", {}))
            if item["zone"]:
                region, zone = item["zone"].split("/")
                labels |= zone_labels(zone, region)
            heartbeat_us = now_us if item[which] == "True" else 0
            cluster.put("nodes", node(name, item[which], heartbeat_us, labels=labels))
        if which == "p1":
            cluster.start()
        cluster.tick(now_us)
        states = cluster.zone_states()
        assert states == case[f"zones_{which}"]


@table("update_status", "cases")
def test_update_status(case: dict[str, Any]) -> None:
    """An old node without status is marked once, with all four conditions; others are left alone."""
    cluster = frozen()
    created_us = instant(case["node"]["creation"])
    conditions = case["node"]["conditions"]
    ready = conditions[0]["status"] if conditions else None
    cluster.put("nodes", node("node0", ready, 0, created_us))
    cluster.put("pods", pod("pod0", "node0"))
    cluster.start()
    cluster.tick(0)
    assert len(cluster.status_updates()) == case["node_status_updates"]
    if case["node_status_updates"]:
        assert [{**NEVER, "type": item["type"]} for item in case["conditions_after"]] == case["conditions_after"]
        expect_never_updated(cluster, created_us, 0)
    assert bool(cluster.status_updates("pods")) is case["pod_status_update"]


@table("update_status_with_lease", "cases")
def test_update_status_with_lease(case: dict[str, Any]) -> None:
    """A lease that is not renewed does not save a node, a renewed one does; a young node is left alone."""
    cluster = frozen()
    created_us = instant(case["creation"])
    ready = None if case["ready"] == "none" else case["ready"]
    for n, (now_us, which) in enumerate(zip(map(instant, case["passes"]), ("lease", "lease2"), strict=False)):
        cluster.now_us = now_us
        heartbeat_us = instant(ready[f"hb{n + 1}"]) if ready else 0
        extra = case.get("extra_condition", {})
        cluster.put("nodes", node("node0", ready and ready["status"], heartbeat_us, created_us, conditions=extra))
        if case[which] != "none":
            cluster.put("leases", lease("node0", instant(case[which])))
        if n == 0:
            cluster.put("pods", pod("pod0", "node0"))
            cluster.start()
        cluster.tick(now_us)
    assert len(cluster.status_updates()) == case["node_status_updates"]
    if case["node_status_updates"]:
        expect_never_updated(cluster, created_us, instant(case["passes"][-1]))
    assert bool(cluster.status_updates("pods")) is case["pod_status_update"]


@table("mark_pods_not_ready", "cases")
def test_mark_pods_not_ready(case: dict[str, Any]) -> None:
    """Pods are marked only when the controller itself turned the node from Ready to not Ready."""
    cluster = frozen()
    ready = None if case["ready"] == "none" else case["ready"]["status"]
    cluster.put("nodes", node("node0", ready, 0, instant(case["creation"])))
    cluster.put("pods", pod("pod0", "node0"))
    cluster.start()
    for text in case["passes"]:
        cluster.tick(instant(text))
    assert bool(cluster.status_updates("pods")) is case["pod_status_update"]


@pytest.mark.slow
@pytest.mark.parametrize("profile", [V1_36, V1_24], ids=["default_8", "1"])
def test_worker_size(profile: Profile) -> None:
    """50 nodes with 100 pods each: all 5,000 pods are marked, with eight workers and with one."""
    case = section("mark_pods_not_ready", "worker_size")
    cluster = frozen(profile=profile)
    for n in range(case["nodes"]):
        cluster.put("nodes", node(f"node{n}"))
        for m in range(case["pods_per_node"]):
            cluster.put("pods", pod(f"pod{n}-{m}", f"node{n}"))
    cluster.start()
    cluster.tick(instant(case["passes"][1]))
    assert len(cluster.status_updates("pods")) == case["pod_status_updates"]


@table("mark_pods_not_ready", "retry", "cases", but="first pod LIST fails")
def test_retry_of_marking(case: dict[str, Any]) -> None:
    """A pod that could not be marked is marked by a later pass that sees the node not Ready."""
    failures = [500] if "fails" in case["name"] else []
    cluster = frozen()
    cluster.fail = lambda call: (
        failures.pop() if failures and type(call) is Update and call.resource == "pods" else None
    )
    cluster.put("nodes", node("node0"))
    cluster.put("pods", pod("pod0", "node0"))
    cluster.start()
    cluster.tick(60 * SECOND)
    cluster.now_us = 120 * SECOND
    cluster.put("nodes", node("node0", "False", 120 * SECOND))
    cluster.tick(120 * SECOND)
    cluster.tick(121 * SECOND)
    assert len(cluster.status_updates("pods")) == case["pod_status_update_calls"]


def test_apply_no_execute_taints() -> None:
    """Unknown and False get their taint; Ready again loses it; without Ready condition none is added."""
    case = section("apply_no_execute_taints")
    year_us = 365 * 24 * HOUR
    t17 = instant("T17")
    steps = case["steps"]
    cluster = frozen()
    cluster.now_us = t17
    cluster.put("nodes", node("node0", "Unknown", t17 - 2 * year_us))
    cluster.put("nodes", node("node1", "True", t17))
    cluster.put("nodes", node("node2", "False", t17 - 2 * year_us))
    cluster.put("nodes", node("node3", "True", t17 - year_us))
    cluster.start()
    cluster.run(t17 + 200 * MILLISECOND)
    for name, taints in steps[0]["expect"].items():
        assert [f"node.kubernetes.io/{key}:NoExecute" for key in cluster.taints(name)] == taints
    cluster.put("nodes", {**cluster.store["nodes"]["node2"], "status": node("x", "True", t17 + 1)["status"]})
    cluster.run(t17 + 6 * SECOND)
    assert cluster.taints("node2") == steps[1]["expect"]["node2"]
    # Between two points of the 100 ms grid, so that the monitor pass alone runs.
    cluster.put("nodes", node("node3", "False", t17 + 2))
    cluster.tick(t17 + 11 * SECOND + MILLISECOND)
    assert cluster.records("TaintQueued")[-1][1] == "Node/node3"
    cluster.put("nodes", node("node3", None, conditions={"MemoryPressure": "Unknown"}))
    cluster.run(t17 + 12 * SECOND)
    assert cluster.taints("node3") == steps[2]["expect"]["node3"]
    assert {object_: fields["why"] for _, object_, fields in cluster.records("TaintSkipped")} == {
        "Node/node3": "NoReadyCondition"
    }


def test_node_events() -> None:
    """The first pass registers a node with an event that names its uid, and writes no other event."""
    case = section("node_events")
    item = case["node"]
    cluster = frozen()
    cluster.now_us = instant(item["clock"])
    heartbeat_us = instant(item["heartbeat"])
    cluster.put("nodes", node(item["name"], item["ready"], heartbeat_us, uid=item["uid"]))
    cluster.start()
    cluster.tick(cluster.now_us)
    assert [reason for _, reason, _, _ in cluster.events()] == case["after_first_pass"]["events"]
    event = decode_document(cluster.calls(Create, "events")[0][1].document)
    assert event["involvedObject"]["uid"] == case["after_first_pass"]["involved_uid"]
    assert event["message"] == "Node node0 event: Registered Node node0 in Controller"


@table("taints_by_condition", "cases")
def test_no_schedule_taints_reach_the_api(case: dict[str, Any]) -> None:
    """What the conditions ask for is patched onto the node, with timeAdded."""
    cluster = frozen()
    cluster.now_us = 3 * SECOND + 5
    statuses = dict(case["conditions"])
    cluster.put("nodes", node("node0", statuses.pop("Ready"), conditions=statuses))
    cluster.start()
    cluster.tick(cluster.now_us)
    taints = [item for item in cluster.store["nodes"]["node0"]["spec"]["taints"] if item["effect"] == "NoSchedule"]
    assert [f"{item['key']}:{item['effect']}" for item in taints] == case["taints"]
    assert {item["timeAdded"] for item in taints} == {3 * SECOND}


@table("reconcile_labels", "cases")
def test_labels_reach_the_api(case: dict[str, Any]) -> None:
    """The node's labels end as upstream's cases say; where nothing is wanted, nothing is written."""
    cluster = frozen()
    cluster.put("nodes", node("node0", labels=case["before"]))
    version = cluster.store["nodes"]["node0"]["metadata"]["resourceVersion"]
    cluster.start()
    cluster.tick(0)
    metadata = cluster.store["nodes"]["node0"]["metadata"]
    assert metadata.get("labels") == case["after"]
    assert (metadata["resourceVersion"] == version) is (case["before"] == case["after"])


def test_the_settings_of_upstream_are_those_of_the_default_profile() -> None:
    """The cases were written for 50 s, 60 s and 5 s."""
    constants = section("meta", "constants")
    settings = Settings.of(V1_36)
    assert settings.node_monitor_grace_us == constants["node_monitor_grace_s"] * SECOND
    assert settings.node_startup_grace_us == constants["node_startup_grace_s"] * SECOND
    assert settings.node_monitor_period_us == constants["node_monitor_period_s"] * SECOND
    assert attrs.evolve(settings, node_monitor_grace_us=40 * SECOND) == Settings.of(V1_24)
