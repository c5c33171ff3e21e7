"""What did the cluster believe about each object, and from when to when?

Folds the API server's records: `ObjectCreated` carries the whole summary, `ObjectModified` the keys that changed,
`ObjectDeleted` ends the object.  A name that is used again with another uid is another incarnation.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Any, Final, TypeAlias

import attrs

from nodesim.clocks import TRUE_CLOCK, Clock, Stretch
from nodesim.trace.records import TraceRecord
from nodesim.values import value

State: TypeAlias = dict[str, Any]
"""The summary of an object, as `docs/records.md` lists its keys."""

API_SERVER: Final = "apiserver"

_INSTANT: Final = attrgetter("t_us")


@value
class Sight:
    """What an object was from `t_us` on; `state` None: it was gone.  `by` asked for the change."""

    t_us: int
    state: State | None
    record: str
    by: str


@attrs.define
class Incarnation:
    """One object from its creation to its end: a uid under a name (`Kind/name` or `Kind/namespace/name`)."""

    object: str
    uid: str
    sights: list[Sight] = attrs.Factory(list)

    @property
    def created_us(self) -> int:
        """When it appeared."""
        return self.sights[0].t_us

    @property
    def deleted_us(self) -> int | None:
        """When it went; None: it is still there."""
        last = self.sights[-1]
        return last.t_us if last.state is None else None

    @property
    def last_state(self) -> State:
        """The last summary before it went, or the newest."""
        for sight in reversed(self.sights):
            if sight.state is not None:
                return sight.state
        return {}

    def state_at(self, t_us: int) -> State | None:
        """The summary after all events of an instant; None: not there."""
        place = bisect_right(self.sights, t_us, key=_INSTANT)
        return self.sights[place - 1].state if place else None

    def deletion_request(self) -> Sight | None:
        """The first sight with a deletionTimestamp, or the end of an object that never had one."""
        for sight in self.sights:
            if sight.state is None or sight.state.get("deletion_us") is not None:
                return sight
        return None

    def over_us(self) -> int | None:
        """From when on nothing of a pod should run: its object is gone or its deletionTimestamp has passed."""
        for place, sight in enumerate(self.sights):
            if sight.state is None:
                return sight.t_us
            deletion_us = sight.state.get("deletion_us")
            if deletion_us is None:
                continue
            over_us = max(sight.t_us, int(deletion_us))
            if place + 1 == len(self.sights) or over_us < self.sights[place + 1].t_us:
                return over_us
        return None


@attrs.define
class Belief:
    """All objects that the API server ever had."""

    incarnations: dict[str, list[Incarnation]] = attrs.Factory(dict)
    """By `Kind/name` or `Kind/namespace/name`, oldest first."""
    _by_uid: dict[tuple[str, str], Incarnation] = attrs.Factory(dict)
    _clock: Clock = TRUE_CLOCK
    """The API server's, so that a deletionTimestamp is known as an instant of the run."""

    def of_kind(self, kind: str) -> Iterator[Incarnation]:
        """Every incarnation of a kind, in name order, then oldest first."""
        prefix = kind + "/"
        for name in sorted(name for name in self.incarnations if name.startswith(prefix)):
            yield from self.incarnations[name]

    def find(self, object_: str, uid: str) -> Incarnation | None:
        """The incarnation with this name and uid."""
        return self._by_uid.get((object_, uid))

    def sights(self, object_: str) -> list[Sight]:
        """Everything believed under one name, all incarnations, in order; of one instant only the last."""
        found: list[Sight] = []
        for incarnation in self.incarnations.get(object_, ()):
            for sight in incarnation.sights:
                if found and found[-1].t_us == sight.t_us:
                    found.pop()
                found.append(sight)
        return found

    def state_at(self, object_: str, t_us: int) -> State | None:
        """What is believed of a name after all events of an instant; None: no such object."""
        for incarnation in reversed(self.incarnations.get(object_, ())):
            if incarnation.created_us <= t_us:
                return incarnation.state_at(t_us)
        return None

    def add(self, record: TraceRecord) -> None:
        """Take in one record; records of other actors and events change nothing."""
        kind = record.kind
        if kind == "ClockChanged" and record.object == f"Component/{API_SERVER}":
            stretch = Stretch(record.t_us, int(record.fields["offset_us"]), int(record.fields["drift_ppm"]))
            self._clock = self._clock.then(stretch)
        if record.actor != API_SERVER or kind not in ("ObjectCreated", "ObjectModified", "ObjectDeleted"):
            return
        fields = record.fields
        incarnation = self._incarnation(record)
        if incarnation is None:
            return
        before = incarnation.sights[-1].state if incarnation.sights else None
        after: State | None = None
        if kind != "ObjectDeleted":
            after = {**(before or {}), **fields.get("state", {})}
            if fields.get("state", {}).get("deletion_us") is not None:
                after["deletion_us"] -= self._clock.stretch(record.t_us).offset_at_us(record.t_us)
        incarnation.sights.append(Sight(record.t_us, after, record.id, str(fields.get("by", ""))))

    def _incarnation(self, record: TraceRecord) -> Incarnation | None:
        """The incarnation that a record is about, new where one begins; a deletion alone begins none."""
        key = (record.object, str(record.fields.get("uid", "")))
        found = self._by_uid.get(key)
        if record.kind == "ObjectDeleted" or (found is not None and record.kind == "ObjectModified"):
            return found
        found = self._by_uid[key] = Incarnation(*key)
        self.incarnations.setdefault(record.object, []).append(found)
        return found


def believe(records: Iterable[TraceRecord]) -> Belief:
    """Fold records, which must be in order, into what the cluster believed."""
    belief = Belief()
    for record in records:
        if record.actor == API_SERVER or record.kind == "ClockChanged":
            belief.add(record)
    return belief


def ready_status(state: State | None) -> str:
    """A node's Ready status: `True`, `False`, `Unknown`; "" without the node or the condition."""
    return condition_status(state, "Ready")


def condition_status(state: State | None, type_: str) -> str:
    """The status of one of a node's conditions; "" without the node or the condition."""
    if state is None:
        return ""
    return str(state.get("conditions", {}).get(type_, {}).get("status", ""))
