"""Which facts may come in another order?  Those of which `inputs.yaml` says that they raced, and why.

For all recordings it says that records of different kinds come by separate watches, their instants being those of their
arrival ("within some 10 ms"), and that controllers are independent workers.  So is each goroutine of one of them that
takes a node, a pod or a Service for itself ("parallel workers", "timers of equal length, several workers").  All else
comes in the order of the recording: what concerns one object or one pod, what one worker did, and what answers what.

Orders in which Kubernetes takes what has no order are inputs of the replay (`orders.py`), and no races here.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from typing import Final

import attrs

from tests.recorded.compare import answers
from tests.recorded.facts import Fact, recorded_facts
from tests.recorded.inputs import Recording

ARRIVAL_SECONDS: Final = 0.035
"""So much later one watch told of what happened than another ("order of records of different kinds ... within some 10
ms")."""
WORKERS_SECONDS: Final = 0.2
"""So far apart acted workers that were due at the same time (single writes took up to a quarter of a second)."""
START_UP_SECONDS: Final = 2.2
"""By then all that the manifests asked for runs: as many as 17 control planes started on two cores."""
START_UP_WORKERS_SECONDS: Final = 0.62
"""So far apart acted workers at start-up."""


@attrs.frozen
class Races:
    """The races of one recording."""

    run: Recording
    _nodes: dict[str, list[tuple[float, str]]] = attrs.field(init=False, repr=False)
    """Pod, by the name that stays, -> when it came to which node."""

    @_nodes.default
    def _nodes_of(self) -> dict[str, list[tuple[float, str]]]:
        found: dict[str, list[tuple[float, str]]] = defaultdict(list)
        for fact in sorted(recorded_facts(self.run.timeline)[0]):
            if fact.about.startswith("pod/") and fact.what == "node":
                for name in {_pod(fact), _pod(fact).partition("#")[0]}:
                    found[name].append((fact.t, fact.value))
        return found

    def between(self, one: Fact, other: Fact) -> bool:
        """Is their order nobody's?"""
        apart = abs(one.t - other.t)
        if _kind(one) != _kind(other) and apart <= ARRIVAL_SECONDS:
            return True
        if answers(*sorted((one, other))):
            return False
        starting = max(one.t, other.t) < START_UP_SECONDS
        if apart > (START_UP_WORKERS_SECONDS if starting else WORKERS_SECONDS):
            return False
        return not _one_story(one, other) and self._worker(one, starting) != self._worker(other, starting)

    def _worker(self, fact: Fact, starting: bool) -> str:
        """Who did it, as far as that fixes an order: facts of one worker come one after another."""
        kind = _kind(fact)
        if kind == "eps":
            return f"{fact.about} {fact.what}"  # Which pods one write tells of together is a matter of batches.
        if kind == "pod" and fact.what == "made":
            return f"made for {_workload(fact)}"
        if fact.what == "podCIDR":
            return "IPAM"
        return self._teller(fact, starting) if kind == "event" else fact.about

    def _teller(self, fact: Fact, starting: bool) -> str:
        """Events of a controller come from one goroutine, unless several workers give it them."""
        source = fact.value.split()[1]
        if fact.what.startswith("NodeNotReady"):
            # Nodes of a pass, and with each its pods, are handled by parallel workers.
            return f"{source} {self._node(fact)}"
        if source in ("default-scheduler", "endpoint-slice-controller"):
            return f"{source} {fact.about}"  # Each pod is bound, and each Service synced, by a worker of its own.
        if starting and fact.what.startswith("SuccessfulCreate"):
            return f"{source} {fact.what}"  # Pods are made in batches, by a goroutine each (`slowStartBatch`).
        return source

    def _node(self, fact: Fact) -> str:
        if fact.about.startswith("event/Node/"):
            return fact.about.rpartition("/")[2]
        moves = self._nodes[_pod(fact)]
        return moves[bisect_right(moves, (fact.t, "~")) - 1][1]


def _one_story(one: Fact, other: Fact) -> bool:
    """Both of one object or of one pod, whose changes follow from each other."""
    kinds, whats = {_kind(one), _kind(other)}, {one.what, other.what}
    if kinds == {"node"} and "podCIDR" in whats and any("not-ready:NoSchedule" in what for what in whats):
        return False  # Two controllers answer to a new node: IPAM, and the one that takes admission's taint off.
    if kinds == {"pod", "eps"} and "gone" in whats:
        return False  # When a pod has failed its slice is written, and its kubelet deletes it: who is first, is open.
    if kinds == {"event"} and all(what.startswith("SuccessfulCreate") for what in whats):
        return False
    if kinds == {"eps"}:
        return one.about == other.about and one.what == other.what
    return one.about == other.about or _about_pod(one) == _about_pod(other) != ""


def _kind(fact: Fact) -> str:
    return fact.about.partition("/")[0]


def _about_pod(fact: Fact) -> str:
    """The pod of which a fact speaks, without the number where its name stays."""
    pod = fact.what if _kind(fact) == "eps" else _pod(fact)
    return re.sub(r"(-\d+)#\d+$", r"\1", pod)


def _pod(fact: Fact) -> str:
    found = re.match(r"(?:event/Pod|pod)/(.+)", fact.about)
    return found[1] if found else ""


def _workload(fact: Fact) -> str:
    """`web` of `pod/web#1`; `db` of `pod/db-0#1`."""
    return re.split(r"-\d+#|[#@]", fact.about.rpartition("/")[2])[0]
