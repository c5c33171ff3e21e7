"""How long did containers run that should not, and how long one identity on two nodes?"""

from tests.ledger.build import ledger_in
from tests.trace.script import Script, us


def test_a_graceful_stop_within_its_grace_is_no_ghost() -> None:
    """Gone after 2 s; and one that needs all of its 30 s, and so ends a second after the cut deletionTimestamp."""
    script = Script()
    for name, uid, stopped in (("a", "u1", 12), ("b", "u2", 40.95)):
        script.pod(1, name, uid, "n1")
        script.start(2, "n1", name, uid)
        script.delete(10.9, name, uid, "operator")
        script.seen(10.91, "n1", name, uid)
        script.stop(stopped, "n1", name, uid, "killed")
        script.gone(41, f"Pod/default/{name}", uid)
    script.end(100)
    assert ledger_in(script).ghost_pod_us == 0


def test_ghost_time_begins_with_the_deletion_timestamp_and_counts_a_pod_once() -> None:
    """Cut off: deletionTimestamp 130 s, its two containers stop at 200 s and 190 s: 70 s, not 130 s."""
    script = Script()
    script.pod(1, "a", "u1", "n1")
    for container in ("c", "d"):
        script.start(2, "n1", "a", "u1", container)
    script.delete(100, "a", "u1", "taint-eviction-controller", grace=30)
    script.seen(170, "n1", "a", "u1")
    script.stop(190, "n1", "a", "u1", container="d")
    script.stop(200, "n1", "a", "u1", container="c")
    script.end(300)
    assert ledger_in(script).ghost_pod_us == us(70)


def test_ghosts_of_forced_deletions_run_to_the_end() -> None:
    """Object gone at 100 s: one container never stops (200 s to the run's end), one in 2 s, one was not running."""
    script = Script()
    for name, uid in (("a", "u1"), ("b", "u2"), ("c", "u3")):
        script.pod(1, name, uid, "n1")
        script.start(2, "n1", name, uid)
    script.stop(50, "n1", "c", "u3", "exited")
    for name, uid in (("a", "u1"), ("b", "u2"), ("c", "u3")):
        script.gone(100, f"Pod/default/{name}", uid)
    script.seen(100.01, "n1", "b", "u2", 0)
    script.stop(102, "n1", "b", "u2")
    script.end(300)
    assert ledger_in(script).ghost_pod_us == us(202)


def test_a_kubelet_that_knew_and_did_not_stop_the_container_leaves_a_ghost() -> None:
    """It saw the deletion in time and then died: its container outlives the grace, from the timestamp on."""
    script = Script()
    script.pod(1, "a", "u1", "n1")
    script.start(2, "n1", "a", "u1")
    script.delete(10, "a", "u1", "operator", grace=30)
    script.seen(10.5, "n1", "a", "u1", 30)
    script.switch(11, "n1", "KubeletStopped")
    script.end(100)
    assert ledger_in(script).ghost_pod_us == us(60)


def test_a_container_without_an_object_of_its_own_is_no_ghost() -> None:
    """Nobody believed in it; so nobody is wrong about it."""
    script = Script()
    script.start(2, "n1", "a", "u1")
    script.end(100)
    assert ledger_in(script).ghost_pod_us == 0


def test_double_run_is_the_time_on_two_nodes_at_once() -> None:
    """db-0 on n1 from 0 to 300 s, on n2 from 200 s on (restarting once): 60 + 30 s; touching or one node counts 0."""
    script = Script()
    script.start(0, "n1", "db-0", "u1")
    script.start(200, "n2", "db-0", "u2")
    script.stop(260, "n2", "db-0", "u2", "exited")
    script.start(270, "n2", "db-0", "u2", attempt=1)
    script.stop(300, "n1", "db-0", "u1")
    script.start(0, "n1", "db-1", "u3")
    script.stop(100, "n1", "db-1", "u3")
    script.start(100, "n2", "db-1", "u4")
    script.start(0, "n1", "db-2", "u5", "c")
    script.start(0, "n1", "db-2", "u5", "d")
    script.end(400)
    assert ledger_in(script).double_run_us == {"default/db-0": us(90)}


def test_a_double_run_may_last_to_the_end() -> None:
    """Nothing stops either: it counts up to the run's end."""
    script = Script()
    script.start(0, "n1", "db-0", "u1")
    script.start(399, "n2", "db-0", "u2")
    script.end(400)
    assert ledger_in(script).double_run_us == {"default/db-0": us(1)}
