"""A cluster small enough to read: documents, a store, and answers after 2 ms."""

from __future__ import annotations

import heapq
from typing import Any

from nodesim.controllers.tainteviction import TaintEvictionController
from nodesim.machine import (
    Answered,
    Call,
    CancelTimer,
    Changed,
    ProgramEffect,
    ProgramEvent,
    Record,
    SetTimer,
    Started,
    Synced,
    TimerFired,
)
from nodesim.messages import Create, Delete, Get, Patch
from nodesim.objects import Document, decode_document, node_view, pod_view
from nodesim.profiles import V1_36, Profile, Settings
from nodesim.units import MILLISECOND, SECOND

ROUND_TRIP_US = 2 * MILLISECOND


def pod(name: str, node: str = "", tolerations: list[dict[str, Any]] | None = None, phase: str = "Running") -> Document:
    """A pod document in namespace default."""
    metadata = {"namespace": "default", "name": name, "uid": f"uid-{name}", "resourceVersion": "1"}
    spec: Document = {"nodeName": node, "tolerations": tolerations or []}
    return {"kind": "Pod", "metadata": metadata, "spec": spec, "status": {"phase": phase, "conditions": []}}


def node(name: str, *taints: dict[str, Any]) -> Document:
    """A node document with these taints."""
    return {"kind": "Node", "metadata": {"name": name, "resourceVersion": "1"}, "spec": {"taints": list(taints)}}


def taint(key: str, value: str = "x", effect: str = "NoExecute", **more: Any) -> dict[str, Any]:
    """A taint document."""
    return {"key": key, "value": value, "effect": effect, **more}


def tolerates(key: str, seconds: int | None = None) -> dict[str, Any]:
    """A toleration of every NoExecute taint with this key."""
    document: dict[str, Any] = {"key": key, "operator": "Exists", "effect": "NoExecute"}
    return document if seconds is None else {**document, "tolerationSeconds": seconds}


class Cluster:
    """Runs the controller against a store; keeps the records, events and requests it made, with their times.

    Deleted pods stay in the store, Terminating, until `remove_pod`.
    """

    def __init__(self, profile: Profile = V1_36) -> None:
        self._profile = profile
        self.controller = TaintEvictionController(Settings.of(profile), profile)
        self.now_us = 0
        self.documents: dict[tuple[str, str], Document] = {}
        self.records: list[tuple[int, Record]] = []
        self.requests: list[tuple[int, Any]] = []
        self.failing: list[tuple[type, int, str]] = []
        self._queue: list[tuple[int, int, ProgramEvent, int]] = []
        self._armed: dict[Any, int] = {}
        self._count = 0
        self.feed(Started())

    # --- what the test does ---

    def sync(self) -> None:
        """Both first lists are there."""
        self.feed(Synced("pods"))
        self.feed(Synced("nodes"))

    def restart(self) -> None:
        """A fresh process takes the controller's place; nothing that was on its way to the old one is heard."""
        self._queue.clear()
        self._armed.clear()
        self.controller = TaintEvictionController(Settings.of(self._profile), self._profile)
        self.feed(Started())

    def put_pod(self, document: Document) -> None:
        """The pod is as in the document."""
        self._put("pods", f"default/{document['metadata']['name']}", document)

    def put_node(self, document: Document) -> None:
        """The node is as in the document."""
        self._put("nodes", document["metadata"]["name"], document)

    def remove_pod(self, name: str) -> None:
        """The pod's object goes."""
        self._put("pods", f"default/{name}", None)

    def remove_node(self, name: str) -> None:
        """The node's object goes."""
        self._put("nodes", name, None)

    def fail(self, request: type, times: int, reason: str = "InternalError") -> None:
        """The next `times` requests of this type fail."""
        self.failing.append((request, times, reason))

    def run_until(self, seconds: float) -> None:
        """Let everything happen that is due by then (inclusive)."""
        until_us = int(seconds * SECOND)
        while self._queue and self._queue[0][0] <= until_us:
            at_us, _, event, generation = heapq.heappop(self._queue)
            if isinstance(event, TimerFired):
                if self._armed.get(event.key) != generation:
                    continue
                del self._armed[event.key]
            self.now_us = at_us
            self.feed(event)
        self.now_us = until_us

    # --- what the test asks ---

    def of_kind(self, kind: str) -> list[tuple[int, str, dict[str, Any]]]:
        """Time, object and fields of the records of one kind."""
        return [(at_us, record.object, record.fields) for at_us, record in self.records if record.kind == kind]

    def made(self, request: type[Any], resource: str = "pods") -> list[int]:
        """When requests of this type were made."""
        return [at for at, made in self.requests if isinstance(made, request) and made.resource == resource]

    def deleted(self) -> dict[str, int]:
        """Pod name -> time of its first DELETE, in us."""
        first: dict[str, int] = {}
        for at_us, made in self.requests:
            if isinstance(made, Delete):
                first.setdefault(made.name, at_us)
        return first

    def messages(self) -> list[tuple[int, str]]:
        """When which event was written first or again; a repeat shows as "+1"."""
        found = []
        for at_us, made in self.requests:
            if isinstance(made, Create) and made.resource == "events":
                found.append((at_us, str(decode_document(made.document)["message"])))
            elif isinstance(made, Patch) and made.resource == "events":
                found.append((at_us, "+1"))
        return found

    def timers(self) -> dict[Any, int]:
        """The timers that are set."""
        return dict(self._armed)

    # --- how it runs ---

    def feed(self, event: ProgramEvent) -> None:
        """One turn."""
        for effect in self.controller.handle(event, self.now_us):
            self._perform(effect)

    def _perform(self, effect: ProgramEffect) -> None:
        if isinstance(effect, Record):
            self.records.append((self.now_us, effect))
        elif isinstance(effect, SetTimer):
            assert effect.at_us >= self.now_us
            self._push(effect.at_us, TimerFired(effect.key))
            self._armed[effect.key] = self._count
        elif isinstance(effect, CancelTimer):
            self._armed.pop(effect.key, None)
        elif isinstance(effect, Call):
            self.requests.append((self.now_us, effect.request))
            self._push(self.now_us + ROUND_TRIP_US, self._answer(effect))

    def _push(self, at_us: int, event: ProgramEvent) -> None:
        self._count += 1
        heapq.heappush(self._queue, (at_us, self._count, event, self._count))

    def _answer(self, call: Call) -> Answered:
        request = call.request
        for place, (kind, times, reason) in enumerate(self.failing):
            if isinstance(request, kind) and times:
                self.failing[place] = (kind, times - 1, reason)
                return Answered(call.tag, 500 if reason == "InternalError" else 0, reason)
        if isinstance(request, Create):
            return Answered(call.tag, 201)
        if isinstance(request, Get | Patch | Delete) and request.resource == "pods":
            stored = self.documents.get(("pods", f"{request.namespace}/{request.name}"))
            return Answered(call.tag, 200, document=stored) if stored else Answered(call.tag, 404, "NotFound")
        return Answered(call.tag, 200)

    def _put(self, resource: str, key: str, document: Document | None) -> None:
        old = self.documents.pop((resource, key), None)
        if document is not None:
            self.documents[resource, key] = document
        view = pod_view if resource == "pods" else node_view
        self.feed(Changed(resource, key, view(old) if old else None, view(document) if document else None))


A, B = taint("A"), taint("B")
MARKING = "Marking for deletion Pod default/p"
CANCELLING = "Cancelling deletion of Pod default/p"


def cluster_with(*tolerations: dict[str, Any], profile: Profile = V1_36, phase: str = "Running") -> Cluster:
    """Node n without taints, pod p on it, both known."""
    cluster = Cluster(profile)
    cluster.put_node(node("n"))
    cluster.put_pod(pod("p", "n", list(tolerations), phase))
    cluster.sync()
    return cluster
