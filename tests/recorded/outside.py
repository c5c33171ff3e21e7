"""What did a person and the recordings' driver write?  Manifests, kubectl's writes, deleted nodes, evictions."""

from __future__ import annotations

from typing import Any

from nodesim.apiserver.registry import CLUSTER_KINDS, RESOURCES
from nodesim.client import WatchSpec
from nodesim.machine import Answered, Call, Changed, ProgramEffect, ProgramEvent, SetTimer, Started, TimerFired
from nodesim.messages import Create, Delete, Patch
from nodesim.objects import encode_document
from tests.recorded import observer
from tests.recorded.inputs import Entry, Recording
from tests.recorded.names import Names, pod_names

ACTOR = "operator"


class Outside:
    """Sends each write at its recorded instant; pods are found by owner and order of creation."""

    watches = (WatchSpec("pods", observer.pod),)

    def __init__(self, recording: Recording, recorded_names: Names) -> None:
        self._writes = _writes_of(recording)
        self._axis = recording.axis
        self._recorded = recorded_names
        self._pods: list[Entry] = []
        self.refused: list[tuple[str, int, str]] = []
        """What the API server refused: verb and name, code, message."""

    def handle(self, event: ProgramEvent, now_us: int) -> list[ProgramEffect]:
        """Write what is due."""
        if isinstance(event, Started):
            return [SetTimer(("write", place), self._axis.us(write["at"])) for place, write in enumerate(self._writes)]
        if isinstance(event, Changed) and event.new is not None:
            about = {key: item for key, item in event.new.items() if item is not None}
            self._pods.append({"k": "pod", "ev": "A" if event.old is None else "M", "n": about["name"], "c": about})
        if isinstance(event, TimerFired) and isinstance(event.key, tuple):
            return [self._call(self._writes[int(str(event.key[1]))])]
        if isinstance(event, Answered) and not event.ok:
            self.refused.append((str(event.tag), event.code, event.message))
        return []

    def _call(self, write: Entry) -> Call:
        verb, plural, name = write["verb"], write["resource"], write.get("name") or ""
        resource, _, subresource = plural.partition("/")
        namespace = write.get("namespace") or ""
        if resource == "pods" and name:
            name = self._ours(name)
        tag = f"{verb} {plural} {name}"
        if verb == "create" and subresource == "eviction":
            from nodesim.messages import Evict

            return Call(tag, Evict(namespace or "default", name))
        if verb == "create":
            return Call(tag, Create(resource, namespace, encode_document(write["body"])))
        if verb == "patch":
            style = (
                "merge"
                if "merge-patch" in write["content_type"] and "strategic" not in write["content_type"]
                else "strategic"
            )
            return Call(tag, Patch(resource, namespace, name, subresource, style, encode_document(write["body"])))
        assert verb == "delete", verb
        options = write.get("delete_options") or {}
        return Call(tag, Delete(resource, namespace, name, options.get("gracePeriodSeconds")))

    def _ours(self, name: str) -> str:
        shared = self._recorded.get(name, name)
        ours = {each: own for own, each in pod_names(self._pods).items() if "/" not in own}
        return ours.get(shared, name)


def _writes_of(recording: Recording) -> list[Entry]:
    writes: list[Entry] = []
    for manifest in recording.inputs["manifests"]:
        document = manifest["object"]
        namespace = "" if document["kind"] in CLUSTER_KINDS else document["metadata"].get("namespace", "default")
        writes.append(
            {
                "at": manifest["created_at"],
                "verb": "create",
                "resource": _plural(document),
                "namespace": namespace,
                "body": document,
            }
        )
    for action in recording.actions:
        match action["do"]:
            case "api-write":
                writes.append(action)
            case "kubectl":
                writes += action.get("api_writes") or []
            case "evict":
                at = action["request_received_at"]
                writes.append(
                    {
                        "at": at,
                        "verb": "create",
                        "resource": "pods/eviction",
                        "name": action["pod"],
                        "namespace": "default",
                    }
                )
            case "delete-node":
                at = action.get("request_received_at", action["at"])
                writes.append({"at": at, "verb": "delete", "resource": "nodes", "name": action["node"]})
    return sorted(writes, key=lambda write: float(write["at"]))


def _plural(document: Entry) -> str:
    for resource in RESOURCES:
        if (resource.api_version, resource.kind) == (document["apiVersion"], document["kind"]):
            return resource.plural
    kind: Any = document["kind"]
    return f"{kind.lower()}s"
