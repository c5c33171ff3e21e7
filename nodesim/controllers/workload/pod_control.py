"""How are pods made and deleted for a workload, and what is told of it?

What is asked for is noted first (`Expectations`), so that no second sync asks for it again before it was seen.
Source: pkg/controller/controller_utils.go `RealPodControl`; replica_set.go `manageReplicas`, daemon_controller.go
`syncNodes`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

import attrs

from nodesim.controllers.workload.batches import Started, slow_start
from nodesim.controllers.workload.expectations import Expectations
from nodesim.controllers.workload.ownership import Parent
from nodesim.controllers.workload.pods import ManagedPod
from nodesim.controllers.workload.script import Answers, Ask, Order, namespace_terminates, why
from nodesim.machine import Answered, Call, Record
from nodesim.messages import Create, Delete


@attrs.frozen
class PodControl:
    """For one workload; `event` makes the call that tells (type, reason, message) about it."""

    parent: Parent
    expectations: Expectations
    event: Callable[[str, str, str], Call]

    def create(self, pods: Sequence[bytes]) -> Generator[Order, Answers, Started]:
        """Create pods (encoded) that are expected already, slowly at first."""
        namespace = self.parent.namespace
        started = yield from slow_start([Create("pods", namespace, pod) for pod in pods], self._created)
        # What was never asked for will not be seen either; the next sync starts slowly again.
        self.expectations.creation_observed(self.parent.key, started.skipped)
        return started

    def _created(self, _place: int, answer: Answered) -> list[Call | Record]:
        if answer.ok:
            name = answer.document["metadata"]["name"] if answer.document else ""
            return [self.event("Normal", "SuccessfulCreate", f"Created pod: {name}")]
        if namespace_terminates(answer):
            return []  # It stays expected, so that until that is given up no sync asks for it again.
        self.expectations.creation_observed(self.parent.key)
        return [self.event("Warning", "FailedCreate", f"Error creating: {why(answer)}")]

    def delete(self, pods: Sequence[ManagedPod]) -> Generator[Order, Answers, str]:
        """Delete pods whose going is expected already, all at once; the first error, or ""; none of what is gone."""
        _, error = yield from self.delete_each(pods)
        return error

    def delete_each(self, pods: Sequence[ManagedPod]) -> Generator[Order, Answers, tuple[list[ManagedPod], str]]:
        """The same; gives also the pods that could not be deleted."""

        def deleted(place: int, answer: Answered) -> list[Call | Record]:
            pod = pods[place]
            if answer.ok:
                return [self.event("Normal", "SuccessfulDelete", f"Deleted pod: {pod.name}")]
            self.expectations.deletion_observed(self.parent.key, pod.key)
            if answer.code == 404:
                return []
            return [self.event("Warning", "FailedDelete", f"Error deleting: {why(answer)}")]

        if not pods:
            return [], ""
        answers = yield Ask(tuple(Delete("pods", self.parent.namespace, pod.name) for pod in pods), deleted)
        went = [answer.ok or answer.code == 404 for answer in answers]
        left = [pod for pod, gone in zip(pods, went, strict=True) if not gone]
        return left, next((why(answer) for answer, gone in zip(answers, went, strict=True) if not gone), "")
