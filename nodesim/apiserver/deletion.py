"""What does a delete do to an object: mark it, remove it, both, or nothing?

What is to become of the objects that it owns is written into its finalizers, for the garbage collector to act on.

There is no timer here: a deletionTimestamp that has passed deletes nothing; the kubelet (or a force) does.
Sources: pkg/registry/core/pod/strategy.go `CheckGracefulDelete`; apiserver pkg/registry/rest/delete.go `BeforeDelete`;
pkg/registry/generic/registry/store.go `Delete`, `markAsDeleting`, `ShouldDeleteDuringUpdate`,
`deletionFinalizersForGarbageCollection`; pkg/registry/core/namespace/storage/storage.go `Delete`,
`ShouldDeleteNamespaceDuringUpdate`.
"""

from __future__ import annotations

from typing import Final

from nodesim.objects import Document, is_terminal, whole_second
from nodesim.units import SECOND
from nodesim.values import value

ORPHAN: Final = "orphan"
FOREGROUND: Final = "foregroundDeletion"
PROPAGATIONS: Final = ("Background", "Foreground", "Orphan")
NAMESPACE_FINALIZER: Final = "kubernetes"


@value
class Deletion:
    """What to do: first write `marked` (None: write nothing), then, if `removed`, take the object away."""

    marked: Document | None
    removed: bool


def with_propagation(document: Document, propagation: str) -> Document:
    """The object with the finalizer that its dependents ask for; the object itself where nothing changes.

    Without a wish, an object that has one of the two finalizers keeps it.
    """
    held: list[str] = document["metadata"].get("finalizers") or []
    orphans = propagation == "Orphan" or (not propagation and _first_of(held) == ORPHAN)
    foreground = propagation == "Foreground" or (not propagation and FOREGROUND in held)
    wanted = [name for name in held if name not in (ORPHAN, FOREGROUND)]
    wanted += [ORPHAN] if orphans else []
    wanted += [FOREGROUND] if foreground else []
    if sorted(wanted) == sorted(held):
        return document
    metadata = {name: item for name, item in document["metadata"].items() if name != "finalizers"}
    return {**document, "metadata": {**metadata, "finalizers": wanted} if wanted else metadata}


def _first_of(finalizers: list[str]) -> str:
    return next((name for name in finalizers if name in (ORPHAN, FOREGROUND)), "")


def delete_namespace(namespace: Document, wall_us: int) -> Deletion:
    """A delete of a namespace: marked at first, without a grace period; gone once its own finalizers are empty."""
    if namespace["metadata"].get("deletionTimestamp") is None:
        metadata = {**namespace["metadata"], "deletionTimestamp": whole_second(wall_us)}
        status = {**(namespace.get("status") or {}), "phase": "Terminating"}
        return Deletion({**namespace, "metadata": metadata, "status": status}, removed=False)
    if (namespace.get("spec") or {}).get("finalizers"):
        return Deletion(None, removed=False)
    return delete_other(namespace, wall_us)


def is_finalized(old: Document, new: Document) -> bool:
    """An update removes a namespace when deletion was asked for and no finalizer of either sort is left."""
    spec, metadata = new.get("spec") or {}, new["metadata"]
    return old["metadata"].get("deletionTimestamp") is not None and not (
        spec.get("finalizers") or metadata.get("finalizers")
    )


def delete_pod(
    pod: Document, grace_seconds: int | None, wall_us: int, *, never_in_past: bool, rewritten: bool = False
) -> Deletion:
    """A delete of a pod; `rewritten`: its finalizers are not those of the stored one.

    With grace 0 the pod is marked and then removed: two revisions.  `never_in_past` (from 1.33): a shortened
    deletionTimestamp does not lie before now.
    """
    if grace_seconds is not None and grace_seconds < 0:
        grace_seconds = 1
    finalized = not pod["metadata"].get("finalizers")
    if pod["metadata"].get("deletionTimestamp") is None:
        grace = _grace_of(pod, grace_seconds)
        marked = _marked(pod, whole_second(wall_us + grace * SECOND), grace, first=True)
        return Deletion(marked, removed=grace == 0 and finalized)
    held = pod["metadata"].get("deletionGracePeriodSeconds")
    if not held:
        return Deletion(pod if rewritten else None, removed=finalized)
    if grace_seconds is None or grace_seconds >= held:
        return Deletion(None, removed=False)
    until_us = pod["metadata"]["deletionTimestamp"] - (held - grace_seconds) * SECOND
    grace = grace_seconds
    if never_in_past and until_us < wall_us:
        until_us = whole_second(wall_us)
        grace = min(grace, 1)
    return Deletion(_marked(pod, until_us, grace, first=False), removed=grace == 0 and finalized)


def delete_other(document: Document, wall_us: int, *, rewritten: bool = False) -> Deletion:
    """A delete of an object without a grace period: removed at once, or only marked while it has finalizers.

    `rewritten`: its finalizers are not those of the stored one.
    """
    unmarked = document if rewritten else None
    if not document["metadata"].get("finalizers"):
        return Deletion(unmarked, removed=True)
    if document["metadata"].get("deletionTimestamp") is not None:
        return Deletion(unmarked, removed=False)
    return Deletion(_marked(document, whole_second(wall_us), 0, first=True), removed=False)


def is_finished(old: Document, new: Document) -> bool:
    """An update removes the object when deletion was asked for, no grace is left and the last finalizer went."""
    metadata = old["metadata"]
    return (
        metadata.get("deletionTimestamp") is not None
        and metadata.get("deletionGracePeriodSeconds") == 0
        and not new["metadata"].get("finalizers")
    )


def _grace_of(pod: Document, asked_seconds: int | None) -> int:
    """The grace of a first delete: nobody needs time who does not run."""
    spec = pod.get("spec") or {}
    if not spec.get("nodeName") or is_terminal((pod.get("status") or {}).get("phase")):
        return 0
    grace = spec.get("terminationGracePeriodSeconds") if asked_seconds is None else asked_seconds
    if grace is None:
        return 0
    return grace if grace >= 0 else 1


def _marked(document: Document, until_us: int, grace_seconds: int, *, first: bool) -> Document:
    metadata = {
        **document["metadata"],
        "deletionTimestamp": until_us,
        "deletionGracePeriodSeconds": grace_seconds,
    }
    if first and metadata.get("generation"):
        metadata["generation"] += 1
    return {**document, "metadata": metadata}
