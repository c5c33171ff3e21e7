"""An API server with clients that dial by themselves, for tests: one call in, its answer out, watch events kept."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from nodesim.apiserver import ApiServer
from nodesim.apiserver.registry import Resource
from nodesim.machine import Frame, MachineEffect, Record, Send
from nodesim.messages import (
    Bind,
    Create,
    Delete,
    Dial,
    Done,
    Failure,
    Get,
    List,
    Listed,
    Message,
    Patch,
    Renew,
    Renewed,
    Update,
    Watch,
    WatchEvent,
)
from nodesim.objects import Document, decode_document, encode_document
from nodesim.profiles import V1_36, Profile, Settings
from nodesim.units import SECOND

OPERATOR = "operator"


class Cluster:
    """A server at an instant (`now_us`, which tests move) and everything that it said."""

    def __init__(
        self,
        profile: Profile = V1_36,
        settings: Settings | None = None,
        *,
        more: Sequence[Resource] = (),
        heartbeats: bool = False,
    ) -> None:
        settings = settings or Settings.of(profile)
        self.server = ApiServer(settings, profile, more=more, record_heartbeats=heartbeats)
        self.now_us = 10 * SECOND
        self.effects: list[MachineEffect] = []
        self.events: dict[tuple[str, int], list[tuple[str, Document]]] = {}
        """(client, id of the watch) -> what it heard."""
        self.told: dict[tuple[str, int], list[WatchEvent | Renewed]] = {}
        """(client, id of the watch) -> the messages that told it, renewals in brief among them."""
        self._ids = 0
        self._dialed: list[str] = []

    def frame(self, client: str, message: Message, id_: int = 0, connection: int = 1) -> list[MachineEffect]:
        """One frame as it is; what it led to."""
        self.effects = self.server.handle(Frame(client, id_, 0, connection, message), self.now_us)
        for effect in self.effects:
            if isinstance(effect, Send) and isinstance(effect.message, WatchEvent | Renewed):
                watch = (effect.destination, effect.in_reply_to)
                self.told.setdefault(watch, []).append(effect.message)
                if isinstance(effect.message, WatchEvent):
                    heard = self.events.setdefault(watch, [])
                    heard.append((effect.message.type, decode_document(effect.message.document)))
        return self.effects

    def call(self, message: Message, client: str = OPERATOR) -> Any:
        """One request; its answer."""
        if client not in self._dialed:
            self._dialed.append(client)
            self.frame(client, Dial())
        self._ids += 1
        answers = [
            effect.message
            for effect in self.frame(client, message, self._ids)
            if isinstance(effect, Send)
            and effect.in_reply_to == self._ids
            and not isinstance(effect.message, WatchEvent | Renewed)
        ]
        assert len(answers) == 1
        return answers[0]

    def ok(self, message: Message, client: str = OPERATOR) -> Document:
        """One request that must succeed; the object in its answer, {} where there is none."""
        answer = self.call(message, client)
        assert isinstance(answer, Done), answer
        return decode_document(answer.document) if answer.document else {}

    def fails(self, message: Message, client: str = OPERATOR) -> Failure:
        """One request that must fail."""
        answer = self.call(message, client)
        assert isinstance(answer, Failure), answer
        return answer

    def create(self, resource: str, document: Document, namespace: str = "", client: str = OPERATOR) -> Document:
        """POST."""
        return self.ok(Create(resource, namespace, encode_document(document)), client)

    def get(self, resource: str, name: str, namespace: str = "") -> Document:
        """GET."""
        return self.ok(Get(resource, namespace, name))

    def gone(self, resource: str, name: str, namespace: str = "") -> bool:
        """Does GET say 404?"""
        answer = self.call(Get(resource, namespace, name))
        return isinstance(answer, Failure) and answer.code == 404

    def update(self, resource: str, document: Document, subresource: str = "", client: str = OPERATOR) -> Document:
        """PUT under the document's own name."""
        return self.ok(put(resource, document, subresource), client)

    def patch(
        self,
        resource: str,
        name: str,
        change: Document,
        namespace: str = "",
        subresource: str = "",
        style: str = "strategic",
        client: str = OPERATOR,
    ) -> Document:
        """PATCH."""
        return self.ok(Patch(resource, namespace, name, subresource, style, encode_document(change)), client)

    def bind(self, name: str, node: str, namespace: str = "default") -> None:
        """POST binding."""
        self.ok(Bind(namespace, name, "", node))

    def delete_pod(self, name: str, grace_seconds: int | None = None) -> Document:
        """DELETE of a pod in `default`."""
        return self.ok(Delete("pods", "default", name, grace_seconds))

    def listed(self, resource: str, namespace: str = "", fields: str = "", labels: str = "") -> list[Document]:
        """LIST."""
        answer = self.call(List(resource, namespace, fields, labels))
        assert isinstance(answer, Listed), answer
        return [decode_document(packed) for packed in answer.documents]

    def watch(
        self,
        resource: str,
        fields: str = "",
        labels: str = "",
        version: str = "",
        namespace: str = "",
        *,
        brief: bool = False,
    ) -> int:
        """WATCH by a client of its own; its number, for `heard`."""
        client = f"watcher-{self._ids + 1}"
        assert isinstance(self.call(Watch(resource, namespace, fields, labels, version, brief), client), Done)
        return self._ids

    def heard(self, watch: int) -> list[tuple[str, str]]:
        """(type, name) of the events of a watch so far."""
        found = self.events.get((f"watcher-{watch}", watch), [])
        return [(kind, document["metadata"]["name"]) for kind, document in found]

    def documents(self, watch: int) -> list[Document]:
        """The documents of the events of a watch so far."""
        return [document for _, document in self.events.get((f"watcher-{watch}", watch), [])]

    def messages(self, watch: int) -> list[WatchEvent | Renewed]:
        """The messages that a watch got so far."""
        return self.told.get((f"watcher-{watch}", watch), [])

    def records(self) -> list[Record]:
        """The records of the last frame."""
        return [effect for effect in self.effects if isinstance(effect, Record)]


def put(resource: str, document: Document, subresource: str = "", *, brief: bool = False) -> Update:
    """The PUT of a document under its own name."""
    metadata = document["metadata"]
    namespace = metadata.get("namespace", "")
    return Update(resource, namespace, metadata["name"], subresource, encode_document(document), brief)


def renewal(document: Document, renew_us: int) -> Renew:
    """The short form of the PUT of this lease with another renewTime."""
    metadata = document["metadata"]
    return Renew(metadata["namespace"], metadata["name"], metadata["uid"], metadata["resourceVersion"], renew_us)


def after(known: Document, event: Renewed) -> Document:
    """What a client that knows a lease makes of the news that only its renewTime is new."""
    metadata = known["metadata"]
    assert (event.namespace, event.name) == (metadata["namespace"], metadata["name"])
    return {
        **known,
        "metadata": {**metadata, "resourceVersion": event.resource_version},
        "spec": {**known["spec"], "renewTime": event.renew_us},
    }


def node(name: str = "n1", **spec: Any) -> Document:
    """A Node as a kubelet registers it, Ready=False."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "spec": spec,
        "status": {"conditions": [{"type": "Ready", "status": "False", "reason": "KubeletNotReady"}]},
    }


def pod(name: str = "p", **spec: Any) -> Document:
    """A Pod in `default` with the label app=web."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": {"app": "web"}},
        "spec": {"containers": [{"name": "c", "image": "web:1"}], **spec},
    }


def lease(name: str = "n1", renew_us: int = 0) -> Document:
    """A node's Lease."""
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, "namespace": "kube-node-lease"},
        "spec": {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": renew_us},
    }


def replica_set(name: str = "web", **spec: Any) -> Document:
    """A ReplicaSet in `default` of pods with the label app=web."""
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c"}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template, **spec},
    }


def post(resource: str, document: Document, namespace: str = "") -> Create:
    """The POST of a document."""
    return Create(resource, namespace, encode_document(document))


def changed(document: Document, path: str, item: Any) -> Document:
    """A copy of a document with one field changed (`metadata.name`)."""
    made = copy.deepcopy(document)
    *way, last = path.split(".")
    place = made
    for step in way:
        place = place.setdefault(step, {})
    place[last] = item
    return made
