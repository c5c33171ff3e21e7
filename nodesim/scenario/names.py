"""Which words are names, labels and taints of Kubernetes?

Sources: apimachinery pkg/util/validation/validation.go (RFC 1123 labels and subdomains, qualified names, label
values), kubectl's `taint` command for the form `key=value:Effect`.
"""

from __future__ import annotations

import re
from typing import Any, Final

from nodesim.objects import Taint, taint_document
from nodesim.objects.taints import NO_EXECUTE, NO_SCHEDULE, PREFER_NO_SCHEDULE
from nodesim.scenario.faults import clip, suggestion
from nodesim.scenario.reading import Cursor, string_map, text

EFFECTS: Final = (NO_SCHEDULE, PREFER_NO_SCHEDULE, NO_EXECUTE)
TAINT_FORM: Final = 'a taint such as "dedicated=db:NoExecute"'
LABELS_FORM: Final = "labels such as {app: web}"

LABEL_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
KEY_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?")
_TAINT: Final = re.compile(r"([^=:\s]+)(?:=([^=:\s]*))?:([A-Za-z]+)")


def is_subdomain(name: str) -> bool:
    """RFC 1123 subdomain: what most objects may be called."""
    return 0 < len(name) <= 253 and all(LABEL_NAME.fullmatch(part) for part in name.split("."))


def is_qualified(key: str) -> bool:
    """A label's or taint's key: `name` or `prefix/name`."""
    prefix, slash, name = key.rpartition("/")
    if slash and not is_subdomain(prefix):
        return False
    return len(name) <= 63 and KEY_NAME.fullmatch(name) is not None


def object_name(cursor: Cursor) -> str | None:
    """The name of an object."""
    name = text(cursor, "a name such as worker-1")
    if name is not None and not is_subdomain(name):
        cursor.fault(f"not a name: {clip(name)}; small letters, digits, '-' and '.', at most 253, such as worker-1")
        return None
    return name


def label_name(cursor: Cursor) -> str | None:
    """The name of a namespace or container."""
    name = text(cursor, "a name such as web")
    if name is not None and (len(name) > 63 or not LABEL_NAME.fullmatch(name)):
        cursor.fault(f"not a name: {clip(name)}; small letters, digits and '-', at most 63, such as web")
        return None
    return name


def label_key(cursor: Cursor) -> str | None:
    """The key of a label."""
    key = text(cursor, "a label's key such as app")
    if key is not None and not is_qualified(key):
        cursor.fault(f"not a label's key: {clip(key)}; write it like app or example.com/team")
        return None
    return key


def labels(cursor: Cursor) -> dict[str, str] | None:
    """Labels of an object, or what an object's labels must equal."""
    return string_map(cursor, LABELS_FORM, _check_label)


def _check_label(cursor: Cursor, key: str) -> None:
    if not is_qualified(key):
        cursor.fault(f"not a label's key: {clip(key)}; write it like app or example.com/team")
    word = text(cursor) or ""
    if word and (len(word) > 63 or not KEY_NAME.fullmatch(word)):
        cursor.fault(f"not a label's value: {clip(word)}; letters, digits, '-', '_' and '.', at most 63")


def taint(cursor: Cursor) -> Taint | None:
    """A taint from `key=value:Effect` or `key:Effect`."""
    source = text(cursor, TAINT_FORM)
    if source is None:
        return None
    match = _TAINT.fullmatch(source)
    if match is None or not is_qualified(match[1]):
        cursor.fault(f"expected {TAINT_FORM}, got {clip(source)}")
        return None
    if match[3] not in EFFECTS:
        cursor.fault(f"unknown effect {clip(match[3])}{suggestion(match[3], EFFECTS)}")
        return None
    return Taint(match[1], match[3], match[2] or "")


def taint_as_document(cursor: Cursor) -> dict[str, Any] | None:
    """A taint in document form."""
    found = taint(cursor)
    return None if found is None else taint_document(found)
