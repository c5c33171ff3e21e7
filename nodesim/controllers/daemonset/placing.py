"""On which nodes should a pod of a DaemonSet be, and what does that mean for the pods that are there?

A node either should run a pod, or may at least keep the one it has, or neither.  An untolerated NoSchedule taint leaves
the pod where it is and counts it as misplaced; an untolerated NoExecute taint, or labels that no longer match, take it
away.  While a pod's object exists on a node, also with a deletionTimestamp, no other one is made there.
Source: pkg/controller/daemon/daemon_controller.go (`NodeShouldRunDaemonPod`, `podsShouldBeOnNode`,
`podByCreationTimestampAndPhase`, `getUnscheduledPodsWithoutNode`), util `CreatePodTemplate`,
`ReplaceDaemonSetPodNodeNameNodeAffinity`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from nodesim.controllers.daemonset.failures import FailedPods
from nodesim.controllers.daemonset.views import (
    GENERATION_LABEL,
    REVISION_LABEL,
    DaemonNode,
    DaemonSetView,
    tolerations_of,
)
from nodesim.controllers.workload.ownership import pod_from_template
from nodesim.controllers.workload.pods import ManagedPod, available
from nodesim.objects import Document, first_untolerated
from nodesim.objects.taints import NO_EXECUTE
from nodesim.scheduler.affinity import affinity_met
from nodesim.values import value


@value
class Verdict:
    """Of one node: should a pod run there, and may one that is there stay?"""

    run: bool
    keep: bool


def verdict(view: DaemonSetView, node: DaemonNode) -> Verdict:
    """By the node's name, its labels and its taints."""
    if view.node_name and view.node_name != node.name:
        return Verdict(run=False, keep=False)
    if not affinity_met(view.node_selector, view.terms, node.name, node.labels):
        return Verdict(run=False, keep=False)
    if first_untolerated(node.taints, view.tolerations) is None:
        return Verdict(run=True, keep=True)
    return Verdict(run=False, keep=first_untolerated(node.taints, view.tolerations, (NO_EXECUTE,)) is None)


def by_node(pods: Sequence[ManagedPod], *, finished_too: bool) -> dict[str, list[ManagedPod]]:
    """The pods by the node where they are, or are to be; `finished_too`: also those that have ended and are to go."""
    found: dict[str, list[ManagedPod]] = {}
    for pod in pods:
        ended = pod.pod.terminal and pod.deletion_us is not None
        if pod.target and (finished_too or not ended):
            found.setdefault(pod.target, []).append(pod)
    return {node: found[node] for node in sorted(found)}


def oldest_first(pods: Sequence[ManagedPod]) -> list[ManagedPod]:
    """Those that are bound first, then the older, then by name."""
    return sorted(pods, key=lambda pod: (not pod.pod.node, pod.pod.created_us, pod.name))


@attrs.define
class Plan:
    """What a sync does: on which nodes it makes a pod, which pods it deletes, and what it tells (type, reason, text).

    `again_us`: when to look at a failed pod again.
    """

    make: list[str] = attrs.field(factory=list)
    delete: list[ManagedPod] = attrs.field(factory=list)
    tell: list[tuple[str, str, str]] = attrs.field(factory=list)
    again_us: int | None = None


@attrs.frozen
class Placing:
    """One DaemonSet at one instant (`now_us`; `wall_us` on the controller's clock)."""

    view: DaemonSetView
    revision: str
    failed: FailedPods
    now_us: int
    wall_us: int

    def plan(self, nodes: Sequence[DaemonNode], pods: Mapping[str, Sequence[ManagedPod]]) -> Plan:
        """What is missing and what is too much, node by node."""
        plan = Plan()
        for node in nodes:
            self._on_node(node, pods.get(node.name), plan)
        known = {node.name for node in nodes}
        # The garbage collector of pods cannot see these: they are on no node yet.
        plan.delete += [pod for node, held in pods.items() if node not in known for pod in held if not pod.pod.node]
        return plan

    def _on_node(self, node: DaemonNode, held: Sequence[ManagedPod] | None, plan: Plan) -> None:
        wanted = verdict(self.view, node)
        if wanted.run and held is None:
            plan.make.append(node.name)
        elif wanted.keep:
            running = self._running(node.name, held or (), plan)
            if not self.view.surges:
                plan.delete += oldest_first(running)[1:]
            elif not running and wanted.run:
                plan.make.append(node.name)
            elif len(running) > 1:
                plan.delete += self._surplus(oldest_first(running))
        elif held is not None:
            plan.delete += [pod for pod in held if pod.deletion_us is None]

    def _running(self, node: str, held: Sequence[ManagedPod], plan: Plan) -> list[ManagedPod]:
        """The pods that have not ended; those that have are deleted, the failed ones not too often."""
        running: list[ManagedPod] = []
        for pod in held:
            if pod.deletion_us is not None:
                continue
            what = f"daemon pod {pod.key} on node {node}, will try to"
            if pod.pod.phase == "Failed":
                key = f"{self.view.uid}/{self.view.status.get('observedGeneration') or 0}/{node}"
                pause_us = self.failed.pause_us(key, self.now_us)
                if pause_us:
                    at_us = self.now_us + pause_us
                    plan.again_us = at_us if plan.again_us is None else min(plan.again_us, at_us)
                    continue
                self.failed.note(key, self.now_us)
                plan.tell.append(("Warning", "FailedDaemonPod", f"Found failed {what} kill it"))
                plan.delete.append(pod)
            elif pod.pod.phase == "Succeeded":
                plan.tell.append(("Normal", "SucceededDaemonPod", f"Found succeeded {what} delete it"))
                plan.delete.append(pod)
            else:
                running.append(pod)
        return running

    def _surplus(self, running: Sequence[ManagedPod]) -> list[ManagedPod]:
        """With surge: one old and one new pod may be there until the new one is available or the old one fails."""
        new = [pod for pod in running if pod.labels.get(REVISION_LABEL) == self.revision]
        old = [pod for pod in running if pod.labels.get(REVISION_LABEL) != self.revision]
        surplus = [pod for pod in running if pod not in (*new[:1], *old[:1])]
        if new and old and (not old[0].ready or available(new[0], self.view.min_ready_seconds, self.wall_us)):
            surplus.append(old[0])
        return surplus


def pod_of(view: DaemonSetView, revision: str, node: str) -> Document:
    """A new pod for a node: it tolerates what daemons tolerate, and its affinity names the node alone."""
    made = pod_from_template(view.parent, view.template)
    labels = dict(made["metadata"].get("labels") or {})
    if view.template_generation:
        labels[GENERATION_LABEL] = view.template_generation
    labels[REVISION_LABEL] = revision
    spec = made["spec"]
    affinity = dict(spec.get("affinity") or {})
    field = {"key": "metadata.name", "operator": "In", "values": [node]}
    only = {"nodeSelectorTerms": [{"matchFields": [field]}]}
    affinity["nodeAffinity"] = {
        **(affinity.get("nodeAffinity") or {}),
        "requiredDuringSchedulingIgnoredDuringExecution": only,
    }
    return {
        **made,
        "metadata": {**made["metadata"], "labels": labels},
        "spec": {**spec, "affinity": affinity, "tolerations": tolerations_of(spec)},
    }
