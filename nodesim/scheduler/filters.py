"""Why can a pod not go on a node, and what would help it?

A table of filters in Kubernetes' order; per node the first refusal counts.  Each row also says which changes of the
cluster can turn its refusal round (Kubernetes' queueing hints): a parked pod is moved only by such a change.

The rows that look at pods on other nodes, too, are in `spread` and `interpod`.

Sources: pkg/scheduler/framework/plugins/{nodeunschedulable,nodename,tainttoleration,nodeaffinity,nodeports,
noderesources}; default order: pkg/scheduler/apis/config/v1/default_plugins.go.  Volumes and resource claims are not
modelled, so their filters never refuse.
"""

from __future__ import annotations

from typing import Final

from nodesim.objects import Taint, first_untolerated
from nodesim.objects.taints import NO_SCHEDULE, UNSCHEDULABLE
from nodesim.profiles import Profile
from nodesim.scheduler.affinity import affinity_met
from nodesim.scheduler.cluster import NodeFacts, NodeRoom
from nodesim.scheduler.interpod import CompanyRule
from nodesim.scheduler.pod import ANY_ADDRESS, HostPort, PodToPlace
from nodesim.scheduler.rules import Filter, NodeRule, Refusal, RoomRule
from nodesim.scheduler.spread import SpreadRule

# --- rules that look at the Node object alone -------------------------------------------------------------------------

_CORDON: Final = Taint(UNSCHEDULABLE, NO_SCHEDULE)


def unschedulable(pod: PodToPlace, node: NodeFacts) -> str:
    """NodeUnschedulable: cordoned, and the pod does not tolerate `node.kubernetes.io/unschedulable:NoSchedule`."""
    if node.unschedulable and not any(item.tolerates(_CORDON) for item in pod.wants.tolerations):
        return "node(s) were unschedulable"
    return ""


def other_name(pod: PodToPlace, node: NodeFacts) -> str:
    """NodeName: the pod names another node.  (Such pods never reach the scheduler; the kubelet asks, too.)"""
    return "node(s) didn't match the requested node name" if pod.node and pod.node != node.name else ""


def untolerated_taint(pod: PodToPlace, node: NodeFacts) -> str:
    """TaintToleration: a NoSchedule or NoExecute taint that no toleration matches.  Ready is never looked at."""
    return "node(s) had untolerated taint(s)" if first_untolerated(node.taints, pod.wants.tolerations) else ""


def untolerated_taint_by_key(pod: PodToPlace, node: NodeFacts) -> str:
    """TaintToleration with its text up to 1.33."""
    taint = first_untolerated(node.taints, pod.wants.tolerations)
    return f"node(s) had untolerated taint {{{taint.key}: {taint.value}}}" if taint else ""


def unmet_affinity(pod: PodToPlace, node: NodeFacts) -> str:
    """NodeAffinity: nodeSelector, or every term of the required node affinity, is not met."""
    wants = pod.wants
    met = affinity_met(wants.node_selector, wants.node_affinity, node.name, node.labels)
    return "" if met else "node(s) didn't match Pod's node affinity/selector"


# --- rules that look at what is on the node ---------------------------------------------------------------------------


def ports_clash(wanted: HostPort, used: HostPort) -> bool:
    """Same protocol and port, and the same address or one of them all addresses."""
    return wanted[1:] == used[1:] and (wanted[0] == used[0] or ANY_ADDRESS in (wanted[0], used[0]))


def check_ports(pod: PodToPlace, room: NodeRoom) -> Refusal | None:
    """NodePorts: a host port that a pod on the node uses."""
    if any(ports_clash(wanted, used) for wanted in pod.wants.host_ports for used in room.host_ports):
        return Refusal("NodePorts", ("node(s) didn't have free ports for the requested pod ports",), False)
    return None


def _ports_helped_by_node(pod: PodToPlace, was: NodeFacts | None, now: NodeFacts) -> bool:
    return was is None


def _ports_helped_by_pod(pod: PodToPlace, gone: PodToPlace) -> bool:
    return any(ports_clash(wanted, used) for wanted in pod.wants.host_ports for used in gone.wants.host_ports)


def check_fit(pod: PodToPlace, room: NodeRoom) -> Refusal | None:
    """NodeResourcesFit: pods + 1 within `pods`, each request within allocatable - requested; all lacks are told.

    A request above all that the node has is hopeless (from 1.34 on; before, nothing asks).
    Source: noderesources/fit.go `fitsRequest`.
    """
    allocatable, requested = room.facts.allocatable, room.requested
    reasons: list[str] = []
    hopeless = False
    if len(room.pods) + 1 > allocatable.get("pods", 0):
        reasons.append("Too many pods")
    for resource, amount in pod.wants.requests.items():
        total = allocatable.get(resource, 0)
        if amount > total - requested.get(resource, 0):
            reasons.append(f"Insufficient {resource}")
            hopeless = hopeless or amount > total
    return Refusal("NodeResourcesFit", tuple(reasons), hopeless) if reasons else None


def _fit_helped_by_node(pod: PodToPlace, was: NodeFacts | None, now: NodeFacts) -> bool:
    """The node could carry the pod were it empty, and has more than before of something that the pod needs."""
    if check_fit(pod, NodeRoom(now, listed=True)) is not None:
        return False
    needs = ("pods", *pod.wants.requests)
    return was is None or any(now.allocatable.get(name, 0) > was.allocatable.get(name, 0) for name in needs)


def _fit_helped_by_pod(pod: PodToPlace, gone: PodToPlace) -> bool:
    # Kubernetes' hint does not compare the resources either: a place in the pod count is always freed.
    return True


# --- the table --------------------------------------------------------------------------------------------------------

_AFTER_TAINTS: Final[tuple[Filter, ...]] = (
    NodeRule("NodeAffinity", unmet_affinity),
    RoomRule("NodePorts", check_ports, _ports_helped_by_node, _ports_helped_by_pod),
    RoomRule("NodeResourcesFit", check_fit, _fit_helped_by_node, _fit_helped_by_pod),
    SpreadRule(),
    CompanyRule(),
)


def filters_of(profile: Profile) -> tuple[Filter, ...]:
    """All filters of a version, in the order in which they are asked."""
    taints = untolerated_taint if profile.taint_message_without_key else untolerated_taint_by_key
    return (
        NodeRule("NodeUnschedulable", unschedulable),
        NodeRule("NodeName", other_name),
        NodeRule("TaintToleration", taints),
        *_AFTER_TAINTS,
    )
