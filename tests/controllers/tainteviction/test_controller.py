"""In which order are nodes and pods handled, what is taken for nothing new, and what comes to nothing?"""

from __future__ import annotations

from nodesim.controllers.tainteviction import TimedWorkerQueue
from nodesim.controllers.tainteviction.timed_workers import Added
from nodesim.machine import Answered, Changed, Record, SetTimer, Synced, TimerFired, Told
from nodesim.objects import node_view, pod_view
from nodesim.units import MILLISECOND, SECOND
from tests.controllers.tainteviction.fakes import CANCELLING, MARKING, A, B, Cluster, cluster_with, node, pod, tolerates
from tests.play import play


def test_node_updates_go_before_pod_updates_of_the_same_instant() -> None:
    """A pod loses its toleration and its node the taint in one instant: the pod stays, whichever is heard first."""
    cluster = cluster_with(tolerates("A", 100))
    cluster.put_node(node("n", A))
    cluster.run_until(5)
    cluster.put_pod(pod("p", "n"))
    cluster.put_node(node("n"))
    cluster.run_until(200)
    assert cluster.messages() == [(5 * SECOND, CANCELLING)]


def test_a_timer_made_in_this_instant_is_replaced() -> None:
    """Only then is a timer set anew: created and changed at the same microsecond."""
    cluster = cluster_with(tolerates("A", 100), tolerates("B", 30))
    cluster.run_until(5)
    cluster.put_node(node("n", A))
    cluster.put_node(node("n", A, B))
    cluster.run_until(200)
    assert cluster.messages() == [(5 * SECOND, CANCELLING), (35 * SECOND, MARKING)]
    assert cluster.of_kind("EvictionCancelled") == [(5 * SECOND, "Pod/default/p", {"why": "set anew"})]


def test_a_queued_update_of_a_pod_that_moved_is_ignored() -> None:
    """A pod update counts for the node the pod was on when it was queued, and only if it still is there."""
    cluster = cluster_with()
    cluster.put_node(node("m", A))
    cluster.put_pod(pod("q", "m"))
    cluster.put_pod(pod("q", "n"))
    cluster.run_until(1)
    assert cluster.requests == []


def test_nothing_happens_before_both_caches_are_filled() -> None:
    """Pods and taints that are listed first are judged, once, when the second list is there."""
    cluster = Cluster()
    cluster.put_node(node("n", A))
    cluster.put_pod(pod("p", "n"))
    cluster.feed(Synced("pods"))
    cluster.feed(Synced("pods"))
    assert cluster.records == []
    cluster.feed(Synced("nodes"))
    cluster.run_until(1)
    assert [text for _, text in cluster.messages()] == [MARKING]


def test_a_restart_starts_all_timers_again() -> None:
    """A new process knows nothing of the old timers: 30 s count from its own first look."""
    cluster = cluster_with(tolerates("A", 30))
    cluster.put_node(node("n", A))
    cluster.run_until(20)
    cluster.restart()
    cluster.feed(Changed("pods", "default/p", None, pod_view(pod("p", "n", [tolerates("A", 30)]))))
    cluster.feed(Changed("nodes", "n", None, node_view(node("n", A))))
    cluster.sync()
    cluster.run_until(100)
    assert cluster.messages() == [(50 * SECOND, MARKING)]


def test_a_cancel_during_a_deletion_does_not_stop_it() -> None:
    """The taint goes while a timer's eviction is under way: an event says Cancelling, the pod is deleted."""
    cluster = cluster_with(tolerates("A", 10))
    cluster.put_node(node("n", A))
    cluster.run_until(10.001)
    cluster.put_node(node("n"))
    cluster.run_until(20)
    assert [text for _, text in cluster.messages()] == [MARKING, CANCELLING]
    assert cluster.deleted() == {"p": 10 * SECOND + 4 * MILLISECOND}


def test_a_cancel_of_an_immediate_eviction_writes_no_event() -> None:
    """Work that is due at once has no timer, so there is nothing to cancel; the deletion goes on."""
    cluster = cluster_with()
    cluster.put_node(node("n", A))
    cluster.run_until(0.001)
    cluster.put_node(node("n"))
    cluster.run_until(1)
    assert [text for _, text in cluster.messages()] == [MARKING]
    assert cluster.deleted() == {"p": 4 * MILLISECOND}


def test_an_ending_deletion_frees_a_replacement_whose_timer_then_cannot_be_cancelled() -> None:
    """The known flaw: the key is freed whoever holds it by then; the replacement's timer fires all the same."""
    queue = TimedWorkerQueue(frees_key=True)
    assert queue.add("k", "n", 0, 0) is Added.RUN
    assert not queue.cancel("k")
    assert queue.add("k", "n", 1, 9) is Added.TIMER
    queue.finish("k", ok=True)
    assert not queue.cancel("k")
    assert queue.find("k") is None
    worker = queue.fire("k")
    assert worker is not None
    assert worker.fire_us == 9
    assert queue.fire("k") is None


def test_a_taken_key_ignores_work_until_it_is_freed() -> None:
    """While a deletion runs its key is taken; afterwards it is free, in v1.24 only after a failure or a cancel."""
    for frees_key, ok, free in ((True, True, True), (True, False, True), (False, False, True), (False, True, False)):
        queue = TimedWorkerQueue(frees_key=frees_key)
        assert queue.add("k", "n", 0, 5) is Added.TIMER
        assert queue.fire("k") is not None
        assert queue.fire("k") is None
        assert queue.add("k", "n", 6, 7) is Added.IGNORED
        queue.finish("k", ok=ok)
        assert queue.taken("k") != free
        assert not queue.cancel("k")
        assert not queue.taken("k")


def test_unknown_answers_timers_and_steps_are_ignored() -> None:
    """Answers to events, timers of a past process and steps of the scenario order nothing."""
    cluster = cluster_with()
    script = [Answered(("event", 1), 201), Answered(("evict", 77, "get"), 200), Answered("x", 200)]
    more = [TimerFired(("evict", "default/p")), TimerFired(("retry", 5)), TimerFired("x"), Told("x")]
    others = [Changed("leases", "n", None, None), Synced("leases")]
    assert play(cluster.controller, [(SECOND, event) for event in [*script, *more, *others]]) == []


def test_an_unchanged_pod_orders_nothing() -> None:
    """A status update of a pod on a tainted node sets no timer."""
    cluster = cluster_with(tolerates("A", 10))
    cluster.put_node(node("n", A))
    old = pod_view(pod("p", "n", [tolerates("A", 10)]))
    new = pod_view(pod("p", "n", [tolerates("A", 10)], "Pending"))
    assert cluster.controller.handle(Changed("pods", "default/p", old, new), 5) == []
    bound = pod_view(pod("q", "n", [tolerates("A", 10)]))
    effects = cluster.controller.handle(Changed("pods", "default/q", None, bound), 5)
    assert effects == [SetTimer(("pod", "default/q", "n"), 5)]
    assert "tainted=['n']" in repr(cluster.controller)


def test_every_decision_is_recorded_before_its_calls() -> None:
    """In each turn the record comes first, so that what follows has it as its cause."""
    cluster = cluster_with()
    effects = cluster.controller.handle(Changed("nodes", "n", node_view(node("n")), node_view(node("n", A))), 5)
    assert isinstance(effects[0], Record)
    assert [type(effect).__name__ for effect in effects] == ["Record", "Call", "Call"]
