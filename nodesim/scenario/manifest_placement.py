"""Are a pod's wishes as to its place such that the scheduler can read them?

Affinity, spread constraints and priority; see `manifest_kinds`.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from nodesim.scenario.names import label_key, label_name, labels, object_name
from nodesim.scenario.parts import lists_of_maps, part, section
from nodesim.scenario.reading import Cursor, Fields, boolean, choice, integer, items, open_fields, text
from nodesim.scenario.selectors import OPERATORS

INT32_MAX: Final = (1 << 31) - 1
USER_PRIORITY_MAX: Final = 1_000_000_000
_REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED: Final = "preferredDuringSchedulingIgnoredDuringExecution"
_TOPOLOGY_FORM: Final = "a label's key such as kubernetes.io/hostname"
_NODE_OPERATORS: Final = (*OPERATORS, "Gt", "Lt")
_POLICIES: Final = ("Honor", "Ignore")
_PREEMPTION: Final = ("PreemptLowerPriority", "Never")


def check_placement(spec: Fields) -> None:
    """A pod's affinity, its spread constraints, its priority's name and whether it preempts."""
    part(spec, "priorityClassName", object_name)
    part(spec, "preemptionPolicy", partial(choice, known=_PREEMPTION))
    for constraint in lists_of_maps(spec, "topologySpreadConstraints", "constraints"):
        _constraint(constraint)
    affinity = section(spec, "affinity")
    if affinity is None:
        return
    node = section(affinity, "nodeAffinity")
    if node is not None:
        required = section(node, _REQUIRED)
        for term in [] if required is None else lists_of_maps(required, "nodeSelectorTerms", "terms"):
            _node_term(term)
        for item in lists_of_maps(node, _PREFERRED, "preferred terms"):
            _weight(item)
            preference = item.required("preference", _mapping, "a term such as {matchExpressions: [...]}")
            if preference is not None:
                _node_term(preference)
    for kind in ("podAffinity", "podAntiAffinity"):
        pods = section(affinity, kind)
        if pods is not None:
            _pod_terms(pods)


def check_priority_class(found: Fields) -> None:
    """A PriorityClass."""
    highest = partial(integer, low=-INT32_MAX - 1, high=USER_PRIORITY_MAX)
    found.required("value", highest, "a whole number such as 1000")
    part(found, "globalDefault", boolean)
    part(found, "preemptionPolicy", partial(choice, known=_PREEMPTION))


def _mapping(cursor: Cursor) -> Fields | None:
    return open_fields(cursor, "a mapping")


def _weight(item: Fields) -> None:
    item.required("weight", partial(integer, low=1, high=100), "a weight from 1 to 100")


def _node_term(term: Fields) -> None:
    for key in ("matchExpressions", "matchFields"):
        for item in lists_of_maps(term, key, "requirements"):
            item.required("key", text, "a label's key such as disk")
            item.required("operator", partial(choice, known=_NODE_OPERATORS), "one of " + ", ".join(_NODE_OPERATORS))
            _strings(item, "values")


def _strings(found: Fields, key: str) -> None:
    listed = found.get(key)
    for item in [] if listed is None else items(listed, "a list of strings"):
        text(item)


def _pod_terms(pods: Fields) -> None:
    terms = lists_of_maps(pods, _REQUIRED, "terms")
    for item in lists_of_maps(pods, _PREFERRED, "preferred terms"):
        _weight(item)
        term = item.required("podAffinityTerm", _mapping, "a term such as {topologyKey: kubernetes.io/hostname}")
        if term is not None:
            terms.append(term)
    for term in terms:
        term.required("topologyKey", label_key, _TOPOLOGY_FORM)
        _selector(term, "labelSelector")
        _selector(term, "namespaceSelector")
        listed = term.get("namespaces")
        for name in [] if listed is None else items(listed, "a list of namespaces"):
            label_name(name)
        _strings(term, "matchLabelKeys")
        _strings(term, "mismatchLabelKeys")


def _constraint(found: Fields) -> None:
    found.required("maxSkew", partial(integer, low=1, high=INT32_MAX), "a whole number such as 1")
    found.required("topologyKey", label_key, _TOPOLOGY_FORM)
    known = ("DoNotSchedule", "ScheduleAnyway")
    found.required("whenUnsatisfiable", partial(choice, known=known), "one of " + ", ".join(known))
    _selector(found, "labelSelector")
    part(found, "minDomains", partial(integer, low=1, high=INT32_MAX))
    part(found, "nodeAffinityPolicy", partial(choice, known=_POLICIES))
    part(found, "nodeTaintsPolicy", partial(choice, known=_POLICIES))
    _strings(found, "matchLabelKeys")


def _selector(found: Fields, key: str) -> None:
    """A selector; unlike a workload's it may select everything."""
    selector = section(found, key)
    if selector is None:
        return
    part(selector, "matchLabels", labels)
    for item in lists_of_maps(selector, "matchExpressions", "requirements"):
        item.required("key", label_key, "a label's key such as app")
        item.required("operator", partial(choice, known=OPERATORS), "one of " + ", ".join(OPERATORS))
        _strings(item, "values")
