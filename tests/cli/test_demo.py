"""`nodesim run demo`: the flagship, without a clone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner

from nodesim.cli.command import cli
from nodesim.cli.files import demo_file, scenario_files
from nodesim.errors import ExitCode

ROOT: Final = Path(__file__).parents[2]


def test_the_demo_is_the_flagship() -> None:
    """In a checkout the one in scenarios/."""
    assert demo_file() == ROOT / "scenarios" / "partition-evicts.yaml"
    assert scenario_files([Path("demo")]) == [demo_file()]


@pytest.mark.parametrize("folder", [False, True])
def test_what_is_called_demo_is_not_shadowed(folder: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file or folder of that name is taken, and that is said."""
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "demo" / "own.yaml" if folder else tmp_path / "demo"
    own.parent.mkdir(exist_ok=True)
    own.write_text("apiVersion: nodesim.dev/v1alpha1\nkind: Scenario\nmetadata: {name: own}\nspec: {duration: 1s}\n")
    done = CliRunner().invoke(cli, ["run", "demo", "--json"])
    assert json.loads(done.stdout)["scenario"] == "own"
    assert done.stderr == "note: 'demo' is taken as the one in this folder, not as the demo of nodesim\n"


@pytest.mark.slow
def test_the_demo_runs_from_a_wheel_outside_the_checkout(tmp_path: Path) -> None:
    """Built, unpacked into a fresh environment that has the dependencies, and run from an empty folder."""
    pytest.importorskip("hatchling", reason="hatchling is not installed: make .venv/.test")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    venv.create(tmp_path / "env", with_pip=False, symlinks=True)
    (site,) = (tmp_path / "env" / "lib").glob("python*/site-packages")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(site)
    # The dependencies are those of this environment; the wheel's own packages come first.
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"])
    empty = tmp_path / "empty"
    empty.mkdir()
    env = {key: item for key, item in os.environ.items() if not key.startswith("PYTHON")}
    python = tmp_path / "env" / "bin" / "python"
    program = "import nodesim.cli, sys; print(nodesim.__file__, file=sys.stderr); nodesim.cli.main()"
    done = subprocess.run(
        [str(python), "-c", program, "run", "demo", "--json"],
        cwd=empty,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == ExitCode.HELD, done.stderr
    assert Path(done.stderr.strip()).is_relative_to(tmp_path / "env")
    assert json.loads(done.stdout)["scenario"] == "partition-evicts"
    assert list(empty.iterdir()) == []
