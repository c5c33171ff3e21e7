"""How long after its outage was a pod asked to go, and how long until another was ready?"""

from tests.ledger.build import RS, STS, ledger_in
from tests.trace.script import Script, us


def test_eviction_counts_from_the_outage_to_the_first_request() -> None:
    """A force delete afterwards does not change it; pods of other nodes and pods that stay have no entry."""
    script = Script()
    for name, uid, node in (("a", "u1", "n1"), ("b", "u2", "n2"), ("stays", "u3", "n1"), ("pending", "u4", "")):
        script.pod(1, name, uid, node)
    script.cut(100, "n1")
    script.delete(450.5, "a", "u1", "taint-eviction-controller")
    script.gone(500, "Pod/default/a", "u1")
    script.delete(450, "b", "u2", "operator")
    script.delete(450, "pending", "u4", "operator")
    script.end(600)
    assert ledger_in(script).eviction_us == {"default/a": us(350.5)}


def test_a_forced_delete_is_a_request_too() -> None:
    """The object goes at once, without a deletionTimestamp."""
    script = Script()
    script.pod(1, "a", "u1", "n1")
    script.cut(100, "n1")
    script.gone(130, "Pod/default/a", "u1")
    script.end(200)
    assert ledger_in(script).eviction_us == {"default/a": us(30)}


def test_after_an_outage_only_evictors_requests_count() -> None:
    """The taint outlives the healing by a pass, so an eviction may come late; a person's delete is another matter."""
    script = Script()
    script.pod(1, "a", "u1", "n1")
    script.pod(1, "b", "u2", "n1")
    script.pod(250, "new", "u3", "n1")
    script.cut(100, "n1")
    script.heal(200, "n1")
    script.delete(202, "a", "u1", "taint-eviction-controller")
    script.delete(202, "b", "u2", "operator")
    script.delete(300, "new", "u3", "taint-eviction-controller")
    script.end(400)
    assert ledger_in(script).eviction_us == {"default/a": us(102)}


def test_of_pods_under_one_name_the_longest_counts() -> None:
    """db-0 was evicted after 350 s, and its successor, on another node, after 20 s."""
    script = Script()
    script.pod(1, "db-0", "u1", "n1", STS)
    script.cut(100, "n1")
    script.delete(450, "db-0", "u1", "taint-eviction-controller")
    script.gone(460, "Pod/default/db-0", "u1")
    script.pod(461, "db-0", "u2", "n2", STS)
    script.pod_is(470, "db-0", "u2", ready=True)
    script.cut(500, "n2")
    script.delete(520, "db-0", "u2", "taint-eviction-controller")
    script.gone(521, "Pod/default/db-0", "u2")
    script.pod(521, "db-0", "u3", "n3", STS)
    script.pod_is(523, "db-0", "u3", ready=True)
    script.end(600)
    ledger = ledger_in(script)
    assert ledger.eviction_us == {"default/db-0": us(350)}
    assert ledger.replacement_us == {"default/db-0": us(20)}


def test_each_evicted_pod_has_a_replacement_of_its_own() -> None:
    """Two go at once; the first new pod replaces the first, the second the second; one never Ready replaces none."""
    script = Script()
    for name, uid in (("a", "u1"), ("b", "u2")):
        script.pod(1, name, uid, "n1", RS, ready=True)
    script.pod(1, "other", "u9", "n2", "ReplicaSet/default/other")
    for name, uid in (("a", "u1"), ("b", "u2")):
        script.delete(100, name, uid, "taint-eviction-controller")
    script.pod(100, "c", "u3", "n2", RS)
    script.pod(100.5, "stuck", "u4", "", RS)
    script.pod(101, "d", "u5", "n2", RS)
    script.pod(101, "e", "u6", "n2", "ReplicaSet/default/other")
    script.pod_is(101.5, "e", "u6", ready=True)
    script.pod_is(102, "d", "u5", ready=True)
    script.pod_is(103, "c", "u3", ready=True)
    script.pod_is(104, "c", "u3", ready=False)
    script.pod_is(105, "c", "u3", ready=True)
    script.end(200)
    assert ledger_in(script).replacement_us == {"default/a": us(3), "default/b": us(2)}


def test_without_a_replacement_there_is_no_figure() -> None:
    """A bare pod, a pod whose successor is not Ready by the run's end, and one too many that its own set deletes."""
    script = Script()
    script.pod(1, "bare", "u1", "n1")
    script.delete(10, "bare", "u1", "operator")
    script.pod(1, "a", "u2", "n1", "ReplicaSet/default/a")
    script.delete(10, "a", "u2", "operator")
    script.pod(11, "a2", "u3", "n2", "ReplicaSet/default/a")
    script.pod(1, "b", "u4", "n1", "ReplicaSet/default/b")
    script.delete(10, "b", "u4", "replicaset-controller")
    script.pod(11, "b2", "u5", "n2", "ReplicaSet/default/b", ready=True)
    script.pod(1, "db-0", "u6", "n1", STS)
    script.delete(10, "db-0", "u6", "operator")
    script.pod(11, "db-1", "u7", "n2", STS, ready=True)
    script.end(100)
    assert ledger_in(script).replacement_us == {}
