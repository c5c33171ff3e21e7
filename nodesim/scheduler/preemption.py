"""Whose removal would make room for a pod that fits nowhere?

On each node that a removal could help, all pods of lower priority are taken away; if the pod fits then, as many as
possible come back, the most important first (those that a budget guards before all others).  Who stays away is a
victim.  Of the nodes that this works on one is chosen: fewest broken budgets, then the lowest top priority of a victim,
the smallest sum of priorities, the fewest victims, the latest start of its longest-running top victim.

Sources: pkg/scheduler/framework/preemption/preemption.go, plugins/defaultpreemption/default_preemption.go,
pkg/scheduler/util/utils.go (`MoreImportantPod`, `GetEarliestPodStartTime`).  Kubernetes begins its trial at a random
node and takes the first of equals; so does this.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nodesim.profiles import Profile
from nodesim.scheduler.around import Budget
from nodesim.scheduler.cluster import NodeRoom
from nodesim.scheduler.decision import Decision
from nodesim.scheduler.pod import PodToPlace
from nodesim.scheduler.rules import Refusal
from nodesim.streams import Stream
from nodesim.values import value

NEVER: Final = "not eligible due to preemptionPolicy=Never."
VICTIMS_LEAVE: Final = "not eligible due to a terminating pod on the nominated node."
NOT_HELPFUL: Final = "Preemption is not helpful for scheduling"
NO_VICTIMS: Final = "No preemption victims found for incoming pod"

BY_SCHEDULER: Final = "PreemptionByScheduler"
"""Reason of the condition DisruptionTarget on a victim."""

CANDIDATES_MIN: Final = 100
CANDIDATES_PERCENT: Final = 10
"""A trial ends when so many nodes (or this part of them, if that is more) have been found."""

_PRIORITY_SHIFT: Final = 1 << 31
"""Makes all priorities positive in sums, so that fewer victims of a negative one weigh less."""


@value
class Candidate:
    """A node on which the pod would fit without its victims, the most important first."""

    node: str
    victims: tuple[PodToPlace, ...]
    broken_budgets: int


@value
class Finding:
    """What preemption came to."""

    chosen: Candidate | None
    reasons: tuple[tuple[str, ...], ...] = ()
    """Where nothing was chosen: per node, why."""
    ineligible: str = ""
    """The pod may not preempt (now): it keeps what it was nominated for, and nothing was tried."""


def ineligible(decision: Decision, refused: Sequence[tuple[NodeRoom, Refusal]], profile: Profile) -> str:
    """Why a pod may not preempt, "" where it may: it never does, or its victims are still on their way out."""
    pod = decision.pod
    if not pod.may_preempt:
        return NEVER
    node = pod.nominated
    for room, refusal in refused if node else ():
        if room.name == node and not beyond_help(refusal, profile):
            for other in room.pods.values():
                if other.priority < pod.priority and _leaves(other, profile):
                    return VICTIMS_LEAVE
    return ""


def _leaves(pod: PodToPlace, profile: Profile) -> bool:
    """It terminates, and where victims are marked as such: because the scheduler asked for it."""
    if not pod.terminating or not profile.disruption_target:
        return pod.terminating
    return pod.disruption is not None and (pod.disruption.status, pod.disruption.reason) == ("True", BY_SCHEDULER)


def beyond_help(refusal: Refusal, profile: Profile) -> bool:
    """No pod's removal would turn the refusal round, and this version knows it."""
    return refusal.hopeless and (profile.fit_can_be_hopeless or refusal.filter != "NodeResourcesFit")


def find_victims(
    decision: Decision,
    refused: Sequence[tuple[NodeRoom, Refusal]],
    budgets: Sequence[Budget],
    offsets: Stream,
    profile: Profile,
    wall_us: int,
) -> Finding:
    """Try the nodes that refused the pod, and choose one."""
    why = ineligible(decision, refused, profile)
    if why:
        return Finding(None, ineligible=why)
    order = {room.name: place for place, room in enumerate(decision.rooms)}
    helpful = [room for room, refusal in refused if not beyond_help(refusal, profile)]
    helpful.sort(key=lambda room: order[room.name])
    reasons: list[tuple[str, ...]] = [(NOT_HELPFUL,)] * (len(refused) - len(helpful))
    enough = min(max(len(helpful) * CANDIDATES_PERCENT // 100, CANDIDATES_MIN), len(helpful))
    first = offsets.below(len(helpful)) if len(helpful) > 1 else 0
    sparing: list[Candidate] = []
    breaking: list[Candidate] = []
    for place in range(len(helpful)):
        found = _on_node(decision, helpful[(first + place) % len(helpful)], budgets, wall_us)
        if isinstance(found, Candidate):
            (breaking if found.broken_budgets else sparing).append(found)
            if sparing and len(sparing) + len(breaking) >= enough:
                break
        else:
            reasons.append(found)
    candidates = [*sparing, *breaking]
    if not candidates:
        return Finding(None, tuple(reasons))
    return Finding(min(candidates, key=lambda item: _cost(item, wall_us)))


def _cost(candidate: Candidate, wall_us: int) -> tuple[int, int, int, int, int]:
    victims = candidate.victims
    top = victims[0].priority
    earliest_us = min(_started_us(pod, wall_us) for pod in victims if pod.priority == top)
    total = sum(pod.priority + _PRIORITY_SHIFT for pod in victims)
    return (candidate.broken_budgets, top, total, len(victims), -earliest_us)


def _started_us(pod: PodToPlace, wall_us: int) -> int:
    return wall_us if pod.started_us is None else pod.started_us


def _by_importance(pods: Sequence[PodToPlace], wall_us: int) -> list[PodToPlace]:
    return sorted(pods, key=lambda pod: (-pod.priority, _started_us(pod, wall_us)))


def _on_node(
    decision: Decision, room: NodeRoom, budgets: Sequence[Budget], wall_us: int
) -> Candidate | tuple[str, ...]:
    """The victims on one node, or why that would not do."""
    below = [pod for pod in room.pods.values() if pod.priority < decision.pod.priority]
    if not below:
        return (NO_VICTIMS,)
    trial, judges = room.copy(), tuple(judge.copy() for judge in decision.judges)

    def move(pod: PodToPlace, sign: int) -> None:
        if sign > 0:
            trial.add(pod)
        else:
            trial.remove(pod.uid)
        for judge in judges:
            judge.count(pod, room.facts, sign)

    for pod in below:
        move(pod, -1)
    refusal = decision.refusal(trial, judges)
    if refusal is not None:
        return refusal.reasons
    victims: list[PodToPlace] = []
    broken = 0
    guarded, others = guarded_by_budgets(_by_importance(below, wall_us), budgets)
    for pod in (*guarded, *others):
        move(pod, 1)
        if decision.refusal(trial, judges) is not None:
            move(pod, -1)
            victims.append(pod)
            broken += pod in guarded
    if guarded and others:
        victims = _by_importance(victims, wall_us)
    # Where all come back it would have fitted before; then a nominated pod was in the way, and nobody is to go.
    return Candidate(room.name, tuple(victims), broken) if victims else ()


def guarded_by_budgets(
    pods: Sequence[PodToPlace], budgets: Sequence[Budget]
) -> tuple[list[PodToPlace], list[PodToPlace]]:
    """The pods whose removal would break a budget that allows no more, and the others; in the order given.

    Each pod takes one from what its budgets allow.  Source: `filterPodsWithPDBViolation`.
    """
    allowed = [item.allowed for item in budgets]
    guarded: list[PodToPlace] = []
    others: list[PodToPlace] = []
    for pod in pods:
        breaks = False
        for place, item in enumerate(budgets):
            # A budget without a selector guards nobody, and a pod without labels is guarded by none.
            if not pod.labels or item.namespace != pod.namespace or item.selector is None:
                continue
            if not item.selector.requirements or not item.selector.matches(pod.labels) or pod.name in item.disrupted:
                continue
            allowed[place] -= 1
            breaks = breaks or allowed[place] < 0
        (guarded if breaks else others).append(pod)
    return guarded, others
