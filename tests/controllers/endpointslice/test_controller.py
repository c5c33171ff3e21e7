"""The controller against a real API server: when slices follow pods, and what happens while a node is missing."""

from __future__ import annotations

from nodesim.controllers.endpointslice import EndpointSliceController
from nodesim.messages import Create, Delete, Patch
from nodesim.objects import Document, encode_document
from nodesim.profiles import V1_36, Settings
from nodesim.units import SECOND
from tests.apiserver.cluster import node, pod, post
from tests.controllers.live import Live

SERVICE: Document = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web", "namespace": "default"},
    "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
}


def cluster() -> Live:
    """A Service with one pod on n1."""
    made = Live({"endpointslice-controller": EndpointSliceController(Settings.of(V1_36), V1_36)})
    made.at(1, post("nodes", node("n1")))
    made.at(1, Create("services", "default", encode_document(SERVICE)))
    made.at(2, post("pods", pod("p", nodeName="n1")))
    return made


def running(ready: str) -> Patch:
    """The status of a pod that runs."""
    status = {"phase": "Running", "podIP": "10.0.0.1", "conditions": [{"type": "Ready", "status": ready}]}
    return Patch("pods", "default", "p", "status", "strategic", encode_document({"status": status}))


def conditions(played: Live) -> list[tuple[str, dict[str, bool]]]:
    """The endpoints in the slices of the Service."""
    (found,) = played.listed("endpointslices", "default")
    return [(each["targetRef"]["name"], each["conditions"]) for each in found["endpoints"]]


def test_a_pod_becomes_an_endpoint_when_it_has_an_address() -> None:
    """Before, the Service has an empty slice of its own."""
    assert conditions(cluster().run(3)) == []
    played = cluster()
    played.at(3, running("True"))
    assert conditions(played.run(4)) == [("p", {"ready": True, "serving": True, "terminating": False})]


def test_a_pod_that_is_marked_not_ready_stays_in_the_slice() -> None:
    """As on a node that became Unknown: not ready, not serving, and after its deletion was asked for terminating."""
    played = cluster()
    played.at(3, running("True"))
    played.at(4, running("False"))
    assert conditions(played.run(5)) == [("p", {"ready": False, "serving": False, "terminating": False})]
    played = cluster()
    played.at(3, running("True"))
    played.at(4, Delete("pods", "default", "p"))
    assert conditions(played.run(5)) == [("p", {"ready": False, "serving": True, "terminating": True})]


def test_a_pod_of_a_deleted_node_is_left_out_and_missed() -> None:
    """It leaves at the next sync, with a warning that repeats after 1, 2, 4, ... seconds until the node is back."""
    played = cluster()
    played.at(3, running("True"))
    played.at(4, Delete("nodes", "", "n1"))
    played.at(5, running("False"))
    played.at(9.5, post("nodes", node("n1")))
    played.run(20)
    text = "Error updating Endpoint Slices for Service default/web: skipping Pod p for Service default/web: "
    warnings = played.events("FailedToUpdateEndpointSlices")
    assert [(round(t, 1), message) for t, _, message in warnings] == [
        (at, text + "Node n1 Not Found") for at in (5.0, 6.0, 8.0)
    ]
    assert [name for name, _ in conditions(played)] == ["p"]


def test_in_a_namespace_that_goes_a_slice_is_made_anew_once_and_in_vain() -> None:
    """Nobody is told, and no other try is made."""
    played = Live({"endpointslice-controller": EndpointSliceController(Settings.of(V1_36), V1_36)})
    played.at(1, post("namespaces", {"metadata": {"name": "team"}}))
    service = {**SERVICE, "metadata": {"name": "web", "namespace": "team"}}
    played.at(2, Create("services", "team", encode_document(service)))
    played.at(3, Delete("namespaces", "", "team"))
    played.run(4)
    (made,) = played.names("endpointslices", "team")
    played.at(5, Delete("endpointslices", "team", made))
    played.run(60)
    assert len(played.requests("endpointslice-controller", Create)) == 2
    assert played.names("endpointslices", "team") == []


def test_another_hand_in_a_slice_is_mended_after_a_second() -> None:
    """The controller's own writes are not mistaken for one."""
    played = cluster()
    played.at(3, running("True"))
    first = cluster()
    first.at(3, running("True"))
    (document,) = first.run(4).listed("endpointslices", "default")
    name = document["metadata"]["name"]
    wipe = encode_document({"endpoints": []})
    played.at(5, Patch("endpointslices", "default", name, "", "merge", wipe))
    played.run(8)
    assert [name for name, _ in conditions(played)] == ["p"]
    writes = [
        (round(record.t_us / SECOND, 1), record.fields["by"])
        for record in played.records("ObjectModified")
        if record.object.startswith("EndpointSlice/")
    ]
    assert writes == [(3.0, "endpointslice-controller"), (5.0, "person"), (6.0, "endpointslice-controller")]


def test_a_deleted_service_is_forgotten() -> None:
    """Nothing is written for it any more; its slices are the garbage collector's."""
    played = cluster()
    played.at(3, Delete("services", "default", "web"))
    played.at(4, running("True"))
    assert conditions(played.run(6)) == []
