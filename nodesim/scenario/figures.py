"""How are durations, quantities, percentages, rates and comparisons read from a scenario file?

Always from the text as it was written, by integer or decimal arithmetic: `0.1` is a tenth and not the float next to it.
"""

from __future__ import annotations

import re
from typing import Final, cast

from nodesim.scenario.faults import clip
from nodesim.scenario.reading import Cursor, integer, open_fields
from nodesim.scenario.yamlscalars import INT_MAX
from nodesim.scenario.yamltree import ScalarTree
from nodesim.spec import Comparison, Operator
from nodesim.units import PERCENTAGE, format_duration, parse_duration, quantity_milli, quantity_units

DURATION_FORM: Final = "a duration such as 5m30s, 250ms or 1h"
SIGNED_FORM: Final = "a duration such as 1h or -90s"
PERCENT_FORM: Final = "a percentage such as 1% or 0.5%"
COMPARISON_FORM: Final = 'a comparison such as ">= 2", or a number'

PERCENT: Final = re.compile(r"([0-9]{1,6})(?:\.([0-9]{1,20}))?\s?%")
DECIMAL: Final = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,20}))?")
_COMPARISON: Final = re.compile(r"(<=|>=|==|!=|<|>)?\s*(\S.*)", re.DOTALL)


def written(cursor: Cursor, form: str) -> str | None:
    """The text of a word or number, as it was written; nothing else has one."""
    tree = cursor.tree
    if type(tree) is ScalarTree and tree.value is not None and type(tree.value) is not bool:
        return tree.text
    cursor.wrong(form)
    return None


def duration(cursor: Cursor, low_us: int = 0, high_us: int | None = None) -> int | None:
    """A duration in us, from `low_us` to `high_us`."""
    source = written(cursor, DURATION_FORM)
    if source is None:
        return None
    try:
        us = parse_duration(source)
    except ValueError as wrong:
        hint = f": does {source}s or {source}ms mean it?" if re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", source) else ""
        cursor.fault(f"{wrong}{hint}")
        return None
    if us < low_us:
        cursor.fault(f"must be at least {format_duration(low_us)}, got {format_duration(us)}")
        return None
    if high_us is not None and us > high_us:
        cursor.fault(f"must be at most {format_duration(high_us)}, got {format_duration(us)}")
        return None
    return us


def signed_duration(cursor: Cursor) -> int | None:
    """A duration in us that may begin with `-`."""
    source = written(cursor, SIGNED_FORM)
    if source is None:
        return None
    try:
        return -parse_duration(source[1:]) if source.startswith("-") else parse_duration(source)
    except ValueError:
        cursor.fault(f"not {SIGNED_FORM}: {clip(source)}")
        return None


def positive_duration(cursor: Cursor) -> int | None:
    """A duration of at least 1 us, in us."""
    return duration(cursor, 1)


def quantity(cursor: Cursor, resource: str, low_milli: int = 0) -> str | None:
    """A resource quantity (`500m`, `16Gi`) as written, from `low_milli` thousandths up."""
    source = written(cursor, "a quantity such as 500m, 4 or 16Gi")
    if source is None:
        return None
    try:
        milli = quantity_milli(source)
        units = quantity_units(source)
    except (ValueError, ArithmeticError):
        cursor.fault(f"not a quantity: {clip(source)}; write it like 500m, 4 or 16Gi")
        return None
    if milli < low_milli or milli < 0:
        cursor.fault(f"{resource} must be {'more than 0' if low_milli else 'at least 0'}, got {source}")
        return None
    if units > INT_MAX or (resource == "cpu" and milli > INT_MAX):
        cursor.fault(f"{source} is more than fits into 64 bits")
        return None
    if resource == "pods" and units * 1000 != milli:
        cursor.fault(f"pods must be a whole number, got {source}")
        return None
    return source


def _scaled(whole: str, part: str | None, places: int) -> int | None:
    """`whole.part` times ten to the `places`, None where it has more places than that."""
    digits = (part or "").rstrip("0")
    if len(digits) > places:
        return None
    return int(whole + digits.ljust(places, "0"))


def percent_ppm(cursor: Cursor) -> int | None:
    """A percentage from 0 to 100, in millionths."""
    source = written(cursor, PERCENT_FORM)
    if source is None:
        return None
    match = PERCENT.fullmatch(source)
    if match is None:
        hint = "" if "%" in source else " with its %"
        cursor.fault(f"expected {PERCENT_FORM}{hint}, got {clip(source)}")
        return None
    ppm = _scaled(match[1], match[2], 4)
    if ppm is None:
        cursor.fault(f"finer than a millionth: {clip(source)}; at most four decimal places")
        return None
    if ppm > 1_000_000:
        cursor.fault(f"must be between 0 and 100 %, got {match[1]}{'.' + match[2] if match[2] else ''} %")
        return None
    return ppm


def decimal(cursor: Cursor, places: int, high: int, form: str) -> int | None:
    """A decimal number from 0 to `high`, times ten to the `places`."""
    source = written(cursor, form)
    if source is None:
        return None
    match = DECIMAL.fullmatch(source)
    if match is None:
        cursor.fault(f"expected {form}, got {clip(source)}")
        return None
    scaled = _scaled(match[1], match[2], places)
    if scaled is None:
        cursor.fault(f"at most {places} decimal places count here, got {clip(source)}")
        return None
    if scaled > high * 10**places:
        cursor.fault(f"must be from 0 to {high}, got {source}")
        return None
    return scaled


def comparison(cursor: Cursor, places: int = 0) -> Comparison | None:
    """`">= 2"` or a bare number (equal), its value times ten to the `places`."""
    source = written(cursor, COMPARISON_FORM)
    if source is None:
        return None
    match = _COMPARISON.fullmatch(source.strip())
    number = DECIMAL.fullmatch(match[2]) if match is not None else None
    if match is None or number is None:
        hint = "; equal is written ==" if source.strip().startswith("=") else ""
        cursor.fault(f"expected {COMPARISON_FORM}, got {clip(source)}{hint}")
        return None
    scaled = _scaled(number[1], number[2], places)
    if scaled is None:
        need = f"at most {places} decimal places count" if places else "only whole numbers count"
        cursor.fault(f"{need} here, got {clip(source)}")
        return None
    return Comparison(operator=cast(Operator, match[1] or "=="), value=scaled)


def resources(cursor: Cursor, low_milli: dict[str, int] | None = None) -> dict[str, str] | None:
    """A mapping of resource names to quantities, each as written."""
    found = open_fields(cursor, "resources such as {cpu: 500m, memory: 1Gi}")
    if found is None:
        return None
    amounts = {}
    for name, item in found.all():
        amount = quantity(item, name, (low_milli or {}).get(name, 0))
        if amount is not None:
            amounts[name] = amount
    return amounts


def number_or_percentage(cursor: Cursor, high: int, percent_high: int = 100_000) -> int | str | None:
    """A whole number, or a percentage, as Kubernetes takes them for maxSurge, minAvailable and their like."""
    form = "a number such as 2 or a percentage such as 50%"
    tree = cursor.tree
    if type(tree) is not ScalarTree or type(tree.value) is not str:
        return integer(cursor, 0, high, form)
    if PERCENTAGE.fullmatch(tree.value) is None:
        cursor.fault(f"expected {form}, got {clip(tree.value)}")
        return None
    if int(tree.value[:-1]) > percent_high:
        cursor.fault(f"must be at most {percent_high}%, got {clip(tree.value)}")
        return None
    return tree.value
