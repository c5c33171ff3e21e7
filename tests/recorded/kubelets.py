"""What did the recordings' fake kubelets do?  One registration of a node as a program (`inputs.yaml`, kubelet_model).

It renews its lease at the recorded instants, looks at its status every 10 s, starts a pod 0.3 s after it saw it and
finishes one 2 s after it saw its deletionTimestamp.  While it is partitioned it sends nothing and heeds nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from nodesim.client import WatchSpec
from nodesim.machine import Answered, Call, Changed, ProgramEffect, ProgramEvent, SetTimer, Started, TimerFired
from nodesim.messages import Create, Delete, Get, Patch, Update
from nodesim.objects import LEASE_NAMESPACE, Document, encode_document, whole_second
from nodesim.units import MILLISECOND, MINUTE, SECOND
from tests.recorded.inputs import Axis, Entry, model

STATUS_PERIOD_US: Final = 10 * SECOND
STATUS_REPORT_US: Final = 5 * MINUTE
START_AFTER_US: Final = 300 * MILLISECOND
FINISH_AFTER_US: Final = 2 * SECOND
LOOP_US: Final = 50 * MILLISECOND

_PRESSURES: Final = ("MemoryPressure", "DiskPressure", "PIDPressure")


class RecordedKubelet:
    """One registration."""

    def __init__(self, entry: Entry, number: int, actions: Sequence[Entry], axis: Axis) -> None:
        self._entry = entry
        self.name: str = entry["name"]
        self._number = number
        self._axis = axis
        self._actions = actions
        self.watches = (
            WatchSpec("nodes", _same, fields=f"metadata.name={self.name}"),
            WatchSpec("pods", _same, fields=f"spec.nodeName={self.name}"),
        )
        self._own: dict[str, list[str]] = {kind: list(row) for kind, row in model()["status"]["conditions"].items()}
        self._since_us: dict[str, int] = {}
        """Condition -> lastTransitionTime of the last successful post."""
        self._said: dict[str, list[str]] = {}
        self._uid = ""
        self._began_us = 0
        self._api_node: Document | None = None
        self._pods: dict[str, Document] = {}
        self._lease: Document | None = None
        self._away = False
        self._stopped = False
        self._heedless = not (entry["renews_lease"] or entry["posts_status"])
        """Only the Node object was made: there is nobody to run pods."""
        self._posts = bool(entry["posts_status"])
        self._posted_us: int | None = None
        self._addresses = 0
        self._busy: dict[str, str] = {}
        """uid -> what is under way or done with that pod: start, started, finish, finished."""
        self._status_round = 0

    def handle(self, event: ProgramEvent, now_us: int) -> list[ProgramEffect]:
        """Registration, rhythms, pods, and what the recording's person did to it."""
        out: list[ProgramEffect] = []
        if isinstance(event, Started):
            self._plan(now_us, out)
        elif isinstance(event, TimerFired):
            self._fired(event.key, now_us, out)
        elif isinstance(event, Changed):
            self._changed(event, now_us, out)
        elif isinstance(event, Answered):
            self._answered(event, now_us, out)
        return out

    def _plan(self, now_us: int, out: list[ProgramEffect]) -> None:
        entry, us = self._entry, self._axis.us
        out.append(SetTimer(("register", 0), us(entry["registered_at"])))
        out += [SetTimer(("lease", place), us(at)) for place, at in enumerate(entry.get("lease_renewals") or ())]
        out += [SetTimer(("action", place), us(action["at"])) for place, action in enumerate(self._actions)]
        if self._posts:
            out.append(SetTimer(("status", 0), us(entry["first_status_post"])))

    def _fired(self, key: Any, now_us: int, out: list[ProgramEffect]) -> None:
        what, which = key
        if what == "register":
            out.append(Call("register", Create("nodes", "", encode_document(self._node(now_us)))))
        elif what == "action":
            self._act(self._actions[which], now_us, out)
        elif self._stopped or self._away:
            if what == "status" and which == self._status_round and not self._stopped:
                out.append(SetTimer(key, now_us + STATUS_PERIOD_US))
        elif what == "lease":
            self._renew(now_us, out)
        elif what == "status":
            if which == self._status_round:
                out.append(SetTimer(key, now_us + STATUS_PERIOD_US))
                self._check_status(now_us, out)
        elif what == "start":
            self._start(which, now_us, out)
        else:
            self._finish(which, now_us, out)

    # --- the person -----------------------------------------------------------------------------------------------

    def _act(self, action: Entry, now_us: int, out: list[ProgramEffect]) -> None:
        match action["do"]:
            case "partition":
                self._away = True
            case "heal":
                self._away = False
                if action.get("mode") == "lease only":
                    self._posts = False
                self._begin_rhythm(max(now_us, self._axis.us(action.get("posted_at", 0))), out)
                for uid in sorted(self._pods):
                    self._heed(uid, now_us, out)
            case "status-posts-on":
                self._posts = True
                self._begin_rhythm(now_us, out)
            case "kubelet-condition":
                self._own[action["condition"]] = [action["status"], action["reason"], action["message"]]
                self._check_status(now_us, out)
            case "delete-node" | "kubelet-stops-for-good":
                self._stopped = True

    def _begin_rhythm(self, at_us: int, out: list[ProgramEffect]) -> None:
        self._status_round += 1
        out.append(SetTimer(("status", self._status_round), at_us))

    # --- the node -------------------------------------------------------------------------------------------------

    def _node(self, now_us: int) -> Document:
        entry = self._entry
        labels = {
            "kubernetes.io/hostname": self.name,
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": "amd64",
            "beta.kubernetes.io/os": "linux",
            "beta.kubernetes.io/arch": "amd64",
        }
        if entry.get("zone"):
            labels |= {"topology.kubernetes.io/zone": entry["zone"], "topology.kubernetes.io/region": entry["region"]}
        document: Document = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": self.name, "labels": labels}}
        if entry["capacity"] != "default":
            return document
        room = {"cpu": "4", "memory": "16Gi", "pods": "110", "ephemeral-storage": "100Gi"}
        registered = entry["ready_at_registration"]
        rows = {kind: self._own[kind] for kind in _PRESSURES}
        rows["Ready"] = [registered["status"], registered["reason"], registered["message"]]
        document["status"] = {
            "capacity": room,
            "allocatable": room,
            "conditions": [
                _condition(kind, row, whole_second(now_us), whole_second(now_us)) for kind, row in rows.items()
            ],
            "addresses": [{"type": "InternalIP", "address": entry["internal_ip"]}],
        }
        self._note_post(rows, now_us)
        return document

    def _note_post(self, rows: dict[str, list[str]], now_us: int) -> None:
        for kind, row in rows.items():
            if self._said.get(kind, [""])[0] != row[0]:
                self._since_us[kind] = whole_second(now_us)
            self._said[kind] = list(row)

    def _renew(self, now_us: int, out: list[ProgramEffect]) -> None:
        if not self._uid:
            return
        if self._lease is None:
            out.append(Call("lease-get", Get("leases", LEASE_NAMESPACE, self.name)))
            return
        self._lease["spec"]["renewTime"] = now_us
        packed = encode_document(self._lease)
        out.append(Call("lease-put", Update("leases", LEASE_NAMESPACE, self.name, "", packed)))

    def _check_status(self, now_us: int, out: list[ProgramEffect]) -> None:
        node = self._api_node
        if not self._posts or self._away or node is None or node["metadata"]["uid"] != self._uid:
            return
        seen = {each["type"]: each for each in (node.get("status") or {}).get("conditions") or ()}
        differs = any(
            (seen.get(kind, {}).get("status"), seen.get(kind, {}).get("reason")) != (row[0], row[1])
            for kind, row in self._own.items()
        )
        if self._posted_us is None or differs or now_us - self._posted_us >= STATUS_REPORT_US:
            self._note_post(self._own, now_us)
            self._posted_us = now_us
            heartbeat_us = whole_second(now_us)
            conditions = [
                _condition(kind, self._own[kind], heartbeat_us, self._since_us[kind]) for kind in (*_PRESSURES, "Ready")
            ]
            packed = encode_document({"status": {"conditions": conditions}})
            out.append(Call("status", Patch("nodes", "", self.name, "status", "strategic", packed)))
        for uid in sorted(self._pods):
            self._repair(uid, out)

    # --- pods -----------------------------------------------------------------------------------------------------

    def _changed(self, event: Changed, now_us: int, out: list[ProgramEffect]) -> None:
        if event.resource == "nodes":
            self._api_node = event.new
            return
        for document in (event.old, event.new):
            if document is not None:
                self._pods.pop(document["metadata"]["uid"], None)
        if event.new is not None:
            uid = event.new["metadata"]["uid"]
            self._pods[uid] = event.new
            if not self._away:
                self._heed(uid, now_us, out)

    def _heed(self, uid: str, now_us: int, out: list[ProgramEffect]) -> None:
        """Begin what a pod asks for; what was cut short by a partition is begun anew."""
        if self._stopped or self._heedless or not self._uid:
            return
        pod = self._pods[uid]
        phase = (pod.get("status") or {}).get("phase")
        if pod["metadata"].get("deletionTimestamp") is not None:
            if self._busy.get(uid) not in ("finish", "finished"):
                self._busy[uid] = "finish"
                grace_us = pod["metadata"].get("deletionGracePeriodSeconds", 0) * SECOND
                out.append(SetTimer(("finish", uid), self._turn_us(now_us + min(FINISH_AFTER_US, grace_us))))
        elif phase == "Pending" and uid not in self._busy:
            self._busy[uid] = "start"
            out.append(SetTimer(("start", uid), self._turn_us(now_us + START_AFTER_US)))

    def _turn_us(self, at_us: int) -> int:
        """The next turn of its loop, which begins when it is registered."""
        return at_us + (self._began_us - at_us) % LOOP_US

    def _start(self, uid: str, now_us: int, out: list[ProgramEffect]) -> None:
        pod = self._pods.get(uid)
        if pod is None:
            return
        self._addresses += 1
        kinds = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady")
        conditions = [_condition(kind, ["True", "", ""], None, whole_second(now_us)) for kind in kinds]
        status = {
            "phase": "Running",
            "conditions": conditions,
            "podIP": f"10.244.{self._number}.{self._addresses}",
            "podIPs": [{"ip": f"10.244.{self._number}.{self._addresses}"}],
            "startTime": whole_second(now_us),
        }
        out.append(self._pod_patch(pod, {"status": status}))

    def _finish(self, uid: str, now_us: int, out: list[ProgramEffect]) -> None:
        pod = self._pods.get(uid)
        if pod is None:
            return
        self._busy[uid] = "finished"
        if (pod.get("status") or {}).get("phase") not in ("Failed", "Succeeded"):
            conditions = [
                _condition(kind, ["False", "PodFailed", ""], None, whole_second(now_us))
                for kind in ("Ready", "ContainersReady")
            ]
            out.append(self._pod_patch(pod, {"status": {"phase": "Failed", "conditions": conditions}}))
        metadata = pod["metadata"]
        out.append(Call("pod", Delete("pods", metadata["namespace"], metadata["name"], 0, metadata["uid"])))

    def _repair(self, uid: str, out: list[ProgramEffect]) -> None:
        pod = self._pods[uid]
        status = pod.get("status") or {}
        conditions = {each["type"]: each for each in status.get("conditions") or ()}
        ready = conditions.get("Ready")
        if (
            status.get("phase") == "Running"
            and ready is not None
            and ready["status"] == "False"
            and pod["metadata"].get("deletionTimestamp") is None
        ):
            # It says again what it said at the pod's start, with the date of that.
            row = _condition("Ready", ["True", "", ""], None, conditions["ContainersReady"]["lastTransitionTime"])
            out.append(self._pod_patch(pod, {"status": {"conditions": [row]}}))

    def _pod_patch(self, pod: Document, change: Document) -> Call:
        metadata = pod["metadata"]
        change = {"metadata": {"uid": metadata["uid"]}, **change}
        return Call(
            "pod",
            Patch("pods", metadata["namespace"], metadata["name"], "status", "strategic", encode_document(change)),
        )

    # --- answers --------------------------------------------------------------------------------------------------

    def _answered(self, answer: Answered, now_us: int, out: list[ProgramEffect]) -> None:
        match answer.tag:
            case "register":
                assert answer.ok and answer.document is not None, answer
                self._uid, self._began_us = answer.document["metadata"]["uid"], now_us
                for uid in sorted(self._pods):
                    self._heed(uid, now_us, out)
            case "lease-get" if answer.code == 404:
                packed = encode_document(self._fresh_lease(now_us))
                out.append(Call("lease-post", Create("leases", LEASE_NAMESPACE, packed)))
            case "lease-get" if answer.ok:
                self._lease = answer.document
                self._renew(now_us, out)
            case "lease-put" if not answer.ok:
                # The real one failed at a renewal before, which the list of successful ones leaves out.
                self._lease = None
                self._renew(now_us, out)
            case "lease-put" | "lease-post":
                self._lease = answer.document if answer.ok else None

    def _fresh_lease(self, now_us: int) -> Document:
        owner = {"apiVersion": "v1", "kind": "Node", "name": self.name, "uid": self._uid}
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self.name, "namespace": LEASE_NAMESPACE, "ownerReferences": [owner]},
            "spec": {"holderIdentity": self.name, "leaseDurationSeconds": 40, "renewTime": now_us},
        }


def _same(document: Document) -> Document:
    return document


def _condition(kind: str, row: Sequence[str], heartbeat_us: int | None, transition_us: int) -> Document:
    status, reason, message = row
    made: Document = {"type": kind, "status": status, "lastTransitionTime": transition_us}
    if reason:
        made |= {"reason": reason, "message": message}
    if kind == "Ready" and not reason:
        made |= {"reason": None, "message": None}
    if heartbeat_us is not None:
        made["lastHeartbeatTime"] = heartbeat_us
    return made
