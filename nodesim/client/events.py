"""How does a component write Kubernetes events?

The first of a kind is a POST, a repeat (same object, reason and message) a PATCH that raises `count`.
Source: client-go tools/record `recordToSink`, tools/record/events_cache.go `eventLogger`.
"""

from __future__ import annotations

from typing import Final

from nodesim.clocks import TRUE_CLOCK, Clock
from nodesim.machine import Call
from nodesim.messages import Create, Patch
from nodesim.objects import encode_document, whole_second

_API_VERSIONS: Final = dict.fromkeys(("DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"), "apps/v1") | {
    "Job": "batch/v1"
}
"""Of kinds that are not of the core group."""


class EventRecorder:
    """Makes the calls for one component's events, dated by its clock.

    Answers to them (tag `("event", n)`) need no handling.
    """

    def __init__(self, component: str, clock: Clock = TRUE_CLOCK) -> None:
        self.component = component
        self.clock = clock
        self._made = 0
        self._known: dict[tuple[str, ...], tuple[str, str, int]] = {}

    def event(
        self, now_us: int, kind: str, namespace: str, name: str, uid: str, type_: str, reason: str, message: str
    ) -> Call:
        """The call that writes one event about an object; `uid` may be "" where Kubernetes leaves it out."""
        self._made += 1
        tag = ("event", self._made)
        key = (kind, namespace, name, uid, type_, reason, message)
        second = whole_second(self.clock.wall_us(now_us))
        where = namespace or "default"
        if key in self._known:
            event_name, where, count = self._known[key]
            self._known[key] = (event_name, where, count + 1)
            change = {"count": count + 1, "lastTimestamp": second}
            return Call(tag, Patch("events", where, event_name, "", "strategic", encode_document(change)))
        event_name = f"{name}.{self.component}.{now_us:x}.{self._made:x}"
        self._known[key] = (event_name, where, 1)
        about = {"kind": kind, "name": name, "apiVersion": _API_VERSIONS.get(kind, "v1")}
        if namespace:
            about["namespace"] = namespace
        if uid:
            about["uid"] = uid
        document = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": event_name, "namespace": where},
            "involvedObject": about,
            "reason": reason,
            "message": message,
            "type": type_,
            "source": {"component": self.component},
            "firstTimestamp": second,
            "lastTimestamp": second,
            "count": 1,
            "eventTime": None,
            "reportingComponent": self.component,
            "reportingInstance": "",
        }
        return Call(tag, Create("events", where, encode_document(document)))
