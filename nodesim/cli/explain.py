"""`nodesim explain`: why did that happen to this object?"""

from __future__ import annotations

from pathlib import Path

import click

from nodesim.cli.traces import open_trace
from nodesim.errors import ExitCode
from nodesim.trace.evidence import Evidence
from nodesim.trace.explain import Happening, explain, near_objects, objects_named
from nodesim.trace.sentences import instant, sentence, told

NAMES_MAX = 20
"""Of several objects of one name so many are listed."""


@click.command("explain")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("name", metavar="OBJECT")
def explain_command(file: Path, name: str) -> int:
    """Tell what happened to OBJECT in a trace FILE, and why.

    OBJECT is a name as in `Pod/default/web-0`, `pod/web-0` or `web-0`.  Under each thing that happened stands what led
    to it, back to its root; `(inferred)` where no record names the cause but the records' meaning does.

    \b
    nodesim run flap.yaml --trace flap.jsonl
    nodesim explain flap.jsonl pod/lonely
    """
    with open_trace(file) as reading:
        records = list(reading)
    evidence = Evidence(records)
    named = objects_named(evidence, name)
    if len(named) != 1:
        raise click.UsageError(_not_one(evidence, name, named))
    header = reading.header
    click.echo(f"{named[0]}  ({header['scenario']}, profile {header['profile']}, seed {header['seed']})\n")
    for happening in explain(evidence, named[0]):
        _print(happening)
    if not reading.complete:
        click.echo(f"note: the trace ends before its run did, at {instant(evidence.duration_us)}", err=True)
    return ExitCode.HELD


def _print(happening: Happening) -> None:
    record = happening.record
    click.echo(f"{instant(record.t_us):>12}  {sentence(record)}  ({record.id})")
    for reason in happening.reasons:
        said = f"{reason.record.id}, as above" if reason.told else told(reason.record)
        mark = " (inferred)" if reason.inferred else ""
        click.echo(f"{'':14}  because at {instant(reason.record.t_us)}: {said}{mark}")


def _not_one(evidence: Evidence, name: str, named: list[str]) -> str:
    if named:
        more = f" and {len(named) - NAMES_MAX} more" if len(named) > NAMES_MAX else ""
        return f"{name!r} may mean {', '.join(named[:NAMES_MAX])}{more}; name one of them"
    near = near_objects(evidence, name)
    hint = f"; did you mean {' or '.join(near[:NAMES_MAX])}?" if near else ""
    return f"nothing in this trace is about {name!r}{hint}"
