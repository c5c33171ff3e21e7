"""How does this container behave?

Kubernetes knows no such thing; the scenario says it, by image and pod label, or the pod itself by annotation
(`nodesim.dev/start-after`, `ready-after`, `stop-after` and `exit`, the last as JSON: `[{"after": "5s", "code": 1}]`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Final

import attrs

from nodesim.spec import ContainerRule
from nodesim.units import parse_duration

ANNOTATION_PREFIX: Final = "nodesim.dev/"


def behaviour_of(
    rules: Iterable[ContainerRule], image: str, labels: Mapping[str, str], annotations: Mapping[str, str]
) -> ContainerRule:
    """The first rule whose image pattern and labels match, as the pod's annotations change it.

    An annotation that cannot be read is left out: pods come from users at any time, and no pod may stop the machine.
    """
    found = next((rule for rule in rules if _matches(rule, image, labels)), ContainerRule())
    for key, text in sorted(annotations.items()):
        if key.startswith(ANNOTATION_PREFIX):
            found = _changed(found, key.removeprefix(ANNOTATION_PREFIX), text)
    return found


def _matches(rule: ContainerRule, image: str, labels: Mapping[str, str]) -> bool:
    return fnmatchcase(image, rule.image) and all(labels.get(key) == item for key, item in rule.labels.items())


def _changed(rule: ContainerRule, key: str, text: str) -> ContainerRule:
    try:
        match key:
            case "start-after":
                return attrs.evolve(rule, start_after_us=parse_duration(text))
            case "ready-after":
                return attrs.evolve(rule, ready_after_us=parse_duration(text))
            case "stop-after":
                return attrs.evolve(rule, stop_after_us=None if text == "never" else parse_duration(text))
            case "exit":
                exits = tuple((parse_duration(item["after"]), int(item["code"])) for item in json.loads(text))
                return attrs.evolve(rule, exits=exits)
            case _:
                return rule
    except (ValueError, TypeError, KeyError):
        return rule
