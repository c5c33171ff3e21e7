"""Which scenario files does a user mean?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

import nodesim
from nodesim.errors import NotRunnable

_IS_SCENARIO: Final = re.compile(rb"^kind:\s*[\"']?Scenario\b", re.MULTILINE)


DEMO: Final = Path("demo")
"""The word that means the scenario that comes with nodesim, unless there is a file or folder of that name."""

_DEMO_FILE: Final = "partition-evicts.yaml"


def scenario_files(given: Sequence[Path]) -> list[Path]:
    """The files as given; of a folder, in order of name, every `.yaml` or `.yml` below it that is a Scenario.

    Raises:
        click.UsageError: a folder without any scenario.
    """
    files: list[Path] = []
    for path in given:
        if path == DEMO:
            if not path.exists():
                files.append(demo_file())
                continue
            click.echo("note: 'demo' is taken as the one in this folder, not as the demo of nodesim", err=True)
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


def demo_file() -> Path:
    """The flagship scenario: in the package where nodesim was installed, beside it in a checkout.

    Raises:
        NotRunnable: this nodesim came without it.
    """
    package = Path(nodesim.__file__).parent
    for folder in (package / "demo", package.parent / "scenarios"):
        if (folder / _DEMO_FILE).is_file():
            return folder / _DEMO_FILE
    msg = f"the demo did not come with this installation ({package}); run a scenario file of your own"
    raise NotRunnable(msg)
