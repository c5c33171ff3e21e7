"""Drives a kubelet's program in virtual time against a small fake of the API."""

from __future__ import annotations

import copy
import heapq
from collections.abc import Hashable
from typing import Any

from nodesim.apiserver.patch import strategic_merge_patch
from nodesim.kubelet import Kubelet, Runtime
from nodesim.kubelet.runtime import TIMER as RUNTIME_TIMER
from nodesim.kubelet.runtime import ContainersChanged
from nodesim.machine import Answered, Call, CancelTimer, Changed, Record, SetTimer, Started, Synced, TimerFired, Told
from nodesim.messages import Create, Delete, Get, Patch, Renew, Update
from nodesim.objects import Document, decode_document
from nodesim.profiles import V1_36, Profile, Settings
from nodesim.spec import ContainerRule, NodeSpec
from nodesim.streams import Streams
from nodesim.units import MILLISECOND, SECOND

ROUND_TRIP_US = 2 * MILLISECOND
CONNECTION_DIES_US = 45 * SECOND
"""What a call without a timeout waits on a silent connection."""


class FakeApi:
    """Objects by (resource, name); `cut` swallows calls, `refuse` gives an error code by (verb, resource)."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], Document] = {}
        self.version = 0
        self.cut = False
        self.refuse: dict[tuple[str, str], list[int]] = {}
        self.changes: list[tuple[str, str, Document | None, Document | None]] = []

    def put(self, resource: str, document: Document) -> Document:
        """Store a document, as if another client had written it."""
        name = document["metadata"]["name"]
        self.version += 1
        old = self.objects.get((resource, name))
        metadata = {"uid": f"uid-{resource}-{name}", **document["metadata"], "resourceVersion": str(self.version)}
        new = {**copy.deepcopy(document), "metadata": metadata}
        self.objects[resource, name] = new
        self.changes.append((resource, name, old, new))
        return new

    def drop(self, resource: str, name: str) -> None:
        """Remove a document."""
        old = self.objects.pop((resource, name))
        self.changes.append((resource, name, old, None))

    def answer(self, call: Call) -> Answered:
        """What the server says to a call."""
        request = call.request
        verb = "update" if isinstance(request, Renew) else type(request).__name__.lower()
        codes = self.refuse.get((verb, resource_of(request)))
        if codes:
            return Answered(call.tag, codes.pop(0))
        if isinstance(request, Create):
            document = decode_document(request.document)
            if (request.resource, document["metadata"].get("name", "")) in self.objects:
                return Answered(call.tag, 409, "AlreadyExists")
            made = self.put(request.resource, document)
            return Answered(call.tag, 201, document=made, resource_version=str(self.version))
        if isinstance(request, Renew):
            return self._renew(call, request)
        assert isinstance(request, Get | Update | Patch | Delete)
        found = self.objects.get((request.resource, request.name))
        if isinstance(request, Update):
            return self._update(call, request, found)
        if found is None:
            return Answered(call.tag, 404, "NotFound")
        if isinstance(request, Get):
            return Answered(call.tag, 200, document=copy.deepcopy(found))
        if isinstance(request, Patch):
            change = decode_document(request.document)
            if change.get("metadata", {}).get("uid", found["metadata"]["uid"]) != found["metadata"]["uid"]:
                return Answered(call.tag, 409, "Conflict")
            made = self.put(request.resource, strategic_merge_patch(found, change))
            return Answered(call.tag, 200, document=copy.deepcopy(made), resource_version=str(self.version))
        if request.uid and request.uid != found["metadata"]["uid"]:
            return Answered(call.tag, 409, "Conflict")
        self.drop(request.resource, request.name)
        return Answered(call.tag, 200)

    def _update(self, call: Call, request: Update, found: Document | None) -> Answered:
        document = decode_document(request.document)
        metadata = document["metadata"]
        if found is None and "uid" in metadata:
            return Answered(call.tag, 409, "Conflict")
        if found is not None and metadata.get("resourceVersion") != found["metadata"]["resourceVersion"]:
            return Answered(call.tag, 409, "Conflict")
        made = self.put(request.resource, document)
        whole = None if request.brief else copy.deepcopy(made)
        return Answered(call.tag, 200, document=whole, resource_version=made["metadata"]["resourceVersion"])

    def _renew(self, call: Call, request: Renew) -> Answered:
        found = self.objects.get(("leases", request.name))
        if found is None or request.uid != found["metadata"]["uid"]:
            return Answered(call.tag, 409, "Conflict")
        if request.resource_version != found["metadata"]["resourceVersion"]:
            return Answered(call.tag, 409, "Conflict")
        assert request.namespace == found["metadata"]["namespace"]
        made = self.put("leases", {**found, "spec": {**found["spec"], "renewTime": request.renew_us}})
        return Answered(call.tag, 200, resource_version=made["metadata"]["resourceVersion"])


def resource_of(request: Any) -> str:
    """The resource that a request is about; one that says only what is new in a lease is about leases."""
    return "leases" if isinstance(request, Renew) else getattr(request, "resource", "")


class Bench:
    """One kubelet process on one machine; frames are left out, watches and answers come after a round trip."""

    def __init__(
        self,
        spec: NodeSpec | None = None,
        *,
        profile: Profile = V1_36,
        rules: tuple[ContainerRule, ...] = (),
        api: FakeApi | None = None,
        runtime: Runtime | None = None,
        seed: int = 1,
        start_us: int = 0,
        skip_quiet: bool = True,
        settings: Settings | None = None,
    ) -> None:
        self.spec = spec or NodeSpec(name="n1")
        self.api = api or FakeApi()
        self.watching = True
        self.runtime = runtime or Runtime(rules)
        self.now_us = start_us
        self.calls: list[tuple[int, Call]] = []
        self.records: list[tuple[int, Record]] = []
        self.timers_fired: list[tuple[int, Hashable]] = []
        self._queue: list[tuple[int, int, int, Any]] = []
        self._n = 0
        self._timers: dict[Hashable, tuple[int, int]] = {}
        self._missed: list[tuple[str, str, Document | None, Document | None]] = []
        settings = settings or Settings.of(profile)
        self.kubelet = Kubelet(self.spec, self.runtime, settings, profile, Streams(seed), skip_quiet=skip_quiet)
        self._perform(self.kubelet.handle(Started(), start_us))
        self._at(start_us + ROUND_TRIP_US, self._list)

    # --- what a test says ---------------------------------------------------------------------------------------

    def run(self, until_us: int) -> None:
        """Let everything up to this instant happen."""
        self._flush()
        while self._queue and self._queue[0][0] <= until_us:
            at_us, _, _, what = heapq.heappop(self._queue)
            self.now_us = at_us
            if callable(what):
                what()
            elif not isinstance(what, TimerFired):
                self._perform(self.kubelet.handle(what, at_us))
            elif self._timers.get(what.key, (0, 0))[0] == at_us:
                del self._timers[what.key]
                self._fire(what)
            self._flush()
        self.now_us = until_us

    def at(self, at_us: int, action: Any) -> None:
        """Call something at an instant."""
        self._at(at_us, action)

    def relist(self) -> None:
        """The watch comes back: what it missed is told, only where things differ."""
        self.watching = True
        last: dict[tuple[str, str], list[Any]] = {}
        for resource, name, old, new in self._missed:
            last.setdefault((resource, name), [old, new])[1] = new
        self._missed = []
        for (resource, name), (old, new) in last.items():
            if old is not None or new is not None:
                self._tell(resource, name, old, new)

    def requests(self, kind: type, resource: str) -> list[tuple[int, Any]]:
        """(time, request) of all calls of one kind on one resource."""
        return [
            (t, call.request)
            for t, call in self.calls
            if isinstance(call.request, kind) and resource_of(call.request) == resource
        ]

    def steps(self, part: str) -> list[tuple[int, str]]:
        """(time, step) of the calls whose tag begins with a part's name, as in `("lease", "put")`."""
        return [(t, call.tag[1]) for t, call in self.calls if isinstance(call.tag, tuple) and call.tag[0] == part]

    def kinds(self, *kinds: str) -> list[tuple[int, str, dict[str, Any]]]:
        """(time, kind, fields) of the records of some kinds."""
        return [(t, record.kind, record.fields) for t, record in self.records if record.kind in kinds]

    # --- how it works -------------------------------------------------------------------------------------------

    def _fire(self, event: TimerFired) -> None:
        key = event.key
        if isinstance(key, tuple) and key[0] == RUNTIME_TIMER:
            self._perform(list(self.runtime.fired(key[1], key[2], self.now_us)))
            self._perform(self.kubelet.handle(Told(ContainersChanged(key[1])), self.now_us))
            return
        self.timers_fired.append((self.now_us, key))
        self._perform(self.kubelet.handle(event, self.now_us))

    def _list(self) -> None:
        for resource in ("nodes", "pods"):
            for (found, name), document in sorted(self.api.objects.items()):
                if found == resource:
                    self._perform(
                        self.kubelet.handle(Changed(resource, _key(name, document), None, document), self.now_us)
                    )
            self._perform(self.kubelet.handle(Synced(resource), self.now_us))
        self.api.changes.clear()

    def _flush(self) -> None:
        changes, self.api.changes = self.api.changes, []
        for resource, name, old, new in changes:
            if resource not in ("nodes", "pods"):
                continue
            if self.watching:
                self._tell(resource, name, old, new)
            else:
                self._missed.append((resource, name, old, new))

    def _tell(self, resource: str, name: str, old: Document | None, new: Document | None) -> None:
        key = _key(name, new or old or {})
        self._at(self.now_us + ROUND_TRIP_US // 2, Changed(resource, key, copy.deepcopy(old), copy.deepcopy(new)), 0)

    def _at(self, at_us: int, what: Any, order: int = 1) -> None:
        self._n += 1
        heapq.heappush(self._queue, (at_us, order, self._n, what))

    def _perform(self, effects: list[Any]) -> None:
        for effect in effects:
            if isinstance(effect, SetTimer):
                assert effect.at_us >= self.now_us, effect
                self._timers[effect.key] = (effect.at_us, self._n)
                self._at(effect.at_us, TimerFired(effect.key), 2)
            elif isinstance(effect, CancelTimer):
                self._timers.pop(effect.key, None)
            elif isinstance(effect, Record):
                self.records.append((self.now_us, effect))
            else:
                self._call(effect)

    def _call(self, call: Call) -> None:
        self.calls.append((self.now_us, call))
        if call.record is not None:
            self.records.append((self.now_us, call.record))
        if not self.api.cut:
            self._at(self.now_us + ROUND_TRIP_US // 2, lambda: self._served(call), 0)
        elif call.timeout_us is not None:
            self._at(self.now_us + call.timeout_us, Answered(call.tag, 0, "Timeout"))
        else:
            self._at(self.now_us + CONNECTION_DIES_US, Answered(call.tag, 0, "ConnectionLost"))

    def _served(self, call: Call) -> None:
        answer = self.api.answer(call)
        self._at(self.now_us + ROUND_TRIP_US // 2, answer, 0)


def _key(name: str, document: Document) -> str:
    namespace = document["metadata"].get("namespace")
    return f"{namespace}/{name}" if namespace else name


def pod(name: str, *, uid: str = "", node: str = "n1", grace: int = 30, **spec: Any) -> Document:
    """A pod of one container `c`, bound to a node."""
    metadata: Document = {"name": name, "namespace": "default", "creationTimestamp": 0}
    if uid:
        metadata["uid"] = uid
    containers = spec.pop("containers", [{"name": "c", "image": "app"}])
    whole = {"nodeName": node, "terminationGracePeriodSeconds": grace, "containers": containers, **spec}
    status = {"phase": "Pending", "qosClass": "BestEffort"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": whole, "status": status}


def deleted(document: Document, at_us: int, grace: int) -> Document:
    """The pod after somebody asked for its deletion."""
    marks = {"deletionTimestamp": at_us + grace * SECOND, "deletionGracePeriodSeconds": grace}
    return {**document, "metadata": {**document["metadata"], **marks}}
