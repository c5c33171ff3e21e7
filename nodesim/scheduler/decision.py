"""May this pod go on that node, all things considered?

A decision holds the filters prepared for one pod and the nodes they were prepared on.  Pods that have made room for
themselves on a node (nominated ones) and matter at least as much count there, too: the pod must fit with them and
without them, as nobody knows whether they will come.

Sources: pkg/scheduler/framework/runtime/framework.go (`RunPreFilterPlugins`, `RunFilterPluginsWithNominatedPods`),
pkg/scheduler/backend/queue/nominator.go.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from nodesim.scheduler.around import Around
from nodesim.scheduler.cluster import NodeRoom
from nodesim.scheduler.pod import PodToPlace
from nodesim.scheduler.rules import Filter, Judge, Refusal


class Nominations:
    """Which pods have made room for themselves, and on which node?"""

    def __init__(self) -> None:
        self._pods: dict[str, tuple[PodToPlace, str]] = {}

    def set(self, pod: PodToPlace, node: str) -> None:
        """The pod waits for room on this node."""
        self._pods[pod.uid] = (pod, node)

    def drop(self, uid: str) -> None:
        """It waits no more; no effect where it did not."""
        self._pods.pop(uid, None)

    def node_of(self, uid: str) -> str:
        """The node that a pod waits for, "" for none."""
        return self._pods[uid][1] if uid in self._pods else ""

    def updated(self, old: PodToPlace | None, new: PodToPlace) -> None:
        """A newer view of a pod that awaits a node.

        What was decided here holds until the API server has told of it, so a view without a nomination ends one only
        if the view before it had one.
        """
        if new.nominated:
            self.set(new, new.nominated)
        elif old is not None and old.nominated:
            self.drop(new.uid)
        elif new.uid in self._pods:
            self.set(new, self._pods[new.uid][1])

    def on(self, node: str) -> list[PodToPlace]:
        """The pods that wait for a node."""
        return [pod for pod, where in self._pods.values() if where == node]

    def rivals(self, pod: PodToPlace, node: str) -> list[PodToPlace]:
        """Those of them that count against this pod: of its priority or above."""
        return [other for other in self.on(node) if other.priority >= pod.priority and other.uid != pod.uid]

    def lesser(self, pod: PodToPlace, node: str) -> list[PodToPlace]:
        """Those of them that this pod may push aside."""
        return [other for other in self.on(node) if other.priority < pod.priority]


@attrs.frozen
class Decision:
    """One pod, and the cluster as it is while a node is searched for it."""

    pod: PodToPlace
    rooms: Sequence[NodeRoom]
    judges: tuple[Judge, ...]
    nominations: Nominations

    def refusal(self, room: NodeRoom, judges: Sequence[Judge] | None = None) -> Refusal | None:
        """The first filter's refusal, None where the pod may go there; `judges`: as they count in a trial."""
        counting = self.judges if judges is None else judges
        rivals = self.nominations.rivals(self.pod, room.name)
        if rivals:
            crowded, aware = room.copy(), tuple(judge.copy() for judge in counting)
            for rival in rivals:
                if rival.uid not in crowded.pods:
                    crowded.add(rival)
                    for judge in aware:
                        judge.count(rival, room.facts, 1)
            refusal = _first(self.pod, crowded, aware)
            if refusal is not None:
                return refusal
        return _first(self.pod, room, counting)


def _first(pod: PodToPlace, room: NodeRoom, judges: Sequence[Judge]) -> Refusal | None:
    for judge in judges:
        refusal = judge.check(pod, room)
        if refusal is not None:
            return refusal
    return None


def decision(
    pod: PodToPlace, rooms: Sequence[NodeRoom], filters: Sequence[Filter], around: Around, nominations: Nominations
) -> Decision:
    """The filters prepared for a pod; those with nothing to say about it are left out."""
    prepared = [row.prepare(pod, rooms, around) for row in filters]
    return Decision(pod, rooms, tuple(judge for judge in prepared if judge is not None), nominations)
