"""Why did each thing happen: causes that records name, and such as their meaning gives."""

from __future__ import annotations

import pytest

from nodesim.trace import Evidence
from nodesim.trace.explain import explain, near_objects, objects_named
from tests.trace.script import Script


def story() -> Script:
    """A node is cut off, marked and tainted; its pod is evicted, and stopped when the node is back."""
    script = Script()
    script.node(0, "n1")
    script.pod(0, "a", "u", node="n1")
    script.start(1, "n1", "a", "u")
    step = script.step(10, "cut n1")
    script.cut(10, "n1", cause=step)
    marked = script.write(60, "node-controller", "NodeStatusUnknown", "Node/n1", silent_us=50_000_000)
    script.ready(60.25, "n1", "Unknown", cause=marked)
    script.write(60.5, "node-controller", "TaintQueued", "Node/n1", cause="apiserver#3", taint="t", zone="")
    granted = script.write(61, "node-controller", "TaintGranted", "Node/n1", taint="t", zone="")
    scheduled = script.write(62, "taint-eviction-controller", "EvictionScheduled", "Pod/default/a", cause=granted)
    started = script.write(70, "taint-eviction-controller", "EvictionStarted", "Pod/default/a", cause=scheduled)
    script.modify(71, "Pod/default/a", "u", cause=started, verb="delete", deletion_us=100_000_000)
    lost = script.write(80, "node/n1", "ConnectionLost", "", why="timeout")
    script.write(90, "node/n1", "PodDeletionSeen", "Pod/default/a", cause=lost, uid="u", grace_seconds=30)
    script.stop(92, "n1", "a", "u")
    script.end(100)
    return script


def kinds(script: Script, object_: str) -> dict[str, list[str]]:
    """Kind -> the kinds that led to it; `?` before what was inferred, `^` before what was told above."""
    return {
        happening.record.kind: [
            f"{'?' * reason.inferred}{'^' * reason.told}{reason.record.kind}" for reason in happening.reasons
        ]
        for happening in explain(Evidence(script.records), object_)
    }


def test_a_pod_is_explained_from_the_step_to_its_end() -> None:
    """Where a rhythm ends the chain, the meaning of the records goes on; what was told is not told again."""
    assert kinds(story(), "Pod/default/a") == {
        "ObjectCreated": [],
        "ContainerStarted": ["?^ObjectCreated"],
        "EvictionScheduled": [
            "TaintGranted",
            "?TaintQueued",
            "ObjectModified",
            "NodeStatusUnknown",
            "?Cut",
            "Step",
        ],
        "EvictionStarted": ["^EvictionScheduled"],
        "ObjectModified": ["^EvictionStarted"],
        "PodDeletionSeen": ["?^ObjectModified"],
        "ContainerStopped": ["?^PodDeletionSeen"],
    }


def test_a_container_that_ended_by_itself_has_no_reason() -> None:
    """Its own exit is nobody's decision, whatever came before."""
    script = Script()
    script.pod(0, "a", "u", node="n1")
    script.start(1, "n1", "a", "u")
    script.write(2, "node/n1", "PodDeletionSeen", "Pod/default/a", uid="u", grace_seconds=30)
    script.stop(3, "n1", "a", "u", why="exited")
    assert kinds(script, "Pod/default/a")["ContainerStopped"] == []


def test_another_incarnation_is_no_reason() -> None:
    """A pod of the same name that was deleted before does not explain the new one's stop."""
    script = Script()
    script.pod(0, "a", "u1", node="n1")
    script.write(2, "node/n1", "PodDeletionSeen", "Pod/default/a", uid="u1", grace_seconds=30)
    script.gone(3, "Pod/default/a", "u1")
    script.pod(4, "a", "u2", node="n1")
    script.start(5, "n1", "a", "u2")
    script.stop(6, "n1", "a", "u2", why="killed")
    assert kinds(script, "Pod/default/a")["ContainerStopped"] == []


def test_causes_in_a_loop_end() -> None:
    """A broken trace does not hold us."""
    script = Script()
    script.write(1, "a", "K", "Pod/default/a", cause="a#2")
    script.write(2, "a", "L", "Pod/default/a", cause="a#1")
    assert kinds(script, "Pod/default/a") == {"K": ["L"], "L": ["^K"]}


@pytest.mark.parametrize(
    ("wanted", "meant"),
    [
        ("Pod/default/a", ["Pod/default/a"]),
        ("pod/a", ["Pod/default/a"]),
        ("default/a", ["Pod/default/a", "ReplicaSet/default/a"]),
        ("a", ["Pod/default/a", "Pod/shop/a", "ReplicaSet/default/a"]),
        ("n1", ["Node/n1"]),
        ("node/n1", ["Node/n1"]),
        ("b", []),
        ("", []),
    ],
)
def test_an_object_is_found_by_its_whole_or_short_name(wanted: str, meant: list[str]) -> None:
    """Kind in any case; where several are meant, all of them are named."""
    script = Script()
    script.node(0, "n1")
    script.pod(0, "a", "u")
    script.create(0, "ReplicaSet/default/a", "r")
    if wanted == "a":
        script.create(0, "Pod/shop/a", "s")
    assert objects_named(Evidence(script.records), wanted) == meant


def test_a_name_that_is_not_there_has_neighbours() -> None:
    """The hint of the error."""
    assert near_objects(Evidence(story().records), "pod/n11") == ["Node/n1"]
