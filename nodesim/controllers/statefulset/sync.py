"""What does one sync of one StatefulSet do, request by request?

How it works.  Pods are claimed, the revision of the template is found or made, then three things follow one another:
the identities that it wants, the pods that are too many, the rolling update.  With OrderedReady the first pod that
needs something, or that is waited for, ends the round; with Parallel the pods are gone through in batches of 1, 2, 4,
... (v1.24: one after the other).  A status that differs is written at the end, once more on the fresh object if that
failed; known difference: Kubernetes tries after conflicts only, up to five times, 10 ms apart, upon what its cache has.

There are no expectations: that a pod exists is known from the cache, and its name guards against a second one.
Source: pkg/controller/statefulset/stateful_set.go `sync`, stateful_set_control.go `UpdateStatefulSet`, `performUpdate`,
`updateStatefulSet`, stateful_pod_control.go, stateful_set_status_updater.go.  Left out: PersistentVolumeClaims.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Final, TypeAlias

import attrs

from nodesim.client.events import EventRecorder
from nodesim.controllers.statefulset import rules
from nodesim.controllers.statefulset.revisions import revision_of_set, too_old
from nodesim.controllers.statefulset.rules import Replica, Step
from nodesim.controllers.statefulset.views import (
    POD_NAME_LABEL,
    StatefulSetView,
    revision_of,
)
from nodesim.controllers.workload.claims import claim
from nodesim.controllers.workload.pods import ManagedPod
from nodesim.controllers.workload.revisions import RevisionView, find_revision
from nodesim.controllers.workload.script import Answers, Ask, Order, Outcome, Script, ask, why
from nodesim.controllers.workload.sync import WorkloadSync
from nodesim.machine import Answered, Call, Record
from nodesim.messages import Create, Delete, Patch, Request
from nodesim.objects import Document, encode_document
from nodesim.profiles import Profile
from nodesim.units import SECOND

BATCH_MAX: Final = 500
_ALWAYS_SHOWN: Final = ("replicas", "availableReplicas", "collisionCount")
"""Of the status, what is written also where it is 0."""

Work: TypeAlias = "tuple[str, str, Request] | None"
"""(verb, pod, request) that a pod needs."""


@attrs.define
class StatefulSetSync(WorkloadSync):
    """One sync on the pods and revisions that are its own or nobody's."""

    view: StatefulSetView
    candidates: Sequence[ManagedPod]
    revisions: list[RevisionView]
    profile: Profile
    recorder: EventRecorder
    waits: dict[str, tuple[str, str]]
    """What each set was recorded to wait for last, by key."""
    now_us: int = 0
    error: str = ""
    waits_for: tuple[str, str] | None = None
    pods: list[ManagedPod] = attrs.field(factory=list)
    current: RevisionView | None = None
    update: RevisionView | None = None
    made: list[RevisionView] = attrs.field(factory=list)
    """Of which revision each pod is that this sync created."""
    deleted_for_update: int = 0

    def run(self) -> Script:
        """Claim, find the revision, do what the pods need, write the status."""
        view = self.view
        self.pods, error = yield from claim(
            view.parent,
            view.deletion_us,
            "pods",
            self.candidates,
            lambda pod: view.selects(pod.labels) and view.owns_name(pod.name),
        )
        if error:
            return Outcome(error)
        collisions = yield from self._find_revisions()
        if self.current is None or self.update is None:
            return Outcome(self.error)
        if view.deletion_us is None:
            yield from self._work()
            yield from self._note_wait()
        if not self.error or self.profile.statefulset_parallel_batches:
            yield from self._write_status(self._status(collisions))
        yield from self._forget_old_revisions()
        waiting = view.min_ready_seconds and not self.error
        return Outcome(self.error, self.now_us + view.min_ready_seconds * SECOND if waiting and self._short() else None)

    def _short(self) -> bool:
        """Is a pod missing that may become available without any event?"""
        replicas, _ = rules.split(self.view, self.pods)
        return any(rules.unavailable(self.view, replica.pod, self.wall_us) for replica in replicas)

    # --- revisions -----------------------------------------------------------------------------------------------

    def _find_revisions(self) -> Generator[Order, Answers, int]:
        """Set `current` and `update`; gives the number of collisions."""
        view, known = self.view, self.revisions

        def new(number: int, collisions: int) -> Document:
            return revision_of_set(view, number, collisions)

        found = yield from find_revision(view.template, known, view.status.get("collisionCount") or 0, new)
        self.update, self.error = found.revision, found.error
        named = view.status.get("currentRevision")
        self.current = next((each for each in known if each.name == named), self.update)
        return found.collisions

    def _forget_old_revisions(self) -> Generator[Order, Answers, None]:
        live = [each.name for each in (self.current, self.update) if each is not None]
        live += [revision_of(pod) for pod in self.pods]
        for old in too_old(self.view, self.revisions, live):
            answer = yield from ask(Delete("controllerrevisions", self.view.namespace, old.name))
            if not answer.ok and answer.code != 404:
                self.error = self.error or why(answer)
                return

    # --- pods ----------------------------------------------------------------------------------------------------

    def _work(self) -> Generator[Order, Answers, None]:
        """Identities, then pods that are too many, then the update; whatever ends the round ends it here."""
        view, wall_us = self.view, self.wall_us
        replicas, condemned = rules.split(view, self.pods)
        first = rules.first_unavailable(view, replicas, condemned, wall_us)
        if (yield from self._through([self._replica_work(replica) for replica in replicas])):
            return
        if (yield from self._through([self._condemned_work(pod, first) for pod in condemned])):
            return
        if not view.rolling:
            return
        assert self.update is not None
        gate = self.profile.statefulset_max_unavailable
        update = rules.next_update(view, replicas, self.update.name, wall_us, max_unavailable=gate)
        for pod in update.delete:
            yield from self._do([("delete", pod.name, Delete("pods", view.namespace, pod.name))])
            self.deleted_for_update += 1
        if update.waits_for:
            self.waits_for = (update.waits_for, "update")

    def _replica_work(self, replica: Replica) -> Callable[[], tuple[Step, Work]]:
        def work() -> tuple[Step, Work]:
            view = self.view
            succeeded_too = not self.profile.statefulset_recreates_at_once
            step = rules.replica_step(view, replica, self.wall_us, succeeded_too=succeeded_too)
            match step.do:
                case "create":
                    return step, ("create", replica.name, self._creation(replica))
                case "delete":
                    return step, ("delete", replica.name, Delete("pods", view.namespace, replica.name))
                case "label":
                    assert replica.pod is not None
                    labels = {POD_NAME_LABEL: replica.name}
                    change = encode_document({"metadata": {"uid": replica.pod.uid, "labels": labels}})
                    patch = Patch("pods", view.namespace, replica.name, "", "strategic", change)
                    return step, ("update", replica.name, patch)
                case _:
                    if step.do == "wait" and view.monotonic:
                        self.waits_for = (replica.name, step.why)
                    return step, None

        return work

    def _creation(self, replica: Replica) -> Create:
        assert self.current is not None
        assert self.update is not None
        revision = self.current if rules.is_of_current(self.view, replica.ordinal) else self.update
        self.made.append(revision)
        index_label = self.profile.statefulset_pod_index_label
        document = rules.pod_of(self.view, replica, revision, index_label=index_label)
        return Create("pods", self.view.namespace, encode_document(document))

    def _condemned_work(self, pod: ManagedPod, first: str) -> Callable[[], tuple[Step, Work]]:
        def work() -> tuple[Step, Work]:
            step = rules.condemned_step(self.view, pod, first, self.wall_us)
            if step.do == "wait":
                self.waits_for = (pod.name, step.why)
            if step.do != "delete":
                return step, None
            return step, ("delete", pod.name, Delete("pods", self.view.namespace, pod.name))

        return work

    def _through(self, works: Sequence[Callable[[], tuple[Step, Work]]]) -> Generator[Order, Answers, bool]:
        """Go through some pods; True: the round is over."""
        one_by_one = self.view.monotonic or not self.profile.statefulset_parallel_batches
        size = 1
        at = 0
        while at < len(works):
            found = [work() for work in works[at : at + size]]
            at += len(found)
            step, last = found[-1]
            anew = step.why == "Failed" and self.profile.statefulset_recreates_at_once
            if anew and last is not None:
                text = f"StatefulSet {self.view.key} is recreating failed Pod {last[1]}"
                yield self.event("Warning", "RecreatingFailedPod", text)
            yield from self._do([work for _, work in found if work is not None])
            if self.error:
                return True
            if anew:
                at -= 1
                works = [*works[:at], self._again(last), *works[at + 1 :]]
            elif self.view.monotonic and step.do in ("create", "delete", "wait"):
                return True
            size = 1 if one_by_one else min(2 * size, BATCH_MAX)
        return False

    def _again(self, deleted: Work) -> Callable[[], tuple[Step, Work]]:
        """Up to 1.26 a failed pod is made anew in the round that deletes it."""
        assert deleted is not None
        ordinal = int(deleted[1].rpartition("-")[2])
        return self._replica_work(Replica(deleted[1], ordinal, None))

    def _do(self, works: Sequence[tuple[str, str, Request]]) -> Generator[Order, Answers, None]:
        """Send requests about pods, and tell how each went; a pod that is there already is told by nobody."""

        def told(place: int, answer: Answered) -> list[Call | Record]:
            verb, pod, _ = works[place]
            if answer.ok:
                text = f"{verb} Pod {pod} in StatefulSet {self.view.name} successful"
                return [self.event("Normal", f"Successful{verb.capitalize()}", text)]
            if verb == "create" and answer.code == 409:
                return []
            text = f"{verb} Pod {pod} in StatefulSet {self.view.name} failed error: {why(answer)}"
            return [self.event("Warning", f"Failed{verb.capitalize()}", text)]

        answers = yield Ask(tuple(request for _, _, request in works), told)
        self.error = self.error or next((why(answer) for answer in answers if not answer.ok), "")

    def _note_wait(self) -> Generator[Order, Answers, None]:
        """Record for whom the set waits, when that changed."""
        key, waits_for = self.view.key, self.waits_for
        if waits_for is None:
            self.waits.pop(key, None)
        elif self.waits.get(key) != waits_for:
            self.waits[key] = waits_for
            yield Record("StatefulSetWaits", self.view.parent.ref, {"pod": waits_for[0], "why": waits_for[1]})

    # --- status --------------------------------------------------------------------------------------------------

    def _status(self, collisions: int) -> Document:
        assert self.current is not None
        assert self.update is not None
        current, update = self.current.name, self.update.name
        status = rules.new_status(self.view, self.pods, current, update, collisions, self.wall_us)
        status["currentReplicas"] = status.get("currentReplicas", 0) - self.deleted_for_update
        if not self.profile.statefulset_parallel_batches:
            # Up to 1.26 what a round has made is counted in its own status.
            status["replicas"] += len(self.made)
            status["currentReplicas"] += sum(each.name == current for each in self.made)
            made = sum(each.name == update for each in self.made)
            status["updatedReplicas"] = status.get("updatedReplicas", 0) + made
        shown = {name: item for name, item in status.items() if item or name in _ALWAYS_SHOWN}
        return rules.completed(self.view, shown)

    def _write_status(self, status: Document) -> Generator[Order, Answers, None]:
        if not rules.differs(self.view, status):
            return
        answer = yield from self.put_status(lambda document: status)
        if not answer.ok:
            self.error = self.error or f"cannot write status: {why(answer)}"
