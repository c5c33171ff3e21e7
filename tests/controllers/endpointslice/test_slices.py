"""Tables: what an endpoint says of its pod, and which slices are written."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from nodesim.controllers.endpointslice.endpoints import concerned, endpoint_of, wanted_endpoints
from nodesim.controllers.endpointslice.slices import ENDPOINTS_MAX, slices_to_write
from nodesim.controllers.endpointslice.views import EndpointPod, ServiceView, SliceView, service_view
from nodesim.objects import Document

SERVICE = ServiceView("default", "web", "uid-web", {"app": "web"}, [{"port": 80}], publish_not_ready=False)
PORTS = [{"name": "", "port": 80, "protocol": "TCP"}]


def pod(name: str, **changes: Any) -> EndpointPod:
    """A ready pod of the Service on n1."""
    made = EndpointPod("default", name, f"uid-{name}", {"app": "web"}, "n1", "10.0.0.1", True, False, False)
    return attrs.evolve(made, **changes)


@pytest.mark.parametrize(
    ("publish", "ready", "terminating", "conditions"),
    [
        (False, True, False, (True, True, False)),
        (False, False, False, (False, False, False)),
        (False, True, True, (False, True, True)),
        (False, False, True, (False, False, True)),
        (True, False, False, (True, False, False)),
        (True, True, True, (True, True, True)),
    ],
)
def test_what_an_endpoint_says_of_its_pod(
    publish: bool, ready: bool, terminating: bool, conditions: tuple[bool, bool, bool]
) -> None:
    """Serving is the pod's Ready; ready is serving and not terminating, or always where the Service says so."""
    service = attrs.evolve(SERVICE, publish_not_ready=publish)
    said = endpoint_of(service, pod("p", ready=ready, terminating=terminating))["conditions"]
    assert (said["ready"], said["serving"], said["terminating"]) == conditions


def test_who_is_no_endpoint() -> None:
    """Finished pods and those without an address are left out in silence, those of a missing node with an error."""
    pods = [pod("a"), pod("b", terminal=True), pod("c", ip=""), pod("d", node="n9"), pod("e", terminating=True)]
    wanted = wanted_endpoints(SERVICE, pods, {"n1"})
    assert sorted(wanted.endpoints) == ["uid-a", "uid-e"]
    assert wanted.errors == ["skipping Pod d for Service default/web: Node n9 Not Found"]


def test_a_service_that_publishes_addresses_that_are_not_ready_does_not_ask_for_nodes() -> None:
    """Then a pod of a missing node stays an endpoint."""
    wanted = wanted_endpoints(attrs.evolve(SERVICE, publish_not_ready=True), [pod("d", node="n9")], {"n1"})
    assert sorted(wanted.endpoints) == ["uid-d"]
    assert wanted.errors == []


API = attrs.evolve(SERVICE, name="api", selector={"tier": "api"})
BOTH = {"app": "web", "tier": "api"}


@pytest.mark.parametrize(
    ("before", "after", "keys"),
    [
        (None, {}, ["web"]),
        ({}, None, ["web"]),
        ({"ready": False}, {}, ["web"]),
        ({"ip": ""}, {}, ["web"]),
        ({}, {"terminating": True}, ["web"]),
        # Every change of a Terminating pod counts; a change of the phase or the node alone does not.
        ({"terminating": True}, {"terminating": True}, ["web"]),
        ({}, {"terminal": True}, []),
        ({"node": ""}, {}, []),
        ({}, {}, []),
        # Of labels alone, the Services that win or lose the pod; with another change, all that had or have it.
        ({"labels": {}}, {}, ["web"]),
        ({}, {"labels": BOTH}, ["api"]),
        ({}, {"labels": BOTH, "ready": False}, ["api", "web"]),
        ({}, {"labels": {"app": "web", "more": "yes"}}, []),
    ],
)
def test_which_services_a_change_of_a_pod_concerns(
    before: dict[str, Any] | None, after: dict[str, Any] | None, keys: list[str]
) -> None:
    """Those whose endpoints may have changed, by Kubernetes' own comparison."""
    old, new = (None if changes is None else pod("p", **changes) for changes in (before, after))
    assert concerned([API, SERVICE], old, new) == [f"default/{key}" for key in keys]


def endpoints(*numbers: int, ready: bool = True) -> dict[str, Document]:
    """Endpoints of numbered pods by UID."""
    return {f"uid-{number}": endpoint_of(SERVICE, pod(str(number), ready=ready)) for number in numbers}


def held(name: str, wanted: dict[str, Document]) -> SliceView:
    """A slice with these endpoints."""
    document = {"metadata": {"name": name}, "endpoints": list(wanted.values()), "ports": PORTS}
    return SliceView("default", name, "default/web", document)


def uids(document: Document) -> list[str]:
    """The pods of a slice."""
    return [each["targetRef"]["uid"] for each in document["endpoints"]]


def test_a_service_without_endpoints_gets_an_empty_slice() -> None:
    """One, and no second one when it is there."""
    first = slices_to_write(SERVICE, [], {})
    assert [each["endpoints"] for each in first.create] == [[]]
    again = slices_to_write(SERVICE, [held("s", {})], {})
    assert (again.create, again.update, again.delete) == ([], [], [])


def test_an_endpoint_stays_in_its_place() -> None:
    """A changed endpoint is written where it stands, a gone one leaves, a new one goes behind."""
    slices = [held("s", endpoints(1, 2, 3))]
    wanted = endpoints(1, ready=False) | endpoints(3, 4)
    (document,) = slices_to_write(SERVICE, slices, wanted).update
    assert uids(document) == ["uid-1", "uid-3", "uid-4"]
    assert document["endpoints"][0]["conditions"]["ready"] is False


def test_the_last_slice_is_kept_empty() -> None:
    """When the last endpoint goes, its slice stays."""
    writes = slices_to_write(SERVICE, [held("s", endpoints(1))], {})
    assert [each["endpoints"] for each in writes.update] == [[]]
    assert writes.delete == []


def test_an_empty_slice_beside_others_is_deleted() -> None:
    """Only where another slice still has endpoints."""
    slices = [held("a", endpoints(1)), held("b", endpoints(2))]
    writes = slices_to_write(SERVICE, slices, endpoints(2))
    assert (writes.create, writes.update, writes.delete) == ([], [], ["a"])


def test_a_slice_holds_a_hundred() -> None:
    """The rest goes into new ones."""
    writes = slices_to_write(SERVICE, [], endpoints(*range(ENDPOINTS_MAX + 1)))
    assert [len(each["endpoints"]) for each in writes.create] == [ENDPOINTS_MAX, 1]


def test_new_endpoints_go_where_there_is_room() -> None:
    """Of several slices the fullest that can take them all."""
    slices = [held("a", endpoints(*range(10))), held("b", endpoints(*range(100, 160)))]
    wanted = endpoints(*range(10), *range(100, 160), 500)
    (document,) = slices_to_write(SERVICE, slices, wanted).update
    assert document["metadata"]["name"] == "b"


def test_whose_service_has_no_selector() -> None:
    """Neither a Service without one nor an ExternalName gets slices from this controller."""
    for spec in ({}, {"selector": {}}, {"selector": {"a": "b"}, "type": "ExternalName"}):
        assert service_view({"metadata": {"name": "s", "namespace": "default"}, "spec": spec}).selector is None
