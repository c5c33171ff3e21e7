"""A cloud with three machines, and what happens to them, for tests."""

from __future__ import annotations

from typing import Any

from nodesim.cloud import History, Instance, Provider
from nodesim.messages import Patch
from nodesim.objects import Document, encode_document
from nodesim.units import SECOND
from tests.controllers.live import Live

TAINT = {"key": "node.cloudprovider.kubernetes.io/uninitialized", "value": "true", "effect": "NoSchedule"}


def instance(name: str, **said: str) -> Instance:
    """A machine in zone a of eu-1."""
    known = {"zone": "a", "region": "eu-1", "type": "m5.large", "address": f"10.0.0.{ord(name[0])}", **said}
    return Instance(name, f"aws://a/{name}", **known)


def cloud(
    *, states: dict[str, list[tuple[float, str]]] | None = None, down: tuple[float, float] | None = None, **more: Any
) -> Provider:
    """Instances a, b and c; instants in seconds."""
    changes = {name: [(round(at * SECOND), state) for at, state in changed] for name, changed in (states or {}).items()}
    failing = [] if down is None else [(round(down[0] * SECOND), True), (round(down[1] * SECOND), False)]
    return Provider([instance(name) for name in "abc"], History(changes, failing), **more)


def node_of(name: str, *, taints: list[Document] | None = None, **spec: Any) -> Document:
    """A Node as a kubelet in a cloud registers it."""
    spec = {**spec, "taints": [TAINT] if taints is None else taints}
    addresses = [{"type": "Hostname", "address": name}]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "spec": spec,
        "status": {"addresses": addresses},
    }


def ready(name: str, status: str) -> Patch:
    """A Node's Ready condition."""
    change = {"status": {"conditions": [{"type": "Ready", "status": status}]}}
    return Patch("nodes", "", name, "status", "strategic", encode_document(change))


def found(live: Live, name: str) -> Document:
    """A Node."""
    document = live.get("nodes", name)
    assert document is not None
    return document


def taints(live: Live, name: str) -> list[str]:
    """Keys of a Node's taints, but for what admission adds."""
    keys = [str(taint["key"]) for taint in (found(live, name).get("spec") or {}).get("taints") or ()]
    return [key.removeprefix("node.cloudprovider.kubernetes.io/") for key in keys if "not-ready" not in key]
