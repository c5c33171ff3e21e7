"""How is one terminating namespace emptied, one request after another?

Every namespaced resource is deleted and listed again; what is left needs time, of which there is an estimate: a pod has
its grace period, counted from the namespace's deletion, and whatever a finalizer holds gets 15 s.  From 1.33 on the
pods go first, and the rest waits until none is left.  When nothing is left anywhere, the namespace's own finalizer
`kubernetes` is taken away, with which it is gone.

Known difference: a collection is listed and its objects deleted one by one, all at once, where Kubernetes has a request
for that.  The namespace's conditions are not written.
Source: pkg/controller/namespace/deletion/namespaced_resources_deleter.go `Delete`, `deleteAllContent`,
`estimateGracefulTerminationForPods`, `finalizeNamespace`.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Final

from nodesim.clocks import Clock
from nodesim.controllers.workload.script import Answers, Ask, Order, Outcome, Script, ask, why
from nodesim.machine import Answered, Record
from nodesim.messages import Delete, Get, List, Update
from nodesim.objects import Document, encode_document, is_terminal
from nodesim.units import SECOND

PODS: Final = "pods"
FINALIZER: Final = "kubernetes"
FINALIZER_SECONDS: Final = 15
"""finalizerEstimateSeconds."""
CONFLICT_TRIES: Final = 5


class Emptying:
    """One try; `resources` are the names of those that have namespaces."""

    def __init__(self, name: str, resources: Sequence[str], *, pods_first: bool, now_us: int, clock: Clock) -> None:
        self._name = name
        self._resources = resources
        self._pods_first = pods_first
        self.now_us = now_us
        self._clock = clock

    def run(self) -> Script:
        """The script."""
        answer = yield from ask(Get("namespaces", "", self._name))
        namespace = answer.document
        if namespace is None:
            return Outcome("" if answer.code == 404 else why(answer))
        deleted_us = namespace["metadata"].get("deletionTimestamp")
        if deleted_us is None or FINALIZER not in ((namespace.get("spec") or {}).get("finalizers") or ()):
            return Outcome()
        parts = [[PODS], self._resources] if self._pods_first else [self._resources]
        for part in parts:
            remaining, seconds, error = 0, 0, ""
            for resource in part:
                left, estimate, failed = yield from self._empty(resource, deleted_us)
                remaining, seconds, error = remaining + left, max(seconds, estimate), error or failed
            if error:
                return Outcome(error)
            if remaining:
                wait_us = (seconds // 2 + 1) * SECOND
                fields = {"remaining": remaining, "until_us": self.now_us + wait_us}
                yield Record("NamespaceNotEmpty", f"Namespace/{self._name}", fields)
                return Outcome(again_us=self.now_us + wait_us)
        yield Record("NamespaceEmptied", f"Namespace/{self._name}", {})
        return (yield from self._finalize(namespace))

    def _empty(self, resource: str, deleted_us: int) -> Generator[Order, Answers, tuple[int, int, str]]:
        """Delete what there is; how much is left, for how many seconds, and an error."""
        before = yield from ask(List(resource, self._name))
        if not before.ok:
            return 0, 0, why(before)
        if not before.documents:
            return 0, 0, ""
        estimate = self._grace_seconds(before.documents, deleted_us) if resource == PODS else 0
        names = [document["metadata"]["name"] for document in before.documents]
        deletes = tuple(Delete(resource, self._name, name, propagation="Background") for name in names)
        answers = yield Ask(deletes)
        failed = next((why(answer) for answer in answers if not answer.ok and answer.code != 404), "")
        if failed:
            return 0, 0, failed
        after = yield from ask(List(resource, self._name))
        if not after.ok:
            return 0, 0, why(after)
        if not after.documents or estimate:
            return len(after.documents), estimate, ""
        if any(document["metadata"].get("finalizers") for document in after.documents):
            return len(after.documents), FINALIZER_SECONDS, ""
        return 0, 0, f"unexpected items still remain in namespace: {self._name} for {resource}"

    def _grace_seconds(self, pods: Sequence[Document], deleted_us: int) -> int:
        """The longest grace period of those that have not ended; 0 once so much time has passed."""
        longest = max(
            (
                (pod.get("spec") or {}).get("terminationGracePeriodSeconds") or 0
                for pod in pods
                if not is_terminal((pod.get("status") or {}).get("phase"))
            ),
            default=0,
        )
        return 0 if self._clock.wall_us(self.now_us) - deleted_us >= longest * SECOND else longest

    def _finalize(self, namespace: Document | None) -> Script:
        answer = Answered((), 0)
        for _ in range(CONFLICT_TRIES):
            if namespace is None:
                return Outcome("" if answer.code == 404 else why(answer))
            spec = namespace.get("spec") or {}
            left = [name for name in spec.get("finalizers") or () if name != FINALIZER]
            document = encode_document({**namespace, "spec": {**spec, "finalizers": left}})
            answer = yield from ask(Update("namespaces", "", self._name, "finalize", document))
            if answer.reason != "Conflict":
                break
            answer = yield from ask(Get("namespaces", "", self._name))
            namespace = answer.document
        return Outcome("" if answer.ok or answer.code == 404 else why(answer))
