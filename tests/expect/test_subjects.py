"""Every subject: when is it true?"""

from typing import Any

import pytest

from nodesim.expect.timelines import compare, printed_phases, timeline_of
from nodesim.spec import Comparison, Subject
from nodesim.trace import Evidence
from tests.expect.asking import ask, comparison
from tests.trace.script import Script, us


def _changes(script: Script, subject: Subject) -> list[tuple[float, bool]]:
    """(seconds, true), only where that changed."""
    found: list[tuple[float, bool]] = []
    for moment in timeline_of(subject, Evidence(script.records)):
        if not found or found[-1][1] is not moment.true:
            found.append((moment.t_us / 1e6, moment.true))
    return found


def _said(script: Script, subject: Subject) -> list[str]:
    return [moment.said for moment in timeline_of(subject, Evidence(script.records))]


def test_a_condition_is_true_while_its_status_is_the_one_named() -> None:
    """Any condition; a node that is gone has none."""
    script = Script()
    conditions = {"Ready": {"status": "True", "reason": ""}, "MemoryPressure": {"status": "False", "reason": ""}}
    script.create(1, "Node/n1", "u", conditions=conditions, taints=[], unschedulable=False, labels={})
    pressed = {**conditions, "MemoryPressure": {"status": "True", "reason": ""}}
    script.modify(5, "Node/n1", "u", conditions=pressed)
    script.gone(9, "Node/n1", "u")
    subject = Subject(kind="condition", node="n1", condition="MemoryPressure", value="True")
    assert _changes(script, subject) == [(0, False), (5, True), (9, False)]
    assert _said(script, subject) == [
        "there is no node n1",
        "MemoryPressure of n1 is False",
        "MemoryPressure of n1 is True",
        "there is no node n1",
    ]
    assert _said(script, Subject(kind="condition", node="n1", condition="DiskPressure", value="True"))[1] == (
        "DiskPressure of n1 is not set"
    )


@pytest.mark.parametrize(
    ("value", "present", "changes"),
    [
        ("k:NoExecute", True, [(0, False), (3, True), (5, False)]),
        ("k=v:NoExecute", True, [(0, False), (3, True), (4, False)]),
        ("k=w:NoExecute", True, [(0, False), (4, True), (5, False)]),
        ("k:NoSchedule", True, [(0, False)]),
        ("other:NoExecute", True, [(0, False)]),
        ("k:NoExecute", False, [(0, True), (3, False), (5, True)]),
        ("plain/x:NoSchedule", True, [(0, False), (4, True), (5, False)]),
    ],
)
def test_a_taint_matches_by_key_effect_and_where_given_value(
    value: str, present: bool, changes: list[tuple[float, bool]]
) -> None:
    """Without a value any will do; absent is true also while there is no node."""
    script = Script()
    script.node(1, "n1")
    script.taints(3, "n1", "k=v:NoExecute")
    script.taints(4, "n1", "k=w:NoExecute", "plain/x:NoSchedule")
    script.taints(5, "n1")
    assert _changes(script, Subject(kind="taint", node="n1", value=value, present=present)) == changes


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (None, ("Gone",)),
        ({"phase": "Pending"}, ("Pending",)),
        ({"phase": "Pending", "node": "n1"}, ("Pending", "ContainerCreating")),
        ({"phase": "Running", "reason": ""}, ("Running",)),
        ({"phase": "Failed", "reason": "Evicted"}, ("Evicted",)),
        ({"phase": "Failed"}, ("Error", "Failed")),
        ({"phase": "Succeeded"}, ("Completed", "Succeeded")),
        ({"phase": "Running", "deletion_us": 5}, ("Terminating",)),
        ({"phase": "Running", "deletion_us": 0}, ("Terminating",)),
        ({"phase": "Running", "deletion_us": 5, "reason": "NodeLost"}, ("Unknown",)),
        ({"phase": "Running", "deletion_us": None, "reason": "NodeLost"}, ("NodeLost",)),
        ({"phase": "Failed", "deletion_us": 5, "reason": "Evicted"}, ("Evicted",)),
        ({"phase": "Succeeded", "deletion_us": 5}, ("Completed", "Succeeded")),
    ],
)
def test_a_phase_is_what_kubectl_prints(state: dict[str, Any] | None, words: tuple[str, ...]) -> None:
    """A deletionTimestamp comes before the reason, the reason before the phase; finished pods keep their word."""
    assert printed_phases(state) == words


def test_a_status_counts_from_its_own_change_on() -> None:
    """A taint that comes later does not make the condition look younger."""
    script = Script()
    script.node(1, "n1")
    marked = script.ready(5, "n1", "Unknown")
    script.taints(7, "n1", "k:NoExecute")
    script.end(9)
    verdict = ask(script, Subject(kind="condition", node="n1", condition="Ready", value="Unknown"), "eventually")
    assert (verdict.at_us, verdict.record) == (us(5), marked)


def test_a_phase_follows_the_name_over_its_pods() -> None:
    """Gone before, Terminating, Gone for a moment, Pending again under another uid; other namespaces do not count."""
    script = Script()
    script.pod(1, "a", "u1", phase="Running")
    script.create(1, "Pod/other/a", "u9", phase="Running")
    script.delete(5, "a", "u1", "operator")
    script.gone(7, "Pod/default/a", "u1")
    script.pod(8, "a", "u2")
    spans = {
        word: _changes(script, Subject(kind="phase", name="a", value=word))
        for word in ("Gone", "Running", "Terminating", "Pending")
    }
    assert spans == {
        "Gone": [(0, True), (1, False), (7, True), (8, False)],
        "Running": [(0, False), (1, True), (5, False)],
        "Terminating": [(0, False), (5, True), (7, False)],
        "Pending": [(0, False), (8, True)],
    }
    assert _said(script, Subject(kind="phase", name="a", value="Gone"))[2] == "pod a is Terminating"
    other = Subject(kind="phase", name="a", namespace="other", value="Running")
    assert _changes(script, other) == [(0, False), (1, True)]


def test_running_is_the_nodes_truth() -> None:
    """Any container on any node counts, whatever the cluster believes; a restart in one instant is no gap."""
    script = Script()
    script.pod(1, "a", "u1", "n1")
    script.start(2, "n1", "a", "u1", "c")
    script.start(3, "n1", "a", "u1", "d")
    script.stop(4, "n1", "a", "u1", "exited", "c")
    script.gone(5, "Pod/default/a", "u1")
    script.stop(6, "n1", "a", "u1", "exited", "d")
    script.start(6, "n1", "a", "u1", "d", attempt=1)
    script.start(7, "n2", "a", "u2", "c")
    script.stop(8, "n1", "a", "u1", "stopped", "d")
    script.stop(9, "n2", "a", "u2", "stopped", "c")
    subject = Subject(kind="running", name="a")
    assert _changes(script, subject) == [(0, False), (2, True), (9, False)]
    assert _changes(script, Subject(kind="running", name="a", present=False)) == [(0, True), (2, False), (9, True)]
    said = _said(script, subject)
    assert (said[0], said[1], said[-1]) == (
        "no container of a runs",
        "a container of a runs on n1",
        "no container of a runs",
    )
    assert "a container of a runs on n1 and n2" in said


def test_pod_ready_is_belief() -> None:
    """One pod's Ready; a pod that is not there is not ready."""
    script = Script()
    script.pod(1, "a", "u1")
    script.pod_is(2, "a", "u1", ready=True)
    script.gone(5, "Pod/default/a", "u1")
    assert _changes(script, Subject(kind="pod-ready", name="a")) == [(0, False), (2, True), (5, False)]
    assert _changes(script, Subject(kind="pod-ready", name="a", present=False)) == [(0, True), (2, False), (5, True)]
    assert _said(script, Subject(kind="pod-ready", name="a")) == [
        "there is no pod a",
        "pod a is not ready",
        "pod a is ready",
        "there is no pod a",
    ]


def _crowd() -> Script:
    """a: Ready 2-6 s; b: Ready from 3 s, relabelled at 8 s; c in another namespace; d with another label."""
    script = Script()
    script.pod(1, "a", "u1", "n1")
    script.pod(1, "b", "u2", "n1")
    script.create(1, "Pod/other/c", "u3", ready=True, labels={"app": "web"})
    script.pod(1, "d", "u4", ready=True, labels={"app": "db"})
    script.pod_is(2, "a", "u1", ready=True)
    script.pod_is(3, "b", "u2", ready=True)
    script.start(2, "n1", "a", "u1", "c1")
    script.start(2.5, "n1", "a", "u1", "c2")
    script.start(3, "n1", "b", "u2")
    script.delete(5, "a", "u1", "operator")
    script.pod_is(6, "a", "u1", ready=False)
    script.gone(7, "Pod/default/a", "u1")
    script.pod_is(8, "b", "u2", labels={"app": "old"})
    script.stop(9, "n1", "a", "u1", container="c1")
    script.stop(9.5, "n1", "a", "u1", container="c2")
    return script


@pytest.mark.parametrize(
    ("kind", "wanted", "changes"),
    [
        ("ready", ">= 1", [(0, False), (2, True), (8, False)]),
        ("ready", "== 2", [(0, False), (3, True), (6, False)]),
        ("count", "== 2", [(0, False), (1, True), (7, False)]),
        ("count", "< 1", [(0, True), (1, False), (8, True)]),
        # By the last labels that a pod had: b is no `app: web` any more, also for what was before.
        ("running-count", ">= 1", [(0, False), (2, True), (9.5, False)]),
        ("running-count", "> 1", [(0, False)]),
    ],
)
def test_pods_are_counted_by_their_labels_and_namespace(
    kind: Any, wanted: str, changes: list[tuple[float, bool]]
) -> None:
    """Ready and there in belief, running in truth; a pod that is Terminating still is there."""
    subject = Subject(kind=kind, labels={"app": "web"}, comparison=comparison(wanted))
    assert _changes(_crowd(), subject) == changes


def test_counts_are_told_as_figures() -> None:
    """How many, of what."""
    words = {
        kind: _said(_crowd(), Subject(kind=kind, labels={"app": "web"}, comparison=comparison(">= 1")))[:3]
        for kind in ("ready", "count", "running-count")
    }
    assert words == {
        "ready": ["0 pods ready", "1 pod ready", "2 pods ready"],
        "count": ["0 pods there", "2 pods there", "1 pod there"],
        "running-count": ["0 pods running", "1 pod running", "0 pods running"],
    }


def test_an_event_is_true_from_its_first_time_on() -> None:
    """`Kind/name` means it in any namespace; records of the same kind by others, and other objects, are no events."""
    script = Script()
    script.write(1, "node/n1", "Killing", "Pod/default/a")
    script.write(2, "apiserver", "Killing", "Pod/default/b", component="kubelet", type="Normal", message="", count=1)
    script.write(3, "apiserver", "Killing", "Pod/default/a", component="kubelet", type="Normal", message="", count=1)
    script.write(4, "apiserver", "Killing", "Pod/default/a", component="kubelet", type="Normal", message="", count=2)
    script.write(5, "apiserver", "NodeNotReady", "Node/n1", component="nc", type="Normal", message="", count=1)

    def first(reason: str, about: str) -> list[tuple[float, bool]]:
        return _changes(script, Subject(kind="event", value=reason, object=about))

    assert first("Killing", "Pod/a") == [(0, False), (3, True)]
    assert first("Killing", "Pod/default/a") == [(0, False), (3, True)]
    assert first("Killing", "") == [(0, False), (2, True)]
    assert first("Killing", "Pod/other/a") == [(0, False)]
    assert first("Killing", "a") == [(0, False)]
    assert first("NodeNotReady", "Node/n1") == [(0, False), (5, True)]
    assert _said(script, Subject(kind="event", value="Killing", object="Pod/a")) == [
        "no event Killing for Pod/a",
        "event Killing for Pod/default/a",
    ]


@pytest.mark.parametrize(
    ("operator", "true_for"),
    [("<=", [1, 2]), (">=", [2, 3]), ("==", [2]), ("!=", [1, 3]), ("<", [1]), (">", [3])],
)
def test_comparisons_compare(operator: Any, true_for: list[int]) -> None:
    """Each operator against 2."""
    wanted = Comparison(operator=operator, value=2)
    assert [figure for figure in (1, 2, 3) if compare(figure, wanted)] == true_for


def _run_doubly(script: Script, **spans: tuple[int, int]) -> None:
    """Pods of these names run on n1 from 1 s on, and on n2, too, from the one second to the other."""
    for name, (begin, end) in spans.items():
        script.start(1, "n1", name, "u1")
        script.start(begin, "n2", name, "u2")
        script.stop(end, "n1", name, "u1")
    script.end(100)


def test_an_invariant_is_untrue_while_it_is_broken() -> None:
    """Two pairs of pods run doubly, 20-40 s and 30-50 s: broken from 20 to 50 s, whole before and after."""
    script = Script()
    _run_doubly(script, a=(20, 40), b=(30, 50))
    subject = Subject(kind="invariant", value="at-most-one-per-identity")
    assert _changes(script, subject) == [(0, True), (20, False), (50, True)]
    broken = ask(script, subject, "always")
    assert (broken.ok, broken.at_us) == (False, us(20))
    assert broken.why == ("at 20s Pod/default/a runs on n1 and on n2 at once since 20s (node/n2#1)")
    assert ask(script, subject, "always", start=50).ok is True
    assert ask(script, subject, "always", start=49).ok is False
    assert ask(script, subject, "never", start=50).ok is False


def test_violations_of_an_instant_do_not_last() -> None:
    """A record without its cause breaks the invariant at its instant only, also at the very first."""
    script = Script()
    script.write(0, "a", "K", cause="b#1")
    script.write(10, "a", "K", cause="b#1")
    script.end(20)
    subject = Subject(kind="invariant", value="records-have-causes")
    assert _changes(script, subject) == [(0, False), (0.000001, True), (10, False), (10.000001, True)]
    assert ask(script, subject, "always", start=1, until=9).ok is True


def test_violations_that_touch_leave_no_gap() -> None:
    """One identity is double up to 30 s, another from 30 s on."""
    script = Script()
    _run_doubly(script, a=(20, 30), b=(30, 40))
    subject = Subject(kind="invariant", value="at-most-one-per-identity")
    assert _changes(script, subject) == [(0, True), (20, False), (40, True)]


def test_a_workload_shows_what_records_say_of_it() -> None:
    """Numbers are compared, words must be the same; before it is there, and after it is gone, it shows nothing."""
    script = Script()
    deployment = "Deployment/default/web"
    script.create(10, deployment, "u", replicas=2, ready_replicas=0, progressing="")
    script.modify(20, deployment, "u", ready_replicas=2, progressing="NewReplicaSetAvailable")
    script.gone(30, deployment, "u")
    ready = Subject(kind="workload", object=deployment, condition="ready_replicas", comparison=comparison(">= 2"))
    complete = Subject(kind="workload", object=deployment, condition="progressing", value="NewReplicaSetAvailable")
    for subject in (ready, complete):
        assert _changes(script, subject) == [(0, False), (20, True), (30, False)]
    assert _said(script, complete) == [
        "there is no Deployment/default/web",
        "progressing of Deployment/default/web is not set",
        "progressing of Deployment/default/web is NewReplicaSetAvailable",
        "there is no Deployment/default/web",
    ]
