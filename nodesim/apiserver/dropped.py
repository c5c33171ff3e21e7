"""Which fields of a new pod, or of a new budget, does this version not know?

A field behind a feature gate that is off is dropped when the object is created.
Sources: pkg/api/pod/util.go `dropDisabledFields`; pkg/registry/policy/poddisruptionbudget/strategy.go.
"""

from __future__ import annotations

from typing import Any, Final

from nodesim.objects import Document
from nodesim.profiles import Profile

_POLICY: Final = "unhealthyPodEvictionPolicy"
_AFFINITY_KEYS: Final = ("matchLabelKeys", "mismatchLabelKeys")


def without_unknown_fields(pod: Document, profile: Profile) -> Document:
    """A pod without what the version drops."""
    spec: dict[str, Any] = pod.get("spec") or {}
    gone: list[str] = []
    if not profile.spread_min_domains:
        gone.append("minDomains")
    if not profile.spread_node_policies:
        gone += ["nodeAffinityPolicy", "nodeTaintsPolicy"]
    if not profile.spread_match_label_keys:
        gone.append("matchLabelKeys")
    made = dict(spec)
    if not profile.scheduling_gates:
        made.pop("schedulingGates", None)
    if gone and spec.get("topologySpreadConstraints"):
        made["topologySpreadConstraints"] = [_without(item, gone) for item in spec["topologySpreadConstraints"]]
    if not profile.affinity_match_label_keys and spec.get("affinity"):
        made["affinity"] = _stripped(spec["affinity"])
    return {**pod, "spec": made} if made != spec else pod


def without_unknown_policy(budget: Document, profile: Profile) -> Document:
    """A PodDisruptionBudget without the policy that the version drops."""
    spec = budget.get("spec") or {}
    if profile.unhealthy_pod_eviction_policy or _POLICY not in spec:
        return budget
    return {**budget, "spec": _without(spec, [_POLICY])}


def _without(item: dict[str, Any], names: list[str]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name not in names}


def _stripped(found: Any) -> Any:
    """An affinity without the keys, wherever they stand in its terms."""
    if isinstance(found, dict):
        return {name: _stripped(item) for name, item in found.items() if name not in _AFFINITY_KEYS}
    return [_stripped(item) for item in found] if isinstance(found, list) else found
