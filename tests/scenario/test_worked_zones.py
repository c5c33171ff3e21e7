"""Many nodes and several zones: how fast are silent nodes tainted, and when does everything stop?

The rates follow the state of each zone; when every zone is down the fault is taken to be the control plane's own.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import pytest

from nodesim.scenario.cluster import INSIDE_LATENCY_US
from nodesim.units import MILLISECOND, MINUTE, SECOND
from tests.scenario.timeline import (
    BOTH,
    CALLS_US,
    EARLY_CUT_US,
    GRACE_PASSES,
    NO_EXECUTE,
    PERIOD_US,
    SLACK_US,
    TICK_US,
    Timeline,
    assert_marked_in_time,
    names,
    restarts,
    run,
    step,
)

CUT_B_US: Final = 2 * MINUTE
HEAL_B_US: Final = 5 * MINUTE
EXCLUDED: Final = {"node.kubernetes.io/exclude-disruption": ""}
A, B = names("a", 4), names("b", 4)
MANY: Final = names("a", 51)


def assert_steps(instants: list[int], step_us: int) -> None:
    """The instants follow each other by this long."""
    assert len(instants) >= 2
    for earlier_us, later_us in pairwise(instants):
        assert step_us <= later_us - earlier_us <= step_us + SLACK_US


# --- 8.4: thirty of fifty-one ---------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("profile", BOTH)
@pytest.mark.parametrize(
    ("dead", "state", "rate_milli", "step_us"),
    [(30, "PartialDisruption", 10, 100 * SECOND), (28, "Normal", 100, 10 * SECOND)],
)
def test_8_4_thirty_of_fifty_one_in_one_pass(
    profile: str, dead: int, state: str, rate_milli: int, step_us: int
) -> None:
    """30 of 51 is Partial in a large zone: one per 100 s; 28 is Normal: one per 10 s.  The idle bucket is full."""
    steps = [step(EARLY_CUT_US, "cut", MANY[:dead])]
    timeline = run(profile, {"a": MANY}, steps, until_us=5 * MINUTE, toleration_seconds=10)
    marks = [assert_marked_in_time(timeline, node, EARLY_CUT_US) for node in MANY[:dead]]
    numbers = {timeline.pass_of(mark.t_us) for mark in marks}
    assert len(numbers) == 1, "this run is about one pass"
    assert timeline.zone_changes("a")[-1][1:] == (state, rate_milli)
    number = numbers.pop() + (profile == "v1.24")
    instants = [t_us for t_us, _ in timeline.grants()]
    assert timeline.passes[number] < instants[0] <= timeline.passes[number] + TICK_US + CALLS_US
    assert_steps(instants, step_us)


@pytest.mark.slow
@pytest.mark.parametrize("profile", BOTH)
def test_8_4_thirty_of_fifty_one_in_several_passes(profile: str) -> None:
    """As recorded: the token went before the zone turned Partial, then one per 100 s from that on; two nodes return:
    28 of 51 is Normal, 10 s from that to the next taint, then one per 10 s.
    """
    heal_us = 340 * SECOND
    phases = {node: 330 * MILLISECOND * number for number, node in enumerate(MANY[:30])}
    steps = [
        *restarts(phases, 30 * SECOND),
        step(62 * SECOND, "cut", MANY[:30]),
        step(heal_us, "heal", MANY[28:30]),
    ]
    timeline = run(profile, {"a": MANY}, steps, until_us=8 * MINUTE, toleration_seconds=10)
    for node in MANY[:30]:
        assert_marked_in_time(timeline, node, 62 * SECOND)
    _, (partial_us, *partial), (normal_us, *normal) = timeline.zone_changes("a")
    assert (partial, normal) == (["PartialDisruption", 10], ["Normal", 100])
    instants = [t_us for t_us, _ in timeline.grants()]
    before = [t_us for t_us in instants if t_us < partial_us]
    during = [t_us for t_us in instants if partial_us < t_us < normal_us]
    after = [t_us for t_us in instants if t_us > normal_us]
    assert len(before) == 1
    assert len(during) >= 2
    assert len(after) >= 3
    assert_steps([partial_us, *during], 100 * SECOND)
    assert_steps([normal_us, *after], 10 * SECOND)


# --- 8.5, 8.6: zones ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", BOTH)
def test_8_5_a_dead_zone_beside_a_good_one_is_tainted_at_the_normal_rate(profile: str) -> None:
    """Full, but not everywhere: ten dead nodes of ten go one per 10 s, where six of ten would not go at all."""
    nodes = names("a", 10)
    steps = [step(EARLY_CUT_US, "cut", nodes)]
    timeline = run(profile, {"a": nodes, "b": names("b", 10)}, steps, until_us=4 * MINUTE, toleration_seconds=20)
    marks = [assert_marked_in_time(timeline, node, EARLY_CUT_US) for node in nodes]
    assert timeline.zone_changes("a")[-1][1:] == ("FullDisruption", 100)
    assert [change[1:] for change in timeline.zone_changes("b")] == [("Normal", 100)]
    assert sorted(node for _, node in timeline.grants()) == nodes
    assert timeline.grants()[0][0] < marks[0].t_us + SLACK_US + (PERIOD_US if profile == "v1.24" else 0)
    assert_steps([t_us for t_us, _ in timeline.grants()], 10 * SECOND)
    assert sorted(timeline.deletions()) == nodes


@pytest.mark.parametrize("profile", BOTH)
def test_six_of_ten_in_a_small_zone_are_not_tainted_while_another_zone_is_tainted(profile: str) -> None:
    """The other half of 8.5: Partial stops its own zone only; a node of the other zone is tainted meanwhile."""
    nodes, others = names("a", 10), names("b", 3)
    steps = [step(EARLY_CUT_US, "cut", [*nodes[:6], others[0]])]
    timeline = run(profile, {"a": nodes, "b": others}, steps, until_us=4 * MINUTE, toleration_seconds=20)
    assert timeline.zone_changes("a")[-1][1:] == ("PartialDisruption", 0)
    assert [node for _, node in timeline.grants()] == [others[0]]
    assert list(timeline.deletions()) == [others[0]]


def both_zones_down(profile: str, toleration_seconds: int, seed: int) -> Timeline:
    """Zone a dies, then zone b; much later one node of b comes back."""
    steps = [
        step(EARLY_CUT_US, "cut", A),
        step(CUT_B_US, "cut", B),
        step(HEAL_B_US, "heal", [B[1]]),
    ]
    return run(profile, {"a": A, "b": B}, steps, until_us=8 * MINUTE, toleration_seconds=toleration_seconds, seed=seed)


def all_full(timeline: Timeline) -> tuple[int, list[str]]:
    """When the last zone died, and who got a taint during that very pass, too late to be stripped by it."""
    stopped = [item for item in timeline.zone_changes("", CUT_B_US) if item[1:] == ("FullDisruption", 0)]
    assert len(stopped) == 2, "both zones, also the one whose state stays"
    full_us = stopped[0][0]
    assert stopped[1][0] == full_us
    last_mark_us = max(mark.t_us for mark in timeline.marks() if mark.t_us > CUT_B_US)
    assert timeline.pass_of(full_us) == timeline.pass_of(last_mark_us)
    pass_us = timeline.passes[timeline.pass_of(full_us)]
    late = [node for t_us, node in timeline.grants(since_us=pass_us) if t_us < pass_us + SECOND]
    assert len(late) <= 1
    return full_us, late


@pytest.mark.parametrize("profile", BOTH)
@pytest.mark.parametrize("seed", range(3))
def test_8_6_when_the_last_zone_dies_all_taints_go_and_nothing_more_is_evicted(profile: str, seed: int) -> None:
    """Master disruption: the NoExecute taints go, their timers are cancelled, and no more are given while it lasts.

    One exception, as recorded: a taint that comes while that pass runs stays, and its pod is evicted.
    """
    timeline = both_zones_down(profile, 150, seed)
    full_us, late = all_full(timeline)
    for node in A:
        ((tainted_us, _), (clean_us, _), *_) = timeline.taint(node, NO_EXECUTE)
        assert tainted_us < full_us < clean_us < full_us + SECOND
        (cancelled,) = [r for r in timeline.of("EvictionCancelled", f"Pod/default/p-{node}") if r.t_us < HEAL_B_US]
        assert cancelled.t_us == clean_us + INSIDE_LATENCY_US
    assert [node for t_us, node in timeline.grants() if full_us + SECOND < t_us < HEAL_B_US] == []
    assert [node for node in B if timeline.taint(node, NO_EXECUTE)] == late
    assert [node for node, t_us in timeline.deletions().items() if full_us < t_us < HEAL_B_US + MINUTE] == late


@pytest.mark.parametrize("profile", BOTH)
@pytest.mark.parametrize("seed", range(3))
def test_8_6_when_one_node_returns_each_zone_waits_ten_seconds(profile: str, seed: int) -> None:
    """Both buckets begin empty: a is Full (0.1/s); three of b's four are silent, so that it is Partial (0/s)."""
    timeline = both_zones_down(profile, 20, seed)
    full_us, _ = all_full(timeline)
    assert {node for node, t_us in timeline.deletions().items() if t_us < full_us} == set(A)
    ready_us = timeline.ready(B[1])[-1][0]
    (left_us, *of_a), *more_of_a = timeline.zone_changes("a", HEAL_B_US)
    assert timeline.zone_changes("b", HEAL_B_US) == [(left_us, "PartialDisruption", 0)]
    assert (of_a, more_of_a) == (["FullDisruption", 100], [])
    assert timeline.pass_of(left_us) == timeline.passes.index(timeline.pass_after(ready_us + INSIDE_LATENCY_US))
    again = timeline.grants(since_us=full_us + SECOND)
    assert sorted(node for _, node in again) == A
    assert_steps([left_us, *(t_us for t_us, _ in again)], 10 * SECOND)


@pytest.mark.parametrize("profile", BOTH)
def test_8_6_two_good_zones_after_master_disruption_are_tainted_side_by_side(profile: str) -> None:
    """Most nodes return at once: each zone has one dead node left, and taints it 10 s after the return."""
    steps = [
        step(EARLY_CUT_US, "cut", [*A, *B]),
        step(2 * MINUTE, "heal", [*A[1:], *B[1:]]),
    ]
    timeline = run(profile, {"a": A, "b": B}, steps, until_us=5 * MINUTE, toleration_seconds=20, seed=1)
    left_us = timeline.zone_changes("a", 2 * MINUTE)[0][0]
    grants = timeline.grants()
    assert min(t_us for t_us, _ in grants) >= left_us + 10 * SECOND
    for node in (A[0], B[0]):
        (granted_us,) = [t_us for t_us, granted in grants if granted == node]
        zone_us = max(t_us for t_us, state, _ in timeline.zone_changes(node[0]) if t_us < granted_us)
        assert zone_us + 10 * SECOND <= granted_us <= zone_us + 20 * SECOND + SLACK_US
    assert {A[0], B[0]} <= timeline.deletions().keys()


@pytest.mark.parametrize("profile", BOTH)
def test_8_6_leaving_master_disruption_gives_silent_nodes_a_whole_grace(profile: str) -> None:
    """A node that does not count was silent, not yet Unknown, when the others' return ended master disruption."""
    apart = "c-00"
    heal_us = 200 * SECOND
    steps = [
        step(EARLY_CUT_US, "cut", A),
        step(heal_us - 10 * SECOND, "cut", [apart]),
        step(heal_us, "heal", A),
    ]
    timeline = run(
        profile, {"a": [*A, apart]}, steps, until_us=6 * MINUTE, toleration_seconds=20, labels={apart: EXCLUDED}
    )
    left_us = next(t_us for t_us, state, _ in timeline.zone_changes("a", heal_us) if state != "FullDisruption")
    (mark,) = timeline.marks(apart)
    renewed_us = timeline.last_renewal(apart, heal_us - 10 * SECOND)
    assert left_us > timeline.pass_after(renewed_us + INSIDE_LATENCY_US)
    assert mark.fields["probe_us"] == left_us
    left_pass = timeline.pass_of(left_us)
    assert timeline.pass_of(mark.t_us) == left_pass + GRACE_PASSES[profile]


# --- 1.7.16: a zone of excluded nodes -------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", BOTH)
@pytest.mark.parametrize("zone", ["x", "B"])
def test_1_7_16_a_zone_of_excluded_nodes_is_tainted_one_per_ten_seconds(profile: str, zone: str) -> None:
    """While another zone is not Full it keeps its queue, whatever its name: as recorded in seven passes of eight."""
    apart = names("x", 4)
    steps = [step(EARLY_CUT_US, "cut", apart)]
    labels = dict.fromkeys(apart, EXCLUDED)
    timeline = run(profile, {"a": A, zone: apart}, steps, until_us=3 * MINUTE, toleration_seconds=20, labels=labels)
    assert [node for _, node in timeline.grants()] == apart
    assert_steps([t_us for t_us, _ in timeline.grants()], 10 * SECOND)
    assert timeline.zone_changes(zone) == []
    assert list(timeline.deletions()) == apart
