"""What is asked of every workload, whatever its kind: who is it as an owner, and which objects does it select?"""

from __future__ import annotations

from typing import ClassVar

from nodesim.controllers.workload.ownership import Parent
from nodesim.objects import Document, Namespaced, Selector


class WorkloadView(Namespaced):
    """A workload as its controller reads it."""

    __slots__ = ()

    KIND: ClassVar[tuple[str, str, str]]
    """apiVersion, kind and plural."""

    uid: str
    selector: Selector
    document: Document
    """The whole of it, for the PUT of its status."""

    @property
    def parent(self) -> Parent:
        """Itself as an owner."""
        return Parent(*self.KIND, self.namespace, self.name, self.uid)

    def selects(self, labels: dict[str, str]) -> bool:
        """Do the labels match?  A selector without requirements selects nothing.

        Source: client-go listers/apps/v1/replicaset_expansion.go `GetPodReplicaSets`, and its like for other kinds.
        """
        return bool(self.selector.requirements) and self.selector.matches(labels)


class ReadyingView(WorkloadView):
    """A workload whose pods are available once they have been ready for a while."""

    __slots__ = ()

    min_ready_seconds: int
