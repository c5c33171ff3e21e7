"""`nodesim agent`: be the home of nodes for a hub."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import click
import trio

from nodesim.cli.ending import terminate_like_interrupt
from nodesim.cli.fleet import transport_option
from nodesim.errors import ExitCode, single_error
from nodesim.scenario.agent import Agent
from nodesim.scenario.gathering import open_transport
from nodesim.world import spare_the_collector


@click.command()
@click.option("--connect", required=True, metavar="ADDRESS", help="Where the hub listens: tcp://127.0.0.1:7400.")
@click.option("--name", required=True, help="This agent's name; with keys, that of its key.")
@click.option("--nodes", "claims", multiple=True, metavar="PATTERN", help="Nodes it wants: 'worker-[0-499]'.")
@click.option("--keys", type=click.Path(path_type=Path, file_okay=False), help="Folder with this agent's keys.")
@transport_option("How to reach the hub.")
@click.option("--once", is_flag=True, help="End after one run instead of waiting for the next hub.")
@click.option("-q", "--quiet", is_flag=True, help="Say only what went wrong.")
@click.option("--while-stdin", is_flag=True, hidden=True, help="End when stdin does.")
def agent(
    connect: str,
    name: str,
    claims: tuple[str, ...],
    keys: Path | None,
    transport: str,
    once: bool,
    quiet: bool,
    while_stdin: bool,
) -> int:
    """Be the home of some of a scenario's nodes.

    Joins the hub, gets the scenario and its nodes from it, and serves until it is stopped; a hub that is not there yet,
    or not any more, is waited for.

    \b
    nodesim agent --connect tcp://127.0.0.1:7400 --name a1
    nodesim agent --connect tcp://10.0.0.1:7400 --name a1 --keys keys --nodes 'worker-[0-499]'
    """
    if not name.strip():
        msg = "--name is empty: give this agent a name, such as a1"
        raise click.UsageError(msg)
    terminate_like_interrupt()
    say = (lambda _: None) if quiet else _say
    opened = partial(open_transport, transport, keys=keys, log=say)
    made = Agent(lambda in_turns: opened(in_turns=in_turns), connect, name, claims, once, say)
    spare_the_collector()
    try:
        trio.run(_live, made, while_stdin)
    except BaseExceptionGroup as group:
        error = single_error(group)
        raise error from error.__cause__
    return ExitCode.HELD


async def _live(made: Agent, while_stdin: bool) -> None:
    async with trio.open_nursery() as nursery:
        if while_stdin:
            nursery.start_soon(_end_with_stdin, nursery.cancel_scope)
        await made.live()
        nursery.cancel_scope.cancel()


async def _end_with_stdin(scope: trio.CancelScope) -> None:
    await trio.lowlevel.wait_readable(sys.stdin)
    scope.cancel()


def _say(text: str) -> None:
    click.echo(text, err=True)
