"""Which condition of a type does a status have?

Source: pkg/api/v1/pod/util.go `GetPodCondition`, and its like for other kinds; apimachinery pkg/api/meta/conditions.go.
"""

from __future__ import annotations

from typing import Any

from nodesim.objects.documents import Document


def find_condition(status: Document, type_: str) -> dict[str, Any] | None:
    """The condition of this type, None where there is none."""
    return next((item for item in status.get("conditions") or () if item.get("type") == type_), None)


def is_condition_true(status: Document, type_: str) -> bool:
    """Is a condition of this type there, and True?"""
    found = find_condition(status, type_)
    return found is not None and found.get("status") == "True"
