"""How is one run played and told?  What `nodesim run` and `nodesim hub` share."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import attrs
import click
from click.core import ParameterSource
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from nodesim.cli.determinism import compare_fresh_runs
from nodesim.cli.live import Follow
from nodesim.cli.report import print_head, print_report, report_console
from nodesim.errors import ActorFailed, ActorStuck, ExitCode, NotRunnable
from nodesim.profiles import PROFILES
from nodesim.scenario.faults import ScenarioError
from nodesim.scenario.gathering import Spread
from nodesim.scenario.load import load_scenario
from nodesim.scenario.options import RunOptions
from nodesim.scenario.runner import Run
from nodesim.spec import Scenario
from nodesim.units import SECOND

SPEED_MIN, SPEED_MAX = 0.001, 100_000.0
"""Real time is at most slowed down a thousand times; beyond the upper bound no computer keeps up."""

TELLING: Final = ("seed", "seeds", "trace", "as_json", "quiet", "check")
"""Options that do not belong into the command that repeats one run, whose seed is known: they say how many there are
and what is told of them.  Whatever else is given does belong there."""

C = TypeVar("C", bound=Callable[..., Any])


@attrs.frozen(kw_only=True)
class Wishes:
    """The options of the command."""

    seed: int | None
    seeds: int = 1
    profile: str | None
    overrides: tuple[str, ...]
    trace: Path | None
    as_json: bool
    quiet: bool
    check: bool = False
    realtime: float | None
    heartbeats: bool

    command: str
    """Its name: `run` or `hub`."""
    again: tuple[str, ...]
    """See `given_again`."""

    def arguments(self, path: Path, seed: int) -> list[str]:
        """The arguments that make this run again."""
        file = f"./{path}" if str(path).startswith("-") else str(path)
        return [file, "--seed", str(seed), *self.again]

    def replay(self, path: Path, seed: int) -> str:
        """The command line that makes this run again."""
        return shlex.join(["nodesim", self.command, *self.arguments(path, seed)])


def given_again(context: click.Context) -> tuple[str, ...]:
    """The options that were given, as they are written, but the seed and those that only say how a run is told."""
    made: list[str] = []
    for option in context.command.params:
        name = option.name or ""
        given = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if not given or name in TELLING or not isinstance(option, click.Option):
            continue
        value = context.params[name]
        for item in value if option.multiple else (value,):
            made += [option.opts[0]] if option.is_flag else [option.opts[0], _written(item)]
    return tuple(made)


def _written(item: object) -> str:
    return f"{item:g}" if isinstance(item, float) and float(f"{item:g}") == item else str(item)


def run_options(command: C) -> C:
    """The options of every command that plays scenarios; they arrive as the attributes of `Wishes`."""
    for option in reversed(
        (
            click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Overrides spec.seed."),
            click.option("--profile", type=click.Choice(sorted(PROFILES)), help="Overrides spec.profile."),
            click.option(
                "--set", "overrides", multiple=True, metavar="PATH=VALUE", help="Override a value: spec.duration=5m."
            ),
            click.option(
                "--trace", type=click.Path(path_type=Path, dir_okay=False), help="Write the trace (JSON lines) here."
            ),
            click.option("--json", "as_json", is_flag=True, help="Print one JSON document a run, one a line."),
            click.option("-q", "--quiet", is_flag=True, help="Print only what failed."),
            click.option("--heartbeats", is_flag=True, help="Record lease renewals, too."),
            click.option(
                "--realtime", type=float, metavar="SPEED", help="In real time, SPEED times as fast (1: as it is)."
            ),
        )
    ):
        command = option(command)
    return command


def check_realtime(wishes: Wishes) -> None:
    """What does not go together with real time."""
    if wishes.realtime is None:
        return
    if not SPEED_MIN <= wishes.realtime <= SPEED_MAX:
        msg = f"--realtime takes a speed from {SPEED_MIN:g} to {SPEED_MAX:g}, got {wishes.realtime:g}"
        raise click.UsageError(msg)
    if wishes.check:
        msg = "--check-determinism is about virtual time: two runs in real time are never the same"
        raise click.UsageError(msg)


def spare_inputs(wishes: Wishes, paths: Sequence[Path]) -> None:
    """A trace must not be written over the scenario that makes it."""
    for path in paths:
        if wishes.trace is not None and wishes.trace.exists() and path.exists() and path.samefile(wishes.trace):
            msg = f"--trace {wishes.trace} would overwrite the scenario; name another file"
            raise click.UsageError(msg)


def load_all(paths: Sequence[Path], wishes: Wishes) -> tuple[list[tuple[Path, Scenario]], list[ExitCode]]:
    """All files read; with any fault, nothing runs."""
    scenarios: list[tuple[Path, Scenario]] = []
    codes: list[ExitCode] = []
    for path in paths:
        try:
            scenarios.append((path, load_scenario(path, wishes.overrides, seed=wishes.seed, profile=wishes.profile)))
        except ScenarioError as faulty:
            click.echo(str(faulty), err=True)
            codes.append(ExitCode.BAD_INPUT)
    return scenarios, codes


def play_one(path: Path, scenario: Scenario, wishes: Wishes, place: str = "", spread: Spread | None = None) -> ExitCode:
    """One run, told; `place` says which of several it is, `spread` over which agents it goes."""
    replay = wishes.replay(path, scenario.seed)
    options = RunOptions(record_heartbeats=wishes.heartbeats, realtime=wishes.realtime or 0)
    made = Run(scenario, options, spread=spread)
    told = False
    try:
        if wishes.realtime is not None:
            told = _live(made, wishes)
        else:
            _virtual(made, wishes, place)
        result = made.result()
    except KeyboardInterrupt:
        click.echo(f"interrupted at {made.now_us / SECOND:.3f} s of {scenario.duration_us / SECOND:g} s", err=True)
        raise
    except Exception as failed:
        if isinstance(failed, ActorFailed | ActorStuck) or not isinstance(failed, NotRunnable | OSError):
            failed.add_note(f"replay: {replay}")
        raise
    for warning in result.warnings:
        click.echo(f"warning: {warning}", err=True)
    if wishes.as_json:
        click.echo(json.dumps(result.document(), sort_keys=False))
    else:
        print_report(result, replay, quiet=wishes.quiet, told=told)
    if not wishes.check:
        return result.exit_code
    difference = compare_fresh_runs(wishes.arguments(path, scenario.seed))
    if difference is None:
        click.echo(f"deterministic: two fresh processes wrote the same trace, {result.digest}", err=True)
        return result.exit_code
    click.echo(f"NOT deterministic: {difference}", err=True)
    return ExitCode.BUG


def _virtual(made: Run, wishes: Wishes, place: str) -> None:
    """Play in virtual time; whatever comes, the trace is written as far as the run came."""
    with ExitStack() as stack:
        follow = stack.enter_context(Follow(made, wishes.trace, None)) if wishes.trace is not None else None
        progress = stack.enter_context(_progress(made.scenario, place, quiet=wishes.quiet))
        made.play(progress, follow)


def _live(made: Run, wishes: Wishes) -> bool:
    """Play in real time; the trace is written line by line.  True: the story was told on the way."""
    tell = not (wishes.quiet or wishes.as_json)
    console = report_console() if tell else None
    if console is not None:
        print_head(console, made.scenario)
        console.print()
    with Follow(made, wishes.trace, console) as follow:
        made.play(sink=follow)
    return tell


class _Bar:
    """Feeds a progress bar with the time of the run."""

    def __init__(self, progress: Progress, scenario: Scenario, place: str) -> None:
        self._progress = progress
        self._task = progress.add_task(f"{scenario.name} seed {scenario.seed}{place}", total=scenario.duration_us)

    def __call__(self, now_us: int) -> None:
        """The run has come this far."""
        self._progress.update(self._task, completed=now_us)


@contextmanager
def _progress(scenario: Scenario, place: str, *, quiet: bool) -> Iterator[_Bar | None]:
    """A bar on stderr for people who watch, gone when the run is over; nothing for files, pipes and one quiet run."""
    console = Console(stderr=True)
    if (quiet and not place) or not console.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, console=console, transient=True) as progress:
        yield _Bar(progress, scenario, place)
