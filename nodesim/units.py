"""How are durations, instants and quantities written and read?

Inside nodesim, time is `int` microseconds since the run began.  Durations are written as Kubernetes writes them
(`1h5m30s`, `250ms`, `100us`); quantities follow `resource.Quantity` (`16Gi`, `500m`, `1e3`).
Source: apimachinery `pkg/api/resource/quantity.go`, Go's `time.ParseDuration`.
"""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from functools import lru_cache
from typing import Final

MICROSECOND: Final = 1
MILLISECOND: Final = 1_000
SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE

DURATION_MAX_US: Final = 10 * 366 * 24 * HOUR
"""Ten years: beyond it nobody means it, and the trace's instants stay small integers."""

_UNITS: Final = {"h": HOUR, "m": MINUTE, "s": SECOND, "ms": MILLISECOND, "us": MICROSECOND, "µs": MICROSECOND}
DURATION: Final = re.compile(r"(?:\d+(?:\.\d{1,6})?(?:h|ms|us|µs|m|s))+", re.ASCII)
_DURATION_PART: Final = re.compile(r"(\d+)(?:\.(\d{1,6}))?(h|ms|us|µs|m|s)", re.ASCII)

QUANTITY: Final = re.compile(r"([+-]?\d+(?:\.\d*)?|[+-]?\.\d+)([eE][+-]?\d{1,2}|[numkMGTPE]|[KMGTPE]i)?", re.ASCII)
PERCENTAGE: Final = re.compile(r"[0-9]{1,9}%", re.ASCII)
"""What Kubernetes takes where a number or a percentage may stand."""

_SUFFIX: Final = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    "P": Decimal(10**15),
    "E": Decimal(10**18),
    "Ki": Decimal(1 << 10),
    "Mi": Decimal(1 << 20),
    "Gi": Decimal(1 << 30),
    "Ti": Decimal(1 << 40),
    "Pi": Decimal(1 << 50),
    "Ei": Decimal(1 << 60),
}


def parse_duration(text: str) -> int:
    """Microseconds of a duration such as `5m30s`, `1.5h` or `250ms`; `0` and `0s` are zero.

    Raises:
        ValueError: not a duration, or longer than ten years.
    """
    if text == "0":
        return 0
    if len(text) > 64 or not DURATION.fullmatch(text):
        msg = f"not a duration: {text[:40]!r}; write it like 5m30s, 250ms or 1h"
        raise ValueError(msg)
    total = 0
    for whole, part, unit in _DURATION_PART.findall(text):
        scale = _UNITS[unit]
        total += int(whole) * scale
        if part:
            total += int(part) * scale // 10 ** len(part)
    if total > DURATION_MAX_US:
        msg = f"longer than ten years: {text[:40]!r}"
        raise ValueError(msg)
    return total


def format_duration(us: int) -> str:
    """The shortest exact text of a duration: `5m30s`, `2m39.6s`, `300ms`, `0s`; negative ones begin with `-`."""
    if us < 0:
        return "-" + format_duration(-us)
    if us == 0:
        return "0s"
    if us < MILLISECOND:
        return f"{us}us"
    if us < SECOND:
        return f"{_decimal(us, MILLISECOND)}ms"
    hours, rest = divmod(us, HOUR)
    minutes, rest = divmod(rest, MINUTE)
    text = f"{hours}h" if hours else ""
    text += f"{minutes}m" if minutes else ""
    return text + (f"{_decimal(rest, SECOND)}s" if rest or not text else "")


def _decimal(us: int, unit: int) -> str:
    whole, rest = divmod(us, unit)
    if not rest:
        return str(whole)
    digits = len(str(unit)) - 1
    return f"{whole}.{rest:0{digits}d}".rstrip("0")


def seconds(us: int) -> float:
    """Seconds as a float, for people and result documents only; nothing is decided with it."""
    return us / SECOND


@lru_cache(maxsize=4096)
def _quantity(text: str | int) -> Decimal:
    """The number; thousands of nodes write the same few quantities."""
    source = str(text)
    match = QUANTITY.fullmatch(source) if len(source) <= 40 else None
    if match is None:
        msg = f"not a quantity: {source[:40]!r}; write it like 500m, 4, 16Gi"
        raise ValueError(msg)
    number, suffix = match.groups()
    try:
        if suffix and suffix[0] in "eE" and len(suffix) > 1:
            return Decimal(number + suffix)
        return Decimal(number) * _SUFFIX[suffix or ""]
    except InvalidOperation as broken:
        msg = f"not a quantity: {source[:40]!r}"
        raise ValueError(msg) from broken


def quantity_milli(text: str | int) -> int:
    """A quantity in thousandths, rounded up, as Kubernetes counts CPU (`500m` -> 500, `2` -> 2000)."""
    return int((_quantity(text) * 1000).to_integral_value(rounding=ROUND_CEILING))


def quantity_units(text: str | int) -> int:
    """A quantity in whole units, rounded up, as Kubernetes counts bytes and pods (`1Ki` -> 1024)."""
    return int(_quantity(text).to_integral_value(rounding=ROUND_CEILING))


def scaled_value(amount: int | str, total: int, *, round_up: bool) -> int:
    """A number, or a percentage (`25%`) of `total`.  Source: apimachinery pkg/util/intstr.

    Raises:
        ValueError: a text that is not a percentage.
    """
    if not isinstance(amount, str):
        return amount
    if PERCENTAGE.fullmatch(amount) is None:
        msg = f"not a number or a percentage such as 25%: {amount!r:.40}"
        raise ValueError(msg)
    parts = int(amount[:-1]) * total
    return -(-parts // 100) if round_up else parts // 100
