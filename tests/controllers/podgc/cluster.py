"""Pods and nodes as Kubernetes' own tests of the collector write them: `F reason=Evicted`, `R del on worker-0`."""

from __future__ import annotations

from typing import Any, Final

import attrs

from nodesim.controllers.podgc import ACTOR, PodGarbageCollector
from nodesim.messages import Delete, Get, Patch
from nodesim.objects import Document, decode_document, encode_document
from nodesim.profiles import V1_36, Profile, Settings
from tests.controllers.live import Live

PHASES: Final = {"F": "Failed", "S": "Succeeded", "R": "Running", "P": "Pending", "U": "Unknown", "": ""}
READY: Final = {True: "True", False: "False"}


def node(name: str, *, ready: bool, taints: list[dict[str, Any]] | None = None) -> Document:
    """A Node that is Ready or not."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name},
        "spec": {"taints": taints or []},
        "status": {"conditions": [{"type": "Ready", "status": READY[ready]}]},
    }


class Collected:
    """A collector and what it did."""

    def __init__(self, profile: Profile = V1_36, threshold: int | None = None, *, ahead_us: int = 0) -> None:
        settings = Settings.of(profile)
        if threshold is not None:
            settings = attrs.evolve(settings, terminated_pod_gc_threshold=threshold)
        self.live = Live({}, profile=profile)
        self._program = PodGarbageCollector(settings, profile, ahead_us=ahead_us)

    def node(self, name: str, *, ready: bool = True, out_of_service: str = "") -> None:
        """Make a node; `out_of_service`: the taint's effect, or `value:effect`."""
        value, _, effect = out_of_service.rpartition(":")
        taint = {"key": "node.kubernetes.io/out-of-service", "value": value, "effect": effect}
        self.live.create("nodes", node(name, ready=ready, taints=[taint] if out_of_service else None))

    def pod(self, name: str, phase: str, node: str = "", *, terminating: bool = False, reason: str = "") -> None:
        """Make a pod; a terminating one is held by a finalizer until it is taken away, as a kubelet would hold it."""
        metadata = {"name": name, "finalizers": ["example.com/hold"]} if terminating else {"name": name}
        spec = {"nodeName": node, "containers": [{"name": "c"}]}
        document = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
        self.live.create("pods", document, "default")
        if terminating:
            self.live.ok(Delete("pods", "default", name))
        ready = [{"type": "Ready", "status": READY[phase == "R"]}]
        status = {"phase": PHASES[phase], "reason": reason, "conditions": ready}
        self.live.ok(Patch("pods", "default", name, "status", "merge", encode_document({"status": status})))

    def start(self) -> None:
        """The collector begins, and does its first run."""
        self.live.start(ACTOR, self._program)
        self.live.run(1)

    def remove_node(self, name: str) -> None:
        """The Node object goes."""
        self.live.ok(Delete("nodes", "", name))

    def deleted(self) -> list[str]:
        """The pods that were deleted, in order; each with grace 0."""
        deletes = self.live.requests(ACTOR, Delete)
        assert all(request.grace_seconds == 0 for _, request in deletes)
        return [request.name for _, request in deletes]

    def patches(self) -> dict[str, Document]:
        """Pod -> the patch of its status."""
        found = self.live.requests(ACTOR, Patch)
        assert all((request.subresource, request.style) == ("status", "strategic") for _, request in found)
        return {request.name: decode_document(request.document) for _, request in found}

    def asked_for(self) -> list[tuple[int, str]]:
        """(instant, node) of each node that it asked for."""
        return [(at_us, request.name) for at_us, request in self.live.requests(ACTOR, Get)]
