"""What would a status update change in this Node?

Pure: a Node as the API has it and what the machine says, in; the patch, whether it counts as a change, and the
events, out. Source: pkg/kubelet/kubelet_node_status.go `updateNode`, `nodeStatusHasChanged`; pkg/util/node
`PatchNodeStatus`.
"""

from __future__ import annotations

from nodesim.kubelet.conditions import NodeTruth, conditions_differ, next_conditions
from nodesim.kubelet.node_document import OS_ARCH_LABELS
from nodesim.objects import Document
from nodesim.values import value


@value
class StatusDraft:
    """One pass over the status."""

    changed: bool
    """More than heartbeat times."""
    ready: bool
    patch: Document
    """A strategic merge patch for nodes/status, without resourceVersion: it never conflicts."""
    events: tuple[str, ...]
    """Reasons of the conditions' events."""
    rebooted: bool
    """The API knows another boot id."""


def draft_status(node: Document, own: Document, truth: NodeTruth, wall_us: int) -> StatusDraft:
    """What to write over a Node's status; `own` is what `machine_status` says, `wall_us` what the
    machine's clock shows.

    Resources that others added to capacity or allocatable are kept.  Only what differs goes into the patch, as
    `CreateTwoWayMergePatch` makes it; of the conditions that is always at least their heartbeat times.  In a cloud
    `own` has no addresses: those that the Node has are kept (nodestatus/setters.go `NodeAddress`).
    """
    status = node.get("status") or {}
    patched: Document = {}
    for key, wanted in own.items():
        found = status.get(key)
        if key in ("capacity", "allocatable"):
            wanted = {**(found or {}), **wanted}
        if found != wanted:
            patched[key] = wanted
    old = status.get("conditions") or []
    conditions, events = next_conditions(old, truth, wall_us)
    changed = bool(patched) or conditions_differ(old, conditions)
    patched["conditions"] = _differences(old, conditions)
    patch: Document = {"status": patched}
    found_labels = node["metadata"].get("labels") or {}
    labels = {key: item for key, item in OS_ARCH_LABELS.items() if found_labels.get(key) != item}
    if labels:
        changed = True
        patch["metadata"] = {"labels": labels}
    known_boot = (status.get("nodeInfo") or {}).get("bootID")
    return StatusDraft(
        changed=changed,
        ready=not truth.errors,
        patch=patch,
        events=tuple(events),
        rebooted=bool(known_boot) and known_boot != own["nodeInfo"]["bootID"],
    )


def _differences(old: list[Document], new: list[Document]) -> list[Document]:
    """Of each condition its type and what is new in it; none of `new` lacks a field that it had."""
    before = {item["type"]: item for item in old}
    changes = []
    for item in new:
        was = before.get(item["type"])
        if was is None:
            changes.append(item)
        elif was is not item:
            changed = {key: value for key, value in item.items() if was.get(key) != value}
            if changed:
                changes.append({"type": item["type"], **changed})
    return changes
