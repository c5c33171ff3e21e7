"""Which pods are to be removed, and in which order?

Source: pkg/controller/podgc/gc_controller.go `isPodTerminated`, `gcTerminated`, `gcTerminating`,
`gcUnscheduledTerminating`, `byEvictionAndCreationTimestamp`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from nodesim.controllers.podgc.views import CollectedNode, CollectedPod

_ALIVE: Final = ("Pending", "Running", "Unknown")


def terminated(pods: Iterable[CollectedPod], threshold: int) -> list[CollectedPod]:
    """Those that have ended (an empty phase counts as ended) beyond the threshold; one of 0 or less keeps all."""
    ended = [pod for pod in pods if pod.phase not in _ALIVE]
    if threshold <= 0 or len(ended) <= threshold:
        return []
    return sorted(ended, key=_urgency)[: len(ended) - threshold]


def out_of_service(pods: Iterable[CollectedPod], nodes: Mapping[str, CollectedNode]) -> list[CollectedPod]:
    """Terminating pods on nodes that are not Ready and that a person has taken out of service."""
    lost = [name for name, node in nodes.items() if node.out_of_service and not node.ready]
    return sorted((pod for pod in pods if pod.terminating and pod.node in lost), key=_urgency)


def unscheduled_terminating(pods: Iterable[CollectedPod]) -> list[CollectedPod]:
    """Terminating pods that no kubelet has; in the pods' own order."""
    return [pod for pod in pods if pod.terminating and not pod.node]


def _urgency(pod: CollectedPod) -> tuple[bool, int, str, str]:
    """Evicted pods first, then the oldest, then by name (which leaves namesakes open, so also by namespace)."""
    return (pod.reason != "Evicted", pod.created_us, pod.name, pod.namespace)
