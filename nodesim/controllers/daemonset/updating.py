"""Which old pods of a DaemonSet go, and where are new ones made beside them, when its template changed?

Without surge, old pods that are not available go at once, of the others as many as may be unavailable; a node whose
pod is missing or going counts as unavailable.  With surge, a new pod is made beside the old one, and takes its place
once it is available.
Source: pkg/controller/daemon/update.go (`rollingUpdate`, `findUpdatedPodsOnNode`, `updatedDesiredNodeCounts`).
Known difference: Kubernetes goes through the nodes in the order of a Go map, this by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from nodesim.controllers.daemonset.placing import verdict
from nodesim.controllers.daemonset.views import DaemonNode, DaemonSetView
from nodesim.controllers.workload.pods import ManagedPod, available


@attrs.define
class Update:
    """The pods to delete, and the nodes that get a second pod."""

    delete: list[ManagedPod] = attrs.field(factory=list)
    make: list[str] = attrs.field(factory=list)


@attrs.frozen
class _Held:
    """What one node has of living pods; `excess`: more than one of a sort."""

    new: ManagedPod | None
    old: ManagedPod | None
    excess: bool = False


def next_update(
    view: DaemonSetView,
    nodes: Sequence[DaemonNode],
    pods: Mapping[str, Sequence[ManagedPod]],
    revision: str,
    wall_us: int,
) -> Update:
    """What the update does now."""
    wanting = {node.name for node in nodes if verdict(view, node).run}
    unavailable, surge = view.max_unavailable(len(wanting)), view.max_surge(len(wanting))
    if wanting and not unavailable and not surge:
        unavailable = 1
    held = {node: _held(view, pods.get(node, ()), revision) for node in sorted({*pods, *wanting})}
    if surge:
        return _surging(view, held, wanting, surge, wall_us)
    return _replacing(view, held, unavailable, wall_us)


def _held(view: DaemonSetView, pods: Sequence[ManagedPod], revision: str) -> _Held:
    living = [pod for pod in pods if pod.deletion_us is None]
    new = [pod for pod in living if view.made_of(pod, revision)]
    old = [pod for pod in living if not view.made_of(pod, revision)]
    return _Held(new[0] if new else None, old[0] if old else None, len(new) > 1 or len(old) > 1)


def _replacing(view: DaemonSetView, held: Mapping[str, _Held], room: int, wall_us: int) -> Update:
    missing = 0
    at_once: list[ManagedPod] = []
    candidates: list[ManagedPod] = []
    for each in held.values():
        if each.excess or (each.new is None) == (each.old is None):
            missing += 1
        elif each.new is not None:
            missing += not available(each.new, view.min_ready_seconds, wall_us)
        elif each.old is not None and not available(each.old, view.min_ready_seconds, wall_us):
            at_once.append(each.old)
            missing += 1
        elif each.old is not None and missing < room:
            candidates.append(each.old)
    return Update([*at_once, *candidates[: max(0, room - missing)]])


def _surging(view: DaemonSetView, held: Mapping[str, _Held], wanting: set[str], surge: int, wall_us: int) -> Update:
    def serves(pod: ManagedPod | None) -> bool:
        return pod is not None and available(pod, view.min_ready_seconds, wall_us)

    update = Update()
    unwanted: list[ManagedPod] = []
    candidates: list[str] = []
    surging = serving = 0
    for node, each in held.items():
        if each.excess:
            surging += 1
            continue
        serving += serves(each.old if each.old is not None else each.new)
        if each.old is None:
            continue
        if each.new is not None:
            if serves(each.new):
                update.delete.append(each.old)
            else:
                surging += 1
        elif not serves(each.old):
            if node in wanting:
                update.make.append(node)
            else:
                update.delete.append(each.old)
        elif node not in wanting:
            unwanted.append(each.old)
        elif surging < surge:
            candidates.append(node)
    # Where it is no longer wanted it stays until others serve.
    update.delete += unwanted[: max(0, serving - len(wanting))]
    update.make += candidates[: max(0, surge - surging)]
    return update
