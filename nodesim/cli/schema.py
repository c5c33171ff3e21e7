"""`nodesim schema`: the JSON Schema of scenario files."""

from __future__ import annotations

import json

import click

from nodesim.errors import ExitCode
from nodesim.scenario.schema import scenario_schema


@click.command()
def schema() -> int:
    """Print the JSON Schema of scenario files, for editors and other tools.

    It sees the form of a file; whether names and times fit together only `nodesim validate` can tell.

    \b
    nodesim schema > scenario.schema.json
    # and as the first line of a scenario:
    # yaml-language-server: $schema=scenario.schema.json
    """
    click.echo(json.dumps(scenario_schema(), indent=2))
    return ExitCode.HELD
