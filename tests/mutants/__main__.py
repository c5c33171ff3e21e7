"""Plants each mutant of the list in a copy of the package and looks whether the tests catch it.

    python -m tests.mutants [--only NAME]... [--list]

The checkout is never touched.  First the named tests have to pass in the unchanged copy.  Then each mutant has to make
one of its tests fail by an assertion, not by an error of its own making; one that is said to break an invariant has to
make a test of that invariant fail, too; one that is struck as equivalent has to be caught by none.  Exit code 1 if any
did not, 2 if the list or the unchanged tests are broken, 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs

from nodesim.expect import INVARIANTS
from tests.mutants.listed import ROOT, Mutant, faults_of, read_list
from tests.mutants.witness import FILE, FIRST

COPIED = ("nodesim", "transports", "tests", "scenarios", "docs", "benchmarks", "pyproject.toml", "README.md")
PATIENCE_SECONDS = 180
SEEDS = (1, 2, 3)
"""Where the examples of the first show nothing, the next are tried; luck is not what is measured here."""


@attrs.frozen
class Verdict:
    """What became of a mutant; `ok` is what one wants."""

    mutant: Mutant
    ok: bool
    word: str
    why: str
    seconds: float


@attrs.frozen
class Tree:
    """A copy of the project in which tests are run."""

    root: Path

    def run(self, selection: Sequence[str], *, seed: int = 1, first_only: bool = False) -> list[dict[str, Any]] | str:
        """How each test ended (with `first_only` up to the first failed assertion), or why that cannot be told."""
        told = self.root / "witness.json"
        told.unlink(missing_ok=True)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.mutants.witness"]
        command += [f"--hypothesis-seed={seed}"]
        environment = {**os.environ, "PYTHONPATH": str(self.root), FILE: str(told), "PYTHONHASHSEED": "0"}
        environment[FIRST] = "yes" if first_only else ""
        try:
            done = subprocess.run(
                [*command, *selection],
                cwd=self.root,
                env=environment,
                capture_output=True,
                text=True,
                timeout=PATIENCE_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"no end after {PATIENCE_SECONDS} s"
        if not told.exists():
            return (done.stdout + done.stderr)[-1500:]
        seen = json.loads(told.read_text(encoding="utf-8"))
        if Path(seen["package"]) != self.root:
            return f"the tests used the package in {seen['package']}, not the copy"
        tests: list[dict[str, Any]] = seen["tests"]
        return tests or (done.stdout + done.stderr)[-1500:]

    @contextlib.contextmanager
    def planted(self, mutant: Mutant) -> Iterator[None]:
        """The copy with the mutant in it."""
        path = self.root / mutant.file
        text, stat = path.read_text(encoding="utf-8"), path.stat()
        compiled = Path(importlib.util.cache_from_source(str(path)))
        compiled.unlink(missing_ok=True)  # It may have the mutant's size and second, and would be taken for its own.
        path.write_text(mutant.mutated(text), encoding="utf-8")
        try:
            yield
        finally:
            path.write_text(text, encoding="utf-8")
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
            compiled.unlink(missing_ok=True)


@contextlib.contextmanager
def copied() -> Iterator[Tree]:
    """A copy that goes when it is done with."""
    with tempfile.TemporaryDirectory(prefix="nodesim-mutants-") as folder:
        root = Path(folder).resolve() / "tree"
        root.mkdir()
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, root / name, ignore=shutil.ignore_patterns("__pycache__"))
            elif source.exists():
                shutil.copy2(source, root / name)
        yield Tree(root)


def judge(tree: Tree, mutant: Mutant) -> Verdict:
    """Plant a mutant and run its tests."""
    since = time.monotonic()
    with tree.planted(mutant):
        for seed in SEEDS:
            ok, word, why = _judged(mutant, tree.run(mutant.selection, seed=seed, first_only=not mutant.breaks))
            if word not in ("HARMLESS", "SURVIVED"):
                break
    return Verdict(mutant, ok, word, why, time.monotonic() - since)


def _judged(mutant: Mutant, tests: list[dict[str, Any]] | str) -> tuple[bool, str, str]:
    if isinstance(tests, str):
        return False, "BROKEN", tests
    failed = [each for each in tests if each["outcome"] == "failed"]
    if mutant.struck:
        return (False, "CAUGHT", f"is not equivalent: {failed[0]['test']}") if failed else (True, "struck", "")
    asserted = [each for each in failed if each["asserted"]]
    caught = [each for each in asserted if _is_of(each["test"], mutant.caught_by)]
    if not caught:
        return False, *(("BROKEN", failed[0]["text"]) if failed else ("SURVIVED", "all tests pass"))
    if mutant.breaks:
        name = mutant.breaks if mutant.breaks in INVARIANTS else ""
        if not any(_is_of(each["test"], mutant.breaks_in) and name in each["text"] for each in asserted):
            return False, "HARMLESS", f"{mutant.breaks} holds all the same"
    return True, f"breaks {mutant.breaks}" if mutant.breaks else "caught", caught[0]["test"]


def _is_of(test: str, selection: Sequence[str]) -> bool:
    return any(test == each or test.startswith((f"{each}::", f"{each}[")) for each in selection)


def unchanged_passes(tree: Tree, mutants: Sequence[Mutant]) -> str:
    """Why the unchanged copy is no measure, "" if its tests pass."""
    tests = tree.run(sorted({each for mutant in mutants for each in mutant.selection}))
    if isinstance(tests, str):
        return tests
    failed = [f"{each['test']}: {each['text']}" for each in tests if each["outcome"] == "failed"]
    return "\n".join(failed)


def play(mutants: Sequence[Mutant]) -> int:
    """Judge all, tell each, and give the exit code."""
    with copied() as tree:
        print(f"{len(mutants)} mutants; their tests in the unchanged copy ...", flush=True)
        why = unchanged_passes(tree, mutants)
        if why:
            print(f"the unchanged tests do not pass:\n{why}", file=sys.stderr)
            return 2
        verdicts = []
        for number, mutant in enumerate(mutants, 1):
            verdict = judge(tree, mutant)
            verdicts.append(verdict)
            head = f"{number:3}/{len(mutants)} {verdict.seconds:5.1f} s  {mutant.name:46}"
            print(f"{head} {verdict.word:36} {'' if verdict.ok else verdict.why}".rstrip(), flush=True)
    bad = [verdict for verdict in verdicts if not verdict.ok]
    broke = sum(bool(verdict.mutant.breaks) and verdict.ok for verdict in verdicts)
    struck = sum(bool(verdict.mutant.struck) for verdict in verdicts)
    print(f"{len(verdicts) - len(bad) - struck} caught ({broke} break an invariant), {struck} struck, {len(bad)} bad")
    for verdict in bad:
        print(f"  {verdict.word} {verdict.mutant.name} ({verdict.mutant.rule}): {verdict.why}")
    return 1 if bad else 0


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description="Do the tests catch changed rules?")
    parser.add_argument("--only", action="append", metavar="NAME", help="this mutant only; may be repeated")
    parser.add_argument("--list", action="store_true", help="tell what there is, and run nothing")
    options = parser.parse_args()
    mutants = read_list()
    unknown = sorted(set(options.only or ()) - {each.name for each in mutants})
    if unknown:
        parser.error(f"no mutant named {', '.join(unknown)}; --list shows them")
    chosen = [each for each in mutants if not options.only or each.name in options.only]
    faults = [f"{each.name}: {fault}" for each in chosen for fault in faults_of(each)]
    if faults:
        print("\n".join(faults), file=sys.stderr)
        return 2
    if options.list:
        for each in chosen:
            kind = "struck" if each.struck else f"breaks {each.breaks}" if each.breaks else ""
            print(f"{each.name:46} {kind:36} {each.rule}".rstrip())
        return 0
    return play(chosen)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("interrupted; the copy is gone", file=sys.stderr)
        sys.exit(130)
