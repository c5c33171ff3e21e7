"""When was each pod asked to go, replaced and really gone, and how long did it run when it no longer should?"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from nodesim.ledger.stretches import Stretch, length, overlap, union
from nodesim.spec import STANDBY_SUFFIX
from nodesim.trace.belief import Incarnation
from nodesim.trace.evidence import Evidence
from nodesim.trace.truth import Run
from nodesim.units import SECOND
from nodesim.values import value

_EVICTORS: Final = ("node-controller", "taint-eviction-controller")
"""Who evicts; their deletions count to an outage also when they come after its end."""
_SURPLUS: Final = "replicaset-controller"
"""A ReplicaSet's pod that its own controller deletes is one too many and gets no replacement."""
_GRACEFUL_SLACK_US: Final = 2 * SECOND
"""How much later than its grace a graceful stop may end: deletionTimestamp is cut to whole seconds (1 s), and the
kubelet acts on what its last relist, up to 1 s old, has told it."""


@value
class PodLife:
    """One pod in both truths, in us: None where it did not happen, `stopped_us` also where a container still runs."""

    name: str
    """`namespace/name`."""
    node: str | None
    started_us: int | None
    stopped_us: int | None
    api_created_us: int | None
    api_deleted_us: int | None


def short_name(object_: str) -> str:
    """`namespace/name` of `Pod/namespace/name`."""
    return object_.partition("/")[2]


def eviction_us(evidence: Evidence) -> dict[str, int]:
    """Per pod: us from the beginning of its node's outage to the first request for the pod's deletion.

    Counts requests during the outage, by whomever, and an evictor's request after it.  Of several pods under one name
    the longest.
    """
    found: dict[str, int] = {}
    for pod in evidence.belief.of_kind("Pod"):
        request = pod.deletion_request()
        node = pod.last_state.get("node")
        if request is None or not node:
            continue
        outage = evidence.truth.latest_outage(node, request.t_us)
        if outage is None or not (outage.covers(request.t_us) or request.by.removesuffix(STANDBY_SUFFIX) in _EVICTORS):
            continue
        if outage.end_us is not None and outage.end_us <= pod.created_us:
            continue
        _keep_longest(found, short_name(pod.object), request.t_us - outage.start_us)
    return dict(sorted(found.items()))


def replacement_us(evidence: Evidence) -> dict[str, int]:
    """Per pod: us from the request for its deletion to the first Ready of its replacement; none, no entry.

    The replacement is the first pod of the same controlling owner that was created at or after the request and became
    ready; a StatefulSet's has the same name.  Each pod replaces one.  Of several pods under one name the longest.
    """
    deleted: dict[str, list[tuple[int, str, str]]] = defaultdict(list)
    created: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    for pod in evidence.belief.of_kind("Pod"):
        owner = str(pod.last_state.get("owner") or "")
        if not owner:
            continue
        group = f"{owner}\n{pod.object}" if owner.startswith("StatefulSet/") else owner
        request = pod.deletion_request()
        if request is not None and request.by.removesuffix(STANDBY_SUFFIX) != _SURPLUS:
            deleted[group].append((request.t_us, pod.object, pod.uid))
        ready_us = _first_ready_us(pod)
        if ready_us is not None:
            created[group].append((pod.created_us, ready_us, pod.uid))
    found: dict[str, int] = {}
    for group in sorted(deleted):
        candidates = sorted(created.get(group, ()))
        place = 0
        for requested_us, object_, _ in sorted(deleted[group]):
            while place < len(candidates) and candidates[place][0] < requested_us:
                place += 1
            if place == len(candidates):
                break
            _keep_longest(found, short_name(object_), candidates[place][1] - requested_us)
            place += 1
    return dict(sorted(found.items()))


def _first_ready_us(pod: Incarnation) -> int | None:
    for sight in pod.sights:
        if sight.state is not None and sight.state.get("ready"):
            return sight.t_us
    return None


def _keep_longest(found: dict[str, int], name: str, figure: int) -> None:
    found[name] = max(figure, found.get(name, figure))


def ghost_pod_us(evidence: Evidence) -> int:
    """Over all pods, us in which a container ran although its object was gone or its deletionTimestamp had passed.

    A graceful stop counts nothing: the kubelet learned of the deletion before that, and the container stopped within
    the pod's grace period (and two seconds for rounding and the kubelet's relist) from then.
    """
    total = 0
    for (object_, uid), runs in evidence.truth.runs_of.items():
        pod = evidence.belief.find(object_, uid)
        over_us = None if pod is None else pod.over_us()
        if over_us is None:
            continue
        seen = evidence.truth.deletions_seen.get((object_, uid))
        ghosts: list[Stretch] = []
        for run in runs:
            start_us, end_us = stretch_of(run, evidence.duration_us)
            graceful = (
                seen is not None
                and seen.t_us <= over_us
                and run.stopped_us is not None
                and run.stopped_us <= seen.t_us + seen.grace_us + _GRACEFUL_SLACK_US
            )
            if not graceful:
                ghosts.append((max(start_us, over_us), end_us))
        total += length(union(ghosts))
    return total


def double_run_us(evidence: Evidence) -> dict[str, int]:
    """Per identity (`namespace/name`): us in which containers of it ran on two nodes at once.

    Only pods that keep their name when they are made again (StatefulSets', bare ones) can be in it.
    """
    on_nodes: dict[str, dict[str, list[Stretch]]] = defaultdict(lambda: defaultdict(list))
    for run in evidence.truth.runs:
        on_nodes[run.object][run.node].append(stretch_of(run, evidence.duration_us))
    found = {
        short_name(object_): length(overlap([union(runs) for runs in nodes.values()]))
        for object_, nodes in sorted(on_nodes.items())
        if len(nodes) > 1
    }
    return {name: us for name, us in found.items() if us}


def pod_lives(evidence: Evidence) -> list[PodLife]:
    """Every pod that had an object or a container, by name, then in order of their beginnings."""
    pods = {(pod.object, pod.uid): pod for pod in evidence.belief.of_kind("Pod")}
    lives: list[tuple[str, int, str, PodLife]] = []
    for key in sorted({*pods, *evidence.truth.runs_of}):
        pod, runs = pods.get(key), evidence.truth.runs_of.get(key, [])
        node = (pod.last_state.get("node") if pod else None) or (runs[0].node if runs else None)
        stops = [run.stopped_us for run in runs if run.stopped_us is not None]
        life = PodLife(
            name=short_name(key[0]),
            node=node,
            started_us=runs[0].started_us if runs else None,
            stopped_us=max(stops) if stops and len(stops) == len(runs) else None,
            api_created_us=pod.created_us if pod else None,
            api_deleted_us=pod.deleted_us if pod else None,
        )
        begun_us = pod.created_us if pod else runs[0].started_us
        lives.append((life.name, begun_us, key[1], life))
    return [life for _, _, _, life in sorted(lives, key=lambda entry: entry[:3])]


def stretch_of(run: Run, duration_us: int) -> Stretch:
    """When a container ran, to the end of the run where it did not stop."""
    return (run.started_us, duration_us if run.stopped_us is None else run.stopped_us)
