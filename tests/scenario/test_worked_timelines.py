"""Nodes of one zone fall silent: when is each Unknown, tainted, evicted, and what does a heal undo?

The numbers are those of a recorded control plane; `tests/scenario/timeline.py` works out the monitor passes.  Where
the phase of a renewal against the passes matters, several are run and the rule is held that knows no phase.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import pytest

from nodesim.scenario.cluster import INSIDE_LATENCY_US
from nodesim.trace.records import TraceRecord
from nodesim.units import MILLISECOND, MINUTE, SECOND
from tests.scenario.timeline import (
    BOTH,
    CALLS_US,
    EARLY_CUT_US,
    NO_EXECUTE,
    NO_SCHEDULE,
    NOT_READY,
    PERIOD_US,
    SLACK_US,
    TICK_US,
    Timeline,
    assert_marked_in_time,
    delete_node,
    names,
    restarts,
    run,
    step,
)
from tests.upstream import section

BEGIN_US: Final = 30 * SECOND
"""When kubelets are restarted to give them their phases."""
CUT_US: Final = 62 * SECOND
THREE: Final = names("n", 3)
FIVE: Final = names("n", 5)


def queued_us(timeline: Timeline, mark: TraceRecord) -> int:
    """When a marked node is queued for NoExecute: v1.36 with Unknown, v1.24 by the next pass."""
    if timeline.profile == "v1.36":
        return mark.t_us
    return timeline.passes[timeline.pass_of(mark.t_us) + 1]


def assert_evicted(timeline: Timeline, node: str, tainted_us: int, toleration_us: int) -> int:
    """The pod's timer starts as the taint is seen and ends in its deletion; gives the instant of that."""
    about = f"Pod/default/p-{node}"
    seen_us = tainted_us + INSIDE_LATENCY_US
    (scheduled,) = timeline.of("EvictionScheduled", about, tainted_us)
    assert (scheduled.t_us, scheduled.fields["at_us"]) == (seen_us, seen_us + toleration_us)
    (started,) = timeline.of("EvictionStarted", about, tainted_us)
    assert (started.t_us, started.fields["why"]) == (seen_us + toleration_us, "toleration expired")
    deletion_us = timeline.deletion(node)
    assert deletion_us is not None
    assert started.t_us < deletion_us <= started.t_us + CALLS_US
    return deletion_us


def assert_clean_after(timeline: Timeline, node: str, healed_us: int) -> int:
    """Ready takes NoSchedule off at once and NoExecute in the next pass; gives the instant of that."""
    ready_us = next(t_us for t_us, status in timeline.ready(node) if status == "True" and t_us > healed_us)
    free_us = next(t_us for t_us, there in timeline.taint(node, NO_SCHEDULE) if not there and t_us > healed_us)
    assert ready_us < free_us <= ready_us + CALLS_US
    clean_us = next(t_us for t_us, there in timeline.taint(node, NO_EXECUTE) if not there and t_us > healed_us)
    pass_us = timeline.pass_after(ready_us + INSIDE_LATENCY_US)
    assert pass_us < clean_us <= pass_us + CALLS_US
    assert clean_us <= ready_us + PERIOD_US + CALLS_US
    return clean_us


# --- 8.1: one of three ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", BOTH)
@pytest.mark.parametrize(("seed", "phase_ms"), list(enumerate([0, 1900, 4100, 4600, 6700, 9300])))
def test_8_1_one_of_three_is_cut_off_for_good(profile: str, seed: int, phase_ms: int) -> None:
    """Each instant from the last renewal to the pod that stays Terminating for ever."""
    steps = [*restarts({"n-01": phase_ms * MILLISECOND}, BEGIN_US), step(CUT_US, "cut", ["n-01"])]
    timeline = run(profile, {"": THREE}, steps, until_us=9 * MINUTE, seed=seed, toleration_seconds=None)
    mark = assert_marked_in_time(timeline, "n-01", CUT_US)
    assert len(timeline.marks()) == 1
    renewed_us = timeline.last_renewal("n-01", CUT_US)
    assert mark.fields["grace_us"] < mark.t_us - renewed_us < mark.fields["grace_us"] + PERIOD_US + CALLS_US
    events = {r.object: r.t_us for r in timeline.of("NodeNotReady") if r.fields["component"] == "node-controller"}
    assert events.keys() == {"Node/n-01", "Pod/default/p-n-01"}
    assert all(mark.t_us < t_us <= mark.t_us + CALLS_US for t_us in events.values())
    pod = timeline.result.evidence.belief.incarnations["Pod/default/p-n-01"][0]
    assert [s.state["ready"] for s in pod.sights if s.state and mark.t_us < s.t_us <= mark.t_us + CALLS_US] == [False]
    ((scheduled_us, _),) = timeline.taint("n-01", NO_SCHEDULE)
    assert mark.t_us < scheduled_us <= mark.t_us + 500 * MILLISECOND
    ((granted_us, node),) = timeline.grants()
    assert node == "n-01"
    assert queued_us(timeline, mark) < granted_us <= queued_us(timeline, mark) + TICK_US + CALLS_US
    (tainted_us,) = timeline.tainted("n-01")
    assert granted_us < tainted_us <= granted_us + CALLS_US
    assert timeline.deletions() == {"n-01": assert_evicted(timeline, "n-01", tainted_us, 300 * SECOND)}
    assert pod.deleted_us is None
    ((container,),) = [runs for (about, _), runs in timeline.result.evidence.truth.runs_of.items() if "p-n-01" in about]
    assert container.stopped_us is None
    assert [change[1:] for change in timeline.zone_changes("")] == [("Normal", 100)]


@pytest.mark.parametrize("profile", BOTH)
@pytest.mark.parametrize("seed", range(3))
def test_8_1_7_a_node_that_returns_after_the_eviction_finishes_its_pod(profile: str, seed: int) -> None:
    """Taints go, and the Terminating pod is stopped by its kubelet before its object goes."""
    heal_us = CUT_US + 140 * SECOND
    steps = [step(CUT_US, "cut", ["n-01"]), step(heal_us, "heal", ["n-01"])]
    timeline = run(profile, {"": THREE}, steps, until_us=6 * MINUTE, seed=seed, toleration_seconds=30)
    assert_marked_in_time(timeline, "n-01", CUT_US)
    (tainted_us,) = timeline.tainted("n-01")
    deletion_us = assert_evicted(timeline, "n-01", tainted_us, 30 * SECOND)
    assert deletion_us < heal_us
    assert_clean_after(timeline, "n-01", heal_us)
    (pod,) = timeline.result.evidence.belief.incarnations["Pod/default/p-n-01"]
    (container,) = timeline.result.evidence.truth.runs_of["Pod/default/p-n-01", pod.uid]
    assert container.stopped_us is not None
    assert pod.deleted_us is not None
    assert heal_us < container.stopped_us < pod.deleted_us
    assert len(timeline.marks()) == 1


@pytest.mark.parametrize("profile", BOTH)
@pytest.mark.parametrize("seed", range(3))
def test_8_1_8_a_node_that_returns_before_the_eviction_keeps_its_pod(profile: str, seed: int) -> None:
    """The timer is cancelled as NoExecute goes; a later failure starts a whole new one."""
    heal_us, again_us = CUT_US + 2 * MINUTE, CUT_US + 5 * MINUTE
    steps = [step(CUT_US, "cut", ["n-01"]), step(heal_us, "heal", ["n-01"]), step(again_us, "cut", ["n-01"])]
    timeline = run(profile, {"": THREE}, steps, until_us=10 * MINUTE, seed=seed, toleration_seconds=150)
    assert_marked_in_time(timeline, "n-01", CUT_US)
    clean_us = assert_clean_after(timeline, "n-01", heal_us)
    (cancelled,) = timeline.of("EvictionCancelled")
    assert (cancelled.t_us, cancelled.object) == (clean_us + INSIDE_LATENCY_US, "Pod/default/p-n-01")
    first, second = timeline.of("EvictionScheduled", "Pod/default/p-n-01")
    assert first.t_us < cancelled.t_us < first.fields["at_us"] < second.t_us
    texts = [record.fields["message"] for record in timeline.of("TaintManagerEviction")]
    assert texts == ["Cancelling deletion of Pod default/p-n-01", "Marking for deletion Pod default/p-n-01"]
    assert_marked_in_time(timeline, "n-01", again_us, place=1)
    again_tainted_us = timeline.tainted("n-01")[-1]
    assert again_tainted_us > again_us
    assert_evicted(timeline, "n-01", again_tainted_us, 150 * SECOND)


# --- 8.2: two of three ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", BOTH)
@pytest.mark.parametrize("phases_ms", [(1000, 1000), (1000, 6000), (6000, 1000), (400, 9600), (3300, 4400)])
def test_8_2_the_second_of_two_nodes_waits_for_the_token(profile: str, phases_ms: tuple[int, int]) -> None:
    """Two are not more than two: Normal.  The first is tainted when queued, the second not within 10 s of it."""
    phases = {node: ms * MILLISECOND for node, ms in zip(THREE[:2], phases_ms, strict=True)}
    steps = [*restarts(phases, BEGIN_US), step(CUT_US, "cut", THREE[:2])]
    timeline = run(profile, {"": THREE}, steps, until_us=3 * MINUTE, seed=4, toleration_seconds=30)
    marks = {node: assert_marked_in_time(timeline, node, CUT_US) for node in THREE[:2]}
    (first_us, first), (second_us, second) = timeline.grants()
    assert {first, second} == set(THREE[:2])
    assert queued_us(timeline, marks[first]) <= first_us <= queued_us(timeline, marks[first]) + TICK_US + CALLS_US
    due_us = max(queued_us(timeline, marks[second]), first_us + 10 * SECOND)
    assert due_us <= second_us <= due_us + SLACK_US
    assert [change[1:] for change in timeline.zone_changes("")] == [("Normal", 100)]
    for node in (first, second):
        (tainted_us,) = timeline.tainted(node)
        assert_evicted(timeline, node, tainted_us, 30 * SECOND)


# --- 8.3: three of five ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", BOTH)
def test_8_3_three_of_five_in_one_pass_are_never_tainted_until_one_returns(profile: str) -> None:
    """Partial in a small zone: rate 0, though all are Unknown; back to two of five, 10 s and 20 s to the taints."""
    heal_us = 3 * MINUTE
    steps = [step(EARLY_CUT_US, "cut", FIVE[:3]), step(heal_us, "heal", ["n-02"])]
    timeline = run(profile, {"": FIVE}, steps, until_us=5 * MINUTE, toleration_seconds=20)
    numbers = {timeline.pass_of(assert_marked_in_time(timeline, node, EARLY_CUT_US).t_us) for node in FIVE[:3]}
    assert len(numbers) == 1, "this run is about one pass"
    _, (partial_us, *partial), (normal_us, *normal) = timeline.zone_changes("")
    assert (partial, normal) == (["PartialDisruption", 0], ["Normal", 100])
    assert timeline.pass_of(partial_us) in numbers
    assert all(timeline.taint(node, NO_SCHEDULE) for node in FIVE[:3])
    marked = {record.object for record in timeline.of("NodeNotReady") if record.object.startswith("Pod/")}
    assert marked == {f"Pod/default/p-{node}" for node in FIVE[:3]}
    back_us = timeline.ready("n-02")[-1][0]
    assert timeline.pass_of(normal_us) == timeline.passes.index(timeline.pass_after(back_us + INSIDE_LATENCY_US))
    (first_us, first), (second_us, second) = timeline.grants()
    assert {first, second} == {"n-00", "n-01"}
    assert normal_us + 10 * SECOND <= first_us <= normal_us + 10 * SECOND + SLACK_US
    assert first_us + 10 * SECOND <= second_us <= first_us + 10 * SECOND + SLACK_US
    assert timeline.deletions().keys() == {"n-00", "n-01"}


@pytest.mark.parametrize("profile", BOTH)
@pytest.mark.parametrize(
    "phases_ms", [(500, 5500, 5700), (500, 900, 5500), (5500, 500, 700), (500, 5500, 9900), (9500, 2500, 6000)]
)
def test_8_3_who_was_queued_before_the_zone_was_partial_may_be_tainted(
    profile: str, phases_ms: tuple[int, int, int]
) -> None:
    """Three of five in several passes: what had its token by then keeps its taint and is evicted; the rest never."""
    phases = {node: ms * MILLISECOND for node, ms in zip(FIVE[:3], phases_ms, strict=True)}
    steps = [*restarts(phases, BEGIN_US), step(CUT_US, "cut", FIVE[:3])]
    timeline = run(profile, {"": FIVE}, steps, until_us=4 * MINUTE, seed=2, toleration_seconds=20)
    marks = {node: assert_marked_in_time(timeline, node, CUT_US) for node in FIVE[:3]}
    _, (partial_us, *partial) = timeline.zone_changes("")
    assert partial == ["PartialDisruption", 0]
    partial_pass = timeline.pass_of(partial_us)
    assert partial_pass == max(timeline.pass_of(mark.t_us) for mark in marks.values())
    queued = {node: timeline.pass_of(queued_us(timeline, mark)) for node, mark in marks.items()}
    first_pass = min(queued.values())
    granted = [node for t_us, node in timeline.grants() if t_us < partial_us]
    assert granted == [node for _, node in timeline.grants()], "none after the zone turned Partial"
    assert len(granted) == (1 if first_pass < partial_pass else 0)
    assert all(queued[node] == first_pass for node in granted)
    assert list(timeline.deletions()) == granted
    assert [node for node in FIVE if timeline.tainted(node)] == granted


@pytest.mark.parametrize("profile", BOTH)
def test_8_3_4_when_the_other_two_fail_as_well_still_nothing_is_evicted(profile: str) -> None:
    """Partial, then every zone Full: no taint, no deletion."""
    steps = [step(EARLY_CUT_US, "cut", FIVE[:3]), step(2 * MINUTE, "cut", FIVE[3:])]
    timeline = run(profile, {"": FIVE}, steps, until_us=6 * MINUTE, toleration_seconds=20)
    assert len(timeline.marks()) == 5
    states = [change[1:] for change in timeline.zone_changes("")]
    assert states == [("Normal", 100), ("PartialDisruption", 0), ("FullDisruption", 0)]
    assert (timeline.grants(), timeline.deletions()) == ([], {})


@pytest.mark.parametrize("profile", BOTH)
def test_1_7_12_a_whole_cluster_that_fails_in_one_pass_is_not_tainted(profile: str) -> None:
    """The pass that marks all five stops tainting before the first taint."""
    timeline = run(profile, {"": FIVE}, [step(EARLY_CUT_US, "cut", FIVE)], until_us=3 * MINUTE, toleration_seconds=20)
    assert len({timeline.pass_of(mark.t_us) for mark in timeline.marks()}) == 1
    assert [change[1:] for change in timeline.zone_changes("")] == [("Normal", 100), ("FullDisruption", 0)]
    assert (timeline.grants(), timeline.deletions()) == ([], {})


# --- derived from the code, as data ---------------------------------------------------------------------------------


def window_us(text: str) -> tuple[int, int]:
    """`P+50s`, `P+50s..P+50.3s` and `P+350s..` in us after P; an open end and a single instant get 0.3 s."""
    found = [round(float(number) * SECOND) for number in re.findall(r"P\+([0-9.]+)s", text)]
    return found[0], found[1] if len(found) > 1 else found[0] + SLACK_US


def test_the_derived_timeline_of_an_unreachable_node() -> None:
    """Every line of the table, for a node that is silent from P on (v1.36, default tolerations)."""
    timeline = run("v1.36", {"": THREE}, [step(CUT_US, "cut", ["n-01"])], until_us=8 * MINUTE, toleration_seconds=None)
    (mark,) = timeline.marks()
    probe_us = mark.fields["probe_us"]
    (pod,) = timeline.result.evidence.belief.incarnations["Pod/default/p-n-01"]
    unready_us = next(s.t_us for s in pod.sights if s.t_us > mark.t_us and s.state and not s.state["ready"])
    instants: list[Callable[[], list[int]]] = [
        lambda: [mark.t_us, timeline.ready("n-01")[-1][0], unready_us, timeline.taint("n-01", NO_SCHEDULE)[0][0]],
        lambda: timeline.tainted("n-01"),
        lambda: [timeline.deletion("n-01") or 0],
    ]
    lines = section("derived", "unreachable_timeline")
    assert len(lines) == len(instants)
    for line, found in zip(lines, instants, strict=True):
        early_us, late_us = window_us(line["at"])
        assert found()
        for t_us in found():
            assert probe_us + early_us <= t_us <= probe_us + late_us, line["what"]
    assert pod.deleted_us is None


@pytest.mark.parametrize("profile", BOTH)
def test_not_ready_posted_by_the_kubelet(profile: str) -> None:
    """A kubelet that registers anew posts Ready=False for a moment; the pass in that moment taints it, no more.

    The pod, Ready all the time, is not touched; as the node is Ready again, the next pass cancels its eviction.
    """
    case = section("derived", "not_ready_posted_by_kubelet")
    assert (case["queued"], case["no_execute"]) == ("same pass that sees Ready=False", "within 100ms")
    quiet = run(profile, {"": THREE}, [], until_us=BEGIN_US)
    pass_us = quiet.passes[-2]
    steps = [
        step(pass_us - 4 * SECOND, "kill-kubelet", ["n-01"]),
        delete_node(pass_us - 3 * SECOND, "n-01"),
        # It registers 101 ms after its start, and is Ready 100 ms later.
        step(pass_us - 130 * MILLISECOND, "start-kubelet", ["n-01"]),
    ]
    timeline = run(profile, {"": THREE}, steps, until_us=BEGIN_US + 10 * SECOND)
    (posted_us, _), (ready_us, _) = timeline.ready("n-01")[-2:]
    assert [status for _, status in timeline.ready("n-01")] == ["False", "True", "", "False", "True"]
    assert posted_us < pass_us < ready_us
    (queued,) = timeline.of("TaintQueued")
    assert queued.t_us == pass_us
    (tainted_us, _), (clean_us, _) = timeline.taint("n-01", NOT_READY)
    assert pass_us < tainted_us <= pass_us + TICK_US
    next_us = timeline.pass_after(ready_us + INSIDE_LATENCY_US)
    assert next_us < clean_us <= next_us + CALLS_US
    by_controller = [
        record
        for record in timeline.of("ObjectModified", "Pod/default/p-n-01")
        if record.fields["by"] == "node-controller"
    ]
    assert bool(by_controller) is case["pods_marked_not_ready_by_controller"]
    assert case["node_event_by_controller"] == "none"
    assert [record for record in timeline.of("NodeNotReady") if record.fields["component"] == "node-controller"] == []
    (cancelled,) = timeline.of("EvictionCancelled")
    assert cancelled.t_us == clean_us + INSIDE_LATENCY_US
    assert timeline.deletions() == {}
