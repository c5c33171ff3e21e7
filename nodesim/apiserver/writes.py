"""What does a write request do to the store?

Each method takes one request and returns a `Failure`, or an `Outcome`: the answer and the changes made.  A write that
changes nothing has none of them, the final delete of a pod has two.
Sources: apiserver pkg/registry/generic/registry/store.go, pkg/endpoints/handlers, pkg/registry/rest;
pkg/registry/core/pod/storage/storage.go `BindingREST`.
"""

from __future__ import annotations

from typing import Any

from nodesim.apiserver import failures
from nodesim.apiserver.admission import IMMORTAL_NAMESPACES
from nodesim.apiserver.deletion import (
    PROPAGATIONS,
    Deletion,
    delete_namespace,
    delete_other,
    delete_pod,
    is_finalized,
    is_finished,
    with_propagation,
)
from nodesim.apiserver.dropped import without_unknown_fields, without_unknown_policy
from nodesim.apiserver.eviction import budgets_of, judge_eviction, with_eviction_condition
from nodesim.apiserver.jobs import admitted_job, job_status_faults
from nodesim.apiserver.patch import PatchError, merge_patch, strategic_merge_patch
from nodesim.apiserver.priority import second_default, system_classes, with_priority
from nodesim.apiserver.reading import addressed, find_object, find_one, find_resource, plain_document, typed_document
from nodesim.apiserver.registry import BY_PLURAL, START_NAMESPACES, Resource
from nodesim.apiserver.store import NODES, Change, DocumentTooLarge, Store, Stored, generated_name, uid_of
from nodesim.apiserver.strategy import prepared_for_create, prepared_for_update
from nodesim.apiserver.validation import create_faults, update_faults
from nodesim.messages import Bind, Create, Delete, Done, Evict, Failure, Patch, Renew, Update
from nodesim.objects import Document, encode_document, is_heartbeat, whole_second, with_heartbeats
from nodesim.profiles import Profile, Settings
from nodesim.values import value

_NAME_ATTEMPTS_MAX = 8
"""As often as the real server generates a name anew when it is taken (generic/registry/store.go
`maxNameGenerationCreateAttempts`)."""


@value
class Outcome:
    """A write that was done: the answer to its client, and what changed, in order."""

    resource: Resource
    answer: Done
    changes: list[Change]
    beat: bool = False
    """All that is new is the time of a Node's heartbeat."""


class Writes:
    """The write requests, done to one store."""

    def __init__(self, store: Store, settings: Settings, profile: Profile) -> None:
        self._store = store
        self._settings = settings
        self._profile = profile

    def start(self) -> None:
        """Make the namespaces and classes that are there before anything else."""
        for name in START_NAMESPACES:
            document = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            self._create(BY_PLURAL["namespaces"], document, 0)
        for document in system_classes():
            self._create(BY_PLURAL["priorityclasses"], document, 0)

    def create(self, request: Create, now_us: int) -> Outcome | Failure:
        """POST."""
        resource = find_resource(self._store.served, request.resource)
        if isinstance(resource, Failure):
            return resource
        document = plain_document(request.document)
        if not isinstance(document, Failure):
            document = typed_document(resource, document)
        if not isinstance(document, Failure):
            document = addressed(resource, document, request.namespace, "")
        if isinstance(document, Failure):
            return document
        if document["metadata"].get("resourceVersion"):
            return failures.bad_request("resourceVersion should not be set on objects to be created")
        return self._create(resource, document, now_us)

    def renew(self, request: Renew, now_us: int) -> Outcome | Failure:
        """PUT of a lease that is the stored one but for renewTime, version and uid of the request."""
        resource = find_one(self._store.served, "leases", request.namespace, request.name)
        if isinstance(resource, Failure):
            return resource
        old = self._store.get(resource, request.namespace, request.name)
        if old is None:  # Without a uid, too: a renewal does not say what it would create.
            return failures.uid_precondition(resource, request.name, request.uid, "")
        before = old.document
        document = {
            **before,
            "metadata": {**before["metadata"], "uid": request.uid, "resourceVersion": request.resource_version},
            "spec": {**before["spec"], "renewTime": request.renew_us},
        }
        put = Update("leases", request.namespace, request.name, "", encode_document(document), brief=True)
        return self.update(put, now_us)

    def update(self, request: Update, now_us: int) -> Outcome | Failure:
        """PUT.  Leases and events are created by it where they do not exist and no uid is asked for."""
        resource = find_one(self._store.served, request.resource, request.namespace, request.name, request.subresource)
        if isinstance(resource, Failure):
            return resource
        document = plain_document(request.document)
        if isinstance(document, Failure):
            return document
        document = self._typed(resource, document, request.namespace, request.name)
        if isinstance(document, Failure):
            return document
        stored = self._store.get(resource, request.namespace, request.name)
        uid = document["metadata"].get("uid")
        if stored is None:
            if uid:
                return failures.uid_precondition(resource, request.name, uid, "")
            if not resource.create_on_update:
                return failures.not_found(resource, request.name)
            return self._create(resource, document, now_us)
        outcome = self._replace(resource, stored, document, request.subresource, now_us)
        return _in_brief(outcome) if request.brief else outcome

    def patch(self, request: Patch, now_us: int) -> Outcome | Failure:
        """PATCH: applied to the object as it is now, so it conflicts only where it names a version or uid."""
        resource = find_one(self._store.served, request.resource, request.namespace, request.name, request.subresource)
        if isinstance(resource, Failure):
            return resource
        if request.style not in ("strategic", "merge"):
            return failures.unsupported_patch(request.style)
        change = plain_document(request.document)
        if isinstance(change, Failure):
            return change
        stored = self._store.get(resource, request.namespace, request.name)
        if stored is None:
            return failures.not_found(resource, request.name)
        if self._is_beat(resource, request, stored, change):
            # Nothing could be wrong with the result or changed by strategies: the rest is the stored document's own.
            beat = self._commit(resource, stored, with_heartbeats(stored.document, change), now_us, beat=True)
            return _in_brief(beat) if request.brief else beat
        try:
            apply = strategic_merge_patch if request.style == "strategic" else merge_patch
            patched: Any = apply(stored.document, change)
        except PatchError as broken:
            return failures.bad_request(str(broken))
        document = self._typed(resource, patched, request.namespace, request.name, stored.document)
        if isinstance(document, Failure):
            return document
        if not document["metadata"].get("resourceVersion"):
            metadata = {**document["metadata"], "resourceVersion": str(stored.version)}
            document = {**document, "metadata": metadata}
        outcome = self._replace(resource, stored, document, request.subresource, now_us)
        return _in_brief(outcome) if request.brief else outcome

    def _is_beat(self, resource: Resource, request: Patch, stored: Stored, change: Document) -> bool:
        beats = resource is NODES and request.subresource == "status" and request.style == "strategic"
        return beats and is_heartbeat(stored.document, change)

    def bind(self, request: Bind, now_us: int) -> Outcome | Failure:
        """POST pods/NAME/binding: nodeName and PodScheduled; nobody asks whether the node exists."""
        found = find_object(self._store, "pods", request.namespace, request.name)
        if isinstance(found, Failure):
            return found
        resource, stored = found
        pod = stored.document
        metadata, spec, status = pod["metadata"], pod["spec"], pod["status"]
        if request.uid and request.uid != metadata["uid"]:
            return failures.uid_precondition(resource, request.name, request.uid, metadata["uid"])
        if not request.node:
            return Failure(422, "Invalid", f'Binding "{request.name}" is invalid: target.name: Required value')
        if metadata.get("deletionTimestamp") is not None:
            why = f"pod {request.name} is being deleted, cannot be assigned to a host"
            return failures.conflict("pods/binding", request.name, why)
        if spec.get("nodeName"):
            why = f'pod {request.name} is already assigned to node "{spec["nodeName"]}"'
            return failures.conflict("pods/binding", request.name, why)
        if spec.get("schedulingGates"):
            why = f"pod {request.name} has non-empty .spec.schedulingGates"
            return failures.conflict("pods/binding", request.name, why)
        if self._profile.binding_clears_nomination:
            status = {name: item for name, item in status.items() if name != "nominatedNodeName"}
        bound = {
            **pod,
            "spec": {**spec, "nodeName": request.node},
            "status": {**status, "conditions": _scheduled(status.get("conditions") or [], self._wall_us(now_us))},
        }
        outcome = self._commit(resource, stored, bound, now_us)
        if isinstance(outcome, Failure):
            return outcome
        return Outcome(resource, Done(201, b"", outcome.answer.resource_version), outcome.changes)

    def delete(self, request: Delete, now_us: int) -> Outcome | Failure:
        """DELETE: 200 with the object as it now is, or last was."""
        found = find_object(self._store, request.resource, request.namespace, request.name)
        if isinstance(found, Failure):
            return found
        resource, stored = found
        uid = stored.document["metadata"]["uid"]
        if request.uid and request.uid != uid:
            return failures.delete_uid(resource, request.name, request.uid, uid)
        if request.resource_version and request.resource_version != str(stored.version):
            return failures.delete_version(resource, request.name, request.resource_version, str(stored.version))
        if resource.rules == "Namespace" and request.name in IMMORTAL_NAMESPACES:
            return failures.forbidden(resource, request.name, "this namespace may not be deleted")
        if request.propagation and request.propagation not in PROPAGATIONS:
            return failures.unknown_propagation(request.propagation, PROPAGATIONS)
        changes: list[Change] = []
        deletion = self._deletion(resource, stored, request, now_us)
        if deletion.marked is not None:
            marked = self._commit(resource, stored, deletion.marked, now_us)
            if isinstance(marked, Failure):
                return marked
            changes += marked.changes
            stored = changes[-1].new
        if deletion.removed:
            last = self._store.remove(resource, stored, now_us)
            changes.append(Change("DELETED", last, stored))
            stored = last
        return Outcome(resource, _done(200, stored), changes)

    def evict(self, request: Evict, now_us: int) -> list[Outcome] | Failure:
        """POST pods/NAME/eviction: the budget first, then the pod; the answer is that of the last."""
        found = find_object(self._store, "pods", request.namespace, request.name)
        if isinstance(found, Failure):
            return found
        resource, stored = found
        pod, budgets = stored.document, BY_PLURAL["poddisruptionbudgets"]
        held = [each.document for each in self._store.candidates(budgets, request.namespace, {})]
        verdict = judge_eviction(
            pod,
            budgets_of(pod, held),
            self._wall_us(now_us),
            heeds_policy=self._profile.unhealthy_pod_eviction_policy,
        )
        if isinstance(verdict, Failure):
            return verdict
        outcomes: list[Outcome] = []
        if verdict.budget is not None:
            budget = self._store.get(budgets, request.namespace, verdict.budget["metadata"]["name"])
            assert budget is not None
            spent = self._commit(budgets, budget, verdict.budget, now_us)
            if isinstance(spent, Failure):
                return spent
            outcomes.append(spent)
        if self._profile.disruption_target:
            marked = self._commit(resource, stored, with_eviction_condition(pod, self._wall_us(now_us)), now_us)
            if isinstance(marked, Failure):
                return marked
            outcomes.append(marked)
        gone = self.delete(Delete("pods", request.namespace, request.name, request.grace_seconds), now_us)
        if isinstance(gone, Failure):
            return gone
        return [*outcomes, Outcome(resource, Done(201, b"", gone.answer.resource_version), gone.changes)]

    def _deletion(self, resource: Resource, stored: Stored, request: Delete, now_us: int) -> Deletion:
        before = stored.document
        document = with_propagation(before, request.propagation) if resource.collected else before
        rewritten, wall_us = document is not before, self._wall_us(now_us)
        if resource.graceful:
            never = self._profile.deletion_never_in_past
            return delete_pod(document, request.grace_seconds, wall_us, never_in_past=never, rewritten=rewritten)
        if resource.rules == "Namespace":
            return delete_namespace(document, wall_us)
        return delete_other(document, wall_us, rewritten=rewritten)

    def _wall_us(self, now_us: int) -> int:
        return self._store.clock.wall_us(now_us)

    def _typed(
        self, resource: Resource, document: Document, namespace: str, name: str, stored: Document | None = None
    ) -> Document | Failure:
        typed = typed_document(resource, document, stored)
        return typed if isinstance(typed, Failure) else addressed(resource, typed, namespace, name)

    def _create(self, resource: Resource, document: Document, now_us: int) -> Outcome | Failure:
        prepared = self._named(resource, document, now_us)
        metadata = prepared["metadata"]
        namespace, name = metadata.get("namespace") or "", metadata.get("name") or ""
        if resource.namespaced:
            home = self._store.get(BY_PLURAL["namespaces"], "", namespace)
            if home is None:
                return failures.not_found(BY_PLURAL["namespaces"], namespace)
            if (home.document.get("status") or {}).get("phase") == "Terminating":
                return failures.namespace_terminates(resource, name, namespace)
        admitted = self._admitted(resource, prepared, now_us)
        if isinstance(admitted, str):
            return failures.forbidden(resource, name, admitted)
        prepared = prepared_for_create(resource, admitted, self._settings)
        faults = create_faults(resource, prepared)
        if faults:
            return failures.invalid(resource, name, faults)
        if self._store.get(resource, namespace, name) is not None:
            return failures.already_exists(resource, name)
        try:
            stored = self._store.create(resource, prepared, now_us)
        except DocumentTooLarge as broken:
            return failures.too_large(broken.size)
        return Outcome(resource, _done(201, stored), [Change("ADDED", stored, None)])

    def _admitted(self, resource: Resource, document: Document, now_us: int) -> Document | str:
        """A new object as the admission plugins that look at other objects make it, or why they refuse it."""
        if resource.rules == "PodDisruptionBudget":
            return without_unknown_policy(document, self._profile)
        if resource.rules == "Job":
            metadata = document["metadata"]
            version = self._store.next_version(now_us)
            uid = uid_of("Job", metadata.get("namespace") or "", metadata.get("name") or "", version)
            return admitted_job(document, uid, self._profile)
        if resource.rules not in ("Pod", "PriorityClass"):
            return document
        classes = [stored.document for stored in self._store.objects("priorityclasses").values()]
        if resource.rules == "PriorityClass":
            return second_default(document, classes) or document
        return with_priority(without_unknown_fields(document, self._profile), classes)

    def _named(self, resource: Resource, document: Document, now_us: int) -> Document:
        """The document with a name, where it has only a prefix for one."""
        metadata = document["metadata"]
        prefix = metadata.get("generateName")
        if metadata.get("name") or not prefix:
            return document
        name = ""
        for attempt in range(_NAME_ATTEMPTS_MAX):
            name = generated_name(prefix, self._store.next_version(now_us), attempt)
            if self._store.get(resource, metadata.get("namespace") or "", name) is None:
                break
        return {**document, "metadata": {**metadata, "name": name}}

    def _replace(
        self, resource: Resource, stored: Stored, document: Document, subresource: str, now_us: int
    ) -> Outcome | Failure:
        """Preconditions, strategy, validation, commit."""
        old, asked = stored.document, document["metadata"]
        if asked.get("uid") and asked["uid"] != old["metadata"]["uid"]:
            return failures.uid_precondition(resource, stored.name, asked["uid"], old["metadata"]["uid"])
        version = asked.get("resourceVersion")
        if version and version != str(stored.version):
            return failures.modified(resource, stored.name)
        if not version and not resource.unconditional_update:
            fault = "metadata.resourceVersion: Invalid value: 0: must be specified for an update"
            return failures.invalid(resource, stored.name, [fault])
        new = prepared_for_update(resource, old, document, subresource, self._settings)
        faults = update_faults(resource, old, new)
        if resource.rules == "Job" and self._profile.job_status_checked:
            faults += job_status_faults(old.get("status") or {}, new.get("status") or {})
        if faults:
            return failures.invalid(resource, stored.name, faults)
        if is_finalized(old, new) if resource.rules == "Namespace" else is_finished(old, new):
            last = self._store.remove(resource, stored, now_us)
            return Outcome(resource, _done(200, last), [Change("DELETED", last, stored)])
        return self._commit(resource, stored, new, now_us)

    def _commit(
        self, resource: Resource, stored: Stored, document: Document, now_us: int, *, beat: bool = False
    ) -> Outcome | Failure:
        try:
            fresh = self._store.replace(resource, stored, document, now_us)
        except DocumentTooLarge as broken:
            return failures.too_large(broken.size)
        changes = [] if fresh is stored else [Change("MODIFIED", fresh, stored)]
        return Outcome(resource, _done(200, fresh), changes, beat)


def _in_brief(outcome: Outcome | Failure) -> Outcome | Failure:
    """The same with the version alone for an answer."""
    if isinstance(outcome, Failure):
        return outcome
    answer = Done(outcome.answer.code, b"", outcome.answer.resource_version)
    return Outcome(outcome.resource, answer, outcome.changes, outcome.beat)


def _done(code: int, stored: Stored) -> Done:
    return Done(code, stored.packed, str(stored.version))


def _scheduled(conditions: list[dict[str, Any]], wall_us: int) -> list[dict[str, Any]]:
    """The conditions with PodScheduled=True in its old place, or at the end."""
    made = {
        "type": "PodScheduled",
        "status": "True",
        "lastProbeTime": None,
        "lastTransitionTime": whole_second(wall_us),
    }
    if not any(item["type"] == "PodScheduled" for item in conditions):
        return [*conditions, made]
    return [made if item["type"] == "PodScheduled" else item for item in conditions]
