"""Every key of the ledger, with figures worked out by hand."""

import json
from typing import Any

import pytest

from nodesim.ledger import Ledger, PodLife, ledger_of
from tests.trace.script import Script, us

RS = "ReplicaSet/default/web"
STS = "StatefulSet/default/db"


def _ledger(script: Script) -> Ledger:
    return ledger_of(script.records)


def _rs(script: Script, t: float, replicas: int, object_: str = RS, owner: str = "") -> None:
    script.create(t, object_, f"u-{object_}", replicas=replicas, ready_replicas=0, labels={}, owner=owner)


def _running(script: Script, t: float, name: str, uid: str, node: str, owner: str = RS) -> None:
    """A pod that is created, bound, running and believed Ready at one instant."""
    script.pod(t, name, uid, node, owner, ready=True, phase="Running")
    script.start(t, node, name, uid)


# --- detection_seconds, false_unknowns ------------------------------------------------------------------------------


def test_detection_counts_from_the_outage_to_ready_not_true() -> None:
    """One figure per outage: noticed after 50.25 s, not noticed (healed first), noticed as Ready=False after 10 s."""
    script = Script()
    script.node(0, "n1")
    script.cut(100, "n1")
    script.ready(150.25, "n1", "Unknown")
    script.heal(200, "n1")
    script.ready(205, "n1", "True")
    script.cut(300, "n1")
    script.heal(320, "n1")
    script.cut(400, "n1")
    script.ready(410, "n1", "False")
    script.end(500)
    assert _ledger(script).detection_us == {"n1": [us(50.25), None, us(10)]}


def test_detection_is_zero_while_the_last_outage_is_not_forgotten() -> None:
    """Ready is still Unknown when the second outage begins: nothing is left to detect."""
    script = Script()
    script.node(0, "n1")
    script.cut(100, "n1")
    script.ready(150, "n1", "Unknown")
    script.heal(151, "n1")
    script.cut(152, "n1")
    script.ready(152, "n1", "Unknown")
    script.end(500)
    assert _ledger(script).detection_us == {"n1": [us(50), 0]}


def test_overlapping_reasons_are_detected_once() -> None:
    """A cut and a dead kubelet at the same time are one outage, from the first of them."""
    script = Script()
    script.node(0, "n1")
    script.switch(100, "n1", "KubeletStopped")
    script.cut(120, "n1")
    script.switch(130, "n1", "KubeletStarted")
    script.ready(160, "n1", "Unknown")
    script.end(200)
    assert _ledger(script).detection_us == {"n1": [us(60)]}


def test_a_detection_at_the_very_end_of_the_run_counts_and_one_at_the_healing_does_not() -> None:
    """An open outage includes the last instant; a healed one ends before its healing, and then it is a false alarm."""
    script = Script()
    script.node(0, "n1")
    script.switch(0, "n2", "KubeletStarted")
    script.node(0, "n2")
    script.cut(100, "n1")
    script.cut(100, "n2")
    script.heal(150, "n2")
    script.ready(150, "n2", "Unknown")
    script.ready(200, "n1", "Unknown")
    script.end(200)
    ledger = _ledger(script)
    assert ledger.detection_us == {"n1": [us(100)], "n2": [None]}
    assert ledger.false_unknowns == {"n2": 1}


def test_false_unknowns_count_only_outside_of_outages_and_only_nodes_with_a_kubelet() -> None:
    """Twice marked without a reason, once with one; staying Unknown is not marked again; a bare Node never counts."""
    script = Script()
    for name in ("n1", "bare"):
        script.node(1, name)
    script.switch(1, "n1", "KubeletStarted")
    script.ready(10, "n1", "Unknown")
    script.taints(11, "n1", "x:NoSchedule")
    script.ready(20, "n1", "True")
    script.ready(30, "n1", "Unknown")
    script.ready(40, "n1", "True")
    script.cut(50, "n1")
    script.ready(60, "n1", "Unknown")
    script.heal(70, "n1")
    script.ready(80, "n1", "False")
    script.ready(61, "bare", "Unknown")
    script.end(100)
    assert _ledger(script).false_unknowns == {"n1": 2}


def test_a_node_that_was_unknown_before_its_kubelet_ran_is_no_false_alarm() -> None:
    """The kubelet did not run yet."""
    script = Script()
    script.node(1, "n1")
    script.ready(60, "n1", "Unknown")
    script.switch(70, "n1", "KubeletStarted")
    script.end(100)
    assert _ledger(script).false_unknowns == {}


# --- eviction_seconds, replacement_seconds --------------------------------------------------------------------------


def test_eviction_counts_from_the_outage_to_the_first_request() -> None:
    """A force delete afterwards does not change it; pods of other nodes and pods that stay have no entry."""
    script = Script()
    for name, uid, node in (("a", "u1", "n1"), ("b", "u2", "n2"), ("stays", "u3", "n1"), ("pending", "u4", "")):
        script.pod(1, name, uid, node)
    script.cut(100, "n1")
    script.delete(450.5, "a", "u1", "taint-eviction-controller")
    script.gone(500, "Pod/default/a", "u1")
    script.delete(450, "b", "u2", "operator")
    script.delete(450, "pending", "u4", "operator")
    script.end(600)
    assert _ledger(script).eviction_us == {"default/a": us(350.5)}


def test_a_forced_delete_is_a_request_too() -> None:
    """The object goes at once, without a deletionTimestamp."""
    script = Script()
    script.pod(1, "a", "u1", "n1")
    script.cut(100, "n1")
    script.gone(130, "Pod/default/a", "u1")
    script.end(200)
    assert _ledger(script).eviction_us == {"default/a": us(30)}


def test_after_an_outage_only_evictors_requests_count() -> None:
    """The taint outlives the healing by a pass, so an eviction may come late; a person's delete is another matter."""
    script = Script()
    script.pod(1, "a", "u1", "n1")
    script.pod(1, "b", "u2", "n1")
    script.pod(250, "new", "u3", "n1")
    script.cut(100, "n1")
    script.heal(200, "n1")
    script.delete(202, "a", "u1", "taint-eviction-controller")
    script.delete(202, "b", "u2", "operator")
    script.delete(300, "new", "u3", "taint-eviction-controller")
    script.end(400)
    assert _ledger(script).eviction_us == {"default/a": us(102)}


def test_of_pods_under_one_name_the_longest_counts() -> None:
    """db-0 was evicted after 350 s, and its successor, on another node, after 20 s."""
    script = Script()
    script.pod(1, "db-0", "u1", "n1", STS)
    script.cut(100, "n1")
    script.delete(450, "db-0", "u1", "taint-eviction-controller")
    script.gone(460, "Pod/default/db-0", "u1")
    script.pod(461, "db-0", "u2", "n2", STS)
    script.pod_is(470, "db-0", "u2", ready=True)
    script.cut(500, "n2")
    script.delete(520, "db-0", "u2", "taint-eviction-controller")
    script.gone(521, "Pod/default/db-0", "u2")
    script.pod(521, "db-0", "u3", "n3", STS)
    script.pod_is(523, "db-0", "u3", ready=True)
    script.end(600)
    ledger = _ledger(script)
    assert ledger.eviction_us == {"default/db-0": us(350)}
    assert ledger.replacement_us == {"default/db-0": us(20)}


def test_each_evicted_pod_has_a_replacement_of_its_own() -> None:
    """Two go at once; the first new pod replaces the first, the second the second; one never Ready replaces none."""
    script = Script()
    for name, uid in (("a", "u1"), ("b", "u2")):
        script.pod(1, name, uid, "n1", RS, ready=True)
    script.pod(1, "other", "u9", "n2", "ReplicaSet/default/other")
    for name, uid in (("a", "u1"), ("b", "u2")):
        script.delete(100, name, uid, "taint-eviction-controller")
    script.pod(100, "c", "u3", "n2", RS)
    script.pod(100.5, "stuck", "u4", "", RS)
    script.pod(101, "d", "u5", "n2", RS)
    script.pod(101, "e", "u6", "n2", "ReplicaSet/default/other")
    script.pod_is(101.5, "e", "u6", ready=True)
    script.pod_is(102, "d", "u5", ready=True)
    script.pod_is(103, "c", "u3", ready=True)
    script.pod_is(104, "c", "u3", ready=False)
    script.pod_is(105, "c", "u3", ready=True)
    script.end(200)
    assert _ledger(script).replacement_us == {"default/a": us(3), "default/b": us(2)}


def test_without_a_replacement_there_is_no_figure() -> None:
    """A bare pod, a pod whose successor is not Ready by the run's end, and one too many that its own set deletes."""
    script = Script()
    script.pod(1, "bare", "u1", "n1")
    script.delete(10, "bare", "u1", "operator")
    script.pod(1, "a", "u2", "n1", "ReplicaSet/default/a")
    script.delete(10, "a", "u2", "operator")
    script.pod(11, "a2", "u3", "n2", "ReplicaSet/default/a")
    script.pod(1, "b", "u4", "n1", "ReplicaSet/default/b")
    script.delete(10, "b", "u4", "replicaset-controller")
    script.pod(11, "b2", "u5", "n2", "ReplicaSet/default/b", ready=True)
    script.pod(1, "db-0", "u6", "n1", STS)
    script.delete(10, "db-0", "u6", "operator")
    script.pod(11, "db-1", "u7", "n2", STS, ready=True)
    script.end(100)
    assert _ledger(script).replacement_us == {}


# --- ghost_pod_seconds, double_run_seconds ---------------------------------------------------------------------------


def test_a_graceful_stop_within_its_grace_is_no_ghost() -> None:
    """Gone after 2 s; and one that needs all of its 30 s, and so ends a second after the cut deletionTimestamp."""
    script = Script()
    for name, uid, stopped in (("a", "u1", 12), ("b", "u2", 40.95)):
        script.pod(1, name, uid, "n1")
        script.start(2, "n1", name, uid)
        script.delete(10.9, name, uid, "operator")
        script.seen(10.91, "n1", name, uid)
        script.stop(stopped, "n1", name, uid, "killed")
        script.gone(41, f"Pod/default/{name}", uid)
    script.end(100)
    assert _ledger(script).ghost_pod_us == 0


def test_ghost_time_begins_with_the_deletion_timestamp_and_counts_a_pod_once() -> None:
    """Cut off: deletionTimestamp 130 s, its two containers stop at 200 s and 190 s: 70 s, not 130 s."""
    script = Script()
    script.pod(1, "a", "u1", "n1")
    for container in ("c", "d"):
        script.start(2, "n1", "a", "u1", container)
    script.delete(100, "a", "u1", "taint-eviction-controller", grace=30)
    script.seen(170, "n1", "a", "u1")
    script.stop(190, "n1", "a", "u1", container="d")
    script.stop(200, "n1", "a", "u1", container="c")
    script.end(300)
    assert _ledger(script).ghost_pod_us == us(70)


def test_ghosts_of_forced_deletions_run_to_the_end() -> None:
    """Object gone at 100 s: one container never stops (200 s to the run's end), one in 2 s, one was not running."""
    script = Script()
    for name, uid in (("a", "u1"), ("b", "u2"), ("c", "u3")):
        script.pod(1, name, uid, "n1")
        script.start(2, "n1", name, uid)
    script.stop(50, "n1", "c", "u3", "exited")
    for name, uid in (("a", "u1"), ("b", "u2"), ("c", "u3")):
        script.gone(100, f"Pod/default/{name}", uid)
    script.seen(100.01, "n1", "b", "u2", 0)
    script.stop(102, "n1", "b", "u2")
    script.end(300)
    assert _ledger(script).ghost_pod_us == us(202)


def test_a_kubelet_that_knew_and_did_not_stop_the_container_leaves_a_ghost() -> None:
    """It saw the deletion in time and then died: its container outlives the grace, from the timestamp on."""
    script = Script()
    script.pod(1, "a", "u1", "n1")
    script.start(2, "n1", "a", "u1")
    script.delete(10, "a", "u1", "operator", grace=30)
    script.seen(10.5, "n1", "a", "u1", 30)
    script.switch(11, "n1", "KubeletStopped")
    script.end(100)
    assert _ledger(script).ghost_pod_us == us(60)


def test_a_container_without_an_object_of_its_own_is_no_ghost() -> None:
    """Nobody believed in it; so nobody is wrong about it."""
    script = Script()
    script.start(2, "n1", "a", "u1")
    script.end(100)
    assert _ledger(script).ghost_pod_us == 0


def test_double_run_is_the_time_on_two_nodes_at_once() -> None:
    """db-0 on n1 from 0 to 300 s, on n2 from 200 s on (restarting once): 60 + 30 s; touching or one node counts 0."""
    script = Script()
    script.start(0, "n1", "db-0", "u1")
    script.start(200, "n2", "db-0", "u2")
    script.stop(260, "n2", "db-0", "u2", "exited")
    script.start(270, "n2", "db-0", "u2", attempt=1)
    script.stop(300, "n1", "db-0", "u1")
    script.start(0, "n1", "db-1", "u3")
    script.stop(100, "n1", "db-1", "u3")
    script.start(100, "n2", "db-1", "u4")
    script.start(0, "n1", "db-2", "u5", "c")
    script.start(0, "n1", "db-2", "u5", "d")
    script.end(400)
    assert _ledger(script).double_run_us == {"default/db-0": us(90)}


def test_a_double_run_may_last_to_the_end() -> None:
    """Nothing stops either: it counts up to the run's end."""
    script = Script()
    script.start(0, "n1", "db-0", "u1")
    script.start(399, "n2", "db-0", "u2")
    script.end(400)
    assert _ledger(script).double_run_us == {"default/db-0": us(1)}


# --- unavailable_seconds --------------------------------------------------------------------------------------------


def test_unavailable_time_counts_missing_pods_from_the_creation_on() -> None:
    """Two wanted at 10 s; one Ready at 12 s, one at 15 s: 2*2 + 1*3 = 7 pod-seconds; one too many counts nothing."""
    script = Script()
    _rs(script, 10, 2)
    _running(script, 12, "a", "u1", "n1")
    _running(script, 15, "b", "u2", "n2")
    _running(script, 20, "c", "u3", "n2")
    script.end(100)
    assert _ledger(script).unavailable_us == {RS: us(7)}


def test_a_pod_on_a_node_that_is_out_is_unavailable_although_it_is_believed_ready() -> None:
    """Out from 20 s; belief follows at 70 s, the replacement at 80 s; healed at 90 s: 60 pod-seconds."""
    script = Script()
    _rs(script, 10, 1)
    _running(script, 10, "a", "u1", "n1")
    script.cut(20, "n1")
    script.pod_is(70, "a", "u1", "node-controller", ready=False)
    _running(script, 80, "b", "u2", "n2")
    script.heal(90, "n1")
    script.end(100)
    assert _ledger(script).unavailable_us == {RS: us(60)}


def test_a_pod_counts_only_while_a_container_truly_runs() -> None:
    """Its container exits at 20 s, belief follows at 25 s, it runs again at 28 s and is Ready at 30 s: 10 s."""
    script = Script()
    _rs(script, 10, 1)
    _running(script, 10, "a", "u1", "n1")
    script.stop(20, "n1", "a", "u1", "exited")
    script.pod_is(25, "a", "u1", ready=False)
    script.start(28, "n1", "a", "u1", attempt=1)
    script.pod_is(30, "a", "u1", ready=True)
    script.end(100)
    assert _ledger(script).unavailable_us == {RS: us(10)}


def test_scaling_and_deletion_of_the_owner_change_what_is_missing() -> None:
    """One pod: 1 wanted to 20 s, 3 to 30 s (2*10), none at all after its deletion at 50 s (2*20 more)."""
    script = Script()
    _rs(script, 10, 1)
    _running(script, 10, "a", "u1", "n1")
    script.modify(20, RS, f"u-{RS}", replicas=3)
    script.modify(30, RS, f"u-{RS}", ready_replicas=1)
    script.gone(50, RS, f"u-{RS}")
    script.end(100)
    assert _ledger(script).unavailable_us == {RS: us(60)}


def test_a_deployments_pods_are_those_of_its_replica_sets() -> None:
    """Owners of owners count too; other kinds' pods do not; owners that point at each other end somewhere."""
    script = Script()
    _rs(script, 10, 2, "Deployment/default/web")
    _rs(script, 10, 1, RS, "Deployment/default/web")
    _rs(script, 10, 1, "ReplicaSet/default/odd", "ReplicaSet/default/odd")
    _running(script, 10, "a", "u1", "n1")
    _running(script, 10, "odd-a", "u2", "n1", "ReplicaSet/default/odd")
    _running(script, 10, "bare", "u3", "n1", "")
    script.end(100)
    assert _ledger(script).unavailable_us == {
        "Deployment/default/web": us(90),
        "ReplicaSet/default/odd": 0,
        RS: 0,
    }


def test_two_outages_that_overlap_leave_both_pods_out() -> None:
    """n1 out 20-40 s, n2 out 30-60 s: 10*1 + 10*2 + 20*1 = 50 pod-seconds."""
    script = Script()
    _rs(script, 10, 2)
    _running(script, 10, "a", "u1", "n1")
    _running(script, 10, "b", "u2", "n2")
    script.cut(20, "n1")
    script.cut(30, "n2", "to-control-plane")
    script.heal(40, "n1")
    script.heal(60, "n2")
    script.end(100)
    assert _ledger(script).unavailable_us == {RS: us(50)}


def test_a_set_made_again_under_its_name_counts_both_lives() -> None:
    """10 s short in the first life, 5 s in the second; nobody misses pods in between."""
    script = Script()
    _rs(script, 10, 1)
    script.gone(20, RS, f"u-{RS}")
    script.create(50, RS, "second", replicas=1, ready_replicas=0, labels={}, owner="")
    _running(script, 55, "a", "u1", "n1")
    script.end(100)
    assert _ledger(script).unavailable_us == {RS: us(15)}


# --- pods, and the document -----------------------------------------------------------------------------------------


def test_pods_are_listed_by_name_with_both_truths() -> None:
    """Re-created ones follow each other; what did not happen is None; a running container has not stopped."""
    script = Script()
    script.pod(1, "b", "u1", "n1")
    script.start(2, "n1", "b", "u1")
    script.stop(9, "n1", "b", "u1", "exited")
    script.start(10, "n1", "b", "u1", attempt=1)
    script.stop(20, "n1", "b", "u1")
    script.gone(21, "Pod/default/b", "u1")
    script.pod(22, "b", "u0")
    script.pod(3, "a", "u2", "n1")
    script.start(4, "n1", "a", "u2", "c")
    script.start(5, "n1", "a", "u2", "d")
    script.stop(6, "n1", "a", "u2", "exited", "c")
    script.start(7, "n2", "stray", "u3")
    script.end(30)
    rows = [
        (p.name, p.node, p.started_us, p.stopped_us, p.api_created_us, p.api_deleted_us) for p in _ledger(script).pods
    ]
    assert rows == [
        ("default/a", "n1", us(4), None, us(3), None),
        ("default/b", "n1", us(2), us(20), us(1), us(21)),
        ("default/b", None, None, None, us(22), None),
        ("default/stray", "n2", us(7), None, None, None),
    ]


def test_the_document_has_exactly_its_keys_in_seconds() -> None:
    """Whole seconds are ints, others have at most six decimals, nothing else is a float."""
    ledger = Ledger(
        detection_us={"n1": [50_250_000, None, 0]},
        false_unknowns={"n1": 2},
        eviction_us={"default/a": 350_000_001},
        replacement_us={"default/a": 3_000_000},
        ghost_pod_us=70_000_000,
        double_run_us={"default/db-0": 333_333},
        unavailable_us={RS: 7_000_000},
        pods=[PodLife("default/a", "n1", 2_500_000, None, 1, None)],
    )
    assert json.dumps(ledger.to_json()) == json.dumps(
        {
            "detection_seconds": {"n1": [50.25, None, 0]},
            "false_unknowns": {"n1": 2},
            "eviction_seconds": {"default/a": 350.000001},
            "replacement_seconds": {"default/a": 3},
            "ghost_pod_seconds": 70,
            "double_run_seconds": {"default/db-0": 0.333333},
            "unavailable_seconds": {RS: 7},
            "pods": [
                {
                    "name": "default/a",
                    "node": "n1",
                    "started": 2.5,
                    "stopped": None,
                    "api_created": 0.000001,
                    "api_deleted": None,
                }
            ],
        }
    )


@pytest.mark.parametrize("records", [[], Script().records])
def test_an_empty_trace_has_an_empty_ledger(records: list[Any]) -> None:
    """Nothing happened; nothing breaks."""
    assert ledger_of(records) == Ledger()


def test_maps_are_sorted_whatever_the_order_of_events() -> None:
    """Later in the alphabet, earlier in time."""
    script = Script()
    for name, uid in (("b", "u1"), ("a", "u2")):
        script.pod(1, name, uid, "n1")
    script.node(1, "n2")
    script.node(1, "n1")
    for node in ("n2", "n1"):
        script.cut(10 if node == "n2" else 20, node)
    script.delete(30, "b", "u1", "operator")
    script.delete(40, "a", "u2", "operator")
    script.end(100)
    ledger = _ledger(script)
    assert list(ledger.eviction_us) == ["default/a", "default/b"]
    assert list(ledger.detection_us) == ["n1", "n2"]


def test_what_was_planned_for_after_the_end_does_not_count() -> None:
    """A cut after the run's end never happened."""
    script = Script()
    script.node(0, "n1")
    script.end(100)
    script.cut(150, "n1")
    assert _ledger(script).detection_us == {}
    assert ledger_of(script.records, duration_us=us(200)).detection_us == {"n1": [None]}
