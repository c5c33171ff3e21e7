"""What is a filter?

A row of the table in `filters`.  It refuses a node or lets it pass, and says which changes of the cluster can turn its
refusal round (Kubernetes' queueing hints).  Most rows look at one node only; those that look at pods on other nodes,
too, count them once a decision (`prepare`) and keep the count while preemption tries what would be if a pod left.

Source: staging kube-scheduler framework/interface.go, once pkg/scheduler/framework/interface.go (`PreFilterPlugin`,
`PreFilterExtensions`, `FilterPlugin`, `EnqueueExtensions`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import attrs

from nodesim.scheduler.around import Around
from nodesim.scheduler.cluster import NodeFacts, NodeRoom
from nodesim.scheduler.pod import PodToPlace
from nodesim.values import value


@value
class Refusal:
    """Why a filter refuses a node."""

    filter: str
    reasons: tuple[str, ...]
    hopeless: bool
    """Kubernetes' UnschedulableAndUnresolvable: no pod's removal would help."""


class Judge(Protocol):
    """A filter prepared for one pod."""

    def check(self, pod: PodToPlace, room: NodeRoom) -> Refusal | None:
        """The refusal of a node, None where the pod may go there."""
        ...

    def count(self, other: PodToPlace, node: NodeFacts, sign: int) -> None:
        """What if another pod came to a node (1), or left it (-1)?"""
        ...

    def copy(self) -> Judge:
        """One that counts for itself."""
        ...


class Filter(Protocol):
    """A row of the table."""

    @property
    def name(self) -> str:
        """Kubernetes' name of the plugin."""
        ...

    def prepare(self, pod: PodToPlace, rooms: Sequence[NodeRoom], around: Around) -> Judge | None:
        """The filter for one decision; None where it has nothing to say about this pod."""
        ...

    def helped_by_node(self, pod: PodToPlace, was: NodeFacts | None, now: NodeFacts | None) -> bool:
        """Does it help this pod that a node changed (from None: it appeared; to None: it went)?"""
        ...

    def helped_by_pod(self, pod: PodToPlace, gone: PodToPlace) -> bool:
        """Does it help this pod that another one left its node?"""
        ...

    def helped_by_arrival(self, pod: PodToPlace, came: PodToPlace) -> bool:
        """Does it help this pod that another one came to a node?"""
        ...

    def helped_by_labels(self, pod: PodToPlace, was: PodToPlace, now: PodToPlace) -> bool:
        """Does it help this pod that another one, on a node, changed its labels?"""
        ...


class _ByItself:
    """A filter that looks at one node at a time: nothing to prepare, and arrivals help nobody."""

    def count(self, other: PodToPlace, node: NodeFacts, sign: int) -> None:
        """Nothing is counted here."""

    def helped_by_arrival(self, pod: PodToPlace, came: PodToPlace) -> bool:
        """A pod that comes takes room."""
        return False

    def helped_by_labels(self, pod: PodToPlace, was: PodToPlace, now: PodToPlace) -> bool:
        """Nobody reads them."""
        return False


@attrs.frozen
class NodeRule(_ByItself):
    """A filter that looks at the Node object alone; no pod's removal turns its refusal round."""

    name: str
    why: Callable[[PodToPlace, NodeFacts], str]
    """The reason of the refusal, "" where there is none."""

    def prepare(self, pod: PodToPlace, rooms: Sequence[NodeRoom], around: Around) -> Judge:
        """Itself."""
        return self

    def copy(self) -> Judge:
        """Itself."""
        return self

    def check(self, pod: PodToPlace, room: NodeRoom) -> Refusal | None:
        """The refusal of a node, None where the pod may go there."""
        reason = self.why(pod, room.facts)
        return Refusal(self.name, (reason,), True) if reason else None

    def helped_by_node(self, pod: PodToPlace, was: NodeFacts | None, now: NodeFacts | None) -> bool:
        """Refused (or unknown) before, let in now."""
        return now is not None and (was is None or bool(self.why(pod, was))) and not self.why(pod, now)

    def helped_by_pod(self, pod: PodToPlace, gone: PodToPlace) -> bool:
        """Pods are not looked at."""
        return False


@attrs.frozen
class RoomRule(_ByItself):
    """A filter that looks at what is on the node, too."""

    name: str
    why: Callable[[PodToPlace, NodeRoom], Refusal | None]
    node_hint: Callable[[PodToPlace, NodeFacts | None, NodeFacts], bool]
    pod_hint: Callable[[PodToPlace, PodToPlace], bool]

    def prepare(self, pod: PodToPlace, rooms: Sequence[NodeRoom], around: Around) -> Judge:
        """Itself."""
        return self

    def copy(self) -> Judge:
        """Itself."""
        return self

    def check(self, pod: PodToPlace, room: NodeRoom) -> Refusal | None:
        """The refusal of a node, None where the pod may go there."""
        return self.why(pod, room)

    def helped_by_node(self, pod: PodToPlace, was: NodeFacts | None, now: NodeFacts | None) -> bool:
        """As the row's hint says; a node that goes helps nobody."""
        return now is not None and self.node_hint(pod, was, now)

    def helped_by_pod(self, pod: PodToPlace, gone: PodToPlace) -> bool:
        """As the row's hint says."""
        return self.pod_hint(pod, gone)
