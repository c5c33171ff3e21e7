"""Does a node meet a pod's node affinity?

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
    return tuple(_term(item) for item in required.get("nodeSelectorTerms") or ())


def parse_preferred_node_affinity(spec: Mapping[str, Any]) -> tuple[tuple[int, NodeSelectorTerm], ...]:
    """Weight and term of each `preferredDuringSchedulingIgnoredDuringExecution` of a pod's spec."""
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    return tuple(
        (item["weight"], _term(item.get("preference") or {}))
        for item in affinity.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
    )


def affinity_met(
    node_selector: Mapping[str, str], terms: tuple[NodeSelectorTerm, ...] | None, name: str, labels: Mapping[str, str]
) -> bool:
    """Has the node every label of the selector, and does it meet one of the terms (None: there are none)?"""
    return all(labels.get(key) == wanted for key, wanted in node_selector.items()) and (
        terms is None or any(term.met_by(name, labels) for term in terms)
    )


def named_nodes(terms: tuple[NodeSelectorTerm, ...] | None) -> tuple[str, ...] | None:
    """The only nodes that could meet the terms, None where any node might.

    Source: plugins/nodeaffinity/node_affinity.go `PreFilter`: every term has a field, and each field is `In`.
    """
    if not terms:
        return None
    names: set[str] = set()
    for term in terms:
        if not term.fields:
            return None
        fields = [set(item.values) for item in term.fields if item.operator == "In"]
        if not fields:
            return None
        names |= set.intersection(*fields)
    return tuple(sorted(names))


def _term(item: Mapping[str, Any]) -> NodeSelectorTerm:
    return NodeSelectorTerm(_requirements(item.get("matchExpressions")), _requirements(item.get("matchFields")))


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
