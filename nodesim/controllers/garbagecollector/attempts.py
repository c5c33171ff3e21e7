"""What is done about one object whose owners changed, one request after another?

An owner counts as **solid** if it exists under the uid that the reference names, as **waiting** if it is in foreground
deletion, else it **dangles**.  With a solid owner the object stays and loses its other references; without one it is
deleted: in the foreground where an owner waits and it has dependents of its own, else as its own finalizers say.
Source: pkg/controller/garbagecollector/garbagecollector.go `attemptToDeleteItem`, `classifyReferences`, `isDangling`,
`processDeletingDependentsItem`, `orphanDependents`; operations.go `removeFinalizer`.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Sequence
from typing import Final

import attrs

from nodesim.controllers.garbagecollector.graph import Graph, Node
from nodesim.controllers.garbagecollector.views import FOREGROUND, ORPHAN, Identity, OwnerReference, owners_of
from nodesim.controllers.workload.script import Answers, Ask, Order, Outcome, Script, ask, why
from nodesim.machine import Answered, Record
from nodesim.messages import Delete, Get, Patch
from nodesim.objects import Document, encode_document

FINALIZER_TRIES: Final = 5
"""How often a finalizer is taken away after conflicts, without a pause.  Source: retry.DefaultBackoff."""
NOT_SEEN: Final = "not seen yet"


@attrs.define
class _Owners:
    """The owners of an object, by what has become of them."""

    solid: list[OwnerReference] = attrs.field(factory=list)
    dangling: list[OwnerReference] = attrs.field(factory=list)
    waiting: list[OwnerReference] = attrs.field(factory=list)


class Attempt:
    """Looks at one object; `key` is `delete/UID` or `orphan/UID`, `served` are the resources that the server has."""

    def __init__(self, key: str, node: Node, graph: Graph, served: Collection[str], now_us: int) -> None:
        self._orphans = key.startswith("orphan/")
        self._node = node
        self._graph = graph
        self._served = served
        self.now_us = now_us

    def run(self) -> Script:
        """The script."""
        outcome = yield from self._orphan() if self._orphans else self._look()
        if not outcome.error and self._node.virtual and not self._orphans:
            still = self._graph.nodes.get(self._node.identity.uid) is self._node
            return Outcome(NOT_SEEN) if still else Outcome()
        return outcome

    # --- must it go? ----------------------------------------------------------------------------------------------

    def _look(self) -> Script:
        node, identity = self._node, self._node.identity
        if node.being_deleted and not node.deleting_dependents:
            return Outcome()
        if identity.resource not in self._served:
            return Outcome(f"no matches for kind {identity.kind}")
        answer = yield from ask(_get(identity))
        document = answer.document
        if answer.code == 404 or (document is not None and document["metadata"]["uid"] != identity.uid):
            self._graph.forget_virtual(node)
            return Outcome()
        if document is None:
            return Outcome(why(answer))
        if node.deleting_dependents:
            return (yield from self._wait_for_dependents())
        owners = owners_of(document["metadata"])
        if not owners:
            return Outcome()
        return (yield from self._judge(document, owners))

    def _judge(self, document: Document, owners: Sequence[OwnerReference]) -> Script:
        node, identity = self._node, self._node.identity
        sorts = yield from self._sorts_of(owners)
        if isinstance(sorts, Outcome):
            return sorts
        if sorts.solid:
            lost = sorts.dangling + sorts.waiting
            if not lost:
                return Outcome()
            yield Record("OwnersForgotten", identity.ref, {"owners": self._refs(lost), "why": "owner gone"})
            return _outcome((yield from ask(_without_owners(identity, [owner.uid for owner in lost]))))
        propagation = _propagation_of(document)
        if sorts.waiting and node.dependents:
            if any(each.deleting_dependents for each in self._graph.dependents(node)):
                # A circle may wait for itself: this object blocks its owners no longer.
                answer = yield from ask(_unblocked(identity, owners))
                if not answer.ok:
                    return _outcome(answer)
            propagation = "Foreground"
        fields = {"owners": self._refs(owners), "propagation": propagation}
        yield Record("DependentCollected", identity.ref, fields)
        return _outcome((yield from ask(_delete(identity, propagation))))

    def _sorts_of(self, owners: Sequence[OwnerReference]) -> Generator[Order, Answers, _Owners | Outcome]:
        """What has become of the owners, or how the attempt ends already.  Source: `classifyReferences`."""
        sorts = _Owners()
        for owner in owners:
            if not self._node.identity.namespace and owner.namespaced:
                return Outcome()  # An owner in a namespace owns nothing that is in none; the object is left alone.
            found = yield from self._find(owner)
            if isinstance(found, str):
                return Outcome(found)
            if found is None:
                sorts.dangling.append(owner)
            elif _waits_for_dependents(found["metadata"]):
                sorts.waiting.append(owner)
            else:
                sorts.solid.append(owner)
        return sorts

    def _find(self, owner: OwnerReference) -> Generator[Order, Answers, Document | str | None]:
        """The owner, None where there is none, or why nobody knows."""
        named = owner.identity(self._node.identity.namespace)
        if self._graph.is_absent(named):
            return None
        if owner.resource not in self._served:
            return f"no matches for kind {owner.kind}"
        answer = yield from ask(_get(named))
        document = answer.document
        if answer.code == 404 or (document is not None and document["metadata"]["uid"] != owner.uid):
            self._graph.note_absent(named)
            return None
        return why(answer) if document is None else document

    def _wait_for_dependents(self) -> Script:
        blocking = self._graph.blocking(self._node)
        if not blocking:
            return (yield from self._remove_finalizer(FOREGROUND))
        for dependent in blocking:
            if not dependent.deleting_dependents:
                self._graph.attempt(dependent.identity.uid)
        return Outcome()

    def _refs(self, owners: Sequence[OwnerReference]) -> list[str]:
        return [owner.identity(self._node.identity.namespace).ref for owner in owners]

    # --- its dependents are to stay -----------------------------------------------------------------------------------

    def _orphan(self) -> Script:
        node = self._node
        dependents = self._graph.dependents(node)
        for dependent in dependents:
            fields = {"owners": [node.identity.ref], "why": "orphaned"}
            yield Record("OwnersForgotten", dependent.identity.ref, fields)
        answers = yield Ask(tuple(_without_owners(each.identity, [node.identity.uid]) for each in dependents))
        failed = [answer for answer in answers if not answer.ok and answer.code != 404]
        if failed:
            return _outcome(failed[0])
        return (yield from self._remove_finalizer(ORPHAN))

    def _remove_finalizer(self, finalizer: str) -> Script:
        identity = self._node.identity
        answer = Answered((), 0)
        for _ in range(FINALIZER_TRIES):
            answer = yield from ask(_get(identity))
            if answer.code == 404:
                return Outcome()
            if answer.document is None:
                return _outcome(answer)
            metadata = answer.document["metadata"]
            held = metadata.get("finalizers") or []
            if metadata["uid"] != identity.uid or finalizer not in held:
                return Outcome()
            change = {
                "resourceVersion": metadata["resourceVersion"],
                "finalizers": [name for name in held if name != finalizer],
            }
            answer = yield from ask(_patch(identity, "merge", {"metadata": change}))
            if answer.reason != "Conflict":
                break
        return _outcome(answer)


def _outcome(answer: Answered) -> Outcome:
    return Outcome("" if answer.ok else why(answer))


def _waits_for_dependents(metadata: Document) -> bool:
    """Is it in foreground deletion?"""
    return metadata.get("deletionTimestamp") is not None and FOREGROUND in (metadata.get("finalizers") or ())


def _propagation_of(document: Document) -> str:
    """How an object is deleted that nobody owns any more."""
    held = document["metadata"].get("finalizers") or ()
    if ORPHAN in held:
        return "Orphan"
    return "Foreground" if FOREGROUND in held else "Background"


# --- requests -------------------------------------------------------------------------------------------------------


def _get(identity: Identity) -> Get:
    return Get(identity.resource, identity.namespace, identity.name)


def _delete(identity: Identity, propagation: str) -> Delete:
    return Delete(identity.resource, identity.namespace, identity.name, uid=identity.uid, propagation=propagation)


def _patch(identity: Identity, style: str, change: Document) -> Patch:
    return Patch(identity.resource, identity.namespace, identity.name, "", style, encode_document(change))


def _without_owners(identity: Identity, uids: Sequence[str]) -> Patch:
    references = [{"$patch": "delete", "uid": uid} for uid in uids]
    return _patch(identity, "strategic", {"metadata": {"uid": identity.uid, "ownerReferences": references}})


def _unblocked(identity: Identity, owners: Sequence[OwnerReference]) -> Patch:
    references = [{"uid": owner.uid, "blockOwnerDeletion": False} for owner in owners if owner.blocks]
    return _patch(identity, "strategic", {"metadata": {"uid": identity.uid, "ownerReferences": references}})
