"""Who has which keys?

A folder for each host:

    DIR/hub.key                the hub's public key: on every host
    DIR/hub.key_secret         on the hub's host only
    DIR/agents/NAME.key        public keys of the agents that are allowed: on the hub's host only
    DIR/NAME.key, NAME.key_secret   an agent's own: on its host only

Files are CURVE certificates in ZeroMQ's own form.  Secret ones have mode 0600 and folders 0700; a secret that others
can read is refused.  The hub looks at `agents/` whenever an agent connects, so adding and revoking need no restart.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Final

import zmq
import zmq.auth

from nodesim.errors import NotRunnable

HUB: Final = "hub"
AGENTS: Final = "agents"
NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}")
AGENTS_MAX: Final = 10_000
KEY_BYTES_MAX: Final = 10_000


class KeyFolder:
    """The keys of one host."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    # --- for people -------------------------------------------------------------------------------------------------

    def init(self) -> Path:
        """Make the folder and the hub's pair; the public key's file.

        Raises:
            NotRunnable: there is one already.
        """
        self._make_folder(self.folder)
        self._make_folder(self.folder / AGENTS)
        return self._make_pair(HUB)

    def add(self, name: str) -> Path:
        """Make an agent's pair and allow it; the secret's file, which is to be carried to the agent's host.

        Raises:
            NotRunnable: no name for an agent, or it has a key already.
        """
        self._check_name(name)
        if not (self.folder / f"{HUB}.key").exists():
            msg = f"{self.folder} holds no hub's keys; make them with 'nodesim keys init {self.folder}'"
            raise NotRunnable(msg)
        allowed = self.folder / AGENTS / f"{name}.key"
        if allowed.exists():
            msg = f"{name} has a key already: {allowed}; revoke it first"
            raise NotRunnable(msg)
        self._make_folder(self.folder / AGENTS)
        public = self._make_pair(name)
        _write(allowed, public.read_text(), 0o644)
        return self.folder / f"{name}.key_secret"

    def allowed(self) -> dict[str, str]:
        """Public key (Z85) of each agent that may connect, by name.

        Raises:
            NotRunnable: there is no such folder.
        """
        folder = self.folder / AGENTS
        if not folder.is_dir():
            msg = f"{folder}: no such folder; make it with 'nodesim keys init {self.folder}'"
            raise NotRunnable(msg)
        found: dict[str, str] = {}
        for path in sorted(folder.glob("*.key"))[:AGENTS_MAX]:
            if NAME.fullmatch(path.stem):
                found[path.stem] = _load(path)[0].decode()
        return found

    def revoke(self, name: str) -> None:
        """An agent may not connect any more.

        Raises:
            NotRunnable: it has no key.
        """
        self._check_name(name)
        path = self.folder / AGENTS / f"{name}.key"
        if not path.exists():
            msg = f"{name} has no key in {path.parent}"
            raise NotRunnable(msg)
        path.unlink()

    # --- for sockets ------------------------------------------------------------------------------------------------

    def arm_hub(self, socket: zmq.Socket[bytes]) -> None:
        """The hub proves who it is, and lets nobody in whose key ZAP does not know.

        Raises:
            NotRunnable: a key is missing or readable by others.
        """
        public, secret = self._pair(HUB, f"make it with 'nodesim keys init {self.folder}'")
        socket.curve_server = True
        socket.curve_publickey, socket.curve_secretkey = public, secret

    def arm_agent(self, socket: zmq.Socket[bytes], name: str) -> None:
        """An agent proves who it is, and talks to no other hub.

        Raises:
            NotRunnable: a key is missing or readable by others.
        """
        self._check_name(name)
        hint = f"make it on the hub's host with 'nodesim keys add DIR {name}' and carry it here (docs/multi-host.md)"
        public, secret = self._pair(name, hint)
        socket.curve_serverkey = _load(self.folder / f"{HUB}.key", hint)[0]
        socket.curve_publickey, socket.curve_secretkey = public, secret

    def _pair(self, name: str, hint: str) -> tuple[bytes, bytes]:
        path = self.folder / f"{name}.key_secret"
        public, secret = _load(path, hint)
        if secret is None:
            msg = f"{path}: holds no secret key"
            raise NotRunnable(msg)
        if os.name == "posix" and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            msg = f"{path}: others can read this secret; chmod 600 it (and make new keys if somebody did)"
            raise NotRunnable(msg)
        return public, secret

    # --- files ------------------------------------------------------------------------------------------------------

    def _check_name(self, name: str) -> None:
        if NAME.fullmatch(name) is None or name in (HUB, AGENTS):
            msg = f"{name!r} is no agent's name: letters, digits, '.', '_' and '-', at most 63, and not '{HUB}'"
            raise NotRunnable(msg)

    def _make_folder(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)

    def _make_pair(self, name: str) -> Path:
        public_path, secret_path = self.folder / f"{name}.key", self.folder / f"{name}.key_secret"
        for path in (public_path, secret_path):
            if path.exists():
                msg = f"{path} is there already; it is never overwritten"
                raise NotRunnable(msg)
        public, secret = (key.decode() for key in zmq.curve_keypair())
        _write(secret_path, _text(name, public, secret), 0o600)
        _write(public_path, _text(name, public, None), 0o644)
        return public_path


def _text(name: str, public: str, secret: str | None) -> str:
    """A certificate as `zmq.auth.load_certificate` reads it."""
    what = f"#   The {'secret' if secret else 'public'} CURVE key of {name}" + ("; keep it safe." if secret else ".")
    rest = f'    secret-key = "{secret}"\n' if secret else ""
    return f'{what}\nmetadata\ncurve\n    public-key = "{public}"\n{rest}'


def _write(path: Path, text: str, mode: int) -> None:
    """A new file that never had another mode."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(text)


def _load(path: Path, hint: str = "") -> tuple[bytes, bytes | None]:
    """The keys in a file."""
    try:
        if path.stat().st_size > KEY_BYTES_MAX:
            msg = "larger than any key"
            raise ValueError(msg)
        public, secret = zmq.auth.load_certificate(path)
        for key in (public, secret):
            if key is not None and len(zmq.utils.z85.decode(key)) != 32:
                msg = "a key of a wrong length"
                raise ValueError(msg)
    except (OSError, ValueError, KeyError) as wrong:
        reason = wrong.strerror if isinstance(wrong, OSError) and wrong.strerror else f"not a key: {wrong}"
        msg = f"{path}: {reason}" + (f"; {hint}" if hint else "")
        raise NotRunnable(msg) from wrong
    return public, secret
