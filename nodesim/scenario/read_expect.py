"""When must an expectation hold: how are `spec.expect` and its times read?"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from nodesim.profiles import PROFILES
from nodesim.scenario.figures import duration, positive_duration
from nodesim.scenario.flow import one_line
from nodesim.scenario.read_settings import read_settings
from nodesim.scenario.read_subjects import SUBJECT_FORM, SUBJECT_KEYS, read_subjects
from nodesim.scenario.reading import Cursor, Fields, boolean, choice, fields, items
from nodesim.scenario.targets import Cluster
from nodesim.scenario.yamltree import ListTree
from nodesim.spec import Expectation, Subject
from nodesim.units import format_duration

WHEN: Final = ("at", "within", "by", "always", "never", "eventually", "stableFor")
EXPECT_KEYS: Final = (*SUBJECT_KEYS, *WHEN, "from", "until", "after", "profiles", "settings")
EXPECT_FORM: Final = "an expectation such as {node: worker-1, condition: {Ready: Unknown}, by: 3m}"
_WINDOW_FORM: Final = "a window such as [2m, 3m]"


def read_expect(cursor: Cursor, cluster: Cluster) -> tuple[Expectation, ...]:
    """All expectations; an item with several claims makes one for each."""
    made: list[Expectation] = []
    for item in items(cursor, f"a list of expectations such as [{EXPECT_FORM[len('an expectation such as ') :]}]"):
        found = fields(item, EXPECT_KEYS, EXPECT_FORM)
        if found is None:
            continue
        claims = read_subjects(found, cluster)
        about = next((kind for kind in ("ledger", "invariant") if kind in found), "")
        when = _when(found, about)
        after = found.maybe("after", partial(_after, cluster=cluster))
        profiles: tuple[str, ...] = found.optional("profiles", _profiles, ())
        settings: dict[str, int | str | bool] = found.optional("settings", partial(read_settings, whole=False), {})
        if when is None:
            continue
        for claim in claims:
            made.append(
                Expectation(
                    subject=claim.subject,
                    text=one_line(item.tree, claim.others, claim.instead),
                    after=after,
                    profiles=profiles,
                    settings=settings,
                    line=item.tree.mark.line,
                    column=item.tree.mark.column,
                    **when,
                )
            )
    return tuple(made)


def _after(cursor: Cursor, cluster: Cluster) -> Subject | None:
    found = fields(cursor, SUBJECT_KEYS, SUBJECT_FORM)
    if found is None:
        return None
    for key in ("ledger", "invariant"):
        if key in found:
            cursor.fault(f"{key!r} does not become true at an instant: expected {SUBJECT_FORM}", found.key_mark(key))
            return None
    claims = read_subjects(found, cluster)
    if len(claims) > 1:
        cursor.fault("claims several things; times can count from one only")
    return claims[0].subject if len(claims) == 1 else None


def _profiles(cursor: Cursor) -> tuple[str, ...]:
    listed = items(cursor, "a list of profiles such as [v1.36]")
    known = tuple(PROFILES)
    profiles = [choice(item, known) for item in listed]
    if type(cursor.tree) is ListTree and not listed:
        cursor.fault("names no profile: leave the key out for all of them")
    return tuple(profile for profile in profiles if profile is not None)


def _when(found: Fields, about: str) -> dict[str, Any] | None:
    """The fields of an `Expectation` that say when; None after a fault."""
    given = [key for key in WHEN if key in found]
    if about == "ledger":
        return _ledger_when(found, given)
    if about == "invariant":
        if given not in ([], ["always"]):
            found.cursor.fault(f"an invariant holds always; remove {', '.join(given)}")
            return None
        given = given or ["always"]
    if len(given) != 1:
        what = "does not say when" if not given else f"says when in several ways ({', '.join(given)})"
        found.cursor.fault(f"{what}: expected exactly one of {', '.join(WHEN)}, such as at: 9m or within: [2m, 3m]")
        return None
    way = given[0]
    if way not in ("always", "never"):
        for key in ("from", "until"):
            if key in found:
                found.cursor.fault(f"{key!r} goes with always and never only, not with {way!r}", found.key_mark(key))
    match way:
        case "at":
            at_us = found.maybe("at", duration)
            return None if at_us is None else {"when": "at", "at_us": at_us}
        case "within":
            return found.maybe("within", _window)
        case "by":
            until_us = found.maybe("by", duration)
            return None if until_us is None else {"when": "by", "until_us": until_us}
        case "stableFor":
            stable_us = found.maybe("stableFor", positive_duration)
            return None if stable_us is None else {"when": "stable", "stable_us": stable_us}
        case "eventually":
            return {"when": "eventually"} if _flag(found, way) else None
        case _:
            return _span(found, way)


def _ledger_when(found: Fields, given: list[str]) -> dict[str, Any] | None:
    """The ledger is closed when the run ends: there is no other instant at which to judge it."""
    strange = [key for key in (*given, "from", "until", "after") if key in found and key != "eventually"]
    for key in strange:
        found.cursor.fault(f"the ledger is judged at the run's end; remove {key!r}", found.key_mark(key))
    if strange or ("eventually" in found and not _flag(found, "eventually")):
        return None
    return {"when": "eventually"}


def _flag(found: Fields, key: str) -> bool:
    cursor = found.get(key)
    if cursor is None:
        return True
    said = boolean(cursor)
    if said is False:
        opposite = {"always": "never", "never": "always"}.get(key)
        cursor.fault(
            f"expected {key}: true" + (f", or {opposite}: true" if opposite else ", or another way to say when")
        )
    return bool(said)


def _span(found: Fields, way: str) -> dict[str, Any] | None:
    from_us = found.optional("from", duration, 0)
    until_us = found.maybe("until", duration)
    if until_us is not None and until_us < from_us:
        cursor = found.get("until")
        assert cursor is not None
        cursor.fault(f"ends ({format_duration(until_us)}) before it begins ({format_duration(from_us)})")
    return {"when": way, "from_us": from_us, "until_us": until_us} if _flag(found, way) else None


def _window(cursor: Cursor) -> dict[str, Any] | None:
    before = len(cursor.faults)
    ends = items(cursor, _WINDOW_FORM)
    if len(ends) != 2:
        if len(cursor.faults) == before:
            cursor.fault(f"expected {_WINDOW_FORM}, got {len(ends)} times")
        return None
    begin_us, end_us = duration(ends[0]), duration(ends[1])
    if begin_us is None or end_us is None:
        return None
    if end_us < begin_us:
        cursor.fault(f"ends ({format_duration(end_us)}) before it begins ({format_duration(begin_us)})")
        return None
    return {"when": "within", "from_us": begin_us, "until_us": end_us}
