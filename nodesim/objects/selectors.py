"""Does a label selector match an object's labels?

Two forms: the string of list and watch requests (`app=web,tier!=db,env in (a, b),!old`), and the documents'
`{matchLabels, matchExpressions}`.  Source: apimachinery pkg/labels/selector.go, pkg/apis/meta/v1/helpers.go.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from nodesim.values import value

_PART: Final = re.compile(
    r"""\s*(?:
      (?P<absent>!)\s*(?P<absent_key>[\w./-]+)
    | (?P<key>[\w./-]+)\s*(?:
        (?P<op>==|=|!=)\s*(?P<value>[\w./-]*)
      | (?P<set>notin|in)\s*\((?P<values>[^)]*)\)
      )?
    )\s*(?:,|$)""",
    re.VERBOSE | re.ASCII,
)


@value
class Requirement:
    """One demand on a label; `operator` is In, NotIn, Exists or DoesNotExist."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def met_by(self, labels: Mapping[str, str]) -> bool:
        """NotIn is also met where the label is absent."""
        if self.operator == "Exists":
            return self.key in labels
        if self.operator == "DoesNotExist":
            return self.key not in labels
        if self.operator == "In":
            return self.key in labels and labels[self.key] in self.values
        return self.key not in labels or labels[self.key] not in self.values


@value
class Selector:
    """All requirements must be met; none at all matches everything."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Do the labels meet every requirement?"""
        return all(requirement.met_by(labels) for requirement in self.requirements)


def parse_selector(text: str) -> Selector:
    """A selector from its string form.

    Raises:
        ValueError: with the part that could not be read.
    """
    requirements, place = [], 0
    while place < len(text):
        part = _PART.match(text, place)
        if part is None or part.end() == place:
            msg = f"not a label selector: {text[place : place + 40]!r}"
            raise ValueError(msg)
        place = part.end()
        if part["absent"]:
            requirements.append(Requirement(part["absent_key"], "DoesNotExist"))
        elif part["set"]:
            values = tuple(item.strip() for item in part["values"].split(","))
            requirements.append(Requirement(part["key"], "In" if part["set"] == "in" else "NotIn", values))
        elif part["op"]:
            operator = "NotIn" if part["op"] == "!=" else "In"
            requirements.append(Requirement(part["key"], operator, (part["value"],)))
        else:
            requirements.append(Requirement(part["key"], "Exists"))
    return Selector(tuple(requirements))


def selector_of(document: Mapping[str, Any] | None) -> Selector:
    """A selector from `{matchLabels, matchExpressions}`; None or {} matches everything."""
    source = document or {}
    requirements = [Requirement(key, "In", (item,)) for key, item in (source.get("matchLabels") or {}).items()]
    requirements += [
        Requirement(item["key"], item["operator"], tuple(item.get("values") or ()))
        for item in source.get("matchExpressions") or ()
    ]
    return Selector(tuple(requirements))
