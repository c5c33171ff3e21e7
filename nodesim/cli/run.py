"""`nodesim run`: play scenario files and tell what came of them."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any, cast

import attrs
import click

from nodesim.cli.files import scenario_files
from nodesim.cli.fleet import AGENTS_MAX, fleet, transport_option
from nodesim.cli.playing import Wishes, check_realtime, given_again, load_all, play_one, run_options, spare_inputs
from nodesim.errors import WORST_FIRST, ExitCode
from nodesim.world import spare_the_collector


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@run_options
@click.option("--seeds", type=click.IntRange(1, 1_000_000), default=1, help="Run this many seeds, from --seed on.")
@click.option("--check-determinism", "check", is_flag=True, help="Run twice in fresh processes, compare the traces.")
@transport_option("Put the nodes into agents, processes reached by this: zeromq.", default=None)
@click.option("--agents", type=click.IntRange(1, AGENTS_MAX), help="With --transport: how many (2).")
def run(files: tuple[Path, ...], transport: str | None, agents: int | None, **options: object) -> int:
    """Run scenario FILES (or folders of them), or `demo`, which comes with nodesim.

    Prints what happened, when and why, the ledger (how long belief and truth differed) and the verdict on each
    expectation.  Every fault of a file is named before anything runs.

    \b
    nodesim run demo
    nodesim run scenarios/partition-evicts.yaml
    nodesim run scenarios --profile v1.24 --seeds 20 --json
    nodesim run scenarios/partition-evicts.yaml --realtime 60
    nodesim run scenarios/partition-evicts.yaml --transport zeromq --agents 4
    """
    again = given_again(click.get_current_context())
    wishes = Wishes(command="run", again=again, **cast(dict[str, Any], options))  # click has checked each of them
    paths = scenario_files(files)
    if wishes.trace is not None and (len(paths) > 1 or wishes.seeds > 1):
        msg = "--trace takes one run: one file and one seed"
        raise click.UsageError(msg)
    spare_inputs(wishes, paths)
    if agents is not None and transport is None:
        msg = "--agents needs --transport, such as --transport zeromq"
        raise click.UsageError(msg)
    check_realtime(wishes)
    scenarios, codes = load_all(paths, wishes)
    if not codes:
        spare_the_collector()
        total = len(scenarios) * wishes.seeds
        with fleet(transport, agents or 2) if transport else nullcontext() as spread:
            for path, scenario in scenarios:
                for seed in range(scenario.seed, scenario.seed + wishes.seeds):
                    place = f" ({len(codes) + 1} of {total})" if total > 1 else ""
                    codes.append(play_one(path, attrs.evolve(scenario, seed=seed), wishes, place, spread))
    return next((code for code in WORST_FIRST if code in codes), ExitCode.HELD)
