"""How are the tests run: with how much patience, and how dealt out to several processes?

A machine that is slow, or does other work besides, is no fault of what is tested: hypothesis does not ask for the time.
With `pytest -n auto --dist loadgroup` all tests that start processes and look at the real clock stay together, one
after another, so that at most one of them runs at a time; the others go wherever there is room.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, settings

TOGETHER: Final = ("transports", "cli")
"""Folders of such tests, those that take longest first."""


settings.register_profile("patient", settings(), suppress_health_check=[HealthCheck.too_slow], deadline=None)
settings.load_profile("patient")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Group each of these folders, and begin with them."""
    if not config.pluginmanager.has_plugin("xdist"):
        return
    here = Path(__file__).parent

    def folder(item: pytest.Item) -> str:
        return item.path.relative_to(here).parts[0] if item.path.is_relative_to(here) else ""

    for item in items:
        if folder(item) in TOGETHER:
            item.add_marker(pytest.mark.xdist_group(folder(item)))
    items.sort(key=lambda item: TOGETHER.index(folder(item)) if folder(item) in TOGETHER else len(TOGETHER))
