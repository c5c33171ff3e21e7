"""How did the node controller evict pods before taints did?

With `evictionMode: api-initiated` (--enable-taint-manager=false, up to 1.26) a node that has not been Ready for
`podEvictionTimeout` waits in its zone's queue; when its turn comes, all its pods are deleted at once, whatever they
tolerate and whatever budgets say.  Pods of DaemonSets stay, and so do those that are going already.  From then on the
node counts as evicted: a pod that is found on it later is deleted without waiting, until the node is Ready again.

When the timeout begins: a node that is Unknown is measured from the last sign of life that a pass saw, so that its
pods go about 4m20s after it was marked; one whose kubelet says False, from the pass that saw it say so.  The
documentation's words (five minutes of Unknown) are `podEvictionTimeoutFrom: unknown`.

Source: pkg/controller/nodelifecycle/node_lifecycle_controller.go of 1.24 (`processNoTaintBaseEviction`, `evictPods`,
`cancelPodEviction`, `doEvictionPass`), pkg/controller/util/node/controller_utils.go (`DeletePods`,
`SetPodTerminationReason`).
"""

from __future__ import annotations

import attrs

from nodesim.client.events import EventRecorder
from nodesim.clocks import TRUE_CLOCK, Clock
from nodesim.controllers.nodelifecycle.caches import Caches
from nodesim.controllers.nodelifecycle.health import SavedHealth
from nodesim.controllers.nodelifecycle.node_writes import Finished
from nodesim.controllers.nodelifecycle.rate_limited_queue import RateLimitedTimedQueue
from nodesim.controllers.nodelifecycle.taints import Step
from nodesim.controllers.nodelifecycle.views import NodeObject, PodObject
from nodesim.machine import Answered, Call, ProgramEffect, Record
from nodesim.messages import Delete, Update
from nodesim.objects import Document, encode_document, zone_name
from nodesim.profiles import Settings

NODE_LOST = "NodeLost"
"""status.reason of pods whose node does not answer."""


def eviction_due(
    status: str,
    health: SavedHealth,
    timeout_us: int,
    *,
    from_unknown: bool,
    now_us: int,
    clock: Clock = TRUE_CLOCK,
) -> bool:
    """Has a node been False or Unknown for the timeout?  As everywhere in passes that take no time, equality counts."""
    if status == "Unknown" and not from_unknown:
        return health.silent_us(now_us, clock) >= timeout_us
    return status in ("False", "Unknown") and now_us - health.since_us >= timeout_us


def lost_document(pod: PodObject) -> Document:
    """A Pod document that says why it is to go."""
    message = f"Node {pod.node} which was running pod {pod.name} is unresponsive"
    return {**pod.document, "status": {**pod.document["status"], "reason": NODE_LOST, "message": message}}


@attrs.define
class _Run:
    pods: list[PodObject]
    owner: tuple[str, str]
    deleting: bool = False
    ok: bool = True


@attrs.define
class PodDeletions:
    """All runs over a node's pods; each has one call outstanding, tagged `("evict", number)`."""

    events: EventRecorder
    _runs: dict[int, _Run] = attrs.field(factory=dict, init=False)
    _started: int = attrs.field(default=0, init=False)

    def start(
        self, node: NodeObject, pods: list[PodObject], owner: tuple[str, str], now_us: int, out: list[ProgramEffect]
    ) -> bool:
        """Begin to delete a node's pods, in this order; False if there are none that need anything."""
        if not pods:
            return False
        message = f"Node {node.name} event: Deleting all Pods from Node {node.name}."
        out.append(
            self.events.event(now_us, "Node", "", node.name, node.view.uid, "Normal", "DeletingAllPods", message)
        )
        self._started += 1
        self._runs[self._started] = _Run(list(pods), owner)
        return self._next(self._started, now_us, out) is None

    def answered(self, number: int, answer: Answered, now_us: int, out: list[ProgramEffect]) -> Finished | None:
        """Go on with a run; tells when it has ended, and whether all went well."""
        run = self._runs.get(number)
        if run is None:
            return None
        if not run.deleting and answer.reason != "Conflict":
            return self._delete(number, now_us, out)  # A reason that could not be written for other causes is missed.
        run.pods.pop(0)
        if not answer.ok and answer.code != 404:
            run.ok = False  # The node is tried again.
            if run.deleting:
                run.pods.clear()
        return self._next(number, now_us, out)

    def _next(self, number: int, now_us: int, out: list[ProgramEffect]) -> Finished | None:
        run = self._runs[number]
        while run.pods:
            pod = run.pods[0]
            run.deleting = False
            if (pod.document.get("status") or {}).get("reason") == NODE_LOST:
                finished = self._delete(number, now_us, out)
                if finished is not None or run.deleting:
                    return finished
                continue
            document = encode_document(lost_document(pod))
            out.append(Call(("evict", number), Update("pods", pod.namespace, pod.name, "status", document, brief=True)))
            return None
        del self._runs[number]
        return Finished(run.owner, run.ok)

    def _delete(self, number: int, now_us: int, out: list[ProgramEffect]) -> Finished | None:
        """The head of a run is marked: delete it, unless it is going or a DaemonSet's; then the next one."""
        run = self._runs[number]
        pod = run.pods[0]
        if pod.going or pod.daemon:
            run.pods.pop(0)
            return self._next(number, now_us, out)
        message = f"Marking for deletion Pod {pod.name} from Node {pod.node}"
        where = (pod.namespace, pod.name, pod.uid)
        out.append(self.events.event(now_us, "Pod", *where, "Normal", "NodeControllerEviction", message))
        run.deleting = True
        out.append(Call(("evict", number), Delete("pods", pod.namespace, pod.name)))
        return None


@attrs.define
class ApiInitiated:
    """The way without taints."""

    settings: Settings
    caches: Caches
    deletions: PodDeletions
    clock: Clock = TRUE_CLOCK
    _evicted: dict[str, None] = attrs.field(factory=dict, init=False)
    """Nodes whose pods were deleted since they were last Ready."""

    def steps(self, node: NodeObject, status: str, now_us: int) -> list[Step]:
        """Nothing is written to nodes."""
        return []

    def recovered(self, node: NodeObject) -> list[Step]:
        """Nothing is written to nodes."""
        return []

    def bring_in_line(
        self,
        node: NodeObject,
        status: str,
        health: SavedHealth,
        queue: RateLimitedTimedQueue,
        now_us: int,
        out: list[ProgramEffect],
    ) -> None:
        """Queue a node whose time is over; one that is Ready is let off.  Source: `processNoTaintBaseEviction`."""
        if status == "True":
            queue.remove(node.name)
            self.forget(node.name)
        elif self._is_due(status, health, now_us):
            if node.name in self._evicted:
                self.deletions.start(node, self.caches.pods_on(node.name), ("late-evict", node.name), now_us, out)
            elif queue.add(node.name, now_us):
                out.append(Record("EvictionQueued", f"Node/{node.name}", {"zone": zone_name(node.zone)}))

    def _is_due(self, status: str, health: SavedHealth, now_us: int) -> bool:
        from_unknown = self.settings.pod_eviction_timeout_from == "unknown"
        timeout_us = self.settings.pod_eviction_timeout_us
        return eviction_due(status, health, timeout_us, from_unknown=from_unknown, now_us=now_us, clock=self.clock)

    def act(self, zone: str, queue: RateLimitedTimedQueue, name: str, now_us: int, out: list[ProgramEffect]) -> bool:
        """Begin to delete a node's pods; False if there is nothing to wait for.  Source: `doEvictionPass`."""
        node = self.caches.nodes.get(name)
        if node is None:
            queue.succeeded(name)
            return False
        out.append(Record("EvictionGranted", f"Node/{name}", {"zone": zone_name(zone)}))
        self._evicted[name] = None
        if self.deletions.start(node, self.caches.pods_on(name), ("no-execute", name), now_us, out):
            return True
        queue.succeeded(name)
        return False

    def forget(self, name: str) -> None:
        """A node is let off.  Source: `cancelPodEviction`."""
        self._evicted.pop(name, None)

    def pod_bound(self, pod: PodObject, health: SavedHealth, now_us: int, out: list[ProgramEffect]) -> None:
        """A pod came to an evicted node: it goes at once.  Source: `processPod`."""
        node = self.caches.nodes.get(pod.node)
        if node is not None and pod.node in self._evicted and self._is_due(health.ready or "", health, now_us):
            self.deletions.start(node, [pod], ("late-evict", pod.node), now_us, out)
