"""Documents, and a small fake of the world around the scheduler: its caches and its timers."""

from __future__ import annotations

from typing import Any

from nodesim.machine import (
    Answered,
    Call,
    CancelTimer,
    Changed,
    ProgramEffect,
    Record,
    SetTimer,
    Started,
    Synced,
    TimerFired,
)
from nodesim.messages import Bind, Create, Patch
from nodesim.objects import Document, decode_document
from nodesim.profiles import V1_36, Profile, Settings
from nodesim.scheduler import Scheduler
from nodesim.scheduler.around import Around
from nodesim.scheduler.cluster import NodeFacts, NodeRoom, node_facts
from nodesim.scheduler.decision import Decision, Nominations, decision
from nodesim.scheduler.filters import filters_of
from nodesim.scheduler.pod import PodToPlace, pod_to_place
from nodesim.streams import Streams
from nodesim.units import MILLISECOND

MS = MILLISECOND
NO_ROOM = (
    "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, "
    "preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod."
)
RESOURCES = {
    "Node": "nodes",
    "Pod": "pods",
    "Namespace": "namespaces",
    "ReplicaSet": "replicasets",
    "Service": "services",
    "StatefulSet": "statefulsets",
}
OTHER_CACHES = ("namespaces", "services", "replicasets", "statefulsets", "poddisruptionbudgets")
"""What the scheduler watches besides nodes and pods."""


def node_document(name: str, **options: Any) -> Document:
    """A Node of 4 CPUs, 8Gi and 110 pods; `labels`, `taints` (`key=value:Effect`), `unschedulable`, `allocatable`."""
    spec: Document = {"taints": [_taint(text) for text in options.get("taints", ())]}
    if options.get("unschedulable"):
        spec["unschedulable"] = True
    allocatable = {"cpu": "4", "memory": "8Gi", "pods": "110", **options.get("allocatable", {})}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "uid": f"uid-{name}", "labels": options.get("labels", {})},
        "spec": spec,
        "status": {"allocatable": allocatable, "conditions": options.get("conditions", [])},
    }


def _taint(text: str) -> dict[str, str]:
    name, effect = text.rsplit(":", 1)
    key, _, held = name.partition("=")
    return {"key": key, "effect": effect, **({"value": held} if held else {})}


def pod_document(name: str, requests: dict[str, str] | None = None, **options: Any) -> Document:
    """A Pod of one container; `spec`, `metadata` and `status` are merged in."""
    container = {"name": "c", "resources": {"requests": requests or {}}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}", **options.get("metadata", {})},
        "spec": {"containers": [container], **options.get("spec", {})},
        "status": {"phase": "Pending", **options.get("status", {})},
    }


def pod(name: str = "p", requests: dict[str, str] | None = None, **options: Any) -> PodToPlace:
    """The scheduler's view of `pod_document`."""
    return pod_to_place(pod_document(name, requests, **options))


def facts(name: str = "n1", **options: Any) -> NodeFacts:
    """The scheduler's view of `node_document`."""
    return node_facts(node_document(name, **options))


def room(name: str = "n1", *pods: PodToPlace, **options: Any) -> NodeRoom:
    """A node with pods on it."""
    made = NodeRoom(facts(name, **options), listed=True)
    for item in pods:
        made.add(item)
    return made


def asked(
    pod: PodToPlace,
    *rooms: NodeRoom,
    profile: Profile = V1_36,
    around: Around | None = None,
    nominations: Nominations | None = None,
) -> Decision:
    """A decision on a pod among these nodes."""
    return decision(pod, rooms, filters_of(profile), around or Around(), nominations or Nominations())


class Bench:
    """A scheduler with its caches and timers; every method returns what the scheduler ordered."""

    def __init__(self, profile: Profile = V1_36, seed: int = 1, synced_us: int | None = 0) -> None:
        self._profile = profile
        self._streams = Streams(seed)
        self.scheduler = Scheduler(Settings.of(profile), profile, self._streams)
        self.seen: dict[tuple[str, str], Any] = {}
        self.timers: dict[Any, int] = {}
        self.log: list[tuple[int, ProgramEffect]] = []
        if synced_us is not None:
            self.sync(synced_us)

    def handle(self, event: Any, now_us: int) -> list[ProgramEffect]:
        """Feed one event."""
        effects = self.scheduler.handle(event, now_us)
        for effect in effects:
            self.log.append((now_us, effect))
            if isinstance(effect, SetTimer):
                assert effect.at_us >= now_us
                self.timers[effect.key] = effect.at_us
            elif isinstance(effect, CancelTimer):
                self.timers.pop(effect.key, None)
        return effects

    def restart(self) -> None:
        """A fresh process takes the scheduler's place, with empty caches."""
        self.scheduler = Scheduler(Settings.of(self._profile), self._profile, self._streams)
        self.seen.clear()
        self.timers.clear()

    def sync(self, now_us: int) -> list[ProgramEffect]:
        """The process starts and both caches are full."""
        others = [Synced(resource) for resource in OTHER_CACHES]
        script = (Started(), *others, Synced("nodes"), Synced("pods"))
        return [effect for event in script for effect in self.handle(event, now_us)]

    def see(self, now_us: int, *documents: Document) -> list[ProgramEffect]:
        """The watch shows these objects."""
        effects = []
        for document in documents:
            resource = RESOURCES[document["kind"]]
            view = next(spec.view for spec in self.scheduler.watches if spec.resource == resource)(document)
            name = document["metadata"]["name"]
            old = self.seen.get((resource, name))
            self.seen[resource, name] = view
            effects += self.handle(Changed(resource, name, old, view), now_us)
        return effects

    def gone(self, now_us: int, resource: str, name: str) -> list[ProgramEffect]:
        """The watch shows that an object was deleted."""
        return self.handle(Changed(resource, name, self.seen.pop((resource, name)), None), now_us)

    def run_until(self, end_us: int) -> list[tuple[int, ProgramEffect]]:
        """Fire all timers due up to and including an instant."""
        since = len(self.log)
        while self.timers and min(self.timers.values()) <= end_us:
            key = min(self.timers, key=lambda item: (self.timers[item], item))
            now_us = self.timers.pop(key)
            self.handle(TimerFired(key), now_us)
        return self.log[since:]

    def answer(self, now_us: int, call: Call, code: int = 201, reason: str = "", message: str = "") -> Any:
        """The API server answers a call."""
        return self.handle(Answered(call.tag, code, reason, message), now_us)


def binds(effects: list[ProgramEffect]) -> list[tuple[str, str]]:
    """(pod, node) of all bindings among the orders."""
    return [(call.request.name, call.request.node) for call in bind_calls(effects)]


def bind_calls(effects: list[ProgramEffect]) -> list[Any]:
    """The calls that bind."""
    return [item for item in effects if isinstance(item, Call) and isinstance(item.request, Bind)]


def events(effects: list[ProgramEffect]) -> list[tuple[str, str | int]]:
    """(reason, message) of all new events; a repeated one shows as (`repeat`, its count)."""
    told: list[tuple[str, str | int]] = []
    for effect in effects:
        if isinstance(effect, Call) and isinstance(effect.request, Create | Patch):
            if effect.request.resource == "events":
                document = decode_document(effect.request.document)
                repeated = isinstance(effect.request, Patch)
                told.append(("repeat", document["count"]) if repeated else (document["reason"], document["message"]))
    return told


def conditions(effects: list[ProgramEffect]) -> list[Document]:
    """The conditions that were patched."""
    return [
        decode_document(item.request.document)["status"]["conditions"][0]
        for item in effects
        if isinstance(item, Call) and isinstance(item.request, Patch) and item.request.resource == "pods"
    ]


def records(effects: list[ProgramEffect]) -> list[tuple[str, str, dict[str, Any]]]:
    """(kind, object, fields) of all records."""
    return [(item.kind, item.object, item.fields) for item in effects if isinstance(item, Record)]


def on(node: str, **options: Any) -> dict[str, Any]:
    """Options of a pod document that is bound to a node."""
    return {"spec": {"nodeName": node}, **options}


def big(name: str, **options: Any) -> Document:
    """A pod that takes three of a node's four CPUs."""
    return pod_document(name, {"cpu": "3"}, **options)
