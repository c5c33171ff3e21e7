"""Is a document's label selector readable, and what does it select?"""

from __future__ import annotations

from functools import partial
from typing import Final

from nodesim.objects import Requirement, Selector
from nodesim.scenario.names import label_key, labels
from nodesim.scenario.reading import Cursor, choice, items, open_fields, text

OPERATORS: Final = ("In", "NotIn", "Exists", "DoesNotExist")


def check_selector(cursor: Cursor) -> Selector | None:
    """The selector of a workload; it must select something."""
    found = open_fields(cursor, "a selector such as {matchLabels: {app: web}}")
    if found is None:
        return None
    wanted: dict[str, str] = found.optional("matchLabels", labels, {})
    requirements = [Requirement(key, "In", (word,)) for key, word in wanted.items()]
    expressions = found.get("matchExpressions")
    for item in [] if expressions is None else items(expressions, "a list of requirements"):
        requirement = _requirement(item)
        if requirement is None:
            return None
        requirements.append(requirement)
    if not requirements:
        cursor.fault("selects nothing in particular: expected a selector such as {matchLabels: {app: web}}")
        return None
    return Selector(tuple(requirements))


def _requirement(cursor: Cursor) -> Requirement | None:
    found = open_fields(cursor, "a requirement such as {key: app, operator: In, values: [web]}")
    if found is None:
        return None
    key = found.required("key", label_key, "a label's key such as app")
    operator = found.required("operator", partial(choice, known=OPERATORS), "one of " + ", ".join(OPERATORS))
    listed = found.get("values")
    words = [text(item) for item in items(listed, "a list of strings")] if listed is not None else []
    values = tuple(word for word in words if word is not None)
    if operator is not None and (operator in ("In", "NotIn")) != bool(words):
        cursor.fault(f"operator {operator} " + ("needs values" if not words else "takes no values"))
        return None
    return None if key is None or operator is None else Requirement(key, operator, values)
