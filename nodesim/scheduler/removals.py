"""How are the victims of preemption asked to go?

Each gets the condition DisruptionTarget (versions that have it), then a plain DELETE, so with its own grace period,
then an event.  A victim that is on its way already is let be, one that is gone needs nothing; any other error ends that
victim's removal.  The preemptor is not tried again before all have been asked.

Source: pkg/scheduler/framework/preemption/executor.go, once preemption.go (`PreemptPod`, `prepareCandidate`,
`prepareCandidateAsync`).
Kubernetes from 1.33 on asks the last victim after the others have been; here all are asked at once.
"""

from __future__ import annotations

import attrs

from nodesim.client.events import EventRecorder
from nodesim.machine import Answered, Call, ProgramEffect
from nodesim.messages import Delete, Patch
from nodesim.objects import encode_document, whole_second
from nodesim.profiles import Profile
from nodesim.scheduler.pod import PodToPlace
from nodesim.scheduler.preemption import BY_SCHEDULER, Candidate


@attrs.define
class Removal:
    """The victims of one pod."""

    pod: PodToPlace
    node: str
    victims: tuple[PodToPlace, ...]
    message: str
    """What the pod is told when it is told afterwards."""
    left: int
    """How many are still being asked."""
    failed: bool = False

    @property
    def done(self) -> bool:
        """All have been asked."""
        return self.left == 0


class Removals:
    """All removals that run; their calls carry the tag `("preempt", number of the victim, step)`."""

    def __init__(self, profile: Profile, recorder: EventRecorder) -> None:
        self._profile = profile
        self._recorder = recorder
        self._numbers = 0
        self._asked: dict[int, tuple[Removal, PodToPlace]] = {}

    def run_for(self, uid: str) -> bool:
        """Are victims of this pod being asked right now?"""
        return any(removal.pod.uid == uid for removal, _ in self._asked.values())

    def begin(
        self, pod: PodToPlace, chosen: Candidate, message: str, now_us: int, effects: list[ProgramEffect]
    ) -> Removal:
        """Ask the victims that do not go already."""
        staying = [victim for victim in chosen.victims if not victim.terminating]
        removal = Removal(pod, chosen.node, chosen.victims, message, len(staying))
        for victim in staying:
            self._numbers += 1
            self._asked[self._numbers] = (removal, victim)
            change = self._condition(pod, victim, now_us) if self._profile.disruption_target else None
            if change is None:
                effects.append(self._delete(self._numbers, victim))
            else:
                patch = Patch("pods", victim.namespace, victim.name, "status", "strategic", change)
                effects.append(Call(("preempt", self._numbers, "patch"), patch))
        return removal

    def answered(
        self, number: int, step: str, answer: Answered, now_us: int, effects: list[ProgramEffect]
    ) -> Removal | None:
        """The next request after an answer, and the removal that it belongs to; None where nobody waits for it."""
        if number not in self._asked:
            return None
        removal, victim = self._asked[number]
        if answer.ok and step == "patch":
            effects.append(self._delete(number, victim))
            return removal
        del self._asked[number]
        removal.left -= 1
        if answer.ok:
            effects.append(self._event(removal, victim, now_us))
        elif answer.code != 404:
            removal.failed = True
        return removal

    def _condition(self, pod: PodToPlace, victim: PodToPlace, now_us: int) -> bytes | None:
        message = f"{pod.scheduler_name}: preempting to accommodate a higher priority pod"
        before = victim.disruption
        transition_us: int | None = whole_second(self._recorder.clock.wall_us(now_us))
        if before is not None and before.status == "True":
            if (before.reason, before.message) == (BY_SCHEDULER, message):
                return None
            transition_us = before.transition_us
        condition = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": BY_SCHEDULER,
            "message": message,
            "lastProbeTime": None,
            "lastTransitionTime": transition_us,
        }
        return encode_document({"status": {"conditions": [condition]}})

    def _delete(self, number: int, victim: PodToPlace) -> Call:
        return Call(("preempt", number, "delete"), Delete("pods", victim.namespace, victim.name))

    def _event(self, removal: Removal, victim: PodToPlace, now_us: int) -> Call:
        by = f"pod {removal.pod.uid}" if self._profile.preemptor_in_event else "a pod"
        text = f"Preempted by {by} on node {removal.node}"
        return self._recorder.event(
            now_us, "Pod", victim.namespace, victim.name, victim.uid, "Normal", "Preempted", text
        )
