"""The story of a run, as rows for a person."""

import pytest

from nodesim.trace.story import StoryRow, story
from tests.trace.script import Script, us

RS = "ReplicaSet/default/web"
EVICTOR = "taint-eviction-controller"
UNREACHABLE = "node.kubernetes.io/unreachable"


def _rows(script: Script, limit: int = 60) -> list[tuple[float, str, str, str]]:
    return [(row.t_us / 1e6, row.object, row.what, row.why) for row in story(script.records, limit=limit)]


def _start(script: Script, nodes: int = 3) -> None:
    """Nodes that register, get rid of their first taint and become Ready; a pod on n1."""
    for n in range(1, nodes + 1):
        script.switch(0, f"n{n}", "KubeletStarted")
        script.create(
            0.5, f"Node/n{n}", f"u-n{n}", conditions={}, taints=["node.kubernetes.io/not-ready:NoSchedule"], labels={}
        )
        script.ready(1, f"n{n}", "True", by=f"node/n{n}")
        script.taints(1.5, f"n{n}")
    script.pod(2, "web-a", "u1", "n1", RS)
    script.start(2.5, "n1", "web-a", "u1")
    script.pod_is(3, "web-a", "u1", "node/n1", ready=True, phase="Running")


@pytest.fixture
def partition() -> Script:
    """n1 is cut off from 120 s to 600 s; its pod is evicted, replaced, and stops when the kubelet hears of it."""
    script = Script()
    _start(script)
    step = script.step(120, "cut: {nodes: [n1]}")
    script.cut(120, "n1", cause=step)
    unknown = script.write(170, "node-controller", "NodeStatusUnknown", "Node/n1", silent_us=us(50.5))
    event = script.write(170.001, "apiserver", "NodeNotReady", "Node/n1", unknown, component="nc", message="m")
    script.ready(170.002, "n1", "Unknown", cause=event)
    script.pod_is(170.01, "web-a", "u1", "node-controller", ready=False)
    script.taints(170.1, "n1", f"{UNREACHABLE}:NoSchedule", f"{UNREACHABLE}:NoExecute")
    script.write(170.2, EVICTOR, "EvictionScheduled", "Pod/default/web-a", node="n1", at_us=us(470.2))
    script.delete(470.5, "web-a", "u1", EVICTOR)
    script.pod(470.6, "web-b", "u2", "", RS)
    script.pod_is(470.7, "web-b", "u2", "scheduler", node="n2")
    script.start(471, "n2", "web-b", "u2")
    script.pod_is(471.2, "web-b", "u2", "node/n2", ready=True, phase="Running")
    step = script.step(600, "heal: {nodes: [n1]}")
    script.heal(600, "n1", cause=step)
    script.seen(601, "n1", "web-a", "u1")
    script.pod_is(601.5, "web-a", "u1", "node/n1", ready=True)
    script.ready(602, "n1", "True", by="node/n1")
    script.taints(605, "n1")
    script.stop(603, "n1", "web-a", "u1")
    script.gone(603.1, "Pod/default/web-a", "u1", "node/n1")
    script.end(700)
    return script


def test_the_story_of_a_small_partition(partition: Script) -> None:
    """From the start in two rows to the container that ran 103 s too long."""
    web_a, web_b = "Pod/default/web-a", "Pod/default/web-b"
    assert _rows(partition) == [
        (1, "", "3 nodes registered and Ready", ""),
        (3, "", "1 pod created and ready", ""),
        (120, "Node/n1", "cut off in both directions", "step: cut: {nodes: [n1]}"),
        (170.002, "Node/n1", "Ready: True -> Unknown", "silent for 50.5s"),
        (170.01, web_a, "not ready", "by node-controller"),
        (170.1, "Node/n1", "taint unreachable:NoExecute added", "by node-controller"),
        (170.1, "Node/n1", "taint unreachable:NoSchedule added", "by node-controller"),
        (170.2, web_a, "eviction scheduled", "due at 7m50.2s"),
        (470.5, web_a, "deletion requested", f"by {EVICTOR}"),
        (470.6, web_b, "created", "by operator"),
        (471.2, web_b, "ready on n2", ""),
        (500, web_a, "container still runs on n1", "n1 is cut off since 2m"),
        (600, "Node/n1", "healed", "step: heal: {nodes: [n1]}"),
        (602, "Node/n1", "Ready: Unknown -> True", "by node/n1"),
        (603, web_a, "container c stopped on n1", "stopped, 1m43s after it should have been gone"),
        (603.1, web_a, "object is gone", "by node/n1"),
        (605, "Node/n1", "taint unreachable:NoExecute removed", "by node-controller"),
        (605, "Node/n1", "taint unreachable:NoSchedule removed", "by node-controller"),
    ]


def test_what_is_said_of_many_is_one_row() -> None:
    """A thousand nodes lost at once, their thousand pods: one row each; a node ten seconds later has its own."""
    script = Script()
    for n in range(1000):
        name, uid = f"n{n:03}", f"u{n}"
        script.node(1, name)
        script.pod(1, f"p{n:03}", uid, name, ready=True)
        script.cut(120, name)
        if n == 7:
            script.ready(180, name, "Unknown")
        else:
            script.ready(170 + n / 2000, name, "Unknown")
        script.delete(400, f"p{n:03}", uid, EVICTOR)
    script.end(401)
    assert _rows(script) == [
        (1, "", "1000 nodes registered and Ready", ""),
        (1, "", "1000 pods created and ready", ""),
        (120, "Node/n000 and 999 more nodes", "cut off in both directions", ""),
        (170, "Node/n000 and 998 more nodes", "Ready: True -> Unknown", "by node-controller"),
        (180, "Node/n007", "Ready: True -> Unknown", "by node-controller"),
        (400, "Pod/default/p000 and 999 more pods", "deletion requested", f"by {EVICTOR}"),
    ]


def test_rows_of_several_objects_say_only_what_is_true_of_all() -> None:
    """Two replacements on two nodes are ready, not `ready on n2`."""
    script = Script()
    script.step(10, "scale")
    for name, uid, node in (("a", "u1", "n2"), ("b", "u2", "n3")):
        script.pod(11, name, uid, node)
        script.pod_is(12, name, uid, f"node/{node}", ready=True)
    script.end(20)
    assert _rows(script) == [
        (10, "", "step: scale", ""),
        (11, "Pod/default/a and 1 more pod", "created", "by operator"),
        (12, "Pod/default/a and 1 more pod", "ready", ""),
    ]


def test_the_least_telling_rows_go_first(partition: Script) -> None:
    """With ten rows, what was announced and what followed are left out as a whole, and the last row says how many."""
    rows = _rows(partition, limit=10)
    assert [what for _, _, what, _ in rows] == [
        "3 nodes registered and Ready",
        "1 pod created and ready",
        "cut off in both directions",
        "Ready: True -> Unknown",
        "deletion requested",
        "container still runs on n1",
        "healed",
        "Ready: Unknown -> True",
        "and 10 more rows that are not told here",
    ]


@pytest.mark.parametrize("limit", [1, 2, 5, 17, 18, 60])
def test_the_limit_holds(partition: Script, limit: int) -> None:
    """Never more rows than asked for; every row is told where there is room for all."""
    rows = _rows(partition, limit=limit)
    assert len(rows) <= limit
    assert ("not told here" in rows[-1][2]) is (limit < 18)


def test_without_steps_all_is_start_but_changes_are_told() -> None:
    """Nodes that never became Ready are counted apart."""
    script = Script()
    _start(script, nodes=2)
    script.node(1, "n9", ready="False")
    script.pod(1, "stuck", "u9")
    script.ready(50, "n1", "Unknown")
    script.end(100)
    assert _rows(script) == [
        (1, "", "2 nodes registered and Ready", "1 not before the first step"),
        (3, "", "1 pod created and ready", "1 not before the first step"),
        (50, "Node/n1", "Ready: True -> Unknown", "by node-controller"),
    ]


def test_kubelets_power_cordons_and_late_nodes_are_told() -> None:
    """A step is the reason of what it did, and a row of its own only where it shows nowhere else."""
    script = Script()
    _start(script, nodes=1)
    kill = script.step(10, "kill-kubelet: {nodes: [n1]}")
    script.switch(10, "n1", "KubeletStopped", kill)
    script.switch(11, "n1", "KubeletStarted")
    script.step(20, "cordon: {nodes: [n1]}")
    script.modify(20.1, "Node/n1", "u-n1", unschedulable=True)
    script.modify(30, "Node/n1", "u-n1", unschedulable=False)
    script.switch(40, "n1", "PoweredOff")
    script.stop(40, "n1", "web-a", "u1", "power-off")
    script.switch(41, "n1", "PoweredOn")
    script.write(42, "node-controller", "ZoneStateChanged", "", zone="a", old="Normal", new="FullDisruption")
    script.write(42, "node-controller", "ZoneStateChanged", "", zone="b", old="Initial", new="Normal")
    script.write(43, EVICTOR, "EvictionCancelled", "Pod/default/web-a", why="untainted")
    script.write(44, "scheduler", "PodUnschedulable", "Pod/default/x", message="0/1 nodes are available")
    script.write(
        45, "operator", "RequestFailed", "Pod/default/y", verb="delete", code=404, reason="NotFound", message="m"
    )
    script.node(50, "n2")
    script.gone(60, "Node/n2", "u-n2")
    script.end(100)
    assert _rows(script)[2:] == [
        (10, "Node/n1", "kubelet stopped", "step: kill-kubelet: {nodes: [n1]}"),
        (11, "Node/n1", "kubelet started", ""),
        (20, "", "step: cordon: {nodes: [n1]}", ""),
        (20.1, "Node/n1", "cordoned", "by operator"),
        (30, "Node/n1", "uncordoned", "by operator"),
        (40, "Node/n1", "powered off", ""),
        (40, "Pod/default/web-a", "container c stopped on n1", "power-off"),
        (41, "Node/n1", "powered on", ""),
        (42, "", "zone a went from Normal to FullDisruption", ""),
        (43, "Pod/default/web-a", "eviction cancelled", ""),
        (44, "Pod/default/x", "cannot be scheduled", "0/1 nodes are available"),
        (45, "Pod/default/y", "delete failed", "404 NotFound: m"),
        (50, "Node/n2", "registered", "by node/n2"),
        (60, "Node/n2", "object is gone", "by operator"),
    ]


def test_pods_that_fail_recover_and_run_twice_are_told() -> None:
    """Ready again, a restart, a phase with its reason, one name on two nodes, a kubelet that is down."""
    script = Script()
    _start(script, nodes=1)
    script.step(10, "x")
    script.stop(11, "n1", "web-a", "u1", "exited")
    script.pod_is(11.1, "web-a", "u1", "node/n1", ready=False)
    script.start(13, "n1", "web-a", "u1", attempt=1)
    script.pod_is(15, "web-a", "u1", "node/n1", ready=True)
    script.switch(20, "n1", "KubeletStopped")
    script.gone(30, "Pod/default/web-a", "u1")
    script.start(40, "n2", "web-a", "u2")
    script.pod(41, "late", "u3")
    script.pod_is(42, "late", "u3", "node/n2", phase="Failed", reason="Evicted")
    script.end(100)
    about = "Pod/default/web-a"
    assert _rows(script)[3:] == [
        (11, about, "container c stopped on n1", "exited"),
        (11.1, about, "not ready", "by node/n1"),
        (13, about, "container c started again", "attempt 1"),
        (15, about, "ready again on n1", ""),
        (20, "Node/n1", "kubelet stopped", ""),
        (30, about, "container still runs on n1", "n1 is without a kubelet since 20s"),
        (30, about, "object is gone", "by operator"),
        (40, about, "runs on n1 and on n2 at once", ""),
        (41, "Pod/default/late", "created", "by operator"),
        (42, "Pod/default/late", "phase Failed (Evicted)", "by node/n2"),
    ]


def test_an_empty_trace_has_no_story() -> None:
    """Nothing happened."""
    assert story([]) == []
    assert StoryRow(0, "", "x", "") == StoryRow(0, "", "x", "")
