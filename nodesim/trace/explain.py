"""Why did each thing happen to one object?

How it works.  Every record about the object is told in order of time, each with what led to it.  That is its chain of
causes, as far as the records name them.  Where a chain ends in a decision of a rhythm (a pass of the node controller, a
timer of the kubelet), which nobody caused, the record that this decision rests on is found by its meaning: a node was
marked Unknown because it had been cut off, a container stopped because its kubelet had learned of the deletion.  Such
steps are marked as inferred.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Final, TypeAlias

import attrs

from nodesim.trace.causes import CHAIN_MAX
from nodesim.trace.evidence import Evidence
from nodesim.trace.records import TraceRecord
from nodesim.trace.truth import NODE_ACTOR

Fits: TypeAlias = Callable[[TraceRecord], bool]


@attrs.frozen
class Reason:
    """What led to something; `inferred`: no record says so, the meaning of the records does.

    `told`: this was explained above, and nothing follows.
    """

    record: TraceRecord
    inferred: bool
    told: bool


@attrs.frozen
class Happening:
    """A record about the object, and what led to it, the nearest first."""

    record: TraceRecord
    reasons: tuple[Reason, ...]


def objects_named(evidence: Evidence, wanted: str) -> list[str]:
    """The objects that a person may mean by `Pod/default/web-0`, `pod/web-0`, `default/web-0` or `web-0`."""
    known = sorted({record.object for record in evidence.records if record.object})
    if wanted in known:
        return [wanted]
    if not wanted.strip("/"):
        return []  # A zone without a name is no answer to nothing.
    parts = wanted.lower().split("/")
    return [name for name in known if _is_meant(name.lower().split("/"), parts)]


def near_objects(evidence: Evidence, wanted: str) -> list[str]:
    """Objects whose names are like the one that is not there."""
    last = wanted.rpartition("/")[2]
    by_name: dict[str, list[str]] = {}
    for name in sorted({record.object for record in evidence.records if record.object}):
        by_name.setdefault(name.rpartition("/")[2], []).append(name)
    return [name for near in get_close_matches(last, by_name, n=3) for name in by_name[near]]


def _is_meant(name: list[str], wanted: list[str]) -> bool:
    """The last parts are the same, or the kind and the name are."""
    return name[-len(wanted) :] == wanted or (len(wanted) == 2 and [name[0], name[-1]] == wanted)


def explain(evidence: Evidence, object_: str) -> list[Happening]:
    """All that happened to an object, in order of time, and why."""
    search = _Search(evidence)
    told: dict[str, None] = {}
    happenings = []
    for record in evidence.records:
        if record.object != object_:
            continue
        happenings.append(Happening(record, tuple(search.reasons(record, told))))
        told[record.id] = None
    return happenings


class _Search:
    """Finds what led to a record."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._known = {record.id: record for record in evidence.records}
        self._about: dict[str, list[TraceRecord]] = {}
        for record in evidence.records:
            self._about.setdefault(record.object, []).append(record)

    def reasons(self, record: TraceRecord, told: dict[str, None]) -> Iterable[Reason]:
        """The way back to the root, or to what was told before; takes what it tells into `told`."""
        seen = {record.id}
        at: TraceRecord | None = record
        for _ in range(CHAIN_MAX):
            assert at is not None
            led, inferred = self._led_to(at)
            if led is None or led.id in seen:
                return
            again = led.id in told
            yield Reason(led, inferred, again)
            if again:
                return
            seen.add(led.id)
            told[led.id] = None
            at = led

    def _led_to(self, record: TraceRecord) -> tuple[TraceRecord | None, bool]:
        named = self._known.get(record.cause)
        # A kubelet hears of a deletion by a new list, too, and that was caused by a connection, not by the deletion.
        if named is not None and (record.kind != "PodDeletionSeen" or named.object == record.object):
            return named, False
        inferred = self._inferred(record)
        return (inferred, True) if inferred is not None else (named, False)

    def _inferred(self, record: TraceRecord) -> TraceRecord | None:
        if record.kind == "NodeStatusUnknown":
            outage = self._evidence.truth.latest_outage(record.object.partition("/")[2], record.t_us)
            return self._known.get(outage.record) if outage is not None else None
        if record.kind == "PodDeletionSeen":
            return self._last(record, lambda other: _asks_for_deletion(other, str(record.fields.get("uid", ""))))
        if record.kind == "ContainerStarted":
            return self._last(record, lambda other: _binds(other, str(record.fields.get("uid", ""))))
        wanted = _RESTS_ON.get(record.kind)
        if wanted is None or (record.kind == "ContainerStopped" and record.fields.get("why") == "exited"):
            return None
        return self._last(record, lambda other: other.kind in wanted and _same_pod(other, record))

    def _last(self, record: TraceRecord, fits: Fits) -> TraceRecord | None:
        """The last record about the same object before this one that fits."""
        found = None
        for other in self._about.get(record.object, ()):
            if other.t_us > record.t_us or other is record:
                break
            if fits(other):
                found = other
        return found


_RESTS_ON: Final = {
    "TaintGranted": ("TaintQueued", "NodeStatusUnknown"),
    "TaintSkipped": ("TaintQueued",),
    "ContainerStopped": ("PodDeletionSeen",),
}
"""Decisions of a rhythm, and on what about the same object they rest."""


def _asks_for_deletion(record: TraceRecord, uid: str) -> bool:
    if record.kind not in ("ObjectModified", "ObjectDeleted") or record.fields.get("uid") != uid:
        return False
    return record.kind == "ObjectDeleted" or record.fields.get("state", {}).get("deletion_us") is not None


def _binds(record: TraceRecord, uid: str) -> bool:
    """Did the pod's object get its node here?"""
    fields = record.fields
    made = record.kind in ("ObjectCreated", "ObjectModified") and fields.get("uid") == uid
    return made and bool(fields.get("state", {}).get("node"))


def _same_pod(one: TraceRecord, other: TraceRecord) -> bool:
    """Both are about the same incarnation, and of one node's own where both are a node's."""
    if one.actor.startswith(NODE_ACTOR) and other.actor.startswith(NODE_ACTOR) and one.actor != other.actor:
        return False
    return one.fields.get("uid") == other.fields.get("uid")
