"""Commands in processes of their own, for tests."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NoReturn

from nodesim.cli.command import run_command
from tests.transports import netns

FOLDER: Final = Path(__file__).parent.parent.parent / "scenarios"
FLAGSHIP: Final = FOLDER / "partition-evicts.yaml"
PATIENCE_S: Final = 40


class Started:
    """A command that runs; what it says is read from files, so that it never waits for a reader."""

    def __init__(self, *arguments: object, namespace: str = "") -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="nodesim-test-"))
        self._out, self._err = self._folder / "out", self._folder / "err"
        self._out.touch()
        self._err.touch()
        self.returncode: int | None = None
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            self._become([str(argument) for argument in arguments], namespace)

    def _become(self, arguments: list[str], namespace: str) -> NoReturn:
        """In the child: what `python -m nodesim` would do, without the half second that reading the modules takes."""
        code = 99
        try:
            if namespace:
                netns.enter(namespace)
            for number, path in ((0, Path(os.devnull)), (1, self._out), (2, self._err)):
                opened = os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT)
                os.dup2(opened, number)
                os.close(opened)
            os.closerange(3, 1_000)
            sys.stdin, sys.stdout, sys.stderr = (
                os.fdopen(number, mode, buffering=1, closefd=False) for number, mode in ((0, "r"), (1, "w"), (2, "w"))
            )
            warnings.resetwarnings()
            warnings.simplefilter("ignore")
            run_command(arguments)
        except SystemExit as ending:
            code = ending.code if isinstance(ending.code, int) else 1
        except BaseException:  # noqa: BLE001 - nothing of the child may reach pytest
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def poll(self) -> int | None:
        """The exit code, None while it runs; -9 when it was killed."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout_s: float) -> bool:
        """Wait for its end; False: it still runs."""
        until = time.monotonic() + timeout_s
        while self.poll() is None:
            if time.monotonic() > until:
                return False
            time.sleep(0.01)
        return True

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill -9."""
        self.send(signal.SIGKILL)
        self.wait(PATIENCE_S)

    @property
    def stdout(self) -> str:
        """What it has printed so far."""
        return self._out.read_text()

    @property
    def stderr(self) -> str:
        """What it has said so far."""
        return self._err.read_text()

    def said(self, pattern: str, timeout_s: float = PATIENCE_S) -> re.Match[str]:
        """Wait until it says something on stderr."""
        until = time.monotonic() + timeout_s
        while (found := re.search(pattern, self.stderr)) is None:
            assert time.monotonic() < until, f"never said {pattern!r}:\n{self.stderr}"
            assert self.poll() is None, f"ended without saying {pattern!r}:\n{self.stderr}"
            time.sleep(0.02)
        return found

    def ended(self, timeout_s: float = PATIENCE_S, code: int = 0) -> str:
        """Wait for its end; what it printed."""
        if not self.wait(timeout_s):
            self.kill()
            raise AssertionError(f"did not end:\n{self.stderr}\n{self.stdout}")
        assert self.returncode == code, f"ended with {self.returncode}:\n{self.stderr}\n{self.stdout}"
        return self.stdout

    def stop(self) -> None:
        """SIGTERM, and it ends by itself."""
        self.send(signal.SIGTERM)
        assert self.wait(PATIENCE_S), f"SIGTERM did not end it:\n{self.stderr}"

    def close(self) -> None:
        """Whatever is left of it goes."""
        self.kill()
        shutil.rmtree(self._folder)

    def children(self) -> list[int]:
        """Processes that it started."""
        path = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        return [int(pid) for pid in path.read_text().split()]


def start(*arguments: object, namespace: str = "") -> Started:
    """Start a command, in a network namespace if one is named; it is killed when the test ends, should it still run."""
    made = Started(*arguments, namespace=namespace)
    _STARTED.append(made)
    return made


_STARTED: list[Started] = []


@contextmanager
def none_left() -> Iterator[None]:
    """Kill whatever the block started and left running."""
    _STARTED.clear()
    try:
        yield
    finally:
        for started in _STARTED:
            started.close()
        _STARTED.clear()
