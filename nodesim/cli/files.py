"""Which scenario files does a user mean?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

_IS_SCENARIO: Final = re.compile(rb"^kind:\s*[\"']?Scenario\b", re.MULTILINE)


def scenario_files(given: Sequence[Path]) -> list[Path]:
    """The files as given; of a folder, in order of name, every `.yaml` or `.yml` below it that is a Scenario.

    Raises:
        click.UsageError: a folder without any scenario.
    """
    files: list[Path] = []
    for path in given:
        if not path.is_dir():
            files.append(path)
            continue
        inside = sorted(item for ending in ("*.yaml", "*.yml") for item in path.rglob(ending) if item.is_file())
        scenarios = [item for item in inside if _IS_SCENARIO.search(item.read_bytes())]
        if not scenarios:
            msg = f"{path}: no scenario in this folder (files *.yaml with 'kind: Scenario')"
            raise click.UsageError(msg)
        files += scenarios
    return files
