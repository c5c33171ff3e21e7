"""A tiny API server and clock around one NodeLifecycleController.

Calls reach the store 1 ms after they are made; the answer and the watch events come 1 ms later (both 0 with
`latency_us=0`).  At one instant messages come before timers, as in the world.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from functools import partial
from typing import Any

from nodesim.apiserver.patch import merge_patch
from nodesim.controllers.nodelifecycle import NodeLifecycleController
from nodesim.machine import Answered, Call, CancelTimer, Changed, Record, SetTimer, Started, Synced, TimerFired
from nodesim.messages import Create, Get, Patch, Update
from nodesim.objects import Document, decode_document, encode_document
from nodesim.profiles import V1_36, Profile, Settings
from nodesim.streams import Streams
from nodesim.units import MILLISECOND, SECOND

LEASES = "kube-node-lease"


def node(name: str, ready: str | None = "True", heartbeat_us: int = 0, created_us: int = 0, **more: Any) -> Document:
    """A Node document; `more`: labels, taints, uid, conditions ({type: status}), unschedulable."""
    statuses = {} if ready is None else {"Ready": ready}
    statuses |= more.get("conditions", {})
    conditions = [
        {"type": type_, "status": status, "lastHeartbeatTime": heartbeat_us, "lastTransitionTime": heartbeat_us}
        for type_, status in statuses.items()
    ]
    spec: dict[str, Any] = {"taints": more["taints"]} if more.get("taints") else {}
    if more.get("unschedulable"):
        spec["unschedulable"] = True
    metadata = {"name": name, "uid": more.get("uid", f"uid-{name}"), "creationTimestamp": created_us}
    if more.get("labels") is not None:
        metadata["labels"] = more["labels"]
    return {"kind": "Node", "metadata": metadata, "spec": spec, "status": {"conditions": conditions}}


def zone_labels(zone: str, region: str = "r1") -> dict[str, str]:
    """The topology labels of a zone."""
    return {"topology.kubernetes.io/region": region, "topology.kubernetes.io/zone": zone}


def pod(name: str, node_name: str, ready: str | None = "True") -> Document:
    """A Pod document in namespace default."""
    conditions = [{"type": "PodScheduled", "status": "True"}]
    if ready is not None:
        conditions.append({"type": "Ready", "status": ready, "reason": "kept", "message": "kept too"})
    return {
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}"},
        "spec": {"nodeName": node_name},
        "status": {"conditions": conditions},
    }


def lease(name: str, renew_us: int) -> Document:
    """A node's Lease."""
    return {"kind": "Lease", "metadata": {"name": name, "namespace": LEASES}, "spec": {"renewTime": renew_us}}


class Cluster:
    """The store, the clock, and what the controller did: `journal` holds (us, effect)."""

    def __init__(
        self,
        *,
        profile: Profile = V1_36,
        settings: Settings | None = None,
        skip_quiet: bool = True,
        latency_us: int = MILLISECOND,
        seed: int = 0,
    ) -> None:
        self.controller = NodeLifecycleController(
            settings or Settings.of(profile), profile, streams=Streams(seed), skip_quiet=skip_quiet
        )
        self._views = {watch.resource: watch.view for watch in self.controller.watches}
        self.latency_us = latency_us
        self.now_us = 0
        self.store: dict[str, dict[str, Document]] = {"nodes": {}, "pods": {}, "leases": {}}
        self.journal: list[tuple[int, Any]] = []
        self.timers: dict[Any, int] = {}
        self.ticks = 0
        self.fail: Callable[[Any], int | None] = lambda request: None
        """An HTTP code (or 0) with which to answer a request instead of serving it."""
        self.watch_lag_us = 0
        """How much later than the answers watch events come."""
        self.history: list[tuple[int, str, str, Document]] = []
        """(us, resource, key, document) of each write that was stored."""
        self._version = 0
        self._n = 0
        self._queue: list[tuple[int, int, Any]] = []
        self._cached: dict[str, dict[str, Any]] = {"nodes": {}, "pods": {}, "leases": {}}

    # --- the world's side

    def start(self) -> None:
        """The controller's process begins, with the store as it is."""
        self._drain()
        self._feed(Started())
        for resource in ("nodes", "pods", "leases"):
            for key, document in sorted(self.store[resource].items()):
                self._show(resource, key, document)
            self._feed(Synced(resource))

    def at(self, t_us: int, action: Callable[[], None]) -> None:
        """Do something at an instant, before timers of the same instant."""
        self._n += 1
        heapq.heappush(self._queue, (t_us, self._n, action))

    def run(self, until_us: int) -> None:
        """Let time pass, with all that is due up to and at `until_us`."""
        while True:
            timer = min(((at_us, repr(key), key) for key, at_us in self.timers.items()), default=None)
            first_us = self._queue[0][0] if self._queue else None
            if timer is not None and (first_us is None or timer[0] < first_us):
                if timer[0] > until_us:
                    break
                self._fire(timer[2], timer[0])
            elif first_us is not None and first_us <= until_us:
                self.now_us = first_us
                heapq.heappop(self._queue)[2]()
            else:
                break
        self.now_us = until_us

    def tick(self, t_us: int) -> None:
        """Jump to an instant and run what hangs on the controller's timer, as upstream's tests do with a fake clock."""
        self.now_us = t_us
        self._drain()
        if self.timers.get("tick", t_us) <= t_us:
            self.timers.pop("tick", None)
            self._feed(TimerFired("tick"))
        self._drain()

    def _drain(self) -> None:
        while self._queue and self._queue[0][0] <= self.now_us:
            heapq.heappop(self._queue)[2]()

    def _fire(self, key: Any, at_us: int) -> None:
        self.now_us = at_us
        self.ticks += key == "tick"
        del self.timers[key]
        self._feed(TimerFired(key))

    def _feed(self, event: Any) -> None:
        for effect in self.controller.handle(event, self.now_us):
            if type(effect) is SetTimer:
                assert effect.at_us >= self.now_us
                self.timers[effect.key] = effect.at_us
            elif type(effect) is CancelTimer:
                self.timers.pop(effect.key, None)
            elif type(effect) is Call:
                self.journal.append((self.now_us, effect))
                self.at(self.now_us + self.latency_us, partial(self._serve, effect))
            else:
                self.journal.append((self.now_us, effect))

    # --- the API's side

    def put(self, resource: str, document: Document) -> None:
        """Store an object as if somebody else had written it."""
        metadata = document["metadata"]
        namespace = metadata.get("namespace")
        key = f"{namespace}/{metadata['name']}" if namespace else metadata["name"]
        self._version += 1
        stored = {**document, "metadata": {**metadata, "resourceVersion": str(self._version)}}
        self.store[resource][key] = decode_document(encode_document(stored))
        self.history.append((self.now_us, resource, key, self.store[resource][key]))
        self._watch(resource, key)

    def change(self, resource: str, key: str, change: Document) -> None:
        """Merge a change into a stored object."""
        self.put(resource, merge_patch(self.store[resource][key], change))

    def delete(self, resource: str, key: str) -> None:
        """Remove an object."""
        del self.store[resource][key]
        self._watch(resource, key)

    def _watch(self, resource: str, key: str) -> None:
        document = self.store[resource].get(key)
        arrival_us = self.now_us + self.latency_us + self.watch_lag_us
        self.at(arrival_us, lambda: self._show(resource, key, document))

    def _show(self, resource: str, key: str, document: Document | None) -> None:
        old = self._cached[resource].pop(key, None)
        new = None if document is None else self._views[resource](document)
        if new is not None:
            self._cached[resource][key] = new
        if old is not None or new is not None:
            self._feed(Changed(resource, key, old, new))

    def _serve(self, call: Call) -> None:
        request = call.request
        code, document = self.fail(request), None
        if code is None:
            code, document = self._do(request)
        answer = Answered(call.tag, code, document=document)
        self.at(self.now_us + self.latency_us, lambda: self._feed(answer))

    def _do(self, request: Any) -> tuple[int, Document | None]:
        if type(request) is Create or request.resource == "events":
            return 201, None
        key = f"{request.namespace}/{request.name}" if request.namespace else request.name
        stored = self.store[request.resource].get(key)
        if stored is None:
            return 404, None
        if type(request) is Get:
            return 200, stored
        sent = decode_document(request.document)
        version = (sent.get("metadata") or {}).get("resourceVersion")
        if version not in (None, stored["metadata"]["resourceVersion"]):
            return 409, None
        if type(request) is Update:
            assert request.subresource == "status"
            self.put(request.resource, {**stored, "status": sent["status"]})
        else:
            assert type(request) is Patch
            metadata = {name: item for name, item in (sent.get("metadata") or {}).items() if name != "resourceVersion"}
            self.put(request.resource, merge_patch(stored, {**sent, "metadata": metadata}))
        return 200, self.store[request.resource][key]

    # --- what a kubelet does

    def heartbeat(self, name: str, *, lease_only: bool = True, ready: str = "True") -> None:
        """Renew a node's lease now; with `lease_only=False` post its status, too."""
        self.put("leases", lease(name, self.now_us))
        if not lease_only:
            self.post(name, ready)

    def post(self, name: str, ready: str = "True", heartbeat_us: int | None = None) -> None:
        """Post a node's status: Ready, and the pressure conditions False."""
        at_us = self.now_us - self.now_us % SECOND if heartbeat_us is None else heartbeat_us
        statuses = {"Ready": ready, "MemoryPressure": "False", "DiskPressure": "False", "PIDPressure": "False"}
        conditions = [
            {"type": type_, "status": status, "lastHeartbeatTime": at_us, "lastTransitionTime": at_us}
            for type_, status in statuses.items()
        ]
        self.change("nodes", name, {"status": {"conditions": conditions}})

    def renew_every(self, name: str, first_us: int, until_us: int, period_us: int = 10 * SECOND) -> None:
        """Renew a node's lease from one instant to another."""
        for t_us in range(first_us, until_us, period_us):
            self.at(t_us, lambda: self.heartbeat(name))

    # --- what there is to see

    def ready(self, name: str) -> str | None:
        """Status of a stored node's Ready condition."""
        conditions = {item["type"]: item for item in self.store["nodes"][name]["status"]["conditions"]}
        return conditions["Ready"]["status"] if "Ready" in conditions else None

    def taints(self, name: str, effect: str = "NoExecute") -> list[str]:
        """Last parts of the keys of a stored node's taints with this effect."""
        taints = (self.store["nodes"][name].get("spec") or {}).get("taints") or []
        return [item["key"].split("/")[-1] for item in taints if item["effect"] == effect]

    def calls(self, kind: type, resource: str) -> list[tuple[int, Any]]:
        """(us, request) of the calls of one kind about one resource."""
        requests: list[tuple[int, Any]] = [
            (t_us, effect.request) for t_us, effect in self.journal if type(effect) is Call
        ]
        return [
            (t_us, item)
            for t_us, item in requests
            if isinstance(item, kind) and getattr(item, "resource", "") == resource
        ]

    def status_updates(self, resource: str = "nodes") -> list[tuple[int, Any]]:
        """(us, request) of the PUTs of a status."""
        return self.calls(Update, resource)

    def records(self, kind: str) -> list[tuple[int, str, dict[str, Any]]]:
        """(us, object, fields) of the records of a kind."""
        return [
            (t_us, effect.object, effect.fields)
            for t_us, effect in self.journal
            if type(effect) is Record and effect.kind == kind
        ]

    def events(self) -> list[tuple[int, str, str, str]]:
        """(us, reason, kind/name, message) of the events that were made anew."""
        made = [(t_us, decode_document(request.document)) for t_us, request in self.calls(Create, "events")]
        return [
            (
                t_us,
                item["reason"],
                f"{item['involvedObject']['kind']}/{item['involvedObject']['name']}",
                item["message"],
            )
            for t_us, item in made
        ]

    def zone_states(self) -> dict[str, str]:
        """Each zone's last recorded state."""
        return {fields["zone"]: fields["new"] for _, _, fields in self.records("ZoneStateChanged")}

    def granted(self) -> list[tuple[int, str]]:
        """(us, node) of the nodes that got a token."""
        return [(t_us, object_.split("/")[1]) for t_us, object_, _ in self.records("TaintGranted")]
