"""How many pods did a workload lack, and for how long?"""

from tests.ledger.build import RS, ledger_in, make_set, run
from tests.trace.script import Script, us


def test_unavailable_time_counts_missing_pods_from_the_creation_on() -> None:
    """Two wanted at 10 s; one Ready at 12 s, one at 15 s: 2*2 + 1*3 = 7 pod-seconds; one too many counts nothing."""
    script = Script()
    make_set(script, 10, 2)
    run(script, 12, "a", "u1", "n1")
    run(script, 15, "b", "u2", "n2")
    run(script, 20, "c", "u3", "n2")
    script.end(100)
    assert ledger_in(script).unavailable_us == {RS: us(7)}


def test_a_pod_on_a_node_that_is_out_is_unavailable_although_it_is_believed_ready() -> None:
    """Out from 20 s; belief follows at 70 s, the replacement at 80 s; healed at 90 s: 60 pod-seconds."""
    script = Script()
    make_set(script, 10, 1)
    run(script, 10, "a", "u1", "n1")
    script.cut(20, "n1")
    script.pod_is(70, "a", "u1", "node-controller", ready=False)
    run(script, 80, "b", "u2", "n2")
    script.heal(90, "n1")
    script.end(100)
    assert ledger_in(script).unavailable_us == {RS: us(60)}


def test_a_pod_counts_only_while_a_container_truly_runs() -> None:
    """Its container exits at 20 s, belief follows at 25 s, it runs again at 28 s and is Ready at 30 s: 10 s."""
    script = Script()
    make_set(script, 10, 1)
    run(script, 10, "a", "u1", "n1")
    script.stop(20, "n1", "a", "u1", "exited")
    script.pod_is(25, "a", "u1", ready=False)
    script.start(28, "n1", "a", "u1", attempt=1)
    script.pod_is(30, "a", "u1", ready=True)
    script.end(100)
    assert ledger_in(script).unavailable_us == {RS: us(10)}


def test_scaling_and_deletion_of_the_owner_change_what_is_missing() -> None:
    """One pod: 1 wanted to 20 s, 3 to 30 s (2*10), none at all after its deletion at 50 s (2*20 more)."""
    script = Script()
    make_set(script, 10, 1)
    run(script, 10, "a", "u1", "n1")
    script.modify(20, RS, f"u-{RS}", replicas=3)
    script.modify(30, RS, f"u-{RS}", ready_replicas=1)
    script.gone(50, RS, f"u-{RS}")
    script.end(100)
    assert ledger_in(script).unavailable_us == {RS: us(60)}


def test_a_deployments_pods_are_those_of_its_replica_sets() -> None:
    """Owners of owners count too; other kinds' pods do not; owners that point at each other end somewhere."""
    script = Script()
    make_set(script, 10, 2, "Deployment/default/web")
    make_set(script, 10, 1, RS, "Deployment/default/web")
    make_set(script, 10, 1, "ReplicaSet/default/odd", "ReplicaSet/default/odd")
    run(script, 10, "a", "u1", "n1")
    run(script, 10, "odd-a", "u2", "n1", "ReplicaSet/default/odd")
    run(script, 10, "bare", "u3", "n1", "")
    script.end(100)
    assert ledger_in(script).unavailable_us == {
        "Deployment/default/web": us(90),
        "ReplicaSet/default/odd": 0,
        RS: 0,
    }


def test_two_outages_that_overlap_leave_both_pods_out() -> None:
    """n1 out 20-40 s, n2 out 30-60 s: 10*1 + 10*2 + 20*1 = 50 pod-seconds."""
    script = Script()
    make_set(script, 10, 2)
    run(script, 10, "a", "u1", "n1")
    run(script, 10, "b", "u2", "n2")
    script.cut(20, "n1")
    script.cut(30, "n2", "to-control-plane")
    script.heal(40, "n1")
    script.heal(60, "n2")
    script.end(100)
    assert ledger_in(script).unavailable_us == {RS: us(50)}


def test_a_set_made_again_under_its_name_counts_both_lives() -> None:
    """10 s short in the first life, 5 s in the second; nobody misses pods in between."""
    script = Script()
    make_set(script, 10, 1)
    script.gone(20, RS, f"u-{RS}")
    script.create(50, RS, "second", replicas=1, ready_replicas=0, labels={}, owner="")
    run(script, 55, "a", "u1", "n1")
    script.end(100)
    assert ledger_in(script).unavailable_us == {RS: us(15)}
