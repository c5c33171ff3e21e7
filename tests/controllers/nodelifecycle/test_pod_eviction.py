"""The way of 1.24 without taints: when a node is due, and what happens to each of its pods."""

from __future__ import annotations

from typing import Any

import pytest

from nodesim.client.events import EventRecorder
from nodesim.controllers.nodelifecycle.health import SavedHealth
from nodesim.controllers.nodelifecycle.node_writes import Finished
from nodesim.controllers.nodelifecycle.pod_eviction import PodDeletions, eviction_due
from nodesim.controllers.nodelifecycle.views import PodObject, node_object, pod_object
from nodesim.machine import Answered, Call
from nodesim.messages import Create, Delete, Update
from nodesim.objects import decode_document
from nodesim.units import MINUTE, SECOND
from tests.controllers.nodelifecycle.cluster import node, pod

SEEN = SavedHealth(probe_us=0, ready="Unknown", since_us=40 * SECOND)


@pytest.mark.parametrize(
    ("status", "from_unknown", "due_us"),
    [
        ("Unknown", False, 5 * MINUTE),
        ("Unknown", True, 5 * MINUTE + 40 * SECOND),
        ("False", False, 5 * MINUTE + 40 * SECOND),
        ("False", True, 5 * MINUTE + 40 * SECOND),
    ],
)
def test_when_a_node_is_due(status: str, from_unknown: bool, due_us: int) -> None:
    """C4.3: Unknown counts from the last sign of life (or, if asked for, from its marking), False from its post."""
    for now_us, due in ((due_us - 1, False), (due_us, True)):
        assert eviction_due(status, SEEN, 5 * MINUTE, from_unknown=from_unknown, now_us=now_us) is due


def test_a_ready_node_is_never_due() -> None:
    """Whatever was remembered."""
    assert not eviction_due("True", SEEN, 5 * MINUTE, from_unknown=False, now_us=100 * MINUTE)


class Hand:
    """Runs deletions and answers each call as it is told to."""

    def __init__(self, *pods: PodObject, **refused: int) -> None:
        self.said: list[str] = []
        self.deletions = PodDeletions(EventRecorder("node-controller"))
        self._refused = refused
        out: list[Any] = []
        self.waits = self.deletions.start(node_object(_node()), list(pods), ("no-execute", "n1"), 0, out)
        self.finished: Finished | None = None
        self._answer(out)

    def _answer(self, out: list[Any]) -> None:
        while out:
            effect = out.pop(0)
            assert isinstance(effect, Call)
            request = effect.request
            if isinstance(request, Create):
                event = decode_document(request.document)
                self.said.append(f"{event['reason']}: {event['message']}")
                continue
            what = "mark" if isinstance(request, Update) else "delete"
            assert isinstance(request, Update | Delete)
            self.said.append(f"{what} {request.name}")
            code = self._refused.get(f"{what}_{request.name}", 200)
            reason = {200: "", 404: "NotFound", 409: "Conflict", 500: "InternalError"}[code]
            number = effect.tag[1] if isinstance(effect.tag, tuple) else 0
            ended = self.deletions.answered(number, Answered(effect.tag, code, reason), 0, out)
            self.finished = self.finished or ended


def _node() -> dict[str, Any]:
    made = node("n1", "Unknown")
    made["metadata"]["resourceVersion"] = "1"
    return made


def a_pod(name: str, *, owner: str = "", going: bool = False, reason: str = "") -> PodObject:
    """A pod on n1."""
    made = pod(name, "n1")
    if owner:
        made["metadata"]["ownerReferences"] = [{"kind": owner, "name": "o", "uid": "u", "controller": True}]
    if going:
        made["metadata"]["deletionTimestamp"] = 1
    if reason:
        made["status"]["reason"] = reason
    return pod_object(made)


def test_each_pod_is_marked_and_deleted() -> None:
    """C4.4: an event for the node, then per pod the reason NodeLost, an event, and the delete."""
    hand = Hand(a_pod("a"), a_pod("b"))
    assert hand.said == [
        "DeletingAllPods: Node n1 event: Deleting all Pods from Node n1.",
        "mark a",
        "NodeControllerEviction: Marking for deletion Pod a from Node n1",
        "delete a",
        "mark b",
        "NodeControllerEviction: Marking for deletion Pod b from Node n1",
        "delete b",
    ]
    assert hand.finished == Finished(("no-execute", "n1"), ok=True)


def test_who_is_only_marked() -> None:
    """C4.4: pods of DaemonSets and those that are going already; one that is marked is not marked again."""
    hand = Hand(a_pod("a", owner="DaemonSet"), a_pod("b", going=True), a_pod("c", reason="NodeLost"))
    assert [said for said in hand.said if ":" not in said] == ["mark a", "mark b", "delete c"]
    assert hand.finished == Finished(("no-execute", "n1"), ok=True)


def test_a_node_without_pods_needs_nothing() -> None:
    """No event, nothing to wait for."""
    hand = Hand()
    assert (hand.waits, hand.said) == (False, [])


def test_pods_that_need_nothing_leave_nothing_to_wait_for() -> None:
    """The event is written all the same."""
    hand = Hand(a_pod("a", going=True, reason="NodeLost"))
    assert (hand.waits, len(hand.said)) == (False, 1)


@pytest.mark.parametrize(
    ("refused", "calls", "ok"),
    [
        ({"mark_a": 409}, ["mark a", "mark b", "delete b"], False),
        ({"mark_a": 500}, ["mark a", "delete a", "mark b", "delete b"], True),
        ({"delete_a": 404}, ["mark a", "delete a", "mark b", "delete b"], True),
        ({"delete_a": 500}, ["mark a", "delete a"], False),
    ],
)
def test_what_a_refusal_does(refused: dict[str, int], calls: list[str], ok: bool) -> None:
    """A conflict passes the pod over, a failed delete ends the run; both have the node tried again."""
    hand = Hand(a_pod("a"), a_pod("b"), **refused)
    assert [said for said in hand.said if ":" not in said] == calls
    assert hand.finished == Finished(("no-execute", "n1"), ok=ok)
