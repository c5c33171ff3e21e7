"""A plugin of pytest that tells how each test ended: `-p tests.mutants.witness`, the file in NODESIM_WITNESS.

With NODESIM_WITNESS_FIRST it ends the session at the first failed assertion.

Hypothesis draws the same examples each time and does not shrink what it finds: one failure is enough.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings

import nodesim

FILE = "NODESIM_WITNESS"
FIRST = "NODESIM_WITNESS_FIRST"

_told: list[dict[str, Any]] = []


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Before any test is imported, and after what `tests/conftest.py` sets."""
    settings.register_profile("mutants", database=None, deadline=None, phases=(Phase.explicit, Phase.generate))
    settings.load_profile("mutants")


def _asserted(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):  # Hypothesis found several faults.
        return any(_asserted(each) for each in error.exceptions)
    return isinstance(error, AssertionError | pytest.fail.Exception)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """One line for each test that was called, and for each that could not be."""
    report = yield
    if call.when == "call" or not report.passed:
        error = call.excinfo.value if call.excinfo is not None and report.failed else None
        asserted = error is not None and _asserted(error)
        if asserted and os.environ.get(FIRST):
            item.session.shouldstop = "caught"
        _told.append(
            {
                "test": report.nodeid,
                "outcome": report.outcome,
                "asserted": asserted,
                "text": "" if error is None else f"{type(error).__name__}: {error}"[:2000],
            }
        )
    return report


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """A file that could not be imported."""
    if report.failed:
        told = {"test": report.nodeid, "outcome": "failed", "asserted": False, "text": str(report.longrepr)[-500:]}
        _told.append(told)


def pytest_sessionfinish() -> None:
    """Write what was seen, and which package it was."""
    told = {"package": str(Path(nodesim.__file__).parent.parent), "tests": _told}
    Path(os.environ[FILE]).write_text(json.dumps(told), encoding="utf-8")
