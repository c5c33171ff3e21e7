"""How does a node become one of the cloud?

A kubelet whose cluster is in a cloud registers its Node with the taint `uninitialized`.  This controller asks the cloud
for the instance and writes, all in one PUT: providerID, labels of zone, region and instance type (old and new keys),
and the Node without the taint.  Then it writes the addresses and tells so (Synced).  A cloud that fails, or that does
not know the instance, is asked again after a pause that doubles.  Of initialised nodes, the old labels win over the new
ones at each event, and addresses are compared every 5 minutes.

Source: staging/src/k8s.io/cloud-provider/controllers/node/node_controller.go (`syncNode`,
`getNodeModifiersFromCloudProvider`, `updateNodeAddress`, `reconcileNodeLabels`, `UpdateNodeStatus`).
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import attrs

from nodesim.client.events import EventRecorder
from nodesim.client.watches import WatchSpec
from nodesim.clocks import TRUE_CLOCK, Clock
from nodesim.cloud.provider import CloudError, Instance, Provider
from nodesim.cloud.views import UNINITIALIZED, CloudNode, cloud_node
from nodesim.controllers.workload.caches import keep
from nodesim.controllers.workload.queue import SyncQueue
from nodesim.controllers.workload.script import Outcome, Script, Sync, ask, why
from nodesim.machine import (
    Answered,
    Call,
    Changed,
    ProgramEffect,
    ProgramEvent,
    Record,
    SetTimer,
    Synced,
    TimerFired,
)
from nodesim.messages import Get, Patch, Update
from nodesim.objects import Document, encode_document
from nodesim.streams import Stream, Streams
from nodesim.units import MILLISECOND, MINUTE

ACTOR: Final = "cloud-node-controller"
"""Its name as an actor, as an API client and in its events."""
STATUS_PERIOD_US: Final = 5 * MINUTE
"""--node-status-update-frequency of the cloud-controller-manager."""
CONFLICTS_MAX: Final = 20
CONFLICT_PAUSE_US: Final = 50 * MILLISECOND
"""UpdateNodeSpecBackoff: times 1 to 2 at random."""
LABELS: Final = {
    "zone": ("failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone"),
    "region": ("failure-domain.beta.kubernetes.io/region", "topology.kubernetes.io/region"),
    "type": ("beta.kubernetes.io/instance-type", "node.kubernetes.io/instance-type"),
}
"""What the cloud knows -> the old label and the new one."""
_STATUS: Final = "status"


def labels_of(instance: Instance) -> dict[str, str]:
    """The labels that an instance gives its node; what the cloud does not say makes none."""
    return {key: getattr(instance, what) for what, keys in LABELS.items() if getattr(instance, what) for key in keys}


def labels_to_reconcile(labels: dict[str, str]) -> dict[str, str]:
    """The new labels that are missing or say something else than the old ones."""
    return {new: labels[old] for old, new in LABELS.values() if old in labels and labels.get(new) != labels[old]}


def initialised(node: Document, instance: Instance) -> Document:
    """The Node as the cloud completes it."""
    metadata, spec = dict(node["metadata"]), dict(node.get("spec") or {})
    metadata["labels"] = {**(metadata.get("labels") or {}), **labels_of(instance)}
    spec["providerID"] = spec.get("providerID") or instance.provider_id
    taints = [taint for taint in spec.pop("taints", None) or () if taint["key"] != UNINITIALIZED]
    if taints:
        spec["taints"] = taints
    return {**node, "metadata": metadata, "spec": spec}


def new_addresses(node: CloudNode, instance: Instance) -> list[dict[str, str]] | None:
    """The addresses that a node must get: the cloud's, and its own host name; None where it has them."""
    wanted = [("InternalIP", instance.address), *(each for each in node.addresses if each[0] == "Hostname")]
    held = dict(node.addresses)
    if len(node.addresses) == len(wanted) and all(held.get(kind) == address for kind, address in wanted):
        return None
    return [{"type": kind, "address": address} for kind, address in wanted]


def _addresses_patch(name: str, addresses: list[dict[str, str]]) -> Patch:
    # The whole list is replaced: component-helpers node/util `PatchNodeStatus`.
    replaced: list[dict[str, Any]] = [{"$patch": "replace"}, *addresses]
    return Patch("nodes", "", name, "status", "strategic", encode_document({"status": {"addresses": replaced}}))


class CloudNodeController:
    """The program of the actor `cloud-node-controller`."""

    watches: tuple[WatchSpec, ...] = (WatchSpec("nodes", cloud_node),)

    def __init__(self, provider: Provider, streams: Streams, *, clock: Clock = TRUE_CLOCK) -> None:
        self._provider = provider
        self._events = EventRecorder(ACTOR, clock)
        self._jitter = streams.stream(f"{ACTOR}/conflict-backoff")
        self._nodes: dict[str, CloudNode] = {}
        self._conflicts: Counter[str] = Counter()
        self._queue = SyncQueue(self._sync_of, self.watches)
        self._updates = 0

    def __repr__(self) -> str:
        return f"<CloudNodeController nodes={len(self._nodes)} running={self._queue.running}>"

    def handle(self, event: ProgramEvent, now_us: int) -> list[ProgramEffect]:
        """One event in, the orders that follow from it out."""
        if isinstance(event, Changed):
            keep(self._nodes, event.key, event.new)
            return self._queue.add([event.key], now_us)
        if isinstance(event, TimerFired) and event.key == _STATUS:
            return self._update_addresses(now_us)
        if isinstance(event, Synced):
            return [*self._update_addresses(now_us), *self._queue.handle(event, self._nodes, now_us)]
        if isinstance(event, Answered | TimerFired):
            return self._queue.handle(event, self._nodes, now_us)
        return []

    def _update_addresses(self, now_us: int) -> list[ProgramEffect]:
        effects: list[ProgramEffect] = [SetTimer(_STATUS, now_us + STATUS_PERIOD_US, caused=None)]
        for _, node in sorted(self._nodes.items()):
            if node.uninitialized:
                continue
            instance = self._provider.metadata(node.name, node.provider_id, now_us)
            addresses = None if isinstance(instance, CloudError) else new_addresses(node, instance)
            if addresses is not None:
                self._updates += 1
                effects.append(Call(("addresses", self._updates), _addresses_patch(node.name, addresses)))
        return effects

    def _sync_of(self, name: str, now_us: int) -> Sync | None:
        node = self._nodes.get(name)
        if node is None:
            return None
        return _NodeSync(node, self._provider, self._events, self._jitter, self._conflicts, now_us)


@attrs.define
class _NodeSync:
    """One look at a node.  Source: `syncNode`."""

    node: CloudNode
    provider: Provider
    events: EventRecorder
    jitter: Stream
    conflicts: Counter[str]
    now_us: int

    def run(self) -> Script:
        """The script."""
        node = self.node
        if not node.uninitialized:
            return (yield from self._reconcile_labels())
        found = self.provider.metadata(node.name, node.provider_id, self.now_us)
        if isinstance(found, CloudError):
            yield Record("NodeNotInitialised", f"Node/{node.name}", {"error": found.text})
            return Outcome(found.text)
        document = encode_document(initialised(node.document, found))
        answer = yield from ask(Update("nodes", "", node.name, "", document))
        if answer.code == 409:
            return self._conflict(answer)
        del self.conflicts[node.name]
        if not answer.ok:
            return Outcome(why(answer))
        addresses = new_addresses(node, found)
        if addresses is not None:
            yield from ask(_addresses_patch(node.name, addresses))  # Whether it worked is not asked.
        yield self.events.event(
            self.now_us, "Node", "", node.name, node.uid, "Normal", "Synced", "Node synced successfully"
        )
        return Outcome()

    def _conflict(self, answer: Answered) -> Outcome:
        """Somebody else wrote the Node: again soon, upon what the cache has then; after many times with the queue."""
        self.conflicts[self.node.name] += 1
        if self.conflicts[self.node.name] < CONFLICTS_MAX:
            return Outcome(again_us=self.now_us + CONFLICT_PAUSE_US + self.jitter.below(CONFLICT_PAUSE_US))
        del self.conflicts[self.node.name]
        return Outcome(why(answer))

    def _reconcile_labels(self) -> Script:
        """Source: `reconcileNodeLabels`; node/helpers/labels.go `AddOrUpdateLabelsOnNode`."""
        labels = labels_to_reconcile(self.node.labels)
        if labels:
            name = self.node.name
            answer = yield from ask(Get("nodes", "", name))
            if answer.ok:
                change = encode_document({"metadata": {"labels": labels}})
                answer = yield from ask(Patch("nodes", "", name, "", "strategic", change))
            if not answer.ok:
                return Outcome(why(answer))
        return Outcome()
