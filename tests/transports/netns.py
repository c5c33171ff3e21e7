"""Hosts of their own on a switch of their own: network namespaces, a bridge, and ways to break what lies between.

Needs root, `ip` and `nft`; `missing()` says what is not there.  Names carry this process's id, and everything
goes with the block, whatever happens in it.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Final

CLONE_NEWNET: Final = 0x40000000
FOLDER: Final = Path("/run/netns")
PREFIX: Final = "nodesim-test-"
TABLE: Final = "oneway"


class Switch:
    """A bridge in a namespace; each host is another namespace, with one cable to a port named after it."""

    def __init__(self, hosts: Sequence[str]) -> None:
        self._prefix = f"{PREFIX}{os.getpid()}-"
        self._hosts = list(hosts)
        self._stack = ExitStack()

    def __enter__(self) -> Switch:
        """Make it all."""
        try:
            self._make()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """With the namespaces go bridge, cables and filters."""
        self._stack.close()

    def _make(self) -> None:
        _sweep()
        for name in ("switch", *self._hosts):
            _run("ip", "netns", "add", self.namespace(name))
            self._stack.callback(_run, "ip", "netns", "del", self.namespace(name))
        switch = self.namespace("switch")
        _run("ip", "-n", switch, "link", "add", "name", "bridge", "type", "bridge")
        _run("ip", "-n", switch, "link", "set", "dev", "bridge", "up")
        for name in self._hosts:
            host = self.namespace(name)
            cable = ("type", "veth", "peer", "name", "cable", "netns", host)
            _run("ip", "-n", switch, "link", "add", "name", f"to-{name}", *cable)
            _run("ip", "-n", switch, "link", "set", "dev", f"to-{name}", "master", "bridge", "up")
            _run("ip", "-n", host, "address", "add", f"{self.address(name)}/24", "dev", "cable")
            for device in ("lo", "cable"):
                _run("ip", "-n", host, "link", "set", "dev", device, "up")

    def namespace(self, name: str) -> str:
        """A host's namespace."""
        return self._prefix + name

    def address(self, name: str) -> str:
        """A host's address."""
        return f"10.77.0.{self._hosts.index(name) + 1}"

    def cut(self, name: str) -> None:
        """Take a host's port off the bridge; the host sees no change of its own device."""
        _run("ip", "-n", self.namespace("switch"), "link", "set", "dev", f"to-{name}", "nomaster")

    def heal(self, name: str) -> None:
        """Put it back."""
        _run("ip", "-n", self.namespace("switch"), "link", "set", "dev", f"to-{name}", "master", "bridge")

    def deafen(self, name: str) -> None:
        """Nothing gets to a host any more, and everything away from it: a filter in the bridge."""
        _nft(self.namespace("switch"), f"add table bridge {TABLE}")
        chain = "{ type filter hook forward priority 0; }"
        _nft(self.namespace("switch"), f"add chain bridge {TABLE} forward {chain}")
        _nft(self.namespace("switch"), f"add rule bridge {TABLE} forward oifname to-{name} drop")

    def undeafen(self) -> None:
        """Drop the filter."""
        _nft(self.namespace("switch"), f"delete table bridge {TABLE}")


def enter(namespace: str) -> None:
    """From here on the calling process lives in a namespace, and so does what it starts."""
    with (FOLDER / namespace).open() as opened:
        if ctypes.CDLL(None, use_errno=True).setns(opened.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot enter {namespace}")


@cache
def missing() -> str:
    """Why there can be no such hosts here; "" if they can."""
    absent = [tool for tool in ("ip", "nft") if shutil.which(tool) is None]
    if absent:
        return f"needs {', '.join(absent)} (Debian: iproute2, nftables)"
    try:
        with Switch(["a", "b"]) as switch:
            switch.deafen("a")
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as refused:
        said = (refused.stderr or b"").decode().strip() or str(refused)
        return f"network namespaces are not allowed here: {said}"
    return ""


@contextmanager
def hosts(*names: str) -> Iterator[Switch]:
    """Hosts on a switch."""
    with Switch(names) as switch:
        yield switch


def _sweep() -> None:
    """What a test left behind that was killed itself."""
    for path in sorted(FOLDER.glob(f"{PREFIX}*")):
        pid = path.name.removeprefix(PREFIX).partition("-")[0]
        if not Path("/proc", pid).exists():
            _run("ip", "netns", "del", path.name)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=20)


def _nft(namespace: str, words: str) -> None:
    _run("ip", "netns", "exec", namespace, "nft", words)
