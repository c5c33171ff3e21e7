"""An API server small enough to read: it stores, answers after 1 ms + 1 ms, and tells of changes 1 ms after a write."""

from __future__ import annotations

import copy
import heapq
from typing import Any

import attrs

from nodesim.controllers.replicaset import ReplicaSetController, replica_set_view
from nodesim.controllers.workload.pods import managed_pod_view
from nodesim.machine import Answered, Call, Changed, ProgramEvent, Record, SetTimer, Started, Synced, TimerFired
from nodesim.messages import Create, Delete, Get, Patch, Update
from nodesim.objects import Document, decode_document
from nodesim.profiles import V1_36, Profile, Settings
from nodesim.units import MILLISECOND, SECOND

RECORDED = attrs.evolve(V1_36, terminating_replicas=False)
"""What its requests were compared with: 1.34."""

VIEWS = {"pods": managed_pod_view, "replicasets": replica_set_view}
LABELS = {"app": "web"}


def replica_set(name: str = "web", replicas: int | None = 3, **spec: Any) -> Document:
    """A ReplicaSet document that selects app=web."""
    template = {"metadata": {"labels": dict(LABELS), "annotations": {"note": "n"}}, "spec": {"containers": []}}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {"namespace": "default", "name": name, "uid": f"uid-{name}", "generation": 1},
        "spec": {"replicas": replicas, "selector": {"matchLabels": dict(LABELS)}, "template": template, **spec},
    }


def pod(name: str, owner: str | None = "web", labels: dict[str, str] | None = None) -> Document:
    """A pod document, running and ready, that the ReplicaSet of this name owns."""
    metadata: Document = {"namespace": "default", "name": name, "uid": f"uid-{name}", "creationTimestamp": 0}
    metadata["labels"] = dict(LABELS) if labels is None else labels
    if owner:
        metadata["ownerReferences"] = [{"kind": "ReplicaSet", "name": owner, "uid": f"uid-{owner}", "controller": True}]
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": 0}
    return {
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"nodeName": "n1"},
        "status": {"phase": "Running", "conditions": [ready]},
    }


class Cluster:
    """Runs the controller against a store; keeps its records and requests with their times.

    With `deaf` the watch is held: the store changes, the controller hears nothing.
    """

    def __init__(self, profile: Profile = RECORDED) -> None:
        self._profile = profile
        self.controller = ReplicaSetController(Settings(), profile)
        self.now_us = 0
        self.store: dict[tuple[str, str], Document] = {}
        self.seen: dict[tuple[str, str], Any] = {}
        self.records: list[tuple[int, Record]] = []
        self.requests: list[tuple[int, Any]] = []
        self.failing: list[tuple[type[Any], str, int, int]] = []
        self.deaf = False
        self._held: list[tuple[str, str]] = []
        self._queue: list[tuple[int, int, Any, int]] = []
        self._armed: dict[Any, int] = {}
        self._count = self._version = 0
        self._feed(Started())

    # --- what the test does ---

    def sync(self) -> None:
        """Both first lists are there."""
        self.run_until(self.now_us + 2 * MILLISECOND)
        self._feed(Synced("replicasets"))
        self._feed(Synced("pods"))

    def write(self, document: Document) -> None:
        """Somebody else stores this; the controller hears of it 1 ms later."""
        resource = "pods" if document["kind"] == "Pod" else "replicasets"
        key = f"{document['metadata']['namespace']}/{document['metadata']['name']}"
        self._version += 1
        document = copy.deepcopy(document)
        document["metadata"]["resourceVersion"] = str(self._version)
        self.store[resource, key] = document
        self._tell(resource, key)

    def change(self, resource: str, name: str, **metadata: Any) -> None:
        """Somebody else changes an object's metadata."""
        document = copy.deepcopy(self.store[resource, f"default/{name}"])
        document["metadata"].update(metadata)
        self.write(document)

    def remove(self, resource: str, name: str) -> None:
        """Somebody else removes an object."""
        del self.store[resource, f"default/{name}"]
        self._tell(resource, f"default/{name}")

    def restart(self) -> None:
        """A fresh process takes the controller's place.

        What the old one asked for is carried out; nothing of what was on its way to it is heard.
        """
        asked = [event for _, _, event, _ in self._queue if isinstance(event, Call)]
        self._queue.clear()
        self._armed.clear()
        self.seen.clear()
        for call in asked:
            self._serve(call)
        self.controller = ReplicaSetController(Settings(), self._profile)
        self._feed(Started())

    def hear(self) -> None:
        """The watch goes on where it was held."""
        self.deaf = False
        for resource, key in self._held:
            self._tell(resource, key)
        self._held = []

    def fail(self, request: type[Any], resource: str, times: int, code: int = 500) -> None:
        """The next `times` requests of this type fail with this code."""
        self.failing.append((request, resource, times, code))

    def run_until(self, until_us: int) -> None:
        """Let everything happen that is due by then (inclusive)."""
        while self._queue and self._queue[0][0] <= until_us:
            at_us, _, event, generation = heapq.heappop(self._queue)
            self.now_us = at_us
            if isinstance(event, tuple):
                self._deliver(*event)
            elif isinstance(event, Call):
                self._push(at_us + MILLISECOND, self._serve(event))
            elif not isinstance(event, TimerFired) or self._armed.get(event.key) == generation:
                self._feed(event)
        self.now_us = until_us

    # --- what the test asks ---

    def made(self, request: type[Any], resource: str = "pods") -> list[int]:
        """When requests of this type were made."""
        return [at for at, made in self.requests if isinstance(made, request) and made.resource == resource]

    def names(self, *, active: bool = False) -> list[str]:
        """The pods in the store, or those of them that count."""
        pods = [document for (resource, _), document in sorted(self.store.items()) if resource == "pods"]
        counted = [item for item in pods if not active or item["metadata"].get("deletionTimestamp") is None]
        return [item["metadata"]["name"] for item in counted]

    def messages(self) -> list[tuple[str, str]]:
        """Type and text of the events it wrote, repeats left out."""
        events = [decode_document(r.document) for _, r in self.requests if isinstance(r, Create)]
        return [(item["type"], item["message"]) for item in events if item["kind"] == "Event"]

    def statuses(self) -> list[Document]:
        """The statuses that were put, in order."""
        return [decode_document(r.document)["status"] for _, r in self.requests if isinstance(r, Update)]

    def differences(self) -> list[tuple[int, str, int, int]]:
        """Time, object, want and have of each ReplicasDiffer."""
        kinds = {record.kind for _, record in self.records}
        assert kinds <= {"ReplicasDiffer"}
        return [(at, item.object, item.fields["want"], item.fields["have"]) for at, item in self.records]

    # --- how it runs ---

    def _push(self, at_us: int, event: Any) -> None:
        self._count += 1
        heapq.heappush(self._queue, (at_us, self._count, event, self._count))

    def _feed(self, event: ProgramEvent) -> None:
        for effect in self.controller.handle(event, self.now_us):
            if isinstance(effect, Record):
                self.records.append((self.now_us, effect))
            elif isinstance(effect, SetTimer):
                self._push(effect.at_us, TimerFired(effect.key))
                self._armed[effect.key] = self._count
            elif isinstance(effect, Call):
                self.requests.append((self.now_us, effect.request))
                self._push(self.now_us + MILLISECOND, effect)

    def _tell(self, resource: str, key: str) -> None:
        if self.deaf:
            self._held.append((resource, key))
        else:
            stored = self.store.get((resource, key))
            self._push(self.now_us + MILLISECOND, (resource, key, stored))

    def _deliver(self, resource: str, key: str, document: Document | None) -> None:
        old = self.seen.pop((resource, key), None)
        new = VIEWS[resource](document) if document is not None else None
        if new is not None:
            self.seen[resource, key] = new
        self._feed(Changed(resource, key, old, new))

    def _serve(self, call: Call) -> Answered:
        request: Any = call.request
        for place, (kind, resource, times, code) in enumerate(self.failing):
            if type(request) is kind and request.resource == resource and times:
                self.failing[place] = (kind, resource, times - 1, code)
                return Answered(call.tag, code, "Broken", "it is broken")
        if request.resource == "events":
            return Answered(call.tag, 201)
        if isinstance(request, Create):
            return self._create(call.tag, decode_document(request.document))
        stored = self.store.get((request.resource, f"{request.namespace}/{request.name}"))
        if stored is None:
            return Answered(call.tag, 404, "NotFound")
        if isinstance(request, Get):
            return Answered(call.tag, 200, document=stored)
        if isinstance(request, Delete):
            self.change("pods", request.name, deletionTimestamp=self.now_us + 30 * SECOND)
        elif isinstance(request, Patch):
            return self._patch(call.tag, stored, decode_document(request.document)["metadata"])
        elif isinstance(request, Update):
            sent = decode_document(request.document)
            if sent["metadata"].get("resourceVersion", "") != stored["metadata"]["resourceVersion"]:
                return Answered(call.tag, 409, "Conflict")
            self.write({**stored, "status": sent["status"]})
        return Answered(call.tag, 200)

    def _create(self, tag: Any, document: Document) -> Answered:
        name = f"{document['metadata'].pop('generateName')}{len(self.store):03}"
        more = {"name": name, "uid": f"uid-{name}", "creationTimestamp": self.now_us - self.now_us % SECOND}
        document["metadata"].update(more)
        self.write({**document, "status": {"phase": "Pending"}})
        return Answered(tag, 201, document=document)

    def _patch(self, tag: Any, stored: Document, metadata: Document) -> Answered:
        if metadata["uid"] != stored["metadata"]["uid"]:
            return Answered(tag, 409, "Conflict")
        reference = metadata["ownerReferences"][0]
        references = [] if reference.get("$patch") == "delete" else [reference]
        self.change("pods", stored["metadata"]["name"], ownerReferences=references)
        return Answered(tag, 200)


def steady(*names: str, **spec: Any) -> Cluster:
    """A ReplicaSet that has just the pods it wants, all seen, its status written."""
    cluster = Cluster()
    cluster.write(replica_set(replicas=len(names), **spec))
    for name in names:
        cluster.write(pod(name))
    cluster.sync()
    cluster.run_until(SECOND)
    cluster.requests.clear()
    cluster.records.clear()
    return cluster
