"""The words for a pod that fits nowhere."""

from __future__ import annotations

from nodesim.profiles import V1_24, V1_36
from nodesim.scheduler.cluster import NodeRoom
from nodesim.scheduler.pod import PodToPlace
from nodesim.scheduler.preemption import find_victims
from nodesim.scheduler.refusal import event_note, explain
from nodesim.scheduler.search import find_feasible
from nodesim.streams import Stream
from tests.scheduler.build import asked, pod, room


def told(asking: PodToPlace, *rooms: NodeRoom, old: bool = False) -> str:
    """The message of a search that found nothing."""
    profile = V1_24 if old else V1_36
    question = asked(asking, *rooms, profile=profile)
    search = find_feasible(question, 0, tells_left_out=profile.nodes_left_out_are_told)
    assert not search.feasible
    finding = find_victims(question, search.refused, (), Stream("scheduler/preemption", 1), profile, 0)
    return explain(search.refused, finding, profile)


def full(name: str, priority: int = 0) -> NodeRoom:
    """A node whose CPU is all taken."""
    return room(name, pod(f"on-{name}", {"cpu": "4"}, spec={"priority": priority}))


def test_the_message_is_the_recorded_one() -> None:
    """As kube-scheduler 1.34.9 wrote it with one node unreachable and two full."""
    lost = room("n1", taints=["node.kubernetes.io/unreachable:NoSchedule"])
    assert told(pod(requests={"cpu": "1"}), lost, full("n2"), full("n3")) == (
        "0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu. no new claims to deallocate, "
        "preemption: 0/3 nodes are available: 1 Preemption is not helpful for scheduling, "
        "2 No preemption victims found for incoming pod."
    )


def test_up_to_1_33_taints_are_told_apart_and_every_lack_of_room_may_be_preempted() -> None:
    """Taints by key and value; no word on claims; a request above the whole node counts as any other."""
    rooms = [room("n1", taints=["a=1:NoSchedule"]), room("n2", taints=["b:NoExecute"]), room("n3")]
    assert told(pod(requests={"cpu": "5"}), *rooms, old=True) == (
        "0/3 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint {a: 1}, "
        "1 node(s) had untolerated taint {b: }. preemption: 0/3 nodes are available: "
        "1 No preemption victims found for incoming pod, 2 Preemption is not helpful for scheduling."
    )


def test_from_1_34_a_request_above_the_whole_node_makes_preemption_pointless() -> None:
    """Also where pods of lower priority are there."""
    message = told(pod(requests={"cpu": "5"}, spec={"priority": 9}), full("n1"))
    assert message.endswith("preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.")


def test_reasons_are_sorted_as_texts() -> None:
    """`10 ...` stands before `2 ...`, and one node can give several reasons."""
    rooms = [full(f"n{place}") for place in range(10)]
    rooms += [room(f"m{place}", unschedulable=True) for place in range(2)]
    first = told(pod(requests={"cpu": "1", "memory": "9Gi"}), *rooms).split(". ")[0]
    assert first == (
        "0/12 nodes are available: 10 Insufficient cpu, 10 Insufficient memory, 2 node(s) were unschedulable"
    )


def test_where_victims_are_found_nothing_is_said_of_preemption() -> None:
    """The pod waits for the node whose pod of lower priority goes; the other node has none such."""
    asking = pod(requests={"cpu": "1"}, spec={"priority": 5})
    assert told(asking, full("n1", 4), full("n2", 5)) == "0/2 nodes are available: 2 Insufficient cpu."


def test_a_trial_that_fails_tells_what_is_still_in_the_way() -> None:
    """n1: without its lesser pod there are two CPUs too few, as the greater one stays; n2 has no lesser pod."""
    asking = pod(requests={"cpu": "4"}, spec={"priority": 5})
    mixed = room("n1", pod("a", {"cpu": "2"}, spec={"priority": 9}), pod("b", {"cpu": "2"}))
    assert told(asking, mixed, full("n2", 5)).endswith(
        "preemption: 0/2 nodes are available: 1 Insufficient cpu, 1 No preemption victims found for incoming pod."
    )


def test_nodes_that_a_pod_does_not_name_are_told_apart() -> None:
    """As for DaemonSet pods, whose affinity names their node; up to 1.30 the message passed over the others."""
    names = {"key": "metadata.name", "operator": "In", "values": ["n1"]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchFields": [names]}]}}
    asking = pod(requests={"cpu": "1"}, spec={"affinity": {"nodeAffinity": required}})
    assert told(asking, full("n1"), full("n2"), full("n3")) == (
        "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) didn't satisfy plugin(s) [NodeAffinity]. "
        "no new claims to deallocate, preemption: 0/3 nodes are available: "
        "1 No preemption victims found for incoming pod, 2 Preemption is not helpful for scheduling."
    )
    assert told(asking, full("n1"), full("n2"), full("n3"), old=True) == (
        "0/3 nodes are available: 1 Insufficient cpu. preemption: 0/3 nodes are available: "
        "3 No preemption victims found for incoming pod."
    )


def test_a_pod_that_never_preempts_says_so() -> None:
    """PreemptionPolicy Never."""
    asking = pod(requests={"cpu": "1"}, spec={"priority": 5, "preemptionPolicy": "Never"})
    assert told(asking, full("n1")).endswith("preemption: not eligible due to preemptionPolicy=Never.")


def test_an_event_carries_at_most_1024_characters() -> None:
    """Longer messages are cut and end with dots."""
    assert event_note("x" * 1024) == "x" * 1024
    assert event_note("x" * 1025) == "x" * 1020 + " ..."
