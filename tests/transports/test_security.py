"""Who may talk to a hub that has keys: the agents that were allowed, under their own names, and nobody else."""

from __future__ import annotations

import secrets
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from click.testing import CliRunner

from nodesim.errors import ExitCode, NotRunnable
from nodesim.world.transport import HUB, Joined, Left, Refused
from transports.conformance import Hearing, TransportConformance
from transports.zeromq import ZeroMqTransport
from transports.zeromq.addresses import check
from transports.zeromq.commands import keys as keys_command
from transports.zeromq.keys import KeyFolder

ANY = "tcp://127.0.0.1:*"


@pytest.fixture(name="hub_keys")
def _hub_keys(tmp_path: Path) -> KeyFolder:
    """A hub's folder with two agents."""
    folder = KeyFolder(tmp_path / "hub")
    folder.init()
    folder.add("a")
    folder.add("b")
    return folder


def carried(keys: KeyFolder, name: str, to: Path) -> Path:
    """What a person carries to an agent's host."""
    to.mkdir(mode=0o700)
    for file in ("hub.key", f"{name}.key_secret"):
        shutil.copy(keys.folder / file, to / file)
    return to


class Stage:
    """A hub with keys, in real time."""

    def __init__(self, keys: KeyFolder) -> None:
        self.said: list[str] = []
        self.hearing = Hearing()
        self._transport = ZeroMqTransport(keys=keys.folder, in_turns=False, log=self.said.append)

    @asynccontextmanager
    async def hub(self) -> AsyncIterator[str]:
        """Its address."""
        async with self._transport.hub(ANY) as hub:
            self.end = hub
            self.hearing.ends.append(hub)
            yield hub.address

    @asynccontextmanager
    async def agent(self, address: str, name: str, keys: Path | None) -> AsyncIterator[None]:
        """An agent that is let in."""
        async with ZeroMqTransport(keys=keys, in_turns=False).agent(address, name) as end:
            self.hearing.ends.append(end)
            await self.hearing.until(lambda: bool(self.hearing.some(end, Joined, HUB)))
            await self.hearing.until(lambda: bool(self.hearing.some(self.end, Joined, name)))
            yield
            self.hearing.ends.remove(end)

    async def refused(self, address: str, name: str, keys: Path | None) -> str:
        """An agent that is not let in: what it is told."""
        async with ZeroMqTransport(keys=keys, in_turns=False).agent(address, name) as end:
            with trio.fail_after(10):
                while True:
                    await self.hearing.look()
                    with trio.move_on_after(0.01):
                        await end.wait()
                        try:
                            assert end.fetch() == []
                        except Refused as refused:
                            return str(refused)


def play(story: Callable[[], object]) -> None:
    """Run it."""
    trio.run(story)


@pytest.mark.slow
def test_only_who_was_allowed_is_let_in_and_nobody_else_is_disturbed(hub_keys: KeyFolder, tmp_path: Path) -> None:
    """Without keys, with a key of one's own making, with another's name, with another hub's key: each is told why."""
    stranger = KeyFolder(tmp_path / "stranger")
    stranger.init()
    stranger.add("a")
    a = carried(hub_keys, "a", tmp_path / "on-a")
    b = carried(hub_keys, "b", tmp_path / "on-b")
    no_longer = carried(stranger, "a", tmp_path / "other-hub")
    forged = tmp_path / "forged"
    shutil.copytree(no_longer, forged)
    shutil.copy(hub_keys.folder / "hub.key", forged / "hub.key")
    borrowed = tmp_path / "borrowed"
    shutil.copytree(b, borrowed)
    (borrowed / "b.key_secret").rename(borrowed / "c.key_secret")

    async def story() -> None:
        stage = Stage(hub_keys)
        async with stage.hub() as address, stage.agent(address, "a", a):
            assert "does not accept this agent's key" in await stage.refused(address, "a", forged)
            assert any("refused a connection from 127.0.0.1" in said for said in stage.said)
            assert "this key belongs to b, not to c" in await stage.refused(address, "c", borrowed)
            assert "no handshake with the hub" in await stage.refused(address, "a", no_longer)
            assert "no handshake with the hub" in await stage.refused(address, "a", None)
            assert stage.end.post("a", b"still here")
            await stage.hearing.look()
            assert not stage.hearing.some(stage.end, Left, "a")
            assert len(stage.hearing.some(stage.end, Joined, "a")) == 1

    play(story)


@pytest.mark.slow
def test_who_may_connect_is_read_anew_without_a_restart(hub_keys: KeyFolder, tmp_path: Path) -> None:
    """An agent added while the hub runs is let in; one that was revoked is not, once its link has ended."""

    async def story() -> None:
        stage = Stage(hub_keys)
        async with stage.hub() as address:
            hub_keys.add("late")
            late = carried(hub_keys, "late", tmp_path / "on-late")
            async with stage.agent(address, "late", late):
                hub_keys.revoke("late")
            assert "does not accept this agent's key" in await stage.refused(address, "late", late)

    play(story)


@pytest.mark.slow
def test_random_bytes_to_the_port_disturb_nobody(hub_keys: KeyFolder, tmp_path: Path) -> None:
    """Noise, HTTP, half a greeting, and connections that say nothing."""
    a = carried(hub_keys, "a", tmp_path / "on-a")
    noise = [secrets.token_bytes(4_000), b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\xff" + bytes(8) + b"\x7f\x03", b""]

    async def story() -> None:
        stage = Stage(hub_keys)
        async with stage.hub() as address, stage.agent(address, "a", a):
            host, _, port = address.removeprefix("tcp://").partition(":")
            links = [socket.create_connection((host, int(port))) for _ in range(4 * len(noise))]
            for n, link in enumerate(links):
                link.sendall(noise[n % len(noise)])
            for _ in range(20):
                await stage.hearing.look()
            for link in links:
                link.close()
            agent = stage.hearing.ends[-1]
            assert stage.end.post("a", b"still here")
            await stage.hearing.until(lambda: stage.hearing.payloads(agent, HUB) == [b"still here"])
            assert not stage.hearing.some(stage.end, Left, "a")

    play(story)


class WithKeys(TransportConformance):
    """Hub and agents share one folder here."""

    def __init__(self, keys: KeyFolder) -> None:
        self._keys = keys

    def transport(self, *, in_turns: bool) -> ZeroMqTransport:
        """A new one."""
        return ZeroMqTransport(keys=self._keys.folder, in_turns=in_turns)

    def address(self) -> str:
        """A port that the system chooses."""
        return ANY


@pytest.mark.slow
def test_with_keys_the_contract_is_the_same(hub_keys: KeyFolder) -> None:
    """Order, sizes and directions; the rest of the suite is about nothing that keys could change."""
    WithKeys(hub_keys).test_payloads_arrive_once_and_in_order()


@pytest.mark.parametrize(
    ("address", "fine"),
    [
        ("tcp://127.0.0.1:7400", True),
        ("tcp://127.8.9.1:7400", True),
        ("tcp://localhost:7400", True),
        ("tcp://[::1]:7400", True),
        ("ipc:///tmp/x", True),
        ("tcp://0.0.0.0:7400", False),
        ("tcp://*:7400", False),
        ("tcp://10.0.0.1:7400", False),
        ("tcp://localhost.evil.example:7400", False),
        ("tcp://[::]:7400", False),
    ],
)
def test_without_keys_only_what_stays_on_this_machine(address: str, fine: bool) -> None:
    """Whoever would leave it is told how to make keys."""
    check(address, with_keys=True, what="hub")
    if fine:
        check(address, with_keys=False, what="hub")
    else:
        with pytest.raises(NotRunnable, match=r"nodesim keys init"):
            check(address, with_keys=False, what="hub")


@pytest.mark.parametrize(
    "address",
    ["", "7400", "localhost:7400", "http://x:1", "tcp://x", "tcp://:1", "tcp://x:99999", "ipc://", "tcp://x:1/y"],
)
def test_what_is_no_address_says_what_one_looks_like(address: str) -> None:
    """With an example."""
    with pytest.raises(NotRunnable, match="tcp://HOST:PORT"):
        check(address, with_keys=True, what="agent")


def mode(path: Path) -> int:
    """The permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def test_secrets_are_for_their_owner_only(hub_keys: KeyFolder) -> None:
    """Whatever the umask says, and a secret that others can read is not used."""
    folder = hub_keys.folder
    assert mode(folder) == mode(folder / "agents") == 0o700
    assert mode(folder / "hub.key_secret") == mode(folder / "a.key_secret") == 0o600
    (folder / "a.key_secret").chmod(0o640)

    async def story() -> None:
        with pytest.raises(NotRunnable, match="chmod 600"):
            async with ZeroMqTransport(keys=folder).agent(ANY, "a"):
                pass

    play(story)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "nodesim keys add"),
        ("", "not a key"),
        ('curve\n    public-key = "short"\n', "not a key"),
        ("x" * 20_000, "larger"),
    ],
)
def test_a_key_that_is_missing_or_broken_is_named(
    hub_keys: KeyFolder, tmp_path: Path, content: str | None, said: str
) -> None:
    """With the file, and what to do."""
    on_a = carried(hub_keys, "a", tmp_path / "on-a")
    (on_a / "hub.key").unlink()
    if content is not None:
        (on_a / "hub.key").write_text(content)

    async def story() -> None:
        with pytest.raises(NotRunnable, match=said) as caught:
            async with ZeroMqTransport(keys=on_a).agent(ANY, "a"):
                pass
        assert str(on_a / "hub.key") in str(caught.value)

    play(story)


def test_the_command_makes_lists_and_revokes_keys(tmp_path: Path) -> None:
    """And says what to carry where."""
    folder = str(tmp_path / "keys")

    def command(*arguments: str) -> str:
        done = CliRunner().invoke(keys_command, list(arguments), catch_exceptions=False)
        assert done.exit_code == 0
        return done.output

    def wrong(*arguments: str) -> str:
        with pytest.raises(NotRunnable) as caught:
            command(*arguments)
        return str(caught.value)

    assert "nodesim keys init" in wrong("list", folder)
    assert "nodesim keys init" in wrong("add", folder, "a1")
    assert "hub.key_secret" in command("init", folder)
    assert "never overwritten" in wrong("init", folder)
    assert "a1.key_secret" in command("add", folder, "a1")
    assert command("list", folder).startswith("a1  ")
    assert "has a key already" in wrong("add", folder, "a1")
    for name in ("../x", "hub", "", "a/b", "x" * 64):
        assert "no agent's name" in wrong("add", folder, name)
    command("revoke", folder, "a1")
    assert command("list", folder) == ""
    assert "has no key" in wrong("revoke", folder, "a1")


@pytest.mark.slow
def test_an_open_umask_opens_no_secret_and_a_wrong_command_ends_with_4(tmp_path: Path) -> None:
    """In a fresh process, as a user calls it."""
    folder = tmp_path / "keys"
    for code in (ExitCode.HELD, ExitCode.NOT_RUN):
        done = subprocess.run(
            [sys.executable, "-m", "nodesim", "keys", "init", str(folder)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            umask=0,
        )
        assert done.returncode == code, done.stderr
    assert mode(folder) == 0o700
    assert mode(folder / "hub.key_secret") == 0o600
