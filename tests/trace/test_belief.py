"""What the API server's records say about each object over time."""

from nodesim.trace import believe
from nodesim.trace.belief import condition_status, ready_status
from tests.trace.script import Script, us


def test_modified_keys_are_merged_into_the_state() -> None:
    """A record carries only what changed; the state after it is whole, and the one before stays as it was."""
    script = Script()
    script.pod(1, "a", "u1")
    bound = script.pod_is(2, "a", "u1", "scheduler", node="n1")
    belief = believe(script.records)
    first, second = belief.sights("Pod/default/a")
    assert first.state is not None and first.state["node"] == ""
    assert second.state is not None and (second.state["node"], second.state["phase"]) == ("n1", "Pending")
    assert (second.t_us, second.record, second.by) == (us(2), bound, "scheduler")


def test_a_name_used_again_is_another_incarnation() -> None:
    """Each uid has its own life; the name's line shows the gap."""
    script = Script()
    script.pod(1, "a", "u1")
    script.gone(2, "Pod/default/a", "u1")
    script.pod(3, "a", "u2", node="n2")
    belief = believe(script.records)
    old, new = belief.incarnations["Pod/default/a"]
    assert (old.uid, old.created_us, old.deleted_us) == ("u1", us(1), us(2))
    assert (new.uid, new.created_us, new.deleted_us) == ("u2", us(3), None)
    assert [sight.state is None for sight in belief.sights("Pod/default/a")] == [False, True, False]
    assert belief.find("Pod/default/a", "u1") is old
    assert old.last_state["node"] == ""


def test_the_state_at_an_instant_is_the_one_after_all_its_events() -> None:
    """A lookup counts everything of its microsecond, and nothing later."""
    script = Script()
    script.pod(1, "a", "u1")
    script.pod_is(1, "a", "u1", phase="Running")
    script.gone(2, "Pod/default/a", "u1")
    belief = believe(script.records)
    state = belief.state_at("Pod/default/a", us(1))
    assert state is not None and state["phase"] == "Running"
    assert belief.state_at("Pod/default/a", us(2) - 1) == state
    assert belief.state_at("Pod/default/a", us(1) - 1) is None
    assert belief.state_at("Pod/default/a", us(2)) is None
    assert len(belief.sights("Pod/default/a")) == 2


def test_gone_and_made_again_in_one_instant_is_there() -> None:
    """Of one instant only the last state counts."""
    script = Script()
    script.pod(1, "a", "u1")
    script.gone(2, "Pod/default/a", "u1")
    script.pod(2, "a", "u2")
    belief = believe(script.records)
    assert [sight.state is None for sight in belief.sights("Pod/default/a")] == [False, False]
    assert belief.state_at("Pod/default/a", us(2)) is not None


def test_events_unknown_kinds_and_lone_deletions_change_no_object() -> None:
    """Only the three kinds of object records count, and a deletion of what was never seen begins nothing."""
    script = Script()
    script.write(1, "apiserver", "NodeNotReady", "Node/n1", component="node-controller", message="")
    script.write(1, "apiserver", "Whatever", "Node/n1")
    script.write(1, "node/n1", "ObjectCreated", "Node/n1", uid="u", state={})
    script.gone(2, "Pod/default/a", "u1")
    assert believe(script.records).incarnations == {}


def test_a_trace_that_begins_in_the_middle_begins_with_what_it_has() -> None:
    """A modification of an object that was never created gives the keys that it carries."""
    script = Script()
    script.pod_is(1, "a", "u1", phase="Running")
    assert believe(script.records).state_at("Pod/default/a", us(1)) == {"phase": "Running"}


def test_kinds_are_listed_in_name_order() -> None:
    """Nodes by name, whatever the order in which they came."""
    script = Script()
    script.node(1, "n2")
    script.node(2, "n1")
    script.pod(3, "a", "u1")
    assert [node.object for node in believe(script.records).of_kind("Node")] == ["Node/n1", "Node/n2"]


def test_the_status_of_a_condition_is_empty_without_it() -> None:
    """No node, or a node without the condition, has no status."""
    assert ready_status(None) == ""
    assert condition_status({"conditions": {}}, "MemoryPressure") == ""
    assert ready_status({"conditions": {"Ready": {"status": "Unknown"}}}) == "Unknown"


def test_a_pod_is_over_when_its_deletion_timestamp_passes_or_it_is_gone() -> None:
    """A shortened grace counts from when it was shortened; an object that goes early is over then."""
    script = Script()
    script.pod(1, "a", "u1")
    script.delete(10, "a", "u1", "operator", grace=30)
    script.pod(1, "b", "u2")
    script.delete(10, "b", "u2", "operator", grace=30)
    script.delete(20, "b", "u2", "operator", grace=0)
    script.pod(1, "c", "u3")
    script.delete(10, "c", "u3", "operator", grace=30)
    script.gone(12, "Pod/default/c", "u3")
    script.pod(1, "d", "u4")
    belief = believe(script.records)
    over = {name: belief.incarnations[f"Pod/default/{name}"][0].over_us() for name in "abcd"}
    assert over == {"a": us(40), "b": us(20), "c": us(12), "d": None}
