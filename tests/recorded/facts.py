"""Which single facts does a timeline state?  One change of one field of one object, by names that both sides share."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Final

import attrs

from tests.recorded.inputs import Axis, Entry
from tests.recorded.names import Names, pod_names, translate

_UNSAID: Final = frozenset({"uid", "group", "affinity", "name", "service", "renew", "dur", "holder"})
"""Names of each side's own making, what the observer keeps for names, and what kubelets wrote into their leases."""
_UNRECORDED: Final = frozenset({"c.Initialized", "c.PodReadyToStartContainers"})
_NOT_OURS: Final = frozenset({"KubeAPIReadyz"})
_LEFT_OUT: Final = r"skipping Pod \S+ for Service \S+: Node \S+ Not Found"
"""One error of those that FailedToUpdateEndpointSlices joins, in the order of a Go map."""


@attrs.frozen(order=True)
class Fact:
    """At `t` seconds, `what` of `about` became `value`."""

    t: float
    about: str
    """`node/n1`, `pod/web#1`, `eps/web`, `event/Pod/web#1`."""
    what: str
    """A field, a taint, a condition, an event's reason; `made` and `gone` for the object itself."""
    value: str
    dates: tuple[float, ...] = ()
    """What dates stand in it: heartbeat and transition of a condition, a taint's timeAdded, a deletionTimestamp."""


def recorded_facts(timeline: Iterable[Entry]) -> tuple[list[Fact], Names]:
    """The facts of a recording."""
    timeline = [entry for entry in timeline if entry["k"] != "act"]
    names = pod_names(timeline)
    return _facts([(entry["t"], entry) for entry in timeline], names, float), names


def replayed_facts(facts: Iterable[Entry], axis: Axis) -> tuple[list[Fact], Names]:
    """The facts of a replay, as its observer noted them."""
    facts = list(facts)
    names = pod_names(facts)
    return _facts([(axis.seconds(entry["us"]), entry) for entry in facts], names, _seconds_of(axis)), names


def _seconds_of(axis: Axis) -> Callable[[Any], float]:
    return lambda us: axis.seconds(int(us))


def _facts(entries: list[tuple[float, Entry]], names: Names, seconds: Callable[[Any], float]) -> list[Fact]:
    found: list[Fact] = []
    taints: dict[str, list[str]] = {}
    endpoints: dict[str, dict[str, str]] = {}
    last: dict[tuple[str, str], str] = {}
    events = Events()
    everyone, names = names, dict(names)
    lasting = {
        name: shared.partition("#")[0] if shared.startswith(f"{name}#") else shared for name, shared in names.items()
    }
    """For what may come before the pod that it speaks of: a name that stays is not numbered there."""
    for t, entry in entries:
        if entry["k"] == "pod" and entry["ev"] == "A":
            # A StatefulSet's pod comes again under its name: from here on the name means this one.
            names[entry["n"]] = everyone[f"{entry['n']}/{entry['c']['uid']}"]
        kind, changed = entry["k"], entry.get("c") or {}
        if kind == "lease" and entry["ev"] != "D":
            continue
        if kind == "event":
            found += events.facts(t, entry, lasting)
            continue
        about = _about(kind, entry["n"], names)
        if entry["ev"] == "A":
            found.append(Fact(t, about, "made", ""))
        if entry["ev"] == "D":
            found.append(Fact(t, about, "gone", ""))
            taints.pop(about, None)
            last = {key: value for key, value in last.items() if key[0] != about}
        for key, item in changed.items():
            if key in _UNSAID or key in _UNRECORDED:
                continue
            if key == "ep":
                # Endpoint by endpoint: which pods one write tells of together is a matter of batches.
                now = {lasting.get(pod, pod): flags or "-" for pod, flags in (item or {}).items()}
                before = endpoints.get(about, {})
                found += [Fact(t, about, pod, flags) for pod, flags in now.items() if before.get(pod) != flags]
                found += [Fact(t, about, pod, "gone") for pod in before if pod not in now]
                endpoints[about] = now
                continue
            if key == "taints":
                added = {taint.partition("@")[0]: taint.partition("@")[2] for taint in item or ()}
                now, before = list(added), taints.get(about, [])
                found += [
                    Fact(t, about, f"taint {taint}", "on", (seconds(added[taint]),) if added[taint] else ())
                    for taint in now
                    if taint not in before
                ]
                found += [Fact(t, about, f"taint {taint}", "off") for taint in before if taint not in now]
                taints[about] = now
                continue
            value = _value(kind, key, item, names)
            if last.get((about, key)) != value:  # Else only a heartbeat or a time of transition is new.
                found.append(Fact(t, about, key, value, _dates(key, item, seconds)))
            last[about, key] = value
    return found


def _about(kind: str, name: str, names: Names) -> str:
    if kind == "pod":
        return f"pod/{names.get(name, name)}"
    return f"{kind}/{name.rsplit('-', 1)[0]}" if kind == "eps" else f"{kind}/{name}"


def _value(kind: str, key: str, item: Any, names: Names) -> str:
    if key.startswith("c.") and isinstance(item, list):
        return " / ".join(str(part) for part in item[:3] if part)
    if key == "del":
        return "set"
    if key == "labels":
        return ",".join(f"{name}={label}" for name, label in sorted(item.items()))
    return str(item)


def _dates(key: str, item: Any, seconds: Callable[[Any], float]) -> tuple[float, ...]:
    if key.startswith("c.") and isinstance(item, list):
        return tuple(seconds(date) for date in item[3:] if date is not None)
    return (seconds(item),) if key == "del" and item is not None else ()


class Events:
    """The events of one side, and how often each was repeated.

    A text that joins errors in the order of a Go map is compared with its errors sorted.  What the recorder took for
    several texts is one then, and is counted as one.
    """

    def __init__(self) -> None:
        self._known: dict[str, Entry] = {}
        self._counts: dict[str, int] = {}
        self._totals: Counter[tuple[str, str]] = Counter()

    def facts(self, t: float, entry: Entry, names: Names) -> list[Fact]:
        """What a new event, or one more of the same, says."""
        name, changed = entry["n"], entry.get("c") or {}
        if entry["ev"] == "A":
            self._known[name] = changed
        known = self._known.get(name)
        if known is None or known["reason"] in _NOT_OURS or entry["ev"] == "D":
            return []
        about, message = f"event/{translate(known['obj'], names)}", translate(known["msg"] or "", names)
        count = changed.get("count")
        if known["reason"] == "FailedToUpdateEndpointSlices":
            message = in_order(message)
            self._totals[about, message] += count - self._counts.get(name, 0)
            self._counts[name], count = count, self._totals[about, message]
        uid = "" if known.get("ouid") else " without uid"
        repeat = "" if count == 1 or (entry["ev"] == "A" and count is None) else f" x{count}"
        return [Fact(t, about, f"{known['reason']}: {message}", f"{known['type']} {known['src']}{uid}{repeat}")]


def in_order(message: str) -> str:
    """A text with the errors that it joins sorted; nothing of it is lost."""
    return re.sub(
        rf"\[({_LEFT_OUT})(, {_LEFT_OUT})+\]",
        lambda joined: f"[{', '.join(sorted(re.findall(_LEFT_OUT, joined[0])))}]",
        message,
    )
