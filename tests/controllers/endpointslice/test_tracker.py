"""A cache of slices that is behind, and a watch that is ahead of the answer: as tables, and as a whole sync."""

from __future__ import annotations

from typing import Any

import pytest

from nodesim.controllers.endpointslice import EndpointSliceController
from nodesim.controllers.endpointslice.tracker import SliceTracker
from nodesim.controllers.endpointslice.views import SliceView, endpoint_pod, service_view, slice_view
from nodesim.machine import Answered, Call, Changed, SetTimer, Started, Synced, TimerFired
from nodesim.messages import Create, Update
from nodesim.objects import Document, decode_document
from nodesim.profiles import V1_36, Settings
from nodesim.units import SECOND
from tests.play import play

SERVICE: Document = {
    "metadata": {"name": "web", "namespace": "default", "uid": "uid-web"},
    "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
}
LABELS = {
    "kubernetes.io/service-name": "web",
    "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
}


def held(name: str, version: int, **document: Any) -> SliceView:
    """A slice of the Service, as far as versions go."""
    metadata = {"name": name, "namespace": "default", "resourceVersion": str(version), "labels": LABELS}
    view = slice_view({"metadata": metadata, **document})
    assert view is not None
    return view


@pytest.mark.parametrize(
    ("wrote", "deleted", "cached", "stale"),
    [
        ({}, [], {"a": 5}, False),
        ({"a": 5}, [], {"a": 5}, False),
        ({"a": 5}, [], {"a": 6, "b": 1}, False),
        ({"a": 5}, [], {"a": 4}, True),
        ({"a": 5, "b": 6}, [], {"a": 5}, True),
        ({"a": 5}, ["a"], {"a": 5}, True),
        ({"a": 5}, ["a"], {}, False),
    ],
)
def test_when_the_cache_is_behind(
    wrote: dict[str, int], deleted: list[str], cached: dict[str, int], stale: bool
) -> None:
    """A slice older than written, one that is missing, and one that should be gone."""
    tracker = SliceTracker()
    for name, version in wrote.items():
        tracker.wrote(held(name, version))
    for name in deleted:
        tracker.deleted("default/web", name)
    slices = [held(name, version) for name, version in cached.items()]
    assert tracker.is_stale("default/web", slices) is stale
    tracker.forget("default/web")
    assert not tracker.is_stale("default/web", slices)


def test_what_is_news() -> None:
    """A version that no answer told; the loss of a slice that was written and not deleted."""
    tracker = SliceTracker()
    assert tracker.is_news(held("a", 5))
    tracker.wrote(held("a", 5))
    assert not tracker.is_news(held("a", 5))
    assert tracker.is_news(held("a", 6))
    assert tracker.is_loss(held("a", 5))
    assert not tracker.is_loss(held("a", 5))
    tracker.deleted("default/web", "b")
    assert not tracker.is_loss(held("b", 5))


def pod(name: str, ready: str, node: str = "n1", **metadata: Any) -> Any:
    """The view of a pod of the Service."""
    conditions = [{"type": "Ready", "status": ready}]
    return endpoint_pod(
        {
            "metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}", "labels": {"app": "web"}}
            | metadata,
            "spec": {"nodeName": node},
            "status": {"podIP": "10.0.0.1", "phase": "Running", "conditions": conditions},
        }
    )


def ready_controller() -> EndpointSliceController:
    """It has seen a Service, its empty slice, a node and the pods p and q, which are not ready."""
    controller = EndpointSliceController(Settings.of(V1_36), V1_36)
    empty = held("s", 1, endpoints=[], ports=[{"name": "", "port": 80, "protocol": "TCP"}])
    seen = [Changed("services", "default/web", None, service_view(SERVICE)), Changed("nodes", "n1", None, "n1")]
    seen.append(Changed("endpointslices", "default/s", None, empty))
    script: list[Any] = [Started(), *seen, *(Synced(watch.resource) for watch in controller.watches)]
    play(controller, [(0, event) for event in script])
    return controller


def written(orders: list[tuple[int, Any]]) -> tuple[Call, SliceView]:
    """The write among the orders, and what it makes of the slice as version 2."""
    (call,) = [order for _, order in orders if isinstance(order, Call) and isinstance(order.request, Update)]
    document = decode_document(call.request.document)
    document["metadata"]["resourceVersion"] = "2"
    view = slice_view(document)
    assert view is not None
    return call, view


def test_a_sync_that_finds_its_cache_behind_is_tried_again_in_silence() -> None:
    """A pod changes while the slice is written, and the watch is late: as recorded, a second passes."""
    controller = ready_controller()
    call, view = written(play(controller, [(1, Changed("pods", "default/p", None, pod("p", "True")))]))
    play(controller, [(2, Changed("pods", "default/q", None, pod("q", "True")))])
    ended = play(controller, [(3, Answered(call.tag, 200, document=view.document))])
    assert [order.key for _, order in ended if isinstance(order, SetTimer)] == [("sync again", "default/web")]
    late = play(controller, [(3, TimerFired(("sync again", "default/web")))])
    assert late == [(3, SetTimer(("sync", "default/web"), 3 + SECOND))]
    assert play(controller, [(4, Changed("endpointslices", "default/s", held("s", 1), view))]) == []
    call, view = written(play(controller, [(3 + SECOND, TimerFired(("sync", "default/web")))]))
    assert [each["targetRef"]["name"] for each in view.document["endpoints"]] == ["p", "q"]


def test_a_watch_that_is_ahead_of_the_answer_is_taken_for_another_hand() -> None:
    """The Service is synced again a second after the watch told of the write."""
    controller = ready_controller()
    call, view = written(play(controller, [(1, Changed("pods", "default/p", None, pod("p", "True")))]))
    ahead = play(controller, [(2, Changed("endpointslices", "default/s", held("s", 1), view))])
    assert ahead == [(2, SetTimer(("sync", "default/web"), 2 + SECOND))]
    assert play(controller, [(3, Answered(call.tag, 200, document=view.document))]) == []
    assert play(controller, [(2 + SECOND, TimerFired(("sync", "default/web")))]) == []


def test_writes_go_one_after_another_and_end_with_the_first_that_fails() -> None:
    """What failed stands in the event, behind the pods that were left out."""
    controller = ready_controller()
    seen = [
        Changed("pods", "default/p", None, pod("p", "True")),
        Changed("pods", "default/q", None, pod("q", "True", "n2")),
    ]
    call, _ = written(play(controller, [(1, event) for event in seen[:1]]))
    play(controller, [(2, seen[1])])
    refused = Answered(call.tag, 409, "Conflict", "the object has been modified")
    calls = [order.request for _, order in play(controller, [(3, refused)]) if isinstance(order, Call)]
    (message,) = [decode_document(call.document)["message"] for call in calls if isinstance(call, Create)]
    assert message == (
        "Error updating Endpoint Slices for Service default/web: "
        "failed to update s EndpointSlice for Service default/web: the object has been modified"
    )
