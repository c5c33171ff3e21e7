"""What does a watcher see?  The same facts as the recordings' own watcher, in the same form."""

from __future__ import annotations

from typing import Any

from nodesim.client import WatchSpec
from nodesim.machine import Changed, ProgramEffect, ProgramEvent
from nodesim.objects import Document
from tests.recorded.inputs import Entry

ACTOR = "observer"


def _conditions(document: Document, *, heartbeats: bool = False) -> Entry:
    conditions = (document.get("status") or {}).get("conditions") or ()
    return {
        f"c.{each['type']}": [
            each["status"],
            each.get("reason") or None,
            each.get("message") or None,
            *([each.get("lastHeartbeatTime")] if heartbeats else []),
            each.get("lastTransitionTime"),
        ]
        for each in conditions
    }


def _start(document: Document) -> Entry:
    metadata = document["metadata"]
    return {"name": metadata["name"], "uid": metadata["uid"]}


def node(document: Document) -> Entry:
    """A Node's summary."""
    spec = document.get("spec") or {}
    found = _start(document) | _conditions(document, heartbeats=True)
    found["taints"] = [_taint(taint) for taint in spec.get("taints") or ()]
    found["labels"] = document["metadata"].get("labels")
    found["podCIDR"] = spec.get("podCIDR")
    found["unschedulable"] = spec.get("unschedulable") or None
    return found


def _taint(taint: Document) -> str:
    value = f"={taint['value']}" if taint.get("value") else ""
    added = f"@{taint['timeAdded']}" if taint.get("timeAdded") is not None else ""
    return f"{taint['key']}{value}:{taint['effect']}{added}"


def pod(document: Document) -> Entry:
    """A Pod's summary."""
    metadata, spec, status = document["metadata"], document["spec"], document.get("status") or {}
    owners = metadata.get("ownerReferences") or ()
    found = _start(document) | _conditions(document)
    found["phase"] = status.get("phase")
    found["node"] = spec.get("nodeName")
    found["own"] = next((each["kind"] for each in owners if each.get("controller")), None)
    found["fin"] = metadata.get("finalizers")
    found["del"] = metadata.get("deletionTimestamp")
    found["grace"] = metadata.get("deletionGracePeriodSeconds")
    found["tol"] = [_toleration(each) for each in spec.get("tolerations") or ()] or None
    found["group"] = next((each["name"] for each in owners if each.get("controller")), None)
    found["affinity"] = _pinned(spec)
    return found


def _toleration(toleration: Document) -> str:
    seconds = toleration.get("tolerationSeconds")
    return f"{toleration.get('key') or '*'}:{toleration.get('effect') or '*'}:{'inf' if seconds is None else seconds}"


def _pinned(spec: Document) -> Any:
    """The node that a DaemonSet's pod is pinned to."""
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    for term in required.get("nodeSelectorTerms") or ():
        for field in term.get("matchFields") or ():
            return field["values"][0]
    return None


def lease(document: Document) -> Entry:
    """A Lease's summary."""
    spec = document["spec"]
    return _start(document) | {"holder": spec.get("holderIdentity"), "dur": spec.get("leaseDurationSeconds")}


def event(document: Document) -> Entry:
    """An Event's summary."""
    about = document["involvedObject"]
    return _start(document) | {
        "type": document.get("type"),
        "reason": document.get("reason"),
        "obj": f"{about['kind']}/{about['name']}",
        "ouid": about.get("uid"),
        "msg": document.get("message"),
        "src": (document.get("source") or {}).get("component") or document.get("reportingComponent"),
        "count": document.get("count"),
    }


def endpoint_slice(document: Document) -> Entry:
    """An EndpointSlice's summary: R ready, S serving, T terminating."""
    found = _start(document)
    found["service"] = (document["metadata"].get("labels") or {}).get("kubernetes.io/service-name")
    found["ep"] = {
        each["targetRef"]["name"]: "".join(
            letter
            for letter, word in (("R", "ready"), ("S", "serving"), ("T", "terminating"))
            if (each.get("conditions") or {}).get(word)
        )
        for each in document.get("endpoints") or ()
    }
    return found


class Observer:
    """Watches what the recordings watched; `facts` are (instant in us, kind, event, name, changed summary fields)."""

    watches = (
        WatchSpec("nodes", node),
        WatchSpec("pods", pod),
        WatchSpec("leases", lease),
        WatchSpec("events", event),
        WatchSpec("endpointslices", endpoint_slice),
    )

    def __init__(self) -> None:
        self.facts: list[Entry] = []

    def handle(self, happened: ProgramEvent, now_us: int) -> list[ProgramEffect]:
        """Note a change."""
        if isinstance(happened, Changed):
            self._note(happened, now_us)
        return []

    def _note(self, change: Changed, now_us: int) -> None:
        old, new = change.old, change.new
        kind = {"nodes": "node", "pods": "pod", "leases": "lease", "events": "event", "endpointslices": "eps"}
        known = old or new
        fact: Entry = {"us": now_us, "k": kind[change.resource], "n": known["name"]}
        if new is None:
            fact["ev"] = "D"
        elif old is None or old["uid"] != new["uid"]:
            if old is not None:
                self.facts.append({**fact, "ev": "D"})
            fact["ev"] = "A"
            fact["c"] = {key: item for key, item in new.items() if key != "name" and item is not None}
        else:
            fact["ev"] = "M"
            fact["c"] = {key: item for key, item in new.items() if old.get(key) != item}
            fact["c"].update({key: None for key in old if key not in new})
            if not fact["c"]:
                return
        self.facts.append(fact)
