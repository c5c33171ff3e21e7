"""How is a pod's finalizer taken away, and when has the cache shown it?

Source: pkg/controller/job/tracking_utils.go (`uidTrackingExpectations`), job_controller.go
`removeTrackingFinalizerPatch`, `syncOrphanPod`.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from nodesim.controllers.job.views import FINALIZER
from nodesim.controllers.workload.pods import ManagedPod
from nodesim.controllers.workload.script import Outcome, Script, ask, why
from nodesim.messages import Patch
from nodesim.objects import encode_document

_REMOVED = encode_document({"metadata": {"$deleteFromPrimitiveList/finalizers": [FINALIZER]}})


def removal(pod: ManagedPod) -> Patch:
    """The patch that lets a pod go as far as its Job is concerned."""
    return Patch("pods", pod.namespace, pod.name, "", "strategic", _REMOVED)


class AwaitedRemovals:
    """UIDs of pods whose finalizer was taken away, by the Job's key, until the cache shows it."""

    def __init__(self) -> None:
        self._awaited: dict[str, dict[str, None]] = {}

    def of(self, key: str) -> frozenset[str]:
        """What is awaited for a Job."""
        return frozenset(self._awaited.get(key, ()))

    def expect(self, key: str, uids: Iterable[str]) -> None:
        """These are about to lose it."""
        self._awaited.setdefault(key, {}).update(dict.fromkeys(uids))

    def observed(self, key: str, uid: str) -> None:
        """One has lost it, or is gone, or could not lose it."""
        self._awaited.get(key, {}).pop(uid, None)

    def forget(self, key: str) -> None:
        """The Job is gone."""
        self._awaited.pop(key, None)


@attrs.define
class OrphanSync:
    """A pod that no living Job will count loses its finalizer."""

    pod: ManagedPod
    now_us: int = 0

    def run(self) -> Script:
        """One patch; a pod that is gone needs none."""
        answer = yield from ask(removal(self.pod))
        return Outcome() if answer.ok or answer.code == 404 else Outcome(why(answer))
