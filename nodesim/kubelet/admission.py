"""May this pod run here?

All predicates are looked at, the first refusal in this order is told: resources (number of pods, cpu, memory, the
rest), node selector, NoExecute taints.  Pods that run already are asked again when the kubelet restarts. Sources:
pkg/kubelet/lifecycle/predicate.go, pkg/scheduler/eventhandlers.go `AdmissionCheck`.

Not modelled: node affinity, host ports, and that critical pods push others off.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from nodesim.objects import PodView, Taint, first_untolerated
from nodesim.objects.taints import NO_EXECUTE
from nodesim.units import quantity_milli, quantity_units
from nodesim.values import value

_FIRST: Final = ("cpu", "memory", "ephemeral-storage")


@value
class Refusal:
    """Why a pod may not run: what its status says."""

    reason: str
    message: str


def refusal_of(
    pod: PodView,
    others: Iterable[PodView],
    labels: dict[str, str],
    allocatable: dict[str, str],
    taints: Sequence[Taint],
    *,
    taints_count: bool,
) -> Refusal | None:
    """The first reason not to admit a pod beside the active others, or None.

    `taints_count`: from 1.25 NoExecute taints refuse; tolerationSeconds do not matter, NoSchedule taints neither.
    """
    active = list(others)
    room = quantity_units(allocatable.get("pods", "0"))
    if len(active) + 1 > room:
        return _out_of("pods", 1, len(active), room)
    for resource in (*_FIRST, *sorted(set(pod.requests) - set(_FIRST))):
        asked = pod.requests.get(resource, 0)
        if not asked:
            continue
        amount = allocatable.get(resource, "0")
        capacity = quantity_milli(amount) if resource == "cpu" else quantity_units(amount)
        used = sum(other.requests.get(resource, 0) for other in active)
        if asked > capacity - used:
            return _out_of(resource, asked, used, capacity)
    if any(labels.get(key) != item for key, item in pod.node_selector.items()):
        return _failed("NodeAffinity", "node(s) didn't match Pod's node affinity/selector")
    if taints_count and first_untolerated(taints, pod.tolerations, (NO_EXECUTE,)) is not None:
        return _failed("TaintToleration", "node(s) had taints that the pod didn't tolerate")
    return None


def _out_of(resource: str, asked: int, used: int, capacity: int) -> Refusal:
    amounts = f"requested: {asked}, used: {used}, capacity: {capacity}"
    return Refusal(f"OutOf{resource}", f"Node didn't have enough resource: {resource}, {amounts}")


def _failed(predicate: str, description: str) -> Refusal:
    return Refusal(predicate, f"Predicate {predicate} failed: {description}")
