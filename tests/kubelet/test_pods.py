"""What happens to pods on a node?"""

from __future__ import annotations

import pytest

from nodesim.kubelet.crashloop import CrashBackoff
from nodesim.messages import Delete, Patch
from nodesim.profiles import V1_24, V1_36, Profile
from nodesim.spec import ContainerRule
from nodesim.units import MILLISECOND, MINUTE, SECOND
from tests.kubelet.bench import Bench, pod
from tests.kubelet.running import BOUND_US, NEVER_STOPS, ask_deletion, running, status_of, stops, writes_of

# --- start ----------------------------------------------------------------------------------------------------------


def test_a_bound_pod_starts_and_becomes_ready() -> None:
    """Seen 1 ms after the binding, running 300 ms later; two status writes: pending, then running and ready."""
    bench = running()
    assert [kind for _, kind, _ in bench.kinds("ContainerStarted", "ContainerReady")] == [
        "ContainerStarted",
        "ContainerReady",
    ]
    [(started_us, _, fields), _] = bench.kinds("ContainerStarted", "ContainerReady")
    assert started_us == BOUND_US + 301 * MILLISECOND
    assert fields == {"container": "c", "uid": "uid-pods-a", "attempt": 0}
    writes = bench.requests(Patch, "pods")
    assert [t for t, _ in writes] == [BOUND_US + MILLISECOND, started_us]
    status = status_of(bench)
    assert status["phase"] == "Running"
    assert [(item["type"], item["status"]) for item in status["conditions"]] == [
        ("PodReadyToStartContainers", "True"),
        ("Initialized", "True"),
        ("Ready", "True"),
        ("ContainersReady", "True"),
        ("PodScheduled", "True"),
    ]
    assert status["qosClass"] == "BestEffort"
    assert status["startTime"] == 20 * SECOND
    assert status["hostIP"].startswith("10.")
    assert status["podIPs"] == [{"ip": status["podIP"]}]
    [container] = status["containerStatuses"]
    assert (container["ready"], container["restartCount"]) == (True, 0)
    assert container["state"] == {"running": {"startedAt": 20 * SECOND}}


def test_readiness_follows_its_own_delay() -> None:
    """`readyAfter`: running, then ready later."""
    bench = running(rules=(ContainerRule(ready_after_us=4 * SECOND),))
    (started_us, _, _), (ready_us, _, _) = bench.kinds("ContainerStarted", "ContainerReady")
    assert ready_us - started_us == 4 * SECOND
    ready = next(item for item in status_of(bench)["conditions"] if item["type"] == "Ready")
    assert ready["lastTransitionTime"] == ready_us - ready_us % SECOND


def test_before_1_29_there_is_no_condition_of_the_sandbox() -> None:
    """Four conditions, not five."""
    bench = running(V1_24)
    assert [item["type"] for item in status_of(bench)["conditions"]][:2] == ["Initialized", "Ready"]


# --- graceful termination -------------------------------------------------------------------------------------------


def test_a_deleted_pod_stops_gracefully_and_then_its_object_goes() -> None:
    """SIGTERM at once, exit after `stopAfter`, Failed (143) in the API, DELETE with grace 0 and its uid."""
    bench = running()
    ask_deletion(bench)
    bench.run(40 * SECOND)
    assert [(t, fields) for t, _, fields in bench.kinds("PodDeletionSeen")] == [
        (30 * SECOND + MILLISECOND, {"uid": "uid-pods-a", "grace_seconds": 30})
    ]
    stopped_us = 32 * SECOND + MILLISECOND
    assert stops(bench) == [(stopped_us, 143, "stopped")]
    assert bench.requests(Patch, "pods")[-1][0] == stopped_us
    [(deleted_us, request)] = bench.requests(Delete, "pods")
    assert deleted_us == stopped_us + 2 * MILLISECOND
    assert request == Delete("pods", "default", "a", grace_seconds=0, uid="uid-pods-a")
    assert ("pods", "a") not in bench.api.objects
    phases = [new["status"]["phase"] for new in writes_of(bench)]
    assert phases[-1] == "Failed"
    assert bench.runtime.sandboxes == {}


def test_up_to_1_26_a_pod_goes_while_still_running() -> None:
    """No terminal phase is written before the final delete."""
    bench = running(V1_24)
    ask_deletion(bench)
    bench.run(40 * SECOND)
    assert [new["status"]["phase"] for new in writes_of(bench)] == ["Pending", "Running", "Running"]
    assert len(bench.requests(Delete, "pods")) == 1


@pytest.mark.parametrize("profile", [V1_24, V1_36], ids=lambda profile: profile.name)
def test_the_object_stays_as_long_as_a_container_runs(profile: Profile) -> None:
    """Whatever the API shows of its phase, the final delete comes after the last stop."""
    bench = running(profile, NEVER_STOPS)
    ask_deletion(bench)
    bench.run(90 * SECOND)
    [(stopped_us, _, _)] = stops(bench)
    [(deleted_us, _)] = bench.requests(Delete, "pods")
    assert 60 * SECOND < stopped_us <= deleted_us


def test_a_container_that_does_not_stop_is_killed_when_the_grace_ends() -> None:
    """`stopAfter: never`: SIGKILL after the pod's 30 s, counted from when the kubelet saw the deletion."""
    bench = running(rules=NEVER_STOPS)
    ask_deletion(bench)
    bench.run(70 * SECOND)
    assert stops(bench) == [(60 * SECOND + MILLISECOND, 137, "killed")]


def test_a_late_kubelet_still_gives_the_whole_grace() -> None:
    """The deletion is seen 100 s late: the countdown begins then."""
    bench = running(rules=NEVER_STOPS)
    bench.watching = False
    ask_deletion(bench)
    bench.run(130 * SECOND)
    bench.relist()
    bench.run(170 * SECOND)
    assert stops(bench) == [(160 * SECOND + MILLISECOND, 137, "killed")]


def test_a_force_delete_seen_live_kills_within_two_seconds() -> None:
    """MODIFIED with grace 0, then DELETED: the runtime is given its least, 2 s; no status is written."""
    bench = running(rules=NEVER_STOPS)
    before = len(bench.calls)
    ask_deletion(bench, grace=0)
    bench.api.drop("pods", "a")
    bench.run(40 * SECOND)
    assert stops(bench) == [(32 * SECOND + MILLISECOND, 137, "killed")]
    assert bench.kinds("PodDeletionSeen")[0][2]["grace_seconds"] == 0
    assert [call for _, call in bench.calls[before:] if isinstance(call.request, Patch | Delete)] == []


def test_a_force_delete_found_by_a_new_list_takes_the_whole_grace() -> None:
    """The object is long gone: the pod's own 30 s count, from the list on."""
    bench = running(rules=NEVER_STOPS)
    bench.watching = False
    bench.api.drop("pods", "a")
    bench.run(100 * SECOND)
    assert stops(bench) == []
    bench.relist()
    bench.run(140 * SECOND)
    assert bench.kinds("PodDeletionSeen")[0][2]["grace_seconds"] == 30
    assert stops(bench) == [(130 * SECOND + MILLISECOND, 137, "killed")]
    assert bench.runtime.sandboxes == {}


def test_a_pod_that_vanished_while_terminating_keeps_its_known_grace() -> None:
    """A shorter period that comes during a stop does not shorten it."""
    bench = running(rules=NEVER_STOPS)
    ask_deletion(bench, grace=20)
    bench.run(35 * SECOND)
    ask_deletion(bench, grace=0)
    bench.api.drop("pods", "a")
    bench.run(60 * SECOND)
    assert stops(bench) == [(50 * SECOND + MILLISECOND, 137, "killed")]
    assert len(bench.kinds("PodDeletionSeen")) == 1


def test_another_pod_of_the_same_name_starts_beside_the_old_one() -> None:
    """A new uid is a new pod, also when one list shows both the end of the one and the start of the other."""
    bench = running(rules=NEVER_STOPS)
    bench.watching = False
    bench.api.drop("pods", "a")
    bench.api.put("pods", pod("a", uid="second"))
    bench.relist()
    bench.run(40 * SECOND)
    assert [sandbox.uid for sandbox in bench.runtime.sandboxes.values() if sandbox.live] == ["uid-pods-a", "second"]
    bench.run(70 * SECOND)
    assert list(bench.runtime.sandboxes) == ["second"]


def test_a_pod_deleted_before_its_container_started_goes_at_once() -> None:
    """Nothing runs yet: the start is given up, no container record is written, and the object is deleted."""
    bench = Bench(rules=(ContainerRule(start_after_us=20 * SECOND),))
    bench.run(BOUND_US)
    bench.api.put("pods", pod("a"))
    bench.run(25 * SECOND)
    ask_deletion(bench)
    bench.run(60 * SECOND)
    assert bench.kinds("ContainerStarted", "ContainerStopped") == []
    assert ("pods", "a") not in bench.api.objects


# --- status writes --------------------------------------------------------------------------------------------------


def test_a_ready_condition_that_the_node_controller_changed_is_undone_at_the_next_tick() -> None:
    """Ready=False from outside is written over at the next 10 s tick, with the old transition time."""
    bench = running()
    bench.run(33 * SECOND)
    seen = bench.api.objects["pods", "a"]
    conditions = [
        {**item, "status": "False", "lastTransitionTime": 33 * SECOND} if item["type"] == "Ready" else item
        for item in seen["status"]["conditions"]
    ]
    bench.api.put("pods", {**seen, "status": {**seen["status"], "conditions": conditions}})
    bench.run(45 * SECOND)
    assert bench.requests(Patch, "pods")[-1][0] == 40 * SECOND
    ready = next(item for item in status_of(bench)["conditions"] if item["type"] == "Ready")
    assert (ready["status"], ready["lastTransitionTime"]) == ("True", 20 * SECOND)


def test_what_is_seen_at_the_instant_of_a_tick_is_written_by_that_tick() -> None:
    """Seen at 40.000 s, written over at 40.000 s."""
    bench = running()
    bench.run(40 * SECOND - MILLISECOND)
    seen = bench.api.objects["pods", "a"]
    conditions = [item for item in seen["status"]["conditions"] if item["type"] != "Ready"]
    bench.api.put("pods", {**seen, "status": {**seen["status"], "conditions": conditions}})
    bench.run(41 * SECOND)
    assert bench.requests(Patch, "pods")[-1][0] == 40 * SECOND


def test_a_tick_that_passed_during_a_write_is_made_up_for() -> None:
    """A PATCH that hangs until its connection dies at 71 s is sent again then, not at 80 s."""
    bench = running(rules=(ContainerRule(ready_after_us=5_699 * MILLISECOND),))
    assert bench.requests(Patch, "pods")[-1][0] == 26 * SECOND
    bench = Bench(rules=(ContainerRule(ready_after_us=5_699 * MILLISECOND),))
    bench.run(BOUND_US)
    bench.api.put("pods", pod("a"))
    bench.run(25 * SECOND)
    bench.api.cut = True
    bench.run(60 * SECOND)
    bench.api.cut = False
    bench.run(75 * SECOND)
    assert [t for t, _ in bench.requests(Patch, "pods")][-2:] == [26 * SECOND, 71 * SECOND]


def test_a_phase_that_is_final_in_the_api_is_not_taken_back() -> None:
    """Somebody wrote Succeeded: the containers are stopped (143), and the phase stays."""
    bench = running()
    seen = bench.api.objects["pods", "a"]
    bench.api.put("pods", {**seen, "status": {**seen["status"], "phase": "Succeeded"}})
    bench.run(60 * SECOND)
    assert [code for _, code, _ in stops(bench)] == [143]
    assert status_of(bench)["phase"] == "Succeeded"


def test_a_failed_write_is_tried_again_at_the_next_tick() -> None:
    """No retry of its own: the 10 s tick takes it up."""
    bench = Bench()
    bench.run(BOUND_US)
    bench.api.refuse["patch", "pods"] = [500, 500]
    bench.api.put("pods", pod("a"))
    bench.run(29 * SECOND)
    assert status_of(bench)["phase"] == "Pending"
    bench.run(31 * SECOND)
    assert status_of(bench)["phase"] == "Running"
    assert bench.requests(Patch, "pods")[-1][0] == 30 * SECOND


def test_a_failed_final_delete_is_tried_again_at_the_next_tick() -> None:
    """DELETE 500 at 32 s, again at 40 s."""
    bench = running()
    bench.api.refuse["delete", "pods"] = [500]
    ask_deletion(bench)
    bench.run(45 * SECOND)
    assert [t // SECOND for t, _ in bench.requests(Delete, "pods")] == [32, 40]
    assert ("pods", "a") not in bench.api.objects


# --- restarts -------------------------------------------------------------------------------------------------------


def test_the_delays_of_a_crash_loop() -> None:
    """0, 10, 20, 40, 80, 160, 300, 300 s; after a run of more than ten minutes it begins anew."""
    backoff = CrashBackoff()
    now_us, delays = 0, []
    for _ in range(8):
        delay_us = backoff.delay_us(("u", "c"), now_us)
        delays.append(delay_us // SECOND)
        backoff.restarted(("u", "c"), now_us, now_us + delay_us)
        now_us += delay_us + SECOND
    assert delays == [0, 10, 20, 40, 80, 160, 300, 300]
    started_us = now_us - SECOND
    assert backoff.delay_us(("u", "c"), started_us + 10 * MINUTE) == 300 * SECOND
    assert backoff.delay_us(("u", "c"), started_us + 10 * MINUTE + 1) == 0


@pytest.mark.parametrize("profile", [V1_24, V1_36])
def test_a_crashing_container_is_restarted_with_growing_delays(profile: Profile) -> None:
    """Nominal delays are drawn out by the retry: up to half of the rest (1.35 on), or to the next of 10-15 s steps."""
    bench = running(profile, rules=(ContainerRule(exits=((SECOND, 1),), start_after_us=0),))
    bench.run(15 * MINUTE)
    starts = [t for t, _, _ in bench.kinds("ContainerStarted")]
    exits = [t for t, _, _ in stops(bench)]
    waits = [start - end for end, start in zip(exits, starts[1:])]
    nominal = [seconds * SECOND for seconds in (0, 10, 20, 40, 80, 160)]
    assert waits[0] == 0
    for wait_us, nominal_us in zip(waits[1:], nominal[1:]):
        most_us = nominal_us * 3 // 2 if profile is V1_36 else nominal_us + 15 * SECOND
        assert nominal_us <= wait_us <= most_us
    [container] = status_of(bench)["containerStatuses"]
    assert status_of(bench)["phase"] == "Running"
    assert container["restartCount"] == len(starts) - 1
    assert container["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert container["state"]["waiting"]["message"].startswith(
        "back-off 5m restarting failed container=c pod=a_default"
    )
    assert container["lastState"]["terminated"]["exitCode"] == 1


POLICIES = [("Never", 0, "Succeeded", 1), ("Never", 3, "Failed", 1), ("OnFailure", 0, "Succeeded", 1)]


@pytest.mark.parametrize(("policy", "code", "phase", "runs"), POLICIES)
def test_a_pod_that_ends_is_not_restarted_and_not_deleted(policy: str, code: int, phase: str, runs: int) -> None:
    """Its phase is final and its object stays."""
    bench = running(rules=(ContainerRule(exits=((SECOND, code),)),), restartPolicy=policy)
    bench.run(5 * MINUTE)
    assert len(bench.kinds("ContainerStarted")) == runs
    status = status_of(bench)
    assert status["phase"] == phase
    ready = next(item for item in status["conditions"] if item["type"] == "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "PodCompleted" if phase == "Succeeded" else "PodFailed")
    assert bench.requests(Delete, "pods") == []
