"""In which cloud do the machines stand: how is `spec.cloud` read?"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from nodesim.scenario.faults import clip
from nodesim.scenario.reading import Cursor, boolean, fields, integer, text
from nodesim.spec import CloudSpec

QUOTA_MAX: Final = 1_000_000
PROVIDER: Final = re.compile(r"[a-z][a-z0-9+.-]{0,62}")
LABEL_VALUE: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")


def provider(cursor: Cursor) -> str | None:
    """The beginning of a providerID."""
    return _word(cursor, PROVIDER, "a provider's name such as aws")


def label_value(cursor: Cursor) -> str | None:
    """What becomes a label of a node."""
    return _word(cursor, LABEL_VALUE, "a word such as eu-1, as labels have them")


def _word(cursor: Cursor, pattern: re.Pattern[str], form: str) -> str | None:
    word = text(cursor, form)
    if word is not None and not pattern.fullmatch(word):
        cursor.fault(f"not {form}: {clip(word)}")
        return None
    return word


CLOUD_READERS: Final[dict[str, tuple[str, Callable[[Cursor], Any]]]] = {
    "provider": ("provider", provider),
    "region": ("region", label_value),
    "instanceType": ("instance_type", label_value),
    "configureCloudRoutes": ("configure_routes", boolean),
    "routeQuota": ("route_quota", partial(integer, low=0, high=QUOTA_MAX)),
}
"""Key -> attribute of `nodesim.spec.CloudSpec` and how it is read."""
CLOUD_KEYS: Final = tuple(CLOUD_READERS)


def read_cloud(cursor: Cursor) -> CloudSpec | None:
    """The cloud; an empty mapping is one with all defaults."""
    found = fields(cursor, CLOUD_KEYS, "a cloud such as {provider: aws, region: eu-1}")
    if found is None:
        return None
    given = {name: found.maybe(key, read) for key, (name, read) in CLOUD_READERS.items() if key in found}
    return CloudSpec(**{name: item for name, item in given.items() if item is not None})
