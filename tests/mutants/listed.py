"""Which changes of one rule do the tests have to notice?

`mutants.yaml` is a list; `Mutant` says what an entry has, and `faults_of` what is wrong with one.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any, Final

import attrs
import yaml

from nodesim.expect import INVARIANTS

ROOT: Final = Path(__file__).parent.parent.parent
LIST: Final = Path(__file__).parent / "mutants.yaml"

WORLD_INVARIANTS: Final = {
    "store-model": "tests/apiserver/test_store_model.py",
    "within-allocatable": "tests/scheduler/test_against_checker.py",
    "one-trace": "tests/scenario/test_determinism.py",
    "quiet-is-quiet": "tests/controllers/nodelifecycle/test_skip_quiet.py",
    "replay": "tests/apiserver/test_replay.py",
    "in-order": "tests/world/test_world.py",
    "draws-apart": "tests/scenario/test_determinism.py",
}
"""What holds in every world, beside the invariants of a run, and the file of the tests that hold it:

* store-model: the server's store does what a model of it does; versions rise, and no two writes have one;
* within-allocatable: no binding breaks a filter; requests on a node never exceed its allocatable;
* one-trace: however a run is made, its trace is the same to the byte;
* quiet-is-quiet: a look that is left out would have changed nothing;
* replay: a list and a watch from its version end with what the store has;
* in-order: what one actor sends to another arrives in the order in which it was sent;
* draws-apart: one node more leaves the draws of the others as they were.
"""

RUN_INVARIANTS_FILE: Final = "tests/scenario/test_invariants.py"


@attrs.frozen(kw_only=True)
class Mutant:
    """One rule, changed."""

    name: str
    rule: str
    """What holds in the unchanged code."""
    file: str
    old: str
    """Text that is in the file exactly once."""
    new: str
    caught_by: tuple[str, ...]
    """Files or node ids of tests that have to fail."""
    breaks: str = ""
    """The invariant that the change breaks, one of a run or of `WORLD_INVARIANTS`."""
    breaks_in: tuple[str, ...] = ()
    """The tests of that invariant that have to fail."""
    struck: str = ""
    """Why no test can notice the change: it is equivalent."""

    @property
    def selection(self) -> tuple[str, ...]:
        """All that is to be run."""
        return tuple(dict.fromkeys((*self.caught_by, *self.breaks_in)))

    def mutated(self, text: str) -> str:
        """The file's text with the change."""
        return text.replace(self.old, self.new)


def read_list(text: str | None = None) -> list[Mutant]:
    """All mutants in the order of the list."""
    rows = yaml.safe_load(LIST.read_text(encoding="utf-8") if text is None else text)
    return [_mutant(row) for row in rows]


def _mutant(row: dict[str, Any]) -> Mutant:
    lists: dict[str, Any] = {key: tuple(row.pop(key, ())) for key in ("caught_by", "breaks_in")}
    return Mutant(**row, **lists)


def faults_of(mutant: Mutant) -> list[str]:
    """What is wrong with an entry of the list."""
    path = ROOT / mutant.file
    if not path.is_file():
        return [f"there is no {mutant.file}"]
    text = path.read_text(encoding="utf-8")
    faults = []
    if text.count(mutant.old) != 1:
        faults.append(f"the old text is {text.count(mutant.old)} times in {mutant.file}")
    if mutant.mutated(text) == text:
        faults.append("nothing changes")
    else:
        try:
            ast.parse(mutant.mutated(text))
        except SyntaxError as broken:
            faults.append(f"the new text is no Python: {broken}")
    if not mutant.caught_by:
        faults.append("it names no test")
    for each in mutant.selection:
        if not (ROOT / each.partition("::")[0]).is_file():
            faults.append(f"there is no {each}")
    return faults + _faults_of_claim(mutant)


def _faults_of_claim(mutant: Mutant) -> list[str]:
    """The invariant is known, and the tests are its tests."""
    if not mutant.breaks:
        return ["it names tests of an invariant but no invariant"] if mutant.breaks_in else []
    where = RUN_INVARIANTS_FILE if mutant.breaks in INVARIANTS else WORLD_INVARIANTS.get(mutant.breaks)
    if where is None:
        return [f"there is no invariant {mutant.breaks!r}"]
    strangers = [each for each in mutant.breaks_in if each.partition("::")[0] != where]
    return [f"{each} does not judge {mutant.breaks}" for each in strangers] or (
        [] if mutant.breaks_in else [f"it names no test of {mutant.breaks}"]
    )
