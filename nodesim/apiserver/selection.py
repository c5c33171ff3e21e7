"""Which objects does a list or a watch mean?

A selection is a field selector (equalities, `!=` too, joined by commas) and a label selector.
Source: apimachinery pkg/fields/selector.go; `NodeToSelectableFields` and the like in pkg/registry.
"""

from __future__ import annotations

from typing import Final

from nodesim.apiserver.registry import Path, Resource
from nodesim.apiserver.store import Stored, field_text
from nodesim.objects import Selector, parse_selector
from nodesim.values import value

_ABSENT: Final = {"spec.unschedulable": "false", "status.replicas": "0"}
"""What a field is compared as where a document leaves it out, if not as ""."""


@value
class FieldRequirement:
    """One demand on a field: it is (`equal`), or is not, `text`."""

    label: str
    path: Path
    equal: bool
    text: str

    def met_by(self, stored: Stored) -> bool:
        """Does the object meet it?"""
        found = field_text(stored.document, self.path) or _ABSENT.get(self.label, "")
        return (found == self.text) is self.equal


@value
class Selection:
    """All requirements must be met; none at all means everything."""

    fields: tuple[FieldRequirement, ...] = ()
    labels: Selector = Selector()

    @property
    def everything(self) -> bool:
        """No requirement at all."""
        return not self.fields and not self.labels.requirements

    def equalities(self) -> dict[str, str]:
        """Field label -> the value it must have."""
        return {item.label: item.text for item in self.fields if item.equal}

    def matches(self, stored: Stored) -> bool:
        """Is the object meant?"""
        for requirement in self.fields:
            if not requirement.met_by(stored):
                return False
        if not self.labels.requirements:
            return True
        return self.labels.matches(stored.document["metadata"].get("labels") or {})


def parse_selection(resource: Resource, fields: str, labels: str) -> Selection:
    """The selection that a request's two selector strings mean.

    Raises:
        ValueError: with the text that Kubernetes answers with 400.
    """
    requirements = []
    for part in fields.split(",") if fields else ():
        label, operator, text = _split(part)
        if not operator:
            msg = f"invalid field selector: {part!r:.80}; write it like spec.nodeName=worker-1"
            raise ValueError(msg)
        if label not in resource.fields:
            msg = f'field label not supported for "{resource.kind}": {label:.80}'
            raise ValueError(msg)
        requirements.append(FieldRequirement(label, resource.fields[label], operator != "!=", text))
    return Selection(tuple(requirements), parse_selector(labels))


def _split(part: str) -> tuple[str, str, str]:
    for operator in ("!=", "==", "="):
        label, found, text = part.partition(operator)
        if found:
            return label.strip(), operator, text.strip()
    return part, "", ""
