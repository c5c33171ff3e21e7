"""`nodesim validate`: are these scenario files right?"""

from __future__ import annotations

from pathlib import Path

import click

from nodesim.cli.files import scenario_files
from nodesim.errors import ExitCode
from nodesim.scenario.faults import ScenarioError
from nodesim.scenario.load import load_scenario
from nodesim.scenario.unmodelled import brought_by


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
def validate(files: tuple[Path, ...]) -> int:
    """Check scenario FILES (or folders of them) without running anything.

    Names every fault at once, each with file, line and column and a hint.

    \b
    nodesim validate scenarios/partition-evicts.yaml
    nodesim validate scenarios
    """
    code = ExitCode.HELD
    for path in scenario_files(files):
        try:
            scenario = load_scenario(path)
        except ScenarioError as faulty:
            click.echo(str(faulty), err=True)
            code = ExitCode.BAD_INPUT
        else:
            click.echo(f"{path}: fine")
            for kind in brought_by(scenario):
                click.echo(f"{path}: warning: nothing models {kind.text}: its objects are kept as written", err=True)
    return code
