"""docs/your-own-actor.md: what it shows works."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from nodesim.actors import Api, Watch

PAGE: Final = (Path(__file__).parent.parent.parent / "docs" / "your-own-actor.md").read_text()


@pytest.mark.slow
def test_the_example_runs_as_written(tmp_path: Path) -> None:
    """Both ways, from the file and from Python, and its expectations hold."""
    (_, module), (_, scenario), (_, command), (_, program) = re.findall(r"```(\w*)\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "keeper.py").write_text(module)
    (tmp_path / "keeper.yaml").write_text(scenario)
    (tmp_path / "run.py").write_text(program)
    assert command == "PYTHONPATH=. nodesim run keeper.yaml\n"
    for arguments in (["-m", "nodesim", "run", "keeper.yaml"], ["run.py"]):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
        done = subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert (
        "crashed, before delete pods default/marker-worker-1"
        in subprocess.run(
            [sys.executable, "-m", "nodesim", "run", "keeper.yaml"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )


def test_the_page_names_all_that_an_actor_can_do() -> None:
    """Every public name of the client and of a watch."""
    names = [f"api.{name}" for name in vars(Api) if not name.startswith("_")]
    names += [name for name in vars(Watch) if not name.startswith("_") and name not in ("hear", "show")]
    assert [name for name in names if name not in PAGE] == []
