"""Every case of Kubernetes' own unit tests that we have as data is played by some test, by its name or its place."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any, Final, TypeAlias

from tests.upstream import chosen, section

Place: TypeAlias = tuple[str | int, ...]

TESTS: Final = Path(__file__).parent

REMARKS: Final = {"note", "asserted", "harness"}
"""Keys of texts that say what a section means."""

NOT_PLAYED: Final[dict[Place, str]] = {
    ("meta", "T15"): "an instant, read by name",
    ("meta", "T17"): "an instant, read by name",
    ("meta", "C12"): "an instant, read by name",
    ("meta", "pod0"): "a description of the pod that the tests of passes make",
    ("mark_pods_not_ready", "retry", "node_by_pass"): "a description of the passes, which the test makes",
    ("mark_pods_not_ready", "retry", "cases", 2): "a LIST of pods that fails: here they are listed from memory",
    ("taint_eviction", "taints"): "a description of the taints of the cases",
    ("taint_eviction", "filter", "out"): "says which of `filter.in` stay, as the test does",
    ("taint_eviction", "eventual_consistency", 4): "a remark",
}
"""What no test reads, and why."""


def leaves(found: Any, place: Place = ()) -> list[Place]:
    """The places of all cases: items of lists, and what stands in mappings outside of them."""
    if isinstance(found, list):
        return [(*place, index) for index in range(len(found))]
    if isinstance(found, dict) and place and not any(isinstance(each, dict | list) for each in found.values()):
        return [place]
    if isinstance(found, dict):
        return [leaf for key, each in found.items() if key not in REMARKS for leaf in leaves(each, (*place, key))]
    return [place]


def calls(path: Path) -> list[tuple[Place, dict[str, str]]]:
    """The arguments of `section` and `table` in a file of tests."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("section", "table"):
            place = tuple(ast.literal_eval(each) for each in node.args)
            found.append((place, {str(word.arg): ast.literal_eval(word.value) for word in node.keywords}))
    return found


def played() -> set[Place]:
    """What the tests ask for: whole sections, or cases of them."""
    places: set[Place] = set()
    for path in sorted(TESTS.rglob("test_*.py")):
        if path.name != Path(__file__).name and "from tests.upstream import" in path.read_text(encoding="utf-8"):
            for place, words in calls(path):
                if words:
                    having, but = words.get("having", ""), words.get("but", "")
                    rows = enumerate(section(*place))
                    places |= {(*place, index) for index, case in rows if chosen(case, having, but)}
                elif place != ("meta",):  # Instants are looked up in it by name.
                    places.add(place)
    return places


def test_every_case_is_played() -> None:
    """Those that no test asks for are listed, with the reason; and no others."""
    asked = played()
    left_out = {
        leaf
        for leaf in leaves(section())
        if not any(leaf[: len(place)] == place or place[: len(leaf)] == leaf for place in asked)
    }
    excused = {leaf: [place for place in NOT_PLAYED if leaf[: len(place)] == place] for leaf in left_out}
    assert [leaf for leaf, places in excused.items() if not places] == []
    assert set(NOT_PLAYED) - {place for places in excused.values() for place in places} == set()


def test_what_tests_ask_for_is_there() -> None:
    """And there is a lot of it."""
    for place in played():
        assert section(*place) is not None, place
    assert len(leaves(section())) > 130
