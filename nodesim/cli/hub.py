"""`nodesim hub`: play a scenario whose nodes live in agents, here or on other hosts."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import click

from nodesim.cli.ending import terminate_like_interrupt
from nodesim.cli.fleet import transport_option
from nodesim.cli.playing import Wishes, check_realtime, given_again, load_all, play_one, run_options, spare_inputs
from nodesim.scenario.gathering import Spread
from nodesim.world import spare_the_collector


@click.command()
@click.argument("file", metavar="SCENARIO", type=click.Path(path_type=Path))
@click.option("--listen", required=True, metavar="ADDRESS", help="Where agents connect: tcp://127.0.0.1:7400.")
@click.option("--virtual", is_flag=True, help="In virtual time: the same trace as 'nodesim run'.")
@run_options
@click.option("--agents", type=click.IntRange(1, 1_000), default=1, show_default=True, help="Wait for so many.")
@click.option("--keys", type=click.Path(path_type=Path, file_okay=False), help="Folder with the hub's keys.")
@transport_option("How agents reach the hub.")
def hub(
    file: Path, listen: str, virtual: bool, agents: int, keys: Path | None, transport: str, **options: object
) -> int:
    """Play SCENARIO with its nodes in agents.

    The control plane lives here; each agent (see 'nodesim agent') is the home of some nodes.  Waits until as many
    agents have joined as --agents says and every node has a place.

    \b
    nodesim hub scenarios/partition-evicts.yaml --listen tcp://127.0.0.1:7400 --virtual
    nodesim hub big.yaml --listen tcp://10.0.0.1:7400 --keys keys --agents 4 --realtime 10
    """
    again = given_again(click.get_current_context())
    wishes = Wishes(command="hub", again=again, **cast(dict[str, Any], options))  # click has checked each of them
    if virtual == (wishes.realtime is not None):
        msg = "say one of --virtual (the trace is that of 'nodesim run') and --realtime SPEED"
        raise click.UsageError(msg)
    check_realtime(wishes)
    spare_inputs(wishes, [file])
    scenarios, codes = load_all([file], wishes)
    if codes:
        return codes[0]
    terminate_like_interrupt()
    spare_the_collector()
    spread = Spread(agents=agents, address=listen, transport=transport, keys=keys, say=_say)
    ((path, scenario),) = scenarios
    return play_one(path, scenario, wishes, spread=spread)


def _say(text: str) -> None:
    click.echo(f"hub: {text}", err=True)
