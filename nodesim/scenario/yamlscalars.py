"""What does a plain (unquoted) word in YAML mean?

YAML 1.2's core schema: null, true/false, decimal, octal and hexadecimal integers, decimal fractions; everything else
is a string.  So `on`, `no`, `1:30` and `2024-01-01` are strings, unlike in YAML 1.1.  Numbers must be such as JSON and
msgpack can carry; the others are refused before they cost time (a million digits take Python seconds to read).
Source: YAML 1.2.2, section 10.3.2.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

ScalarValue: TypeAlias = str | int | float | bool | None

INT_MIN: Final = -(1 << 63)
INT_MAX: Final = (1 << 63) - 1

_CONSTANTS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMBER_STARTS: Final = frozenset("+-.0123456789")
_DECIMAL: Final = re.compile(r"[-+]?[0-9]+")
_BASED: Final = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FRACTION: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_ENDLESS: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_DIGITS_MAX: Final = 40


def resolve(text: str) -> ScalarValue:
    """The value of a plain word.

    Raises:
        ValueError: a number that no document can carry; says what to do.
    """
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] not in _NUMBER_STARTS:
        return text
    if _DECIMAL.fullmatch(text):
        return _integer(text, 10)
    if _BASED.fullmatch(text):
        return _integer(text[2:], 8 if text[1] == "o" else 16)
    if _ENDLESS.fullmatch(text):
        msg = f"{text} is not a number that JSON has; quote it if it is a word"
        raise ValueError(msg)
    if _FRACTION.fullmatch(text):
        return _fraction(text)
    return text


def _integer(digits: str, base: int) -> int:
    number = int(digits, base) if len(digits) <= _DIGITS_MAX else INT_MAX + 1
    if not INT_MIN <= number <= INT_MAX:
        msg = f"the number {digits[:20]}… ({len(digits)} digits) does not fit into 64 bits; quote it if it is a word"
        raise ValueError(msg)
    return number


def _fraction(text: str) -> float:
    number = float(text) if len(text) <= _DIGITS_MAX else float("inf")
    if number in (float("inf"), float("-inf")):
        msg = f"the number {text[:20]} is too long or too large; quote it if it is a word"
        raise ValueError(msg)
    return number
