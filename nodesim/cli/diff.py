"""`nodesim diff`: where do two traces part?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import click

from nodesim.cli.traces import open_trace, refuse_torn
from nodesim.errors import ExitCode
from nodesim.trace.difference import Comparison, Parting, compare_headers, compare_records
from nodesim.trace.records import TraceRecord, canonical
from nodesim.trace.sentences import instant, told


@click.command()
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
def diff(first: Path, second: Path) -> int:
    """Compare the traces FIRST and SECOND (files that `nodesim run --trace` wrote).

    Shows the first difference with what stands around it, then which kinds of records there are more or fewer of.
    Ends with 0 if the traces are the same, 1 if they differ, 2 if a file is no trace.

    \b
    nodesim run flap.yaml --seed 1 --trace a.jsonl
    nodesim run flap.yaml --seed 2 --trace b.jsonl
    nodesim diff a.jsonl b.jsonl
    """
    with open_trace(first) as one, open_trace(second) as other:
        found = attrs.evolve(compare_records(one, other), header=compare_headers(one.header, other.header))
        refuse_torn(one)
        refuse_torn(other)
    if found.same:
        click.echo(f"the traces are the same: {found.first.total():,} records")
    else:
        _print(found)
    for reading in (one, other):
        if not reading.complete:
            click.echo(f"note: {reading.name} ends before its run did; that run was interrupted", err=True)
    return ExitCode.HELD if found.same else ExitCode.FAILED


def _print(found: Comparison) -> None:
    for key, one, other in found.header:
        click.echo(f"header: {key} is {_plain(one)} in the first and {_plain(other)} in the second")
    if found.parting is None:
        click.echo(f"all {found.first.total():,} records are the same")
        return
    _print_parting(found.parting)
    kinds = found.kinds()
    total = ("all", found.first.total(), found.second.total())
    if not kinds:
        click.echo(f"\nboth have the same number of records of each kind, {total[1]:,} in all")
        return
    width = max(len(kind) for kind, _, _ in kinds)
    click.echo(f"\n{'records':{width}}  {'first':>9}  {'second':>9}")
    for kind, one_many, other_many in (*kinds, total):
        click.echo(f"{kind:{width}}  {one_many:9,}  {other_many:9,}")


def _print_parting(parting: Parting) -> None:
    number = parting.number
    same = "no record is" if number == 1 else f"the first {number - 1:,} records are"
    click.echo(f"{same} the same; they part at line {number + 1:,}")
    for record in parting.before:
        click.echo(f"    {_line(record)}")
    for mark, records in (("-", parting.first), ("+", parting.second)):
        for record in records:
            click.echo(f"  {mark} {_line(record)}")
        if not records:
            click.echo(f"  {mark} (the trace has ended)")
    if parting.fields:
        click.echo(f"what differs in the first of them: {', '.join(parting.fields)}")
        for mark, records in (("-", parting.first), ("+", parting.second)):
            click.echo(f"  {mark} cause {records[0].cause or 'none'}, fields {canonical(records[0].fields)}")


def _line(record: TraceRecord) -> str:
    return f"{instant(record.t_us):>12}  {told(record)}"


def _plain(item: Any) -> str:
    return "not there" if item is None else canonical(item)
