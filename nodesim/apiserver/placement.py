"""May a pod ask for its place in this way?

Of affinity, spread constraints and tolerations what would mean something else, or nothing, to those who read it.
Source: pkg/apis/core/validation/validation.go `validateTopologySpreadConstraints`, `ValidateNodeSelectorRequirement`,
`validatePodAffinityTerm`, `ValidatePreferredSchedulingTerms`, `ValidateTolerations`.
"""

from __future__ import annotations

from typing import Any, Final

from nodesim.objects.taints import NO_EXECUTE

_NODE_OPERATORS: Final = ("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt")
_LABEL_OPERATORS: Final = _NODE_OPERATORS[:4]
_UNSATISFIABLE: Final = ("DoNotSchedule", "ScheduleAnyway")
_WEIGHT_MAX: Final = 100


def placement_faults(spec: dict[str, Any], path: str) -> list[str]:
    """What forbids the affinity, constraints or tolerations of a pod's spec; each fault begins with its field."""
    faults: list[str] = []
    for place, item in enumerate(spec.get("topologySpreadConstraints") or ()):
        faults += _constraint_faults(item, f"{path}.topologySpreadConstraints[{place}]")
    for place, item in enumerate(spec.get("tolerations") or ()):
        faults += _toleration_faults(item, f"{path}.tolerations[{place}]")
    affinity = spec.get("affinity") or {}
    for kind in ("nodeAffinity", "podAffinity", "podAntiAffinity"):
        if affinity.get(kind):
            faults += _affinity_faults(kind, affinity[kind], f"{path}.affinity.{kind}")
    return faults


def _constraint_faults(item: dict[str, Any], path: str) -> list[str]:
    faults = []
    if item["maxSkew"] <= 0:
        faults.append(f"{path}.maxSkew: Invalid value: {item['maxSkew']}: must be greater than zero")
    if not item["topologyKey"]:
        faults.append(f"{path}.topologyKey: Required value: can not be empty")
    if item["whenUnsatisfiable"] not in _UNSATISFIABLE:
        supported = ", ".join(f'"{word}"' for word in _UNSATISFIABLE)
        value = item["whenUnsatisfiable"]
        faults.append(f'{path}.whenUnsatisfiable: Unsupported value: "{value}": supported values: {supported}')
    domains = item.get("minDomains")
    if domains is not None and domains <= 0:
        faults.append(f"{path}.minDomains: Invalid value: {domains}: must be greater than zero")
    elif domains is not None and item["whenUnsatisfiable"] != _UNSATISFIABLE[0]:
        why = "can only use minDomains if whenUnsatisfiable=DoNotSchedule"
        faults.append(f"{path}.minDomains: Invalid value: {domains}: {why}")
    return faults + _selector_faults(item.get("labelSelector"), f"{path}.labelSelector")


def _toleration_faults(item: dict[str, Any], path: str) -> list[str]:
    faults = []
    operator, effect = item.get("operator") or "", item.get("effect") or ""
    if not item.get("key") and operator != "Exists":
        why = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
        faults.append(f'{path}.operator: Invalid value: "{operator}": {why}')
    if item.get("tolerationSeconds") is not None and effect != NO_EXECUTE:
        why = "effect must be 'NoExecute' when `tolerationSeconds` is set"
        faults.append(f'{path}.effect: Invalid value: "{effect}": {why}')
    if operator == "Exists" and item.get("value"):
        why = "value must be empty when `operator` is 'Exists'"
        faults.append(f'{path}.operator: Invalid value: "{operator}": {why}')
    return faults


def _affinity_faults(kind: str, affinity: dict[str, Any], path: str) -> list[str]:
    node = kind == "nodeAffinity"
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    terms = [(item, "required") for item in (required.get("nodeSelectorTerms") or () if node else required)]
    faults: list[str] = []
    for item in affinity.get("preferredDuringSchedulingIgnoredDuringExecution") or ():
        if not 1 <= item["weight"] <= _WEIGHT_MAX:
            faults.append(f"{path}.weight: Invalid value: {item['weight']}: must be in the range 1-{_WEIGHT_MAX}")
        terms.append((item["preference" if node else "podAffinityTerm"], "preferred"))
    for term, when in terms:
        where = f"{path}.{when}"
        if node:
            expressions = [*(term.get("matchExpressions") or ()), *(term.get("matchFields") or ())]
            faults += _operator_faults(expressions, _NODE_OPERATORS, where)
        else:
            if not term["topologyKey"]:
                faults.append(f"{where}.topologyKey: Required value: can not be empty")
            faults += _selector_faults(term.get("labelSelector"), f"{where}.labelSelector")
            faults += _selector_faults(term.get("namespaceSelector"), f"{where}.namespaceSelector")
    return faults


def _selector_faults(selector: dict[str, Any] | None, path: str) -> list[str]:
    return _operator_faults((selector or {}).get("matchExpressions") or (), _LABEL_OPERATORS, path)


def _operator_faults(expressions: Any, known: tuple[str, ...], path: str) -> list[str]:
    return [
        f'{path}.matchExpressions.operator: Invalid value: "{item["operator"]}": not a valid selector operator'
        for item in expressions
        if item["operator"] not in known
    ]
