"""`nodesim keys`: who may be an agent (entry-point group `nodesim.commands`)."""

from __future__ import annotations

from pathlib import Path

import click

from transports.zeromq.keys import KeyFolder

FOLDER = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))


@click.group()
def keys() -> None:
    """Make and revoke the keys of hubs and agents.

    Needed where agents are on other hosts; see docs/multi-host.md.
    """


@keys.command()
@FOLDER
def init(folder: Path) -> None:
    """Make DIR with the hub's pair of keys."""
    public = KeyFolder(folder).init()
    click.echo(f"{public}: the hub's public key; every agent needs a copy")
    click.echo(f"{public.with_suffix('.key_secret')}: its secret; it stays on the hub's host")


@keys.command()
@FOLDER
@click.argument("name")
def add(folder: Path, name: str) -> None:
    """Make a pair of keys for the agent NAME, and allow it."""
    secret = KeyFolder(folder).add(name)
    click.echo(f"{name} is allowed from now on; carry these to its host and delete the secret here:")
    click.echo(f"{secret}")
    click.echo(f"{folder / 'hub.key'}")


@keys.command("list")
@FOLDER
def list_(folder: Path) -> None:
    """Print which agents are allowed, and their public keys."""
    for name, public in KeyFolder(folder).allowed().items():
        click.echo(f"{name}  {public}")


@keys.command()
@FOLDER
@click.argument("name")
def revoke(folder: Path, name: str) -> None:
    """Do not let the agent NAME connect any more (what is connected stays until its link ends)."""
    KeyFolder(folder).revoke(name)
    click.echo(f"{name} is not allowed any more")
