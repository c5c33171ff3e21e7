"""Under which names does a StatefulSet remember its templates?

Each template that it ever had is a ControllerRevision with a number; the highest is the one it has now.  A template
that comes back gets its old revision with a new number.
Source: pkg/controller/history/controller_history.go, pkg/controller/statefulset/stateful_set_control.go
`getStatefulSetRevisions`, `truncateHistory`.  Left out: the adoption of revisions without an owner.
"""

from __future__ import annotations

from collections.abc import Sequence

from nodesim.controllers.statefulset.views import RevisionView, StatefulSetView
from nodesim.controllers.workload.revision_hash import revision_hash
from nodesim.objects import Document


def in_order(revisions: Sequence[RevisionView]) -> list[RevisionView]:
    """Lowest number first, then the older, then by name."""
    return sorted(revisions, key=lambda each: (each.number, each.created_us, each.name))


def equal_revision(view: StatefulSetView, revisions: Sequence[RevisionView]) -> RevisionView | None:
    """The latest revision with the set's template."""
    return next((each for each in reversed(in_order(revisions)) if each.template == view.template), None)


def next_number(revisions: Sequence[RevisionView]) -> int:
    """One more than the highest."""
    return max((each.number for each in revisions), default=0) + 1


def new_revision(view: StatefulSetView, number: int, collisions: int) -> Document:
    """The revision of the set's template."""
    word = revision_hash(view.template, collisions)
    labels = (view.template.get("metadata") or {}).get("labels") or {}
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": f"{view.name}-{word}",
            "namespace": view.namespace,
            "labels": {**labels, "controller.kubernetes.io/hash": word},
            "ownerReferences": [view.parent.reference()],
        },
        "data": {"spec": {"template": view.template}},
        "revision": number,
    }


def too_old(view: StatefulSetView, revisions: Sequence[RevisionView], live: Sequence[str]) -> list[RevisionView]:
    """Those that no pod and no status names any more, beyond revisionHistoryLimit, oldest first."""
    dead = [each for each in in_order(revisions) if each.name not in live]
    return dead[: max(0, len(dead) - view.history_limit)]
