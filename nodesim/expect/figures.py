"""Does a figure of the ledger stand as an expectation demands?

`ledger: {eviction_seconds.default/lonely: "<= 400"}` names one entry, `ledger: {eviction_seconds: "<= 400"}` means
every entry.  False Unknowns and double-run time without an entry are 0, since the ledger leaves zeros out there; any
other missing entry is something that did not happen (or a wrong name), and the expectation fails.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import attrs

from nodesim.expect.timelines import compare
from nodesim.ledger import Ledger
from nodesim.spec import Comparison
from nodesim.units import MILLISECOND, format_duration

LEDGER_KEYS: Final = (
    "detection_seconds",
    "double_run_seconds",
    "eviction_seconds",
    "false_unknowns",
    "ghost_pod_seconds",
    "replacement_seconds",
    "unavailable_seconds",
)
"""The keys that an expectation can name; an entry of it follows after a dot."""

_ZERO_LEFT_OUT: Final = ("double_run_seconds", "false_unknowns")
_COUNT: Final = "false_unknowns"

_Entries: TypeAlias = dict[str, list[int | None]]


def figure_holds(key: str, comparison: Comparison, ledger: Ledger) -> tuple[bool, str]:
    """Whether the figures under a dotted key hold, and a sentence that names them.

    `detection_seconds.NODE.0` is the node's first outage, `detection_seconds.NODE` all of them; an outage that was not
    noticed fails every comparison.  The comparison counts in thousandths.
    """
    root, _, entry = key.partition(".")
    if root not in LEDGER_KEYS:
        return False, f"the ledger has no {root}; it has {', '.join(LEDGER_KEYS)}"
    entries = _entries(root, ledger)
    if entry:
        entries = _only(entry, entries)
    if not any(entries.values()):
        if root not in _ZERO_LEFT_OUT:
            return False, f"the ledger has no {key}: it did not happen"
        entries = {entry: [0]}
    figures = [(name, figure) for name, found in entries.items() for figure in found]
    bad = [(name, figure) for name, figure in figures if not _stands(root, figure, comparison)]
    shown = bad or figures
    name, figure = shown[0]
    more = f" (and {len(shown) - 1} more)" if len(shown) > 1 else ""
    return not bad, f"{root}{'.' + name if name else ''} is {_said(root, figure)}{more}"


def _stands(root: str, figure: int | None, comparison: Comparison) -> bool:
    """Compares in us, or, of a count, in thousandths."""
    if figure is None:
        return False
    if root == _COUNT:
        return compare(figure * 1000, comparison)
    return compare(figure, attrs.evolve(comparison, value=comparison.value * MILLISECOND))


def _entries(root: str, ledger: Ledger) -> _Entries:
    if root == "ghost_pod_seconds":
        return {"": [ledger.ghost_pod_us]}
    if root == "detection_seconds":
        return {name: list(figures) for name, figures in ledger.detection_us.items()}
    single = {
        "double_run_seconds": ledger.double_run_us,
        "eviction_seconds": ledger.eviction_us,
        "false_unknowns": ledger.false_unknowns,
        "replacement_seconds": ledger.replacement_us,
        "unavailable_seconds": ledger.unavailable_us,
    }[root]
    return {name: [figure] for name, figure in single.items()}


def _only(entry: str, entries: _Entries) -> _Entries:
    """Names may have dots in them: the whole rest is tried as a name before its end is taken for an index."""
    if entry in entries:
        return {entry: entries[entry]}
    name, _, index = entry.rpartition(".")
    if index.isdecimal() and name in entries:
        return {entry: entries[name][int(index) : int(index) + 1]}
    return {}


def _said(root: str, figure: int | None) -> str:
    if figure is None:
        return "null: it was not noticed"
    return str(figure) if root == _COUNT else format_duration(figure)
