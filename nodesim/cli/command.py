"""Which commands are there, and how does each end?

This is the one place where errors become texts and exit codes (`nodesim.errors.ExitCode`): what a user caused is one or
more lines on stderr; what nodesim caused is a traceback, the replay command and 70.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import entry_points
from typing import Final, cast

import click

from nodesim import __version__
from nodesim.cli.agent import agent
from nodesim.cli.diff import diff
from nodesim.cli.explain import explain_command
from nodesim.cli.hub import hub
from nodesim.cli.run import run
from nodesim.cli.schema import schema
from nodesim.cli.validate import validate
from nodesim.errors import ActorFailed, ExitCode, NodesimError

GROUP: Final = "nodesim.commands"

EPILOG: Final = """\b
Exit codes: 0 all expectations held, 1 one failed, 2 bad usage or file, 3 undecided (the run ended
before a window did), 4 could not be run (or an actor of yours raised), 70 a bug in nodesim,
130 interrupted.
Of several runs the worst counts, in the order 70, 2, 4, 1, 3, 0."""


class Commands(click.Group):
    """Ours, and those that others add by the entry-point group `nodesim.commands`; these are read when asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names."""
        return sorted({*super().list_commands(ctx), *(entry.name for entry in entry_points(group=GROUP))})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name."""
        found = super().get_command(ctx, cmd_name)
        if found is None:
            for entry in entry_points(group=GROUP, name=cmd_name):
                return cast(click.Command, entry.load())
        return found


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]}, epilog=EPILOG)
@click.version_option(__version__, prog_name="nodesim")
def cli() -> None:
    """Emulate the node side of a Kubernetes cluster and the control plane that judges it.

    A scenario file says which nodes there are, what runs on them, what goes wrong and what should come of it;
    nodesim tells what happened when, and why: what the control plane believed and what really ran.
    """


for _command in (run, validate, hub, agent, schema, diff, explain_command):
    cli.add_command(_command)


def run_command(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = cli.main(given, prog_name="nodesim", standalone_mode=False)
    except click.ClickException as wrong:
        wrong.show()
        sys.exit(ExitCode.BAD_INPUT)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        sys.exit(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()  # Whoever read our output has gone; there is nobody left to tell.
        sys.exit(ExitCode.NOT_RUN)
    except SystemExit:
        # click leaves so, with 1, when it finds the pipe closed; 1 would say that an expectation failed.
        sys.exit(ExitCode.NOT_RUN)
    except OSError as failed:
        click.echo(f"nodesim: {failed}", err=True)
        sys.exit(ExitCode.NOT_RUN)
    except NodesimError as failed:
        if failed.exit_code is ExitCode.BUG:
            traceback.print_exception(failed)
        elif isinstance(failed, ActorFailed) and failed.__cause__ is not None:
            traceback.print_exception(failed.__cause__)
        click.echo(f"nodesim: {failed}", err=True)
        if failed.exit_code is not ExitCode.BUG:
            for note in getattr(failed, "__notes__", ()):
                click.echo(f"nodesim: {note}", err=True)
        sys.exit(failed.exit_code)
    except Exception:  # noqa: BLE001 - the edge: whatever escapes here is a bug and must end with its own code
        traceback.print_exc()
        click.echo("nodesim: this is a bug in nodesim; the lines above say where", err=True)
        sys.exit(ExitCode.BUG)
    sys.exit(code if isinstance(code, int) else ExitCode.HELD)
