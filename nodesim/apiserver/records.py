"""What does the trace say of a write?

Objects are recorded by a short summary, and only when it changed; events by their reason; leases only when heartbeats
are asked for.  `docs/records.md` has the list.
"""

from __future__ import annotations

from typing import Any, Final

from nodesim.apiserver.gates import GATED, is_gated
from nodesim.apiserver.registry import CLUSTER_KINDS, Resource
from nodesim.apiserver.store import Change, Stored
from nodesim.apiserver.workload_summary import workload_summary
from nodesim.machine import Fields, Record
from nodesim.objects import Document, controller_of, is_condition_true, object_ref, parse_taint, shared

_UNRECORDED: Final = ("Lease", "Event")


def record_of(resource: Resource, change: Change, by: str, verb: str, *, heartbeats: bool) -> Record | None:
    """The record of a change made by `by`; None where the trace does not speak of it."""
    if resource.rules == "Event":
        return None if change.type == "DELETED" else _event_record(change.new.document)
    if resource.rules == "Lease":
        return _lease_record(change, by) if heartbeats and change.type != "DELETED" else None
    document = change.new.document
    where, uid = object_ref(document), document["metadata"]["uid"]
    if change.type == "DELETED":
        return Record("ObjectDeleted", where, {"by": by, "uid": uid})
    before = None if change.old is None else _summary_of(resource, change.old)
    state = _summary_of(resource, change.new, before)
    if before is None:
        return Record("ObjectCreated", where, {"by": by, "uid": uid, "state": dict(state)})
    changed = {name: item for name, item in state.items() if item != before.get(name)}
    if not changed:
        return None
    return Record("ObjectModified", where, {"by": by, "uid": uid, "verb": verb, "state": changed})


def summary(kind: str, document: Document) -> Fields:
    """What records say of an object, whole; `kind` "" for one that nothing models."""
    assert kind not in _UNRECORDED
    metadata = document["metadata"]
    labels = metadata.get("labels") or {}
    spec, status = document.get("spec") or {}, document.get("status") or {}
    match kind:
        case "Node":
            cidrs = spec.get("podCIDRs") or ()
            return {
                "conditions": {
                    item["type"]: {"status": item.get("status") or "", "reason": item.get("reason") or ""}
                    for item in status.get("conditions") or ()
                },
                "taints": [str(parse_taint(taint)) for taint in spec.get("taints") or ()],
                "unschedulable": bool(spec.get("unschedulable")),
                "labels": labels,
                **({"pod_cidrs": list(cidrs)} if cidrs else {}),
            }
        case "Pod":
            return {
                "node": spec.get("nodeName") or "",
                "phase": status.get("phase") or "",
                "ready": is_condition_true(status, "Ready"),
                "reason": status.get("reason") or (GATED if is_gated(status) else ""),
                "deletion_us": metadata.get("deletionTimestamp"),
                "grace_seconds": metadata.get("deletionGracePeriodSeconds"),
                "labels": labels,
                "owner": owner_ref(metadata),
            }
        case "EndpointSlice":
            endpoints = {
                (each.get("targetRef") or {}).get("name", ""): _endpoint_state(each.get("conditions") or {})
                for each in document.get("endpoints") or ()
            }
            return {"endpoints": endpoints, "labels": labels, "owner": owner_ref(metadata)}
        case "PodDisruptionBudget":
            counts = {
                "allowed": status.get("disruptionsAllowed") or 0,
                "healthy": status.get("currentHealthy") or 0,
                "desired": status.get("desiredHealthy") or 0,
                "expected": status.get("expectedPods") or 0,
            }
            return {**counts, "labels": labels, "owner": owner_ref(metadata)}
        case "Namespace":
            return {"phase": status.get("phase") or "", "labels": labels, "owner": owner_ref(metadata)}
        case _:
            counts = workload_summary(kind, metadata, spec, status)
            return {**counts, "labels": labels, "owner": owner_ref(metadata)}


def owner_ref(metadata: dict[str, Any]) -> str:
    """The controlling owner as `Kind/namespace/name`, `Kind/name` of a cluster-wide one, "" where there is none."""
    owner = controller_of(metadata)
    if owner is None:
        return ""
    namespace = "" if owner.kind in CLUSTER_KINDS else metadata.get("namespace") or ""
    return f"{owner.kind}/{namespace}/{owner.name}" if namespace else f"{owner.kind}/{owner.name}"


def _endpoint_state(conditions: dict[str, Any]) -> str:
    """`ready`, `serving`, `terminating`: those of the three that are so, or `none`."""
    return "+".join(name for name in ("ready", "serving", "terminating") if conditions.get(name)) or "none"


def _summary_of(resource: Resource, stored: Stored, before: Fields | None = None) -> Fields:
    """The summary, made once; the one `before` where it says the same."""
    if stored.summary is None:
        made = summary(resource.rules, stored.document)
        stored.summary = before if made == before else shared(made)
    assert stored.summary is not None
    return stored.summary


def _event_record(event: Document) -> Record:
    about = event["involvedObject"]
    namespace = about.get("namespace")
    fields = {
        "component": (event.get("source") or {}).get("component") or event.get("reportingComponent") or "",
        "type": event.get("type") or "",
        "message": event.get("message") or "",
        "count": event.get("count") or 1,
    }
    where = f"{about['kind']}/{namespace}/{about['name']}" if namespace else f"{about['kind']}/{about['name']}"
    return Record(event.get("reason") or "Event", where, fields)


def _lease_record(change: Change, by: str) -> Record:
    document = change.new.document
    return Record("LeaseRenewed", object_ref(document), {"by": by, "renew_us": document["spec"].get("renewTime")})
