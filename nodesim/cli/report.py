"""How is a finished run told to a person?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from nodesim.expect import Verdict
from nodesim.scenario.result import RealTime, RunResult
from nodesim.spec import Scenario
from nodesim.trace.causes import chain_lines
from nodesim.trace.sentences import instant
from nodesim.trace.story import StoryRow, story
from nodesim.units import MILLISECOND, format_duration

FIGURES_MAX: Final = 8
"""Entries of one ledger key that are printed; the JSON document has them all."""

WIDTH_ELSEWHERE: Final = 140
"""Columns of a table that goes into a file or a pipe."""

_MARKS: Final = {True: ("held", "green"), False: ("FAILED", "bold red"), None: ("undecided", "yellow")}


def report_console() -> Console:
    """Where reports go: stdout."""
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = WIDTH_ELSEWHERE
    return console


def print_report(result: RunResult, replay: str, *, quiet: bool, told: bool = False) -> None:
    """The story, the ledger, the verdicts, the digest; with `quiet` only what did not hold.

    `told`: the head and the story were printed while the run went on.
    """
    console = report_console()
    if not quiet:
        if not told:
            print_head(console, result.scenario)
            _print_story(console, result)
        _print_ledger(console, result.ledger.to_json())
    _print_verdicts(console, result, replay, quiet=quiet)
    if not quiet:
        counts = result.counts
        console.print(
            f"\n{counts['messages']:,} messages, {counts['renewals']:,} lease renewals, "
            f"{len(result.records):,} records in {result.wall_seconds:.2f} s\ndigest {result.digest}",
            style="dim",
        )
    if result.realtime is not None and not (quiet and result.realtime.in_time):
        _print_lag(console, result.realtime)


def _print_lag(console: Console, real: RealTime) -> None:
    """How well real time was kept."""
    late_ms = real.worst_us / real.speed / MILLISECOND
    slack_ms = real.slack_us / real.speed / MILLISECOND
    late = f"{late_ms:.0f} ms ({instant(real.worst_us)} of the run)"
    what = f"real time at speed {real.speed:g}: nothing was later than {late}"
    if real.in_time:
        console.print(what, style="dim")
    else:
        hint = f"; that is more than realtimeSlack ({slack_ms:.0f} ms), and the verdicts rest on it: take a lower speed"
        console.print(Text(what + hint, style="yellow"))


def row_text(row: StoryRow) -> Text:
    """A row of the story by itself."""
    line = Text(f"{format_duration(row.t_us // 1000 * 1000):>12}  ")
    line.append(f"{row.object}  " if row.object else "")
    line.append(row.what)
    return line.append(f"  {row.why}", style="dim") if row.why else line


def print_head(console: Console, scenario: Scenario) -> None:
    """Which scenario this is."""
    console.print(Text(scenario.name, style="bold"), end="")
    length = format_duration(scenario.duration_us)
    console.print(f"  ({len(scenario.nodes)} nodes, {length}, profile {scenario.profile}, seed {scenario.seed})")
    if scenario.description:
        console.print(scenario.description.strip(), markup=False)


def _print_story(console: Console, result: RunResult) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("time", justify="right", no_wrap=True)
    table.add_column("object", no_wrap=True)
    table.add_column("what", overflow="fold")
    table.add_column("why", style="dim", overflow="fold")
    for row in story(result.records, evidence=result.evidence):
        table.add_row(format_duration(row.t_us // 1000 * 1000), Text(row.object), Text(row.what), Text(row.why))
    console.print()
    console.print(table)


def _print_ledger(console: Console, ledger: Mapping[str, Any]) -> None:
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column("key", no_wrap=True)
    table.add_column("figures")
    for key, figures in ledger.items():
        if key != "pods":
            table.add_row(key, Text(_figures(figures)))
    console.print("\nFor how long belief and truth differed (seconds)", style="bold")
    console.print(table)


def _figures(figures: object) -> str:
    if not isinstance(figures, Mapping):
        return str(figures)
    if not figures:
        return "none"
    shown = [f"{name} {_figure(value)}" for name, value in list(figures.items())[:FIGURES_MAX]]
    more = len(figures) - len(shown)
    return ", ".join(shown) + (f", and {more} more" if more else "")


def _figure(value: object) -> str:
    if isinstance(value, list):
        return "/".join(_figure(item) for item in value)
    return "never" if value is None else str(value)


def _print_verdicts(console: Console, result: RunResult, replay: str, *, quiet: bool) -> None:
    if result.verdicts and not quiet:
        console.print("\nExpectations", style="bold")
    for verdict in result.verdicts:
        if quiet and verdict.ok:
            continue
        mark, style = _MARKS[verdict.ok]
        console.print(Text(f"{mark:9} ", style=style) + Text(verdict.text))
        if not verdict.ok:
            _print_reason(console, result, verdict)
    if any(not verdict.ok for verdict in result.verdicts):
        console.print(Text(f"  replay: {replay}"))


def _print_reason(console: Console, result: RunResult, verdict: Verdict) -> None:
    console.print(Text(f"          {verdict.why}"))
    for line in chain_lines(result.records, verdict.record):
        console.print(Text(f"            {line}", style="dim"))
