"""The command that a failed run prints repeats that very run: file, seed, and every option that has a part in it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any, Final

import click
import pytest

from nodesim.cli.hub import hub
from nodesim.cli.playing import TELLING, Wishes, given_again
from nodesim.cli.run import run

PLACE: Final = Path("a folder/s.yaml")

RUN: Final[dict[str, tuple[list[str], list[str]]]] = {
    "profile": (["--profile", "v1.24"], ["--profile", "v1.24"]),
    "overrides": (
        ["--set", "spec.duration=5m", "--set", "spec.nodes[0].labels={a: 'b c'}"],
        ["--set", "spec.duration=5m", "--set", "spec.nodes[0].labels={a: 'b c'}"],
    ),
    "heartbeats": (["--heartbeats"], ["--heartbeats"]),
    "realtime": (["--realtime", "60"], ["--realtime", "60"]),
    "transport": (["--transport", "zeromq"], ["--transport", "zeromq"]),
    "agents": (["--transport", "zeromq", "--agents", "4"], ["--transport", "zeromq", "--agents", "4"]),
}
HUB: Final[dict[str, tuple[list[str], list[str]]]] = {
    **{name: RUN[name] for name in ("profile", "overrides", "heartbeats", "realtime", "transport")},
    "listen": ([], []),
    "virtual": (["--virtual"], ["--virtual"]),
    "agents": (["--agents", "4"], ["--agents", "4"]),
    "keys": (["--keys", "my keys"], ["--keys", "my keys"]),
}
"""Option -> what is given, and what stands in the line."""

LISTEN: Final = ["--listen", "tcp://127.0.0.1:7400"]
CASES: Final = [
    *((run, [], name, *case) for name, case in RUN.items()),
    *((hub, LISTEN, name, *case) for name, case in HUB.items()),
]


def parsed(command: click.Command, arguments: list[str]) -> click.Context:
    """What click makes of these arguments."""
    return command.make_context(command.name, list(arguments))


def replay(context: click.Context, path: Path, seed: int) -> list[str]:
    """The words of the line."""
    options = {name: item for name, item in context.params.items() if name in _WISHED}
    assert context.command.name is not None
    wishes = Wishes(command=context.command.name, again=given_again(context), **options)
    return shlex.split(wishes.replay(path, seed))


_WISHED: Final = (
    "seed",
    "seeds",
    "profile",
    "overrides",
    "trace",
    "as_json",
    "quiet",
    "check",
    "realtime",
    "heartbeats",
)


@pytest.mark.parametrize(("command", "needed", "name", "given", "line"), CASES, ids=lambda part: str(part)[:30])
def test_each_option_that_has_a_part_in_a_run_stands_in_the_line(
    command: click.Command, needed: list[str], name: str, given: list[str], line: list[str]
) -> None:
    """As it was given, and so that the command takes it again for the same."""
    first = parsed(command, [str(PLACE), *needed, *given])
    words = replay(first, PLACE, 7)
    assert words == ["nodesim", command.name, str(PLACE), "--seed", "7", *sorted_as(command, [*needed, *line])]
    again = parsed(command, words[2:])
    different = {key for key in first.params if first.params[key] != again.params[key]}
    assert different <= {"seed"}
    assert again.params[name] is not None


def sorted_as(command: click.Command, words: list[str]) -> list[str]:
    """Options in the order in which the command lists them."""
    places = [option.opts[0] for option in command.params]
    groups: list[list[str]] = []
    for word in words:
        if word in places:
            groups.append([word])
        else:
            groups[-1].append(word)
    return [word for group in sorted(groups, key=lambda group: places.index(group[0])) for word in group]


@pytest.mark.parametrize(("command", "table"), [(run, RUN), (hub, HUB)], ids=["run", "hub"])
def test_a_new_option_must_say_whether_it_has_a_part_in_the_run(command: click.Command, table: dict[str, Any]) -> None:
    """Each stands in the table above, or among those that only say what is told."""
    options = {option.name for option in command.params if isinstance(option, click.Option)}
    assert options - set(TELLING) == set(table)


def test_what_only_says_how_a_run_is_told_is_left_out() -> None:
    """One run of many, with another seed and a trace, is repeated by its file and seed alone."""
    given = ["--seed", "3", "--seeds", "9", "--trace", "t", "--json", "-q", "--check-determinism"]
    assert replay(parsed(run, ["s.yaml", *given]), Path("s.yaml"), 11) == ["nodesim", "run", "s.yaml", "--seed", "11"]


@pytest.mark.parametrize(
    ("given", "written"), [("0.1", "0.1"), ("60.0", "60"), ("1234.5678", "1234.5678"), ("1e5", "100000")]
)
def test_a_speed_is_written_without_loss(given: str, written: str) -> None:
    """Not rounded to a few digits."""
    words = replay(parsed(run, ["s.yaml", "--realtime", given]), Path("s.yaml"), 0)
    assert words[-1] == written


def test_a_file_whose_name_looks_like_an_option_is_still_a_file() -> None:
    """`-x.yaml` is given as `./-x.yaml`."""
    words = replay(parsed(run, ["--", "-x.yaml"]), Path("-x.yaml"), 0)
    assert parsed(run, words[2:]).params["files"] == (Path("./-x.yaml"),)
