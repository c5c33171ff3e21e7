"""Does a node meet a pod's required node affinity?

Source: component-helpers scheduling/corev1/nodeaffinity/nodeaffinity.go (`LazyErrorNodeSelector.Match`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from nodesim.objects import Requirement
from nodesim.values import value

_INTEGER: Final = re.compile(r"[+-]?\d{1,19}", re.ASCII)


@value
class NodeSelectorTerm:
    """All expressions (on labels) and fields (only `metadata.name`) must be met; a term without any is never met."""

    expressions: tuple[Requirement, ...]
    fields: tuple[Requirement, ...]

    def met_by(self, name: str, labels: Mapping[str, str]) -> bool:
        """Does the node of this name with these labels meet the term?"""
        if not self.expressions and not self.fields:
            return False
        fields = {"metadata.name": name}
        return all(_met(item, labels) for item in self.expressions) and all(_met(item, fields) for item in self.fields)


def parse_required_node_affinity(spec: Mapping[str, Any]) -> tuple[NodeSelectorTerm, ...] | None:
    """The terms of `requiredDuringSchedulingIgnoredDuringExecution` of a pod's spec, None where it has none."""
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if required is None:
        return None
    return tuple(
        NodeSelectorTerm(_requirements(term.get("matchExpressions")), _requirements(term.get("matchFields")))
        for term in required.get("nodeSelectorTerms") or ()
    )


def _requirements(source: list[dict[str, Any]] | None) -> tuple[Requirement, ...]:
    return tuple(Requirement(item["key"], item["operator"], tuple(item.get("values") or ())) for item in source or ())


def _met(requirement: Requirement, labels: Mapping[str, str]) -> bool:
    if requirement.operator not in ("Gt", "Lt"):
        return requirement.met_by(labels)
    have = labels.get(requirement.key, "")
    if len(requirement.values) != 1 or not _INTEGER.fullmatch(have) or not _INTEGER.fullmatch(requirement.values[0]):
        return False
    bound = int(requirement.values[0])
    return int(have) > bound if requirement.operator == "Gt" else int(have) < bound
