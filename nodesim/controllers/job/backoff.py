"""How long does a Job wait after a failure before it makes the next pod?

10 s after the last failure, doubled with each one since the last success, 10 minutes at most.  A failure counts from
the pod's own dates, so a pod that has been not ready for long is replaced without any wait (recorded).
Source: pkg/controller/job/backoff_utils.go (`newBackoffRecord`, `getRemainingTime`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nodesim.controllers.job.views import JobPod
from nodesim.units import MINUTE, SECOND
from nodesim.values import value

FIRST_US: Final = 10 * SECOND
MAX_US: Final = 10 * MINUTE
_DOUBLINGS_MAX: Final = 10


@value
class Failures:
    """How many pods failed since the last success, and when the last one did, by the pods' dates."""

    count: int = 0
    last_us: int = 0

    def remaining_us(self, wall_us: int) -> int:
        """How long a new pod has to wait from now on."""
        if not self.count:
            return 0
        pause_us = min(FIRST_US << min(self.count - 1, _DOUBLINGS_MAX), MAX_US)
        return max(0, self.last_us + pause_us - wall_us)


def with_ended(known: Failures, succeeded: Sequence[JobPod], failed: Sequence[JobPod]) -> Failures:
    """The record with pods that have ended and were not counted before."""
    ends_us = sorted(pod.ended_us for pod in failed)
    if not succeeded:
        return Failures(known.count + len(ends_us), ends_us[-1]) if ends_us else known
    success_us = max(pod.ended_us for pod in succeeded)
    later_us = [end_us for end_us in ends_us if end_us > success_us]
    return Failures(len(later_us), later_us[-1]) if later_us else Failures()
