"""Under which names does a StatefulSet or DaemonSet remember its templates?

Each template that it ever had is a ControllerRevision with a number; the highest is the one it has now.  A template
that comes back gets its old revision with a new number.
Sources: pkg/controller/history/controller_history.go, pkg/controller/statefulset/stateful_set_control.go
`getStatefulSetRevisions`, pkg/controller/daemon/update.go `constructHistory`, `snapshot`.  Left out: the adoption of
revisions without an owner, and duplicates of one template.
Known difference: a DaemonSet whose revision's name is taken by another template tries the next name in the same sync,
as a StatefulSet does; Kubernetes writes the count of collisions into its status and syncs it anew.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Final

from nodesim.controllers.workload.ownership import Parent
from nodesim.controllers.workload.script import Answers, Order, ask, why
from nodesim.machine import Answered
from nodesim.messages import Create, Get, Update
from nodesim.objects import Document, Namespaced, Owner, controller_of, encode_document
from nodesim.values import value

_COLLISIONS_MAX: Final = 20


@value
class RevisionView(Namespaced):
    """A ControllerRevision: a template under a number."""

    namespace: str
    name: str
    uid: str
    owner: Owner | None
    deletion_us: int | None
    labels: dict[str, str]
    number: int
    created_us: int
    template: Document
    document: Document


def revision_view(document: Document) -> RevisionView:
    """The view of a ControllerRevision document."""
    metadata = document["metadata"]
    spec = (document.get("data") or {}).get("spec") or {}
    return RevisionView(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        owner=controller_of(metadata),
        deletion_us=metadata.get("deletionTimestamp"),
        labels=metadata.get("labels") or {},
        number=document.get("revision") or 0,
        created_us=metadata.get("creationTimestamp") or 0,
        template=spec.get("template") or {},
        document=document,
    )


def in_order(revisions: Sequence[RevisionView]) -> list[RevisionView]:
    """Lowest number first, then the older, then by name."""
    return sorted(revisions, key=lambda each: (each.number, each.created_us, each.name))


def equal_revision(template: Document, revisions: Sequence[RevisionView]) -> RevisionView | None:
    """The latest revision of a template."""
    return next((each for each in reversed(in_order(revisions)) if each.template == template), None)


def next_number(revisions: Sequence[RevisionView]) -> int:
    """One more than the highest."""
    return max((each.number for each in revisions), default=0) + 1


def new_revision(
    parent: Parent, template: Document, number: int, word: str, label: str, annotations: dict[str, str] | None = None
) -> Document:
    """The revision of a template: `word` is its hash, which `label` carries, too."""
    labels = (template.get("metadata") or {}).get("labels") or {}
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": f"{parent.name}-{word}",
            "namespace": parent.namespace,
            "labels": {**labels, label: word},
            **({"annotations": annotations} if annotations else {}),
            "ownerReferences": [parent.reference()],
        },
        "data": {"spec": {"template": template}},
        "revision": number,
    }


@value
class Found:
    """The revision of a template, or None and why not; `collisions`: how many names were taken so far."""

    revision: RevisionView | None
    collisions: int
    error: str = ""


def find_revision(
    template: Document,
    known: Sequence[RevisionView],
    collisions: int,
    new: Callable[[int, int], Document],
) -> Generator[Order, Answers, Found]:
    """The revision of a template, made or given the highest number; `new` makes one of a number and collisions."""
    found = equal_revision(template, known)
    if found is None:
        return (yield from _make(known, collisions, new))
    if found is in_order(known)[-1]:
        return Found(found, collisions)
    document = encode_document({**found.document, "revision": next_number(known)})
    answer = yield from ask(Update("controllerrevisions", found.namespace, found.name, "", document))
    return _taken(answer, collisions)


def _make(
    known: Sequence[RevisionView], collisions: int, new: Callable[[int, int], Document]
) -> Generator[Order, Answers, Found]:
    """Under another name where the name is taken by another template.  Source: `createControllerRevision`."""
    for _ in range(_COLLISIONS_MAX):
        document = new(next_number(known), collisions)
        namespace, name = document["metadata"]["namespace"], document["metadata"]["name"]
        answer = yield from ask(Create("controllerrevisions", namespace, encode_document(document)))
        if answer.code != 409:
            return _taken(answer, collisions)
        held = yield from ask(Get("controllerrevisions", namespace, name))
        if held.document is not None and held.document.get("data") == document["data"]:
            return _taken(held, collisions)
        collisions += 1
    return Found(None, collisions, "no name is left for the revision")


def _taken(answer: Answered, collisions: int) -> Found:
    if answer.ok and answer.document is not None:
        return Found(revision_view(answer.document), collisions)
    return Found(None, collisions, f"cannot write the revision: {why(answer)}")
