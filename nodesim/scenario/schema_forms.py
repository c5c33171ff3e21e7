"""Which JSON Schema does a value have that a given reader reads?

`form_of` knows the readers of the reader's tables; the patterns are the ones that the readers themselves match.
Numbers that a file may write without quotes (`0`, `16`, `0.5`) are numbers here, too: the reader takes their text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, Final, TypeAlias

from nodesim.errors import NodesimError
from nodesim.scenario import figures, names, read_cidrs, read_cloud, verbs
from nodesim.scenario.reading import boolean, choice, integer, text
from nodesim.units import DURATION, QUANTITY

Form: TypeAlias = dict[str, Any]


class SchemaGap(NodesimError):
    """The reader knows a key or a way of reading that the schema has no form for: a bug of nodesim."""


def pattern(expression: re.Pattern[str] | str) -> Form:
    """A string that a regular expression matches as a whole."""
    source = expression if isinstance(expression, str) else expression.pattern
    return {"type": "string", "pattern": f"^(?:{source})$"}


def any_of(*forms: Form) -> Form:
    """One of several forms."""
    return {"anyOf": list(forms)}


def word(known: Collection[str]) -> Form:
    """One of these words."""
    return {"type": "string", "enum": list(known)}


def whole(low: int, high: int) -> Form:
    """A whole number."""
    return {"type": "integer", "minimum": low, "maximum": high}


def listed(item: Form, **more: Any) -> Form:
    """A list; where all of its items are commented out, YAML makes it null."""
    return {"type": ["array", "null"], "items": item, **more}


def mapping(keys: Collection[str], forms: Mapping[str, Form], required: Collection[str] = (), **more: Any) -> Form:
    """An object with the reader's keys and no others.

    Raises:
        SchemaGap: one of the keys has no form.
    """
    missing = [key for key in keys if key not in forms]
    if missing:
        msg = f"nodesim.scenario.schema has no form for the reader's keys {', '.join(missing)}"
        raise SchemaGap(msg)
    properties = {key: forms[key] for key in keys}
    made: Form = {"type": "object", "additionalProperties": False, "properties": properties}
    return {**made, **({"required": list(required)} if required else {}), **more}


def described(form: Form, description: str) -> Form:
    """The form with words that an editor shows."""
    return {"description": description, **form}


def at_most(form: Form, length: int) -> Form:
    """A string of so many characters."""
    return {**form, "maxLength": length}


_LABEL: Final = names.LABEL_NAME.pattern
_KEY: Final = names.KEY_NAME.pattern

TEXT: Final[Form] = {"type": "string"}
FILLED: Final[Form] = {"type": "string", "minLength": 1}
TRUE: Final[Form] = {"const": True}
DURATION_TEXT: Final = described(any_of(pattern(DURATION), {"const": 0}, {"const": "0"}), figures.DURATION_FORM)
POSITIVE_DURATION: Final = described({**pattern(DURATION), "allOf": [{"pattern": "[1-9]"}]}, figures.DURATION_FORM)
SIGNED_DURATION: Final = described(
    any_of(pattern(f"-?{DURATION.pattern}"), {"const": 0}, {"const": "0"}), figures.SIGNED_FORM
)
PERCENT: Final = described(pattern(figures.PERCENT), figures.PERCENT_FORM)
NUMBER: Final = any_of({"type": "number", "minimum": 0}, pattern(figures.DECIMAL))
PERCENT_OF_NODES: Final = any_of(
    {"type": "number", "exclusiveMinimum": 0, "maximum": 100},
    {**pattern(figures.DECIMAL), "allOf": [{"pattern": "[1-9]"}]},
)
COMPARISON: Final = described(
    any_of({"type": "number", "minimum": 0}, pattern(rf"\s*(?:<=|>=|==|!=|<|>)?\s*(?:{figures.DECIMAL.pattern})\s*")),
    figures.COMPARISON_FORM,
)
WHOLE_COMPARISON: Final = described(
    any_of({"type": "integer", "minimum": 0}, pattern(r"\s*(?:<=|>=|==|!=|<|>)?\s*[0-9]{1,15}(?:\.0*)?\s*")),
    figures.COMPARISON_FORM,
)
QUANTITY_TEXT: Final = any_of({"type": "number", "minimum": 0}, pattern(QUANTITY))
QUANTITIES: Final[Form] = {"type": "object", "additionalProperties": QUANTITY_TEXT}
NAME_PATTERN: Final = rf"{_LABEL}(?:\.{_LABEL})*"
NAME: Final = at_most(pattern(NAME_PATTERN), 253)
NAMESPACE: Final = at_most(pattern(names.LABEL_NAME), 63)
LABEL_KEY: Final = pattern(rf"(?:{_LABEL}(?:\.{_LABEL})*/)?(?=.{{1,63}}$){_KEY}")
LABELS: Final[Form] = {
    "type": "object",
    "propertyNames": LABEL_KEY,
    "additionalProperties": at_most(pattern(rf"(?:{_KEY})?"), 63),
}
TAINT: Final = described(pattern(rf"[^=:\s]+(?:=[^=:\s]*)?:(?:{'|'.join(names.EFFECTS)})"), names.TAINT_FORM)

_FORMS: Final[dict[Callable[..., Any], Form]] = {
    text: TEXT,
    boolean: {"type": "boolean"},
    figures.duration: DURATION_TEXT,
    figures.positive_duration: POSITIVE_DURATION,
    figures.signed_duration: SIGNED_DURATION,
    figures.percent_ppm: PERCENT,
    figures.decimal: NUMBER,
    figures.comparison: COMPARISON,
    figures.resources: QUANTITIES,
    names.object_name: NAME,
    names.label_name: NAMESPACE,
    names.label_key: LABEL_KEY,
    names.labels: LABELS,
    names.taint: TAINT,
    verbs.read_taint: TAINT,
    read_cloud.provider: pattern(read_cloud.PROVIDER),
    read_cloud.label_value: pattern(read_cloud.LABEL_VALUE),
    read_cidrs.cidr: FILLED,
    read_cidrs.cidrs: FILLED,
}
"""Readers that take nothing but a cursor, or whose further arguments a schema cannot say."""


def form_of(reader: Callable[..., Any]) -> Form:
    """The form of what a reader reads; of a `partial` reader with its limits.

    Raises:
        SchemaGap: nobody said which form it has.
    """
    given: dict[str, Any] = {}
    plain = reader
    if isinstance(reader, partial):
        plain, given = reader.func, reader.keywords
    if plain is integer:
        return whole(given["low"], given["high"])
    if plain is choice:
        return word(given["known"])
    if plain is figures.duration and given.get("low_us", 0) > 0:
        return POSITIVE_DURATION
    if plain is figures.decimal:
        return any_of({"type": "number", "minimum": 0, "maximum": given["high"]}, pattern(figures.DECIMAL))
    if plain not in _FORMS:
        msg = f"nodesim.scenario.schema_forms has no form for what {plain.__qualname__} reads"
        raise SchemaGap(msg)
    return _FORMS[plain]
