"""What does one sync of one DaemonSet do, request by request?

How it works.  The revision of the template is found or made.  If the expectations are met, pods are made where they are
missing and deleted where they are too many, then the rolling update goes on if nothing is awaited by now, then old
revisions are forgotten.  The status is written at the end, once more on the fresh object if that failed.  Each part
looks at the cache anew, so the status already counts the pods that were seen meanwhile (recorded).

Source: pkg/controller/daemon/daemon_controller.go `syncDaemonSet`, `updateDaemonSet`, `manage`, `syncNodes`,
`updateDaemonSetStatus`; update.go `rollingUpdate`, `cleanupHistory`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Final, TypeAlias

import attrs

from nodesim.client.events import EventRecorder
from nodesim.controllers.daemonset.failures import FailedPods
from nodesim.controllers.daemonset.placing import Placing, by_node, pod_of
from nodesim.controllers.daemonset.status import counts, differs, status_with
from nodesim.controllers.daemonset.updating import next_update
from nodesim.controllers.daemonset.views import REVISION_LABEL, DaemonNode, DaemonSetView
from nodesim.controllers.workload.claims import claim
from nodesim.controllers.workload.expectations import Expectations
from nodesim.controllers.workload.pod_control import PodControl
from nodesim.controllers.workload.pods import ManagedPod
from nodesim.controllers.workload.revision_hash import revision_hash
from nodesim.controllers.workload.revisions import RevisionView, find_revision, in_order, new_revision
from nodesim.controllers.workload.script import Answers, Order, Outcome, Script, ask, why
from nodesim.controllers.workload.sync import WorkloadSync
from nodesim.messages import Delete
from nodesim.objects import Document, encode_document
from nodesim.profiles import Profile
from nodesim.units import SECOND

BURST_REPLICAS: Final = 250

PodsByNode: TypeAlias = dict[str, list[ManagedPod]]


@attrs.define
class DaemonSetSync(WorkloadSync):
    """One sync; `pods` and `nodes` give what the caches hold: pods that are its own or nobody's."""

    view: DaemonSetView
    pods: Callable[[], Sequence[ManagedPod]]
    nodes: Callable[[], Sequence[DaemonNode]]
    revisions: list[RevisionView]
    profile: Profile
    expectations: Expectations
    failed: FailedPods
    recorder: EventRecorder
    now_us: int = 0
    revision: str = ""
    """The hash of today's template."""
    collisions: int = 0
    again_us: int | None = None

    def run(self) -> Script:
        """Find the revision, make and delete pods, write the status."""
        view = self.view
        if view.deletion_us is not None:
            return Outcome()
        found = yield from find_revision(
            view.template, self.revisions, view.status.get("collisionCount") or 0, self._new_revision
        )
        if found.revision is None:
            return Outcome(found.error)
        self.revision, self.collisions = found.revision.labels.get(REVISION_LABEL, ""), found.collisions
        if not self._satisfied():
            return (yield from self._write_status("", observed=False))
        error = yield from self._manage()
        if not error and view.rolling and self._satisfied():
            error = yield from self._update()
        if not error:
            error = yield from self._forget_old_revisions(found.revision)
        if error and not self.profile.daemonset_status_despite_errors:
            return Outcome(error)
        return (yield from self._write_status(error, observed=True))

    def _satisfied(self) -> bool:
        return self.expectations.satisfied(self.view.key, self.now_us)

    def _new_revision(self, number: int, collisions: int) -> Document:
        view = self.view
        word = revision_hash(view.template, collisions or None)
        return new_revision(view.parent, view.template, number, word, REVISION_LABEL, view.annotations)

    # --- pods ----------------------------------------------------------------------------------------------------

    def _claimed(self, *, finished_too: bool = False) -> Generator[Order, Answers, tuple[PodsByNode, str]]:
        """Its own pods by node, and what went wrong."""
        view = self.view
        pods, error = yield from claim(
            view.parent, view.deletion_us, "pods", self.pods(), lambda pod: view.selects(pod.labels)
        )
        finished_too = finished_too or not self.profile.daemonset_skips_finished
        return by_node(pods, finished_too=finished_too), error

    def _manage(self) -> Generator[Order, Answers, str]:
        pods, error = yield from self._claimed()
        if error:
            return error
        placing = Placing(self.view, self.revision, self.failed, self.now_us, self.wall_us)
        plan = placing.plan(self.nodes(), pods)
        self.again_us = plan.again_us
        for type_, reason, text in plan.tell:
            yield self.event(type_, reason, text)
        return (yield from self._sync_nodes(plan.make, plan.delete))

    def _update(self) -> Generator[Order, Answers, str]:
        pods, error = yield from self._claimed()
        if error:
            return error
        update = next_update(self.view, self.nodes(), pods, self.revision, self.wall_us)
        return (yield from self._sync_nodes(update.make, update.delete))

    def _sync_nodes(self, make: list[str], delete: list[ManagedPod]) -> Generator[Order, Answers, str]:
        view, made, gone = self.view, make[:BURST_REPLICAS], delete[:BURST_REPLICAS]
        self.expectations.expect(view.key, len(made), [pod.key for pod in gone], self.now_us)
        control = PodControl(view.parent, self.expectations, self.event)
        started = yield from control.create([encode_document(pod_of(view, self.revision, node)) for node in made])
        failed = yield from control.delete(gone)
        return started.error or failed

    # --- revisions and status ------------------------------------------------------------------------------------

    def _forget_old_revisions(self, current: RevisionView) -> Generator[Order, Answers, str]:
        view = self.view
        old = [each for each in in_order(self.revisions) if each.name != current.name]
        surplus = len(old) - view.history_limit
        if surplus <= 0:
            return ""
        pods, error = yield from self._claimed(finished_too=True)
        if error:
            return error
        live = {pod.labels.get(REVISION_LABEL) for held in pods.values() for pod in held}
        for each in [each for each in old if each.labels.get(REVISION_LABEL) not in live][:surplus]:
            answer = yield from ask(Delete("controllerrevisions", view.namespace, each.name))
            if not answer.ok:
                return f"failed to clean up revisions of DaemonSet: {why(answer)}"
        return ""

    def _write_status(self, error: str, *, observed: bool) -> Script:
        """Write the counts if they differ; `observed`: the generation was acted upon."""
        view = self.view
        pods, failed = yield from self._claimed()
        if failed:
            return Outcome(error or failed)
        found = counts(view, self.nodes(), pods, self.revision, self.wall_us)
        if differs(view, found):
            generation = view.generation if observed else None
            answer = yield from self.put_status(
                lambda document: status_with(document.get("status") or {}, found, generation, self.collisions)
            )
            if not answer.ok:
                return Outcome(error or f"error storing status for daemon set: {why(answer)}")
        return Outcome(error, self._look_again_us(found))

    def _look_again_us(self, found: dict[str, int]) -> int | None:
        """When a failed pod's pause ends, and when pods that are ready may be available."""
        wait_us = self.view.min_ready_seconds * SECOND
        if not wait_us or found["numberReady"] == found["numberAvailable"]:
            return self.again_us
        at_us = self.now_us + wait_us
        return at_us if self.again_us is None else min(at_us, self.again_us)
