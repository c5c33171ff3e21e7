"""Durations and quantities, by table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodesim.units import DURATION_MAX_US, format_duration, parse_duration, quantity_milli, quantity_units


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("0", 0),
        ("0s", 0),
        ("5m30s", 330_000_000),
        ("1.5h", 5_400_000_000),
        ("250ms", 250_000),
        ("100us", 100),
        ("2m39.6s", 159_600_000),
        ("1h0m1s", 3_601_000_000),
    ],
)
def test_a_duration_is_read_as_kubernetes_writes_it(text: str, us: int) -> None:
    """The text's microseconds, exactly."""
    assert parse_duration(text) == us


@pytest.mark.parametrize(
    "text", ["", "5", "s", "-1s", "5 m", "1d", "1e3s", "1.2345678s", "9" * 30 + "h", "1m" * 40, "\uff15s"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    """A bare number, a sign, an unknown unit, or more than ten years."""
    with pytest.raises(ValueError, match=r"not a duration|ten years"):
        parse_duration(text)


@given(st.integers(0, DURATION_MAX_US))
def test_a_duration_survives_being_written(us: int) -> None:
    """What is written is read back to the microsecond."""
    assert parse_duration(format_duration(us)) == us


def test_a_negative_duration_is_written_with_its_sign() -> None:
    """For people only; it is never read."""
    assert format_duration(-1_500_000) == "-1.5s"


@pytest.mark.parametrize(
    ("text", "milli", "units"),
    [
        ("500m", 500, 1),
        ("2", 2000, 2),
        (3, 3000, 3),
        ("1.5", 1500, 2),
        ("1Ki", 1024_000, 1024),
        ("16Gi", 17179869184_000, 17179869184),
        ("1e3", 1_000_000, 1000),
        ("2k", 2_000_000, 2000),
        ("1n", 1, 1),
    ],
)
def test_a_quantity_is_rounded_up(text: str | int, milli: int, units: int) -> None:
    """In thousandths as CPU is counted, in whole units as bytes are."""
    assert (quantity_milli(text), quantity_units(text)) == (milli, units)


@pytest.mark.parametrize("text", ["", "x", "1 Gi", "1gi", "--1", "1e999", "1" * 50, "0x10", "1Gi1"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    """With the text in the message."""
    with pytest.raises(ValueError, match="not a quantity"):
        quantity_units(text)
