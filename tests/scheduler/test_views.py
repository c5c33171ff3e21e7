"""What the scheduler reads of documents, and what it does not."""

from __future__ import annotations

import pytest

from nodesim.objects import Requirement
from nodesim.scheduler.affinity import NodeSelectorTerm
from tests.scheduler.build import facts, pod

MI = 1 << 20


def test_requests_stand_in_the_order_of_the_fit_filter_without_zeros() -> None:
    """CPU, memory, ephemeral-storage, then the others by name; a request of 0 asks for nothing."""
    asked = {"zeta.io/x": "1", "memory": "1Gi", "a.io/x": "2", "ephemeral-storage": "1", "cpu": "50m", "b.io/x": "0"}
    wants = pod(requests=asked).wants
    assert list(wants.requests.items()) == [
        ("cpu", 50),
        ("memory", 1 << 30),
        ("ephemeral-storage", 1),
        ("a.io/x", 2),
        ("zeta.io/x", 1),
    ]


@pytest.mark.parametrize(
    ("resources", "cpu", "memory"),
    [
        ([{}], 100, 200 * MI),
        ([{}, {}], 200, 400 * MI),
        ([{"requests": {"cpu": "1"}}], 1000, 200 * MI),
        ([{"requests": {"cpu": "0", "memory": "0"}}], 0, 0),
        ([{"limits": {"cpu": "2"}}, {"requests": {"memory": "1Mi"}}], 2100, 201 * MI),
    ],
)
def test_containers_without_requests_count_with_defaults_in_scores(
    resources: list[dict[str, dict[str, str]]], cpu: int, memory: int
) -> None:
    """100m and 200Mi for each container that names none; an explicit 0 is a name, and a limit stands in."""
    containers = [{"name": str(place), "resources": item} for place, item in enumerate(resources)]
    wants = pod(spec={"containers": containers}).wants
    assert (wants.scored_cpu, wants.scored_memory) == (cpu, memory)


def test_host_ports_are_read_with_their_defaults() -> None:
    """Any address and TCP unless told; with hostNetwork the container's port is the host's."""
    ports = [{"containerPort": 80}, {"containerPort": 81, "hostPort": 8081, "hostIP": "10.0.0.1", "protocol": "UDP"}]
    containers = [{"name": "c", "ports": ports}]
    assert pod(spec={"containers": containers}).wants.host_ports == (("10.0.0.1", "UDP", 8081),)
    assert pod(spec={"containers": containers, "hostNetwork": True}).wants.host_ports == (
        ("0.0.0.0", "TCP", 80),
        ("10.0.0.1", "UDP", 8081),
    )


def test_a_pod_view_stays_equal_when_only_its_containers_change() -> None:
    """Readiness, restarts and resourceVersion are nothing to the scheduler; PodScheduled is."""
    ready = {"type": "Ready", "status": "True"}
    status = {"phase": "Running", "conditions": [ready], "containerStatuses": [{"restartCount": 3}]}
    assert pod(status=status, metadata={"resourceVersion": "9"}) == pod()
    assert pod(status={"conditions": [{"type": "PodScheduled", "status": "False"}]}) != pod()


def test_a_node_view_stays_equal_when_only_conditions_change() -> None:
    """Heartbeats and even Ready are nothing to the scheduler; taints and allocatable are."""
    unready = [{"type": "Ready", "status": "Unknown", "lastHeartbeatTime": 5}]
    assert facts(conditions=unready) == facts()
    assert facts(taints=["a:NoSchedule"]) != facts()
    assert facts(allocatable={"cpu": "2"}) != facts()


@pytest.mark.parametrize(
    ("operator", "values", "met"),
    [
        ("In", ("b", "7"), True),
        ("NotIn", ("7",), False),
        ("Exists", (), True),
        ("DoesNotExist", (), False),
        ("Gt", ("6",), True),
        ("Gt", ("7",), False),
        ("Lt", ("8",), True),
        ("Lt", ("7",), False),
        ("Gt", ("x",), False),
        ("Gt", ("1", "2"), False),
    ],
)
def test_a_node_selector_term_compares_labels(operator: str, values: tuple[str, ...], met: bool) -> None:
    """All operators against a node with `size=7`; Gt and Lt want one whole number on each side."""
    term = NodeSelectorTerm((Requirement("size", operator, values),), ())
    assert term.met_by("n1", {"size": "7"}) is met


def test_a_term_without_expressions_is_never_met() -> None:
    """An empty term matches no node; a field term matches the node's name."""
    assert not NodeSelectorTerm((), ()).met_by("n1", {})
    assert NodeSelectorTerm((), (Requirement("metadata.name", "In", ("n1",)),)).met_by("n1", {})
    assert not NodeSelectorTerm((Requirement("size", "Gt", ("1",)),), ()).met_by("n1", {})
