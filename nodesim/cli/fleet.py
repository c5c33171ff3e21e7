"""How are agents started and ended on this machine, for trying?"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from nodesim.scenario.gathering import Spread, open_transport

Command = TypeVar("Command", bound=Callable[..., Any])

AGENTS_MAX: Final = 64
ENDING_S: Final = 5
"""An agent that has not ended by then is killed."""


def transport_option(text: str, default: str | None = "zeromq") -> Callable[[Command], Command]:
    """The option `--transport`, with its help."""
    return click.option(
        "--transport",
        default=default,
        show_default=default is not None,
        metavar="NAME",
        callback=_between_processes,
        help=text,
    )


def _between_processes(context: click.Context, option: click.Parameter, name: str | None) -> str | None:
    """Refuse the transport that couples places of one process: it reaches no agent."""
    if name == "memory":
        msg = "'memory' ends where its process does, and agents are processes of their own; say zeromq"
        raise click.BadParameter(msg, context, option)
    return name


@contextmanager
def fleet(transport: str, agents: int) -> Iterator[Spread]:
    """Agents as processes of their own for as long as the block lasts.

    They meet the hub at a socket in a folder that only this user can enter.  When the block ends, or this process in
    whatever way, their stdin ends, and so do they.
    """
    open_transport(transport)  # Is there one of this name?
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="nodesim-"))
        address = f"ipc://{Path(folder) / 'hub'}"
        for number in range(1, agents + 1):
            command = [sys.executable, "-m", "nodesim", "agent", "--connect", address, "--transport", transport]
            command += ["--name", f"agent-{number}", "--quiet", "--while-stdin"]
            # A session of its own: Ctrl-C on the terminal is the hub's to hear, and the agents end with it.
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
            )
            stack.callback(_end, process)
        yield Spread(agents=agents, address=address, transport=transport)


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(ENDING_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
