"""Which revisions does a StatefulSet make, and which does it forget?

Source: pkg/controller/statefulset/stateful_set_control.go `truncateHistory`, pkg/controller/history
`NewControllerRevision`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nodesim.controllers.statefulset.views import StatefulSetView
from nodesim.controllers.workload.revision_hash import revision_hash
from nodesim.controllers.workload.revisions import RevisionView, in_order, new_revision
from nodesim.objects import Document

HASH_LABEL: Final = "controller.kubernetes.io/hash"


def revision_of_set(view: StatefulSetView, number: int, collisions: int) -> Document:
    """The revision of the set's template."""
    word = revision_hash(view.template, collisions)
    return new_revision(view.parent, view.template, number, word, HASH_LABEL)


def too_old(view: StatefulSetView, revisions: Sequence[RevisionView], live: Sequence[str]) -> list[RevisionView]:
    """Those that no pod and no status names any more, beyond revisionHistoryLimit, oldest first."""
    dead = [each for each in in_order(revisions) if each.name not in live]
    return dead[: max(0, len(dead) - view.history_limit)]
