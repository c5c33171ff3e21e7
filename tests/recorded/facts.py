"""Which single facts does a timeline state?  One change of one field of one object, by names that both sides share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import attrs

from tests.recorded.inputs import Axis, Entry
from tests.recorded.names import Names, pod_names, translate

_UNSAID: Final = frozenset(
    {"uid", "tol", "own", "group", "affinity", "name", "service", "renew", "ouid", "dur", "holder"}
)
_UNRECORDED: Final = frozenset({"c.Initialized", "c.PodReadyToStartContainers"})
_NOT_OURS: Final = frozenset({"KubeAPIReadyz"})


@attrs.frozen(order=True)
class Fact:
    """At `t` seconds, `what` of `about` became `value`."""

    t: float
    about: str
    """`node/n1`, `pod/web#1`, `eps/web`, `event/Pod/web#1`."""
    what: str
    """A field, a taint, a condition, an event's reason; `made` and `gone` for the object itself."""
    value: str


def recorded_facts(timeline: Iterable[Entry]) -> tuple[list[Fact], Names]:
    """The facts of a recording."""
    timeline = [entry for entry in timeline if entry["k"] != "act"]
    names = pod_names(timeline)
    return _facts([(entry["t"], entry) for entry in timeline], names), names


def replayed_facts(facts: Iterable[Entry], axis: Axis) -> tuple[list[Fact], Names]:
    """The facts of a replay, as its observer noted them."""
    facts = list(facts)
    names = pod_names(facts)
    return _facts([(axis.seconds(entry["us"]), entry) for entry in facts], names), names


def _facts(entries: list[tuple[float, Entry]], names: Names) -> list[Fact]:
    found: list[Fact] = []
    taints: dict[str, list[str]] = {}
    endpoints: dict[str, dict[str, str]] = {}
    last: dict[tuple[str, str], str] = {}
    events: dict[str, Entry] = {}
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
            found += _event(t, entry, events, lasting)
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
                now = [taint.split("@")[0] for taint in item or ()]
                before = taints.get(about, [])
                found += [Fact(t, about, f"taint {taint}", "on") for taint in now if taint not in before]
                found += [Fact(t, about, f"taint {taint}", "off") for taint in before if taint not in now]
                taints[about] = now
                continue
            value = _value(kind, key, item, names)
            if last.get((about, key)) != value:  # Else only a heartbeat or a time of transition is new.
                found.append(Fact(t, about, key, value))
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


def _event(t: float, entry: Entry, events: dict[str, Entry], names: Names) -> list[Fact]:
    if entry["ev"] == "A":
        events[entry["n"]] = entry["c"]
    known = events.get(entry["n"])
    if known is None or known["reason"] in _NOT_OURS or entry["ev"] == "D":
        return []
    about = f"event/{translate(known['obj'], names)}"
    message = translate(known["msg"] or "", names)
    repeat = "" if entry["ev"] == "A" else f" x{entry['c'].get('count')}"
    return [Fact(t, about, f"{known['reason']}: {message}", f"{known['type']} {known['src']}{repeat}")]
