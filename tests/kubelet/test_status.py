"""When is a node's status posted?"""

from __future__ import annotations

import itertools
import random
from typing import Any

import attrs
import pytest

from nodesim.messages import Get, Patch
from nodesim.objects import Document, decode_document
from nodesim.profiles import V1_24, V1_36, Profile, Settings
from nodesim.units import MILLISECOND, MINUTE, SECOND
from tests.kubelet.bench import Bench, FakeApi, deleted, pod


def ready_of(bench: Bench) -> dict[str, Any]:
    """The Ready condition in the API."""
    conditions: list[dict[str, Any]] = bench.api.objects["nodes", "n1"]["status"]["conditions"]
    return next(item for item in conditions if item["type"] == "Ready")


def posts(bench: Bench) -> list[tuple[int, str]]:
    """(time, why) of the posts."""
    return [(t, fields["why"]) for t, _, fields in bench.kinds("NodeStatusPosted")]


def mark_unknown(node: Document, at_us: int) -> Document:
    """The Node after the node controller gave it up."""
    gone = {"status": "Unknown", "reason": "NodeStatusUnknown", "lastTransitionTime": at_us - at_us % SECOND}
    conditions = [{**item, **gone} for item in node["status"]["conditions"]]
    return {**node, "status": {**node["status"], "conditions": conditions}}


@pytest.mark.parametrize("profile", [V1_24, V1_36])
def test_a_new_node_is_ready_two_hundred_milliseconds_after_the_start(profile: Profile) -> None:
    """The first sync follows the registration, still not ready; the fast path posts Ready=True at its next poll."""
    bench = Bench(profile=profile)
    bench.run(9 * SECOND)
    (first_us, first), (fast_us, fast) = posts(bench)
    assert (first, fast) == ("first", "changed")
    assert first_us == 104 * MILLISECOND
    assert 200 * MILLISECOND <= fast_us <= 210 * MILLISECOND
    assert ready_of(bench)["status"] == "True"
    events = [key[1] for key in bench.api.objects if key[0] == "events"]
    reasons = [bench.api.objects["events", name]["reason"] for name in events]
    assert reasons == ["NodeReady"]


def test_a_new_node_that_cannot_post_at_once_is_ready_by_a_whole_sync() -> None:
    """The fast path's PATCH fails: one whole sync, which reads the Node first, follows at once."""
    bench = Bench()
    bench.run(150 * MILLISECOND)
    bench.api.refuse["patch", "nodes"] = [500]
    bench.run(9 * SECOND)
    assert [step for _, step in bench.steps("status")] == ["get", "patch", "fast-patch", "patch"]
    assert ready_of(bench)["status"] == "True"


def test_without_changes_a_report_comes_after_the_delay_and_then_every_five_minutes() -> None:
    """From 1.34 the first forced report is 2.5-7.5 m after the last change, the next ones 5 m apart."""
    first_gaps = set()
    for seed in range(6):
        bench = Bench(seed=seed)
        bench.run(40 * MINUTE)
        made = posts(bench)
        assert [why for _, why in made] == ["first", "changed"] + ["due"] * (len(made) - 2)
        gap = made[2][0] - made[1][0]
        assert 150 * SECOND <= gap <= 450 * SECOND + 10_400 * MILLISECOND
        first_gaps.add(gap // (30 * SECOND))
        for (before_us, _), (after_us, _) in itertools.pairwise(made[2:]):
            assert 300 * SECOND <= after_us - before_us < 300 * SECOND + 10_410 * MILLISECOND
    assert len(first_gaps) > 2


def test_before_1_34_every_report_is_five_minutes_after_the_last() -> None:
    """No jitter: 300 s, up to the next tick."""
    bench = Bench(profile=V1_24)
    bench.run(20 * MINUTE)
    times = [t for t, _ in posts(bench)][1:]
    assert all(300 * SECOND <= b - a < 300 * SECOND + 10_410 * MILLISECOND for a, b in itertools.pairwise(times))


def test_before_1_31_every_tick_reads_the_node() -> None:
    """10.0-10.4 s after the end of the one before, a GET."""
    bench = Bench(profile=V1_24)
    bench.run(100 * SECOND)
    gets = [t for t, step in bench.steps("status") if step == "get" and t > SECOND]
    assert len(gets) == 9
    assert all(10 * SECOND <= b - a <= 10_405 * MILLISECOND for a, b in itertools.pairwise(gets))


def test_from_1_31_a_quiet_tick_asks_nothing() -> None:
    """The cached Node says what the machine says: no call between two reports."""
    bench = Bench()
    bench.run(SECOND)
    bench.calls.clear()
    bench.run(140 * SECOND)
    assert bench.steps("status") == []


def test_unknown_is_repaired_at_the_tick_after_the_watch_showed_it() -> None:
    """All four conditions get the kubelet's own status and reason back, with a new transition time."""
    bench = Bench()
    bench.run(60 * SECOND)
    bench.api.put("nodes", mark_unknown(bench.api.objects["nodes", "n1"], bench.now_us))
    bench.run(72 * SECOND)
    at_us, why = posts(bench)[-1]
    assert why == "changed"
    assert 60 * SECOND < at_us <= 70_401 * MILLISECOND
    conditions = bench.api.objects["nodes", "n1"]["status"]["conditions"]
    assert [item["status"] for item in conditions] == ["False", "False", "False", "True"]
    assert {item["lastTransitionTime"] for item in conditions} == {at_us - at_us % SECOND}
    assert conditions[0]["reason"] == "KubeletHasSufficientMemory"
    [request] = [item for t, item in bench.requests(Patch, "nodes") if t == at_us]
    assert "resourceVersion" not in decode_document(request.document).get("metadata", {})


def test_a_kubelet_repairs_nothing_that_its_watch_has_not_shown() -> None:
    """After a partition the posts wait for the node watch; until then a tick makes no call."""
    bench = Bench()
    bench.run(60 * SECOND)
    bench.watching = False
    bench.api.put("nodes", mark_unknown(bench.api.objects["nodes", "n1"], bench.now_us))
    bench.calls.clear()
    bench.run(120 * SECOND)
    assert bench.steps("status") == []
    bench.relist()
    bench.run(132 * SECOND)
    assert ready_of(bench)["status"] == "True"


def test_before_1_31_the_first_tick_after_a_heal_repairs() -> None:
    """It reads the Node itself."""
    bench = Bench(profile=V1_24)
    bench.run(60 * SECOND)
    bench.watching = False
    bench.api.put("nodes", mark_unknown(bench.api.objects["nodes", "n1"], bench.now_us))
    bench.run(71 * SECOND)
    assert ready_of(bench)["status"] == "True"


def test_a_silent_server_gets_five_tries_of_ten_seconds() -> None:
    """One PATCH from the cached Node and four GETs, then the pause of a tick."""
    bench = Bench()
    bench.run(60 * SECOND)
    bench.api.put("nodes", mark_unknown(bench.api.objects["nodes", "n1"], bench.now_us))
    bench.run(60 * SECOND + MILLISECOND)
    bench.api.cut = True
    bench.calls.clear()
    bench.run(200 * SECOND)
    steps = bench.steps("status")
    begun_us = steps[0][0]
    assert [step for _, step in steps[:6]] == ["patch", "get", "get", "get", "get", "patch"]
    assert [t - begun_us for t, _ in steps[:5]] == [n * 10 * SECOND for n in range(5)]
    assert 60 * SECOND <= steps[5][0] - begun_us <= 60_400 * MILLISECOND
    assert [why for _, why in posts(bench)[-2:]] == ["changed", "changed"]


def test_the_status_of_a_deleted_node_fails_at_every_tick() -> None:
    """The cache has no Node: four GETs, all 404, each tick."""
    bench = Bench()
    bench.run(60 * SECOND)
    bench.api.drop("nodes", "n1")
    bench.calls.clear()
    bench.run(120 * SECOND)
    steps = [step for _, step in bench.steps("status")]
    assert len(steps) in (20, 24)
    assert set(steps) == {"get"}


def test_what_others_add_to_capacity_is_kept() -> None:
    """An extended resource that somebody patched in counts as no change; a wrong os label does."""
    bench = Bench()
    bench.run(60 * SECOND)
    node = bench.api.objects["nodes", "n1"]
    bench.api.put(
        "nodes", {**node, "status": {**node["status"], "capacity": {**node["status"]["capacity"], "x/y": "1"}}}
    )
    bench.run(80 * SECOND)
    assert len(posts(bench)) == 2
    node = bench.api.objects["nodes", "n1"]
    labels = {**node["metadata"]["labels"], "kubernetes.io/os": "plan9"}
    bench.api.put("nodes", {**node, "metadata": {**node["metadata"], "labels": labels}})
    bench.run(95 * SECOND)
    node = bench.api.objects["nodes", "n1"]
    assert node["metadata"]["labels"]["kubernetes.io/os"] == "linux"
    assert node["status"]["capacity"]["x/y"] == "1"


def test_a_tick_that_passes_during_another_sync_follows_it_at_once() -> None:
    """Up to 1.25: the one sync hangs for five timeouts; the tick that waited for it comes right after."""
    bench = Bench(profile=V1_24)
    bench.run(150 * MILLISECOND)
    bench.api.cut = True
    bench.calls.clear()
    bench.run(55 * SECOND)
    assert bench.steps("status") == [(200 * MILLISECOND + n * 10 * SECOND, "get") for n in range(6)]


def test_a_node_registered_after_the_fast_path_ended_is_ready_at_the_next_tick() -> None:
    """The fast path gives up 120 s after the start; then readiness waits 10.0-10.4 s."""
    api = FakeApi()
    api.refuse["create", "nodes"] = [500] * 30
    bench = Bench(api=api)
    bench.run(250 * SECOND)
    (first_us, _), (ready_us, _) = posts(bench)
    assert first_us > 120 * SECOND
    assert 10 * SECOND <= ready_us - first_us <= 10_410 * MILLISECOND
    assert ready_of(bench)["status"] == "True"


@pytest.mark.parametrize("skip_quiet", [False, True])
def test_a_node_whose_runtime_comes_late_is_posted_by_the_fast_path(skip_quiet: bool) -> None:
    """Not ready for 35 s, then posted at the next 100 ms poll; the ticks go on as if nothing had been."""
    bench = Bench(skip_quiet=skip_quiet, seed=4)
    keeper = bench.kubelet._status
    keeper.truth.errors.append("container runtime is down")
    bench.run(35 * SECOND)
    assert ready_of(bench)["message"] == "container runtime is down"
    bench.api.refuse["patch", "nodes"] = [500]
    keeper.truth.errors.clear()
    bench.run(40 * SECOND)
    steps = [(t, step) for t, step in bench.steps("status") if t > 30 * SECOND]
    assert [step for _, step in steps] == ["fast-patch", "patch"]
    assert steps[0][0] <= 35 * SECOND + 100 * MILLISECOND
    assert ready_of(bench)["status"] == "True"


def give_cidr(bench: Bench) -> None:
    """The range allocator writes the node's block."""
    node = bench.api.objects["nodes", "n1"]
    bench.api.put("nodes", {**node, "spec": {**node["spec"], "podCIDR": "10.0.0.0/24", "podCIDRs": ["10.0.0.0/24"]}})


def test_a_block_of_addresses_is_a_change_that_is_posted_once() -> None:
    """The next tick after the watch showed it posts, though the status is as it was; later ticks do not."""
    bench = Bench()
    bench.run(20 * SECOND)
    give_cidr(bench)
    bench.run(60 * SECOND)
    later = [(t, why) for t, why in posts(bench) if t > SECOND]
    assert [why for _, why in later] == ["changed"]
    assert 20 * SECOND <= later[0][0] <= 30_500 * MILLISECOND


def test_pods_get_their_addresses_from_the_nodes_block() -> None:
    """Those that start once the kubelet knows it; the others keep what they have."""
    bench = Bench()
    bench.run(5 * SECOND)
    bench.api.put("pods", pod("early"))
    bench.run(8 * SECOND)
    give_cidr(bench)
    bench.run(25 * SECOND)
    bench.api.put("pods", pod("late"))
    bench.run(30 * SECOND)
    addresses = {name: bench.api.objects["pods", name]["status"]["podIP"] for name in ("early", "late")}
    assert addresses["early"].startswith("100.")
    assert addresses["late"] == "10.0.0.3"


def test_up_to_1_25_a_new_node_waits_for_its_block() -> None:
    """Where blocks are handed out the fast path is one sync once the block is there; the ticks go on meanwhile."""
    settings = attrs.evolve(Settings.of(V1_24), allocate_node_cidrs=True, cluster_cidr="10.0.0.0/16")
    bench = Bench(profile=V1_24, settings=settings)
    bench.run(5 * SECOND)
    assert ready_of(bench)["status"] == "False"
    give_cidr(bench)
    bench.run(6 * SECOND)
    assert ready_of(bench)["status"] == "True"
    assert posts(bench)[-1][0] <= 5_200 * MILLISECOND
    without = Bench(profile=V1_24, settings=settings)
    without.run(12 * SECOND)
    assert [t // SECOND for t, _ in posts(without)] == [0, 10]
    assert ready_of(without)["status"] == "True"


def test_heartbeat_calls_have_a_timeout_and_others_none() -> None:
    """Lease and status give up after 10 s; registration and pods wait for ever."""
    bench = Bench(profile=V1_24)
    bench.api.put("pods", pod("a"))
    bench.run(30 * SECOND)
    for _, call in bench.calls:
        assert isinstance(call.tag, tuple)
        assert call.timeout_us == (10 * SECOND if call.tag[0] in ("lease", "status") else None)
    assert bench.requests(Get, "nodes")


def trace_of(seed: int, skip_quiet: bool) -> tuple[list[Any], Bench]:
    """Two hours of random meddling with Node, pods and network, and what the kubelet did."""
    chance = random.Random(seed)
    bench = Bench(api=FakeApi(), seed=seed, skip_quiet=skip_quiet)
    made: list[str] = []

    def meddle() -> None:
        api = bench.api
        what = chance.randrange(8)
        node = api.objects.get(("nodes", "n1"))
        if what == 0 and node is not None:
            api.put("nodes", mark_unknown(node, bench.now_us))
        elif what == 1 and node is not None:
            api.put("nodes", {**node, "spec": {"unschedulable": chance.random() < 0.5}})
        elif what == 2:
            api.cut = not api.cut
        elif what == 3:
            bench.watching = False
        elif what == 4:
            bench.relist()
        elif what == 5:
            made.append(f"p{len(made)}")
            api.put("pods", pod(made[-1]))
        elif what == 6 and made and ("pods", made[0]) in api.objects:
            api.put("pods", deleted(api.objects["pods", made.pop(0)], bench.now_us, 30))
        elif what == 7 and made and ("pods", made[-1]) in api.objects:
            seen = api.objects["pods", made[-1]]
            conditions = [
                {**item, "status": "False"} if item["type"] == "Ready" else item
                for item in seen["status"].get("conditions", [])
            ]
            api.put("pods", {**seen, "status": {**seen["status"], "conditions": conditions}})

    at_us = 5 * SECOND
    while at_us < 120 * MINUTE:
        at_us += chance.randrange(1, 120 * SECOND) | 1
        bench.at(at_us, meddle)
    bench.run(120 * MINUTE)
    done = [(t, call.tag, repr(call.request)) for t, call in bench.calls]
    return [*done, *((t, repr(record)) for t, record in bench.records)], bench


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_leaving_out_quiet_ticks_changes_nothing_that_is_done(seed: int) -> None:
    """The same calls and records at the same instants, with far fewer timers."""
    taken, every = trace_of(seed, skip_quiet=False)
    computed, few = trace_of(seed, skip_quiet=True)
    assert len(taken) > 500
    assert computed == taken
    assert len(few.timers_fired) < len(every.timers_fired)
