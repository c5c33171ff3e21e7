"""Walking back from what happened to why."""

import pytest

from nodesim.trace import chain, chain_lines
from nodesim.trace.causes import CHAIN_MAX
from nodesim.trace.records import TraceRecord
from nodesim.trace.sentences import instant, sentence, told
from tests.trace.script import Script, us


def test_a_chain_leads_from_a_record_to_its_root() -> None:
    """Also where, within one instant, a cause stands after what it led to (`node/...` before `scenario`)."""
    script = Script()
    step = script.step(10, "kill-kubelet n1")
    stopped = script.switch(10, "n1", "KubeletStopped", cause=step)
    unknown = script.write(60, "node-controller", "NodeStatusUnknown", "Node/n1", stopped, silent_us=us(50))
    script.node(0, "n1")
    marked = script.ready(60.002, "n1", "Unknown", cause=unknown)
    assert [record.id for record in chain(script.records, marked)] == [marked, unknown, stopped, step]
    assert chain_lines(script.records, marked) == [
        "at 1m0.002s: Node/n1: Ready is Unknown (R) (by node-controller) (apiserver#2)",
        "because at 1m: Node/n1: silent for 50s, marked Unknown (node-controller#1)",
        "because at 10s: Node/n1: kubelet stopped (node/n1#1)",
        "because at 10s: step: kill-kubelet n1 (scenario#1)",
    ]


def test_a_chain_ends_at_an_unknown_cause_and_in_a_loop() -> None:
    """A trace that is broken must not hold us."""
    script = Script()
    lost = script.write(1, "a", "K", cause="nowhere#1")
    script.write(2, "b", "K", cause="b#2")
    script.write(3, "b", "K", cause="b#1")
    assert [record.id for record in chain(script.records, lost)] == [lost]
    assert [record.id for record in chain(script.records, "b#1")] == ["b#1", "b#2"]
    assert chain(script.records, "c#1") == []


def test_a_chain_has_a_limit() -> None:
    """Nobody reads on after a hundred causes."""
    records = [TraceRecord(n, "a", n, "K", "", {}, f"a#{n - 1}") for n in range(1, CHAIN_MAX + 50)]
    assert len(chain(records, records[-1].id)) == CHAIN_MAX


@pytest.mark.parametrize(
    ("kind", "fields", "text"),
    [
        ("ObjectCreated", {"by": "operator"}, "created (by operator)"),
        ("ObjectDeleted", {}, "object is gone"),
        ("ObjectModified", {"by": "x", "verb": "patch", "state": {}}, "changed (by x)"),
        ("ObjectModified", {"state": {"taints": []}}, "no taints"),
        (
            "ObjectModified",
            {"state": {"taints": ["k:NoExecute", "k:NoSchedule"]}},
            "taints are k:NoExecute, k:NoSchedule",
        ),
        (
            "ObjectModified",
            {"by": "e", "verb": "delete", "state": {"deletion_us": us(70), "grace_seconds": 30}},
            "deletion requested, deletionTimestamp 1m10s (by e)",
        ),
        ("ObjectModified", {"state": {"node": "n1", "ready": True}}, "bound to n1; ready"),
        ("ObjectModified", {"state": {"phase": "Failed", "reason": "Evicted"}}, "phase Failed; reason Evicted"),
        ("ObjectModified", {"state": {"unschedulable": True}}, "unschedulable"),
        ("ObjectModified", {"state": {"unschedulable": False}}, "schedulable"),
        ("ObjectModified", {"state": {"replicas": 3, "ready_replicas": 2}}, "3 replicas wanted; 2 replicas ready"),
        ("ObjectModified", {"state": {"labels": {}, "ready": False}}, "not ready"),
        ("ObjectModified", {"state": {"labels": {}}}, "labels changed"),
        ("ContainerStarted", {"container": "c"}, "container c started"),
        ("ContainerReady", {"container": "c"}, "container c is ready"),
        ("ContainerUnready", {"container": "c"}, "container c is not ready"),
        (
            "ContainerStopped",
            {"container": "c", "why": "killed", "exit_code": 137},
            "container c stopped (killed, code 137)",
        ),
        ("PodDeletionSeen", {"grace_seconds": 30}, "the kubelet learned that the pod is to go, grace 30s"),
        ("KubeletStarted", {}, "kubelet started"),
        ("PoweredOn", {}, "powered on"),
        ("PoweredOff", {}, "powered off"),
        ("ConnectionOpened", {"connection": 2}, "connection 2 opened"),
        ("ConnectionLost", {"connection": 2, "why": "silent"}, "connection 2 lost (silent)"),
        ("Cut", {"direction": "both", "mode": "drop"}, "cut off in both directions"),
        ("Cut", {"direction": "to-control-plane", "mode": "refuse"}, "cut off to control-plane, refused"),
        ("Healed", {"direction": "both"}, "healed"),
        ("Healed", {"direction": "from-control-plane"}, "healed from control-plane"),
        ("NodeStatusUnknown", {}, "marked Unknown"),
        ("RunEnded", {}, "the run ended"),
        ("Novel", {"b": 1, "a": "x"}, 'Novel {"a":"x","b":1}'),
        ("Novel", {}, "Novel"),
    ],
)
def test_records_are_told_in_words(kind: str, fields: dict[str, object], text: str) -> None:
    """Each kind has its sentence; one that is not known is told by its fields."""
    assert sentence(TraceRecord(0, "x", 1, kind, "", fields, "")) == text


def test_events_are_told_by_their_message() -> None:
    """An event is a record of the API server that names a component."""
    fields = {"component": "c", "message": "Node n1 is gone"}
    record = TraceRecord(0, "apiserver", 3, "NodeNotReady", "Node/n1", fields, "")
    assert told(record) == "Node/n1: event NodeNotReady: Node n1 is gone (apiserver#3)"


def test_instants_are_shown_to_the_millisecond() -> None:
    """Below a second exactly."""
    assert [instant(t_us) for t_us in (0, 1, 999_999, 61_234_567)] == ["0s", "1us", "999.999ms", "1m1.234s"]
