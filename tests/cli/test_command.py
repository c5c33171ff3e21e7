"""The command: texts, exit codes, JSON, traces, Ctrl-C."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner

from nodesim.cli.command import cli
from nodesim.errors import ExitCode
from nodesim.trace.reader import read_trace

ROOT: Final = Path(__file__).parent.parent.parent
FLAGSHIP: Final = ROOT / "scenarios" / "partition-evicts.yaml"

SMALL: Final = """\
apiVersion: nodesim.dev/v1alpha1
kind: Scenario
metadata: {name: small}
spec:
  duration: 30s
  nodes: [{name: w, count: 2}]
  network: {latency: 1ms, jitter: 1ms}
  expect:
    - {node: w-0, condition: {Ready: "True"}, by: 10s}
"""


def nodesim(*arguments: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command in a fresh process."""
    return subprocess.run(
        [sys.executable, "-m", "nodesim", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **(env or {})},
        timeout=60,
    )


def small(folder: Path, expect: str = "") -> Path:
    """A small scenario file."""
    path = folder / "small.yaml"
    path.write_text(SMALL + expect)
    return path


pytestmark = pytest.mark.slow


def test_a_run_that_holds_ends_with_0_and_tells_its_story() -> None:
    """The flagship: story, ledger, verdicts, digest."""
    done = nodesim("run", FLAGSHIP)
    assert done.returncode == ExitCode.HELD
    for said in ("cut off", "Ready: True -> Unknown", "deletion requested", "container still runs", "digest ", "held"):
        assert said in done.stdout
    assert done.stderr == ""


def test_a_failed_expectation_ends_with_1_the_causes_and_the_replay(tmp_path: Path) -> None:
    """What failed, why, and the command that shows it again."""
    path = small(tmp_path, "    - {node: w-1, condition: {Ready: Unknown}, by: 20s}\n")
    done = nodesim("run", path, "-q", "--seed", "5")
    assert done.returncode == ExitCode.FAILED
    assert "FAILED" in done.stdout
    assert f"replay: nodesim run {path} --seed 5" in done.stdout
    assert "w-0" not in done.stdout


def test_an_expectation_beyond_the_end_is_undecided(tmp_path: Path) -> None:
    """The run ended before the window did: 3."""
    path = small(
        tmp_path,
        "    - node: w-1\n"
        "      condition: {Ready: Unknown}\n"
        "      within: [20s, 30s]\n"
        "      after: {node: w-1, condition: {Ready: 'True'}}\n",
    )
    done = nodesim("run", path, "-q")
    assert done.returncode == ExitCode.UNDECIDED, done.stdout


def test_json_prints_one_document_a_run_one_a_line() -> None:
    """The document has exactly the keys that people rely on."""
    done = nodesim("run", FLAGSHIP, "--json", "--seeds", "2")
    first, second = map(json.loads, done.stdout.splitlines())
    assert list(first) == [
        "scenario",
        "seed",
        "profile",
        "ok",
        "digest",
        "duration_seconds",
        "wall_seconds",
        "startup_wall_seconds",
        "expectations",
        "ledger",
        "counts",
    ]
    assert (first["scenario"], first["seed"], second["seed"]) == ("partition-evicts", 7, 8)
    assert first["ok"] is True
    assert set(first["expectations"][0]) == {"text", "ok", "at_seconds", "why"}
    assert set(first["ledger"]) == {
        "detection_seconds",
        "false_unknowns",
        "eviction_seconds",
        "replacement_seconds",
        "ghost_pod_seconds",
        "double_run_seconds",
        "unavailable_seconds",
        "pods",
    }
    assert set(first["counts"]) == {"messages", "bytes", "renewals", "status_posts", "watch_events", "dropped"}
    assert set(first["ledger"]["pods"][0]) == {"name", "node", "started", "stopped", "api_created", "api_deleted"}


def test_faults_of_all_files_are_named_and_nothing_runs(tmp_path: Path) -> None:
    """Two broken files beside a good one: 2, each fault with its place, no run."""
    small(tmp_path)
    (tmp_path / "one.yaml").write_text(SMALL.replace("duration: 30s", "duration: 30 parsecs"))
    (tmp_path / "two.yaml").write_text(SMALL.replace("nodes:", "nods:"))
    done = nodesim("run", tmp_path)
    assert done.returncode == ExitCode.BAD_INPUT
    assert "one.yaml:5:" in done.stderr
    assert "two.yaml:6:" in done.stderr
    assert "did you mean 'nodes'" in done.stderr
    assert done.stdout == ""


def test_validate_says_fine_or_names_the_faults(tmp_path: Path) -> None:
    """0 for good files, 2 for bad ones."""
    assert nodesim("validate", small(tmp_path)).returncode == ExitCode.HELD
    (tmp_path / "bad.yaml").write_text("kind: Scenario\n")
    done = nodesim("validate", tmp_path)
    assert done.returncode == ExitCode.BAD_INPUT
    assert "bad.yaml:1:" in done.stderr
    assert "small.yaml: fine" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["run", "no-such-file.yaml"],
        ["run", "--profile", "v1.99", "x.yaml"],
        ["run", "--seed", "-1", "x.yaml"],
        ["run", "--seeds", "0", "x.yaml"],
        ["run", "--set", "nonsense", str(FLAGSHIP)],
        ["run", "--set", "spec.nothing=1", str(FLAGSHIP)],
        ["run", "--trace", "t", "--seeds", "2", str(FLAGSHIP)],
        ["run", "--no-such-option"],
        ["frobnicate"],
        ["validate"],
        ["validate", "/"],
    ],
    ids=" ".join,
)
def test_bad_usage_ends_with_2_and_a_text(arguments: Sequence[str], tmp_path: Path) -> None:
    """Never a traceback."""
    if arguments[-1] == "/":
        arguments = [*arguments[:-1], str(tmp_path)]
    done = nodesim(*arguments)
    assert done.returncode == ExitCode.BAD_INPUT
    assert done.stderr.strip()
    assert "Traceback" not in done.stderr


def test_help_and_version_end_with_0() -> None:
    """For the command and for each part of it."""
    for arguments in (["--help"], ["run", "--help"], ["validate", "-h"], ["--version"]):
        done = nodesim(*arguments)
        assert done.returncode == 0
        assert "nodesim" in done.stdout


@pytest.mark.parametrize("part", sorted(cli.commands))
def test_help_shows_examples_each_on_a_line_of_its_own(part: str) -> None:
    """As they would be typed: a line is an option, prose, or an example, and no formatter's mark is left over."""
    shown = CliRunner().invoke(cli, [part, "--help"], prog_name="nodesim").output
    examples = [line for line in shown.splitlines() if line.startswith("  nodesim ")]
    assert "\\b" not in shown
    assert examples
    assert all(line.count("nodesim ") == 1 for line in examples)


def test_the_trace_file_has_the_digest_that_the_run_prints(tmp_path: Path) -> None:
    """SHA-256 of the file is the digest; the file can be read back."""
    import hashlib

    trace = tmp_path / "t.jsonl"
    done = nodesim("run", FLAGSHIP, "--json", "--trace", trace)
    assert hashlib.sha256(trace.read_bytes()).hexdigest() == json.loads(done.stdout)["digest"]
    with trace.open() as lines:
        read = read_trace(lines)
    assert read.header["scenario"] == "partition-evicts"
    assert read.records[-1].kind == "RunEnded"


def test_a_trace_that_cannot_be_written_ends_with_4(tmp_path: Path) -> None:
    """A folder that does not exist: a text and 4."""
    done = nodesim("run", small(tmp_path), "--trace", tmp_path / "no" / "t.jsonl")
    assert done.returncode == ExitCode.NOT_RUN
    assert "Traceback" not in done.stderr


def test_a_deterministic_run_says_so(tmp_path: Path) -> None:
    """--check-determinism compares two fresh processes."""
    done = nodesim("run", small(tmp_path), "-q", "--check-determinism")
    assert done.returncode == ExitCode.HELD
    assert "deterministic" in done.stderr


def test_a_planted_fault_is_found_and_its_first_record_shown(tmp_path: Path) -> None:
    """A build whose streams depend on the hash seed: 70, with both versions of the first record that differs."""
    (tmp_path / "sitecustomize.py").write_text(
        "import nodesim.streams as s\n"
        "draw = s.Stream.draw\n"
        "s.Stream.draw = lambda self: draw(self) ^ (hash('x') & 0xFFFFFFFF)\n"
    )
    path = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH"))))
    done = nodesim("run", small(tmp_path), "-q", "--check-determinism", env={"PYTHONPATH": path})
    assert done.returncode == ExitCode.BUG
    assert "NOT deterministic" in done.stderr
    assert "differ first in line" in done.stderr
    run_1, run_2 = (line for line in done.stderr.splitlines() if line.startswith("  run "))
    assert json.loads(run_1.partition(": ")[2])["t"] != json.loads(run_2.partition(": ")[2])["t"]


def test_ctrl_c_ends_with_130_within_a_second_and_leaves_a_readable_trace(tmp_path: Path) -> None:
    """What was recorded up to then stands in the trace."""
    trace = tmp_path / "t.jsonl"
    command = [sys.executable, "-m", "nodesim", "run", str(small(tmp_path)), "--set", "spec.duration=300h"]
    with subprocess.Popen([*command, "--trace", str(trace)], stderr=subprocess.PIPE, text=True) as running:
        time.sleep(3)  # There is no other sign that a run is under way; a shorter wait would only weaken the test.
        asked = time.monotonic()
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=20)
        took = time.monotonic() - asked
    assert running.returncode == ExitCode.INTERRUPTED
    assert "interrupted at" in said
    assert "Traceback" not in said
    assert took < 1.5
    with trace.open() as lines:
        assert read_trace(lines).records


def test_real_time_follows_the_run_and_judges_it_with_slack(tmp_path: Path) -> None:
    """The story is told while it happens, the trace is written line by line, the lag is reported."""
    trace = tmp_path / "t.jsonl"
    done = nodesim("run", FLAGSHIP, "--realtime", "600", "--trace", trace)
    assert done.returncode == ExitCode.HELD, done.stdout
    story, _, rest = done.stdout.partition("For how long belief and truth differed")
    assert story.index("cut off in both directions") < story.index("Ready: True -> Unknown") < story.index("healed")
    assert "real time at speed 600: nothing was later than" in rest
    digest = rest.partition("digest ")[2].split()[0]
    assert hashlib.sha256(trace.read_bytes()).hexdigest() == digest
    document = json.loads(nodesim("run", small(tmp_path), "--realtime", "300", "--json").stdout)
    assert document["ok"] is True
    assert document["realtime"]["speed"] == 300
    assert document["realtime"]["slack_seconds"] == 30
    assert document["realtime"]["in_time"] is True
    assert document["wall_seconds"] >= 0.1


def test_ctrl_c_in_real_time_ends_within_a_second_and_the_trace_was_there_all_along(tmp_path: Path) -> None:
    """Line by line: what is in the file before the interruption can be read, and the rest is added."""
    trace = tmp_path / "t.jsonl"
    command = [sys.executable, "-m", "nodesim", "run", str(small(tmp_path)), "--realtime", "1", "--trace", str(trace)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        end = time.monotonic() + 20
        while time.monotonic() < end and not (trace.exists() and trace.read_bytes().count(b"\n") > 10):
            time.sleep(0.05)  # The run goes on in the other process; its trace is the sign to wait for.
        with trace.open() as lines:
            before = read_trace(lines).records
        asked = time.monotonic()
        running.send_signal(signal.SIGINT)
        said = running.communicate(timeout=20)[1]
        took = time.monotonic() - asked
    assert running.returncode == ExitCode.INTERRUPTED
    assert "interrupted at" in said
    assert "Traceback" not in said
    assert took < 1
    assert len(before) >= 10
    with trace.open() as lines:
        assert read_trace(lines).records[: len(before)] == before


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--realtime", "0"], "a speed from 0.001 to"),
        (["--realtime", "nan"], "a speed from 0.001 to"),
        (["--realtime", "fast"], "not a valid float"),
        (["--realtime", "60", "--check-determinism"], "two runs in real time are never the same"),
    ],
)
def test_a_wrong_wish_for_real_time_ends_with_2(tmp_path: Path, arguments: list[str], why: str) -> None:
    """Usage, not a traceback."""
    done = nodesim("run", small(tmp_path), *arguments)
    assert done.returncode == ExitCode.BAD_INPUT
    assert why in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def planted(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    """What becomes of a run in a process in which this code is executed first."""
    (folder / "sitecustomize.py").write_text(code)
    path = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))
    return nodesim("run", small(folder), env={"PYTHONPATH": path})


def test_ctrl_c_while_modules_are_read_ends_with_130_and_no_traceback(tmp_path: Path) -> None:
    """The command takes half a second to begin; Ctrl-C in it is an end like any other."""
    done = planted(
        tmp_path,
        "import sys\n"
        "class Interrupts:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'nodesim.scenario.runner':\n"
        "            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupts())\n",
    )
    assert done.returncode == ExitCode.INTERRUPTED
    assert done.stderr == "interrupted\n"


def test_a_bug_ends_with_70_the_actor_and_the_replay(tmp_path: Path) -> None:
    """A machine that raises: its name, the event and the command that shows it again."""
    done = planted(
        tmp_path,
        "import nodesim.scheduler as s\n"
        "def handle(self, event, now_us):\n"
        "    raise RuntimeError('planted')\n"
        "s.Scheduler.handle = handle\n",
    )
    assert done.returncode == ExitCode.BUG
    assert "actor scheduler crashed at 0.000000 s on Started()" in done.stderr
    assert "planted" in done.stderr
    assert "replay: nodesim run" in done.stderr
