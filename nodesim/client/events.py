"""How does a component write Kubernetes events?

The first of a kind is a POST, a repeat (same object, reason and message) a PATCH that raises `count`; where the API
server no longer has it (events expire), it is made anew, under its old name and with its count.
Source: client-go tools/record/event.go `recordEvent`, tools/record/events_cache.go `eventLogger.eventObserve`.
"""

from __future__ import annotations

from typing import Final

import attrs

from nodesim.clocks import TRUE_CLOCK, Clock
from nodesim.machine import Call
from nodesim.messages import Create, Patch
from nodesim.objects import encode_document, whole_second

_API_VERSIONS: Final = dict.fromkeys(("DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"), "apps/v1") | {
    "Job": "batch/v1",
    "Lease": "coordination.k8s.io/v1",
}
"""Of kinds that are not of the core group."""


@attrs.define
class _Observed:
    """What is known of an event that was written."""

    name: str
    first_us: int
    """Its firstTimestamp."""
    count: int = 0


class EventRecorder:
    """Makes the calls for one component's events, dated by its clock.

    Answers to them (tag `("event", n)`) need no handling.
    """

    def __init__(self, component: str, clock: Clock = TRUE_CLOCK) -> None:
        self.component = component
        self.clock = clock
        self._word = component.lower().replace("_", "-")
        """Its name as part of an object's name."""
        self._made = 0
        self._known: dict[tuple[str, ...], _Observed] = {}

    def event(
        self, now_us: int, kind: str, namespace: str, name: str, uid: str, type_: str, reason: str, message: str
    ) -> Call:
        """The call that writes one event about an object; `uid` may be "" where Kubernetes leaves it out."""
        self._made += 1
        tag = ("event", self._made)
        key = (kind, namespace, name, uid, type_, reason, message)
        second = whole_second(self.clock.wall_us(now_us))
        where = namespace or "default"
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = _Observed(f"{name}.{self._word}.{now_us:x}.{self._made:x}", second)
        known.count += 1
        about = {"kind": kind, "name": name, "apiVersion": _API_VERSIONS.get(kind, "v1")}
        if namespace:
            about["namespace"] = namespace
        if uid:
            about["uid"] = uid
        document = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": known.name, "namespace": where},
            "involvedObject": about,
            "reason": reason,
            "message": message,
            "type": type_,
            "source": {"component": self.component},
            "firstTimestamp": known.first_us,
            "lastTimestamp": second,
            "count": known.count,
            "eventTime": None,
            "reportingComponent": self.component,
            "reportingInstance": "",
        }
        create = Create("events", where, encode_document(document))
        if known.count == 1:
            return Call(tag, create)
        change = {"count": known.count, "lastTimestamp": second}
        patch = Patch("events", where, known.name, "", "strategic", encode_document(change))
        return Call(tag, patch, if_missing=create)
