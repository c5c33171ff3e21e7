"""What do the admission plugins add to an object?

Sources: plugin/pkg/admission/defaulttolerationseconds/admission.go, plugin/pkg/admission/nodetaint/admission.go,
apiserver pkg/admission/plugin/namespace/lifecycle/admission.go.
"""

from __future__ import annotations

from typing import Any, Final

from nodesim.objects import Document
from nodesim.objects.taints import NO_EXECUTE, NO_SCHEDULE, NOT_READY, UNREACHABLE
from nodesim.profiles import Settings

IMMORTAL_NAMESPACES: Final = ("default", "kube-public", "kube-system")
"""NamespaceLifecycle refuses to delete them."""


def with_default_tolerations(pod: Document, settings: Settings) -> Document:
    """DefaultTolerationSeconds, on create and update of pods: tolerate not-ready and unreachable for a while.

    A toleration covers one of them if its key is that or empty and its effect is NoExecute or empty; its operator and
    value do not count.
    """
    tolerations: list[dict[str, Any]] = (pod.get("spec") or {}).get("tolerations") or []
    added = [
        {"key": key, "operator": "Exists", "effect": NO_EXECUTE, "tolerationSeconds": seconds}
        for key, seconds in (
            (NOT_READY, settings.default_not_ready_toleration_seconds),
            (UNREACHABLE, settings.default_unreachable_toleration_seconds),
        )
        if not any(_covers(toleration, key) for toleration in tolerations)
    ]
    if not added:
        return pod
    return {**pod, "spec": {**(pod.get("spec") or {}), "tolerations": tolerations + added}}


def _covers(toleration: dict[str, Any], key: str) -> bool:
    return (toleration.get("key") or key) == key and (toleration.get("effect") or NO_EXECUTE) == NO_EXECUTE


def with_not_ready_taint(node: Document) -> Document:
    """TaintNodesByCondition, on create of nodes: not-ready:NoSchedule, unless it is there; without timeAdded."""
    spec = node.get("spec") or {}
    taints = spec.get("taints") or []
    if any(taint["key"] == NOT_READY and taint["effect"] == NO_SCHEDULE for taint in taints):
        return node
    return {**node, "spec": {**spec, "taints": [*taints, {"key": NOT_READY, "effect": NO_SCHEDULE}]}}
