"""Which facts may come in another order?  Those of which `inputs.yaml` says that they raced, and why.

Single races are listed with each recording: deletions by timers of equal length, pods of a node in the order of a Go
map, nodes of one pass.  What follows from each of them races, too.  For all recordings it says that independent
controllers race at start-up, and that endpoint slices have a worker of their own.
"""

from __future__ import annotations

import re
from typing import Final

import attrs

from tests.recorded.facts import Fact
from tests.recorded.inputs import Recording

START_UP_SECONDS: Final = 3.0
"""By then all that the manifests asked for runs."""
FOLLOWS_SECONDS: Final = 0.5
"""What a race decides is over that long after it."""

_WRITERS: Final = {
    "made": "owner",
    "phase": "kubelet",
    "node": "scheduler",
    "c.PodScheduled": "scheduler",
    "c.Ready": "kubelet",
    "c.ContainersReady": "kubelet",
}


@attrs.frozen
class Races:
    """The races of one recording."""

    run: Recording

    def between(self, one: Fact, other: Fact) -> bool:
        """Is their order nobody's?"""
        return (
            _told_in_one_pass(self.run, one, other)
            or _starting_up(one, other)
            or _slice_against_others(one, other)
            or (
                _pod(one) != _pod(other)
                and any(_in(window, one) and _in(window, other) for window in self._deletions())
            )
        )

    def _deletions(self) -> list[tuple[float, float]]:
        """From the first to the last of deletions that raced."""
        return [
            (min(race["observed_at"]), max(race["observed_at"]) + FOLLOWS_SECONDS)
            for race in self.run.inputs.get("races") or ()
            if race.get("observed_at") and all(name.startswith("DELETE ") for name in race["between"])
        ]


def _in(window: tuple[float, float], fact: Fact) -> bool:
    return window[0] - 0.1 <= fact.t <= window[1] and fact.about.startswith(("pod/", "event/"))


def _starting_up(one: Fact, other: Fact) -> bool:
    """Both at start-up, and of different workers or about what different workloads own; not one object's own story."""
    return (
        max(one.t, other.t) < START_UP_SECONDS
        and one.about != other.about
        and (_workload(one) != _workload(other) or _writer(one) != _writer(other))
        and not _pod(one) == _pod(other) != ""
    )


def _slice_against_others(one: Fact, other: Fact) -> bool:
    """A slice is written 30 to 80 ms after the change, or a second after it where the cache was behind."""
    slices = [fact for fact in (one, other) if fact.about.startswith("eps/")]
    if not slices or not all(fact.about.startswith(("eps/", "pod/", "event/Pod/")) for fact in (one, other)):
        return False
    # What a slice says of a pod follows the pod's change, not the event that tells of it.
    told = any(fact.about.startswith("event/") for fact in (one, other))
    return told or _about_pod(one) != _about_pod(other)


def _about_pod(fact: Fact) -> str:
    """The pod of which a fact speaks, without the number where its name stays."""
    pod = fact.what if fact.about.startswith("eps/") else _pod(fact)
    return re.sub(r"(-\d+)#\d+$", r"\1", pod)


def _pod(fact: Fact) -> str:
    found = re.match(r"(?:event/Pod|pod)/(.+)", fact.about)
    return found[1] if found else ""


def _workload(fact: Fact) -> str:
    """`web` of `pod/web#1`, `eps/web`, `event/ReplicaSet/web-RS`; `db` of `pod/db-0#1`."""
    name = fact.about.rpartition("/")[2]
    return re.split(r"[#@]|-RS$|-\d+$", name)[0]


def _writer(fact: Fact) -> str:
    if fact.about.startswith("event/"):
        return fact.value.split()[1]
    return "endpointslice-controller" if fact.about.startswith("eps/") else _WRITERS.get(fact.what, fact.what)


def _told_in_one_pass(run: Recording, one: Fact, other: Fact) -> bool:
    """Events of one pass are about nodes in an order that Kubernetes does not fix, and were sent one after another."""
    return any(
        at <= min(one.t, other.t)
        and max(one.t, other.t) < at + 1
        and _tells(one, reason, nodes)
        and _tells(other, reason, nodes)
        for reason, nodes, at in run.passes
    )


def _tells(fact: Fact, reason: str, nodes: list[str]) -> bool:
    return fact.what.startswith(f"{reason}: ") and fact.about in [f"event/Node/{node}" for node in nodes]
