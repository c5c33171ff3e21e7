"""What does a kubelet do with the pods that are bound to its node?

It admits and starts them, restarts what crashes, stops what is to go, and says how they are. Sources:
pkg/kubelet/kubelet.go `HandlePodAdditions`, `SyncPod`, `SyncTerminatingPod`, kubelet_pods.go `HandlePodCleanups`,
pkg/kubelet/pod_workers.go `UpdatePod`, `calculateEffectiveGracePeriod`; pkg/kubelet/kuberuntime `doBackOff`,
`killContainer`.

How it works.  Each pod has a worker, by uid: syncing (its containers are to run), terminating (they are being
stopped), terminated (none is left), or refused.  A worker never goes back; a pod of the same name with another uid is
another pod. Until the first list is complete nothing is added and nothing cleaned up, so a kubelet that starts cut
off leaves everything as it finds it.  Running containers of a pod that a restarted kubelet is shown again are adopted
as they are.

Container changes are seen at once.  In Kubernetes the PLEG looks every second, so starts, stops and the final delete
come up to a second later each.  What one relist brings is worked through in the order of its events, each by itself.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import attrs

from nodesim.client.events import EventRecorder
from nodesim.clocks import TRUE_CLOCK, Clock
from nodesim.kubelet.admission import Refusal, refusal_of
from nodesim.kubelet.crashloop import CrashBackoff
from nodesim.kubelet.node_document import internal_ip, pod_ips
from nodesim.kubelet.podstatus import PodFacts, pod_status, refused_status
from nodesim.kubelet.runtime import EXITED, Container, Runtime, Sandbox
from nodesim.kubelet.status import StatusKeeper
from nodesim.kubelet.statuswrites import PodStatusWriter
from nodesim.machine import Call, CancelTimer, Record, SetTimer
from nodesim.objects import Document, PodView, is_terminal, node_view, pod_view
from nodesim.profiles import Profile
from nodesim.streams import Stream
from nodesim.units import MINUTE, SECOND, format_duration

GRACE_FLOOR_SECONDS: Final = 1
RUNTIME_GRACE_MIN_SECONDS: Final = 2
"""minimumGracePeriodInSeconds: what the runtime is given at least."""
ORPHAN_GRACE_SECONDS: Final = 1
HOUSEKEEPING_US: Final = 2 * SECOND
ERROR_RETRY_US: Final = 10 * SECOND
"""backOffPeriod, drawn out by up to half."""
EXPIRY_WAIT_MAX_US: Final = MINUTE

HOUSEKEEPING_TIMER: Final = "housekeeping"
RESTART_TIMER: Final = "restart"
"""First part of the keys of timers that look at a crashed container again: `("restart", uid, container)`."""

SYNCING: Final = "syncing"
TERMINATING: Final = "terminating"
TERMINATED: Final = "terminated"
REFUSED: Final = "refused"

WorkerEffect: TypeAlias = Call | SetTimer | CancelTimer | Record


@attrs.define
class Worker:
    """One pod on this kubelet."""

    uid: str
    pod: Document
    view: PodView
    work: str
    start_us: int
    deletion_seen: bool = False
    removed: bool = False
    """The API has no such pod any more."""
    waiting: dict[str, str] = attrs.Factory(dict)
    """Container -> why it waits for its next start."""


class PodWorkers:
    """All pods of one kubelet process."""

    __slots__ = (
        "_begun_us",
        "_clock",
        "_crashes",
        "_events",
        "_node",
        "_node_status",
        "_profile",
        "_retries",
        "_runtime",
        "_synced",
        "_unsynced",
        "_workers",
        "statuses",
    )

    def __init__(
        self,
        node: str,
        node_status: StatusKeeper,
        runtime: Runtime,
        profile: Profile,
        retries: Stream,
        events: EventRecorder,
        *,
        skip_quiet: bool,
        clock: Clock = TRUE_CLOCK,
    ) -> None:
        self._node = node
        self._node_status = node_status
        self._runtime = runtime
        self._profile = profile
        self._events = events
        self._clock = clock
        self._retries = retries
        self._workers: dict[str, Worker] = {}
        self._unsynced: dict[str, Document] = {}
        self._synced = False
        self._begun_us = 0
        self._crashes = CrashBackoff()
        self.statuses = PodStatusWriter(
            terminal_before_delete=profile.terminal_phase_before_delete, skip_quiet=skip_quiet
        )

    def __repr__(self) -> str:
        """Whose, and how many."""
        return f"PodWorkers({self._node!r}, workers={len(self._workers)})"

    def begin(self, now_us: int) -> list[WorkerEffect]:
        """The process starts."""
        self._begun_us = now_us
        return [*self.statuses.begin(now_us)]

    # --- what the watch shows -----------------------------------------------------------------------------------

    def changed(self, key: str, old: Document | None, new: Document | None, now_us: int) -> list[WorkerEffect]:
        """A pod of this node appeared, changed or went."""
        if not self._synced:
            if new is None:
                self._unsynced.pop(key, None)
            else:
                self._unsynced[key] = new
            return []
        effects: list[WorkerEffect] = []
        if old is not None and (new is None or old["metadata"]["uid"] != new["metadata"]["uid"]):
            effects += self._remove(old["metadata"]["uid"], now_us)
        if new is not None:
            worker = self._workers.get(new["metadata"]["uid"])
            effects += self._add(new, now_us) if worker is None else self._update(worker, new, now_us)
        return effects

    def synced(self, now_us: int) -> list[WorkerEffect]:
        """The first list is complete: take its pods in the order of their creation, and look for orphans."""
        self._synced = True
        effects: list[WorkerEffect] = []
        pods = sorted(
            self._unsynced.items(), key=lambda item: (item[1]["metadata"].get("creationTimestamp") or 0, item[0])
        )
        self._unsynced = {}
        for _, pod in pods:
            effects += self._add(pod, now_us)
        if any(uid not in self._workers for uid in self._runtime.sandboxes):
            effects.append(self._housekeeping_timer(now_us))
        return effects

    def _add(self, pod: Document, now_us: int) -> list[WorkerEffect]:
        view = pod_view(pod)
        start_us = (pod.get("status") or {}).get("startTime")
        worker = Worker(view.uid, pod, view, SYNCING, self._clock.wall_us(now_us) if start_us is None else start_us)
        effects: list[WorkerEffect] = [*self.statuses.observed(pod, now_us)]
        others = [item.view for item in self._workers.values() if item.work in (SYNCING, TERMINATING)]
        self._workers[view.uid] = worker
        if view.deletion_us is not None:
            return effects + self._delete(worker, now_us)
        if view.terminal:  # It ended before this process began, and never runs again.
            return effects + self._terminate(worker, view.grace_seconds, now_us)
        node = node_view(self._node_status.cached or self._node_status.initial_node(now_us))
        refusal = refusal_of(
            view,
            others,
            node.labels,
            node.allocatable,
            node.taints,
            taints_count=self._profile.kubelet_taint_admission,
        )
        if refusal is not None:
            return effects + self._refuse(worker, refusal, now_us)
        return effects + self._sync(worker, now_us)

    def _refuse(self, worker: Worker, refusal: Refusal, now_us: int) -> list[WorkerEffect]:
        worker.work = REFUSED
        prefix = "Pod was rejected: " if self._profile.terminal_phase_before_delete else "Pod "
        status = refused_status(worker.pod, refusal, prefix)
        effects: list[WorkerEffect] = [self._event(worker, "Warning", refusal.reason, refusal.message, now_us)]
        sandbox = self._runtime.sandboxes.get(worker.uid)
        running = sandbox is not None and sandbox.live
        if running:  # A restarted kubelet may refuse what runs; housekeeping stops it.
            effects.append(self._housekeeping_timer(now_us))
        return [*effects, *self.statuses.set_status(worker.uid, status, now_us, finished=not running)]

    def _update(self, worker: Worker, pod: Document, now_us: int) -> list[WorkerEffect]:
        worker.pod = pod
        worker.view = pod_view(pod)
        effects: list[WorkerEffect] = [*self.statuses.observed(pod, now_us)]
        if worker.view.deletion_us is not None:
            return effects + self._delete(worker, now_us)
        if worker.view.terminal and worker.work == SYNCING:
            return effects + self._terminate(worker, worker.view.grace_seconds, now_us)
        return effects

    def _delete(self, worker: Worker, now_us: int) -> list[WorkerEffect]:
        """Somebody asked for the pod's deletion: its period counts from now, whatever deletionTimestamp says."""
        grace = worker.view.deletion_grace_seconds
        seconds = worker.view.grace_seconds if grace is None else grace
        return [*self._deletion_seen(worker, seconds), *self._terminate(worker, seconds, now_us)]

    def _remove(self, uid: str, now_us: int) -> list[WorkerEffect]:
        """The pod is gone from the API: stop it by its last known period, its own one where nobody had named another.

        So a forced delete that the kubelet only finds in a new list ends with the pod's whole grace period.
        """
        worker = self._workers.get(uid)
        self.statuses.forget(uid)
        if worker is None:
            return []
        worker.removed = True
        if worker.work in (TERMINATED, REFUSED):
            self._drop_if_done(worker)
            return []
        return self._delete(worker, now_us)

    def _deletion_seen(self, worker: Worker, seconds: int) -> list[Record]:
        if worker.deletion_seen:
            return []
        worker.deletion_seen = True
        fields = {"uid": worker.uid, "grace_seconds": seconds}
        return [Record("PodDeletionSeen", f"Pod/{worker.view.key}", fields)]

    # --- running ------------------------------------------------------------------------------------------------

    def containers_changed(self, uid: str, now_us: int) -> list[WorkerEffect]:
        """The runtime says that a container of this pod started, became ready or exited."""
        worker = self._workers.get(uid)
        if worker is None:
            if self._synced:
                self._drop_orphan(uid)
            return []
        if worker.work == SYNCING:
            return self._sync(worker, now_us)
        if worker.work == TERMINATING:
            return self._terminated_if_stopped(worker, now_us)
        if worker.work != REFUSED or self._live(uid):
            return []
        self._drop_if_done(worker)
        status = self.statuses.status_of(uid) if not worker.removed else {}
        return [*self.statuses.set_status(uid, status, now_us, finished=True)]

    def restart_due(self, uid: str, now_us: int) -> list[WorkerEffect]:
        """Look again at a pod whose container waits for its next start."""
        worker = self._workers.get(uid)
        return self._sync(worker, now_us) if worker is not None and worker.work == SYNCING else []

    def _sync(self, worker: Worker, now_us: int) -> list[WorkerEffect]:
        """Start what should run, and say how the pod is."""
        effects: list[WorkerEffect] = []
        policy = worker.pod["spec"].get("restartPolicy", "Always")
        containers = self._containers(worker.uid)
        self._runtime.pod_cidrs = self._node_status.pod_cidrs or self._runtime.pod_cidrs
        for spec in worker.pod["spec"]["containers"]:
            container = containers.get(spec["name"])
            if container is None:
                effects += self._runtime.start(worker.pod, spec["name"], spec.get("image", ""), now_us)
            elif container.state == EXITED:
                assert container.last is not None
                if policy == "Always" or (policy == "OnFailure" and container.last.exit_code != 0):
                    effects += self._restart(worker, spec, container, now_us)
        status = self._status(worker, now_us, stopped=False)
        ended = is_terminal(status["phase"])
        effects += self.statuses.set_status(worker.uid, status, now_us, finished=ended)
        if ended:
            worker.work = TERMINATED
        return effects

    def _restart(self, worker: Worker, spec: dict[str, Any], container: Container, now_us: int) -> list[WorkerEffect]:
        """Start a crashed container again, or wait for the end of its back-off."""
        assert container.last is not None
        # The runtime says when it ended by the wall clock, which may have stepped since (`IsInBackOffSince`).
        wall_us, finished_us = self._clock.wall_us(now_us), self._clock.wall_us(container.last.finished_us)
        name = container.name
        key = (worker.uid, name)
        timer = (RESTART_TIMER, worker.uid, name)
        delay_us = self._crashes.delay_us(key, finished_us)
        left_us = finished_us + delay_us - wall_us
        if left_us <= 0:
            self._crashes.restarted(key, finished_us, wall_us)
            worker.waiting.pop(name, None)
            return [CancelTimer(timer), *self._runtime.start(worker.pod, name, spec.get("image", ""), now_us)]
        whose = f"{worker.view.name}_{worker.view.namespace}({worker.uid})"
        worker.waiting[name] = f"back-off {format_duration(delay_us)} restarting failed container={name} pod={whose}"
        base_us = min(left_us, EXPIRY_WAIT_MAX_US) if self._profile.crash_retry_at_expiry else ERROR_RETRY_US
        at_us = now_us + base_us + self._retries.below(max(1, base_us // 2))
        text = f"Back-off restarting failed container {name} in pod {whose}"
        return [SetTimer(timer, at_us), self._event(worker, "Warning", "BackOff", text, now_us)]

    # --- stopping -----------------------------------------------------------------------------------------------

    def _terminate(self, worker: Worker, seconds: int, now_us: int) -> list[WorkerEffect]:
        """Stop all containers; a shorter period that comes later does not shorten a stop under way."""
        if worker.work != SYNCING:
            return []
        worker.work = TERMINATING
        grace_us = max(seconds, GRACE_FLOOR_SECONDS, RUNTIME_GRACE_MIN_SECONDS) * SECOND
        effects: list[WorkerEffect] = [
            CancelTimer((RESTART_TIMER, worker.uid, name)) for name in sorted(worker.waiting)
        ]
        worker.waiting = {}
        for container in list(self._containers(worker.uid).values()):
            if container.state == EXITED:
                continue
            effects.append(self._event(worker, "Normal", "Killing", f"Stopping container {container.name}", now_us))
            effects += self._runtime.stop(worker.uid, container.name, grace_us, now_us)
        return effects + self._terminated_if_stopped(worker, now_us)

    def _terminated_if_stopped(self, worker: Worker, now_us: int) -> list[WorkerEffect]:
        if self._live(worker.uid):
            if worker.removed or worker.view.terminal:
                return []
            return [*self.statuses.set_status(worker.uid, self._status(worker, now_us, stopped=False), now_us)]
        worker.work = TERMINATED
        effects: list[WorkerEffect] = []
        if not worker.removed:
            # What has ended already keeps the status that the API has; it may only be left to be deleted.
            ended = worker.view.terminal
            status = worker.pod["status"] if ended else self._status(worker, now_us, stopped=True)
            effects += self.statuses.set_status(worker.uid, status, now_us, finished=True)
        self._drop_if_done(worker)
        return effects

    def _drop_if_done(self, worker: Worker) -> None:
        """Forget a pod that is gone from the API and from this machine."""
        if worker.removed and not self._live(worker.uid):
            del self._workers[worker.uid]
            self._crashes.forget(worker.uid)
            self._runtime.remove(worker.uid)

    # --- housekeeping -------------------------------------------------------------------------------------------

    def housekeeping(self, now_us: int) -> list[WorkerEffect]:
        """Stop what runs for no pod: the pod was deleted while no kubelet was there, or it was refused."""
        effects: list[WorkerEffect] = []
        for uid, sandbox in list(self._runtime.sandboxes.items()):
            worker = self._workers.get(uid)
            if worker is not None and worker.work != REFUSED:
                continue
            grace_us = max(ORPHAN_GRACE_SECONDS, RUNTIME_GRACE_MIN_SECONDS) * SECOND
            for name in list(sandbox.containers):
                effects += self._runtime.stop(uid, name, grace_us, now_us)
            if worker is None:
                self._drop_orphan(uid)
            else:
                effects += self.containers_changed(uid, now_us)
        return effects

    def _housekeeping_timer(self, now_us: int) -> SetTimer:
        rounds = (now_us - self._begun_us) // HOUSEKEEPING_US + 1
        return SetTimer(HOUSEKEEPING_TIMER, self._begun_us + rounds * HOUSEKEEPING_US)

    def _drop_orphan(self, uid: str) -> None:
        if not self._live(uid):
            self._runtime.remove(uid)

    # --- small things -------------------------------------------------------------------------------------------

    def _sandbox(self, uid: str) -> Sandbox | None:
        return self._runtime.sandboxes.get(uid)

    def _containers(self, uid: str) -> dict[str, Container]:
        sandbox = self._sandbox(uid)
        return {} if sandbox is None else sandbox.containers

    def _live(self, uid: str) -> bool:
        sandbox = self._sandbox(uid)
        return sandbox is not None and sandbox.live

    def _status(self, worker: Worker, now_us: int, *, stopped: bool) -> Document:
        sandbox = self._sandbox(worker.uid)
        facts = PodFacts(
            containers={} if sandbox is None else sandbox.containers,
            waiting=worker.waiting,
            host_ip=internal_ip(self._node),
            pod_ips=() if sandbox is None else pod_ips(self._node, sandbox.number, sandbox.pod_cidrs),
            start_us=worker.start_us,
            clock=self._clock,
            stopped=stopped,
            terminal_when_stopped=self._profile.terminal_phase_before_delete,
            sandbox_condition=self._profile.pod_ready_to_start_condition,
        )
        return pod_status(worker.pod, self.statuses.status_of(worker.uid), facts, now_us)

    def _event(self, worker: Worker, type_: str, reason: str, message: str, now_us: int) -> Call:
        view = worker.view
        return self._events.event(now_us, "Pod", view.namespace, view.name, worker.uid, type_, reason, message)
