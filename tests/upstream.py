"""Cases of Kubernetes' own unit tests, as data: each by its upstream name, or by section and index.

`test_upstream.py` reads the calls of these functions in the tests' source, and holds that every case is played.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

FILE: Final = Path(__file__).parent / "data" / "upstream-cases.yaml"


@cache
def _read() -> Any:
    return yaml.safe_load(FILE.read_text(encoding="utf-8"))


def section(*path: str | int) -> Any:
    """What stands under these keys and indices."""
    found = _read()
    for key in path:
        found = found[key]
    return found


def chosen(case: dict[str, Any], having: str, but: str) -> bool:
    """Does a table that asks for a key, or for all but one name, have this case?"""
    return (not having or having in case) and (not but or case.get("name") != but)


def table(*path: str, having: str = "", but: str = "") -> pytest.MarkDecorator:
    """Parametrise `case` over a section, or those of it with a key, or all but one name.

    The ids are upstream names, or section and index.
    """
    last = next(key for key in reversed(path) if key != "cases")
    rows = [
        pytest.param(case, id=f"{last}/{case.get('name') or index}")
        for index, case in enumerate(section(*path))
        if chosen(case, having, but)
    ]
    return pytest.mark.parametrize("case", rows)
