"""What does a new kubelet process do with what it finds, and whom does it admit?"""

from __future__ import annotations

from nodesim.messages import Patch
from nodesim.spec import NodeSpec
from nodesim.units import SECOND
from tests.kubelet.bench import Bench, pod
from tests.kubelet.running import BOUND_US, NEVER_STOPS, ask_deletion, running, status_of, stops

# --- restart of the kubelet -----------------------------------------------------------------------------------------


def restarted(bench: Bench) -> Bench:
    """Another kubelet process on the same machine, against the same API."""
    return Bench(api=bench.api, runtime=bench.runtime, start_us=bench.now_us)


def test_a_restarted_kubelet_adopts_what_runs() -> None:
    """Same containers, no new start; and nothing to write, because the API says the same already."""
    bench = restarted(running())
    bench.run(60 * SECOND)
    assert bench.kinds("ContainerStarted", "ContainerStopped") == []
    assert bench.requests(Patch, "pods") == []


def test_a_pod_deleted_meanwhile_is_stopped_by_the_new_kubelet() -> None:
    """It comes with a deletionTimestamp: its whole grace, then the final delete."""
    first = running(rules=NEVER_STOPS)
    ask_deletion(first)
    bench = restarted(first)
    bench.run(70 * SECOND)
    assert [(t // SECOND, why) for t, _, why in stops(bench)] == [(60, "killed")]
    assert ("pods", "a") not in bench.api.objects


def test_housekeeping_stops_what_belongs_to_no_pod() -> None:
    """The pod was force-deleted while no kubelet ran: its container is stopped within 2 s + 2 s of the start."""
    first = running(rules=NEVER_STOPS)
    first.api.drop("pods", "a")
    bench = restarted(first)
    bench.run(60 * SECOND)
    assert [(t, why) for t, _, why in stops(bench)] == [(34 * SECOND, "killed")]
    assert bench.runtime.sandboxes == {}
    assert bench.kinds("PodDeletionSeen") == []


def test_a_final_delete_that_the_old_kubelet_still_owed_is_made_by_the_new_one() -> None:
    """Phase Failed is written and the pod is to go, but the DELETE was not sent."""
    first = running()
    first.api.refuse["delete", "pods"] = [500]
    ask_deletion(first)
    first.run(35 * SECOND)
    assert status_of(first)["phase"] == "Failed"
    bench = restarted(first)
    bench.run(45 * SECOND)
    assert ("pods", "a") not in bench.api.objects
    assert bench.requests(Patch, "pods") == []


# --- admission ------------------------------------------------------------------------------------------------------


def test_a_pod_that_does_not_fit_fails_and_stays() -> None:
    """Phase Failed with its reason, an event, no container; the next pod is admitted in its place."""
    bench = Bench(NodeSpec(name="n1", capacity={"cpu": "1", "memory": "1Gi", "pods": "110"}))
    bench.run(BOUND_US)
    large = [{"name": "c", "image": "app", "resources": {"requests": {"cpu": "2"}}}]
    bench.api.put("pods", pod("a", containers=large))
    bench.api.put("pods", pod("b"))
    bench.run(30 * SECOND)
    status = status_of(bench)
    assert (status["phase"], status["reason"]) == ("Failed", "OutOfcpu")
    assert status["message"] == (
        "Pod was rejected: Node didn't have enough resource: cpu, requested: 2000, used: 0, capacity: 1000"
    )
    assert status_of(bench, "b")["phase"] == "Running"
    assert len(bench.kinds("ContainerStarted")) == 1


def test_a_restarted_kubelet_asks_again_whether_what_runs_may() -> None:
    """A NoExecute taint that the pod does not tolerate: refused, Failed, and stopped by housekeeping."""
    first = running(rules=NEVER_STOPS)
    node = first.api.objects["nodes", "n1"]
    taint = {"key": "k", "effect": "NoExecute"}
    first.api.objects["nodes", "n1"] = {**node, "spec": {"taints": [taint]}}
    bench = restarted(first)
    bench.run(60 * SECOND)
    assert status_of(bench)["reason"] == "TaintToleration"
    assert len(stops(bench)) == 1
