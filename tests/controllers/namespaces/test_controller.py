"""A namespace that is deleted: terminating, emptied, gone; nothing new meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from nodesim.apiserver.unmodelled import resource_of
from nodesim.controllers.namespaces import ACTOR, NamespaceController
from nodesim.messages import Create, Delete, Failure, List, Update
from nodesim.objects import Document, encode_document
from nodesim.profiles import V1_24, V1_36, Profile
from nodesim.units import SECOND
from tests.controllers.live import Live

WIDGETS = resource_of("example.com/v1", "Widget")


def pod(name: str, grace_seconds: int = 30) -> Document:
    """A pod that is bound, so its deletion takes its grace period."""
    spec = {
        "nodeName": "n1",
        "terminationGracePeriodSeconds": grace_seconds,
        "containers": [{"name": "c", "image": "i"}],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def widget(name: str, finalizers: list[str] | None = None) -> Document:
    """Something that nothing models."""
    return {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": name, "finalizers": finalizers}}


class Team:
    """The namespace `team` and its controller; its deletion is asked for at 10 s."""

    def __init__(self, profile: Profile = V1_36) -> None:
        self.live = Live({ACTOR: NamespaceController(profile, (WIDGETS,))}, profile=profile, more=(WIDGETS,))
        self.live.create("namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}})

    def delete(self) -> None:
        """Ask for its deletion."""
        self.live.run((10 * SECOND - self.live.now_us) / SECOND)
        self.live.ok(Delete("namespaces", "", "team"))

    def deletes(self) -> list[tuple[int, str]]:
        """(second, name) of what the controller deleted."""
        return [(round(at_us / SECOND), request.name) for at_us, request in self.live.requests(ACTOR, Delete)]

    def is_there(self) -> bool:
        """Does it exist?"""
        return self.live.get("namespaces", "team") is not None


def test_an_empty_namespace_goes_after_five_seconds() -> None:
    """Terminating at once, gone when the controller has looked."""
    team = Team()
    team.delete()
    team.live.run(4.9)
    namespace = team.live.get("namespaces", "team")
    assert namespace is not None
    assert namespace["status"]["phase"] == "Terminating"
    assert namespace["metadata"]["deletionTimestamp"] == 10 * SECOND
    assert "deletionGracePeriodSeconds" not in namespace["metadata"]
    assert namespace["spec"]["finalizers"] == ["kubernetes"]
    team.live.run(0.2)
    assert not team.is_there()
    ((_, put),) = team.live.requests(ACTOR, Update)
    assert put.subresource == "finalize"


def test_nothing_new_is_made_in_it() -> None:
    """403 with Kubernetes' text; what is there can be changed."""
    team = Team()
    team.live.create(WIDGETS.name, widget("w"), "team")
    team.delete()
    refused = team.live.call(Create("pods", "team", encode_document(pod("late"))))
    assert (refused.code, refused.reason, refused.cause) == (403, "Forbidden", "NamespaceTerminating")
    assert refused.message == (
        'pods "late" is forbidden: unable to create new content in namespace team because it is being terminated'
    )
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "l"}, "spec": {}}
    assert team.live.call(Update("leases", "team", "l", "", encode_document(lease))).code == 403
    team.live.patch(WIDGETS.name, "w", {"metadata": {"labels": {"a": "b"}}}, "team")


@pytest.mark.parametrize(
    ("profile", "first", "second"),
    [(V1_36, [(15, "p")], [(31, "w")]), (V1_24, [(15, "p"), (15, "w")], [])],
    ids=["v1.36", "v1.24"],
)
def test_pods_get_their_time(profile: Profile, first: list[Any], second: list[Any]) -> None:
    """A look after half of the longest grace period and a second; from 1.33 on all else waits for the pods."""
    team = Team(profile)
    team.live.create("pods", pod("p"), "team")
    team.live.create(WIDGETS.name, widget("w"), "team")
    team.delete()
    team.live.run(12)
    assert team.deletes() == first
    (remains,) = team.live.records("NamespaceNotEmpty")
    assert remains.fields == {"remaining": 1, "until_us": remains.t_us + 16 * SECOND}
    team.live.run(8)
    team.live.ok(Delete("pods", "team", "p", 0))  # As the kubelet confirms that it has stopped.
    team.live.run(2)
    assert team.deletes() == first + second
    assert not team.is_there()


def test_a_finalizer_holds_it_for_fifteen_seconds_at_a_time() -> None:
    """Whoever has set it must act: looks at 15, 23, 31, ... s until it is gone."""
    team = Team()
    team.live.create(WIDGETS.name, widget("w", ["example.com/hold"]), "team")
    team.delete()
    team.live.run(25)
    assert team.deletes() == [(15, "w"), (23, "w"), (31, "w")]
    team.live.patch(WIDGETS.name, "w", {"metadata": {"finalizers": None}}, "team")
    team.live.run(10)
    assert not team.is_there()


def test_an_error_is_tried_again() -> None:
    """A LIST fails: the next try follows in milliseconds."""
    team = Team()
    failures = [Failure(500, "InternalError", "boom")]
    team.live.server.refuse = lambda client, request: (
        failures.pop() if client == ACTOR and isinstance(request, List) and failures else None
    )
    team.delete()
    team.live.run(6)
    assert failures == []
    assert not team.is_there()


def test_events_and_leases_go_too() -> None:
    """Every namespaced resource is emptied."""
    team = Team()
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "l"}, "spec": {}}
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "e"},
        "involvedObject": {"kind": "Pod", "name": "p"},
    }
    team.live.create("leases", lease, "team")
    team.live.create("events", event, "team")
    team.delete()
    team.live.run(6)
    assert (team.live.names("leases"), team.live.names("events"), team.is_there()) == ([], [], False)


def test_a_restarted_controller_goes_on() -> None:
    """The namespace itself says that it terminates."""
    live = Live({})
    live.create("namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}})
    live.ok(Delete("namespaces", "", "team"))
    live.ok(Delete("namespaces", "", "team"))
    live.run(60)
    assert live.get("namespaces", "team") is not None
    live.start(ACTOR, NamespaceController(V1_36))
    live.run(6)
    assert live.get("namespaces", "team") is None


def test_a_finalizer_of_its_own_kind_and_one_of_metadata() -> None:
    """A PUT of the namespace changes neither sort by accident; both must be gone before it goes."""
    live = Live({ACTOR: NamespaceController(V1_36)})
    document = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team", "finalizers": ["a/b"]}}
    made = live.create("namespaces", document)
    live.ok(Update("namespaces", "", "team", "", encode_document({**made, "spec": {"finalizers": []}})))
    live.ok(Delete("namespaces", "", "team"))
    live.run(6)
    left = live.get("namespaces", "team")
    assert left is not None
    assert (left["spec"]["finalizers"], left["metadata"]["finalizers"]) == ([], ["a/b"])
    live.patch("namespaces", "team", {"metadata": {"finalizers": None}})
    assert live.get("namespaces", "team") is None
