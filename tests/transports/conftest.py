"""No process outlives the test that started it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.transports.processes import none_left


@pytest.fixture(autouse=True)
def _none_left() -> Iterator[None]:
    with none_left():
        yield
